"""A measure of every group at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edversion_plugins.evaluation.arrays import Floats, Ints

__all__ = ["Column", "share"]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Values of one measure, group by group.

    Attributes
    ----------
    values : ndarray of shape (n_groups,)
        NaN where the measure is not estimable. Of resamples ``(n_draws, n_groups)``.
    n : ndarray of the same shape
        Number of rows that each value rests on.
    reason : str
        Why a value that is NaN is not estimable.
    low, high : ndarray of shape (n_groups,) or None
        Interval, where one was asked for; NaN where there is none.
    method : str or None
        How the interval was computed.
    """

    values: Floats
    n: Ints
    reason: str = ""
    low: Floats | None = None
    high: Floats | None = None
    method: str | None = None


def share(part: npt.NDArray[Any], whole: npt.NDArray[Any], reason: str) -> Column:
    """Divide group by group; where the whole is empty, the measure is not estimable."""
    values = np.full(whole.shape, np.nan)
    np.divide(part, whole, out=values, where=whole > 0)
    return Column(values, whole.astype(np.intp, copy=False), reason)
