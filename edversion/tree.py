"""The paths of a draft, and where the bytes of each come from."""

from __future__ import annotations

from collections.abc import Mapping

from edversion.errors import ConflictError, InvalidInputError
from edversion.folders import FolderFiles, grouped
from edversion.model import FileEntry
from edversion.reference import check_nesting, parents
from edversion.sources import FileSource, Source

__all__ = ["Tree"]


class Tree:
    """Sources by path; no path is both a file and a folder.

    A folder that is added to an empty tree stays in columns until somebody asks for a source.
    """

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}
        self._folders: set[str] = set()
        self._columns: list[FolderFiles] = []

    def __len__(self) -> int:
        return len(self._sources) + sum(map(len, self._columns))

    @property
    def size(self) -> int:
        """Bytes of all entries whose size is known."""
        columns = sum(sum(files.sizes) for files in self._columns)
        return columns + sum(source.size or 0 for source in self._sources.values())

    @property
    def sources(self) -> dict[str, Source]:
        """Sources by legal path."""
        if self._columns:
            for files in self._columns:
                self._sources.update(files.sources())
            self._columns = []
        return self._sources

    def parts(self) -> tuple[list[FolderFiles], Mapping[str, Source]]:
        """Give the files in columns, and all other sources by path."""
        if self._columns:
            return self._columns, {}
        files = [
            (path, source) for path, source in self._sources.items() if type(source) is FileSource
        ]
        others = (
            self._sources
            if not files
            else {
                path: source
                for path, source in self._sources.items()
                if type(source) is not FileSource
            }
        )
        return grouped(files), others

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

    def put_all(self, found: list[FolderFiles], *, overwrite: bool) -> None:
        """Take a folder in, folder by folder, all of it or, where anything is wrong, nothing."""
        if not len(self) and self._adopt(found):
            return
        before = dict(self.sources), set(self._folders)
        try:
            for files in found:
                for path, source in files.sources():
                    self.put(path, source, overwrite=overwrite)
        except BaseException:
            self._sources, self._folders = before
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

    def _adopt(self, found: list[FolderFiles]) -> bool:
        """Take a whole tree at once; False where its names clash once they are NFC."""
        together: set[str] = set()
        for files in found:
            together.update(files.paths)
        folders = {files.paths[0].rpartition("/")[0] for files in found}
        folders |= {parent for folder in folders for parent in parents(folder)}
        folders.discard("")
        if len(together) != sum(map(len, found)) or not folders.isdisjoint(together):
            return False
        self._columns, self._folders = found, folders
        return True


def _same(path: str, known: Source, source: Source) -> bool:
    if known.size != source.size:
        return False
    try:
        mine, other = known.entry(path), source.entry(path)
    except ConflictError:  # changed since: nobody can tell any more what it was
        return False
    return (mine.digest, mine.reference) == (other.digest, other.reference)
