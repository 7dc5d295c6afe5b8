"""Verified copies of files that have no local file of their own; safe to delete at any time."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

from edversion.digests import digest_of_file
from edversion.errors import IntegrityError
from edversion.store.failures import storage_errors
from edversion.store.local_state import LocalState
from edversion.store.room import Room
from edversion.store.stats import Stat, coarse_now

__all__ = ["FileCache"]

_HEX = re.compile("[0-9a-f]+")


class FileCache:
    """Copies by digest below one folder, whose paths are given to whoever asks.

    Parameters
    ----------
    folder : Path
        Where copies lie.
    state : LocalState
        Remembers which copies were found whole, and when they were used.
    room : Room
        Keeps them within bounds.
    """

    def __init__(self, folder: Path, state: LocalState, room: Room) -> None:
        self._folder, self._state, self._room = folder, state, room

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
        path = self._place(key) / f"{key}{suffix}"
        self._room.note(path)
        if self._is_whole(path, digest):
            return path
        with storage_errors(f"copying to the cache at {self._folder}, which open() does not need,"):
            self._room.make(size)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fill(path, fill)
        self._mark(path, Stat.of(path.stat()), coarse_now())
        return path

    def forget(self, keys: Iterable[str]) -> int:
        """Remove the copies of some contents, by their hexadecimal names; give how many."""
        count = 0
        for key in keys:
            for path in self._place(key).glob(f"{key}*"):
                path.unlink(missing_ok=True)
                count += 1
        return count

    def _place(self, key: str) -> Path:
        """Give the folder of a content; its name may come from a catalog, and may be a pattern."""
        if not _HEX.fullmatch(key):
            raise IntegrityError(
                f"{key!r} is the name of no content: the catalog, or a manifest, was tampered with",
                code="key_outside",
                path=key,
                pack=None,
                offset=None,
            )
        return self._folder / key[:2]

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
