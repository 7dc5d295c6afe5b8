"""Files on the disk, as tests need them: written, read back whole, and grown old enough."""

from __future__ import annotations

from pathlib import Path

from edversion.store import Stat, coarse_now

__all__ = ["read_tree", "settle", "write_file"]


def write_file(path: Path, data: bytes = b"1") -> Path:
    """Write a file, and the folders that lead to it; give its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def read_tree(root: Path) -> dict[str, bytes]:
    """Give the content of all files below a folder, by path; hidden and temporary ones too."""
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def settle(path: Path) -> Path:
    """Wait until every later write to a file, or to a folder's files, shows in their stat.

    The clock that stamps files ticks every few milliseconds; a file that is younger than
    one tick is read again rather than trusted.
    """
    files = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
    while not all(Stat.of(file.stat()).settled(coarse_now()) for file in files):
        pass
    return path
