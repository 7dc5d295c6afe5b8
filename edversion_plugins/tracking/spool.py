"""Our own copies of checkpoints that wait to be pushed, safe from the framework's rotation."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

__all__ = ["Spool", "size_of"]

_LOCK = "lock"
_FICLONE = 0x40049409  # Linux: share the blocks of a file, where the file system can


class Spool:
    """A private folder of one process; removed with it, or by the next one after a crash.

    Parameters
    ----------
    root : Path, optional
        Where the folders of all processes are; beside edversion's cache where left out.
    """

    def __init__(self, root: Path | None = None) -> None:
        root = _root() if root is None else root
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=root))
        self._lock = _locked(self.folder)

    def take(self, files: Mapping[str, Path]) -> Path:
        """Copy files and folders, each to its path below a new folder; all of them or none."""
        target = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            for path, source in files.items():
                _copy(source, target / path if path else target)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
        return target

    def drop(self, folder: Path) -> None:
        """Remove what `take` made."""
        shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def size_of(files: Mapping[str, Path]) -> int:
    """Give the bytes of files and folders."""
    found = (each for source in files.values() for each in (source, *source.rglob("*")))
    return sum(each.stat().st_size for each in found if each.is_file())


def _root() -> Path:
    base = os.environ.get("EDVERSION_CACHE") or Path.home() / ".cache" / "edversion"
    return Path(base) / "spool"


def _locked(folder: Path) -> int:
    """Lock a file before it gets the name by which others find it."""
    fresh = folder / f"{_LOCK}.new"
    lock = os.open(fresh, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    fresh.rename(folder / _LOCK)
    return lock


def _sweep(root: Path) -> None:
    """Remove the folders of processes that are gone: the system gave their locks back."""
    for folder in root.iterdir():
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR)
        except OSError:
            continue  # made this moment, removed this moment, or none of ours
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # its process lives
        finally:
            os.close(lock)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_copy_file, dirs_exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy_file(source, target)


def _copy_file(source: str | Path, target: str | Path) -> None:
    with open(source, "rb") as reader, open(target, "wb") as writer:
        if not _share(reader.fileno(), writer.fileno()):
            shutil.copyfileobj(reader, writer, 8 << 20)
    shutil.copymode(source, target)


def _share(source: int, target: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True
