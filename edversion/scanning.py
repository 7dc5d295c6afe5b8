"""Take note of every file below a folder, in as few steps for each as Python allows."""

from __future__ import annotations

import os
import stat as mode_bits
from operator import attrgetter
from typing import NamedTuple

from edversion.errors import InvalidInputError
from edversion.folders import FolderFiles
from edversion.sources import noted_file, stat_of
from edversion.store import MARKER, Stat, coarse_now, storage_errors, unsettled

__all__ = ["scan_folder"]

_MARKER_BYTES = 4096
_NAME, _MODE, _CTIME = map(attrgetter, ("name", "st_mode", "st_ctime_ns"))


def scan_folder(root: str) -> list[FolderFiles]:
    """Give every file below a folder, by folder, with its path relative to it; no stores.

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
    found: list[FolderFiles] = []
    top = os.path.abspath(root)
    waiting = [_Folder(top, "", {(result.st_dev, result.st_ino): top})]
    while waiting:  # a stack, since folders may be nested deeper than Python's calls
        folder = waiting.pop()
        now = coarse_now()
        inner, names, results = _listed(folder.path)
        if names:
            found.append(_noted_together(folder, names, results, now))
        waiting += [
            _entered(name, folder) for name in inner if not _is_store(f"{folder.path}/{name}")
        ]
    return found


class _Folder(NamedTuple):
    """A folder to walk; `above` holds the folders on the way to it."""

    path: str
    prefix: str
    above: dict[tuple[int, int], str]


def _listed(folder: str) -> tuple[list[str], list[str], list[os.stat_result]]:
    """List a folder: the folders in it, the files, and the stat of each file.

    By its descriptor: the kernel walks the path once, not once for each file.
    """
    with storage_errors(f"listing {folder}"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with storage_errors(f"listing {folder}"), os.scandir(descriptor) as listing:
            entries = sorted(listing, key=_NAME)
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
    folder: _Folder, names: list[str], results: list[os.stat_result], now: int
) -> FolderFiles:
    """Take note of many files; only those that are odd or young are looked at one by one."""
    stats = list(map(Stat.fields, results))
    modes = list(map(_MODE, results))
    runnable = {mode for mode in set(modes) if mode & mode_bits.S_IXUSR}
    executable = {at for at, mode in enumerate(modes) if mode in runnable} if runnable else set()
    read: dict[int, str] = {}
    odd = {mode for mode in set(modes) if not mode_bits.S_ISREG(mode)}
    strange = [at for at, mode in enumerate(modes) if mode in odd] if odd else []
    for at in (*strange, *unsettled(list(map(_CTIME, results)), now)):
        source = noted_file(folder.path, names[at], results[at], now)
        if source.digest is not None:
            read[at] = source.digest
    paths = [folder.prefix + name for name in names]
    return FolderFiles(folder.path, paths, names, stats, executable, read)
