"""Where the bytes of a draft's paths come from: files, memory, other versions, URLs."""

from __future__ import annotations

import os
import stat as mode_bits
from itertools import repeat
from typing import NamedTuple

from edversion.digests import digest_of_file
from edversion.errors import ConflictError, InvalidInputError, NotFoundError, StorageError
from edversion.model import FileEntry, Version
from edversion.store import (
    MARKER,
    Stat,
    coarse_now,
    digest_of_external,
    inquire,
    storage_errors,
    surely_settled,
)

__all__ = [
    "BytesSource",
    "FileSource",
    "ReferenceSource",
    "Source",
    "StoredSource",
    "file_source",
    "reference_source",
    "scan_folder",
    "source_changed",
]


_MARKER_BYTES = 4096
_KIND = 0o170000  # the bits of a mode that tell a file from a folder, a pipe, a device


class FileSource(NamedTuple):
    """A file of the user's, remembered by its stat; a tuple, since folders have many.

    Attributes
    ----------
    folder, filename : str
        Absolute folder, and the name in it.
    stat : Stat
        As it was when the file was added.
    executable : bool
        Whether its owner may execute it.
    digest : str or None
        Digest of the bytes, once they were read: at once for a file so young that a
        further write might not show in its stat.
    """

    folder: str
    filename: str
    stat: Stat
    executable: bool
    digest: str | None

    @property
    def path(self) -> str:
        """The file's path."""
        return f"{self.folder}/{self.filename}"

    @property
    def size(self) -> int:
        """Bytes."""
        return self.stat.size

    def with_digest(self, digest: str | None) -> FileSource:
        """Give the same source with its digest."""
        return self._replace(digest=digest)

    def check(self) -> None:
        """Raise where the file is not the one that was added.

        Raises
        ------
        ConflictError
            It changed, or is gone.
        """
        try:
            now = Stat.of(os.stat(self.path))
        except OSError as error:
            raise source_changed(self.path) from error
        if now != self.stat:
            raise source_changed(self.path)

    def entry(self, path: str) -> FileEntry:
        """Give the manifest entry; reads the file unless its digest is known."""
        digest = self.digest
        if digest is None:
            self.check()
            with storage_errors(f"reading {self.path}"):
                digest = digest_of_file(self.path)
            self.check()
        return FileEntry(path, self.stat.size, digest, executable=self.executable)


class BytesSource(NamedTuple):
    """Bytes in memory."""

    data: bytes
    digest: str

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data)

    @property
    def executable(self) -> bool:
        """Bytes from memory have no mode."""
        return False

    def entry(self, path: str) -> FileEntry:
        """Give the manifest entry."""
        return FileEntry(path, len(self.data), self.digest)


class StoredSource(NamedTuple):
    """A file of another version."""

    version: Version
    file: FileEntry

    @property
    def size(self) -> int | None:
        """Bytes."""
        return self.file.size

    @property
    def executable(self) -> bool:
        """Whether its owner may execute it."""
        return self.file.executable

    def entry(self, path: str) -> FileEntry:
        """Give the manifest entry."""
        return FileEntry(path, self.file.size, self.file.digest, executable=self.file.executable)


class ReferenceSource(NamedTuple):
    """Bytes that stay where they are."""

    file: FileEntry

    @property
    def size(self) -> int | None:
        """Bytes, where the other store tells."""
        return self.file.size

    @property
    def executable(self) -> bool:
        """Nothing is known of its mode."""
        return False

    def entry(self, path: str) -> FileEntry:
        """Give the manifest entry."""
        return FileEntry(path, self.file.size, self.file.digest, self.file.reference)


Source = FileSource | BytesSource | StoredSource | ReferenceSource


def file_source(path: str) -> FileSource:
    """Take note of a file.

    Raises
    ------
    NotFoundError
        There is no such file.
    InvalidInputError
        It is no regular file.
    """
    now = coarse_now()
    result = _stat(path)
    if mode_bits.S_ISDIR(result.st_mode):
        raise InvalidInputError(f"{path} is a folder; add it with add_dir", path=path)
    folder, filename = os.path.split(os.path.abspath(path))
    return _noted(folder, filename, result, now)


def scan_folder(root: str) -> tuple[list[str], list[FileSource]]:
    """Give every file below a folder: the paths relative to it, and the files; no stores.

    Raises
    ------
    NotFoundError
        There is no such folder.
    InvalidInputError
        A symbolic link leads in a circle or nowhere; something is no regular file.
    """
    result = _stat(root)
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
    inner, names, results = [], [], []
    with storage_errors(f"listing {folder}"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with storage_errors(f"listing {folder}"), os.scandir(descriptor) as listing:
            entries = list(listing)
        for entry in entries:
            try:
                if entry.is_dir():
                    inner.append(entry.name)
                    continue
                result = entry.stat()
            except OSError:
                result = _stat(f"{folder}/{entry.name}")  # says what is wrong with a link
            names.append(entry.name)
            results.append(result)
    finally:
        os.close(descriptor)
    return inner, names, results


def _is_store(folder: str) -> bool:
    """Tell a store, which is no part of what it stores."""
    try:
        with open(f"{folder}/{MARKER}", "rb") as file:
            return b'"edversion":"store"' in file.read(_MARKER_BYTES)
    except OSError:
        return False


def _entered(name: str, folder: _Folder) -> _Folder:
    path = f"{folder.path}/{name}"
    result = _stat(path)
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
    modes = [result.st_mode for result in results]
    executable = [bool(mode & mode_bits.S_IXUSR) for mode in modes]
    fields = zip(repeat(folder), names, stats, executable, repeat(None), strict=False)
    sources = list(map(tuple.__new__, repeat(FileSource), fields))
    calm = surely_settled(now)
    for index, (mode, stat) in enumerate(zip(modes, stats, strict=True)):
        if stat.ctime_ns >= calm or mode & _KIND != mode_bits.S_IFREG:
            sources[index] = _noted(folder, names[index], results[index], now)
    return sources


def _noted(folder: str, filename: str, result: os.stat_result, now: int) -> FileSource:
    mode = result.st_mode
    if mode & _KIND != mode_bits.S_IFREG:
        raise InvalidInputError(
            f"{folder}/{filename} is no regular file (a pipe, socket or device); leave it out",
            code="not_a_file",
            path=f"{folder}/{filename}",
        )
    stat = Stat.of(result)
    source = FileSource(folder, filename, stat, bool(mode & mode_bits.S_IXUSR), None)
    if stat.settled(now):
        return source
    return source.with_digest(source.entry(filename).digest)


def _stat(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        if os.path.islink(path):
            raise InvalidInputError(
                f"{path} is a symbolic link to {os.readlink(path)}, which does not exist; mend or "
                "remove it",
                code="broken_symlink",
                path=path,
            ) from error
        raise NotFoundError(
            f"there is no file or folder {path}", code="no_file", path=path
        ) from error
    except OSError as error:
        if os.path.islink(path):
            raise InvalidInputError(
                f"{path} is a symbolic link that leads in a circle; remove it",
                code="symlink_loop",
                path=path,
            ) from error
        raise StorageError(f"cannot read {path}: {error}", path=path) from error
    except ValueError as error:
        raise InvalidInputError(f"illegal path {path!r}: {error}", path=path) from error


def reference_source(url: str, path: str, *, checksum: bool) -> ReferenceSource:
    """Ask another store about a file that stays there.

    Raises
    ------
    NotFoundError
        There is nothing at the URL.
    StorageError
        The store cannot be reached.
    """
    entry = inquire(url, path)
    if checksum:
        entry = FileEntry(path, entry.size, digest_of_external(url), entry.reference)
        if inquire(url, path).reference != entry.reference:
            raise source_changed(url)
    return ReferenceSource(entry)


def source_changed(path: str) -> ConflictError:
    """Say that a source changed between add and log."""
    return ConflictError(
        f"{path} changed since it was added to the draft; nothing was logged. Add it again, "
        "with overwrite=True, when nobody writes to it",
        code="source_changed",
        path=path,
    )
