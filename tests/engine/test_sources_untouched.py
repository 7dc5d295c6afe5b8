"""Source files stay byte for byte what and where they were; a full disk loses nothing."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import edversion
from edversion.errors import ConflictError, EdversionError, RefusedError, StorageError
from edversion.repository import Repository, open_repository
from edversion.run import Run
from edversion.starting import start_run
from edversion.testing import NoMountError, fill_disk, limit_file_size, tiny_disk

KB, MB = 1 << 10, 1 << 20


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Give a folder with files of every kind that the store treats in its own way."""
    folder = tmp_path / "sources"
    (folder / "sub").mkdir(parents=True)
    contents = {
        "tiny": b"1",
        "small.csv": b"id,score\n" * 5_000,
        "sub/packed.bin": secrets.token_bytes(60_000),
        "large.bin": secrets.token_bytes(3 * MB),
        "sub/large.csv": b"id,score\n" * 300_000,
    }
    for mode, (name, data) in zip(
        (0o644, 0o600, 0o444, 0o755, 0o400), contents.items(), strict=True
    ):
        (folder / name).write_bytes(data)
        (folder / name).chmod(mode)
        os.utime(folder / name, ns=(10**18, 10**18 + mode))
    return folder


Print = dict[str, tuple[object, ...]]


def fingerprint(folder: Path) -> Print:
    """Give everything about files that must not change."""
    found: Print = {}
    for path in sorted([folder, *folder.rglob("*")]):
        s = path.stat()
        data = path.read_bytes() if path.is_file() else b""
        times = (s.st_mtime_ns, s.st_ctime_ns)
        found[str(path)] = (data, s.st_ino, s.st_mode, s.st_nlink, s.st_uid, s.st_size, times)
    return found


def test_logging_reading_and_deleting_leave_sources_alone(
    repository: Repository, sources: Path, tmp_path: Path
) -> None:
    before = fingerprint(sources)
    with start_run(repository, project="p") as run:
        first = run.log_artifact(sources, name="data")
        run.log_artifact(sources, name="data")
        run.log_artifact(sources / "large.bin", name="model")
        draft = edversion.Artifact("other", "dataset")
        draft.add_dir(sources)
        draft.add_file(sources / "tiny", "again")
        draft.remove("sub")
        run.log_artifact(draft)
        for path in ("tiny", "large.bin", "sub/large.csv"):
            local = first.path(path)
            assert not local.samefile(sources / path)
            assert local.stat().st_mode & 0o222 == 0
        first.download(tmp_path / "out")
        repository.delete("data")
        repository.doctor(mend=True)
    assert fingerprint(sources) == before


class Veto:
    @edversion.hookimpl
    def edversion_before_log(self) -> None:
        raise RefusedError("not today")


class Broken:
    @edversion.hookimpl
    def edversion_split(self) -> None:
        raise OSError("broken")

    @edversion.hookimpl
    def edversion_describe(self) -> None:
        raise KeyboardInterrupt


@contextmanager
def full_store(run: Run, draft: edversion.Artifact) -> Iterator[None]:
    with limit_file_size(100 * KB):
        yield


@contextmanager
def no_store(run: Run, draft: edversion.Artifact) -> Iterator[None]:
    store = Path(run.repository.store.url)
    moved = store.with_name("moved")
    store.rename(moved)
    store.write_text("not a folder")
    yield
    store.unlink()
    moved.rename(store)


@contextmanager
def another_type(run: Run, draft: edversion.Artifact) -> Iterator[None]:
    other = edversion.Artifact(draft.name, "other")
    other.add_bytes(b"1", "a")
    run.log_artifact(other)
    yield


@contextmanager
def unknown_input(run: Run, draft: edversion.Artifact) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run.repository.catalog, "commit", _conflict)
        yield


def _conflict(request: object) -> object:
    raise ConflictError("moved meanwhile", code="pack_gone")


FAILURES = [full_store, no_store, another_type, unknown_input]


@pytest.mark.parametrize("failure", FAILURES)
def test_failures_leave_sources_alone_and_store_nothing(
    repository: Repository, sources: Path, failure: Callable[..., object]
) -> None:
    before = fingerprint(sources)
    with start_run(repository, project="p") as run:
        draft = edversion.Artifact("data", "dataset")
        draft.add_dir(sources)
        context = failure(run, draft)
        with context, pytest.raises(EdversionError):  # type: ignore[attr-defined]
            run.log_artifact(draft)
        assert fingerprint(sources) == before
        assert list(repository.store.packs()) == []
        assert list(repository.store.leftovers()) == []
        assert draft.logged is None
        if failure is another_type:
            return
        version = run.log_artifact(draft)
        assert version.number == 0
        assert version.read_bytes("large.bin") == (sources / "large.bin").read_bytes()
    assert fingerprint(sources) == before


@pytest.mark.parametrize(("plugin", "error"), [(Veto, RefusedError), (Broken, KeyboardInterrupt)])
def test_plugins_that_stop_a_log_leave_sources_alone(
    tmp_path: Path, sources: Path, plugin: type, error: type[BaseException]
) -> None:
    before = fingerprint(sources)
    with open_repository(tmp_path / "store", create=True, plugins={"p": plugin()}) as repository:
        run = start_run(repository, project="p")
        with pytest.raises(error), pytest.warns() if plugin is Broken else _nothing():
            run.log_artifact(sources, name="data")
        run.finish()
        assert repository.search() == ()
        repository.doctor(mend=True)
        assert repository.doctor() == ()
        assert list(repository.store.packs()) == []
    assert fingerprint(sources) == before


@contextmanager
def _nothing() -> Iterator[None]:
    yield


# A disk that is really full


def _add_many(draft: edversion.Artifact) -> None:
    for i in range(100):
        draft.add_bytes(secrets.token_bytes(20 * KB), f"{i}.bin")


NEW: dict[str, Callable[[edversion.Artifact], None]] = {
    "small files": _add_many,
    "a large file": lambda draft: draft.add_bytes(secrets.token_bytes(2 * MB), "new"),
    "a large text": lambda draft: draft.add_bytes(secrets.token_hex(2 * MB).encode(), "new.csv"),
    "a manifest": lambda draft: draft.add_bytes(secrets.token_bytes(15 * KB), "new"),
}


def log_or_fail(run: Run, draft: edversion.Artifact) -> StorageError | None:
    """Log a draft; give the error where the disk has no room for it."""
    try:
        run.log_artifact(draft)
    except StorageError as error:
        return error
    return None


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        with tiny_disk(folder, 16 * MB):
            yield folder
    except NoMountError as error:
        pytest.skip(str(error))


def test_a_full_disk_can_be_read(disk: Path, tmp_path: Path) -> None:
    """Nothing that only reads needs room beside what it was asked to write."""
    text = b"id,score\n" * 400_000
    large = secrets.token_bytes(2 * MB)
    with open_repository(disk / "store", create=True) as repository:
        run = start_run(repository, project="p")
        draft = edversion.Artifact("data", "dataset")
        draft.add_bytes(b"small", "small.bin")
        draft.add_bytes(large, "large.bin")
        draft.add_bytes(text, "text.csv")
        run.log_artifact(draft)
        run.finish()
        shutil.rmtree(disk / "store" / "cache")
        with fill_disk(disk):
            version = repository.version("data")
            for path, data in (("small.bin", b"small"), ("large.bin", large), ("text.csv", text)):
                assert version.read_bytes(path) == data
            assert version.path("large.bin").read_bytes() == large
            assert version.path("large.bin").is_relative_to(disk / "store" / "packs")
            version.verify()
            assert repository.verify() == ()
            version.download(tmp_path / "out")
            version.verify(tmp_path / "out")
            assert [found.number for found in repository.search(type="dataset")] == [0]
            with pytest.raises(StorageError, match=r"open\(\) does not need.*the disk is full"):
                version.path("text.csv")  # compressed where it is stored: a path needs a copy
        assert version.path("text.csv").read_bytes() == text


@pytest.mark.parametrize("what", NEW)
@pytest.mark.parametrize("leave", [0, 4 * KB, 12 * KB, 100 * KB, 1 * MB])
def test_a_full_disk_loses_nothing(disk: Path, what: str, leave: int) -> None:
    with open_repository(disk / "store", create=True) as repository:
        run = start_run(repository, project="p")
        first = edversion.Artifact("data", "dataset")
        first.add_bytes(b"first" * 10_000, "old.bin")
        old = run.log_artifact(first, aliases=["champion"])
        draft = old.new_draft()
        NEW[what](draft)
        with fill_disk(disk, leave=leave):
            error = log_or_fail(run, draft)
            if error is None:
                assert what == "a manifest"
                assert leave >= 100 * KB
            else:
                assert error.code in ("store_full", "catalog_full")
                assert "the disk is full" in str(error)
                assert "free some space" in str(error).lower()
            expected = [1, 0] if error is None else [0]
            assert [version.number for version in repository.versions("data")] == expected
            assert repository.version("data:champion").read_bytes("old.bin") == b"first" * 10_000
            assert repository.verify() == ()
        version = run.log_artifact(draft)
        assert (version.number, version.aliases) == (1, ("latest",))
        assert repository.verify() == ()
        run.finish()
        repository.doctor(mend=True)
        assert repository.doctor() == ()
        assert repository.verify() == ()
    with edversion.open(disk / "store") as again:
        assert again.version("data").number == 1


@pytest.mark.parametrize("limit", [1 * KB, 40 * KB, 200 * KB])
@pytest.mark.parametrize("what", NEW)
def test_a_full_quota_loses_nothing(repository: Repository, what: str, limit: int) -> None:
    """The same wherever the tests run; SQLite takes this for a failing disk."""
    run = start_run(repository, project="p")
    first = edversion.Artifact("data", "dataset")
    first.add_bytes(b"first", "old")
    run.log_artifact(first)
    draft = edversion.Artifact("data", "dataset")
    NEW[what](draft)
    with limit_file_size(limit):
        error = log_or_fail(run, draft)
        if error is not None:
            assert error.code in ("store_full", "catalog_full", "catalog_unreachable")
        assert repository.version("data:v0").read_bytes("old") == b"first"
    version = run.log_artifact(draft)
    assert version.number == 1
    run.finish()
    repository.doctor(mend=True)
    assert repository.doctor() == ()
    assert repository.verify() == ()
