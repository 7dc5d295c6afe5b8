"""The rows of the old and of the new data, each with what both models make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edversion import InvalidInputError
from edversion_plugins.attribution.estimates import Estimate, estimated
from edversion_plugins.evaluation.arrays import Floats, Ints, as_array, as_floats
from edversion_plugins.evaluation.groups import Grouping
from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.evaluation.resampling import Resampler
from edversion_plugins.evaluation.sums import Sums, Term, add_up
from edversion_plugins.evaluation.units import Units, read_units

__all__ = ["Rows"]

SIDES = ("old", "new")


@dataclass(frozen=True, eq=False)
class Rows:
    """The values of all rows, and one set of resamples that everything is estimated from.

    A score is a mean over rows, such as the share of right answers or a mean loss, so that
    each row has a value under each model. Learners are drawn again, with all their rows in
    both data sets, and a row keeps its values under both models: differences are paired.

    Attributes
    ----------
    old, new : ndarray of shape (n_samples,)
        Value of each row under the old and under the new model.
    side : ndarray of shape (n_samples,)
        0 for a row of the old data, 1 for one of the new.
    units : Units
        What is independent: learners, or rows.
    uncertainty : Uncertainty
        Level, draws and seed of the intervals.
    """

    old: Floats
    new: Floats
    side: Ints
    units: Units
    uncertainty: Uncertainty

    @classmethod
    def of(
        cls,
        old_on_old: object,
        old_on_new: object,
        new_on_old: object,
        new_on_new: object,
        *,
        clusters: tuple[object, object] | None = None,
        uncertainty: Uncertainty | None = None,
    ) -> Rows:
        """Put the four columns together.

        Parameters
        ----------
        old_on_old, old_on_new, new_on_old, new_on_new : array-like of shape (n_samples,)
            Value of each row: of which model on which data.
        clusters : pair of array-like, optional
            The learner of each row of the old and of the new data. Who is in both is drawn
            once for both.
        uncertainty : Uncertainty, optional
            How the intervals are made.

        Raises
        ------
        InvalidInputError
            Lengths differ, there are no rows, or values are missing or not finite.
        """
        first = [_values(old_on_old, "old_on_old"), _values(new_on_old, "new_on_old")]
        second = [_values(old_on_new, "old_on_new"), _values(new_on_new, "new_on_new")]
        _check_lengths(first, ("old_on_old", "new_on_old"))
        _check_lengths(second, ("old_on_new", "new_on_new"))
        sizes = (len(first[0]), len(second[0]))
        side = np.repeat(np.arange(2), sizes)
        old, new = (np.concatenate(pair) for pair in zip(first, second, strict=True))
        units = _units(clusters, sizes)
        return cls(old, new, side, units, uncertainty or Uncertainty())

    @property
    def both(self) -> Floats:
        """The mean of a row's values under both models; what the data effect is a change of."""
        return (self.old + self.new) / 2

    @cached_property
    def sizes(self) -> Ints:
        """Number of rows of the old and of the new data."""
        return np.bincount(self.side, minlength=2)

    @cached_property
    def learners(self) -> Ints:
        """Number of independent units in the old and in the new data."""
        return self.units.sizes(self.grouped())

    @cached_property
    def resampler(self) -> Resampler:
        """The resamples."""
        return Resampler.of(self.units, self.uncertainty)

    def grouped(self, codes: Ints | None = None, groups: int = 1) -> Grouping:
        """Group rows by data set, or by data set and `codes` from 0 to below `groups`."""
        inner = np.zeros(len(self.side), dtype=np.intp) if codes is None else codes
        keys = tuple((name, str(at)) for name in SIDES for at in range(groups))
        return Grouping(("data", "stratum"), keys, self.side * groups + inner + 1, 0)

    def sums(self, weights: Sequence[Floats | None], grouping: Grouping) -> tuple[Sums, Sums]:
        """Add up columns (None counts) over groups, once as they are and in each resample.

        Returns
        -------
        ndarray of shape (n_groups, width), ndarray of shape (n_draws, n_groups, width)
        """
        terms = tuple(Term(weight=weight) for weight in weights)
        return add_up(terms, grouping), self.resampler.sums(terms, grouping)

    def estimate(self, value: float, draws: Floats) -> Estimate:
        """Give a value its interval."""
        return estimated(value, draws, self.uncertainty.level)


def _values(values: object, name: str) -> Floats:
    floats = as_floats(as_array(values, name), name)
    if not floats.size:
        raise InvalidInputError(f"{name} has no rows", column=name)
    return floats


def _check_lengths(columns: list[Floats], names: tuple[str, str]) -> None:
    first, second = map(len, columns)
    if first != second:
        raise InvalidInputError(
            f"{names[1]} has {second} rows, {names[0]} has {first}; they must be of the same rows",
            code="lengths_differ",
            column=names[1],
        )


def _units(clusters: tuple[object, object] | None, sizes: tuple[int, int]) -> Units:
    if clusters is None:
        return Units(sum(sizes))
    columns = [
        as_array(each, f"cluster of the {n} data") for each, n in zip(clusters, SIDES, strict=True)
    ]
    for column, size, name in zip(columns, sizes, SIDES, strict=True):
        if len(column) != size:
            raise InvalidInputError(
                f"cluster has {len(column)} rows in the {name} data, which have {size}",
                code="lengths_differ",
                column="cluster",
            )
    whole = np.concatenate([column.astype(object) for column in columns])
    return read_units(whole, sum(sizes))
