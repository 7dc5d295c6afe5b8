"""Intervals that hold at every look, so that looking early is safe."""

from __future__ import annotations

import numpy as np

from edversion_plugins.evaluation.arrays import Floats

__all__ = ["CLUSTERS", "LEARNERS", "always_valid"]

LEARNERS = 5000
"""Number of learners at which the interval is tightest where nothing else is asked for."""

CLUSTERS = 100
"""The same, of clusters."""


def always_valid(
    se: Floats | float, n: Floats | int, *, alpha: float = 0.05, tuned_for: int = LEARNERS
) -> Floats:
    r"""Give the half-width of an asymptotic confidence sequence.

    With probability 1 − `alpha` the truth lies within it at every look at once, however often
    and for whatever reason one looks, once n is large.

    Parameters
    ----------
    se : float or ndarray
        Standard errors of the difference.
    n : int or ndarray
        Number of independent units behind each: learners, or clusters.
    alpha : float
        Chance that it is wrong at any look.
    tuned_for : int
        The n at which it is tightest; must be chosen before the data are seen.

    References
    ----------
    I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas (2024). Time-uniform central
    limit theory and asymptotic confidence sequences. Annals of Statistics 52, 2613–2640
    (arXiv 2103.06476), equation 9: σ √(2 (nρ² + 1) ln(√(nρ² + 1) ÷ α) ÷ (nρ)²), with σ² = n se²
    and ρ² = (−2 ln α + ln(−2 ln α + 1)) ÷ `tuned_for`.

    Examples
    --------
    >>> round(float(always_valid(0.0377, 683)), 4)
    0.1356
    """
    told = -2 * np.log(alpha)
    rho = np.sqrt((told + np.log(told + 1)) / tuned_for)
    spread = np.asarray(n, dtype=float) * rho**2 + 1
    sigma = np.asarray(se, dtype=float) * np.sqrt(n)
    inside = 2 * spread * np.log(np.sqrt(spread) / alpha)
    return np.asarray(sigma * np.sqrt(inside) / (np.asarray(n, dtype=float) * rho))
