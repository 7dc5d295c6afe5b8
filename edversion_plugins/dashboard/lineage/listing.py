"""The list that says the same as the map: every box with its sentence and its neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edversion_plugins.dashboard.lineage.telling import KINDS
from edversion_plugins.dashboard.lineage.values import Box, Map

__all__ = ["Entry", "Part", "entries_of", "parts_of"]

_NAMED = 5
"""Neighbours that an entry names; the map has all."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A box in the list.

    Attributes
    ----------
    number : int
        By which the page names it.
    box : Box
        What it says.
    kind : str
        What it is called.
    sources, targets : sequence of (int, str, str)
        Number and name of the boxes before and after it, and what is said of the two.
    more : tuple of (int, int)
        How many more there are of either.
    """

    number: int
    box: Box
    kind: str
    sources: Sequence[tuple[int, str, str]]
    targets: Sequence[tuple[int, str, str]]
    more: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the list.

    Attributes
    ----------
    name : str
        Its heading.
    empty : str
        What it says where there is nothing in it.
    entries : sequence of Entry
        What there is, nearest first.
    """

    name: str
    empty: str
    entries: Sequence[Entry]


def entries_of(whole: Map) -> list[Entry]:
    """Give each box as the list has it, with its neighbours."""
    before: list[list[tuple[int, str, str]]] = [[] for _ in whole.boxes]
    after: list[list[tuple[int, str, str]]] = [[] for _ in whole.boxes]
    for each in whole.arrows:
        ends = whole.boxes[each.source], whole.boxes[each.target]
        after[each.source].append((each.target, ends[1].name, each.said))
        before[each.target].append((each.source, ends[0].name, each.said))
    return [
        Entry(
            place, box, KINDS[box.kind], before[place][:_NAMED], after[place][:_NAMED],
            (max(len(before[place]) - _NAMED, 0), max(len(after[place]) - _NAMED, 0)),
        )
        for place, box in enumerate(whole.boxes)
    ]  # fmt: skip


def parts_of(whole: Map, entries: Sequence[Entry], sides: Mapping[str, str]) -> list[Part]:
    """Give the parts of the list: what leads to a version and what came of it, or what differs."""
    if whole.compared:
        headings = {
            "this": (f"Behind {sides['this']}", "Nothing is behind it alone."),
            "other": (f"Behind {sides['other']}", "Nothing is behind it alone."),
            "both": ("Behind both", "Nothing is shown that both were made from."),
        }
        own = {side: [each for each in entries[2:] if each.box.side == side] for side in headings}
        return [
            Part("The two versions", "", entries[:2]),
            *(Part(*headings[side], found) for side, found in own.items()),
        ]
    up = whole.up(0)
    down = [place for place in whole.down(0) if place not in up]
    return [
        Part("The version itself", "", entries[:1]),
        Part(
            "What it was made from, nearest first",
            "Nothing is shown that it was made from.",
            _picked(entries, up),
        ),
        Part(
            "What came of it, nearest first",
            "Nothing is shown that came of it.",
            _picked(entries, down),
        ),
    ]


def _picked(entries: Sequence[Entry], places: Iterable[int]) -> list[Entry]:
    return [entries[place] for place in places]
