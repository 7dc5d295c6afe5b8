"""A version as one archive: all of it, the same each time, and never half of it unseen."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import edversion
from edversion.testing import flip_bit
from edversion_plugins.dashboard.pages.archive import _archive

from .showing import FILES, client_of


def test_it_holds_every_file(client: TestClient) -> None:
    answer = client.get("/p/course/notes/v0/archive")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="course-notes-v0.zip"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
    assert client.get("/p/course/notes/v0/archive").content == answer.content


def test_its_headers_alone_read_nothing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = client.get("/p/course/notes/v0/archive")
    monkeypatch.setattr(edversion.Version, "open", None)
    answer = client.head("/p/course/notes/v0/archive")
    assert answer.status_code == 200
    assert answer.headers == whole.headers


def test_it_is_offered_where_there_is_more_than_one_file(client: TestClient) -> None:
    assert 'href="/p/course/notes/v0/archive"' in client.get("/p/course/notes/v0").text
    assert "/archive" not in client.get("/p/course/exams/v0").text


def test_what_lies_elsewhere_is_not_in_it(tmp_path: Path) -> None:
    (tmp_path / "far.csv").write_bytes(b"far")
    with edversion.init("p", store=tmp_path / "store") as run:
        draft = edversion.Artifact("m", type="model")
        draft.add_bytes(b"near", "near.csv")
        draft.add_reference((tmp_path / "far.csv").as_uri(), "far.csv")
        run.log_artifact(draft)
        content = client_of(run.repository).get("/p/p/m/v0/archive").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["near.csv"]


def test_large_files_pass_piece_by_piece(tmp_path: Path) -> None:
    with edversion.init("p", store=tmp_path / "store") as run:
        draft = edversion.Artifact("m", type="model")
        draft.add_bytes(bytes(20 << 20), "weights.bin")
        version = run.log_artifact(draft)
        pieces = [len(piece) for piece in _archive(version, list(version.files()))]
    assert sum(pieces) > 20 << 20
    assert max(pieces) < 2 << 20


def test_small_files_pass_together(tmp_path: Path) -> None:
    with edversion.init("p", store=tmp_path / "store") as run:
        draft = edversion.Artifact("m", type="dataset")
        for place in range(500):
            draft.add_bytes(b"%d" % place, f"{place}.txt")
        version = run.log_artifact(draft)
        (piece,) = _archive(version, list(version.files()))
    with zipfile.ZipFile(io.BytesIO(piece)) as archive:
        assert archive.read("499.txt") == b"499"


def test_damage_breaks_it_off(tmp_path: Path) -> None:
    with edversion.init("p", store=tmp_path / "store") as run:
        draft = edversion.Artifact("m", type="model")
        draft.add_bytes(random.Random(0).randbytes(2 << 20), "weights.bin")
        version = run.log_artifact(draft)
        (pack,) = (tmp_path / "store" / "packs").glob("*/*")
        flip_bit(run.repository.store, f"packs/{pack.parent.name}/{pack.name}", 1000)
        with pytest.raises(edversion.IntegrityError):
            b"".join(_archive(version, list(version.files())))
