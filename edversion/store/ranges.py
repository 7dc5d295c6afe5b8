"""Copies of stretches of remote objects on this machine; safe to delete at any time.

A copy is a file ``<2 hex>/<object>/<offset>-<end>`` that appears whole and is never changed. So
there is no list of what is held that could be wrong, and what a download that was broken off
has fetched is there for the next.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from edversion.store.backend import read_exactly, write_fully
from edversion.store.keys import check_key

__all__ = ["RangeCache"]

_STRIPE = 4 << 20
_WAIT_SECONDS = 150
_USE_SECONDS = 60


class RangeCache:
    """Copies of stretches, by object.

    Trouble with the disk costs the copy, and never the bytes that were fetched.

    Parameters
    ----------
    folder : Path
        Where copies lie.
    make_room : callable
        Told the bytes of each copy before it is written.
    """

    def __init__(self, folder: Path, make_room: Callable[[int], None]) -> None:
        self._folder, self._make_room = folder, make_room

    def read(self, name: str, offset: int, length: int) -> bytes | None:
        """Give the bytes of a stretch that lies in one copy; None where none has all of it."""
        return self.read_each(name, [(offset, length)])[0]

    def read_each(self, name: str, stretches: Iterable[tuple[int, int]]) -> list[bytes | None]:
        """Give the bytes of several stretches, each by its offset and length, as `read` does."""
        held = self._held(name)
        return [_in_one(held, offset, length) for offset, length in stretches]

    def has(self, name: str, offset: int, length: int) -> bool:
        """Tell whether one copy has all of a stretch."""
        return any(start <= offset and offset + length <= end for start, end, _ in self._held(name))

    def read_all(self, name: str) -> bytes | None:
        """Give all bytes of an object that was kept with `write_all`."""
        for start, end, _ in self._held(name):
            if start == 0:
                return self.read(name, 0, end)
        return None

    def write(self, name: str, offset: int, data: memoryview | bytes) -> None:
        """Keep the bytes of a stretch."""
        path = self._place(name) / f"{offset}-{offset + len(data)}"
        temporary = path.with_name(f".{secrets.token_hex(8)}")
        with suppress(OSError):
            self._make_room(len(data))
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
                try:
                    write_fully(descriptor, data)
                finally:
                    os.close(descriptor)
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def forget(self, name: str, offset: int = 0, length: int | None = None) -> None:
        """Remove the copies of an object, or those that have bytes of a stretch."""
        if length is None:
            shutil.rmtree(self._place(name), ignore_errors=True)
            return
        for start, end, path in self._held(name):
            if start < offset + length and offset < end:
                path.unlink(missing_ok=True)

    @contextmanager
    def alone(self, name: str, offset: int) -> Iterator[None]:
        """Let one process, and one thread, of this machine at a time fetch a stretch.

        Whoever waits too long fetches it too, as where the lock cannot be had at all.
        """
        path = self._place(name) / f".{offset // _STRIPE}.lock"
        lock = FileLock(path, timeout=_WAIT_SECONDS, thread_local=False)
        with suppress(OSError, Timeout, NotImplementedError):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _held(self, name: str) -> list[tuple[int, int, Path]]:
        found = []
        with suppress(OSError), os.scandir(self._place(name)) as entries:
            for entry in entries:
                start, dash, end = entry.name.partition("-")
                if dash and start.isdigit() and end.isdigit():
                    found.append((int(start), int(end), Path(entry.path)))
        return found

    def _place(self, name: str) -> Path:
        return self._folder / check_key(f"{name[:2]}/{name}")


def _in_one(held: Iterable[tuple[int, int, Path]], offset: int, length: int) -> bytes | None:
    for start, end, path in held:
        if start <= offset and offset + length <= end:
            with suppress(OSError):
                data = _read(path, offset - start, length)
                if len(data) == length:
                    return data
    return None


def _read(path: Path, offset: int, length: int) -> bytes:
    """Read a part of a copy, and note that it was used: not each time, only now and then."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if time.time() - os.fstat(descriptor).st_mtime > _USE_SECONDS:
            with suppress(OSError):
                os.utime(path)
        return read_exactly(descriptor, offset, length)
    finally:
        os.close(descriptor)
