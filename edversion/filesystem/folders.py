"""The folders of a version, which its manifest does not list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edversion.model import FileEntry
from edversion.reference import parents

__all__ = ["Folders"]


class Folders:
    """What is in each folder of a version.

    Parameters
    ----------
    entries : iterable of FileEntry
        The version's files, sorted by path.

    Examples
    --------
    >>> folders = Folders([FileEntry("a/x.csv", 1, None), FileEntry("b.csv", 1, None)])
    >>> folders.within("")
    ['a', 'b.csv']
    >>> list(folders.descend(""))
    ['a', 'a/x.csv', 'b.csv']
    """

    def __init__(self, entries: Iterable[FileEntry]) -> None:
        self.files = {entry.path: entry for entry in entries}
        self._within: dict[str, list[str]] = {"": []}
        for path in self.files:
            self._join(path)

    def _join(self, path: str) -> None:
        """Put a file into its folder, and that into its own, up to one that is known."""
        child = path
        for folder in (*parents(path), ""):
            known = folder in self._within
            self._within.setdefault(folder, []).append(child)
            if known:
                return
            child = folder

    def is_folder(self, path: str) -> bool:
        """Tell whether a path is a folder; the empty one always is."""
        return path in self._within

    def within(self, folder: str) -> list[str]:
        """Give the paths of the files and folders directly in a folder."""
        return self._within[folder]

    def descend(self, folder: str, depth: int | None = None) -> Iterator[str]:
        """Give the paths below a folder, down to `depth` levels."""
        for path in self._within[folder]:
            yield path
            if path in self._within and (depth is None or depth > 1):
                yield from self.descend(path, None if depth is None else depth - 1)
