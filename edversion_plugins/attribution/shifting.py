"""The data's part by covariates: other learners, or another outcome for alike learners.

Both data sets are weighted to the learners that they share. What the score changes on the way
from the old data to the shared learners and from there to the new data is a change of the
population; what lies between the two data sets at the shared learners is a change of the
relationship between covariates and outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edversion_plugins.attribution.estimates import Estimate
from edversion_plugins.attribution.rows import Rows
from edversion_plugins.attribution.weighting import Weights, weigh
from edversion_plugins.evaluation.arrays import Floats
from edversion_plugins.evaluation.sums import Sums

__all__ = ["Overlap", "Shift", "split_by_covariates"]


@dataclass(frozen=True, slots=True)
class Overlap:
    """The least that the data sets must share, so that weighting means something.

    Attributes
    ----------
    shared : float
        Share of learners that both have, from 0 to 1: ``2 ∫ pq ÷ (p + q)``.
    rows : float
        Effective number of rows, ``(Σ w)² ÷ Σ w²``, in each data set.
    """

    shared: float = 0.1
    rows: float = 50.0


@dataclass(frozen=True, slots=True)
class Shift:
    """The data effect in two parts.

    Attributes
    ----------
    population : Estimate
        Of the covariates, with the outcome at each as it is (X); `leaving` and `arriving`
        are its two halves, from the old data to the shared learners and on to the new data.
    relationship : Estimate
        Of the outcome at the same covariates (Y given X).
    leaving, arriving : Estimate
        See `population`.
    shared : float
        Share of learners that both data sets have, from 0 to 1.
    effective_old, effective_new : float
        Effective number of rows after weighting.
    domain_auc : float
        How well a row's data set can be told from its covariates; 0.5 is not at all.
    reason : str
        Why the parts cannot be separated; empty where they can.
    """

    population: Estimate
    relationship: Estimate
    leaving: Estimate
    arriving: Estimate
    shared: float
    effective_old: float
    effective_new: float
    domain_auc: float
    reason: str = ""

    @property
    def is_separable(self) -> bool:
        """Whether the data sets share enough learners."""
        return not self.reason


def split_by_covariates(rows: Rows, old: Any, new: Any, *, overlap: Overlap | None = None) -> Shift:
    """Split the data effect by covariates, with intervals.

    The weights are estimated, and the intervals allow for that: in each resample the weights
    follow the coefficients of their regression, to first order.

    Parameters
    ----------
    rows : Rows
        The rows of both data sets.
    old, new : DataFrame or array of shape (n_samples, n_covariates)
        The covariates of the rows of either data set. Missing values are a value of their own.
    overlap : Overlap, optional
        The least that they must share.

    Raises
    ------
    InvalidInputError
        Rows or columns differ.

    References
    ----------
    T. T. Cai, H. Namkoong, S. Yadlowsky (2023). Diagnosing Model Performance Under
    Distribution Shift. arXiv:2303.02011.
    """
    weights = weigh(rows, old, new)
    found, draws = _sums(rows, weights)
    leaving, relationship, arriving, population = (
        rows.estimate(float(value), drawn)
        for value, drawn in zip(_steps(found), _steps(draws), strict=True)
    )
    parts = [weights.values[rows.side == side] for side in (0, 1)]
    shared = float(sum(part.mean() for part in parts))
    effective = _effective(parts[0]), _effective(parts[1])
    return Shift(
        population,
        relationship,
        leaving,
        arriving,
        shared,
        effective[0],
        effective[1],
        _domain_auc(rows, weights.chance),
        _too_little(shared, effective, overlap or Overlap()),
    )


def _sums(rows: Rows, weights: Weights) -> tuple[Sums, Sums]:
    """Add up values and weights, of shape ``(…, 2 data sets, 4)``, with the weights' own doubt."""
    weight, both = weights.values, rows.both
    grouping = rows.grouped()
    found, draws = rows.sums((both, None, weight * both, weight), grouping)
    pulls = [np.ascontiguousarray(column) for column in weights.scores.T]
    before, after = (each.sum(axis=-2) for each in rows.sums(pulls, grouping))
    moved = after - before  # of the coefficients, in each resample
    bends = weights.design * weights.slopes[:, None]
    for place, values in ((2, bends * both[:, None]), (3, bends)):
        for side in (0, 1):
            draws[:, side, place] += moved @ values[rows.side == side].sum(axis=0)
    return found, draws


def _steps(sums: Sums) -> tuple[Floats, Floats, Floats, Floats]:
    """Give the three steps and the sum of the outer ones, from sums of shape ``(…, 2, 4)``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        plain, shared = sums[..., 0] / sums[..., 1], sums[..., 2] / sums[..., 3]
    leaving = shared[..., 0] - plain[..., 0]
    arriving = plain[..., 1] - shared[..., 1]
    return leaving, shared[..., 1] - shared[..., 0], arriving, leaving + arriving


def _effective(weight: Floats) -> float:
    squares = float((weight**2).sum())
    return float(weight.sum()) ** 2 / squares if squares > 0 else 0.0


def _domain_auc(rows: Rows, chance: Floats) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(rows.side, chance))


def _too_little(shared: float, effective: tuple[float, float], least: Overlap) -> str:
    if shared < least.shared:
        return (
            f"the data sets share {shared:.0%} of their learners by these covariates, less "
            f"than {least.shared:.0%}"
        )
    if min(effective) < least.rows:
        return (
            f"the learners that the data sets share count as {min(effective):.0f} rows, fewer "
            f"than {least.rows:.0f}"
        )
    return ""
