"""The paths of a draft, and where the bytes of each come from."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter

from edversion.errors import ConflictError, InvalidInputError
from edversion.model import FileEntry
from edversion.reference import check_nesting, parents
from edversion.sources import FileSource, Source

__all__ = ["Tree"]


class Tree:
    """Sources by path; no path is both a file and a folder.

    Attributes
    ----------
    sources : dict of str to Source
        By legal path.
    """

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}
        self._folders: set[str] = set()

    def __len__(self) -> int:
        return len(self.sources)

    def put(self, path: str, source: Source, *, overwrite: bool) -> None:
        """Take a source in; the same bytes at the same path again change nothing.

        Raises
        ------
        InvalidInputError
            Other bytes are there already (code ``path_taken``), or the path would be both a
            file and a folder.
        """
        known = self.sources.get(path)
        if known is not None and known == source and not overwrite:
            return
        if known is not None and not overwrite and not _same(path, known, source):
            raise InvalidInputError(
                f"{path!r} is in the draft already with other bytes; pass overwrite=True to "
                "replace it, or choose another name",
                code="path_taken",
                path=path,
            )
        if known is None:
            check_nesting(path, self.sources, self._folders)
        self.sources[path] = source  # equal bytes too: the stat may be a newer one

    def put_all(self, paths: list[str], sources: list[FileSource], *, overwrite: bool) -> None:
        """Take a folder in, folder by folder, all of it or, where anything is wrong, nothing."""
        if not self.sources and self._adopt(paths, sources):
            return
        before = dict(self.sources), set(self._folders)
        try:
            for path, source in zip(paths, sources, strict=True):
                self.put(path, source, overwrite=overwrite)
        except BaseException:
            self.sources, self._folders = before
            raise

    def remove(self, path: str) -> bool:
        """Take out a file, or a folder with all its files; tell whether there was one."""
        gone = [known for known in self.sources if known == path or known.startswith(path + "/")]
        for known in gone:
            del self.sources[known]
        self._folders = {folder for known in self.sources for folder in parents(known)}
        return bool(gone)

    def entry(self, path: str) -> FileEntry:
        """Give a path's manifest entry; a file is read once."""
        source = self.sources[path]
        entry = source.entry(path)
        if isinstance(source, FileSource) and source.digest is None:
            self.sources[path] = source.with_digest(entry.digest)
        return entry

    def _adopt(self, paths: list[str], sources: list[FileSource]) -> bool:
        """Take a whole tree at once; False where its names clash once they are NFC."""
        together: dict[str, Source] = dict(zip(paths, sources, strict=True))
        folders, place = set(), 0
        for _, group in groupby(sources, attrgetter("folder")):
            folders.add(paths[place].rpartition("/")[0])
            place += len(list(group))
        folders |= {parent for folder in folders for parent in parents(folder)}
        folders.discard("")
        if len(together) != len(paths) or not folders.isdisjoint(together):
            return False
        self.sources, self._folders = together, folders
        return True


def _same(path: str, known: Source, source: Source) -> bool:
    if known.size != source.size:
        return False
    try:
        mine, other = known.entry(path), source.entry(path)
    except ConflictError:  # changed since: nobody can tell any more what it was
        return False
    return (mine.digest, mine.reference) == (other.digest, other.reference)
