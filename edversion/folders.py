"""The files of one folder on their way into a version, as columns: one value for each file.

Drafts of a hundred thousand files are common. An object for each of them takes longer to make
than to ask the system about the file, so it is made only where somebody asks for one.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from operator import attrgetter, itemgetter

from edversion.reference import check_paths
from edversion.sources import FileSource, source_changed
from edversion.store import Listing, Stat

__all__ = ["FolderFiles", "grouped"]

_SIZE, _CTIME = itemgetter(2), itemgetter(4)
_FILENAME = attrgetter("filename")


class FolderFiles:
    """Files of one folder, in the order of their names there.

    Parameters
    ----------
    folder : str
        Absolute.
    paths : sequence of str
        Where each file goes in the artifact.
    names : sequence of str
        Their names in the folder.
    stats : sequence of tuple
        The fields of the `Stat` that each had when it was added.
    executable : set of int
        Places, in the columns, of those that their owner may execute.
    read : mapping of int to str
        Digests, by place, of those that were read when they were added: so young that a
        further write might not show in their stat.
    """

    def __init__(
        self,
        folder: str,
        paths: Sequence[str],
        names: Sequence[str],
        stats: Sequence[tuple[int, ...]],
        executable: set[int],
        read: Mapping[int, str],
    ) -> None:
        self.folder, self.paths, self.names, self.stats = folder, paths, names, stats
        self.executable, self.read = executable, read

    @classmethod
    def of(cls, folder: str, files: Sequence[tuple[str, FileSource]]) -> FolderFiles:
        """Make the columns of sources of one folder, each with its path."""
        ordered = sorted(files, key=lambda pair: pair[1].filename)
        sources = [source for _, source in ordered]
        return cls(
            folder,
            [path for path, _ in ordered],
            list(map(_FILENAME, sources)),
            [source.stat for source in sources],
            {place for place, source in enumerate(sources) if source.executable},
            {place: one.digest for place, one in enumerate(sources) if one.digest is not None},
        )

    def __len__(self) -> int:
        return len(self.names)

    @property
    def sizes(self) -> list[int]:
        """Bytes of each file."""
        return list(map(_SIZE, self.stats))

    @cached_property
    def packed(self) -> bytes | None:
        """The stats as a `Listing` keeps them; None where one is out of its range."""
        try:
            return Listing.pack(self.stats)
        except struct.error:
            return None

    @property
    def changed_at(self) -> list[int]:
        """The ctime of each, in nanoseconds."""
        return list(map(_CTIME, self.stats))

    def below(self, prefix: str) -> FolderFiles:
        """Give the same files with legal paths below a folder of the artifact.

        Parameters
        ----------
        prefix : str
            Empty, or a folder and a slash.

        Raises
        ------
        InvalidInputError
            A path is illegal there.
        """
        within = prefix + self.paths[0].removesuffix(self.names[0])
        paths = check_paths(self.names, within)
        return FolderFiles(self.folder, paths, self.names, self.stats, self.executable, self.read)

    def source(self, place: int) -> FileSource:
        """Give one file as a source."""
        return FileSource(
            self.folder,
            self.names[place],
            Stat(*self.stats[place]),
            place in self.executable,
            self.read.get(place),
        )

    def sources(self) -> Iterator[tuple[str, FileSource]]:
        """Give each file's path with its source."""
        return zip(self.paths, map(self.source, range(len(self))), strict=True)

    def check(self) -> None:
        """Raise where a file is not the one that was added.

        Raises
        ------
        ConflictError
            It changed, or is gone.
        """
        for name, stat in zip(self.names, self.stats, strict=True):
            path = f"{self.folder}/{name}"
            try:
                now = Stat.fields(os.stat(path))
            except OSError as error:
                raise source_changed(path) from error
            if now != stat:
                raise source_changed(path)


def grouped(files: Iterable[tuple[str, FileSource]]) -> list[FolderFiles]:
    """Put sources together by folder."""
    folders: dict[str, list[tuple[str, FileSource]]] = {}
    for path, source in files:
        folders.setdefault(source.folder, []).append((path, source))
    return [FolderFiles.of(folder, some) for folder, some in folders.items()]
