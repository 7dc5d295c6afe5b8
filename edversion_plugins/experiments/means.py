"""Differences of means and ratios, with and without what was known before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from edversion_plugins.evaluation.arrays import Floats
from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.experiments.estimates import Estimate

__all__ = ["NEAR", "centred", "cuped", "independent", "lin", "linearised", "ratio", "welch"]

_USUAL = Uncertainty()
NEAR = 1e-9
"""Errors and columns that are smaller, beside the values, are rounding."""


def welch(control: Floats, variant: Floats, uncertainty: Uncertainty = _USUAL) -> Estimate:
    """Compare means of independent learners, whose variances may differ.

    Parameters
    ----------
    control, variant : ndarray of shape (n_learners,)
        One value of each learner; two learners each at least.
    uncertainty : Uncertainty
        Its level.

    References
    ----------
    B. L. Welch (1947). The generalization of "Student's" problem when several different
    population variances are involved. Biometrika 34, 28–35. As SciPy's ``ttest_ind``, which
    warns, and means nothing, where all learners of a variant have one value.

    Examples
    --------
    >>> import numpy as np
    >>> found = welch(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0, 5.0]))
    >>> found.value, round(found.se, 4), round(found.p, 4)
    (1.5, 0.866, 0.1443)
    """
    value = float(variant.mean() - control.mean())
    n = (len(control), len(variant))
    parts = [float(each.var(ddof=1)) / len(each) for each in (control, variant)]
    se = float(np.sqrt(sum(parts)))
    if se <= NEAR * max(float(np.abs(control).max()), float(np.abs(variant).max())):
        return Estimate("Welch's t", value, 0.0, value, value, None, n)  # all are alike
    df = sum(parts) ** 2 / sum(part**2 / (k - 1) for part, k in zip(parts, n, strict=True))
    half = float(stats.t.ppf((1 + uncertainty.level) / 2, df)) * se
    p = 2 * float(stats.t.sf(abs(value) / se, df))
    return Estimate("Welch's t", value, se, value - half, value + half, p, n, df=df)


def linearised(numerator: Floats, denominator: Floats) -> Floats:
    """Give values of learners whose mean is the ratio of sums, and whose variance is its own.

    The delta method: ``R + (numerator − R denominator) ÷ mean denominator``.

    References
    ----------
    A. Deng, U. Knoblich, J. Lu (2018). Applying the Delta Method in Metric Analytics: A
    Practical Guide with Novel Ideas. KDD, 233–242.
    """
    share = numerator.sum() / denominator.sum()
    return np.asarray(share + (numerator - share * denominator) / denominator.mean())


def ratio(
    control: tuple[Floats, Floats],
    variant: tuple[Floats, Floats],
    uncertainty: Uncertainty = _USUAL,
) -> Estimate:
    """Compare ratios of sums, such as clicks ÷ sessions, of learners with several sessions.

    Parameters
    ----------
    control, variant : tuple of ndarray
        Numerators and denominators of the learners; a denominator is above 0.
    uncertainty : Uncertainty
        Its level.
    """
    found = welch(linearised(*control), linearised(*variant), uncertainty)
    return replace(found, method="ratio of sums, delta method")


def centred(covariates: Floats) -> Floats:
    """Centre the columns; a missing value counts as the mean, and says nothing then.

    Parameters
    ----------
    covariates : ndarray of shape (n_learners, n_covariates)
        NaN where a value is missing. Of all variants together.
    """
    with np.errstate(invalid="ignore"):
        sums = np.nansum(covariates, axis=0)
        known = np.count_nonzero(~np.isnan(covariates), axis=0)
    means = np.divide(sums, known, out=np.zeros_like(sums), where=known > 0)
    return np.asarray(np.nan_to_num(covariates - means))


def independent(design: Floats) -> Floats:
    """Leave out the columns that those before them add up to; they would say nothing new."""
    kept: list[Floats] = []
    places = []
    for place, column in enumerate(design.T):
        rest = column - sum((base * (base @ column) for base in kept), np.zeros_like(column))
        size = float(np.linalg.norm(rest))
        if size > NEAR * max(float(np.linalg.norm(column)), 1.0):
            kept.append(rest / size)
            places.append(place)
    return design[:, places]


def cuped(
    control: Floats,
    variant: Floats,
    covariates: tuple[Floats, Floats],
    uncertainty: Uncertainty = _USUAL,
) -> Estimate:
    """Compare means less what covariates of the time before tell of them.

    Parameters
    ----------
    control, variant : ndarray of shape (n_learners,)
        Outcomes.
    covariates : tuple of ndarray of shape (n_learners, n_covariates)
        Of the control's and of the variant's learners, measured before the assignment.
    uncertainty : Uncertainty
        Its level.

    Returns
    -------
    Estimate
        ``facts`` tells ``variance_ratio``, adjusted ÷ unadjusted variance, and ``theta`` where
        there is one covariate.

    References
    ----------
    A. Deng, Y. Xu, R. Kohavi, T. Walker (2013). Improving the Sensitivity of Online Controlled
    Experiments by Utilizing Pre-Experiment Data. WSDM, 123–132: θ = cov(x, y) ÷ var(x).
    """
    x = centred(np.vstack(covariates))
    y = np.concatenate([control, variant])
    theta = np.linalg.lstsq(x, y - y.mean(), rcond=None)[0]
    adjusted = y - x @ theta
    found = welch(adjusted[: len(control)], adjusted[len(control) :], uncertainty)
    plain = welch(control, variant, uncertainty)
    facts = {"variance_ratio": (found.se / plain.se) ** 2} if plain.se else {}
    if len(theta) == 1:
        facts["theta"] = float(theta[0])
    return replace(found, method="CUPED", facts=facts)


def lin(
    control: Floats,
    variant: Floats,
    covariates: tuple[Floats, Floats],
    uncertainty: Uncertainty = _USUAL,
) -> Estimate:
    """Compare means by a regression in which every variant has slopes of its own.

    Parameters
    ----------
    control, variant : ndarray of shape (n_learners,)
        Outcomes.
    covariates : tuple of ndarray of shape (n_learners, n_covariates)
        Measured before the assignment.
    uncertainty : Uncertainty
        Its level.

    References
    ----------
    W. Lin (2013). Agnostic notes on regression adjustments to experimental data: Reexamining
    Freedman's critique. Annals of Applied Statistics 7, 295–318. Errors: HC2, by statsmodels.
    """
    from statsmodels.api import OLS  # takes a second to be imported

    x = centred(np.vstack(covariates))
    treated = np.repeat([0.0, 1.0], [len(control), len(variant)])
    design = independent(np.column_stack([np.ones_like(treated), treated, x, x * treated[:, None]]))
    fitted = OLS(np.concatenate([control, variant]), design).fit(cov_type="HC2", use_t=True)
    low, high = fitted.conf_int(uncertainty.alpha)[1]
    plain = welch(control, variant, uncertainty)
    se = float(fitted.bse[1])
    return Estimate(
        "Lin's regression, HC2",
        float(fitted.params[1]),
        se,
        float(low),
        float(high),
        float(fitted.pvalues[1]),
        (len(control), len(variant)),
        df=float(fitted.df_resid),
        facts={"variance_ratio": (se / plain.se) ** 2} if plain.se else {},
    )
