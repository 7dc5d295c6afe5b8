"""Keep all copies on this machine within one limit: the least recently used go first."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from edversion.store.local_state import LocalState

__all__ = ["Copy", "Room"]

_LIMIT = 20 << 30
_SHARE_OF_DISK = 10
_KEPT_SECONDS = 11 * 60  # ten minutes are promised; the time of use is a minute coarse
_ABANDONED_SECONDS = 60 * 60  # whoever writes a file, or waits for its lock, is done long before
_UNSEEN = 100  # this part of the limit may be written before the copies are counted again


class Copy(NamedTuple):
    """A copy on this machine.

    Attributes
    ----------
    used : float
        When it was last asked for, in seconds since the epoch.
    size : int
        Its bytes.
    path : Path
        The file.
    given : bool
        Whether its path was given to somebody, who may open it yet.
    """

    used: float
    size: int
    path: Path
    given: bool


class Room:
    """The room that copies may take.

    A path that was given must still be there when its caller opens it. So no such copy is
    removed in the ten minutes after it was asked for, even where that outgrows the limit.

    Parameters
    ----------
    state : LocalState
        Remembers when the files whose paths were given were used.
    given, ranges : Path
        Folders of copies: those whose paths are given, and those that are only read.
    limit : int, optional
        Bytes; by default 20 GiB or a tenth of the disk, whichever is smaller.
    """

    def __init__(
        self, state: LocalState, given: Path, ranges: Path | None = None, limit: int | None = None
    ) -> None:
        self._state, self._folder, self._ranges = state, given, ranges
        self._limit = limit
        self._given: dict[str, float] = {}
        self._lock = threading.Lock()
        self._unseen: int | None = None

    def note(self, path: Path) -> None:
        """Take note that a path is given."""
        self._given[str(path)] = time.time()

    def make(self, size: int) -> None:
        """Remove the copies that were not used for longest, until `size` bytes fit.

        What other processes write is seen at the next count, so that many may together
        outgrow the limit by a hundredth each.
        """
        with self._lock:
            limit = self.limit
            if self._unseen is not None and self._unseen + size <= limit // _UNSEEN:
                self._unseen += size
                return
            self._unseen = size
        now = time.time()
        kept_since = now - _KEPT_SECONDS
        self._given = {path: used for path, used in self._given.items() if used >= kept_since}
        copies = [*self.remains(), *self.copies()]
        excess = sum(copy.size for copy in copies) + size - limit * (_UNSEEN - 1) // _UNSEEN
        for copy in sorted(copies, key=lambda copy: (copy.used, str(copy.path))):
            if excess <= 0:
                break
            if not (copy.given and copy.used >= kept_since):
                copy.path.unlink(missing_ok=True)
                excess -= copy.size

    def clear(self) -> list[Copy]:
        """Remove all copies, also those whose paths were given; give what they were."""
        copies = list(self.copies())
        for copy in (*copies, *self.remains()):
            copy.path.unlink(missing_ok=True)
        if self._ranges is not None:
            shutil.rmtree(self._ranges, ignore_errors=True)  # with the locks
        return copies

    @property
    def limit(self) -> int:
        """Bytes that all copies may take together."""
        if self._limit is not None:
            return self._limit
        existing = next(
            folder for folder in (self._folder, *self._folder.parents) if folder.exists()
        )
        return min(_LIMIT, shutil.disk_usage(existing).total // _SHARE_OF_DISK)

    def copies(self) -> Iterator[Copy]:
        """Give all copies.

        The memory of this machine may be lost or not yet know a new copy: the time at which a
        copy was made counts, and what this process gave.
        """
        used = self._state.used()
        for path in self._folder.glob("*/[!.]*"):  # those with a dot are under way
            with suppress(FileNotFoundError):
                status, name = path.stat(), str(path)
                last = max(used.get(name, 0), self._given.get(name, 0), status.st_ctime)
                yield Copy(last, status.st_size, path, True)
        for path in () if self._ranges is None else self._ranges.glob("*/*/[!.]*"):
            with suppress(FileNotFoundError):
                status = path.stat()
                yield Copy(status.st_mtime, status.st_size, path, False)

    def remains(self) -> Iterator[Copy]:
        """Give what processes left that died while they wrote a copy, and locks of long ago."""
        before = time.time() - _ABANDONED_SECONDS
        places = [self._folder.glob("*/.*")]
        if self._ranges is not None:
            places.append(self._ranges.glob("*/*/.*"))
        for path in chain.from_iterable(places):
            with suppress(FileNotFoundError):
                status = path.stat()
                if status.st_mtime < before:
                    yield Copy(0, status.st_size, path, False)  # nobody ever asks for it
