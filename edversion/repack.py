"""Write packs anew without what no version needs of them.

Stretches that somebody needs go into a new pack, byte for byte as they were stored, and the
manifests of those who need them get a next generation that names it. Digests never change.
The old pack stays until the catalog says that it may go.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from edversion.catalog import Catalog, PackRow, Sharer, Swap
from edversion.errors import IntegrityError
from edversion.store import PackWriter, Segments, Store, StoredManifest

__all__ = ["Extents", "needed_extents", "rewrite"]

_CHUNK = 1 << 20

Extents = list[tuple[int, int]]
"""Stretches of a pack, as begin and end, in order and without overlap."""


@dataclass(frozen=True, slots=True)
class _Moved:
    """Where the stretches of a pack are now."""

    pack: PackRow
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


def _merged(ranges: Iterable[tuple[int, int]]) -> Extents:
    merged: Extents = []
    for begin, end in sorted(ranges):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def rewrite(
    store: Store,
    catalog: Catalog,
    run: str,
    packs: Mapping[str, int],
    *,
    without: int | None = None,
    fullest: float = 1.0,
) -> Swap:
    """Write new packs and manifests in place of packs that are partly dead; commit nothing.

    Parameters
    ----------
    run : str
        Id of an open run: its lock tells that what is written is under way.
    packs : mapping of str to int
        Ids and sizes of the packs in question.
    without : int, optional
        Id of the version whose bytes are not needed.
    fullest : float
        Packs of which that share, or more, is needed stay as they are.

    Returns
    -------
    Swap
        What the catalog has to change; packs that stay as they are, are not in it.
    """
    sharers = catalog.sharers(packs, without=without)
    manifests = {one: store.read_manifest(one.digest, one.generation) for one in sharers}
    extents = needed_extents(packs, manifests.values())
    moved: dict[str, _Moved | None] = {}
    for pack, size in packs.items():
        needed = sum(end - begin for begin, end in extents[pack])
        if needed == 0:
            moved[pack] = None
        elif needed < fullest * size:
            moved[pack] = _copy(store, run, pack, extents[pack])
    generations = _write_manifests(store, manifests, moved)
    return Swap(
        packs={pack: None if found is None else found.pack for pack, found in moved.items()},
        generations=generations,
        sizes=dict(packs),
        sharers=tuple(sharers),
        without=without,
    )


def _copy(store: Store, run: str, pack: str, extents: Extents) -> _Moved:
    writer = PackWriter(store.backend, store.scratch, run)
    starts = []
    try:
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
        made = writer.close()
    except BaseException:
        writer.discard()
        raise
    assert made is not None
    return _Moved(PackRow(made.id, made.size), extents, starts)


def _write_manifests(
    store: Store, manifests: Mapping[Sharer, StoredManifest], moved: Mapping[str, _Moved | None]
) -> dict[Sharer, int]:
    """Write the next generation of each manifest that names a pack which has moved."""
    generations = {}
    for sharer, stored in manifests.items():
        packs = {pack: moved[pack] for pack in stored.packs if moved.get(pack) is not None}
        if packs:
            generations[sharer] = store.write_manifest(_placed_anew(stored, packs))
    return generations


def _placed_anew(stored: StoredManifest, moved: Mapping[str, _Moved | None]) -> StoredManifest:
    placement = [_segments(segments, moved) for segments in stored.placement]
    sizes = {
        (found.pack.id if found else pack): (found.pack.size if found else size)
        for pack, size in stored.packs.items()
        for found in [moved.get(pack)]
    }
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
