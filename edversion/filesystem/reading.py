"""An open file of a version, as fsspec's users expect it."""

from __future__ import annotations

import io
from typing import Any, BinaryIO, cast

from edversion.model import Version
from edversion.store import OpenFile

__all__ = ["VersionFile", "bounds_of", "stretch"]


class VersionFile(OpenFile):
    """A file of a version: seekable, verified, and not moved by its alias.

    Parameters
    ----------
    opened : binary file
        What `Version.open` gave.
    fs, path : file system and str
        What it was opened by.
    version : Version
        Whose file it is.
    block_size : int
        Bytes to read ahead, at most to the end of a segment.

    Attributes
    ----------
    size : int
        Bytes.
    """

    def __init__(
        self, opened: BinaryIO, fs: Any, path: str, version: Version, block_size: int
    ) -> None:
        raw = opened.detach() if isinstance(opened, io.BufferedReader) else opened
        super().__init__(cast(io.RawIOBase, raw), block_size)
        self.fs, self.path, self.version = fs, path, version
        self.size = self.seek(0, io.SEEK_END)
        self.seek(0)

    @property
    def mode(self) -> str:
        """How it was opened."""
        return "rb"

    @property
    def full_name(self) -> str:
        """The URL that it was opened by."""
        return str(self.fs.unstrip_protocol(self.path))

    @property
    def details(self) -> dict[str, Any]:
        """What the file system says of it."""
        return dict(self.fs.info(self.path))


def bounds_of(given: int | list[int], paths: list[str]) -> list[int]:
    """Give one bound for each path."""
    each = given if isinstance(given, list) else [given] * len(paths)
    if len(each) != len(paths):
        raise ValueError(f"{len(each)} bounds were given for {len(paths)} paths")
    return each


def stretch(file: VersionFile, start: int | None, end: int | None) -> bytes:
    """Read a stretch, whose bounds are those of a slice."""
    begin, stop, _ = slice(start, end).indices(file.size)
    file.seek(begin)
    return file.read(max(stop - begin, 0))
