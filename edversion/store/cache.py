"""Verified copies of files that have no local file of their own; safe to delete at any time."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from edversion.digests import digest_of_file
from edversion.store.failures import storage_errors
from edversion.store.local_state import LocalState
from edversion.store.stats import Stat, coarse_now

__all__ = ["FileCache"]

_LIMIT = 20 << 30
_SHARE_OF_DISK = 10


class FileCache:
    """Copies by digest below one folder, the least recently used removed first.

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
        if self._is_whole(path, digest):
            return path
        with storage_errors(f"writing to the cache at {self._folder}"):
            self._make_room(size)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fill(path, fill)
        self._mark(path, Stat.of(path.stat()), coarse_now())
        return path

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
        held = self._held()
        excess = sum(length for _, length, _ in held) + size - self._limit()
        for _, length, path in sorted(held, key=lambda item: (item[0], str(item[2]))):
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= length

    def _held(self) -> list[tuple[int, int, Path]]:
        """Give time of last use, bytes and path of every copy."""
        used = self._state.used()
        held = []
        for path in self._folder.glob("*/[!.]*"):  # those with a dot are under way
            with suppress(FileNotFoundError):
                held.append((used.get(str(path), 0), path.stat().st_size, path))
        return held

    def _limit(self) -> int:
        if self._given_limit is not None:
            return self._given_limit
        existing = next(
            folder for folder in (self._folder, *self._folder.parents) if folder.exists()
        )
        return min(_LIMIT, shutil.disk_usage(existing).total // _SHARE_OF_DISK)
