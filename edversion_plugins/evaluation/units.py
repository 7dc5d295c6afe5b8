"""What a sample is a sample of: learners, who may have several rows each, or rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edversion import InvalidInputError
from edversion_plugins.evaluation.arrays import (
    Bools,
    Floats,
    Ints,
    as_array,
    bad_rows,
    distinct,
    is_missing,
)
from edversion_plugins.evaluation.groups import Grouping

__all__ = ["Pairs", "Units", "read_units"]


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """What was drawn independently, and is drawn and shuffled again.

    Attributes
    ----------
    count : int
        How many there are.
    codes : ndarray of shape (n_samples,) or None
        The unit of each row, 0, 1, …; None where every row is a unit by itself.
    """

    count: int
    codes: Ints | None = None

    def rows(self, values: Ints) -> Ints:
        """Give every row the value of its unit."""
        return values if self.codes is None else values[self.codes]

    def sizes(self, grouping: Grouping) -> Ints:
        """Give the number of units that have a row in each group."""
        if self.codes is None:
            return grouping.sizes
        return Pairs.of(self, grouping).count(np.ones(len(self.codes), dtype=bool))


def read_units(cluster: object, rows: int) -> Units:
    """Read the column that tells which rows are one learner's; None means none are.

    Raises
    ------
    InvalidInputError
        It has another length, or a row has no value.
    """
    if cluster is None:
        return Units(rows)
    array = as_array(cluster, "cluster")
    if len(array) != rows:
        raise InvalidInputError(
            f"cluster has {len(array)} rows, y_true has {rows}; they must be of the same rows",
            code="lengths_differ",
            column="cluster",
        )
    values, codes = distinct(array, "cluster")
    missing = [place for place, value in enumerate(values) if is_missing(value)]
    if missing:
        raise bad_rows(np.flatnonzero(np.isin(codes, missing)), rows, "cluster", "missing values")
    return Units(rows) if len(values) == rows else Units(len(values), codes)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Every unit with every group that it has rows in: what belongs together in a variance.

    Attributes
    ----------
    of_row : ndarray of shape (n_samples,)
        The pair of each row.
    group : ndarray of shape (n_pairs,)
        The code of each pair's group, 0 where it is none.
    width : int
        Number of groups, and one.
    """

    of_row: Ints
    group: Ints
    width: int

    @classmethod
    def of(cls, units: Units, grouping: Grouping) -> Pairs:
        """Pair the units with their groups."""
        width = len(grouping.keys) + 1
        codes = np.arange(len(grouping.codes)) if units.codes is None else units.codes
        both = codes * width + grouping.codes
        found, of_row = np.unique(both, return_inverse=True)
        return cls(of_row, found % width, width)

    def add(self, values: npt.NDArray[Any]) -> Floats:
        """Add up values of rows, pair by pair."""
        added = np.bincount(self.of_row, weights=values, minlength=len(self.group))
        return added.astype(np.float64, copy=False)

    def by_group(self, values: npt.NDArray[Any]) -> Floats:
        """Add up values of pairs, group by group."""
        added = np.bincount(self.group, weights=values, minlength=self.width)[1:]
        return added.astype(np.float64, copy=False)

    def count(self, rows: Bools) -> Ints:
        """Give, for each group, the number of units that one of `rows` (a mask) is of."""
        return self.by_group(self.add(rows) > 0).astype(np.intp)
