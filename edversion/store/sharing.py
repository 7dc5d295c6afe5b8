"""What is stored already, so that a new version stores only what is new."""

from __future__ import annotations

from collections.abc import Callable, Collection

from edversion.store.manifests import Segments, StoredManifest
from edversion.store.packs import INLINE, Segment

__all__ = ["LARGE", "Base"]

LARGE = 1 << 20
"""Bytes from which a file is split into units and shared across the repository."""


class Base:
    """Files and units that a new version may share.

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
        self._files: dict[str, Segments] = {}
        self._sizes_known = sizes_known
        self._elsewhere = elsewhere

    def add(self, stored: StoredManifest) -> None:
        """Offer a version's files; what was offered before goes first."""
        self.packs = {**stored.packs, **self.packs}
        self._files = {**_files(stored), **self._files}
        for row, segments in zip(stored.rows, stored.placement, strict=True):
            if len(segments) > 1 or (row[1] or 0) >= LARGE:
                for segment in segments:
                    key = segment.raw_length, segment.raw_checksum
                    self.units.setdefault(key, segment)

    def file(self, digest: str, size: int) -> Segments | None:
        """Give the place of a file's bytes, if they are stored: a large one's, anywhere."""
        found = self._files.get(digest)
        if found is None and size >= LARGE and self.size_known(size):
            stored = self._elsewhere(digest)
            if stored is not None:
                self.add(stored)
                found = self._files.get(digest)
        return found

    def size_known(self, size: int) -> bool:
        """Tell whether some large file of that size is stored, so that hashing first may pay."""
        return bool(self._sizes_known([size]))

    def pack_sizes(self, placement: Collection[Segments]) -> dict[str, int]:
        """Give those packs offered here that a placement names, with their sizes."""
        named = {segment.pack for segments in placement for segment in segments}
        return {pack: self.packs[pack] for pack in sorted(named & self.packs.keys())}


def _files(stored: StoredManifest) -> dict[str, Segments]:
    """Give the place of each digest, but for references and bytes in the manifest object."""
    pairs = zip(stored.rows, stored.placement, strict=True)
    if not stored.inline and not stored.attributes.get("references"):
        return {row[2]: segments for row, segments in pairs}
    return {
        row[2]: segments
        for row, segments in pairs
        if len(row) == 3 and not any(segment.pack == INLINE for segment in segments)
    }
