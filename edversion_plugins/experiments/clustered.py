"""Differences where whole clusters of learners were assigned, such as classes or schools.

Learners of one class are alike, so that a class says less than as many learners drawn one by
one: errors that ignore it are too small, and find effects where there are none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edversion_plugins.evaluation.arrays import Bools, Floats
from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.experiments.estimates import Estimate
from edversion_plugins.experiments.means import NEAR, centred, independent
from edversion_plugins.experiments.randomisation import randomised
from edversion_plugins.experiments.samples import Sample

__all__ = ["FEW", "clustered"]

FEW = 40
"""Below so many clusters robust errors are too small, and assignments are drawn again."""


def clustered(data: Sample, arm: int, uncertainty: Uncertainty) -> Estimate:
    """Compare a variant with the control, by cluster.

    From `FEW` clusters on: a regression on all variants, with cluster-robust errors and the
    normal distribution. With fewer: the assignment is drawn again, see `randomised`.

    Parameters
    ----------
    data : Sample
        The learners of all variants, with their clusters.
    arm : int
        Place of the variant.
    uncertainty : Uncertainty
        Level, draws and seed.

    Returns
    -------
    Estimate
        Clusters are those of the two variants.

    References
    ----------
    K.-Y. Liang, S. L. Zeger (1986). Longitudinal data analysis using generalized linear models.
    Biometrika 73, 13–22; by statsmodels, with its correction for few clusters.
    """
    both = data.clusters(0), data.clusters(arm)
    n = int((data.arm == 0).sum()), int((data.arm == arm).sum())
    if sum(both) < FEW:
        return randomised(*_totals(data, arm), n, uncertainty)
    fitted = _fitted(data)
    adjusted = "" if data.covariates is None else ", Lin's regression"
    method = f"cluster-robust errors{adjusted}"
    value, se = float(fitted.params[arm]), float(fitted.bse[arm])
    if se <= NEAR * float(np.abs(data.values).max()):  # all clusters are alike
        return Estimate(method, value, 0.0, value, value, None, n, both)
    low, high = fitted.conf_int(uncertainty.alpha)[arm]
    return Estimate(
        method,
        value,
        se,
        float(low),
        float(high),
        float(fitted.pvalues[arm]),
        n,
        both,
    )


def _fitted(data: Sample) -> Any:
    from statsmodels.api import OLS

    arms = np.arange(1, data.arm.max() + 1)
    dummies = np.asarray(data.arm[:, None] == arms, dtype=float)
    design = [np.ones(len(data.arm)), dummies]
    if data.covariates is not None:
        x = centred(data.covariates)
        design += [x, *(x * dummies[:, [place]] for place in range(len(arms)))]
    return OLS(data.values, independent(np.column_stack(design))).fit(
        cov_type="cluster", cov_kwds={"groups": data.cluster}, use_t=False
    )


def _totals(data: Sample, arm: int) -> tuple[Floats, Floats, Bools]:
    """Sum up by cluster of the two variants; what covariates tell is taken away before."""
    pair = data.only((data.arm == 0) | (data.arm == arm))
    assert pair.cluster is not None
    values = pair.numerator
    if pair.covariates is not None:
        x = centred(pair.covariates)
        y = pair.values
        theta = np.linalg.lstsq(x, y - y.mean(), rcond=None)[0]
        values = (y - x @ theta) * pair.denominator
    size = pair.cluster.max() + 1
    top, bottom = (
        np.asarray(np.bincount(pair.cluster, weights=each, minlength=size), dtype=np.float64)
        for each in (values, pair.denominator)
    )
    treated = np.zeros(size, dtype=bool)
    treated[pair.cluster[pair.arm == arm]] = True
    return top, bottom, treated
