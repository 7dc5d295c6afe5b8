"""Verified copies of files that have no local file of their own; safe to delete at any time."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from edversion.digests import digest_of_file
from edversion.store.failures import storage_errors
from edversion.store.local_state import LocalState
from edversion.store.stats import Stat, coarse_now

__all__ = ["FileCache"]

_LIMIT = 20 << 30
_KEPT_SECONDS = 11 * 60  # ten minutes are promised; the time of use is a minute coarse
_SHARE_OF_DISK = 10


class FileCache:
    """Copies by digest below one folder, the least recently used removed first.

    A path that was given must still be there when its caller opens it. So no copy is removed
    in the ten minutes after it was asked for, even where the cache outgrows its limit.

    Parameters
    ----------
    folder : Path
        Where copies lie.
    state : LocalState
        Remembers which copies were found whole, and when they were used.
    limit : int, optional
        Bytes; by default 20 GiB or a tenth of the disk, whichever is smaller.
    """

    def __init__(self, folder: Path, state: LocalState, limit: int | None = None) -> None:
        self._folder, self._state = folder, state
        self._given_limit = limit
        self._given: dict[str, float] = {}

    def get(
        self, key: str, suffix: str, size: int, fill: Callable[[int], None], *, digest: str | None
    ) -> Path:
        """Give a read-only copy, made by `fill` where there is no whole one.

        Parameters
        ----------
        key : str
            Hexadecimal name of the content.
        suffix : str
            File suffix, for programs that go by it.
        size : int
            Bytes.
        fill : callable
            Writes verified bytes into an open descriptor.
        digest : str or None
            Digest of the content, where it is known.
        """
        path = self._folder / key[:2] / f"{key}{suffix}"
        self._given[str(path)] = time.time()
        if self._is_whole(path, digest):
            return path
        with storage_errors(f"copying to the cache at {self._folder}, which open() does not need,"):
            self._make_room(size)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fill(path, fill)
        self._mark(path, Stat.of(path.stat()), coarse_now())
        return path

    def forget(self, keys: Iterable[str]) -> int:
        """Remove the copies of some contents, by their hexadecimal names; give how many."""
        count = 0
        for key in keys:
            for path in (self._folder / key[:2]).glob(f"{key}*"):
                path.unlink(missing_ok=True)
                count += 1
        return count

    def _is_whole(self, path: Path, digest: str | None) -> bool:
        try:
            now, before = coarse_now(), Stat.of(path.stat())
            if self._state.is_verified(str(path), before):
                return True
            whole = digest is not None and digest_of_file(path) == digest
        except OSError:
            return False
        if whole:
            self._mark(path, before, now)
        return whole

    def _mark(self, path: Path, stat: Stat, now: int) -> None:
        """Remember a whole copy by the stat that it had before its bytes were known."""
        if stat.settled(now):
            self._state.mark_verified({str(path): stat})

    @staticmethod
    def _fill(path: Path, fill: Callable[[int], None]) -> None:
        temporary = path.with_name(f".{secrets.token_hex(8)}")
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            try:
                fill(descriptor)
                os.fchmod(descriptor, 0o444)
            finally:
                os.close(descriptor)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _make_room(self, size: int) -> None:
        """Remove the copies that were not used for longest, until `size` bytes fit."""
        kept_since = time.time() - _KEPT_SECONDS
        self._given = {path: used for path, used in self._given.items() if used >= kept_since}
        held = self._held()
        excess = sum(length for _, length, _ in held) + size - self._limit()
        for used, length, path in sorted(held, key=lambda item: (item[0], str(item[2]))):
            if excess <= 0 or used >= kept_since:
                break
            path.unlink(missing_ok=True)
            excess -= length

    def _held(self) -> list[tuple[float, int, Path]]:
        """Give time of last use, bytes and path of every copy.

        The memory of this machine may be lost or not yet know a new copy: the time at which a
        copy was made counts, and what this process gave.
        """
        used = self._state.used()
        held = []
        for path in self._folder.glob("*/[!.]*"):  # those with a dot are under way
            with suppress(FileNotFoundError):
                status = path.stat()
                name = str(path)
                last = max(used.get(name, 0), self._given.get(name, 0), status.st_ctime)
                held.append((last, status.st_size, path))
        return held

    def _limit(self) -> int:
        if self._given_limit is not None:
            return self._given_limit
        existing = next(
            folder for folder in (self._folder, *self._folder.parents) if folder.exists()
        )
        return min(_LIMIT, shutil.disk_usage(existing).total // _SHARE_OF_DISK)
