"""The file system of fsspec over the versions of a repository."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.utils import isfilelike

from edversion.errors import InvalidInputError, NotFoundError
from edversion.filesystem.addresses import Address, parse_address
from edversion.filesystem.faults import FolderError, MissingError, missing_told
from edversion.filesystem.listing import Listing
from edversion.filesystem.reading import VersionFile, bounds_of, stretch
from edversion.filesystem.readonly import ReadOnly, refusal
from edversion.model import Version

__all__ = ["EdversionFileSystem"]

_BUFFER = 1 << 20


class EdversionFileSystem(ReadOnly, Listing):
    """Read the files of versions through fsspec; nothing can be written.

    An alias is looked up once for each call: what is open stays with its version when the
    alias moves. Whoever reads many files by an alias, over minutes, pins it first (`pinned`);
    `glob` does so by itself.

    Listings show each version once, by number; paths by alias and by digest work as well.
    Reading is verified as by `Version.open`, and fetches only the segments that it needs.

    Parameters
    ----------
    store, catalog : str, optional
        Where the repository is; found as by `edversion.open` where left out.
    project : str, optional
        Where to look first for a name without a project; else in that of the run.
    lineage : bool
        Whether what is opened inside of ``with edversion.init(...)`` is recorded as used by
        that run, once. So it is for threads that were handed a file system made there, and
        not for forked processes. A run of another repository cannot record it, and a warning
        says so.
    relation : str, optional
        What the run uses it for, as in `Run.use_artifact`.
    **storage_options : object
        fsspec's own.

    Examples
    --------
    >>> import edversion, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with edversion.init("school", store=folder.name) as run:
    ...     draft = edversion.Artifact("marks", type="dataset")
    ...     draft.add_bytes(b"id,mark", "2026/marks.csv")
    ...     _ = run.log_artifact(draft)
    >>> files = EdversionFileSystem(store=folder.name)
    >>> files.find("school/marks:latest")
    ['school/marks:latest/2026/marks.csv']
    >>> files.cat("edversion://marks:latest/2026/marks.csv")
    b'id,mark'
    >>> folder.cleanup()
    """

    def pinned(self, path: str) -> str:
        """Give the URL of the same file by the number of its version, which never moves.

        Examples
        --------
        ``files.pinned("marks:latest/2026")`` is ``edversion://school/marks:v3/2026`` today.
        """
        stripped = self._strip_protocol(path)
        with missing_told(stripped):
            address = parse_address(stripped)
            if address.reference is None:
                raise MissingError(f"{stripped!r} names no version", path=stripped)
            version = self._version(address.reference)
        return str(self.unstrip_protocol(str(Address(version.reference, address.path))))

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        **kwargs: Any,
    ) -> VersionFile:
        if mode != "rb":
            raise refusal(f"open({mode!r})", path)
        with missing_told(path):
            address = parse_address(path)
            if address.reference is None:
                raise FolderError(f"{path!r} is no file, but a project", path=path)
            version = self._version(address.reference)
            file = self._file(address, version)
        self._note(version)
        return VersionFile(file, self, path, version, block_size or _BUFFER)

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any
    ) -> bytes:
        """Give the bytes of a file, or a stretch with the bounds of a slice."""
        with self.open(path, "rb", **kwargs) as file:
            return file.read() if start is end is None else stretch(file, start, end)

    def cat_ranges(
        self,
        paths: list[str],
        starts: int | list[int],
        ends: int | list[int],
        max_gap: int | None = None,  # what is near is in the same segment
        on_error: str = "return",
        **kwargs: Any,
    ) -> list[Any]:
        """Give stretches of files; each file is opened once."""
        if not isinstance(paths, list):
            raise TypeError("paths must be a list")
        begins, stops = bounds_of(starts, paths), bounds_of(ends, paths)
        found: list[Any] = [None] * len(paths)
        with self._at_once():
            for path in dict.fromkeys(paths):
                wanted = [index for index, each in enumerate(paths) if each == path]
                with self._told(found, wanted, on_error), self.open(path, "rb", **kwargs) as file:
                    for index in wanted:
                        with self._told(found, [index], on_error):
                            found[index] = stretch(file, begins[index], stops[index])
        return found

    @contextmanager
    def _told(self, found: list[Any], wanted: list[int], on_error: str) -> Iterator[None]:
        """Put an error where the bytes would be, unless it is to be raised."""
        try:
            yield
        except Exception as error:
            if on_error != "return":
                raise
            for index in wanted:
                found[index] = error

    def cat(
        self, path: Any, recursive: bool = False, on_error: str = "raise", **kwargs: Any
    ) -> Any:
        """Give the bytes of files; see fsspec."""
        with self._at_once():
            return super().cat(path, recursive=recursive, on_error=on_error, **kwargs)

    def get(self, rpath: Any, lpath: Any, recursive: bool = False, **kwargs: Any) -> Any:
        """Copy files or folders to this machine; see fsspec."""
        with self._at_once():
            return super().get(rpath, lpath, recursive=recursive, **kwargs)

    def get_file(
        self,
        rpath: str,
        lpath: Any,
        callback: Any = DEFAULT_CALLBACK,
        outfile: Any = None,
        **kwargs: Any,
    ) -> None:
        """Copy one file to this machine; it has its name only when all bytes were verified."""
        if outfile is not None or isfilelike(lpath) or self.isdir(rpath):
            super().get_file(rpath, lpath, callback=callback, outfile=outfile, **kwargs)
            return
        partial = f"{os.fspath(lpath)}.{secrets.token_hex(4)}.part"
        try:
            super().get_file(rpath, partial, callback=callback, **kwargs)
            os.replace(partial, lpath)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(partial)

    def _file(self, address: Address, version: Version) -> BinaryIO:
        try:
            return version.open(address.path) if address.path else _no_file(version)
        except (NotFoundError, InvalidInputError):
            if not self._place.folders(version).is_folder(address.path):
                raise
            raise FolderError(
                f"{str(address)!r} is a folder; open one of its files", path=str(address)
            ) from None


def _no_file(version: Version) -> BinaryIO:
    raise NotFoundError(f"{version.reference} is a version, not a file")
