"""Which estimator an outcome gets: decided by what was registered, not by who looks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from edversion_plugins.evaluation.arrays import Bools, Floats
from edversion_plugins.evaluation.intervals import Uncertainty, wilson
from edversion_plugins.experiments.clustered import clustered
from edversion_plugins.experiments.estimates import Estimate, Level
from edversion_plugins.experiments.means import cuped, lin, ratio, welch
from edversion_plugins.experiments.proportions import two_proportions
from edversion_plugins.experiments.samples import Sample
from edversion_plugins.experiments.sequences import CLUSTERS, LEARNERS, always_valid

__all__ = ["deciding", "estimable", "level_of", "naive", "registered", "secondary", "sequence"]


def estimable(sample: Sample, arm: int) -> str | None:
    """Say why a variant cannot be compared with the control; None where it can."""
    if min(sample.size(0), sample.size(arm)) < 2:
        return "fewer than two learners of a variant were measured"
    if sample.cluster is not None and min(sample.clusters(0), sample.clusters(arm)) < 2:
        return "a variant has a single cluster, which cannot be told from its variant"
    return None


def registered(sample: Sample, kind: str, arm: int, uncertainty: Uncertainty) -> Estimate:
    """Give the difference by the estimator that the definition settles.

    By cluster, where clusters were assigned; else by Lin's regression, where covariates were
    registered; else as the kind of the outcome says.

    Parameters
    ----------
    sample : Sample
        Learners of all variants.
    kind : str
        ``mean``, ``proportion`` or ``ratio:…``.
    arm : int
        Place of the variant.
    uncertainty : Uncertainty
        Level, draws and seed.
    """
    if kind.startswith("ratio:") and sample.covariates is not None:
        sample = Sample(sample.numerator, sample.denominator, sample.arm, sample.cluster)
    if sample.cluster is not None:
        return clustered(sample, arm, uncertainty)
    if sample.covariates is not None:
        control, variant, before = _pair(sample, arm)
        return lin(control, variant, before, uncertainty)
    return naive(sample, kind, arm, uncertainty)


def secondary(
    sample: Sample, kind: str, arm: int, uncertainty: Uncertainty
) -> tuple[Estimate, ...]:
    """Give what other estimators say, for who wants to know whether it hangs on the choice."""
    found = []
    bare = Sample(sample.numerator, sample.denominator, sample.arm, sample.cluster)
    adjusts = sample.covariates is not None and not kind.startswith("ratio:")
    if sample.cluster is not None:
        return (clustered(bare, arm, uncertainty),) if adjusts else ()
    if adjusts:
        control, variant, before = _pair(sample, arm)
        found += [naive(bare, kind, arm, uncertainty), cuped(control, variant, before, uncertainty)]
    if kind == "proportion":
        rows = sample.arm
        values = sample.numerator
        found.append(welch(values[rows == 0], values[rows == arm], uncertainty))
    return tuple(found)


def naive(sample: Sample, kind: str, arm: int, uncertainty: Uncertainty) -> Estimate:
    """Give the difference as if learners had been assigned one by one."""
    sides = [sample.arm == 0, sample.arm == arm]
    if kind == "proportion":
        counts = [(int(sample.numerator[rows].sum()), int(rows.sum())) for rows in sides]
        return two_proportions(counts[0], counts[1], uncertainty)
    parts = [(sample.numerator[rows], sample.denominator[rows]) for rows in sides]
    if kind.startswith("ratio:"):
        return ratio(parts[0], parts[1], uncertainty)
    return welch(parts[0][0], parts[1][0], uncertainty)


def _pair(sample: Sample, arm: int) -> tuple[Floats, Floats, tuple[Floats, Floats]]:
    assert sample.covariates is not None
    one, two = sample.arm == 0, sample.arm == arm
    before = sample.covariates[one], sample.covariates[two]
    return sample.numerator[one], sample.numerator[two], before


def sequence(found: Estimate, uncertainty: Uncertainty) -> tuple[float, float, int] | None:
    """Give the interval that holds at every look, and what it is tuned for.

    None where there is no error to make it of, or where the clusters are too few to say anything.
    """
    if not (np.isfinite(found.se) and found.se > 0) or found.low is None or found.high is None:
        return None
    n, tuned = (sum(found.n), LEARNERS) if found.clusters is None else (
        sum(found.clusters), CLUSTERS,
    )  # fmt: skip
    half = float(always_valid(found.se, n, alpha=uncertainty.alpha, tuned_for=tuned))
    return found.value - half, found.value + half, tuned


def deciding(found: Estimate, *, running: bool, uncertainty: Uncertainty) -> Estimate:
    """Give a difference with the interval that may decide: at every look, while it is looked at."""
    if not running:
        return found
    low, high, _ = sequence(found, uncertainty) or (None, None, 0)
    return replace(found, low=low, high=high)


def level_of(sample: Sample, kind: str, arm: int, uncertainty: Uncertainty) -> Level:
    """Give what an outcome came out as under one variant, with its interval."""
    rows = sample.arm == arm
    values, n = sample.values[rows], int(rows.sum())
    value = float(values.mean())
    if sample.cluster is not None:
        return _by_cluster(sample, rows, value, uncertainty)
    if kind == "proportion":
        low, high = wilson(np.array([value]), np.array([n], dtype=float), uncertainty.z)
        return Level(value, n, float(low[0]), float(high[0]))
    if n < 2:
        return Level(value, n)
    half = _quantile(n - 1, uncertainty) * float(values.std(ddof=1)) / np.sqrt(n)
    return Level(value, n, value - half, value + half)


def _by_cluster(sample: Sample, rows: Bools, value: float, uncertainty: Uncertainty) -> Level:
    assert sample.cluster is not None
    _, codes = np.unique(sample.cluster[rows], return_inverse=True)
    rest = np.bincount(codes, weights=sample.values[rows] - value)
    n, count = int(rows.sum()), len(rest)
    if count < 2:
        return Level(value, n, clusters=count)
    se = np.sqrt(count / (count - 1) * (rest**2).sum()) / n
    half = _quantile(count - 1, uncertainty) * float(se)
    return Level(value, n, value - half, value + half, count)


def _quantile(df: int, uncertainty: Uncertainty) -> float:
    return float(stats.t.ppf((1 + uncertainty.level) / 2, df))
