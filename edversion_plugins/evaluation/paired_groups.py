"""Differences between two models by group of learners: for whom is the new one better?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from edversion_plugins.evaluation.arrays import Ints
from edversion_plugins.evaluation.groups import Grouping, read_grouping
from edversion_plugins.evaluation.paired import PairedDifference, tested_differences
from edversion_plugins.evaluation.pairing import Joined, taken
from edversion_plugins.evaluation.significance import holm
from edversion_plugins.evaluation.suppression import hide

__all__ = ["GroupDifference", "group_differences", "shown_groups"]


@dataclass(frozen=True, slots=True)
class GroupDifference:
    """How much a measure of one group differs between two models.

    Attributes
    ----------
    slice : str
        E.g. ``gender=female``.
    found : PairedDifference
        The difference, over the rows of the group alone.
    adjusted : float or None
        Its p after Holm's correction for all groups and measures; None without a p.
    """

    slice: str
    found: PairedDifference
    adjusted: float | None = None

    @property
    def told(self) -> bool:
        """Whether the data can tell the models apart in this group, after the correction."""
        return self.found.told and self.adjusted is not None and self.adjusted < self.found.alpha


def group_differences(joined: Joined) -> tuple[GroupDifference, ...]:
    """Compare the models group by group, as `differences` does over all rows.

    Small groups are hidden, with others from which they would follow.
    """
    groups, _ = shown_groups(joined)
    each = [found for grouping in groups for found in _of_groups(joined, grouping)]
    known = [found for found in each if found.found.p is not None]
    adjusted = holm([found.found.p for found in known if found.found.p is not None])
    corrected = {id(found): p for found, p in zip(known, adjusted, strict=True)}
    return tuple(replace(found, adjusted=corrected.get(id(found))) for found in each)


def shown_groups(joined: Joined) -> tuple[list[Grouping], int]:
    """Give the groups of every attribute that may be shown, and how many are not."""
    columns = [read_grouping(each, name, missing=True) for name, each in joined.groups.items()]
    hidden = hide(columns, joined.units, joined.min_group) if columns else ()
    shown, count = [], 0
    for grouping, each in zip(columns, hidden, strict=True):
        also = [f"{grouping.name}={label}" in joined.hidden for label in grouping.labels]
        kept = ~(each.groups | np.array(also, dtype=bool))
        shown.append(grouping.only(np.flatnonzero(kept)))
        count += int(np.count_nonzero(~kept))
    return shown, count


def _of_groups(joined: Joined, grouping: Grouping) -> Iterator[GroupDifference]:
    order = np.argsort(grouping.codes, kind="stable")
    ends = np.cumsum(np.bincount(grouping.codes, minlength=len(grouping.keys) + 1))
    for place, label in enumerate(grouping.labels):
        rows: Ints = order[ends[place] : ends[place + 1]]
        for found in tested_differences(taken(joined, rows)):
            yield GroupDifference(f"{grouping.name}={label}", found)
