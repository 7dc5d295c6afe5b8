"""Differences between two models on the same rows: paired, with intervals and tests."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edversion_plugins.evaluation.arrays import Bools, Floats, Ints
from edversion_plugins.evaluation.columns import Column
from edversion_plugins.evaluation.delong import pairs_won
from edversion_plugins.evaluation.groups import Grouping
from edversion_plugins.evaluation.inputs import Sample
from edversion_plugins.evaluation.intervals import Uncertainty, percentiles
from edversion_plugins.evaluation.measures import MEASURES, families
from edversion_plugins.evaluation.pairing import Joined, errors, right
from edversion_plugins.evaluation.resampling import Resampler
from edversion_plugins.evaluation.sums import Term
from edversion_plugins.evaluation.units import Units

__all__ = [
    "PairedDifference",
    "accuracy_difference",
    "auc_difference",
    "differences",
    "error_difference",
    "mcnemar",
    "tested_differences",
]

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How much a measure differs between two models on the same rows.

    Attributes
    ----------
    metric : str
        E.g. ``accuracy``.
    old, new : float
        The measure of either model.
    n : int
        Number of rows.
    low, high : float or None
        Interval of ``new − old``; None where no row tells the models apart, or too few do.
    p : float or None
        How often models that are equally good would differ as much.
    method : str
        How interval and p were computed.
    alpha : float
        Chance of a false alarm.
    """

    metric: str
    old: float
    new: float
    n: int
    low: float | None
    high: float | None
    p: float | None
    method: str
    alpha: float

    @property
    def value(self) -> float:
        """The difference, new − old."""
        return self.new - self.old

    @property
    def told(self) -> bool:
        """Whether the data can tell the models apart: by the interval, and by the test."""
        if self.low is None or self.high is None:
            return False
        return not self.low <= 0 <= self.high and (self.p is None or self.p <= self.alpha)


def differences(joined: Joined) -> tuple[PairedDifference, ...]:
    """Give every difference that fits the task: those with a test, then the other measures."""
    tested = tested_differences(joined)
    known = {each.metric for each in tested}
    others = {each.metric: each for each in _of_sums(joined) if each.metric not in known}
    ordered = [name for name in MEASURES if name in others]
    return *tested, *(others[name] for name in ordered)


def difference_of(joined: Joined, metric: str) -> PairedDifference | None:
    """Give the difference of one metric as `differences` has it, or None; resamples if it must."""
    tested = tested_differences(joined)
    found = next((each for each in tested if each.metric == metric), None)
    return found or next((each for each in _of_sums(joined) if each.metric == metric), None)


def tested_differences(joined: Joined) -> tuple[PairedDifference, ...]:
    """Give the differences that tell most of a task, each with a test."""
    old, new = joined.old, joined.new
    how = (joined.units, joined.uncertainty)
    if old.task == "ranking":
        return tuple(_of_rankings(joined))
    if old.task == "regression":
        return (error_difference(errors(old), errors(new), *how),)
    found: list[PairedDifference | None] = []
    if old.predicted is not None and new.predicted is not None:
        found.append(accuracy_difference(right(old), right(new), *how))
    if old.score is not None and new.score is not None and old.classes == new.classes:
        found.append(auc_difference(old.true, old.score, new.score, *how))
    return tuple(each for each in found if each is not None)


def _of_rankings(joined: Joined) -> Iterator[PairedDifference]:
    """Compare learner by learner; those without a relevant item have no metric."""
    measured = joined.old.true > 0
    units = Units(int(measured.sum()))
    if not units.count:
        return
    for name, values in joined.old.values.items():
        pair = values[measured], joined.new.values[name][measured]
        yield _mean_difference(name, *pair, units, joined.uncertainty, unit="learner")


def _of_sums(joined: Joined) -> Iterator[PairedDifference]:
    """Compare the other measures, by the same resamples of the rows for both models."""
    if joined.old.task == "ranking" or joined.old.classes != joined.new.classes:
        return
    everyone = Grouping.of_all(joined.size)
    resampler = Resampler.of(joined.units, joined.uncertainty)
    old, new = (_measured(each, everyone, resampler) for each in (joined.old, joined.new))
    method = f"paired bootstrap by {_unit(joined.units)}"
    for name, (before, draws) in old.items():
        if name not in new or name == "base_rate":  # the truth is the same
            continue
        after, drawn = new[name]
        first, second = float(before.values[0]), float(after.values[0])
        if math.isnan(first) or math.isnan(second):
            continue
        low, high = _ends(drawn - draws, joined.uncertainty.level)
        alpha = joined.uncertainty.alpha
        yield PairedDifference(name, first, second, joined.size, low, high, None, method, alpha)


def _measured(
    sample: Sample, everyone: Grouping, resampler: Resampler
) -> dict[str, tuple[Column, Floats]]:
    """Give every measure that follows from sums: as it is, and in every resample."""
    found: dict[str, tuple[Column, Floats]] = {}
    for family in families(sample):
        drawn = family.measures(resampler.sums(family.terms, everyone))
        for name, column in family.columns(everyone).items():
            found[name] = column, drawn[name].values[:, 0]
    return found


def _ends(apart: Floats, level: float) -> tuple[float | None, float | None]:
    """Give the percentiles; none where no resample differs, or many have no value."""
    low, high = percentiles(apart[:, None], level)
    if not np.nan_to_num(apart).any() or math.isnan(low[0]):
        return None, None
    return float(low[0]), float(high[0])


def accuracy_difference(
    old: Bools, new: Bools, units: Units, uncertainty: Uncertainty
) -> PairedDifference:
    """Compare shares of right answers.

    Parameters
    ----------
    old, new : ndarray of shape (n_samples,)
        Whether either model judges each row rightly.
    units : Units
        Rows, or learners who have several: these are resampled.
    uncertainty : Uncertainty
        The interval that is wanted.

    References
    ----------
    Q. McNemar (1947). Note on the sampling error of the difference between correlated
    proportions or percentages. Psychometrika 12, 153–157.

    Examples
    --------
    >>> old, new = np.arange(100) < 70, np.arange(100) < 80
    >>> found = accuracy_difference(old, new, Units(100), Uncertainty())
    >>> round(found.value, 10), found.p
    (0.1, 0.001953125)
    """
    low, high = _bootstrapped(old.astype(float), new.astype(float), units, uncertainty)
    changed = new.astype(np.intp) - old
    if units.codes is None:
        p = mcnemar(int((changed < 0).sum()), int((changed > 0).sum()))
        test = "McNemar, exact"
    else:
        p, test = _flipped(changed, units.codes, uncertainty), "signs of learners shuffled"
    return PairedDifference(
        "accuracy",
        float(old.mean()),
        float(new.mean()),
        len(old),
        low,
        high,
        p,
        f"paired bootstrap by {_unit(units)}; {test}",
        uncertainty.alpha,
    )


def mcnemar(to_wrong: int, to_right: int) -> float:
    """Give the exact two-sided p of McNemar's test; 1 where nothing changed."""
    from scipy.stats import binomtest

    changed = to_wrong + to_right
    return float(binomtest(to_right, changed).pvalue) if changed else 1.0


def _flipped(changed: Ints, codes: Ints, uncertainty: Uncertainty) -> float:
    """Test as McNemar's where learners have several rows: which model is which is a coin's.

    Learners whose net changes are equally large are flipped together: their sum is binomial.
    """
    net = np.bincount(codes, weights=changed).astype(np.intp)
    sizes, counts = np.unique(np.abs(net[net != 0]), return_counts=True)
    rng = np.random.default_rng([uncertainty.seed, 2])
    heads = rng.binomial(counts, 0.5, size=(uncertainty.draws, len(counts)))
    sums = np.abs((2 * heads - counts) @ sizes)
    as_large = int(np.count_nonzero(sums >= abs(int(net.sum()))))
    return (1 + as_large) / (1 + uncertainty.draws)


def error_difference(
    old: Floats, new: Floats, units: Units, uncertainty: Uncertainty
) -> PairedDifference:
    """Compare mean absolute errors, given how far either model is off in each row."""
    return _mean_difference("mae", old, new, units, uncertainty, unit=_unit(units))


def _mean_difference(
    metric: str, old: Floats, new: Floats, units: Units, uncertainty: Uncertainty, *, unit: str
) -> PairedDifference:
    low, high = _bootstrapped(old, new, units, uncertainty)
    return PairedDifference(
        metric,
        float(old.mean()),
        float(new.mean()),
        len(old),
        low,
        high,
        _signs_shuffled(new - old, units, uncertainty),
        f"paired bootstrap by {unit}; signs shuffled",
        uncertainty.alpha,
    )


def _signs_shuffled(apart: Floats, units: Units, uncertainty: Uncertainty) -> float:
    """Test whether a mean difference is 0: which model is which is a coin's, unit by unit.

    Of more than 2,048 units those of a block are flipped together, which is as valid.
    """
    blocks = np.bincount(Resampler.of(units, uncertainty).blocks, weights=apart)
    rng = np.random.default_rng([uncertainty.seed, 2])
    signs = 2.0 * rng.integers(0, 2, size=(uncertainty.draws, len(blocks))) - 1
    as_large = np.abs(signs @ blocks) >= abs(float(blocks.sum())) - _ROUNDING
    return (1 + int(np.count_nonzero(as_large))) / (1 + uncertainty.draws)


def _bootstrapped(
    old: Floats, new: Floats, units: Units, uncertainty: Uncertainty
) -> tuple[float | None, float | None]:
    """Give the interval of the mean of ``new − old``; none where all rows are equal."""
    apart = new - old
    if not apart.any():
        return None, None
    terms = (Term(weight=apart), Term())
    sums = Resampler.of(units, uncertainty).sums(terms, Grouping.of_all(len(apart)))[:, 0]
    low, high = percentiles((sums[:, 0] / sums[:, 1])[:, None], uncertainty.level)
    return float(low[0]), float(high[0])


def auc_difference(
    true: Ints, old: Floats, new: Floats, units: Units, uncertainty: Uncertainty
) -> PairedDifference | None:
    """Compare areas under the ROC curves of two scores of the same rows.

    DeLong's variance of the difference; where learners have several rows, the variance
    between learners of the same parts, linearised. None where one class is absent.

    References
    ----------
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson (1988). Comparing the Areas under Two or
    More Correlated Receiver Operating Characteristic Curves. Biometrics 44, 837–845.

    Examples
    --------
    >>> true, score = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> found = auc_difference(true, score, score, Units(4), Uncertainty())
    >>> found.old, found.value, found.low
    (0.75, 0.0, None)
    """
    positive = true == 1
    if positive.all() or not positive.any():
        return None
    before, after = pairs_won(positive, old), pairs_won(positive, new)
    auc = float(before[positive].mean()), float(after[positive].mean())
    error = math.sqrt(_variance(after - before, positive, units))
    low = high = p = None
    if error > 0:
        apart, half = auc[1] - auc[0], uncertainty.z * error
        low, high = max(-1.0, apart - half), min(1.0, apart + half)
        p = math.erfc(abs(apart) / error / math.sqrt(2))
    elif error == 0:
        p = 1.0 if auc[0] == auc[1] else None
    method = "DeLong, paired" if units.codes is None else "DeLong, paired, by learner"
    return PairedDifference("auc", *auc, len(true), low, high, p, method, uncertainty.alpha)


def _variance(parts: Floats, positive: Bools, units: Units) -> float:
    """Give the variance of the mean of `parts` over either class; NaN of one row."""
    classes = (parts[positive], parts[~positive])
    if units.codes is None:
        if min(map(len, classes)) < 2:
            return math.nan
        return float(sum(each.var(ddof=1) / len(each) for each in classes))
    if units.count < 2:
        return math.nan
    of_row = np.where(
        positive,
        (parts - classes[0].mean()) / len(classes[0]),
        (parts - classes[1].mean()) / len(classes[1]),
    )
    of_unit = np.bincount(units.codes, weights=of_row)
    return float(units.count / (units.count - 1) * (of_unit**2).sum())


def _unit(units: Units) -> str:
    return "row" if units.codes is None else "learner"
