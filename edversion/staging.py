"""Temporary files for what is written into a draft, gone once it is logged or forgotten."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

__all__ = ["Staging"]

_SUFFIX = 32  # characters of a suffix that are kept: a whole name may be one


class Staging:
    """A temporary folder, made when the first file needs it.

    Attributes
    ----------
    folder : str or None
        The folder, while there is one.
    """

    def __init__(self) -> None:
        self.folder: str | None = None
        self._remove: Callable[[], object] | None = None

    @contextmanager
    def file(
        self, name: str, mode: str, encoding: str | None = None
    ) -> Iterator[tuple[IO[Any], str]]:
        """Open a new file with the suffix of `name`; give it and its path.

        An exception inside the block removes it.
        """
        if self.folder is None:
            self.folder = tempfile.mkdtemp(prefix="edversion-")
            self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        descriptor, path = tempfile.mkstemp(suffix=Path(name).suffix[:_SUFFIX], dir=self.folder)
        try:
            with open(descriptor, mode, encoding=encoding) as file:
                yield file, path
        except BaseException:
            os.unlink(path)
            raise

    def clear(self) -> None:
        """Remove all files."""
        if self._remove is not None:
            self._remove()
        self.folder = None
