"""Model or data: both models on both data sets, and what each of the two changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from edversion_plugins.attribution.estimates import Estimate
from edversion_plugins.attribution.rows import Rows
from edversion_plugins.evaluation.arrays import Floats
from edversion_plugins.evaluation.sums import Sums

__all__ = ["Crossing", "Halves", "cross", "shapley"]

T = TypeVar("T", float, Floats)


class Halves(NamedTuple, Generic[T]):
    """The parts of a change of two causes.

    Attributes
    ----------
    model, data : float or ndarray
        What each changed; they sum to `total`.
    interaction : float or ndarray
        How much more the new model gains on the new data than on the old.
    total : float or ndarray
        The whole change.
    """

    model: T
    data: T
    interaction: T
    total: T


def shapley(old_on_old: T, old_on_new: T, new_on_old: T, new_on_new: T) -> Halves[T]:
    """Split a change between model and data.

    Each has two measures, one for either value of the other, and gets their mean: the Shapley
    value of a game of two.

    Parameters
    ----------
    old_on_old, old_on_new, new_on_old, new_on_new : float or ndarray
        Score of which model on which data; of arrays, element by element.

    References
    ----------
    L. S. Shapley (1953). A Value for n-Person Games. Contributions to the Theory of Games II,
    Annals of Mathematics Studies 28, 307–317.

    Examples
    --------
    >>> parts = shapley(0.80, 0.70, 0.84, 0.78)
    >>> [round(part, 10) for part in parts]
    [0.06, -0.08, 0.04, -0.02]
    """
    model = ((new_on_old - old_on_old) + (new_on_new - old_on_new)) / 2
    data = ((old_on_new - old_on_old) + (new_on_new - new_on_old)) / 2
    interaction = new_on_new - new_on_old - old_on_new + old_on_old
    return Halves(model, data, interaction, new_on_new - old_on_old)


@dataclass(frozen=True, slots=True)
class Crossing:
    """The two-by-two: four scores, and what they come to.

    Attributes
    ----------
    old_on_old, old_on_new, new_on_old, new_on_new : Estimate
        Score of which model on which data.
    model, data, interaction, total : Estimate
        As in `Halves`.
    """

    old_on_old: Estimate
    old_on_new: Estimate
    new_on_old: Estimate
    new_on_new: Estimate
    model: Estimate
    data: Estimate
    interaction: Estimate
    total: Estimate

    def times(self, factor: float) -> Crossing:
        """Give all numbers in another unit, or turned round."""
        return Crossing(*(getattr(self, name).times(factor) for name in self.__slots__))


def cross(rows: Rows) -> Crossing:
    """Estimate the two-by-two, with intervals of a paired bootstrap.

    Parameters
    ----------
    rows : Rows
        The rows of both data sets.

    Examples
    --------
    >>> import numpy as np
    >>> right = lambda share: np.arange(100) < 100 * share
    >>> rows = Rows.of(right(0.80), right(0.70), right(0.84), right(0.78))
    >>> round(cross(rows).data.value, 10)
    -0.08
    """
    found, draws = (_cells(sums) for sums in rows.sums((rows.old, rows.new, None), rows.grouped()))
    cells = [rows.estimate(float(value), drawn) for value, drawn in zip(found, draws, strict=True)]
    parts = zip(shapley(*map(float, found)), shapley(*draws), strict=True)
    return Crossing(*cells, *(rows.estimate(value, drawn) for value, drawn in parts))


def _cells(sums: Sums) -> tuple[Floats, Floats, Floats, Floats]:
    """Give the four means from sums of shape ``(…, 2 data sets, 3)``."""
    with np.errstate(divide="ignore", invalid="ignore"):  # a resample may miss a data set
        means = sums[..., :2] / sums[..., 2:]
    return means[..., 0, 0], means[..., 1, 0], means[..., 0, 1], means[..., 1, 1]
