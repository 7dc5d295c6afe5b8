"""What this machine remembers of files, so that unchanged ones need not be read again.

A small SQLite file beside the store. It may be deleted at any time; it never holds a fact
that reading the files again would not give.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain, starmap
from pathlib import Path
from typing import NamedTuple

from edversion.store.stats import Stat

__all__ = ["Listing", "LocalState"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS listings (
    path TEXT PRIMARY KEY, used_at INTEGER NOT NULL,
    names TEXT NOT NULL, digests TEXT NOT NULL, stats BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS verified (
    key TEXT PRIMARY KEY, stat TEXT NOT NULL, used_at INTEGER NOT NULL) WITHOUT ROWID;
"""
_MAX_FOLDERS = 100_000
_USE_SECONDS = 60
_STAT = struct.Struct("<qQqqq")  # in the order of `Stat`
_PACKED = struct.Struct(f"{_STAT.size}s")
_TOGETHER = 256
_MANY_STATS = struct.Struct("<" + "qQqqq" * _TOGETHER)
_ROW = (str, str, bytes)
_BETWEEN_NAMES, _BETWEEN_DIGESTS = "/", " "  # what neither can hold


class Listing(NamedTuple):
    """What is remembered of the files in one folder, as it is kept: three columns.

    Attributes
    ----------
    names, digests : str
        Of all files, in one order.
    stats : bytes
        The fields of the `Stat` that each had.
    """

    names: str
    digests: str
    stats: bytes

    @classmethod
    def of(cls, names: Iterable[str], digests: Iterable[str], packed: bytes) -> Listing:
        """Make one of names, digests and `pack` of the stats, all in one order."""
        return cls(_BETWEEN_NAMES.join(names), _BETWEEN_DIGESTS.join(digests), packed)

    @staticmethod
    def pack(stats: Sequence[tuple[int, ...]]) -> bytes:
        """Write stats as bytes, many at once; struct.error where one is out of range.

        Not all at once: Python would keep the format of every length it saw, megabytes for each.
        """
        rest = len(stats) - len(stats) % _TOGETHER
        together = (stats[at : at + _TOGETHER] for at in range(0, rest, _TOGETHER))
        return b"".join(
            [
                *(_MANY_STATS.pack(*chain.from_iterable(block)) for block in together),
                *starmap(_STAT.pack, stats[rest:]),
            ]
        )

    def read(self) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
        """Give digests and stats by name; ValueError or struct.error where they disagree."""
        names = self.names.split(_BETWEEN_NAMES)
        return (
            dict(zip(names, self.digests.split(_BETWEEN_DIGESTS), strict=True)),
            dict(zip(names, _STAT.iter_unpack(self.stats), strict=True)),
        )

    def holds(self, names: Sequence[str]) -> bool:
        """Tell whether it is of just these files, in this order."""
        return _BETWEEN_NAMES.join(names) == self.names

    def proved(self, names: Sequence[str], packed: bytes | None) -> list[str | None] | None:
        """Give the digests of just these files in this order, of which most are unchanged.

        None for a file whose stat is another, and instead of a list where these are not just
        the files. Most folders are as they were, and told so by comparing two texts.
        """
        digests: list[str | None] = [*self.digests.split(_BETWEEN_DIGESTS)]
        if packed is None or not self.holds(names) or len(digests) != len(names):
            return None
        if packed == self.stats:
            return digests
        if len(packed) != len(self.stats):
            return None
        pairs = zip(_PACKED.iter_unpack(packed), _PACKED.iter_unpack(self.stats), strict=True)
        for place, (now, before) in enumerate(pairs):
            if now != before:
                digests[place] = None
        return digests


class LocalState:
    """Digests by path and stat, and the stats of stored files that were verified.

    Any trouble with the file (locked, full disk, damaged) only costs the memory of it.

    Parameters
    ----------
    path : Path
        The SQLite file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def known(self, folders: Iterable[str]) -> dict[str, Listing]:
        """Give what is remembered of files, by folder.

        Parameters
        ----------
        folders : iterable of str
            Absolute paths.
        """
        found: dict[str, Listing] = {}
        query = "SELECT names, digests, stats FROM listings WHERE path = ?"
        with self._lock, suppress(sqlite3.Error, OSError):
            connection = self._connected()
            for folder in folders:
                with suppress(UnicodeError):  # a name that is no text
                    for row in connection.execute(query, (folder,)):
                        if tuple(map(type, row)) == _ROW:  # else somebody else wrote it
                            found[folder] = Listing(*row)
        return found

    def remember(self, listings: Mapping[str, Listing], now: int) -> None:
        """Remember folders' files; what was known of them before is replaced.

        Parameters
        ----------
        listings : mapping of str to Listing
            By absolute folder.
        now : int
            Seconds since the epoch; the oldest folders are forgotten first.
        """
        statement = (
            "INSERT OR REPLACE INTO listings (path, used_at, names, digests, stats)"
            " VALUES (?, ?, ?, ?, ?)"
        )
        rows = [(statement, (folder, now, *listing)) for folder, listing in listings.items()]
        self._write([*rows, (_FORGET, (_MAX_FOLDERS,))])

    def is_verified(self, key: str, stat: Stat) -> bool:
        """Tell whether a stored file was found whole when it had exactly this stat."""
        with self._lock, suppress(sqlite3.Error, OSError):
            connection, now = self._connected(), int(time.time())
            query = "SELECT stat, used_at FROM verified WHERE key = ?"
            row = connection.execute(query, (key,)).fetchone()
            if row is None or row[0] != stat.text:
                return False
            if now - row[1] > _USE_SECONDS:
                connection.execute("UPDATE verified SET used_at = ? WHERE key = ?", (now, key))
            return True
        return False

    def used(self) -> dict[str, int]:
        """Give the seconds since the epoch at which verified files were last asked for."""
        with self._lock, suppress(sqlite3.Error, OSError):
            return dict(self._connected().execute("SELECT key, used_at FROM verified"))
        return {}

    def mark_verified(self, stats: Mapping[str, Stat]) -> None:
        """Remember stored files that were found whole."""
        statement = "INSERT OR REPLACE INTO verified (key, stat, used_at) VALUES (?, ?, ?)"
        now = int(time.time())
        self._write([(statement, (key, stat.text, now)) for key, stat in stats.items()])

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            if self._connection is not None and self._owner == os.getpid():
                self._connection.close()
            self._connection = None

    def _write(self, statements: list[tuple[str, tuple[object, ...]]]) -> None:
        with self._lock, suppress(sqlite3.Error, OSError):
            connection = self._connected()
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                for statement, values in statements:
                    with suppress(UnicodeError):  # a name that is no text
                        connection.execute(statement, values)

    def _connected(self) -> sqlite3.Connection:
        """Give the connection; a forked child makes its own."""
        if self._connection is None or self._owner != os.getpid():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self._path, timeout=5, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_SCHEMA)
            self._connection, self._owner = connection, os.getpid()
        return self._connection


_FORGET = """
DELETE FROM listings WHERE path IN (
    SELECT path FROM listings ORDER BY used_at DESC LIMIT -1 OFFSET ?)
"""
