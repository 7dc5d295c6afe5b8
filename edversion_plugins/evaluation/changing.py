"""Who changed between two models: from right to wrong, and from wrong to right, by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edversion_plugins.evaluation.arrays import Bools
from edversion_plugins.evaluation.groups import Grouping
from edversion_plugins.evaluation.paired_groups import shown_groups
from edversion_plugins.evaluation.pairing import Joined, right
from edversion_plugins.evaluation.units import Pairs, Units

__all__ = ["Changes", "changes"]


@dataclass(frozen=True, slots=True)
class Changes:
    """Of the rows of one group, those that one model judges rightly and the other wrongly.

    Attributes
    ----------
    slice : str or None
        E.g. ``gender=female``; None for all rows.
    rows, learners : int
        How many there are.
    to_wrong, to_right : int
        Rows that changed.
    learners_to_wrong, learners_to_right : int
        Learners who have such a row.
    """

    slice: str | None
    rows: int
    learners: int
    to_wrong: int
    to_right: int
    learners_to_wrong: int
    learners_to_right: int


def changes(joined: Joined) -> tuple[tuple[Changes, ...], int]:
    """Count who changed: of all, then by group; and say how many groups are hidden.

    Small groups are hidden, with others from which they would follow.
    """
    before, after = right(joined.old), right(joined.new)
    groups, hidden = shown_groups(joined)
    found = _counted(Grouping.of_all(joined.size), before, after, joined.units)
    for grouping in groups:
        found += _counted(grouping, before, after, joined.units)
    return tuple(found), hidden


def _counted(grouping: Grouping, before: Bools, after: Bools, units: Units) -> list[Changes]:
    if not grouping.keys:
        return []
    pairs = Pairs.of(units, grouping)
    masks: Sequence[Bools] = (before & ~after, ~before & after)
    width = len(grouping.keys) + 1
    counts = [
        grouping.sizes,
        pairs.count(np.ones(len(before), dtype=bool)),
        *(np.bincount(grouping.codes[mask], minlength=width)[1:] for mask in masks),
        *(pairs.count(mask) for mask in masks),
    ]
    slices = [f"{grouping.name}={label}" if grouping.columns else None for label in grouping.labels]
    return [
        Changes(name, *map(int, numbers)) for name, *numbers in zip(slices, *counts, strict=True)
    ]
