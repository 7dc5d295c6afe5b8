"""What a draft holds, in the order of the manifest, on its way into the store.

Drafts of a hundred thousand files are common, so whatever is done for each of them is done
in as few steps as Python allows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any, cast

from edversion.digests import entry_rows
from edversion.known import KnownDigests
from edversion.sources import (
    BytesSource,
    FileSource,
    ReferenceSource,
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

_BY_PATH = itemgetter(0)
_BATCH = 4 << 20  # bytes of small files that are in memory together


class Contents:
    """A draft's sources, and what is known of them so far.

    Parameters
    ----------
    sources : mapping of str to Source
        By path.
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
        sources: Mapping[str, Source],
        known: KnownDigests,
        *,
        check: bool,
        tell: Callable[[int], None],
    ) -> None:
        self._sources = dict(sorted(sources.items(), key=_BY_PATH))
        self._known, self._tell = known, tell
        self._digests = known.look_up(self._sources, check=check)
        self._references = _references(self._sources)
        self._sizes = _sizes(self._sources)
        self.size: int = sum(filter(None, self._sizes.values()))

    def __len__(self) -> int:
        return len(self._sources)

    @property
    def files(self) -> Mapping[str, Source]:
        """The sources, sorted by path."""
        return self._sources

    def rows(self) -> list[list[Any]] | None:
        """Give what the canonical form encodes; None while a digest is not known."""
        if len(self._digests) < len(self._sources):
            return None
        digests = self._digests
        rows: list[list[Any]] = [[path, size, digests[path]] for path, size in self._sizes.items()]
        if self._references:
            for row in rows:
                if row[0] in self._references:
                    row[:] = entry_rows([self._sources[row[0]].entry(row[0])])[0]
        return rows

    def shared(self, base: Base) -> dict[str, Segments]:
        """Give the places of those paths whose bytes are stored already."""
        known, digests = base.places, self._digests
        places = {path: known[digest] for path, digest in digests.items() if digest in known}
        for path in self._references:
            places.pop(path, None)
        for path in digests.keys() - places.keys() - self._references:
            digest, size = digests[path], self._sizes[path] or 0
            place = base.file(digest, size) if digest is not None and size >= LARGE else None
            if place is not None:
                places[path] = place
        return places

    def fresh(self, places: Mapping[str, Segments]) -> int:
        """Give the bytes that are not stored yet, given those that are."""
        if not places and not self._references:
            return self.size
        new = self._sizes.keys() - places.keys() - self._references
        return sum(self._sizes[path] or 0 for path in new)

    def take_in(self, ingest: Ingest, places: dict[str, Segments]) -> StoredManifest:
        """Store what is new; give the manifest with every file's place."""
        self._tell(self.size - self.fresh(places))
        places |= dict.fromkeys(self._references, ())
        missing = [path for path in self._sources if path not in places]
        for batch in _batches(missing, self._sources):
            if _is_small_file(self._sources[batch[0]]):
                self._take_together(ingest, batch, places)
            else:
                self._take_one(ingest, batch[0], places)
        rows = self.rows()
        assert rows is not None
        sources = self._sources.values()
        return StoredManifest.of_rows(
            rows,
            [places[path] for path in self._sources],
            [index for index, source in enumerate(sources) if source.executable],
            reference_facts(
                (index, source.file)
                for index, source in enumerate(sources if self._references else ())
                if isinstance(source, ReferenceSource)
            ),
        )

    def _take_one(self, ingest: Ingest, path: str, places: dict[str, Segments]) -> None:
        source, now = self._sources[path], coarse_now()
        digest, places[path] = _stored(ingest, path, source)
        self._digests[path] = digest
        if isinstance(source, FileSource):
            self._known.learn([source], [digest], now)

    def _take_together(
        self, ingest: Ingest, paths: Sequence[str], places: dict[str, Segments]
    ) -> None:
        """Store small files of one folder."""
        files = [cast(FileSource, self._sources[path]) for path in paths]
        now = coarse_now()
        digests, found = ingest.small_files(read_together(files), [file.filename for file in files])
        for file, digest in zip(files, digests, strict=True):
            if file.digest is not None and file.digest != digest:
                raise source_changed(file.path)
        self._digests.update(zip(paths, digests, strict=True))
        places.update(zip(paths, found, strict=True))
        self._known.learn(files, digests, now)


def _is_small_file(source: Source) -> bool:
    return isinstance(source, FileSource) and source.stat.size < LARGE


def _sizes(sources: Mapping[str, Source]) -> dict[str, int | None]:
    only_files = set(map(type, sources.values())) <= {FileSource}
    size = attrgetter("stat.size" if only_files else "size")
    return dict(zip(sources, map(size, sources.values()), strict=True))


def _references(sources: Mapping[str, Source]) -> set[str]:
    if ReferenceSource not in set(map(type, sources.values())):
        return set()
    return {path for path, source in sources.items() if isinstance(source, ReferenceSource)}


def _batches(paths: Sequence[str], sources: Mapping[str, Source]) -> Iterator[list[str]]:
    """Put small files of one folder together; all others are alone."""
    batch: list[str] = []
    folder, size = "", 0
    for path in paths:
        source = sources[path]
        if not _is_small_file(source):
            yield [path]
            continue
        source = cast(FileSource, source)
        if batch and (source.folder != folder or size >= _BATCH):
            yield batch
            batch, size = [], 0
        folder = source.folder
        batch.append(path)
        size += source.stat.size
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
    """Store a file of another version whose packs cannot be shared."""
    version, entry = source.version, source.file
    if (entry.size or 0) < LARGE:
        return ingest.small(version.read_bytes(entry.path), entry.path.rpartition("/")[2])
    path = version.path(entry.path)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return ingest.large(descriptor, path, entry.size or 0, entry.path)
    finally:
        os.close(descriptor)
