"""Find units among those that are stored, and prove by their bytes that they are equal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from edversion.digests import checksum
from edversion.errors import EdversionError
from edversion.store.fetching import Packs
from edversion.store.manifests import Segments
from edversion.store.packs import Segment, pack_key
from edversion.store.reading import Reader
from edversion.store.sharing import Base
from edversion.store.splitting import WINDOW, windows

if TYPE_CHECKING:
    from edversion.store import Store

__all__ = ["Finder", "fine_units", "same_bytes"]


class Finder:
    """Find a unit among those stored; on a local store its bytes are compared too."""

    def __init__(self, base: Base, store: Store) -> None:
        self._units = base.units
        self._store = store
        self._buffer = memoryview(bytearray(WINDOW if base.units and store.local else 0))
        self._packs: dict[str, int] = {}

    def __enter__(self) -> Finder:
        return self

    def __exit__(self, *exc: object) -> None:
        for descriptor in self._packs.values():
            os.close(descriptor)

    def find(self, unit: memoryview, mark: str) -> Segment | None:
        """Give the segment that holds just these bytes, if one does."""
        segment = self._units.get((len(unit), mark))
        if segment is None or not self._store.local:
            return segment
        with suppress(OSError, EdversionError):  # gone or damaged: the unit is stored again
            if same_bytes(unit, self._bytes(segment)):
                return segment
        return None

    def _bytes(self, segment: Segment) -> memoryview:
        """Read a segment into the one buffer: it is compared, then never needed again."""
        if segment.codec is not None:
            return memoryview(Reader(Packs(self._store.backend), b"").raw(segment, ""))
        descriptor = self._packs.get(segment.pack)
        if descriptor is None:
            path = self._store.backend.local_path(pack_key(segment.pack))
            assert path is not None
            descriptor = self._packs[segment.pack] = os.open(path, os.O_RDONLY)
        view = self._buffer[: segment.length]
        return view[: os.preadv(descriptor, [view], segment.offset)]


def fine_units(descriptor: int, segments: Segments) -> Iterator[tuple[tuple[int, str], Segment]]:
    """Cut by content what lies in one piece of a pack."""
    pack, place = segments[0].pack, segments[0].offset

    def read_at(view: memoryview, offset: int) -> int:
        return os.preadv(descriptor, [view], segments[0].offset + offset)

    for window in windows(read_at, sum(segment.length for segment in segments), None):
        for unit in window.units:
            mark, length = checksum(unit), len(unit)
            yield (length, mark), Segment(pack, place, length, mark, None, length, mark)
            place += length


def same_bytes(left: memoryview, right: memoryview) -> bool:
    """Compare buffers eight bytes at a time: `memoryview` compares item by item."""
    if len(left) != len(right):
        return False
    whole = len(left) // 8 * 8
    return left[:whole].cast("Q") == right[:whole].cast("Q") and left[whole:] == right[whole:]
