"""What is stored already, so that a new version stores only what is new."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import chain
from operator import itemgetter

from edversion.store.manifests import BaseManifest, Segments, StoredManifest
from edversion.store.packs import INLINE, Segment
from edversion.store.splitting import LARGE, WINDOW

__all__ = ["Base"]

_ALIKE = 2
_PACK, _DIGEST = itemgetter(0), itemgetter(2)


class Base:
    """Files and units that a new version may share.

    Attributes
    ----------
    packs : mapping of str to int
        Ids and sizes of the packs that hold them.
    units : mapping
        Segments by raw length and raw checksum.
    places : mapping of str to Segments
        By digest, where the bytes of files are.
    large : set of str
        Paths of the files whose units are offered.
    coarse : mapping of str to Segments
        By path, files whose units are windows of one size; see `Ingest`.
    manifest : BaseManifest or None
        What the first of those versions that have a base has been written as changes to.

    Parameters
    ----------
    sizes_known : callable
        Given sizes of large files, says which of them some version anywhere has.
    elsewhere : callable
        Given the digest of a large file, gives a manifest anywhere that has it, or None.
    """

    def __init__(
        self,
        sizes_known: Callable[[Collection[int]], set[int]],
        elsewhere: Callable[[str], StoredManifest | None],
    ) -> None:
        self.packs: dict[str, int] = {}
        self.units: dict[tuple[int, str], Segment] = {}
        self.large: set[str] = set()
        self.coarse: dict[str, Segments] = {}
        self.places: dict[str, Segments] = {}
        self.manifest: BaseManifest | None = None
        self._sizes_known = sizes_known
        self._elsewhere = elsewhere

    def add(self, stored: StoredManifest) -> None:
        """Offer a version's files; what was offered before goes first."""
        self.packs = {**stored.packs, **self.packs}
        self.manifest = self.manifest or stored.base
        self.places = {**_files(stored), **self.places} if self.places else _files(stored)
        if max(map(len, stored.placement), default=0) <= 1 and not _has_large(stored):
            return
        for row, segments in zip(stored.rows, stored.placement, strict=True):
            if len(segments) > 1 or (row[1] or 0) >= LARGE:
                self.large.add(row[0])
                for segment in segments:
                    key = segment.raw_length, segment.raw_checksum
                    self.units.setdefault(key, segment)
                if _is_coarse(segments):
                    self.coarse.setdefault(row[0], segments)

    def take_coarse(self, name: str, size: int) -> list[Segments]:
        """Give the files that a new one most likely resembles, and are not cut by content yet.

        The one of the same path; where there is none, at most two of about the same size.
        """
        alike = [name] if name in self.coarse else []
        if not alike:
            lengths = {path: sum(s.length for s in place) for path, place in self.coarse.items()}
            near = [path for path, length in lengths.items() if size < 2 * length < 4 * size]
            alike = sorted(near, key=lambda path: abs(lengths[path] - size))[:_ALIKE]
        return [self.coarse.pop(path) for path in alike]

    def file(self, digest: str, size: int) -> Segments | None:
        """Give the place of a file's bytes, if they are stored: a large one's, anywhere."""
        found = self.places.get(digest)
        if found is None and size >= LARGE and self.size_known(size):
            stored = self._elsewhere(digest)
            if stored is not None:
                self.add(stored)
                found = self.places.get(digest)
        return found

    def size_known(self, size: int) -> bool:
        """Tell whether some large file of that size is stored, so that hashing first may pay."""
        return bool(self._sizes_known([size]))

    def pack_sizes(self, placement: Collection[Segments]) -> dict[str, int]:
        """Give those packs offered here that a placement names, with their sizes."""
        named = set(map(_PACK, chain.from_iterable(placement)))
        return {pack: self.packs[pack] for pack in sorted(named & self.packs.keys())}


def _is_coarse(segments: Segments) -> bool:
    """Tell a file that lies in one piece, in windows of one size, cut without a look at it."""
    first = segments[0]
    return all(
        segment.codec is None
        and (segment.pack, segment.offset) == (first.pack, first.offset + index * WINDOW)
        for index, segment in enumerate(segments)
    )


def _has_large(stored: StoredManifest) -> bool:
    return bool(stored.large_rows())


def _files(stored: StoredManifest) -> dict[str, Segments]:
    """Give the place of each digest, but for references and bytes in the manifest object."""
    if not stored.inline and not stored.attributes.get("references"):
        return dict(zip(map(_DIGEST, stored.rows), stored.placement, strict=True))
    return {
        row[2]: segments
        for row, segments in zip(stored.rows, stored.placement, strict=True)
        if len(row) == 3 and not any(segment.pack == INLINE for segment in segments)
    }
