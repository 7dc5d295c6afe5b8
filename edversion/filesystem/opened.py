"""The repositories that the file systems of this process have open.

Libraries make a file system for each URL, so what is open is shared: by threads, and never
with a forked process, whose clients of object stores could not use it.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict, deque
from pathlib import Path

from edversion.filesystem.folders import Folders
from edversion.location import Location
from edversion.model import Version
from edversion.repository import Repository, open_repository
from edversion.store import MARKER

__all__ = ["Opened", "opened"]

_KEPT = 4

Key = tuple[Location, int, tuple[int, int] | None]


class Opened:
    """An open repository, closed when nobody holds this any more.

    Parameters
    ----------
    location : Location
        Where it is.

    Attributes
    ----------
    repository : Repository
        The repository.
    process : int
        The process that opened it.
    noted : set
        What was recorded as used, so that each is recorded once.
    """

    def __init__(self, location: Location) -> None:
        self.repository: Repository = open_repository(
            location.store, location.catalog, project=location.project
        )
        self.process = os.getpid()
        self.noted: set[tuple[str, str, str | None]] = set()
        self._folders: OrderedDict[str, Folders] = OrderedDict()
        self._lock = threading.Lock()
        weakref.finalize(self, self.repository.close)

    def folders(self, version: Version) -> Folders:
        """Give the folders of a version; those of the last few are held."""
        with self._lock:
            found = self._folders.get(version.digest)
        if found is None:
            found = Folders(version.files())
        with self._lock:
            self._folders[version.digest] = found
            self._folders.move_to_end(version.digest)
            while len(self._folders) > _KEPT:
                self._folders.popitem(last=False)
        return found


class _Shared:
    """What is open in this process; a few are kept for whoever comes next."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open: weakref.WeakValueDictionary[Key, Opened] = weakref.WeakValueDictionary()
        self.kept: deque[Opened] = deque(maxlen=_KEPT)

    def get(self, location: Location) -> Opened:
        key = location, os.getpid(), _made(location)
        with self.lock:
            found = self.open.get(key)
            if found is None:
                found = self.open[key] = Opened(location)
            if found not in self.kept:
                self.kept.append(found)
            return found


_SHARED = _Shared()


def opened(location: Location) -> Opened:
    """Give an open repository of this process."""
    return _SHARED.get(location)


def _made(location: Location) -> tuple[int, int] | None:
    """Tell a store from one that was removed and made anew at the same place."""
    if "://" in location.store:
        return None
    try:
        stat = (Path(location.store) / MARKER).stat()
    except OSError:
        return None  # told when it is opened
    return stat.st_ino, stat.st_mtime_ns


def _renew() -> None:
    """Share nothing with the parent; what the child holds of it stays as it is."""
    global _SHARED  # the lock may have been held by a thread that is not here
    parents_share, _SHARED = _SHARED, _Shared()
    _LEFT.append(parents_share)


_LEFT: list[_Shared] = []  # what a parent has open is the parent's to close

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
