"""Take note of every file below a folder, in as few steps for each as Python allows."""

from __future__ import annotations

import os
import stat as mode_bits
from itertools import repeat
from operator import attrgetter
from typing import NamedTuple

from edversion.errors import InvalidInputError
from edversion.sources import FileSource, noted_file, stat_of
from edversion.store import MARKER, Stat, coarse_now, storage_errors, surely_settled

__all__ = ["scan_folder"]

_MARKER_BYTES = 4096
_MODE, _CTIME = attrgetter("st_mode"), attrgetter("ctime_ns")


def scan_folder(root: str) -> tuple[list[str], list[FileSource]]:
    """Give every file below a folder: the paths relative to it, and the files; no stores.

    Raises
    ------
    NotFoundError
        There is no such folder.
    InvalidInputError
        A symbolic link leads in a circle or nowhere; something is no regular file.
    """
    result = stat_of(root)
    if not mode_bits.S_ISDIR(result.st_mode):
        raise InvalidInputError(f"{root} is no folder; add it with add_file", path=root)
    paths: list[str] = []
    sources: list[FileSource] = []
    top = os.path.abspath(root)
    waiting = [_Folder(top, "", {(result.st_dev, result.st_ino): top})]
    while waiting:  # a stack, since folders may be nested deeper than Python's calls
        waiting += _scan(waiting.pop(), paths, sources)
    return paths, sources


class _Folder(NamedTuple):
    """A folder to walk; `above` holds the folders on the way to it."""

    path: str
    prefix: str
    above: dict[tuple[int, int], str]


def _scan(folder: _Folder, paths: list[str], sources: list[FileSource]) -> list[_Folder]:
    """Take note of one folder's files; give the folders in it."""
    now = coarse_now()
    inner, names, results = _listed(folder.path)
    sources += _noted_together(folder.path, names, results, now)
    prefix = folder.prefix
    paths += [prefix + name for name in names]
    return [_entered(name, folder) for name in inner if not _is_store(f"{folder.path}/{name}")]


def _listed(folder: str) -> tuple[list[str], list[str], list[os.stat_result]]:
    """List a folder: the folders in it, the files, and the stat of each file.

    By its descriptor: the kernel walks the path once, not once for each file.
    """
    with storage_errors(f"listing {folder}"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with storage_errors(f"listing {folder}"), os.scandir(descriptor) as listing:
            entries = list(listing)
        folders = _folders(entries)
        inner = [entry.name for entry in folders]
        files = [entry for entry in entries if entry not in folders] if inner else entries
        names = [entry.name for entry in files]
        try:
            results = [entry.stat() for entry in files]
        except OSError:  # one by one, to say what is wrong with which
            results = [stat_of(f"{folder}/{name}") for name in names]
    finally:
        os.close(descriptor)
    return inner, names, results


def _folders(entries: list[os.DirEntry[str]]) -> set[os.DirEntry[str]]:
    """Give those entries that are folders; asked together, as nearly none is in a circle."""
    try:
        return {entry for entry in entries if entry.is_dir()}
    except OSError:
        return set(filter(_is_folder, entries))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle: told by the look at the file that it seems to be
        return False


def _is_store(folder: str) -> bool:
    """Tell a store, which is no part of what it stores."""
    try:
        with open(f"{folder}/{MARKER}", "rb") as file:
            return b'"edversion":"store"' in file.read(_MARKER_BYTES)
    except OSError:
        return False


def _entered(name: str, folder: _Folder) -> _Folder:
    path = f"{folder.path}/{name}"
    result = stat_of(path)
    identity = result.st_dev, result.st_ino
    if identity in folder.above:
        raise InvalidInputError(
            f"{path} leads back to {folder.above[identity]}: a loop of symbolic links; "
            "remove it, or add the folders one by one",
            code="symlink_loop",
            path=path,
        )
    above = {**folder.above, identity: path}
    return _Folder(path, f"{folder.prefix}{name}/", above)


def _noted_together(
    folder: str, names: list[str], results: list[os.stat_result], now: int
) -> list[FileSource]:
    """Take note of many files; only those that are odd or young are looked at one by one."""
    stats = Stat.of_all(results)
    modes = list(map(_MODE, results))
    executable = {mode: bool(mode & mode_bits.S_IXUSR) for mode in set(modes)}
    flags = map(executable.__getitem__, modes)
    fields = zip(repeat(folder), names, stats, flags, repeat(None), strict=False)
    sources = list(map(tuple.__new__, repeat(FileSource), fields))
    for index in _doubtful(modes, list(map(_CTIME, stats)), surely_settled(now)):
        sources[index] = noted_file(folder, names[index], results[index], now)
    return sources


def _doubtful(modes: list[int], times: list[int], calm: int) -> list[int]:
    """Give the places of what is no regular file, or so young that it must be read."""
    odd = {mode for mode in set(modes) if not mode_bits.S_ISREG(mode)}
    if not odd and max(times, default=0) < calm:
        return []
    pairs = zip(modes, times, strict=True)
    return [place for place, (mode, time) in enumerate(pairs) if time >= calm or mode in odd]
