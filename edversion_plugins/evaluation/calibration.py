"""How scores compare with outcomes: the reliability curve of each group."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from edversion_plugins.evaluation.arrays import Floats, Ints
from edversion_plugins.evaluation.curves import Ranking
from edversion_plugins.evaluation.groups import Grouping
from edversion_plugins.evaluation.intervals import wilson

__all__ = ["ReliabilityBin", "reliability"]

_BINS = 10


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Rows of one group whose scores are close: of those told 70 %, how many were it?

    Attributes
    ----------
    n : int
        Number of rows.
    score : float
        Mean score.
    rate : float
        Share of positives.
    low, high : float
        Wilson's interval of the rate; rows count as independent.
    """

    n: int
    score: float
    rate: float
    low: float
    high: float


def reliability(
    ranking: Ranking, grouping: Grouping, least: int, z: float
) -> dict[str, tuple[ReliabilityBin, ...]]:
    """Give each group's reliability curve, in up to ten bins with as many rows each.

    Parameters
    ----------
    ranking : Ranking
        Rows by score; scores are probabilities.
    grouping : Grouping
        The groups that are shown.
    least : int
        Number of rows that a bin must have: no bin is a small group.
    z : float
        Quantile of the intervals.
    """
    by_group = np.argsort(grouping.codes[ranking.order], kind="stable")
    ends = np.cumsum(np.bincount(grouping.codes, minlength=len(grouping.keys) + 1)).tolist()
    found = {}
    for label, (start, stop) in zip(grouping.labels, pairwise(ends), strict=True):
        rows = by_group[start:stop][::-1]  # lowest scores first
        found[label] = _bins(ranking.true[rows], ranking.score[rows], least, z)
    return found


def _bins(true: Ints, score: Floats, least: int, z: float) -> tuple[ReliabilityBin, ...]:
    edges = _edges(score, max(least, -(-len(score) // _BINS)))
    return tuple(_bin(true[a:b], score[a:b], z) for a, b in pairwise(edges))


def _edges(score: Floats, size: int) -> list[int]:
    """Cut rising scores into bins of `size` rows or more, never between equal ones."""
    ends = np.flatnonzero(np.append(score[1:] != score[:-1], True)) + 1
    edges = [0]
    while (at := int(np.searchsorted(ends, edges[-1] + size))) < len(ends):
        edges.append(int(ends[at]))
    if len(edges) > 1:
        edges[-1] = len(score)  # what is left is too little for a bin by itself
    return edges


def _bin(true: Ints, score: Floats, z: float) -> ReliabilityBin:
    rate = true.mean()
    low, high = wilson(np.array([rate]), np.array([float(len(true))]), z)
    return ReliabilityBin(
        len(true), float(score.mean()), float(rate), float(low[0]), float(high[0])
    )
