"""Write packs anew without what no version needs of them.

Stretches that somebody needs go into a new pack, byte for byte as they were stored, and the
manifests of those who need them get a next generation that names it. Digests never change.
The old pack stays until the catalog says that it may go.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice

from edversion.catalog import PACK, Catalog, PackRow, Removal, Sharer, Swap
from edversion.digests import checksum
from edversion.errors import EdversionError, IntegrityError
from edversion.store import PACK_SIZE, PackWriter, Segments, Store, StoredManifest, several

__all__ = [
    "Extents",
    "destroy",
    "discard",
    "manifests_of",
    "needed_extents",
    "rewrite",
    "size_of",
]

_BATCH = 10_000
_CHUNK = 1 << 20

Marks = Mapping[str, Mapping[tuple[int, int], str]]
"""Of packs, the checksums of their stretches by begin and end."""

Extents = list[tuple[int, int]]
"""Stretches of a pack, as begin and end, in order and without overlap."""


@dataclass(frozen=True, slots=True)
class _Moved:
    """Where the stretches of a pack are now."""

    pack: PackRow
    place: _Place

    def offset(self, old: int) -> int:
        """Give where a segment that began at `old` begins now."""
        return self.place.offset(old)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where some stretches were, and where each begins now."""

    extents: Extents
    starts: list[int]

    def offset(self, old: int) -> int:
        """Give where a segment that began at `old` begins now."""
        index = bisect_right(self.extents, (old, 1 << 62)) - 1
        return self.starts[index] + old - self.extents[index][0]


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


def _marks(packs: Iterable[str], manifests: Iterable[StoredManifest]) -> Marks:
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


def rewrite(
    store: Store,
    run: str,
    sizes: Mapping[str, int],
    needed: Mapping[str, Extents],
    sharers: Iterable[Sharer],
    *,
    without: int | None = None,
    proved: bool = True,
) -> Swap:
    """Write new packs and manifests in place of some packs; commit nothing.

    Only one manifest is held in memory at a time, and no more than a window of a pack.

    Parameters
    ----------
    run : str
        Id of an open run: its lock tells that what is written is under way.
    sizes : mapping of str to int
        Packs that were looked at, and their bytes.
    needed : mapping of str to list of (int, int)
        Those that go, and which stretches of them somebody needs.
    sharers : iterable of Sharer
        Everybody who names a pack that was looked at.
    without : int, optional
        Id of the version whose bytes are not needed.
    proved : bool
        Whether to refuse bytes that do not match their checksums. The old pack goes, and what
        was read amiss only once would be lost.

    Returns
    -------
    Swap
        What the catalog has to change.

    Raises
    ------
    IntegrityError
        A pack or a manifest is not what it was; what was written is removed again.
    """
    packs: dict[str, PackRow | None] = dict.fromkeys(needed)
    # Filled as things are written, so that all of them can be removed again.
    swap = Swap(packs, {}, sizes=sizes, sharers=frozenset(sharers), without=without)
    try:
        marks = _marks(needed, manifests_of(store, swap.movers)) if proved else {}
        moved = _copied(store, run, needed, packs, marks)
        for one in swap.movers:
            stored = store.read_manifest(one.digest, one.generation)
            swap.generations[one] = store.write_manifest(_placed_anew(stored, moved))
    except BaseException:
        discard(store, swap)
        raise
    return swap


def discard(store: Store, swap: Swap) -> None:
    """Remove what was written for nothing; what stays is found by `doctor`."""
    with suppress(EdversionError):
        for pack in swap.fresh:
            store.delete_pack(pack.id)
        for sharer, generation in swap.generations.items():
            store.delete_manifest(sharer.digest, generation)


def destroy(store: Store, catalog: Catalog, doomed: Iterable[Removal]) -> None:
    """Delete objects, and cross them out: whatever a crash leaves, the next gc deletes."""
    rest = iter(doomed)
    while batch := list(islice(rest, _BATCH)):
        several(partial(_remove, store), batch, store.threads)
        catalog.cross_out(batch)


def _remove(store: Store, one: Removal) -> None:
    if one.kind == PACK:
        store.delete_pack(one.name)
    else:
        store.delete_manifest(one.name, one.generation)


def _copied(
    store: Store,
    run: str,
    needed: Mapping[str, Extents],
    made: dict[str, PackRow | None],
    marks: Marks,
) -> dict[str, _Moved | None]:
    """Copy stretches to new packs; what is left of small ones comes together in one.

    `made` takes note of every new pack as soon as it is there.
    """
    moved: dict[str, _Moved | None] = dict.fromkeys(needed)
    for group in _groups(needed):
        writer = PackWriter(store.backend, store.scratch, run)
        try:
            starts = {pack: _copy(store, writer, pack, needed[pack]) for pack in group}
            for pack in group:
                _check(writer, pack, _Place(needed[pack], starts[pack]), marks.get(pack, {}))
            new = writer.close()
        except BaseException:
            writer.discard()
            raise
        assert new is not None
        row = PackRow(new.id, new.size)
        made.update(dict.fromkeys(group, row))
        moved |= {pack: _Moved(row, _Place(needed[pack], starts[pack])) for pack in group}
    return moved


def _groups(needed: Mapping[str, Extents]) -> Iterator[list[str]]:
    """Give the packs whose stretches go into one new pack."""
    group: list[str] = []
    size = 0
    for pack, extents in needed.items():
        its = size_of(extents)
        if group and its and size + its > PACK_SIZE:
            yield group
            group, size = [], 0
        if its:
            group.append(pack)
            size += its
    if group:
        yield group


def _copy(store: Store, writer: PackWriter, pack: str, extents: Extents) -> list[int]:
    """Copy stretches of a pack as they are; give where each begins now."""
    starts = []
    for begin, end in extents:
        starts.append(writer.size)
        for place in range(begin, end, _CHUNK):
            length = min(_CHUNK, end - place)
            data = store.read_pack(pack, place, length)
            if len(data) != length:
                raise IntegrityError(
                    f"pack {pack} is shorter than the versions that need it say; let "
                    "'edversion verify' name them, and log them again with rehash",
                    code="short_pack",
                    path=None,
                    pack=pack,
                    offset=place,
                )
            writer.add_plain([data])
    return starts


def _check(
    writer: PackWriter, pack: str, place: _Place, marks: Mapping[tuple[int, int], str]
) -> None:
    """Prove what was copied out of a pack.

    Raises
    ------
    IntegrityError
        It is damaged, or was read amiss.
    """
    if not marks:
        return
    with writer.written() as written:
        for (begin, end), mark in marks.items():
            here = place.offset(begin)
            if checksum(written[here : here + end - begin]) != mark:
                raise IntegrityError(
                    f"pack {pack} is damaged, or was read amiss, in bytes {begin} to {end}: it "
                    "stays as it is. Where 'edversion verify' names it, log what it names again "
                    "with rehash",
                    code="damaged",
                    path=None,
                    pack=pack,
                    offset=begin,
                )


def _placed_anew(stored: StoredManifest, moved: Mapping[str, _Moved | None]) -> StoredManifest:
    """Give a manifest with the places where its bytes are now."""
    placement = [_segments(segments, moved) for segments in stored.placement]
    sizes = {pack: size for pack, size in stored.packs.items() if pack not in moved}
    for pack in stored.packs:
        found = moved.get(pack)
        if found is not None:
            sizes[found.pack.id] = found.pack.size
    return replace(stored, placement=placement, packs=sizes)


def _segments(segments: Segments, moved: Mapping[str, _Moved | None]) -> Segments:
    placed = []
    for segment in segments:
        found = moved.get(segment.pack)
        if found is None:
            placed.append(segment)
        else:
            offset = found.offset(segment.offset)
            placed.append(segment._replace(pack=found.pack.id, offset=offset))
    return tuple(placed)
