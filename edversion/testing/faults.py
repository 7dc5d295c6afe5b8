"""Break what a repository relies on: stored bytes, and the room on the disk.

Damage to a local store is done in place: the file keeps its inode, its mode and its
modification time, as it does when a disk goes bad.
"""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edversion.store import Store

__all__ = [
    "NoMountError",
    "fill_disk",
    "flip_bit",
    "limit_file_size",
    "object_keys",
    "remove",
    "rewrite",
    "swap",
    "tiny_disk",
    "truncate",
]

_BALLAST = "ballast"
_BLOCK = 64 << 10


class NoMountError(Exception):
    """The process may not mount a file system of its own."""


def object_keys(store: Store, folder: str = "packs") -> list[str]:
    """Give the keys of a store's objects, sorted.

    Parameters
    ----------
    store : Store
        The store.
    folder : str
        ``packs``, ``manifests``, ``receipts`` or ``runs``.
    """
    return sorted(key for key, _ in store.backend.list(folder))


def rewrite(store: Store, key: str, data: bytes) -> None:
    """Replace an object's bytes behind the store's back."""
    path = store.backend.local_path(key)
    if path is None:
        store.backend.replace(key, data)
        return
    before = path.stat()
    path.chmod(0o600)
    with open(path, "r+b") as file:
        file.write(data)
        file.truncate()
    path.chmod(before.st_mode)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def flip_bit(store: Store, key: str, position: int = 0) -> None:
    """Flip one bit of an object.

    Parameters
    ----------
    store, key
        The object.
    position : int
        Byte whose lowest bit is flipped; counted from the end where negative.
    """
    data = bytearray(store.backend.read(key))
    data[position] ^= 1
    rewrite(store, key, bytes(data))


def truncate(store: Store, key: str, size: int | None = None) -> None:
    """Cut an object short: to `size` bytes, or by the last byte."""
    data = store.backend.read(key)
    rewrite(store, key, data[: len(data) - 1 if size is None else size])


def swap(store: Store, key: str, other: str) -> None:
    """Let two objects trade their bytes."""
    mine, theirs = store.backend.read(key), store.backend.read(other)
    rewrite(store, key, theirs)
    rewrite(store, other, mine)


def remove(store: Store, key: str) -> None:
    """Delete an object that somebody needs."""
    store.backend.delete(key)


@contextmanager
def limit_file_size(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes, as on a full disk or quota.

    Works for everybody on every POSIX system. SQLite takes it for a failing disk rather
    than a full one; for that, use `tiny_disk`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def tiny_disk(folder: Path, size: int) -> Iterator[Path]:
    """Mount a file system of `size` bytes on an empty folder, for the time of the block.

    Raises
    ------
    NoMountError
        The process may not mount (it takes root on Linux).
    """
    if not sys.platform.startswith("linux"):
        raise NoMountError(f"no tiny disks on {sys.platform}")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)  # noqa: S603 - no shell, own folder
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoMountError("this process may not mount a file system") from error
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607


@contextmanager
def fill_disk(folder: Path, *, leave: int = 0) -> Iterator[None]:
    """Fill the disk of a folder up to `leave` bytes; only for a `tiny_disk`."""
    ballast = folder / _BALLAST
    with open(ballast, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(_BLOCK))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        file.truncate(max(0, file.tell() - leave))
    try:
        yield
    finally:
        ballast.unlink()
