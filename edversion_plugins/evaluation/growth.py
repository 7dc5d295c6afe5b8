"""How much a gap between groups grows from one model to another, on the same rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from edversion import InvalidInputError
from edversion_plugins.evaluation.arrays import Floats
from edversion_plugins.evaluation.binning import Bins
from edversion_plugins.evaluation.columns import Column
from edversion_plugins.evaluation.curves import Ranking
from edversion_plugins.evaluation.gaps import gap_rule
from edversion_plugins.evaluation.groups import Grouping
from edversion_plugins.evaluation.inputs import Sample
from edversion_plugins.evaluation.intervals import percentiles
from edversion_plugins.evaluation.measures import families, measure_groups, why_absent
from edversion_plugins.evaluation.pairing import Joined
from edversion_plugins.evaluation.resampling import Resampler

__all__ = ["GapGrowth", "NotMeasured", "gap_growth"]


class NotMeasured(Exception):  # noqa: N818  (an answer: the reason why there is no number)
    """Something has no value for a group; the message says what, and why."""


@dataclass(frozen=True, slots=True)
class GapGrowth:
    """How much farther groups are apart under one model than under another.

    Attributes
    ----------
    gap, attribute : str
        E.g. ``equal_opportunity_difference`` of ``gender``.
    old, new : float
        Highest − lowest group, of either model; of several measures the largest.
    n : int
        Number of rows.
    low, high : float or None
        Interval of ``new − old``: the chance that it lies wholly below, or wholly above, the
        true growth is at most what the level leaves. Both models and all groups see the same
        resamples. None where too few of these have a value.
    """

    gap: str
    attribute: str
    old: float
    new: float
    n: int
    low: float | None
    high: float | None

    @property
    def value(self) -> float:
        """The growth, new − old."""
        return self.new - self.old


def gap_growth(joined: Joined, gap: str, grouping: Grouping) -> GapGrowth:
    """Compare a gap between groups of two models, by resamples that they share.

    Parameters
    ----------
    joined : Joined
        The rows that both were evaluated on.
    gap : str
        The name of a difference in `GAPS`, e.g. ``"accuracy_difference"``.
    grouping : Grouping
        The groups of one attribute that may be shown.

    Raises
    ------
    NotMeasured
        A group does not allow it, or there are fewer than two.
    InvalidInputError
        There is no such gap, or it is no difference.
    """
    measures = _measures_of(gap)
    if joined.old.classes != joined.new.classes:
        raise NotMeasured("the two evaluations know other classes")
    if len(grouping.keys) < 2:
        raise NotMeasured(f"fewer than two groups of {grouping.name} can be compared")
    resampler = Resampler.of(joined.units, joined.uncertainty)
    pairs = [
        [_measured(sample, name, grouping, resampler) for sample in (joined.old, joined.new)]
        for name in measures
    ]
    old, new = (max(float(np.ptp(pair[at][0])) for pair in pairs) for at in (0, 1))
    level = joined.uncertainty.level
    highs = [_upper(before, after, level) for (_, before), (_, after) in pairs]
    lows = [_upper(after, before, level) for (_, before), (_, after) in pairs]
    high = None if None in highs else max(each for each in highs if each is not None)
    low = None if None in lows else -max(each for each in lows if each is not None)
    rows = int(np.count_nonzero(grouping.codes))
    return GapGrowth(gap, grouping.name, old, new, rows, low, high)


def _measures_of(gap: str) -> tuple[str, ...]:
    """Give the measures that a gap is the largest difference of."""
    try:
        rule = gap_rule(gap)
    except KeyError:
        raise InvalidInputError(
            f"there is no gap {gap!r}; choose one such as 'equal_opportunity_difference'", gap=gap
        ) from None
    if rule.kind != "difference":
        raise InvalidInputError(
            f"the growth of {gap!r} is not measured; choose a difference, such as "
            "'equal_opportunity_difference' or 'auc_difference'",
            gap=gap,
        )
    return rule.measures


def _measured(
    sample: Sample, name: str, grouping: Grouping, resampler: Resampler
) -> tuple[Floats, Floats]:
    """Give a measure of every group, and in every resample, (n_draws, n_groups).

    Raises
    ------
    NotMeasured
        A group has no value, or the sample has no such measure.
    """
    column, draws = _column(sample, name, grouping, resampler)
    absent = np.flatnonzero(np.isnan(column.values))
    if absent.size:
        group = f"{grouping.name}={grouping.labels[int(absent[0])]}"
        raise NotMeasured(f"{name} of {group}: {column.reason}")
    return column.values, draws


def _column(
    sample: Sample, name: str, grouping: Grouping, resampler: Resampler
) -> tuple[Column, Floats]:
    if name == "auc" and sample.score is not None:
        return _aucs(sample, sample.score, grouping, resampler)
    for family in families(sample):
        columns = family.columns(grouping)
        if name in columns:
            drawn = family.measures(resampler.sums(family.terms, grouping))
            return columns[name], drawn[name].values
    raise NotMeasured(f"{name} {why_absent(name, sample)}")


def _aucs(
    sample: Sample, score: Floats, grouping: Grouping, resampler: Resampler
) -> tuple[Column, Floats]:
    """Give AUCs; those of resamples through bins, moved by what the bins leave out."""
    ranking = Ranking.of(sample.true, score)
    column = measure_groups(sample, ranking, grouping).columns["auc"]
    bins = Bins.of(ranking)
    terms = (bins.term(sample.true),)
    once = Resampler(resampler.blocks, np.ones_like(resampler.times[:1]))
    binned = _areas(once.sums(terms, grouping))
    return column, _areas(resampler.sums(terms, grouping)) + (column.values - binned)


def _areas(counts: Floats) -> Floats:
    """Give the area under the curve of counts by bin and class, the highest scores first."""
    by_class = counts.reshape(*counts.shape[:2], -1, 2).astype(np.float64)
    negative, positive = by_class[..., 0], by_class[..., 1]
    passed = np.cumsum(negative, axis=2) - negative / 2
    negatives, positives = negative.sum(axis=2), positive.sum(axis=2)
    pairs = negatives * positives
    above = pairs - (positive * passed).sum(axis=2)
    areas = np.full(pairs.shape, np.nan)
    np.divide(above, pairs, out=areas, where=pairs > 0)
    return areas


def _upper(before: Floats, after: Floats, level: float) -> float | None:
    """Bound from above how much farther apart the groups are `after` than `before`.

    Let g and h be the highest and the lowest group after. Before, any two groups were at most as
    far apart as the gap, these two included, whichever was higher. So the gap grew at most by
    ``(after_g − after_h) − (before_g − before_h)``, and also by the same with a plus. Both have no
    bias; gaps themselves are largest by chance, and more so where groups hardly differ. Which two
    are g and h is not known, so the largest bound of all pairs counts.
    """
    places = list(permutations(range(before.shape[1]), 2))
    first, second = (np.array(each) for each in zip(*places, strict=True))
    one, other = (each[:, first] - each[:, second] for each in (after, before))
    # two bounds, the lower of which is taken: each gets half of the chance to be wrong
    _, minus = percentiles(one - other, (1 + level) / 2)
    _, plus = percentiles(one + other, (1 + level) / 2)
    bound = float(np.max(np.minimum(minus, plus)))
    return None if math.isnan(bound) else bound
