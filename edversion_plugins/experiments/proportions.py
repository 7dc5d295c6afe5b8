"""Differences of shares, such as of learners who completed."""

from __future__ import annotations

import math

from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.experiments.estimates import Estimate

__all__ = ["two_proportions"]


def two_proportions(
    control: tuple[int, int], variant: tuple[int, int], uncertainty: Uncertainty | None = None
) -> Estimate:
    """Compare two shares of independent learners.

    The p-value is that of the z test with the pooled share, the interval Newcombe's, which
    holds its level also for shares near 0 and 1.

    Parameters
    ----------
    control, variant : tuple of int
        How many did, and of how many.
    uncertainty : Uncertainty, optional
        Its level; 95 % where left out.

    References
    ----------
    R. G. Newcombe (1998). Interval estimation for the difference between independent
    proportions: comparison of eleven methods. Statistics in Medicine 17, 873–890, method 10.
    Computed by statsmodels.

    Examples
    --------
    >>> found = two_proportions((193, 346), (205, 337))
    >>> round(found.value, 4), round(found.low, 4), round(found.high, 4), round(found.p, 4)
    (0.0505, -0.0234, 0.1236, 0.1808)
    """
    from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

    wanted = uncertainty or Uncertainty()
    (before, n), (after, m) = control, variant
    shares = before / n, after / m
    low, high = confint_proportions_2indep(
        after, m, before, n, method="newcomb", compare="diff", alpha=wanted.alpha
    )
    pooled = (before + after) / (n + m)
    p = None if pooled in (0, 1) else float(proportions_ztest([after, before], [m, n])[1])
    return Estimate(
        "two-proportion z, Newcombe's interval",
        shares[1] - shares[0],
        math.sqrt(sum(share * (1 - share) / k for share, k in zip(shares, (n, m), strict=True))),
        float(low),
        float(high),
        p,
        (n, m),
    )
