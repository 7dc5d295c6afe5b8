"""Intervals of the area under a ROC curve: DeLong's, by learner Obuchowski's."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from edversion_plugins.evaluation.arrays import Bools, Floats, Ints
from edversion_plugins.evaluation.columns import Column
from edversion_plugins.evaluation.curves import Ranking, Roc
from edversion_plugins.evaluation.groups import Grouping
from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.evaluation.units import Units

__all__ = ["auc_intervals", "pairs_won"]

_STEPS = 60


def auc_intervals(
    column: Column,
    rocs: tuple[Roc | None, ...],
    ranking: Ranking,
    grouping: Grouping,
    units: Units,
    uncertainty: Uncertainty,
) -> Column:
    """Give the AUC of each group its interval.

    DeLong's variance (Obuchowski's, where learners have several rows) on the logit scale,
    which keeps within 0 and 1; where the classes separate wholly, and that variance is
    therefore 0, Newcombe's score interval, counting learners.

    References
    ----------
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson (1988). Comparing the Areas under Two or
    More Correlated Receiver Operating Characteristic Curves. Biometrics 44, 837–845.
    N. A. Obuchowski (1997). Nonparametric Analysis of Clustered ROC Curve Data. Biometrics 53,
    567–578.
    R. G. Newcombe (2006). Confidence intervals for an effect size measure based on the
    Mann–Whitney statistic. Part 2. Statistics in Medicine 25, 559–573, method 5.
    """
    ends = np.full((2, len(rocs)), np.nan)
    by_group = np.argsort(grouping.codes[ranking.order], kind="stable")
    sizes = np.bincount(grouping.codes, minlength=len(rocs) + 1)
    for place, (start, stop) in enumerate(pairwise(np.cumsum(sizes).tolist())):
        curve, rows = rocs[place], by_group[start:stop]
        if curve is not None:
            unit = None if units.codes is None else units.codes[ranking.order[rows]]
            parts = _Parts.of(curve, ranking.true[rows], ranking.score[rows])
            ends[:, place] = _interval(curve, parts, unit, uncertainty.z)
    method = "DeLong, logit" if units.codes is None else "Obuchowski by learner, logit"
    return replace(column, low=ends[0], high=ends[1], method=method)


def pairs_won(positive: Bools, score: Floats) -> Floats:
    """Give for each row the share of the rows of the other class that it is ranked rightly to.

    A tie counts one half. Over the rows of either class the mean is the area under the curve.

    Parameters
    ----------
    positive : ndarray of shape (n_samples,)
        Whether a row is of the positive class; both classes occur.
    score : ndarray of shape (n_samples,)
        Its score.
    """
    wins = np.empty(len(score))
    for rows, sign in ((positive, 1), (~positive, -1)):
        others = np.sort(sign * score[~rows])
        own = sign * score[rows]
        # finding sorted values is ten times faster than finding them as they come
        order = np.argsort(own)
        ends = (np.searchsorted(others, own[order], side=side) for side in ("left", "right"))
        found = np.empty(len(own))
        found[order] = sum(ends) / (2 * len(others))
        wins[rows] = found
    return wins


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """What each row adds to an AUC, less the AUC, by falling score; and which are positive."""

    added: Floats
    positive: Ints

    @classmethod
    def of(cls, curve: Roc, true: Ints, score: Floats) -> _Parts:
        last = np.append(np.flatnonzero(score[1:] != score[:-1]), len(true) - 1)
        tie = np.repeat(np.arange(len(last)), np.diff(last, prepend=-1))
        hits = np.cumsum(true)[last]
        positives, negatives = _middle(hits)[tie], _middle(last + 1 - hits)[tie]
        wins = 1 - negatives / curve.negatives  # share of the negatives below, ties by half
        losses = positives / curve.positives
        return cls(np.where(true == 1, wins, losses) - curve.auc, true == 1)


def _middle(reached: Ints) -> Floats:
    """Give the count in the middle of each tie, from the counts at their ends."""
    return (np.append(0, reached[:-1]) + reached) / 2


def _interval(curve: Roc, parts: _Parts, unit: Ints | None, z: float) -> tuple[float, float]:
    first = parts.added[parts.positive] / curve.positives
    second = parts.added[~parts.positive] / curve.negatives
    if unit is None:
        variance = _spread(first) + _spread(second)
        positives, negatives = curve.positives, curve.negatives
    else:
        variance, positives, negatives = _by_unit(first, second, parts.positive, unit)
    if math.isnan(variance):
        return math.nan, math.nan
    if variance <= 0 or not 0 < curve.auc < 1:
        return _newcombe(curve.auc, positives, negatives, z)
    half = z * math.sqrt(variance) / (curve.auc * (1 - curve.auc))
    odds = math.log(curve.auc / (1 - curve.auc))
    return _logistic(odds - half), _logistic(odds + half)


def _spread(parts: Floats) -> float:
    """Give the sum of squares with Bessel's correction; NaN of one part."""
    n = len(parts)
    return float(n / (n - 1) * (parts**2).sum()) if n > 1 else math.nan


def _by_unit(first: Floats, second: Floats, positive: Ints, unit: Ints) -> tuple[float, int, int]:
    """Give Obuchowski's variance, and the number of units with rows of each class."""
    found, codes = np.unique(unit, return_inverse=True)
    own, sums, counts = 0.0, [], []
    for rows, parts in ((positive, first), (~positive, second)):
        added = np.zeros(len(found))
        np.add.at(added, codes[rows], parts)
        has = np.bincount(codes[rows], minlength=len(found)) > 0
        own += _spread(added[has])
        sums.append(added)
        counts.append(int(has.sum()))
    shared = len(found) / max(len(found) - 1, 1) * float((sums[0] * sums[1]).sum())
    return own + 2 * shared, counts[0], counts[1]


def _logistic(odds: float) -> float:
    return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0


def _newcombe(auc: float, positives: int, negatives: int, z: float) -> tuple[float, float]:
    """Solve ``|auc − a| = z √variance(a)`` on both sides of the AUC."""
    more = (positives + negatives) / 2 - 1

    def excess(a: float) -> float:
        spread = 1 + more * ((1 - a) / (2 - a) + a / (1 + a))
        return abs(auc - a) - z * math.sqrt(a * (1 - a) * spread / (positives * negatives))

    def root(outside: float) -> float:
        near, far = auc, outside
        for _ in range(_STEPS):
            middle = (near + far) / 2
            near, far = (near, middle) if excess(middle) > 0 else (middle, far)
        return (near + far) / 2

    return (0.0 if auc <= 0 else root(0.0)), (1.0 if auc >= 1 else root(1.0))
