"""ROC curves of every group, the areas under them, and the area between two of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from edversion_plugins.evaluation.arrays import Floats, Ints
from edversion_plugins.evaluation.columns import Column
from edversion_plugins.evaluation.groups import Grouping
from edversion_plugins.evaluation.inputs import read_sample
from edversion_plugins.evaluation.rates import ONE_CLASS

__all__ = ["Ranking", "Roc", "abroca", "auc_column", "roc", "rocs_by_group"]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Rows sorted by score, highest first: done once, whatever the groups are.

    Attributes
    ----------
    order : ndarray of shape (n_samples,)
        Rows by falling score.
    score, true : ndarray of shape (n_samples,)
        Score and truth (1 or 0) in that order.
    """

    order: Ints
    score: Floats
    true: Ints

    @classmethod
    def of(cls, true: Ints, score: Floats) -> Ranking:
        """Rank rows."""
        order = np.argsort(score)[::-1]  # ties need no order: a curve takes them in one step
        return cls(order, score[order], true[order])


@dataclass(frozen=True, slots=True, eq=False)
class Roc:
    """A ROC curve: straight lines between knots, and steps straight up at knots.

    Attributes
    ----------
    fpr : ndarray of shape (n_knots,)
        Distinct false positive rates, rising from 0 to 1.
    low, high : ndarray of shape (n_knots,)
        True positive rate on reaching and on leaving each knot.
    auc : float
        Area under the curve; of two rows with equal scores each counts one half.
    positives, negatives : int
        Number of rows of each class.
    """

    fpr: Floats
    low: Floats
    high: Floats
    auc: float
    positives: int
    negatives: int

    @classmethod
    def of_ranked(cls, true: Ints, score: Floats) -> Roc | None:
        """Draw the curve of rows sorted by falling score; None where one class is absent."""
        hits = np.cumsum(true)
        positives = int(hits[-1]) if len(hits) else 0
        negatives = len(true) - positives
        if not positives or not negatives:
            return None
        last = np.append(np.flatnonzero(score[1:] != score[:-1]), len(true) - 1)
        return cls._of_points(hits[last], last + 1 - hits[last])

    @classmethod
    def of_counts(cls, counts: Ints) -> Roc | None:
        """Draw the curve of rows counted by score, highest first, and class.

        Parameters
        ----------
        counts : ndarray of shape (n_scores, 2)
            Number of negatives and of positives with each score.
        """
        negatives, positives = np.cumsum(counts, axis=0).T
        if not positives[-1] or not negatives[-1]:
            return None
        return cls._of_points(positives, negatives)

    @classmethod
    def _of_points(cls, hits: Ints, alarms: Ints) -> Roc:
        """Draw the curve through what is reached, ending with the rows of both classes."""
        positives, negatives = int(hits[-1]), int(alarms[-1])
        true_positives = np.concatenate(([0], hits))
        false_positives = np.concatenate(([0], alarms))
        steps = np.diff(false_positives)
        twice = steps * (true_positives[1:] + true_positives[:-1])
        moves = np.flatnonzero(steps)
        starts, ends = np.append(0, moves + 1), np.append(moves, len(hits))
        return cls(
            fpr=false_positives[starts] / negatives,
            low=true_positives[starts] / positives,
            high=true_positives[ends] / positives,
            auc=int(twice.sum()) / (2 * positives * negatives),
            positives=positives,
            negatives=negatives,
        )


def roc(y_true: object, y_score: object) -> Roc | None:
    """Draw the ROC curve of a binary task.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels of two classes; the later one, 1 or True is positive.
    y_score : array-like of shape (n_samples,)
        Higher means more likely positive.

    Returns
    -------
    Roc or None
        None where all rows are of one class.

    Raises
    ------
    InvalidInputError
        Lengths differ, or values are missing or not finite.

    Examples
    --------
    >>> roc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).auc
    0.75
    """
    sample = read_sample(y_true, y_score=y_score, task="binary")
    assert sample.score is not None
    ranking = Ranking.of(sample.true, sample.score)
    return Roc.of_ranked(ranking.true, ranking.score)


def rocs_by_group(ranking: Ranking, grouping: Grouping) -> tuple[Roc | None, ...]:
    """Draw the curve of each group; None where a group has one class only."""
    by_group = np.argsort(grouping.codes[ranking.order], kind="stable")  # keeps the ranking
    true, score = ranking.true[by_group], ranking.score[by_group]
    ends = np.cumsum(np.bincount(grouping.codes, minlength=len(grouping.keys) + 1)).tolist()
    spans = pairwise(ends)  # what is left out comes first, and ends where the first group begins
    return tuple(Roc.of_ranked(true[start:end], score[start:end]) for start, end in spans)


def auc_column(rocs: tuple[Roc | None, ...], grouping: Grouping) -> Column:
    """Give the area under each group's curve."""
    values = np.array([np.nan if curve is None else curve.auc for curve in rocs], dtype=float)
    return Column(values, grouping.sizes, ONE_CLASS)


def abroca(first: Roc, second: Roc) -> float:
    """Give the area between two ROC curves, exactly.

    Between two neighbouring knots of either curve both are straight, so that the absolute
    difference integrates to a trapezoid, or to two triangles where the curves cross; no grid
    is involved. The area is 0 for equal curves, at most 1, at least the difference between
    the areas under the curves, and grows with noise: small groups have larger areas.

    Parameters
    ----------
    first, second : Roc
        The curves of two groups.

    Returns
    -------
    float
        The integral of ``|first − second|`` over false positive rates in [0, 1].

    References
    ----------
    J. Gardner, C. Brooks, R. Baker (2019). Evaluating the Fairness of Predictive Student
    Models Through Slicing Analysis. LAK '19, 225–234. https://doi.org/10.1145/3303772.3303791
    C. Borchers, R. Baker (2025). ABROCA Distributions For Algorithmic Bias Assessment:
    Considerations Around Interpretation. LAK '25. https://arxiv.org/abs/2411.19090

    Examples
    --------
    >>> scores = [0.1, 0.4, 0.35, 0.8]
    >>> abroca(roc([0, 0, 1, 1], scores), roc([0, 1, 0, 1], scores))
    0.25
    """
    knots = np.concatenate((first.fpr, second.fpr))
    knots.sort(kind="stable")  # merges two sorted runs in linear time
    left, right = knots[:-1], knots[1:]
    start_first, end_first = _along(first, left, right)
    start_second, end_second = _along(second, left, right)
    return _area(right - left, start_first - start_second, end_first - end_second)


def _along(curve: Roc, left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Give the curve's height just after each `left` and just before each `right`."""
    at = np.searchsorted(curve.fpr, left, side="right") - 1
    np.minimum(at, len(curve.fpr) - 2, out=at)  # only spans of no width begin at the end
    slopes = (curve.low[1:] - curve.high[:-1]) / np.diff(curve.fpr)
    slope, base, origin = slopes[at], curve.high[at], curve.fpr[at]
    return base + slope * (left - origin), base + slope * (right - origin)


def _area(width: Floats, start: Floats, end: Floats) -> float:
    """Integrate ``|d|`` over spans in which d goes straight from `start` to `end`."""
    total = np.abs(start) + np.abs(end)
    crosses = start * end < 0
    triangles = np.divide(start**2 + end**2, total, out=total.copy(), where=crosses)
    return float((width * triangles).sum()) / 2
