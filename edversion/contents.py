"""What a draft holds, in the order of the manifest, on its way into the store.

Drafts of a hundred thousand files are common, so whatever is done for each of them is done
in columns, folder by folder, in as few steps as Python allows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from operator import itemgetter, lt
from pathlib import Path
from typing import Any, TypeVar, cast

from edversion.digests import entry_rows
from edversion.folders import FolderFiles
from edversion.known import Digests, KnownDigests
from edversion.model import FileEntry, Version
from edversion.sources import (
    BytesSource,
    FileSource,
    Source,
    StoredSource,
    open_source,
    read_together,
    source_changed,
)
from edversion.store import (
    LARGE,
    Base,
    Ingest,
    Segments,
    StoredManifest,
    coarse_now,
    reference_facts,
)

__all__ = ["Contents"]

T = TypeVar("T")

_BATCH = 4 << 20  # bytes of small files that are in memory together

Places = list[Segments | None]
"""Where the bytes of each file lie; None where they are not stored yet."""


class Contents:
    """A draft's sources, and what is known of them so far.

    Parameters
    ----------
    folders : sequence of FolderFiles
        The files.
    others : mapping of str to Source
        All other sources, by path.
    known : KnownDigests
        The stat cache.
    check : bool
        Whether to see first that no file changed since it was added.
    tell : callable
        Told the bytes of every piece that was dealt with.

    Attributes
    ----------
    size : int
        Bytes of all entries whose size is known.

    Raises
    ------
    ConflictError
        A file changed since it was added.
    """

    def __init__(
        self,
        folders: Sequence[FolderFiles],
        others: Mapping[str, Source],
        known: KnownDigests,
        *,
        check: bool,
        tell: Callable[[int], None],
    ) -> None:
        self._folders = sorted(folders, key=_first_path)
        self._others = dict(sorted(others.items(), key=itemgetter(0)))
        self._known, self._tell = known, tell
        self._digests = known.look_up(self._folders, check=check)
        self._entries = {path: source.entry(path) for path, source in self._others.items()}
        self._places: list[Places] = [[None] * len(files) for files in self._folders]
        self._other_places: dict[str, Segments | None] = {
            path: None if entry.reference is None else () for path, entry in self._entries.items()
        }
        self._sizes = [files.sizes for files in self._folders]
        self.size: int = sum(map(sum, self._sizes)) + sum(
            entry.size or 0 for entry in self._entries.values()
        )
        self._paths, self._order = self._sorted()

    def __len__(self) -> int:
        return len(self._paths)

    def first_files(self, count: int) -> Iterator[tuple[str, Path]]:
        """Give those of the first entries that are files in a folder, each with its path."""
        first = dict.fromkeys(self._paths[:count])
        found = {
            path: Path(files.folder, name)
            for files in self._folders
            for path, name in zip(files.paths, files.names, strict=True)
            if path in first
        }
        return ((path, found[path]) for path in first if path in found)

    def rows(self) -> list[list[Any]] | None:
        """Give what the canonical form encodes; None while a digest is not known."""
        if any(None in digests for digests in self._digests):
            return None
        entries = self._entries.values()
        sizes = self._column(self._sizes, (entry.size for entry in entries))
        digests = self._column(self._digests, (entry.digest for entry in entries))
        rows: list[list[Any]] = list(map(list, zip(self._paths, sizes, digests, strict=True)))
        for place, entry in self._references():
            rows[place] = entry_rows([entry])[0]
        return rows

    def share(self, base: Base) -> None:
        """Find the bytes that are stored already."""
        known = cast("dict[str | None, Segments]", base.places)  # asked for None, it has nothing
        for digests, places, sizes in self._columns():
            places[:] = map(known.get, digests)
            if max(sizes, default=0) >= LARGE:
                self._share_large(base, digests, places, sizes)
        for path, entry in self._entries.items():
            if entry.reference is None and entry.digest is not None:
                self._other_places[path] = base.file(entry.digest, entry.size or 0)

    @property
    def fresh(self) -> int:
        """Bytes that are not stored yet."""
        missing = (
            size
            for _, places, sizes in self._columns()
            for size, place in zip(sizes, places, strict=True)
            if place is None
        )
        others = self._other_places.items()
        return sum(missing) + sum(
            self._entries[path].size or 0 for path, place in others if place is None
        )

    def take_in(self, ingest: Ingest) -> StoredManifest:
        """Store what is new; give the manifest with every file's place."""
        self._tell(self.size - self.fresh)
        for files, columns in zip(self._folders, self._columns(), strict=True):
            self._take_folder(ingest, files, *columns)
        for version, paths in self._of_versions().items():
            self._take_again(ingest, version, paths)
        for path, source in self._others.items():
            if self._other_places[path] is None:
                _, self._other_places[path] = _stored(ingest, path, source)
        rows = self.rows()
        assert rows is not None
        places = self._column(self._places, self._other_places.values())
        return StoredManifest.of_rows(
            rows,
            cast("list[Segments]", places),
            self._executable(),
            reference_facts(self._references()),
        )

    def _columns(self) -> Iterable[tuple[Digests, Places, list[int]]]:
        return zip(self._digests, self._places, self._sizes, strict=True)

    def _column(self, parts: Iterable[Iterable[T]], others: Iterable[T]) -> list[T]:
        """Put the columns of all folders and of the others together, in the manifest's order."""
        values = [*chain.from_iterable(parts), *others]
        return values if self._order is None else [values[place] for place in self._order]

    def _sorted(self) -> tuple[list[str], list[int] | None]:
        """Give all paths sorted, and where each was; None where they were sorted."""
        paths = [*chain.from_iterable(files.paths for files in self._folders), *self._others]
        if all(map(lt, paths, islice(paths, 1, None))):
            return paths, None
        order = sorted(range(len(paths)), key=paths.__getitem__)
        return [paths[place] for place in order], order

    def _references(self) -> list[tuple[int, FileEntry]]:
        """Give the entries whose bytes stay elsewhere, each with its place in the manifest."""
        entries = {path: one for path, one in self._entries.items() if one.reference is not None}
        if not entries:
            return []
        return [(at, entries[path]) for at, path in enumerate(self._paths) if path in entries]

    def _executable(self) -> list[int]:
        """Give the places in the manifest of what the owner may execute."""
        runnable = {files.paths[at] for files in self._folders for at in files.executable}
        runnable.update(path for path, source in self._others.items() if source.executable)
        return [at for at, path in enumerate(self._paths) if path in runnable] if runnable else []

    def _share_large(
        self, base: Base, digests: Digests, places: Places, sizes: Sequence[int]
    ) -> None:
        """Look for large files in the whole repository."""
        for at, digest in enumerate(digests):
            if digest is not None and places[at] is None and sizes[at] >= LARGE:
                places[at] = base.file(digest, sizes[at])

    def _take_folder(
        self,
        ingest: Ingest,
        files: FolderFiles,
        digests: Digests,
        places: Places,
        sizes: Sequence[int],
    ) -> None:
        """Store what is new in one folder: its small files together."""
        missing = [at for at, place in enumerate(places) if place is None]
        if not missing:
            return
        now = coarse_now()
        for batch in _batches(missing, sizes):
            if sizes[batch[0]] < LARGE:
                self._take_together(ingest, files, batch, (digests, places))
            else:
                at = batch[0]
                digests[at], places[at] = _stored(ingest, files.paths[at], files.source(at))
        self._known.learn(files, digests, now, missing)

    def _take_together(
        self,
        ingest: Ingest,
        files: FolderFiles,
        batch: Sequence[int],
        columns: tuple[Digests, Places],
    ) -> None:
        names = [files.names[at] for at in batch]
        contents = read_together(files.folder, names, [files.stats[at] for at in batch])
        digests, places = columns
        for at, digest, place in zip(batch, *ingest.small_files(contents, names), strict=True):
            if files.read.get(at, digest) != digest:
                raise source_changed(f"{files.folder}/{files.names[at]}")
            digests[at], places[at] = digest, place

    def _of_versions(self) -> dict[Version, dict[str, str]]:
        """Give the small files of other versions whose bytes are to be stored once more.

        By version: what each is called there, and its path here.
        """
        found: dict[Version, dict[str, str]] = {}
        for path, source in self._others.items():
            missing = self._other_places[path] is None
            if missing and isinstance(source, StoredSource) and (source.size or 0) < LARGE:
                found.setdefault(source.version, {})[source.file.path] = path
        return found

    def _take_again(self, ingest: Ingest, version: Version, paths: Mapping[str, str]) -> None:
        """Store small files of another version: read as they lie there together, not one by one."""
        for group in version.source.contents_of(version, list(paths)):
            names = [name.rpartition("/")[2] for name, _ in group]
            found = ingest.small_files([data for _, data in group], names)
            for (name, _), digest, place in zip(group, *found, strict=True):
                if digest != self._entries[paths[name]].digest:
                    raise source_changed(paths[name])
                self._other_places[paths[name]] = place


def _first_path(files: FolderFiles) -> str:
    return files.paths[0]


def _batches(places: Sequence[int], sizes: Sequence[int]) -> Iterator[list[int]]:
    """Put small files together; large ones are alone."""
    batch: list[int] = []
    size = 0
    for at in places:
        if sizes[at] >= LARGE:
            yield [at]
            continue
        batch.append(at)
        size += sizes[at]
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _stored(ingest: Ingest, path: str, source: Source) -> tuple[str, Segments]:
    """Store one path's bytes; they must be those that were added."""
    expected: str | None
    if isinstance(source, FileSource):
        (digest, segments), expected = _stored_file(ingest, source, path), source.digest
    elif isinstance(source, StoredSource):
        (digest, segments), expected = _stored_again(ingest, source), source.file.digest
    else:
        assert isinstance(source, BytesSource)
        name = path.rpartition("/")[2]
        (digest, segments), expected = ingest.small(source.data, name), source.digest
    if expected is not None and digest != expected:
        raise source_changed(path)
    return digest, segments


def _stored_file(ingest: Ingest, source: FileSource, name: str) -> tuple[str, Segments]:
    """Store a large file's bytes."""
    try:
        with open_source(source) as descriptor:
            return ingest.large(descriptor, Path(source.path), source.stat.size, name)
    except EOFError as error:
        raise source_changed(source.path) from error


def _stored_again(ingest: Ingest, source: StoredSource) -> tuple[str, Segments]:
    """Store a large file of another version whose packs cannot be shared."""
    version, entry = source.version, source.file
    path = version.path(entry.path)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return ingest.large(descriptor, path, entry.size or 0, entry.path)
    finally:
        os.close(descriptor)
