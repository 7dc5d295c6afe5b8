"""Catalogs in SQLite: in a file, or in memory; see `dialect` for what each method must do."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from edversion.catalog.liveness import FileLiveness, Liveness, MemoryLiveness
from edversion.catalog.tables import dump_json, load_json
from edversion.errors import StorageError

if TYPE_CHECKING:
    from edversion.catalog.database import Database

__all__ = ["SqliteFile", "SqliteMemory", "filesystem_of"]

_BUSY_SECONDS = 60
_MAGIC = b"SQLite format 3\x00"  # what every SQLite file that is not empty begins with
_NO_ROOM = 1 << 20  # bytes; with less, a disk that fails is taken to fail for want of room
_MOUNTS = Path("/proc/mounts")
_REMOTE = {
    "9p", "afs", "afpfs", "beegfs", "ceph", "cifs", "davfs", "fuse.ceph", "fuse.gcsfuse",
    "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.smbnetfs", "fuse.sshfs", "gfs2",
    "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb", "smb2", "smb3",
    "smbfs",
}  # fmt: skip


class SqliteMemory:
    """A catalog that lives in one process; all threads share its connection."""

    place = "the catalog in memory"
    shared = True
    upgrades_itself = True

    def engine(self) -> Engine:
        """Make an engine whose one connection is the database."""
        return self._engine("sqlite://", poolclass=StaticPool)

    def _engine(self, url: str | URL, **options: Any) -> Engine:
        engine = create_engine(
            url,
            json_serializer=dump_json,
            json_deserializer=load_json,
            connect_args={"check_same_thread": False},
            **options,
        )
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
        return engine

    def begin_read(self, connection: Connection) -> None:
        """Leave it to the first statement; a snapshot is what SQLite gives."""

    begin_ask = begin_read

    def trusting(self) -> AbstractContextManager[None]:
        """Nothing is tried: a file is there, or it is not."""
        return nullcontext()

    def begin_write(self, connection: Connection) -> None:
        """Take SQLite's write lock at once; a read that turns into a write may fail."""
        connection.execution_options(edversion_begin="BEGIN IMMEDIATE")
        connection.begin()

    def begin_write_unless(self, connection: Connection, look: Callable[[Connection], int]) -> None:  # noqa: ARG002
        """Do not look: here it takes as long as to find out under the lock."""
        self.begin_write(connection)

    begin_alter = begin_write

    def fill(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Any]
    ) -> None:
        """Hand the rows to the driver as they are: types take ten times as long."""
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
        connection.exec_driver_sql(statement, list(rows))

    @contextmanager
    def upgrading(self, engine: Engine) -> Iterator[None]:  # noqa: ARG002
        """Nobody else can see this catalog."""
        yield

    def is_away(self, error: DBAPIError) -> bool:  # noqa: ARG002
        """A file does not go away and come back."""
        return False

    def fault(self, error: DBAPIError) -> tuple[str, str]:
        """Read SQLite's error name."""
        name = str(getattr(error.orig, "sqlite_errorname", ""))
        if name.startswith(_MAYBE_FULL) and self._disk_full():
            name = "SQLITE_FULL"
        found = next((known for known in _FAULTS if name.startswith(known)), None)
        code, text = _FAULTS[found] if found else ("catalog", "it could not be read or written")
        return code, f"{self.place}: {text} ({error.orig})"

    def _disk_full(self) -> bool:
        return False

    def liveness(self, database: Database) -> Liveness:  # noqa: ARG002
        """Runs live as long as this process."""
        return MemoryLiveness()


class SqliteFile(SqliteMemory):
    """A catalog in a SQLite file, shared by the processes of one machine.

    Parameters
    ----------
    path : Path
        The file; its folder is made where it is missing.
    """

    shared = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self.place = f"catalog {path}"
        self._seen = False

    def engine(self) -> Engine:
        """Make an engine that keeps a connection per thread at work.

        Raises
        ------
        StorageError
            The file is on a network file system, or its folder cannot be made.
        """
        kind = filesystem_of(self._path, _MOUNTS.read_text() if _MOUNTS.exists() else "")
        if kind in _REMOTE:
            raise StorageError(
                f"catalog {self._path} is on a network file system ({kind}), where SQLite loses "
                "data. Put the catalog on a local disk (EDVERSION_CATALOG=sqlite:////local/"
                "folder/catalog.db); the store may stay where it is",
                code="network_filesystem",
                path=str(self._path),
            )
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"catalog {self._path}: its folder cannot be made: {error}",
                code="catalog_unreachable",
            ) from error
        # No limit on connections: a thread that waits for one would wait on SQLite anyway.
        url = URL.create("sqlite", database=str(self._path))
        engine = self._engine(url, max_overflow=-1, pool_use_lifo=True)
        event.listen(engine, "do_connect", self._connecting)
        event.listen(engine, "checkout", self._check_out)
        return engine

    def exists(self) -> bool:
        """Tell whether the file is there."""
        return self._path.exists()

    def _connecting(self, *_: object) -> None:
        """Make no file where one was before: who looks for it must not find an empty one."""
        if self._seen and not self.exists():
            code, text = _FAULTS["SQLITE_CANTOPEN"]
            raise StorageError(f"{self.place} is gone: {text}", code=code)

    def _check_out(self, _connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        """Let a connection go that is to another file than the one that has the name now.

        A process that lives for days would else go on reading what was moved away.
        """
        try:
            status = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            now = None
        else:
            self._seen, now = True, (status.st_dev, status.st_ino)
        if record.info.setdefault("file", now) != now:
            raise DisconnectionError(f"{self.place} is another file now")

    @contextmanager
    def upgrading(self, engine: Engine) -> Iterator[None]:
        """Hold a lock file beside the catalog, and leave the file in WAL mode.

        The mode is set under the lock because SQLite does not wait for others to set it.
        """
        with self._locked():
            with engine.connect().execution_options(edversion_begin="") as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            yield

    def set_aside(self) -> Path | None:
        """Move a file that is no SQLite database out of the way; nothing is deleted.

        Returns
        -------
        Path or None
            Where it is now; None where it is a database after all, such as one that another
            process has put there meanwhile.
        """
        aside = Path(f"{self._path}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
        with self._locked():
            with self._path.open("rb") as file:
                if file.read(len(_MAGIC)) in (_MAGIC, b""):
                    return None
            for end in ("-shm", "-wal", ""):  # the names by which SQLite would find them
                with suppress(FileNotFoundError):
                    os.rename(f"{self._path}{end}", f"{aside}{end}")
        return aside

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock file beside the catalog."""
        try:
            lock = FileLock(f"{self._path}.lock", timeout=_BUSY_SECONDS)
            lock.acquire()
        except Timeout as error:  # before OSError, which it is one of
            code, text = _FAULTS["SQLITE_BUSY"]
            raise StorageError(f"{self.place}: {text}", code=code) from error
        except OSError as error:
            if error.errno == errno.ENOSPC:
                code, text = _FAULTS["SQLITE_FULL"]
                raise StorageError(f"{self.place}: {text}", code=code) from error
            raise StorageError(
                f"catalog {self._path}: {error}. Check that its folder can be written",
                code="catalog_readonly",
            ) from error
        try:
            yield
        finally:
            lock.release()

    def _disk_full(self) -> bool:
        """Tell whether there is no room left; SQLite may say only that the disk failed."""
        try:
            return shutil.disk_usage(self._path.parent).free < _NO_ROOM
        except OSError:
            return False

    def liveness(self, database: Database) -> Liveness:  # noqa: ARG002
        """Runs hold a lock file in ``locks/`` beside the catalog."""
        return FileLiveness(self._path.parent / "locks")


_FAULTS = {
    "SQLITE_BUSY": (
        "catalog_busy",
        f"another process held it for more than {_BUSY_SECONDS} s. Try again; if it stays so, "
        "look for a process that hangs",
    ),
    "SQLITE_LOCKED": ("catalog_busy", "another connection of this process holds it. Try again"),
    "SQLITE_FULL": (
        "catalog_full",
        "the disk is full; free some space and try again. Nothing was changed",
    ),
    "SQLITE_READONLY": (
        "catalog_readonly",
        "it cannot be written. Check the permissions of the file and of its folder",
    ),
    "SQLITE_CORRUPT": (
        "catalog_damaged",
        "the file is damaged. Move it away and run 'edversion doctor --mend', which rebuilds it "
        "from the store",
    ),
    "SQLITE_NOTADB": (
        "catalog_damaged",
        "the file is no SQLite database. Run 'edversion doctor --mend', which moves it aside "
        "and rebuilds it from the store",
    ),
    "SQLITE_CANTOPEN": (
        "catalog_unreachable",
        "it cannot be opened. Check the path and the permissions of its folder",
    ),
    "SQLITE_IOERR": ("catalog_unreachable", "the disk failed to read or write it"),
}

_MAYBE_FULL = ("SQLITE_IOERR", "SQLITE_CANTOPEN")
"""What SQLite says where it cannot make room for the files beside the catalog."""


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    """Set up a new connection; transactions are begun by `_begin`, not by the driver."""
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_SECONDS * 1000)}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    statement = connection.get_execution_options().get("edversion_begin", "BEGIN")
    if statement:
        connection.exec_driver_sql(statement)


def filesystem_of(path: Path, mounts: str) -> str | None:
    r"""Find the kind of file system that a path is on.

    Parameters
    ----------
    path : Path
        Absolute path; it need not exist.
    mounts : str
        Content of ``/proc/mounts``.

    Examples
    --------
    >>> filesystem_of(Path("/home/x/c.db"), "/dev/sda / ext4 rw 0 0\nnas:/ /home nfs4 rw 0 0")
    'nfs4'
    """
    kinds: dict[Path, str] = {}
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) >= 3:
            kinds[Path(_unescaped(fields[1]))] = fields[2]  # a later mount hides an earlier one
    real = path.resolve()
    return next((kinds[folder] for folder in (real, *real.parents) if folder in kinds), None)


def _unescaped(field: str) -> str:
    r"""Undo the octal escapes of /proc/mounts: ``\040`` is a space."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
