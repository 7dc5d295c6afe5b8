"""Get stretches of packs: from the store itself, or from copies on this machine as far as they go.

A store far away is asked for what is missing alone, for several stretches at once, and for each
by one process of this machine at a time: the others wait for its copy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple, Protocol

from edversion.digests import checksum
from edversion.store.backend import Backend
from edversion.store.packs import Segment, pack_key
from edversion.store.ranges import RangeCache
from edversion.store.workers import Worker

__all__ = ["CachedPacks", "Packs", "Source", "Span"]

_AT_ONCE = 8
_GAP = 64 << 10


class Span(NamedTuple):
    """A stretch of a pack that is read at once.

    Attributes
    ----------
    pack : str
        The pack.
    offset, length : int
        The stretch.
    segments : sequence of Segment
        What somebody wants of it, in the order of the pack.
    """

    pack: str
    offset: int
    length: int
    segments: Sequence[Segment]


class Source(Protocol):
    """Where a reader gets bytes from."""

    url: str
    window: int
    """Bytes that one reading fetches at most, where so many are wanted in a row."""

    def get(self, span: Span) -> bytes:
        """Give the bytes of a stretch; shorter where the pack ends before.

        Raises
        ------
        FileNotFoundError
            The pack is gone.
        """

    def again(self, span: Span) -> bytes:
        """Give them as the store has them now: those that came before were damaged."""

    def ahead(self, spans: Sequence[Span]) -> None:
        """Take note that stretches will be asked for, piece by piece."""

    def each(self, spans: Iterable[Span]) -> Iterator[tuple[Span, Callable[[], bytes]]]:
        """Give stretches in their order, each with what gives its bytes, as `get` does."""


class Packs:
    """The packs of a store, read one stretch after the other.

    Parameters
    ----------
    backend : Backend
        Where they lie.
    """

    window = 4 << 20

    def __init__(self, backend: Backend) -> None:
        self.url = backend.url
        self._backend = backend

    def get(self, span: Span) -> bytes:
        """Give the bytes of a stretch; shorter where the pack ends before."""
        return self._backend.read(pack_key(span.pack), span.offset, span.length)

    def again(self, span: Span) -> bytes:
        """Give them as the store has them now."""
        return self.get(span)

    def ahead(self, spans: Sequence[Span]) -> None:
        """Take note that stretches will be asked for; here, the file system reads ahead."""

    def each(self, spans: Iterable[Span]) -> Iterator[tuple[Span, Callable[[], bytes]]]:
        """Give stretches in their order, each with what gives its bytes."""
        for span in spans:
            yield span, partial(self.get, span)


class CachedPacks(Packs):
    """The packs of a store far away: what was fetched and proved is kept on this machine.

    Parameters
    ----------
    backend : Backend
        Where they lie.
    ranges : RangeCache
        Where copies are kept.
    """

    window = 12 << 20  # a pack of small files in six requests, several of which are under way

    def __init__(self, backend: Backend, ranges: RangeCache) -> None:
        super().__init__(backend)
        self._ranges = ranges

    def get(self, span: Span) -> bytes:
        """Give the bytes of a stretch, of which only what is missing here is fetched."""
        held = self._ranges.read(span.pack, span.offset, span.length)
        if held is not None:
            return held
        with self._ranges.alone(span.pack, span.offset):
            return self._completed(span)

    def again(self, span: Span) -> bytes:
        """Give them as the store has them now; the copies of them are given up."""
        self._ranges.forget(span.pack, span.offset, span.length)
        return self.get(span)

    def ahead(self, spans: Sequence[Span]) -> None:
        """Fetch stretches of which single segments will be asked for."""
        far = [each for each in spans if not self._ranges.has(each.pack, each.offset, each.length)]
        with suppress(FileNotFoundError):  # told by whoever reads
            if len(far) == 1:
                self.get(far[0])
                return
            for _, get in self.each(far):
                get()

    def each(self, spans: Iterable[Span]) -> Iterator[tuple[Span, Callable[[], bytes]]]:
        """Give stretches in their order, fetched several at once, ahead of whoever asks."""
        waiting: deque[tuple[Span, Callable[[], bytes]]] = deque()
        worker = Worker("edversion-fetch", _AT_ONCE)
        try:
            for span in spans:
                waiting.append((span, worker.submit(self.get, span).result))
                if len(waiting) > _AT_ONCE:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            worker.close(abandon=True)

    def _completed(self, span: Span) -> bytes:
        """Put a stretch together from copies and from what the store is asked for."""
        held = self._ranges.read(span.pack, span.offset, span.length)
        if held is not None:  # another process was faster
            return held
        places = [(segment.offset, segment.length) for segment in span.segments]
        pieces = self._ranges.read_each(span.pack, places)
        pairs = list(zip(span.segments, pieces, strict=True))
        runs = list(_runs([segment for segment, piece in pairs if piece is None]))
        if len(runs) == 1 and len(runs[0]) == len(span.segments):
            return self._fetched(span)
        buffer = bytearray(span.length)
        for segment, piece in pairs:
            _put(buffer, segment.offset - span.offset, piece or b"")
        for run in runs:
            offset, end = run[0].offset, run[-1].offset + run[-1].length
            data = self._fetched(Span(span.pack, offset, end - offset, run))
            _put(buffer, offset - span.offset, data)
            if len(data) < end - offset:
                return bytes(buffer[: offset - span.offset + len(data)])
        return bytes(buffer)

    def _fetched(self, span: Span) -> bytes:
        """Ask the store for a stretch, and keep what came of it."""
        data = super().get(span)
        if len(data) == span.length:
            self._keep(span.pack, span.segments, memoryview(data))
        return data

    def _keep(self, pack: str, run: Sequence[Segment], data: memoryview) -> None:
        """Keep what was proved; what is damaged is told by whoever reads it."""
        start = run[0].offset
        whole = [
            segment for segment in run if checksum(_part(data, start, segment)) == segment.checksum
        ]
        for stretch in _touching(whole):
            offset, end = stretch[0].offset, stretch[-1].offset + stretch[-1].length
            self._ranges.write(pack, offset, data[offset - start : end - start])


def _part(data: memoryview, start: int, segment: Segment) -> memoryview:
    return data[segment.offset - start : segment.offset - start + segment.length]


def _put(buffer: bytearray, place: int, data: bytes) -> None:
    buffer[place : place + len(data)] = data


def _runs(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Group segments that one request fetches: what lies between them is little."""
    return _grouped(segments, _GAP)


def _touching(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Group segments with nothing between them."""
    return _grouped(segments, 0)


def _grouped(segments: Sequence[Segment], gap: int) -> Iterator[list[Segment]]:
    group: list[Segment] = []
    end = 0
    for segment in segments:
        if group and segment.offset - end > gap:
            yield group
            group, end = [], 0
        group.append(segment)
        end = max(end, segment.offset + segment.length)
    if group:
        yield group
