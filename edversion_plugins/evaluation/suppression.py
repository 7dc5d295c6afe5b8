"""Which groups are not shown, so that nobody can tell what was left out of small ones.

A group under the least size is hidden. So is, where what is shown gives a hidden group away,
another group with it: ``all − the others`` is one way, and with intersections there are
longer ones. What can be found out by adding and subtracting is known exactly: counts are
linear in the counts of *atoms*, rows that agree in every attribute, and a hidden group is given
away if its indicator over the atoms is a combination of the indicators that are shown. Rates
are counts of the same atoms, and fall with them. Hidden groups that together are fewer than
the least size hide one more, since their sum is known.

It is not told which of the hidden groups are the small ones. What this does not see: that two
reports of one sample, over different attributes or with different least sizes, are combined.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edversion_plugins.evaluation.arrays import Bools, Floats, Ints
from edversion_plugins.evaluation.groups import Grouping
from edversion_plugins.evaluation.units import Units

__all__ = ["Hidden", "hide"]

_ATOMS = 1000
"""With more, intersections that have a small group are hidden whole; tables that large have."""
_NEAR = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Hidden:
    """What is not shown of one grouping.

    Attributes
    ----------
    groups : ndarray of shape (n_groups,)
        Whether each group is hidden.
    unknown : bool
        Whether the number of rows without a group is hidden.
    """

    groups: Bools
    unknown: bool


def hide(groupings: Sequence[Grouping], units: Units, least: int) -> tuple[Hidden, ...]:
    """Say what is hidden, grouping by grouping.

    Parameters
    ----------
    groupings : sequence of Grouping
        All that are reported of one sample; intersections after their attributes.
    units : Units
        Learners, who are counted.
    least : int
        Number of learners that a group must have to be shown.
    """
    sizes = [_sizes(grouping, units) for grouping in groupings]
    hidden = [(each > 0) & (each < least) for each in sizes]
    if any(each.any() for each in hidden):
        atoms = _atoms(groupings)
        if len(atoms) > _ATOMS:
            _hide_crossed(groupings, hidden)
            for place, grouping in enumerate(groupings):
                if len(grouping.columns) == 1:
                    alone = [_members(grouping, _atoms([grouping]))]
                    _Attack(alone, [hidden[place]], [sizes[place]], [grouping], least).defeat()
        else:
            members = [_members(grouping, atoms) for grouping in groupings]
            _Attack(members, hidden, sizes, groupings, least).defeat()
    return tuple(Hidden(each[1:], bool(each[0])) for each in hidden)


def _sizes(grouping: Grouping, units: Units) -> Ints:
    """Give the number of learners of each code; code 0 is no group, but can be told too."""
    width = len(grouping.keys) + 1
    if units.codes is None:
        return np.bincount(grouping.codes, minlength=width)
    pairs = np.unique(units.codes * width + grouping.codes)
    return np.bincount(pairs % width, minlength=width)


def _atoms(groupings: Sequence[Grouping]) -> Ints:
    """Give one row of each combination of the attributes."""
    atoms: Ints = np.zeros(len(groupings[0].codes), dtype=np.intp)
    first = atoms[:1]
    for grouping in groupings:
        if len(grouping.columns) == 1:
            both = atoms * (len(grouping.keys) + 1) + grouping.codes
            _, first, atoms = np.unique(both, return_index=True, return_inverse=True)
    return first


def _members(grouping: Grouping, atoms: Ints) -> Floats:
    """Give the indicators of the codes over the atoms; shape (1 + n_groups, n_atoms)."""
    codes = np.arange(len(grouping.keys) + 1)
    return np.asarray(codes[:, None] == grouping.codes[atoms], dtype=np.float64)


def _hide_crossed(groupings: Sequence[Grouping], hidden: list[Bools]) -> None:
    for grouping, each in zip(groupings, hidden, strict=True):
        if len(grouping.columns) > 1 and each.any():
            each[:] = True


@dataclass(frozen=True, slots=True, eq=False)
class _Attack:
    """Everything that a reader knows, and what must not follow from it.

    Attributes
    ----------
    members, hidden, sizes : list of ndarray
        Of each grouping: indicators over the atoms, what is hidden so far, learners.
    groupings : sequence of Grouping
        Their names.
    least : int
        Number of learners that must stand behind what can be told.
    """

    members: list[Floats]
    hidden: list[Bools]
    sizes: list[Ints]
    groupings: Sequence[Grouping]
    least: int

    def defeat(self) -> None:
        """Hide one group after the other until nothing hidden follows from what is shown.

        Also those hidden to protect another: found out, they would protect it no more.
        """
        while any(self._closes(place, target) for place, target in self._targets()):
            pass

    def _targets(self) -> Iterator[tuple[int, Floats]]:
        """Give what must not follow: hidden groups, and their sums where these are small."""
        for place, grouping in enumerate(self.groupings):
            for code in np.flatnonzero(self.hidden[place]):
                yield place, self.members[place][code]
            for line in self._lines(grouping):
                together = np.flatnonzero(line & self.hidden[place])
                if len(together) and self.sizes[place][together].sum() < self.least:
                    yield place, self.members[place][together].sum(axis=0)

    def _lines(self, grouping: Grouping) -> Iterator[Bools]:
        """Give the codes whose sum is shown: of an intersection those of one attribute's group."""
        yield np.ones(len(grouping.keys) + 1, dtype=bool)
        if len(grouping.columns) > 1:
            for column in range(len(grouping.columns)):
                values = [key[column] for key in grouping.keys]
                for value in dict.fromkeys(values):
                    yield np.array([False, *(each == value for each in values)])

    def _closes(self, place: int, target: Floats) -> bool:
        """Hide a group that a target follows from; say whether there was one."""
        whole = np.ones((1, len(target)))
        shown = [(at, int(code)) for at, hidden in enumerate(self.hidden)
                 for code in np.flatnonzero(~hidden & (self.sizes[at] > 0))]  # fmt: skip
        known = np.vstack([whole, *(self.members[at][code] for at, code in shown)])
        parts = np.linalg.lstsq(known.T, target, rcond=None)[0]
        if np.abs(known.T @ parts - target).max() > _NEAR:
            return False
        used = [(each, abs(part)) for each, part in zip(shown, parts[1:], strict=True)]
        used = [(each, round(part, 3)) for each, part in used if part > 1e-6]
        # sooner what matters more to the sum, sooner the number of the unknown, sooner few rows
        own = [(each, part) for each, part in used if each[0] == place] or used
        if not own:
            return False  # it is the whole sample, whose size is known anyhow
        at, code = min(own, key=self._worth)[0]
        self.hidden[at][code] = True
        return True

    def _worth(self, item: tuple[tuple[int, int], float]) -> tuple[float, bool, int]:
        (at, code), part = item
        return -part, code > 0, int(self.sizes[at][code])
