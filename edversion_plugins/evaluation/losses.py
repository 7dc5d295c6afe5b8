"""Means over the rows of each group: errors of numbers, losses of probabilities, calibration."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edversion_plugins.evaluation.arrays import Floats, Ints
from edversion_plugins.evaluation.columns import Column, share
from edversion_plugins.evaluation.sums import Summed, Sums, Term

__all__ = [
    "ECE_BINS",
    "calibration_error",
    "measured_means",
    "number_errors",
    "probability_losses",
    "row_values",
]

NO_ROWS = "not estimable: the group has no rows"
NO_RELEVANT = "not estimable: no learner of the group has a relevant item"
ECE_BINS = 10


def row_values(
    name: str, true: Floats | Ints, predicted: Floats | None, score: Floats | None
) -> Floats:
    """Give what a mean is the mean of, row by row; of ``rmse`` the squares.

    Probabilities of 0 and 1 are moved by the machine epsilon, as scikit-learn's `log_loss`.
    """
    if predicted is not None and name in ("mae", "rmse", "mean_error"):
        error = np.asarray(predicted - true, dtype=np.float64)
        if name == "mae":
            return np.abs(error)
        return error**2 if name == "rmse" else error
    assert score is not None
    if name == "brier":
        return np.asarray((score - true) ** 2)
    if name == "calibration_gap":
        return np.asarray(score - true)
    epsilon = np.finfo(np.float64).eps
    of_truth = np.where(true == 1, score, 1 - score)
    return np.asarray(-np.log(np.clip(of_truth, epsilon, 1 - epsilon)))


def number_errors(true: Floats, predicted: Floats) -> Summed:
    """Give ``mae``, ``rmse`` and ``mean_error`` (predicted − true)."""
    return _means(("mae", "rmse", "mean_error"), true, predicted, None)


def probability_losses(true: Ints, score: Floats) -> Summed:
    """Give ``log_loss`` (in nats), ``brier`` and ``calibration_gap`` (mean score − base rate)."""
    return _means(("log_loss", "brier", "calibration_gap"), true, None, score)


def _means(
    names: tuple[str, ...], true: Floats | Ints, predicted: Floats | None, score: Floats | None
) -> Summed:
    values = (row_values(name, true, predicted, score) for name in names)
    terms = (*(Term(weight=each) for each in values), Term())

    def measures(sums: Sums) -> dict[str, Column]:
        n = sums[..., -1]
        found = {name: share(sums[..., at], n, NO_ROWS) for at, name in enumerate(names)}
        if "rmse" in found:
            squares = found["rmse"]
            found["rmse"] = Column(np.sqrt(squares.values), squares.n, squares.reason)
        return found

    return Summed(terms, measures)


def calibration_error(true: Ints, score: Floats) -> Summed:
    """Give ``ece``: how far scores and outcomes are apart, over ten bins of equal width.

    The mean of ``|mean score − share of positives|`` of the bins, weighted by their rows.

    References
    ----------
    M. P. Naeini, G. Cooper, M. Hauskrecht (2015). Obtaining Well Calibrated Probabilities
    Using Bayesian Binning. AAAI '15.
    """
    place = np.minimum((score * ECE_BINS).astype(np.intp), ECE_BINS - 1)
    excess = Term(ECE_BINS, place, score - true)

    def measures(sums: Sums) -> dict[str, Column]:
        apart = np.abs(sums[..., :ECE_BINS]).sum(axis=-1)
        return {"ece": share(apart, sums[..., ECE_BINS], NO_ROWS)}

    return Summed((excess, Term()), measures)


def measured_means(values: Mapping[str, Floats]) -> Summed:
    """Give the means of what was measured learner by learner; NaN is left out."""
    known = ~np.isnan(next(iter(values.values())))  # all are of the same learners
    terms = (*(Term(weight=np.where(known, each, 0.0)) for each in values.values()),
             Term(weight=known.astype(float)))  # fmt: skip

    def measures(sums: Sums) -> dict[str, Column]:
        n = np.rint(sums[..., -1])
        return {name: share(sums[..., at], n, NO_RELEVANT) for at, name in enumerate(values)}

    return Summed(terms, measures)
