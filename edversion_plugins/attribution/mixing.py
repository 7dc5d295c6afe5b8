"""The data's part by strata: another mix of learners, or other results of the same ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edversion import InvalidInputError
from edversion_plugins.attribution.estimates import Estimate
from edversion_plugins.attribution.rows import Rows
from edversion_plugins.evaluation.arrays import Floats, Ints, as_array
from edversion_plugins.evaluation.groups import read_grouping
from edversion_plugins.evaluation.sums import Sums

__all__ = ["FOLDED", "Mixture", "Stratum", "kitagawa", "split_by_strata"]

FOLDED = "others (few rows)"
"""Stratum of all that are too small to be shown by themselves."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """What a stratum adds to the two parts.

    Attributes
    ----------
    name : str
        Its label.
    n_old, n_new : int
        Its rows in either data set.
    score_old, score_new : float
        Its score there, mean of both models; NaN where it has no rows.
    mix, rate : float
        What it adds to the parts of the same name.
    """

    name: str
    n_old: int
    n_new: int
    score_old: float
    score_new: float
    mix: float
    rate: float


@dataclass(frozen=True, slots=True)
class Mixture:
    """The data effect in two parts.

    Attributes
    ----------
    mix : Estimate
        What changed because the strata are of other size.
    rate : Estimate
        What changed inside of strata.
    strata : tuple of Stratum
        Which of them add what.
    folded : int
        Number of strata that were put together because they have too few rows.
    """

    mix: Estimate
    rate: Estimate
    strata: tuple[Stratum, ...]
    folded: int = 0


def kitagawa(
    shares_old: npt.ArrayLike,
    shares_new: npt.ArrayLike,
    rates_old: npt.ArrayLike,
    rates_new: npt.ArrayLike,
) -> tuple[Floats, Floats]:
    """Split the change of a mean into mix and rate, stratum by stratum.

    A stratum without a rate in one of the two (NaN) is taken to have the other's: it adds to
    the mix alone.

    Parameters
    ----------
    shares_old, shares_new : array-like of shape (..., n_strata)
        Share of each stratum, before and after.
    rates_old, rates_new : array-like of shape (..., n_strata)
        Mean in each stratum, before and after.

    Returns
    -------
    mix, rate : ndarray of shape (..., n_strata)
        All of both sum to the change.

    References
    ----------
    E. M. Kitagawa (1955). Components of a Difference Between Two Rates. Journal of the
    American Statistical Association 50, 1168–1194.

    Examples
    --------
    >>> parts = kitagawa((0.5, 0.3, 0.2), (0.2, 0.3, 0.5), (0.9, 0.7, 0.5), (0.85, 0.66, 0.46))
    >>> [round(float(part.sum()), 10) for part in parts]
    [-0.1185, -0.0435]
    """
    p0, p1, r0, r1 = (
        np.asarray(each, dtype=np.float64)
        for each in (shares_old, shares_new, rates_old, rates_new)
    )
    before, after = np.where(np.isnan(r0), r1, r0), np.where(np.isnan(r1), r0, r1)
    before, after = np.nan_to_num(before), np.nan_to_num(after)  # of strata in neither
    return (p1 - p0) * (before + after) / 2, (after - before) * (p0 + p1) / 2


def split_by_strata(
    rows: Rows, strata: tuple[object, object], *, name: str = "strata", min_group: int = 10
) -> Mixture:
    """Split the data effect by strata, with intervals.

    Parameters
    ----------
    rows : Rows
        The rows of both data sets.
    strata : pair of array-like
        The stratum of each row of the old and of the new data, e.g. its course or grade. Rows
        without one are a stratum named ``missing``.
    name : str
        How messages call the column.
    min_group : int
        Strata with fewer rows than this in a data set that has any of them are put together,
        so that nothing is told of a few learners.

    Raises
    ------
    InvalidInputError
        Lengths differ, or the column holds measured numbers.
    """
    codes, labels = _coded(rows, strata, name)
    codes, labels, folded = _folded(rows, codes, labels, min_group)
    sums = rows.sums((rows.both, None), rows.grouped(codes, len(labels)))
    values, draws = (_parts(each, len(labels)) for each in sums)
    estimates = [
        rows.estimate(float(value.sum()), drawn.sum(axis=-1))
        for value, drawn in zip(values, draws, strict=True)
    ]
    return Mixture(estimates[0], estimates[1], _strata(sums[0], values, labels), folded)


def _coded(rows: Rows, strata: tuple[object, object], name: str) -> tuple[Ints, list[str]]:
    columns = [as_array(each, name) for each in strata]
    for column, size, side in zip(columns, rows.sizes, ("old", "new"), strict=True):
        if len(column) != size:
            raise InvalidInputError(
                f"{name} has {len(column)} rows in the {side} data, which have {size}",
                code="lengths_differ",
                column=name,
            )
    whole = np.concatenate([column.astype(object) for column in columns])
    grouping = read_grouping(whole, name, missing=True)
    return grouping.codes.astype(np.intp) - 1, list(grouping.labels)


def _folded(rows: Rows, codes: Ints, labels: list[str], least: int) -> tuple[Ints, list[str], int]:
    """Put the smallest strata together, until what they make is large enough."""
    counts = np.bincount(rows.side * len(labels) + codes, minlength=2 * len(labels))
    counts = counts.reshape(2, -1)
    is_small = np.asarray(((counts > 0) & (counts < least)).any(axis=0))
    if not is_small.any():
        return codes, labels, 0
    chosen = is_small.copy()
    for place in np.argsort(counts.sum(axis=0), kind="stable"):
        together = counts[:, chosen].sum(axis=1)
        if not ((together > 0) & (together < least)).any():
            break
        chosen[place] = True
    kept = np.flatnonzero(~chosen)
    new = np.full(len(labels), len(kept))
    new[kept] = np.arange(len(kept))
    return new[codes], [*(labels[place] for place in kept), FOLDED], int(chosen.sum())


def _parts(sums: Sums, strata: int) -> tuple[Floats, Floats]:
    """Give mix and rate from sums of shape ``(…, 2 × strata, 2)``."""
    sides = sums.reshape(*sums.shape[:-2], 2, strata, 2)
    n = sides[..., 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        shares, rates = n / n.sum(axis=-1, keepdims=True), sides[..., 0] / n
    return kitagawa(shares[..., 0, :], shares[..., 1, :], rates[..., 0, :], rates[..., 1, :])


def _strata(sums: Sums, parts: tuple[Floats, Floats], labels: list[str]) -> tuple[Stratum, ...]:
    sides = sums.reshape(2, len(labels), 2)
    n = sides[..., 1].astype(int)
    scores = np.divide(sides[..., 0], n, out=np.full(n.shape, np.nan), where=n > 0)
    return tuple(
        Stratum(
            label,
            int(n[0, at]),
            int(n[1, at]),
            float(scores[0, at]),
            float(scores[1, at]),
            float(parts[0][at]),
            float(parts[1][at]),
        )
        for at, label in enumerate(labels)
    )
