"""What goes wrong is told, with what to do, and without a trace of the program."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import edversion
from edversion_plugins.dashboard import Page, Visit

from .showing import client_of


def problem(client: TestClient, path: str, status: int) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert "Traceback" not in answer.text
    return answer.text


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/nope", 404, "no page at this address"),
        ("/p/course/pasing", 404, "did you mean"),
        ("/p/cours/passing", 404, "did you mean"),
        ("/p/course/passing/v9", 404, "versions v0 to v1"),
        ("/p/course/passing/%20", 400, "illegal"),
        ("/p/course/passing?where=nonsense", 400, "nonsense"),
        ("/p/course/passing?order=;drop", 400, "drop"),
        ("/p/course/passing?page=0", 400, "whole number"),
        ("/p/course/passing?page=99999999999999", 400, "whole number"),
        ("/events?before=x", 400, "whole number"),
        ("/search?q=" + "a" * 4001, 400, "too long"),
        ("/compare?v=course/passing:v0&v=course/nothing", 404, "nothing"),
        ("/static/nope.css", 404, "nope.css"),
    ],
)
def test_what_cannot_be_shown_is_told(
    client: TestClient, path: str, status: int, told: str
) -> None:
    assert told in problem(client, path, status)


def test_a_deleted_version_is_gone(tmp_path: Path) -> None:
    with edversion.init("p", store=tmp_path / "store") as run:
        for content in (b"a", b"b"):
            draft = edversion.Artifact("m", type="model")
            draft.add_bytes(content, "x")
            run.log_artifact(draft)
        run.repository.delete("p/m:v0", reason="wrong data")
        text = problem(client_of(run.repository), "/p/p/m/v0", 410)
        assert "wrong data" in text
        assert "edversion restore" in text


def test_damaged_bytes_are_not_given(tmp_path: Path, store: Path) -> None:
    copy = tmp_path / "store"
    shutil.copytree(store, copy)
    with edversion.open(copy) as repository:
        packs = [each for each in (copy / "packs").rglob("*") if each.is_file()]
        for pack in packs:
            content = pack.read_bytes()
            pack.chmod(0o600)
            pack.write_bytes(bytes(byte ^ 255 for byte in content))
        text = problem(client_of(repository), "/p/course/notes/v0/download?path=weights.bin", 503)
        assert "Stored bytes are damaged" in text
        assert "edversion verify" in text


def test_a_catalog_that_cannot_be_read_is_told(tmp_path: Path, store: Path) -> None:
    copy = tmp_path / "store"
    shutil.copytree(store, copy)
    with edversion.open(copy) as repository:
        with sqlite3.connect(copy / "catalog.db") as raw:
            raw.execute("alter table events rename to lost")
        raw.close()
        text = problem(client_of(repository), "/events", 503)
        assert "The repository does not answer" in text
        assert "edversion doctor" in text


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        (edversion.CatalogVersionError("made by a newer edversion"), 503, "another release"),
        (edversion.StorageError("database is locked"), 503, "does not answer"),
        (edversion.ConflictError("it moved"), 409, "Somebody was faster"),
        (edversion.RefusedError("no"), 403, "not allowed"),
        (ZeroDivisionError("secret detail"), 500, "Something unexpected"),
    ],
)
def test_each_kind_of_error_has_its_page(
    repository: edversion.Repository, error: Exception, status: int, title: str
) -> None:
    def fail(visit: Visit) -> None:
        raise error

    client = client_of(repository, pages=[Page("/fail", fail, "view")])  # type: ignore[arg-type]
    text = problem(client, "/fail", status)
    assert title in text
    assert ("secret detail" in text) is False
    assert isinstance(error, ZeroDivisionError) or str(error) in text
