"""Write files below a folder and never outside it, whatever lies there already.

Every step goes through an open folder of the one before (``openat``), and no symbolic link
is followed: neither a hostile name nor a link in the target folder leads a write astray.
"""

from __future__ import annotations

import os
import secrets
import stat as mode_bits
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edversion.digests import digest_of_file
from edversion.errors import InvalidInputError
from edversion.reference import check_name
from edversion.store import SmallFile, read_exactly, write_fully

__all__ = ["Folders", "default_folder"]

_OPEN_FOLDERS = 128
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe must not make us wait
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def default_folder(name: str, number: int) -> Path:
    """Give where a version goes, if nobody says where; its name may come from anybody."""
    return Path("artifacts", f"{check_name(name, 'collection name')}-v{number}")


class Folders:
    """The folders of one download, opened as they are needed.

    Parameters
    ----------
    root : Path
        Where the download goes; made where it is missing. It may itself be a link.

    Attributes
    ----------
    root : Path
        The same.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._open: dict[str, int] = {}

    def __enter__(self) -> Folders:
        self.root.mkdir(parents=True, exist_ok=True)
        self._root_descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self

    def __exit__(self, *exc: object) -> None:
        for descriptor in (*self._open.values(), self._root_descriptor):
            os.close(descriptor)
        self._open.clear()

    def write_all(self, files: Iterable[tuple[SmallFile, bytes | memoryview]]) -> None:
        """Write files that are wholly in memory; equal bytes that are there stay.

        Parameters
        ----------
        files : iterable of (SmallFile, bytes)
            With legal paths, and each with its verified content.
        """
        last, within = "", self._root_descriptor
        for (path, _, _, executable), data in files:
            folder, _, name = path.rpartition("/")
            if folder != last:
                last, within = folder, self._folder(folder)
            try:
                descriptor = os.open(name, _NEW, 0o777 if executable else 0o666, dir_fd=within)
            except FileExistsError:
                self._replace(path, data, executable=executable)
                continue
            try:
                if os.write(descriptor, data) != len(data):
                    os.lseek(descriptor, 0, os.SEEK_SET)
                    write_fully(descriptor, data)
            except BaseException:
                os.unlink(name, dir_fd=within)
                raise
            finally:
                os.close(descriptor)

    @contextmanager
    def replacing(self, path: str, *, executable: bool) -> Iterator[int]:
        """Give a descriptor to fill; at the block's end the file takes the place of an older one.

        An exception inside the block leaves what was there.
        """
        folder, _, name = path.rpartition("/")
        within = self._folder(folder)
        self._check_replaceable(path, name, within)
        temporary = f".edversion-{secrets.token_hex(8)}"
        descriptor = os.open(temporary, _NEW, 0o777 if executable else 0o666, dir_fd=within)
        try:
            try:
                yield descriptor
            finally:
                os.close(descriptor)
            within = self._folder(folder)  # may have been closed to make room
            os.replace(temporary, name, src_dir_fd=within, dst_dir_fd=within)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=self._folder(folder))
            raise

    def holds(self, path: str, size: int, digest: str, *, executable: bool) -> bool:
        """Tell whether a file is there already with just these bytes."""
        folder, _, name = path.rpartition("/")
        try:
            descriptor = os.open(name, _READ, dir_fd=self._folder(folder))
        except OSError:
            return False
        try:
            status = os.fstat(descriptor)
            same = mode_bits.S_ISREG(status.st_mode) and status.st_size == size
            same = same and bool(status.st_mode & mode_bits.S_IXUSR) == executable
            return same and digest_of_file(f"/dev/fd/{descriptor}") == digest
        finally:
            os.close(descriptor)

    def _replace(self, path: str, data: bytes | memoryview, *, executable: bool) -> None:
        if self._same(path, data, executable=executable):
            return
        with self.replacing(path, executable=executable) as descriptor:
            write_fully(descriptor, data)

    def _same(self, path: str, data: bytes | memoryview, *, executable: bool) -> bool:
        folder, _, name = path.rpartition("/")
        try:
            descriptor = os.open(name, _READ, dir_fd=self._folder(folder))
        except OSError:
            return False
        try:
            status = os.fstat(descriptor)
            same = mode_bits.S_ISREG(status.st_mode) and status.st_size == len(data)
            same = same and bool(status.st_mode & mode_bits.S_IXUSR) == executable
            return same and read_exactly(descriptor, 0, len(data)) == data
        finally:
            os.close(descriptor)

    def _check_replaceable(self, path: str, name: str, within: int) -> None:
        with suppress(FileNotFoundError):
            status = os.stat(name, dir_fd=within, follow_symlinks=False)
            if mode_bits.S_ISDIR(status.st_mode):
                raise InvalidInputError(
                    f"{self.root / path} is a folder, but the version has a file there; move it "
                    "away, or download elsewhere",
                    code="folder_in_the_way",
                    path=str(self.root / path),
                )

    def _folder(self, path: str) -> int:
        """Give an open folder below the root; made where it is missing."""
        if not path:
            return self._root_descriptor
        known = self._open.pop(path, None)
        if known is None:
            above, _, name = path.rpartition("/")
            known = self._enter(path, name, self._folder(above))
            if len(self._open) >= _OPEN_FOLDERS:
                os.close(self._open.pop(next(iter(self._open))))
        self._open[path] = known  # last in, last out
        return known

    def _enter(self, path: str, name: str, within: int) -> int:
        try:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=within)
            return os.open(name, _FOLDER, dir_fd=within)
        except OSError as error:
            if (self.root / path).is_symlink() or (self.root / path).is_file():
                raise InvalidInputError(
                    f"{self.root / path} is a link or a file, but the version has a folder there; "
                    "move it away, or download elsewhere",
                    code="file_in_the_way",
                    path=str(self.root / path),
                ) from error
            raise
