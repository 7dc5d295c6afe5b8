"""Write packs anew without what no version needs of them.

Stretches that somebody needs go into a new pack, byte for byte as they were stored, and the
manifests of those who need them get a next generation that names it. Digests never change.
The old pack stays until the catalog says that it may go.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from types import MappingProxyType

from edversion.catalog import PACK, Catalog, PackRow, Removal, Sharer, Swap
from edversion.digests import checksum
from edversion.errors import EdversionError, IntegrityError
from edversion.extents import Extents, Marks, checksums_in, manifests_of, size_of
from edversion.store import (
    PACK_SIZE,
    BaseManifest,
    Changes,
    PackWriter,
    Segments,
    Store,
    StoredManifest,
    changes_to,
    encode_manifest,
    may_be_base,
    several,
)

__all__ = [
    "destroy",
    "discard",
    "rewrite",
]

_BATCH = 10_000
_CHUNK = 1 << 20


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


def rewrite(
    store: Store,
    run: str,
    sizes: Mapping[str, int],
    needed: Mapping[str, Extents],
    sharers: Iterable[Sharer],
    *,
    without: int | None = None,
    proved: bool = True,
    bases: Mapping[str, int] = MappingProxyType({}),
) -> Swap:
    """Write new packs and manifests in place of some packs; commit nothing.

    Only one manifest is held in memory at a time, beside the bases that were just written, and
    no more than a window of a pack.

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
    bases : mapping of str to int
        Bases that go, too, and their bytes. Manifests that were written as changes to one are
        then changes to a new one.

    Returns
    -------
    Swap
        What the catalog has to change.

    Raises
    ------
    IntegrityError
        A pack or a manifest is not what it was; what was written is removed again.
    """
    packs: dict[str, PackRow | None] = dict.fromkeys([*needed, *bases])
    # Filled as things are written, so that all of them can be removed again.
    swap = Swap(
        packs,
        {},
        sizes={**sizes, **bases},
        sharers=frozenset(sharers),
        without=without,
        bases=frozenset(bases),
    )
    try:
        marks = checksums_in(needed, manifests_of(store, swap.movers)) if proved else {}
        moved = _copied(store, run, needed, packs, marks) | dict.fromkeys(bases)
        rebasing = _Rebasing(store, run, swap)
        for one in swap.movers:
            stored = store.read_manifest(one.digest, one.generation)
            anew = rebasing.based(one, _placed_anew(stored, moved), stored.base)
            swap.generations[one] = store.write_manifest(anew)
    except BaseException:
        discard(store, swap)
        raise
    return swap


class _Rebasing:
    """Manifests that are changes to bases that go, as changes to new ones."""

    def __init__(self, store: Store, run: str, swap: Swap) -> None:
        self._store, self._run, self._swap = store, run, swap
        self._next: dict[str, BaseManifest] = {}

    def based(
        self, one: Sharer, anew: StoredManifest, former: BaseManifest | None
    ) -> StoredManifest:
        """Give a manifest as changes to what its base has become, or as the next base itself."""
        if former is None:
            return anew
        known = self._next.get(former.pack)
        changes = None if known is None else changes_to(known, anew)
        if changes is None and not may_be_base(anew):
            return anew
        if changes is None:
            changes = Changes(self._write(anew), [], [])
            self._next[former.pack] = changes.base
        self._swap.placed[one] = PackRow(changes.base.pack, changes.base.size)
        return anew.written_as(changes)

    def _write(self, anew: StoredManifest) -> BaseManifest:
        writer = PackWriter(self._store.backend, self._store.scratch, self._run)
        try:
            writer.add_plain([encode_manifest(anew)])
            writer.close()
        except BaseException:
            writer.discard()
            raise
        return BaseManifest(writer.id, writer.size, anew)


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
    return stored.placed_anew(placement, sizes)


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
