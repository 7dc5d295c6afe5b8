"""Turn the operating system's errors into ones that say what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from edversion.errors import EdversionError, StorageError

__all__ = ["storage_errors"]

_ADVICE = {
    errno.ENOSPC: ("store_full", "the disk is full; free some space and try again"),
    errno.EDQUOT: ("store_full", "the disk quota is used up; free some space and try again"),
    errno.EFBIG: ("store_full", "the file system allows no larger file"),
    errno.ENOTDIR: ("not_a_folder", "a file is where a folder must be; choose another place"),
    errno.EROFS: ("store_readonly", "the file system is read-only"),
    errno.EACCES: ("store_readonly", "permission denied; check the owner of the folder"),
    errno.EPERM: ("store_readonly", "permission denied; check the owner of the folder"),
}


@contextmanager
def storage_errors(doing: str, *, expected: type[OSError] | tuple[()] = ()) -> Iterator[None]:
    """Raise `StorageError` for any `OSError` inside, naming what was being done.

    Parameters
    ----------
    doing : str
        What the block does, as the message says it: ``"writing to the store at /x"``.
    expected : type, optional
        An error that the caller deals with itself.
    """
    try:
        yield
    except EdversionError:
        raise
    except expected:
        raise
    except OSError as error:
        code, advice = _ADVICE.get(error.errno or 0, ("storage", str(error)))
        where = f" ({error.filename})" if error.filename and code != "storage" else ""
        raise StorageError(
            f"{doing} failed{where}: {advice}. Nothing that was logged before is lost",
            code=code,
            errno=error.errno,
        ) from error
