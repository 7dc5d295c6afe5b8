"""A value with the interval that it may as well be in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edversion_plugins.evaluation.arrays import Floats
from edversion_plugins.evaluation.intervals import percentiles

__all__ = ["Estimate", "estimated"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its interval.

    Attributes
    ----------
    value : float
        As measured.
    low, high : float
        Ends of the interval; NaN where it cannot be estimated.
    """

    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 0 out; never where there is no interval."""
        return self.low > 0 or self.high < 0

    def within(self, bound: float) -> bool:
        """Say whether the whole interval lies from ``-bound`` to ``bound``."""
        return -bound <= self.low and self.high <= bound

    def times(self, factor: float) -> Estimate:
        """Give the estimate in another unit, or turned round where `factor` is negative."""
        ends = sorted((self.low * factor, self.high * factor))
        return Estimate(self.value * factor, ends[0], ends[1])

    def as_json(self) -> dict[str, float | None]:
        """Give the three numbers; None for NaN."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {name: x if math.isfinite(x) else None for name, x in numbers.items()}


def estimated(value: float, draws: Floats, level: float) -> Estimate:
    """Give a value the percentile interval of its draws, shape ``(n_draws,)``."""
    low, high = percentiles(np.asarray(draws, dtype=np.float64)[:, None], level)
    return Estimate(float(value), float(low[0]), float(high[0]))
