"""What is too much for one look: boxes far off are left out, long chains folded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import replace

from edversion_plugins.dashboard.lineage.values import Arrow, Box, Map
from edversion_plugins.dashboard.rendering import counted

__all__ = ["MOST", "fold", "nearest"]

MOST = 1000
"""Boxes of a map; of more than these nobody could find one."""

_LONG = 8
"""Boxes in a row, each with one way in and one way out, that are folded."""
_ENDS = 2
"""… and how many of them stay at either end."""


def nearest(found: Map, most: int = MOST) -> Map:
    """Keep the boxes nearest to the versions in the middle, in this order.

    What no arrow leads to from there, or from which none leads there, goes.
    """
    starts = (0, 1) if found.compared else (0,)
    ways = (iter(found.up(*starts)), iter(found.down(*starts)))
    order = dict.fromkeys(starts)
    while taken := [each for way in ways if (each := next(way, None)) is not None]:
        order.update(dict.fromkeys(taken))
    return replace(found.only(list(order)[:most]), cut=found.cut + max(len(order) - most, 0))


def fold(found: Map, keep: Collection[int]) -> tuple[Map, dict[int, int]]:
    """Fold the middles of long chains into one box each.

    Parameters
    ----------
    found : Map
        With all boxes.
    keep : collection of int
        Places of boxes that stay in sight.

    Returns
    -------
    Map
        With fewer boxes.
    dict
        The places in it of the boxes that stay, by their places in `found`.
    """
    folded: dict[int, int] = {}
    gaps: list[Box] = []
    for chain in _chains(found, keep):
        hidden = chain[_ENDS:-_ENDS]
        folded |= dict.fromkeys(hidden, len(gaps))
        name = counted(len(hidden), "step")
        gaps.append(
            Box(f"gap {len(gaps) + 1}", "gap", name, "Folded", f"{name} in a row are folded here.")
        )
    kept = [place for place in range(len(found.boxes)) if place not in folded]
    places = {place: new for new, place in enumerate(kept)}
    ends = places | {place: len(kept) + gap for place, gap in folded.items()}
    arrows = tuple(
        Arrow(ends[each.source], ends[each.target], each.said)
        for each in found.arrows
        if ends[each.source] != ends[each.target]
    )
    boxes = (*(found.boxes[place] for place in kept), *gaps)
    return replace(found, boxes=boxes, arrows=arrows), places


def _chains(found: Map, keep: Collection[int]) -> Iterator[list[int]]:
    """Give the long chains of boxes that have one way in and one way out."""
    before: dict[int, list[int]] = defaultdict(list)
    after: dict[int, list[int]] = defaultdict(list)
    for each in found.arrows:
        before[each.target].append(each.source)
        after[each.source].append(each.target)
    inner = {
        place
        for place in range(len(found.boxes))
        if len(before[place]) == len(after[place]) == 1 and place not in keep
    }
    for first in sorted(inner):
        if before[first][0] in inner:
            continue
        chain = [first]
        while (there := after[chain[-1]][0]) in inner:
            chain.append(there)
        if len(chain) >= _LONG:
            yield chain
