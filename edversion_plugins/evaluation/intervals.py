"""Intervals of shares (Wilson) and of what was drawn again and again (percentiles)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from edversion import InvalidInputError
from edversion_plugins.evaluation.arrays import Bools, Floats
from edversion_plugins.evaluation.columns import Column
from edversion_plugins.evaluation.units import Pairs

__all__ = [
    "Uncertainty",
    "percentiles",
    "reflected",
    "squared_and_added",
    "wilson",
    "wilson_by_unit",
    "wilson_column",
]

_ESTIMABLE = 0.95
"""Share of the draws that must have a value, so that their percentiles mean something."""


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """How sure of a value one wants to be, and how that is found out.

    Parameters
    ----------
    level : float
        Confidence of the intervals.
    draws : int
        Number of resamples of a bootstrap, and of shuffles of a permutation test.
    seed : int
        Of the random numbers; equal input and seed give equal results.
    """

    level: float = 0.95
    draws: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if not (isinstance(self.level, float) and 0.5 <= self.level < 1):
            raise InvalidInputError(f"level is {self.level!r}; give a number from 0.5 to below 1")
        for name, least in (("draws", 100), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InvalidInputError(
                    f"{name} is {value!r}; give a whole number, {least} or more"
                )

    @property
    def alpha(self) -> float:
        """Chance of a false alarm that goes with the level."""
        return round(1 - self.level, 12)

    @property
    def percent(self) -> str:
        """The level as people read it, not rounded up to certainty: ``99.5%``."""
        return f"{100 * self.level:.6g}%"

    @property
    def z(self) -> float:
        """Quantile of the normal distribution at the upper end of an interval."""
        return NormalDist().inv_cdf((1 + self.level) / 2)


def wilson(share: Floats, n: Floats, z: Floats | float) -> tuple[Floats, Floats]:
    """Give Wilson's score interval of shares.

    Parameters
    ----------
    share, n : ndarray
        Shares, and the number of rows that each is of; fractional where rows are alike.
    z : float or ndarray
        Quantile at the upper end.

    References
    ----------
    E. B. Wilson (1927). Probable Inference, the Law of Succession, and Statistical Inference.
    Journal of the American Statistical Association 22, 209–212.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        widening = z**2 / n
        centre = (share + widening / 2) / (1 + widening)
        half = z * np.sqrt(share * (1 - share) / n + widening / (4 * n)) / (1 + widening)
    low, high = np.where(share == 0, 0.0, centre - half), np.where(share == 1, 1.0, centre + half)
    known = np.isfinite(share) & (n > 0)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def wilson_column(column: Column, uncertainty: Uncertainty) -> Column:
    """Give shares of independent rows their intervals."""
    low, high = wilson(column.values, column.n.astype(float), uncertainty.z)
    return replace(column, low=low, high=high, method="Wilson")


def wilson_by_unit(
    column: Column, counted: Bools, among: Bools, pairs: Pairs, uncertainty: Uncertainty
) -> Column:
    """Give shares of rows their intervals where the rows of one learner are alike.

    The number of rows in Wilson's interval gives way to the number of independent rows that
    would be as sure: ``p (1 − p) ÷ variance``, the variance being the linearised one of a
    ratio between units, and the quantile is Student's for their number. Where all rows agree,
    it is the number of learners.

    References
    ----------
    E. L. Korn, B. I. Graubard (1998). Confidence intervals for proportions with small expected
    number of positive counts estimated from survey data. Survey Methodology 24, 193–201.
    """
    from scipy.special import stdtrit

    share = column.values
    of_row = np.append(0.0, np.nan_to_num(share))[pairs.group][pairs.of_row]
    residuals = pairs.add(np.where(among, counted - of_row, 0.0))
    units = pairs.count(among)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = units / (units - 1) * pairs.by_group(residuals**2) / column.n**2
        alike = share * (1 - share) / variance
    effective = np.where(variance > 0, np.minimum(alike, column.n), units)
    z = stdtrit(np.maximum(units - 1, 1), (1 + uncertainty.level) / 2)
    low, high = wilson(np.where(units > 1, share, np.nan), effective, z)
    return replace(column, low=low, high=high, method="Wilson, by learner")


def percentiles(draws: Floats, level: float) -> tuple[Floats, Floats]:
    """Give the percentile interval of each column of draws.

    Parameters
    ----------
    draws : ndarray of shape (n_draws, n_values)
        NaN where a draw has no value; a column where more than one in twenty are so has no
        interval.
    level : float
        Confidence.
    """
    ordered = np.sort(draws, axis=0)  # NaN comes last
    known = np.count_nonzero(~np.isnan(ordered), axis=0)
    enough = known >= _ESTIMABLE * len(draws)
    ends = []
    for part in ((1 - level) / 2, (1 + level) / 2):
        at = part * (np.maximum(known, 1) - 1)
        below = np.floor(at).astype(np.intp)
        above = np.minimum(below + 1, len(draws) - 1)
        first, second = (np.take_along_axis(ordered, x[None], 0)[0] for x in (below, above))
        between = np.where(at > below, first + (at - below) * (second - first), first)
        ends.append(np.where(enough, between, np.nan))
    return ends[0], ends[1]


def squared_and_added(
    low: tuple[float, float, float], high: tuple[float, float, float]
) -> tuple[float, float]:
    """Give the interval of ``high − low`` from (value, low, high) of either.

    For where no resample differs from another, as of two groups in which all are right.

    References
    ----------
    R. G. Newcombe (1998). Interval estimation for the difference between independent
    proportions: comparison of eleven methods. Statistics in Medicine 17, 873–890, method 10.
    """
    apart = high[0] - low[0]
    below = float(np.hypot(high[0] - high[1], low[2] - low[0]))
    above = float(np.hypot(high[2] - high[0], low[0] - low[1]))
    return apart - below, apart + above


def reflected(value: float, draws: Floats, level: float) -> tuple[float, float]:
    """Give the basic bootstrap interval of an area, which is 0 at least.

    An area between two curves is larger in resamples than in the sample, as it is larger in
    the sample than in truth: noise adds to it. Reflecting the percentiles at the value takes
    away what percentiles would add.
    """
    low, high = percentiles(draws[:, None], level)
    return max(0.0, 2 * value - float(high[0])), max(0.0, 2 * value - float(low[0]))
