"""Where objects lie: a local folder, or anything that fsspec reaches.

Keys are POSIX paths below the store's root. Objects are written once, whole, and never
changed; a local one is on the disk (file and folder synchronised) when a call returns.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from edversion.errors import StorageError
from edversion.store.failures import storage_errors
from edversion.store.keys import check_key

__all__ = ["Backend", "LocalBackend", "open_backend", "read_exactly", "write_fully"]

_WRITTEN_AT_ONCE = 256 << 10
_TOGETHER = 64  # pieces of one system call
_EXTRAS = {
    "s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs",
    "abfs": "azure", "abfss": "azure", "az": "azure",
}  # fmt: skip
_NO_LINKS = {1, 95, 38, 45}  # EPERM, EOPNOTSUPP, ENOSYS, ENOTSUP: file systems without hard links


class Backend(Protocol):
    """What the store asks of the place where objects lie."""

    url: str
    creates_only: bool
    """Whether `create` can be trusted never to write over what another process writes."""

    def local_path(self, key: str) -> Path | None:
        """Give the object's local path, where it has one."""

    def create(self, key: str, data: bytes, *, durable: bool = True) -> bool:
        """Write a new object; False where one of that key exists, which is left alone."""

    def replace(self, key: str, data: bytes) -> None:
        """Write an object, over an older one if there is any."""

    def publish(self, temporary: Path, key: str) -> None:
        """Make a finished local file an object; the temporary file is gone afterwards."""

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Read an object's bytes, or a range of them.

        Raises
        ------
        FileNotFoundError
            There is no such object.
        """

    def size(self, key: str) -> int | None:
        """Give an object's bytes, or None where there is none."""

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Give keys and sizes of all objects below a folder, in no order."""

    def delete(self, key: str) -> None:
        """Remove an object; no error where there is none."""


class LocalBackend:
    """Objects as files below a folder.

    Parameters
    ----------
    root : path
        The folder; made when the first object is written.
    """

    creates_only = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = str(root)
        self.scratch = root / "tmp"
        self._made: set[Path] = set()

    def local_path(self, key: str) -> Path:
        """Give the object's local path, where it has one."""
        return self.root / check_key(key)

    def create(self, key: str, data: bytes, *, durable: bool = True) -> bool:
        """Write a new object; False where one of that key exists, which is left alone."""
        path = self.local_path(key)
        with storage_errors(f"writing {key} to the store at {self.root}"):
            temporary = self._write_temporary(path, data, durable=durable)
            try:
                made = _link(temporary, path)
            finally:
                with suppress(FileNotFoundError):
                    temporary.unlink()
            if durable:
                _sync_folder(path.parent)
            return made

    def replace(self, key: str, data: bytes) -> None:
        """Write an object, over an older one if there is any."""
        path = self.local_path(key)
        with storage_errors(f"writing {key} to the store at {self.root}"):
            temporary = self._write_temporary(path, data, durable=False)
            temporary.replace(path)

    def publish(self, temporary: Path, key: str) -> None:
        """Move a file that is already synchronised; its name is unique, so nothing is replaced."""
        path = self.local_path(key)
        with storage_errors(f"writing {key} to the store at {self.root}"):
            self._make_folder(path.parent)
            temporary.chmod(0o444)
            temporary.rename(path)
            _sync_folder(path.parent)

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Read an object's bytes, or a range of them."""
        with open(self.local_path(key), "rb", buffering=0) as file:
            if length is None:
                file.seek(offset)
                return file.readall()
            return read_exactly(file.fileno(), offset, length)

    def size(self, key: str) -> int | None:
        """Give an object's bytes, or None where there is none."""
        try:
            return self.local_path(key).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Give keys and sizes of all objects below a folder, in no order."""
        waiting = [prefix]
        while waiting:
            folder = waiting.pop()
            with (
                suppress(FileNotFoundError, NotADirectoryError),
                os.scandir(self.local_path(folder) if folder else self.root) as found,
            ):
                for entry in found:  # by texts: a path object for each takes five times as long
                    key = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(key)
                        continue
                    with suppress(FileNotFoundError):  # removed by another process meanwhile
                        yield key, entry.stat().st_size

    def delete(self, key: str) -> None:
        """Remove an object; no error where there is none."""
        with storage_errors(f"deleting {key} from the store at {self.root}"):
            self.local_path(key).unlink(missing_ok=True)

    def _write_temporary(self, path: Path, data: bytes, *, durable: bool) -> Path:
        self._make_folder(path.parent)
        self._make_folder(self.scratch)
        temporary = self.scratch / f"{secrets.token_hex(8)}.{path.name}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        try:
            try:
                write_fully(descriptor, data)
                if durable:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError:
            temporary.unlink()
            raise
        return temporary

    def _make_folder(self, folder: Path) -> None:
        """Make a folder so that it outlives a power cut: parents are synchronised too."""
        if folder in self._made:
            return
        if not folder.is_dir():
            self._make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
            _sync_folder(folder.parent)
        self._made.add(folder)


def open_backend(url: str) -> Backend:
    """Give the backend of a store's URL or folder.

    Raises
    ------
    StorageError
        No installed package speaks the URL's protocol.
    """
    protocol, separator, rest = url.partition("://")
    if not separator:
        return LocalBackend(Path(url).absolute())
    if protocol in ("file", "local"):
        return LocalBackend(Path(rest))
    from edversion.store.objects import ObjectBackend

    try:
        return ObjectBackend(url)
    except (ImportError, ValueError) as error:
        extra = _EXTRAS.get(protocol) if isinstance(error, ImportError) else None
        advice = f"; pip install 'edversion[{extra}]'" if extra else ""
        raise StorageError(
            f"cannot open the store {url!r}: {error}{advice}", code="unknown_protocol", url=url
        ) from error


def write_fully(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of the bytes, however often the system call stops short.

    A few pages at once: asked for megabytes, the kernel looks for memory in larger pieces, and
    takes up to four times as long.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view[:_WRITTEN_AT_ONCE]) :]


def write_pieces(descriptor: int, pieces: Sequence[bytes | memoryview]) -> None:
    """Write many small pieces, one after the other, without putting them together first."""
    for start in range(0, len(pieces), _TOGETHER):
        some = pieces[start : start + _TOGETHER]
        size = sum(map(len, some))
        done = os.writev(descriptor, some) if size <= 2 * _WRITTEN_AT_ONCE else 0
        if done < size:  # large, or the system call stopped short
            write_fully(descriptor, memoryview(b"".join(some))[done:])


def read_exactly(descriptor: int, offset: int, length: int) -> bytes:
    """Read a range; shorter only where the file ends."""
    data = os.pread(descriptor, length, offset)
    if len(data) in (0, length):
        return data
    parts = [data]  # one call reads at most 2 GiB
    while data and (done := sum(map(len, parts))) < length:
        data = os.pread(descriptor, length - done, offset + done)
        parts.append(data)
    return b"".join(parts)


def _link(temporary: Path, path: Path) -> bool:
    """Give a file its name, unless the name is taken."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():
            return False
        temporary.rename(path)
    return True


def _sync_folder(folder: Path) -> None:
    """Put a folder's entries on the disk; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
