"""Differences between few clusters: what other assignments of the same clusters would show."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np

from edversion_plugins.evaluation.arrays import Bools, Floats
from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.experiments.estimates import Estimate

__all__ = ["randomised"]

_ALL = 5000
"""Assignments that are gone through one by one; of more, some are drawn."""
_STEPS = 40
_WIDEST = 1024.0  # errors away from the value
_NEAR = 1e-6
_ROUNDING = 1e-7


def randomised(
    top: Floats, bottom: Floats, treated: Bools, n: tuple[int, int], uncertainty: Uncertainty
) -> Estimate:
    """Compare two variants by drawing the assignment of the clusters again.

    The statistic is the difference of ratios of sums divided by its cluster-robust error, so
    that the test holds also where only the variances differ. The interval holds the effects
    that the test does not reject, were they the same for every learner.

    Parameters
    ----------
    top, bottom : ndarray of shape (n_clusters,)
        Sums of the outcome and of the learners (or of the denominators).
    treated : ndarray of shape (n_clusters,)
        Whether a cluster has the variant; two have it, and two have not.
    n : tuple of int
        Learners under the control and under the variant.
    uncertainty : Uncertainty
        Level, number of draws and seed.

    Returns
    -------
    Estimate
        ``facts["assignments"]`` is their number; without an interval where they are so few
        that no effect is rejected.

    References
    ----------
    R. A. Fisher (1935). The Design of Experiments. P. Ding, T. Dasgupta (2018). A
    randomization-based perspective on analysis of variance: a test statistic robust to
    treatment effect heterogeneity. Biometrika 105, 45–56.
    """
    drawn = _assignments(treated, uncertainty)
    own = _Test.of(top, bottom, treated, treated[None])
    test = _Test.of(top, bottom, treated, drawn)
    value, se = float(own.value[0]), float(np.sqrt(own.variance[0]))
    low, high = (_end(own, test, value, side * (se or 1.0), uncertainty.alpha) for side in (-1, 1))
    return Estimate(
        "randomisation inference on clusters",
        value,
        se,
        low,
        high,
        _p(own, test, 0.0),
        n,
        (int((~treated).sum()), int(treated.sum())),
        facts={"assignments": float(len(drawn))},
    )


def _assignments(treated: Bools, uncertainty: Uncertainty) -> Bools:
    """Give assignments of as many clusters, the real one among them; (n_draws, n_clusters)."""
    size, count = len(treated), int(treated.sum())
    if comb(size, count) <= _ALL:
        return _every(size, count)
    rng = np.random.default_rng(uncertainty.seed)
    shuffled = rng.permuted(np.tile(treated, (uncertainty.draws, 1)), axis=1)
    return np.vstack([treated[None], shuffled])


@lru_cache(maxsize=8)  # outcomes and groups of one experiment have the same clusters
def _every(size: int, count: int) -> Bools:
    places = np.array(list(combinations(range(size), count)), dtype=np.intp)
    drawn = np.zeros((len(places), size), dtype=bool)
    drawn[np.arange(len(places))[:, None], places] = True
    return drawn


@dataclass(frozen=True, slots=True, eq=False)
class _Test:
    """The difference and its variance under each assignment, as functions of an effect.

    An effect takes ``effect × bottom`` from every cluster that really has the variant, so the
    difference is linear in it and the variance quadratic: they are found once for all effects.

    Attributes
    ----------
    value, slope : ndarray of shape (n_draws,)
        The difference is ``value − effect × slope``.
    variance, mixed, square : ndarray of shape (n_draws,)
        Its variance is ``variance − 2 effect × mixed + effect² × square``.
    """

    value: Floats
    slope: Floats
    variance: Floats
    mixed: Floats
    square: Floats

    @classmethod
    def of(cls, top: Floats, bottom: Floats, treated: Bools, drawn: Bools) -> _Test:
        """Sum up the clusters of both sides under each assignment."""
        top = top - bottom * (top.sum() / bottom.sum())  # small numbers lose fewer digits
        moved = bottom * treated
        terms = np.column_stack([
            bottom, top, moved, top**2, top * bottom, bottom**2, top * moved, bottom * moved,
            moved**2,
        ])  # fmt: skip
        sides = [_side(np.asarray(side, dtype=float), terms) for side in (drawn, ~drawn)]
        (one, two) = sides
        return cls(
            one[0] - two[0],
            one[1] - two[1],
            *(a + b for a, b in zip(one[2:], two[2:], strict=True)),
        )

    def odd(self, effect: float) -> Floats:
        """Give how odd each assignment looks if the effect is so large: difference ÷ error."""
        value = self.value - effect * self.slope
        variance = self.variance - 2 * effect * self.mixed + effect**2 * self.square
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.abs(value) / np.sqrt(np.maximum(variance, 0))
        # where all clusters of either side agree, nothing is odder
        return np.where(np.isnan(found), np.where(value == 0, 0.0, np.inf), found)


def _side(mask: Floats, terms: Floats) -> tuple[Floats, ...]:
    """Give the parts of a `_Test` that the clusters of one side make up."""
    sums = (mask @ terms).T
    size, top, moved, top2, top_size, size2, top_moved, size_moved, moved2 = sums
    share, slope = top / size, moved / size
    residuals = (
        top2 - 2 * share * top_size + share**2 * size2,
        top_moved - slope * top_size - share * size_moved + share * slope * size2,
        moved2 - 2 * slope * size_moved + slope**2 * size2,
    )
    count = mask.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = count / (count - 1) / size**2
        return share, slope, *(each * scale for each in residuals)


def _p(own: _Test, test: _Test, effect: float) -> float:
    """Give the p-value of an effect: the share of assignments that look at least as odd."""
    return float((test.odd(effect) >= own.odd(effect)[0] * (1 - _ROUNDING)).mean())


def _end(own: _Test, test: _Test, value: float, step: float, alpha: float) -> float | None:
    """Find where effects begin to be rejected; None where none of them is."""
    inside, outside = 0.0, 1.0
    while _p(own, test, value + outside * step) > alpha:
        inside, outside = outside, 2 * outside
        if outside > _WIDEST:
            return None
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        if _p(own, test, value + middle * step) > alpha:
            inside = middle
        else:
            outside = middle
        if outside - inside < _NEAR * outside:
            break
    return value + outside * step
