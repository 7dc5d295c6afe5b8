"""SQLite in a file: how it is set up, how fast it is, and how it fails."""

from __future__ import annotations

import os
import pickle
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from edversion.catalog import Catalog
from edversion.catalog.sqlite import SqliteFile, filesystem_of
from edversion.errors import InvalidInputError, StorageError

from .contract_deployments import add, report
from .makers import commit, new_run, resolve


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "folder" / "catalog.db"


@pytest.fixture
def catalog(path: Path) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{path}") as catalog:
        yield catalog


def pragma(catalog: Catalog, name: str) -> object:
    with catalog._database.read() as connection:
        return connection.scalar(text(f"PRAGMA {name}"))


def test_how_a_file_is_set_up(catalog: Catalog) -> None:
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    assert [pragma(catalog, name) for name in names] == ["wal", 2, 1, 60_000]


def test_it_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Catalog.open("sqlite:///catalog.db") as catalog:
        commit(catalog)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        catalog._database.engine.dispose()
        assert resolve(catalog, "knn").number == 0
    assert list((tmp_path / "elsewhere").iterdir()) == []


def moved(path: Path, folder: Path) -> None:
    """Move a catalog with all its files."""
    folder.mkdir()
    for file in path.parent.glob("catalog.db*"):
        file.rename(folder / file.name)


def test_a_file_that_was_moved_away_is_missed_and_not_made_anew(
    catalog: Catalog, path: Path, tmp_path: Path
) -> None:
    """Its connections would else read on in it, and new ones find an empty one."""
    commit(catalog)
    moved(path, tmp_path / "away")
    for _ in range(2):
        with pytest.raises(StorageError, match="is gone") as caught:
            resolve(catalog, "knn")
        assert caught.value.code == "catalog_unreachable"
    assert not path.exists()
    assert not Catalog.exists(f"sqlite:///{path}")
    for file in (tmp_path / "away").iterdir():
        shutil.copy(file, path.parent)
    assert resolve(catalog, "knn").number == 0
    assert commit(catalog, 2).number == 1
    assert Catalog.exists(f"sqlite:///{path}")
    assert Catalog.exists("sqlite://")


def test_a_file_in_its_place_is_read_from_then_on(
    catalog: Catalog, path: Path, tmp_path: Path
) -> None:
    commit(catalog)
    moved(path, tmp_path / "away")
    with Catalog.open(f"sqlite:///{path}") as other:
        commit(other)
        commit(other, 2)
    assert resolve(catalog, "knn").number == 1


def statements(catalog: Catalog, work: object) -> list[str]:
    """The statements that some work sends."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(catalog._database.engine, "before_cursor_execute", note)
    try:
        work()  # type: ignore[operator]
    finally:
        event.remove(catalog._database.engine, "before_cursor_execute", note)
    return sent


def test_fifty_versions_take_as_many_statements_as_one(catalog: Catalog) -> None:
    for content in range(50):
        commit(catalog, content, tags=("a", "b"))
    one = statements(catalog, lambda: catalog.versions("dropout", "knn", limit=1))
    fifty = statements(catalog, lambda: catalog.versions("dropout", "knn", limit=50))
    assert len(one) == len(fifty) <= 4
    assert len(statements(catalog, lambda: resolve(catalog, "knn:latest"))) <= 4
    assert len(statements(catalog, lambda: commit(catalog, "x", tags=("a",)))) <= 18


def test_what_is_asked_often_reads_an_index(catalog: Catalog) -> None:
    commit(catalog, aliases=("best",), tags=("a",), metadata={"k": 1})
    catalog.set_alias("dropout", "knn", "champion", 0, actor="ada")
    add(catalog)
    report(catalog, 0)
    catalog.start_run(new_run())
    sent = statements(catalog, lambda: commit(catalog, 2, run="run-0001"))
    for use in (
        lambda: resolve(catalog, "knn:best"),
        lambda: resolve(catalog, "dropout/knn:v0"),
        lambda: catalog.versions("dropout", "knn", limit=50),
        lambda: catalog.collection("dropout", "knn"),
        lambda: catalog.search(where="metadata.k = 1", limit=50),
        lambda: catalog.search(where="metrics.auc > 0.5 or alias = 'best' or run = 'x'"),
        lambda: catalog.recent_manifests("dropout", "knn", limit=5),
        lambda: catalog.known_sizes([1]),
        lambda: catalog.large_files(["x"]),
        lambda: catalog.followed("dropout", "grader-api"),
        lambda: report(catalog, 1),
        lambda: catalog.kept_for(resolve(catalog, "knn:v0")),
    ):
        sent += statements(catalog, use)
    for plan in plans(catalog, sent):
        # A subquery is as large as what it was asked for; a table is not.
        assert not plan.startswith("SCAN") or "anon_" in plan


@pytest.mark.parametrize("field", ["metadata.k", "metrics.auc", "metrics.auc[a=b]", "tag", "run"])
def test_sorting_looks_at_each_version_once(catalog: Catalog, field: str) -> None:
    """To look for every version in all that has the key takes minutes, not milliseconds."""
    sent = statements(catalog, lambda: catalog.search(order_by=field))
    sorting = plans(catalog, [one for one in sent if "ORDER BY" in one])
    tables = ("metadata_values", "metrics", "tags", "run_versions")
    found = [plan for plan in sorting if plan.startswith(tuple(f"SEARCH {t} " for t in tables))]
    assert found
    assert all("(version_id=?" in plan for plan in found)


def plans(catalog: Catalog, sent: list[str]) -> list[str]:
    """How SQLite means to run some statements."""
    steps: list[str] = []
    raw = sqlite3.connect(catalog._database.engine.url.database or "")
    for statement in sent:
        if statement.startswith(("SELECT", "UPDATE", "WITH")):
            values = (1,) * statement.count("?")
            steps += [step for *_, step in raw.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    raw.close()
    return steps


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg2://user:secret@host/db",
        "mysql://user@host/db?password=secret",
        "not a url",
        "sqlite:///x.db?mode=ro",
        "sqlite:///file:x.db",
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Catalog.open(url)
    assert caught.value.code == "catalog_url"
    assert "secret" not in str(caught.value)


MOUNTS = """\
/dev/vda / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
nas:/export /home/school\\040data nfs4 rw 0 0
/dev/sdb /home/school\\040data/local xfs rw 0 0
me@host:/ /mnt/ssh fuse.sshfs rw 0 0
share /mnt/win cifs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/catalog.db", "ext4"),
        ("/home/school data/x/catalog.db", "nfs4"),
        ("/home/school data/local/catalog.db", "xfs"),
        ("/home/school database/catalog.db", "ext4"),
        ("/mnt/ssh/catalog.db", "fuse.sshfs"),
        ("/mnt/win/a/b/../catalog.db", "cifs"),
    ],
)
def test_which_file_system_a_path_is_on(path: str, kind: str) -> None:
    assert filesystem_of(Path(path), MOUNTS) == kind


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"])
def test_network_file_systems_are_refused(
    kind: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nhost:/x {tmp_path / 'deep'} {kind} rw 0 0\n")
    monkeypatch.setattr("edversion.catalog.sqlite._MOUNTS", mounts)
    with pytest.raises(StorageError, match=rf"{kind}.*local disk") as caught:
        Catalog.open(f"sqlite:///{path}")
    assert caught.value.code == "network_filesystem"
    assert not path.parent.exists()
    Catalog.open(f"sqlite:///{tmp_path}/here.db").close()


class TestFailures:
    def test_a_full_disk(self, catalog: Catalog) -> None:
        commit(catalog)
        with catalog._database.read() as connection:
            pages = connection.scalar(text("PRAGMA page_count"))
            connection.execute(text(f"PRAGMA max_page_count = {pages}"))
        with pytest.raises(StorageError, match="the disk is full; free some space") as caught:
            commit(catalog, 2, metadata={"long": "x" * 100_000})
        assert caught.value.code == "catalog_full"
        assert len(catalog.versions("dropout", "knn")) == 1
        assert catalog.verify_events() == 2

    def test_a_file_that_cannot_be_written(self, catalog: Catalog) -> None:
        with catalog._database.read() as connection:
            connection.execute(text("PRAGMA query_only = 1"))
        with pytest.raises(StorageError, match="permissions") as caught:
            commit(catalog)
        assert caught.value.code == "catalog_readonly"

    def test_a_file_that_stays_locked(
        self, catalog: Catalog, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("edversion.catalog.sqlite._BUSY_SECONDS", 0.05)
        catalog._database.engine.dispose()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="another process held it") as caught:
            commit(catalog)
        assert caught.value.code == "catalog_busy"
        other.execute("ROLLBACK")
        other.close()
        assert commit(catalog).number == 0

    def test_a_file_that_is_no_database(self, path: Path) -> None:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"these are no pages" * 1000)
        with pytest.raises(StorageError, match="doctor") as caught:
            Catalog.open(f"sqlite:///{path}")
        assert caught.value.code == "catalog_damaged"

    def test_damaged_pages(self, path: Path) -> None:
        with Catalog.open(f"sqlite:///{path}") as catalog:
            for content in range(50):
                commit(catalog, content, metadata={"x": "y" * 500})
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(size - 4096))
        with pytest.raises(StorageError) as caught:
            Catalog.open(f"sqlite:///{path}")
        assert caught.value.code == "catalog_damaged"
        assert pickle.loads(pickle.dumps(caught.value)).code == "catalog_damaged"

    def test_a_value_that_is_no_json(self, catalog: Catalog) -> None:
        commit(catalog)
        with catalog._database.write() as transaction:
            transaction.execute(text("UPDATE versions SET metadata = '{broken'"))
        with pytest.raises(StorageError) as caught:
            resolve(catalog, "knn")
        assert caught.value.code == "catalog_damaged"

    def test_a_time_that_is_none(self, catalog: Catalog) -> None:
        commit(catalog)
        with catalog._database.write() as transaction:
            transaction.execute(text("UPDATE versions SET created_at = 'yesterday'"))
        with pytest.raises(StorageError) as caught:
            resolve(catalog, "knn")
        assert caught.value.code == "catalog_damaged"

    def test_a_folder_in_its_place(self, path: Path) -> None:
        path.mkdir(parents=True)
        with pytest.raises(StorageError) as caught:
            Catalog.open(f"sqlite:///{path}")
        assert caught.value.code == "catalog_unreachable"

    def test_a_file_in_the_place_of_its_folder(self, path: Path) -> None:
        path.parent.parent.mkdir(parents=True)
        path.parent.write_text("")
        with pytest.raises(StorageError):
            Catalog.open(f"sqlite:///{path}")


def test_an_unknown_failure_is_still_explained() -> None:
    with (
        Catalog.open("sqlite://") as catalog,
        pytest.raises(StorageError, match="no such table") as caught,
        catalog._database.read() as connection,
    ):
        connection.execute(text("SELECT * FROM absent"))
    assert caught.value.code == "catalog"


def test_whoever_upgrades_too_long_is_not_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edversion.catalog.sqlite._BUSY_SECONDS", 0.05)
    path.parent.mkdir(parents=True)
    with (
        FileLock(f"{path}.lock"),
        pytest.raises(StorageError, match="another process held it") as caught,
    ):
        Catalog.open(f"sqlite:///{path}")
    assert caught.value.code == "catalog_busy"


@pytest.mark.parametrize(("free", "code"), [(4096, "catalog_full"), (1 << 30, None)])
def test_a_disk_without_room_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, code: str | None
) -> None:
    """Where SQLite says only that the disk failed; a full disk of one's own needs root."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
    failure = sqlite3.OperationalError("disk I/O error")
    failure.sqlite_errorname = "SQLITE_IOERR_SHMSIZE"
    error = DBAPIError("BEGIN", None, failure)
    told, text = SqliteFile(tmp_path / "catalog.db").fault(error)
    assert told == (code or "catalog_unreachable")
    assert ("the disk is full; free some space" in text) == (code is not None)
