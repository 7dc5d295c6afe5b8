"""A catalog that somebody tampered with: it leads no read, write or removal out of the store."""

from __future__ import annotations

import shutil
import sqlite3
import warnings
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion.errors import EdversionError, IntegrityError
from edversion.repository import Repository
from edversion.store.cache import FileCache
from edversion.store.keys import check_key
from edversion.store.ranges import RangeCache

SECRET = b"of another user" * 100
NOW = timedelta(0)
HOSTILE = (
    "../../victim/secret",
    "../../victim",
    "../../victim/new",
    "blake3:../../victim/secret",
    "{root}/victim/secret",
    "..",
    "*",
)
NAMED = (
    ("projects", "name"), ("collections", "name"), ("versions", "digest"), ("runs", "id"),
    ("packs", "id"), ("version_packs", "pack_id"), ("draft_packs", "pack_id"),
    ("draft_parts", "digest"), ("distributed_drafts", "collection"), ("files", "digest"),
)  # fmt: skip


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with a repository, a folder to work in, and what belongs to somebody else."""
    for name in ("victim", "work"):
        (tmp_path / name).mkdir()
    (tmp_path / "victim" / "secret").write_bytes(SECRET)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("EDVERSION_CACHE", str(tmp_path / "store" / "machine"))
    with edversion.init("p", store=tmp_path / "store") as run:
        log(run, "model", bytes(range(256)) * 5000)  # a pack of its own
        run.repository.delete(log(run, "data", b"x" * 30_000), reason="old")
        log(run, "data", b"y" * 30_000)
        with run.log_distributed("shared", "model", 2, key="k", part=0) as part:
            part.add_bytes(b"z" * 30_000, "z")
    return tmp_path


def log(run: edversion.Run, name: str, data: bytes) -> edversion.Version:
    draft = edversion.Artifact(name, "model")
    draft.add_bytes(data, "folder/file.bin")
    return run.log_artifact(draft)


def outside(root: Path) -> dict[str, bytes | None]:
    """Give all that is neither in the store nor in a download."""
    own = (root / "store", root / "work" / "artifacts")
    found = [path for path in root.rglob("*") if not any(path.is_relative_to(each) for each in own)]
    return {str(path): path.read_bytes() if path.is_file() else None for path in found}


def tamper(store: Path, table: str, column: str, value: str) -> None:
    with closing(sqlite3.connect(store / "catalog.db")) as database:
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute(f"UPDATE OR IGNORE {table} SET {column} = ?", (value,))
        database.commit()


def everything(root: Path) -> None:
    """Do all that reads, writes or removes files by names of the catalog."""
    with edversion.open(root / "store", project="p") as repository:
        for version in versions(repository):
            for entry in tried(version.files) or ():
                assert tried(partial(version.read_bytes, entry.path)) != SECRET
                path = tried(partial(version.path, entry.path))
                assert path is None or path.read_bytes() != SECRET
            tried(version.download)
            tried(partial(repository.export, root / "store" / "all.tar", version.reference))
        for step in (
            lambda: repository.doctor(mend=True),
            lambda: repository.gc(grace=NOW),
            lambda: repository.gc(grace=NOW),
            repository.verify,
            *(
                partial(repository.erase, each, reason="asked", legal_basis="17")
                for each in versions(repository)
            ),
            lambda: repository.gc(grace=NOW),
            lambda: repository.doctor(mend=True),
        ):
            tried(step)
    with edversion.init("p", store=root / "store") as run:
        tried(lambda: log(run, "later", b"w" * 30_000))


def versions(repository: Repository) -> list[edversion.Version]:
    found = list(tried(lambda: repository.search("number >= 0", limit=None)) or ())
    for name in ("p/model:v0", "p/data:v1"):
        found += [each for each in [tried(partial(repository.version, name))] if each]
    return found


def tried(step: Callable[[], Any]) -> Any:
    """Do a step; whether it is refused, and how, is no matter here."""
    with suppress(EdversionError, OSError, ValueError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return step()
    return None


@pytest.mark.parametrize(("table", "column"), NAMED)
def test_nothing_outside_is_read_written_or_removed(root: Path, table: str, column: str) -> None:
    before = outside(root)
    for value in HOSTILE[:3]:
        tamper(root / "store", table, column, value)
        tried(partial(everything, root))
        assert outside(root) == before, value


@pytest.mark.slow
def test_no_text_of_the_catalog_leads_outside(root: Path, tmp_path_factory: Any) -> None:
    """Each column that holds a text, with a hostile value, in a copy of its own.

    Each value has its turn: all of them in every column would take a quarter of an hour.
    """
    with closing(sqlite3.connect(root / "store" / "catalog.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        tables = [row[0] for row in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'")]  # fmt: skip
        columns = [
            (table, column[1])
            for table in tables
            if database.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()
            for column in database.execute(f"PRAGMA table_info({table})")
            if "CHAR" in column[2] or "TEXT" in column[2] or "JSON" in column[2]
        ]
    assert set(NAMED) <= set(columns)
    for number, (table, column) in enumerate(columns):
        copy = shutil.copytree(root, tmp_path_factory.mktemp("copies") / str(number))
        before = outside(copy)
        value = HOSTILE[number % len(HOSTILE)]
        with suppress(sqlite3.Error):
            tamper(copy / "store", table, column, value.format(root=copy))
        tried(partial(everything, copy))
        assert outside(copy) == before, (table, column, value)
        shutil.rmtree(copy)


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "packs/../../x", "..", "a//b", "a/.", "a/", "packs\\..\\x", "a\0b", "../a"],
)
def test_a_key_that_leads_elsewhere_is_refused(key: str, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="tampered with") as caught:
        check_key(key)
    assert caught.value.code == "key_outside"
    ranges = RangeCache(tmp_path / "cache", lambda _: None)
    for act in (ranges.forget, ranges.read_all, lambda name: ranges.write(name, 0, b"x")):
        if key and key not in ("a/", "a//b"):
            with pytest.raises(IntegrityError):
                act(key)


@pytest.mark.parametrize("key", ["*", "..", "../victim", "/", ""])
def test_the_cache_forgets_contents_and_no_patterns(key: str, tmp_path: Path) -> None:
    (tmp_path / "cache" / "ab").mkdir(parents=True)
    kept = tmp_path / "cache" / "ab" / ("ab" * 32)
    kept.write_bytes(b"kept")
    cache = FileCache(tmp_path / "cache", None, None)  # type: ignore[arg-type]
    with pytest.raises(IntegrityError):
        cache.forget([key])
    assert kept.exists()
    assert cache.forget(["ab" * 32]) == 1
