"""The errors that a file system raises: ours, and those of Python that fsspec's users catch."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from edversion.errors import EdversionError, InvalidInputError, NotFoundError, RefusedError

__all__ = ["FolderError", "MissingError", "ReadOnlyError", "missing_told"]


class _PathError(EdversionError, OSError):
    """What has to do with a path; as an OSError it knows its number and its file name."""

    number = errno.EIO

    def __init__(self, message: str, *, code: str | None = None, **values: object) -> None:
        EdversionError.__init__(self, message, code=code, **values)
        self.errno = self.number
        self.filename = values.get("path")


class MissingError(_PathError, NotFoundError, FileNotFoundError):
    """The path names nothing; also where it is no legal path."""

    code = "not_found"
    number = errno.ENOENT


class FolderError(_PathError, InvalidInputError, IsADirectoryError):
    """The path names a folder, where a file is needed."""

    code = "is_folder"
    number = errno.EISDIR


class ReadOnlyError(_PathError, RefusedError):
    """Versions never change: nothing is written, moved or removed through the file system."""

    code = "read_only"
    number = errno.EROFS

    def __init__(self, message: str, *, code: str | None = None, **values: object) -> None:
        _PathError.__init__(self, message, code=code, **{"verdicts": (), **values})


@contextmanager
def missing_told(path: str) -> Iterator[None]:
    """Say that a path names nothing in the words of the engine, as an error of files."""
    try:
        yield
    except OSError:
        raise
    except (NotFoundError, InvalidInputError) as error:
        values = {**error.values, "path": path}
        raise MissingError(error.message, code=error.code, **values) from error
