"""A difference between two variants: the value, how sure it is, and how it was found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Estimate", "Level", "finite"]


@dataclass(frozen=True, slots=True)
class Level:
    """What an outcome came out as under one variant.

    Attributes
    ----------
    value : float
        Mean, share or ratio.
    n : int
        Number of learners.
    low, high : float or None
        Interval; None where there is none.
    clusters : int or None
        Number of clusters, where clusters were assigned.
    """

    value: float
    n: int
    low: float | None = None
    high: float | None = None
    clusters: int | None = None

    def metric(self) -> dict[str, Any]:
        """Give it as `Run.log_metrics` takes it."""
        known = {"value": self.value, "n": self.n}
        return known if self.low is None else {**known, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class Estimate:
    """How far a variant is from the control.

    Attributes
    ----------
    method : str
        The estimator, in words.
    value : float
        Variant less control.
    se : float
        Standard error.
    low, high : float or None
        Interval at the level asked for; None where the data allow any value.
    p : float or None
        Two-sided, of no difference; None where the method gives none.
    n : tuple of int
        Learners under the control and under the variant.
    clusters : tuple of int or None
        Clusters likewise, where these were assigned.
    df : float or None
        Degrees of freedom; None for a normal reference.
    facts : mapping of str to float
        What else the method found, such as ``variance_ratio``.
    """

    method: str
    value: float
    se: float
    low: float | None
    high: float | None
    p: float | None
    n: tuple[int, int]
    clusters: tuple[int, int] | None = None
    df: float | None = None
    facts: Mapping[str, float] = field(default_factory=dict)

    def metric(self) -> dict[str, Any]:
        """Give it as `Run.log_metrics` takes it."""
        known = {"value": self.value, "n": sum(self.n)}
        if self.low is None or self.high is None:
            return known
        return {**known, "low": self.low, "high": self.high}

    def as_json(self) -> dict[str, Any]:
        """Give all that is known; numbers that are not finite are None."""
        return {
            "method": self.method,
            "value": finite(self.value),
            "se": finite(self.se),
            "low": finite(self.low),
            "high": finite(self.high),
            "p": finite(self.p),
            "n": list(self.n),
            "clusters": None if self.clusters is None else list(self.clusters),
            "df": finite(self.df),
            "facts": {name: finite(value) for name, value in self.facts.items()},
        }


def finite(value: float | None) -> float | None:
    """Give a number that JSON can hold, or None."""
    return float(value) if value is not None and math.isfinite(value) else None
