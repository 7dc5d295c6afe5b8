"""Whether the variants got as many units as their weights say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

__all__ = ["ALARM", "ratio_mismatch"]

ALARM = 0.001
"""A p-value below it is an alarm: one false alarm in a thousand experiments that are sound."""


def ratio_mismatch(counts: Sequence[int], weights: Sequence[float]) -> float:
    """Give the p-value of a sample ratio mismatch: Pearson's chi-square.

    Parameters
    ----------
    counts : sequence of int
        Units that were assigned to each variant.
    weights : sequence of float
        The variants' weights; one that is 0 must have no unit.

    References
    ----------
    A. Fabijan et al. (2019). Diagnosing Sample Ratio Mismatch in Online Controlled Experiments.
    KDD, 2156–2164. Computed by SciPy.

    Examples
    --------
    >>> f"{ratio_mismatch([821_588, 815_482], [1, 1]):.1e}"
    '1.8e-06'
    """
    seen, asked = np.asarray(counts, dtype=float), np.asarray(weights, dtype=float)
    if seen[asked == 0].any():
        return 0.0
    seen, asked = seen[asked > 0], asked[asked > 0]
    if len(seen) < 2 or not seen.sum():
        return 1.0
    return float(stats.chisquare(seen, seen.sum() * asked / asked.sum()).pvalue)
