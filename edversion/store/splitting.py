"""Cut a large file into units: the pieces that versions share.

A unit ends where a plugin said that a part of the file's format ends, or else where the
content itself says so (FastCDC), so that bytes inserted near the front move the units
after them without changing them. Units are read through windows of a fixed size, whatever
the size of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

__all__ = ["LARGE", "WINDOW", "Window", "cut_points", "windows"]

LARGE = 1 << 20
"""Bytes from which a file is split into units and shared across the repository."""

WINDOW = 8 << 20
"""Bytes read at once, and the largest unit."""

_AVERAGE, _SMALLEST, _LARGEST = 512 << 10, 128 << 10, 2 << 20

ReadAt = Callable[[memoryview, int], int]
"""Fill a buffer from a file offset; give the bytes read, fewer only at the file's end."""


class Window(NamedTuple):
    """A stretch of a file in memory; valid until the window after the next is asked for.

    Attributes
    ----------
    fresh : memoryview
        The bytes not seen in an earlier window.
    units : list of memoryview
        Whole units, in order; together all bytes of the file, once.
    """

    fresh: memoryview
    units: list[memoryview]


def cut_points(offsets: Sequence[int], size: int) -> list[int]:
    """Give the ends of units for part boundaries: rising, the last is `size`.

    Parts beyond `WINDOW` are cut at multiples of it from their own start, so that a part
    that moved is cut as before.

    Examples
    --------
    >>> cut_points([10, 10, 20], 30)
    [10, 20, 30]
    """
    ends: list[int] = []
    start = 0
    for end in sorted({*offsets, size}):
        ends.extend(range(start + WINDOW, end, WINDOW))
        if end > start:
            ends.append(end)
        start = end
    return ends


def windows(read_at: ReadAt, size: int, ends: Sequence[int] | None) -> Iterator[Window]:
    """Read a file as windows of whole units.

    Parameters
    ----------
    read_at : callable
        Reads the file.
    size : int
        Bytes of the file.
    ends : sequence of int or None
        Ends of the units, as `cut_points` gives them; None cuts by content.

    Raises
    ------
    EOFError
        The file is shorter than `size`.
    """
    if ends is None:
        return _by_content(read_at, size)
    return _by_offsets(read_at, size, ends)


def _by_offsets(read_at: ReadAt, size: int, ends: Sequence[int]) -> Iterator[Window]:
    buffers = _buffers(WINDOW, size)
    start, turn, pending = 0, 0, list(reversed(ends))
    while pending:
        mine: list[int] = []
        while pending and pending[-1] - start <= WINDOW:
            mine.append(pending.pop())
        view = buffers[turn % 2][: mine[-1] - start]
        _fill(read_at, view, start)
        edges = [0, *(end - start for end in mine)]
        yield Window(view, [view[a:b] for a, b in pairwise(edges)])
        start, turn = mine[-1], turn + 1


def _by_content(read_at: ReadAt, size: int) -> Iterator[Window]:
    """Carry the last, perhaps unfinished unit of each window over to the next."""
    cut = _cutter()
    buffers = _buffers(WINDOW + _LARGEST, size)
    done, turn, carried = 0, 0, 0
    while done < size:
        buffer = buffers[turn % 2]
        count = min(WINDOW, size - done)
        _fill(read_at, buffer[carried : carried + count], done)
        done += count
        whole = buffer[: carried + count]
        ends = _unit_ends(cut(whole), finished=done == size)
        edges = [0, *ends]
        units = [whole[a:b] for a, b in pairwise(edges)]
        yield Window(whole[carried:], units)
        rest = whole[edges[-1] :]
        turn, carried = turn + 1, len(rest)
        buffers[turn % 2][:carried] = rest  # only now: the other buffer may be in use until here


def _unit_ends(chunks: Iterator[Any], *, finished: bool) -> list[int]:
    ends: list[int] = []
    for chunk in chunks:
        ends.append(chunk.offset + chunk.length)
    return ends if finished else ends[:-1]


@cache
def _cutter() -> Callable[[memoryview], Iterator[Any]]:
    """Give the FastCDC splitter; imported here, since most work needs none."""
    from pyfastcdc import FastCDC

    splitter = FastCDC(avg_size=_AVERAGE, min_size=_SMALLEST, max_size=_LARGEST)
    cut: Callable[[memoryview], Iterator[Any]] = splitter.cut_buf
    return cut


def _buffers(length: int, size: int) -> tuple[memoryview, memoryview]:
    """Give two buffers, no larger than the file needs."""
    length = min(length, size)
    return memoryview(bytearray(length)), memoryview(bytearray(length if size > WINDOW else 0))


def _fill(read_at: ReadAt, view: memoryview, offset: int) -> None:
    while view:
        count = read_at(view, offset)
        if count == 0:
            raise EOFError(f"file ends at byte {offset}")
        view, offset = view[count:], offset + count
