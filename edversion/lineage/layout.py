"""Where each box of a picture stands: in columns, sources on the left.

The way of Sugiyama, Tagawa and Toda (1981): turn what leads back, give each box its
column, put stops where an arrow passes a column, and sort each column by its neighbours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

__all__ = ["Grid", "Pair", "Stop", "grid_of"]

_SWEEPS = 6
_FAR = 8
"""Columns that an arrow passes beside the boxes; longer ones lead straight, behind them.

With stops in every column, data that a thousand runs used one after the other would have a
million.
"""

Pair = tuple[int, int]
"""Places of two boxes, of which an arrow leads from the one to the other."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A place in the grid: a box, or where an arrow passes a column."""

    column: int
    row: float


@dataclass(frozen=True, slots=True)
class Grid:
    """Places in a grid of columns and rows; rows may be halves.

    Attributes
    ----------
    stops : tuple of Stop
        Of each box.
    paths : tuple of tuple of Stop
        Of each arrow, from its source to its target, with the columns it passes.
    columns : int
        How many.
    rows : float
        How many in the longest column.
    """

    stops: tuple[Stop, ...]
    paths: tuple[tuple[Stop, ...], ...]
    columns: int
    rows: float


def grid_of(count: int, pairs: Sequence[Pair], *, last: Collection[int] = ()) -> Grid:
    """Place boxes so that arrows lead right, are short and cross little.

    Parameters
    ----------
    count : int
        How many boxes.
    pairs : sequence of (int, int)
        The arrows, by the places of their boxes.
    last : collection of int
        Boxes from which no arrow leads on, and which stand in the last column.
    """
    forward = [pair if ahead else pair[::-1] for pair, ahead in _directed(count, pairs)]
    columns = _columns(count, forward)
    for place in last:
        columns[place] = max(columns)
    chains, columns = _with_stops(forward, columns)
    links = [pair for chain in chains for pair in pairwise(chain)]
    rows, longest = _rows(columns, links)
    places = [Stop(column, row) for column, row in zip(columns, rows, strict=True)]
    paths = []
    for pair, chain in zip(pairs, chains, strict=True):
        path = tuple(places[stop] for stop in chain)
        paths.append(path if chain[0] == pair[0] else path[::-1])
    return Grid(tuple(places[:count]), tuple(paths), max(columns, default=0) + 1, longest)


def _directed(count: int, pairs: Sequence[Pair]) -> list[tuple[Pair, bool]]:
    """Tell of each pair whether it leads ahead; without those that do not, nothing circles."""
    after: dict[int, list[int]] = defaultdict(list)
    for source, target in pairs:
        after[source].append(target)
    back: set[Pair] = set()
    state = [0] * count  # not seen, on the path, done
    for root in range(count):
        path = [(root, iter(after[root]))] if state[root] == 0 else []
        state[root] = state[root] or 1
        while path:
            here, rest = path[-1]
            there = next(rest, None)
            if there is None:
                state[here] = 2
                path.pop()
            elif state[there] == 0:
                state[there] = 1
                path.append((there, iter(after[there])))
            elif state[there] == 1:
                back.add((here, there))
    return [(pair, pair not in back) for pair in pairs]


def _columns(count: int, pairs: Sequence[Pair]) -> list[int]:
    """Give each box the column after the last of what it was made from."""
    before = [0] * count
    after: dict[int, list[int]] = defaultdict(list)
    for source, target in pairs:
        after[source].append(target)
        before[target] += 1
    columns = [0] * count
    ready = [place for place in range(count) if before[place] == 0]
    for here in ready:  # grows as it goes
        for there in after[here]:
            columns[there] = max(columns[there], columns[here] + 1)
            before[there] -= 1
            if before[there] == 0:
                ready.append(there)
    for here in reversed(ready):  # sources stand next to what was made from them
        if after[here]:
            columns[here] = min(columns[there] for there in after[here]) - 1
    return columns


def _with_stops(pairs: Sequence[Pair], columns: Sequence[int]) -> tuple[list[list[int]], list[int]]:
    """Give the stops of each arrow, and the columns of all stops, boxes first."""
    placed, chains = list(columns), []
    for source, target in pairs:
        between = range(columns[source] + 1, columns[target])
        if len(between) > _FAR:
            chains.append([source, target])
            continue
        chains.append([source, *range(len(placed), len(placed) + len(between)), target])
        placed += between
    return chains, placed


def _rows(columns: Sequence[int], links: Iterable[Pair]) -> tuple[list[float], float]:
    """Sort each column by the middle of its neighbours, to and fro; give rows and their number."""
    near: dict[int, list[int]] = defaultdict(list)
    for source, target in links:
        near[source].append(target)
        near[target].append(source)
    order: list[list[int]] = [[] for _ in range(max(columns, default=0) + 1)]
    for stop, column in enumerate(columns):
        order[column].append(stop)
    longest = max(map(len, order))
    rows = [0.0] * len(columns)
    _settle(order, rows, longest)
    for sweep in range(_SWEEPS):
        step = -1 if sweep % 2 == 0 else 1
        for stops in order if step < 0 else reversed(order):
            stops.sort(key=partial(_middle, near=near, columns=columns, rows=rows, step=step))
            _settle([stops], rows, longest)
    return rows, float(longest)


def _middle(
    stop: int,
    *,
    near: Mapping[int, Sequence[int]],
    columns: Sequence[int],
    rows: Sequence[float],
    step: int,
) -> float:
    """Give the mean row of the neighbours in the column before, or after; else its own."""
    found = [rows[other] for other in near.get(stop, ()) if columns[other] == columns[stop] + step]
    return sum(found) / len(found) if found else rows[stop]


def _settle(order: Iterable[Sequence[int]], rows: list[float], longest: int) -> None:
    """Give the stops of each column their rows, in the middle of the picture."""
    for column in order:
        top = (longest - len(column)) / 2
        for place, stop in enumerate(column):
            rows[stop] = top + place
