"""Bytes that stay elsewhere: recorded, checked at every read, never copied unasked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

import edversion
from edversion.digests import digest_of_bytes
from edversion.errors import (
    ConflictError,
    EdversionError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    StorageError,
)
from edversion.run import Run

DATA = b"id,score\n1,0.5\n"


@pytest.fixture
def bucket() -> Iterator[str]:
    """Give a URL of another store, with one file in it."""
    memory = fsspec.filesystem("memory")
    memory.pipe("memory://bucket/sub/data.csv", DATA)
    yield "memory://bucket/sub/data.csv"
    for path in memory.find("memory://bucket"):
        memory.rm(path)


@pytest.fixture(params=["local", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "memory":
        yield request.getfixturevalue("bucket")
    else:
        path = tmp_path / "data.csv"
        path.write_bytes(DATA)
        yield str(path)


def write(url: str, data: bytes) -> None:
    with fsspec.open(url, "wb") as file:
        file.write(data)


def logged(run: Run, url: str, *, checksum: bool = False) -> edversion.Version:
    draft = edversion.Artifact("ref", "dataset")
    draft.add_reference(url, checksum=checksum)
    return run.log_artifact(draft)


@pytest.mark.parametrize("checksum", [True, False])
def test_references_are_recorded_and_read(
    run: Run, url: str, tmp_path: Path, checksum: bool
) -> None:
    version = logged(run, url, checksum=checksum)
    (entry,) = version.files()
    assert (entry.path, entry.size) == ("data.csv", len(DATA))
    assert entry.digest == (digest_of_bytes(DATA) if checksum else None)
    assert entry.reference is not None
    assert entry.reference.url.endswith(url.removeprefix("memory:/"))
    assert "://" in entry.reference.url
    assert version.read_bytes("data.csv") == DATA
    assert version.path("data.csv").read_bytes() == DATA
    assert (version.download(tmp_path / "out") / "data.csv").read_bytes() == DATA
    version.verify()
    version.verify(tmp_path / "out")
    assert run.repository.verify() == ()
    assert list(run.repository.store.packs()) == []


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("data", [DATA + b"2,0.7\n", DATA.replace(b"0.5", b"0.6")])
def test_a_changed_reference_is_refused_by_every_read(
    run: Run, url: str, tmp_path: Path, checksum: bool, data: bytes
) -> None:
    version = logged(run, url, checksum=checksum)
    version.path("data.csv")  # a copy in the cache must not hide the change
    if "://" not in url:
        os.unlink(url)
    write(url, data)
    reads = [
        lambda: version.read_bytes("data.csv"),
        lambda: version.path("data.csv"),
        lambda: version.open("data.csv"),
        lambda: version.download(tmp_path / "out"),
        version.verify,
    ]
    for read in reads:
        with pytest.raises(ConflictError, match="changed since it was logged") as caught:
            read()
        assert caught.value.code == "reference_changed"
    assert not (tmp_path / "out" / "data.csv").exists()
    (damage,) = run.repository.verify()
    assert damage.path == "data.csv"


def test_a_checksum_finds_what_the_time_does_not_show(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(DATA)
    version = logged(run, str(path), checksum=True)
    before = path.stat()
    path.write_bytes(DATA.replace(b"0.5", b"0.6"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    for read in (
        lambda: version.read_bytes("data.csv"),
        lambda: version.download(tmp_path / "out"),
    ):
        with pytest.raises(IntegrityError, match="do not match"):
            read()
    assert not (tmp_path / "out" / "data.csv").exists()
    with pytest.raises(IntegrityError):
        version.verify()
    (damage,) = run.repository.verify()
    assert "do not match" in damage.message


def test_a_reference_that_is_gone(run: Run, url: str, tmp_path: Path) -> None:
    version = logged(run, url)
    fs, path = fsspec.core.url_to_fs(url)
    fs.rm(path)
    for read in (lambda: version.read_bytes("data.csv"), version.verify):
        with pytest.raises(NotFoundError, match="there is nothing at"):
            read()
    assert len(run.repository.verify()) == 1


def test_what_cannot_be_referred_to(tmp_path: Path, bucket: str) -> None:
    draft = edversion.Artifact("ref", "dataset")
    with pytest.raises(NotFoundError, match="there is nothing at"):
        draft.add_reference(bucket + "x")
    with pytest.raises(NotFoundError, match="there is nothing at"):
        draft.add_reference(str(tmp_path / "missing"))
    with pytest.raises(InvalidInputError, match="is a folder"):
        draft.add_reference(str(tmp_path))
    with pytest.raises(StorageError, match="cannot reach"):
        draft.add_reference("nosuchprotocol://bucket/data.csv")
    with pytest.raises(EdversionError):
        draft.add_reference("")
    assert draft.manifest.entries == ()


def test_the_identity_follows_what_is_known(run: Run, url: str) -> None:
    """With a digest the URL and the bytes count; without one, what the other store says."""
    plain, sure = logged(run, url), logged(run, url, checksum=True)
    assert plain.digest != sure.digest
    assert logged(run, url) == plain
    assert logged(run, url, checksum=True) == sure
    fs, path = fsspec.core.url_to_fs(url)
    fs.rm(path)
    write(url, DATA)  # the same bytes, at another time
    assert logged(run, url, checksum=True) == sure
    assert logged(run, url).digest != plain.digest


def test_a_draft_goes_on_with_references(run: Run, url: str) -> None:
    first = logged(run, url, checksum=True)
    draft = first.new_draft()
    draft.add_bytes(b"more", "more.txt")
    second = run.log_artifact(draft)
    assert second.files()[0] == first.files()[0]
    assert second.read_bytes("data.csv") == DATA
    copied = edversion.Artifact("ref", "dataset")
    copied.add_bytes(DATA, "data.csv")
    with pytest.raises(InvalidInputError, match="overwrite=True"):
        copied.add_reference(url, checksum=True)


def test_a_url_can_be_logged_as_it_is(run: Run, bucket: str) -> None:
    version = run.log_artifact(bucket, type="dataset")
    assert version.name == "data"
    assert version.read_bytes("data.csv") == DATA
