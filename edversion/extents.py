"""What versions need of packs: the stretches that hold their files, and bases of manifests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from edversion.catalog import Sharer
from edversion.store import Store, StoredManifest

__all__ = [
    "Base",
    "Extents",
    "Marks",
    "Needs",
    "checksums_in",
    "look",
    "manifests_of",
    "naming",
    "needed_extents",
    "size_of",
]

Marks = Mapping[str, Mapping[tuple[int, int], str]]
"""Of packs, the checksums of their stretches by begin and end."""

Extents = list[tuple[int, int]]
"""Stretches of a pack, as begin and end, in order and without overlap."""


class Base(NamedTuple):
    """A whole manifest that lies in a pack: the pack, its bytes, and whose manifest it is."""

    pack: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Needs:
    """What some versions need of some packs.

    Attributes
    ----------
    extents : mapping of str to list of (int, int)
        Of each pack, the stretches that hold their files.
    bases : mapping of Sharer to Base
        To which base each of them is written as changes, if it is.
    """

    extents: dict[str, Extents]
    bases: dict[Sharer, Base]

    def of_movers(self, going: Collection[str]) -> dict[str, int]:
        """Give the bases, with their bytes, of those who need something of packs that go."""
        return {
            base.pack: base.size
            for one, base in self.bases.items()
            if not one.packs.isdisjoint(going)
        }


def needed_extents(packs: Iterable[str], manifests: Iterable[StoredManifest]) -> dict[str, Extents]:
    """Give the stretches of some packs that some manifests name."""
    ranges: dict[str, set[tuple[int, int]]] = {pack: set() for pack in packs}
    for stored in manifests:
        if ranges.keys().isdisjoint(stored.packs):
            continue
        for segments in stored.placement:
            for segment in segments:
                if segment.pack in ranges:
                    end = segment.offset + segment.length
                    ranges[segment.pack].add((segment.offset, end))
    return {pack: _merged(found) for pack, found in ranges.items()}


def look(store: Store, packs: Iterable[str], sharers: Iterable[Sharer]) -> Needs:
    """Read what versions need of packs, one manifest after the other.

    Raises
    ------
    IntegrityError
        One is missing or damaged: nobody can say what it needs.
    """
    bases: dict[Sharer, Base] = {}

    def read() -> Iterator[StoredManifest]:
        for one in sharers:
            stored = store.read_manifest(one.digest, one.generation)
            if stored.base is not None:
                base = stored.base
                bases[one] = Base(base.pack, base.size, base.stored.digest)
            yield stored

    return Needs(needed_extents(packs, read()), bases)


def checksums_in(packs: Iterable[str], manifests: Iterable[StoredManifest]) -> Marks:
    """Give the checksums of the segments of some packs that some manifests name."""
    marks: dict[str, dict[tuple[int, int], str]] = {pack: {} for pack in packs}
    for stored in manifests:
        for segment in chain.from_iterable(stored.placement):
            if segment.pack in marks:
                place = segment.offset, segment.offset + segment.length
                marks[segment.pack][place] = segment.checksum
    return marks


def _merged(ranges: Iterable[tuple[int, int]]) -> Extents:
    merged: Extents = []
    for begin, end in sorted(ranges):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def size_of(extents: Extents) -> int:
    """Give the bytes of some stretches."""
    return sum(end - begin for begin, end in extents)


def manifests_of(store: Store, sharers: Iterable[Sharer]) -> Iterator[StoredManifest]:
    """Read the manifests of some versions, one after the other.

    Raises
    ------
    IntegrityError
        One is missing or damaged: nobody can say what it needs.
    """
    return (store.read_manifest(one.digest, one.generation) for one in sharers)


def naming(packs: Collection[str], sharers: Iterable[Sharer]) -> frozenset[Sharer]:
    """Give those who name any of some packs, as if they named no others."""
    theirs = (replace(one, packs=one.packs.intersection(packs)) for one in sharers)
    return frozenset(one for one in theirs if one.packs)
