"""What lies between the groups: differences, ratios, the worst group, areas between curves.

A gap's name says what it is made of: ``<measure>_difference`` (highest − lowest),
``<measure>_ratio`` (lowest ÷ highest), ``worst_<measure>``; those that have a name in the
field go by it: ``demographic_parity_*`` (of selection rates), ``equal_opportunity_*`` (of true
positive rates), ``equalized_odds_*`` (the worse of true and false positive rates).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

import numpy as np

from edversion_plugins.evaluation.arrays import Ints
from edversion_plugins.evaluation.columns import Column
from edversion_plugins.evaluation.curves import abroca
from edversion_plugins.evaluation.inputs import Sample, Task
from edversion_plugins.evaluation.measures import (
    MEASURES,
    Measure,
    Measures,
    measure_of,
    why_absent,
)

__all__ = [
    "AREAS",
    "GAPS",
    "Gap",
    "GapRule",
    "GapTest",
    "default_gaps",
    "find_gap",
    "fits",
    "gap_rule",
]


@dataclass(frozen=True, slots=True)
class GapTest:
    """How a gap compares with those of groups that were shuffled.

    Attributes
    ----------
    p : float
        Share of the shuffles with a gap at least as large, the data counted as one of them.
    null_median, null_high : float
        Median and 95th percentile of the gaps of shuffled groups: what noise alone makes.
    draws : int
        Number of shuffles.
    alpha : float
        Bound on the chance that any gap of a report is called a difference without being one.
    adjusted : float
        p after Holm's correction for all the gaps tested.
    comparisons : int
        How many those are.
    """

    p: float
    null_median: float
    null_high: float
    draws: int
    alpha: float
    adjusted: float = math.nan
    comparisons: int = 0

    @property
    def verdict(self) -> Literal["differ", "cannot tell"]:
        """``differ`` where the adjusted p is below alpha, else ``cannot tell``."""
        return "differ" if self.adjusted < self.alpha else "cannot tell"


@dataclass(frozen=True, slots=True)
class Gap:
    """What one gap came out as for one attribute.

    Attributes
    ----------
    metric : str
        Its name, e.g. ``"abroca"``.
    value : float or None
        None where it could not be computed.
    n : int
        Number of rows that the compared values rest on.
    between : tuple of str
        The groups that it lies between, lower value first; the one group of a worst value.
    reason : str or None
        Why there is no value.
    skipped : mapping of str to str
        Groups that were left out of this gap, and why.
    measure : str or None
        What was compared: of equalized odds the worse of the two rates.
    low, high : float or None
        Interval, where one was asked for: of a difference, that of the difference between the
        two groups named, in whatever direction it goes in a resample.
    test : GapTest or None
        Whether so large a gap is rare where the groups do not differ; of differences and areas.
    untested : str or None
        Why there is no test, where one was asked for.
    """

    metric: str
    value: float | None
    n: int
    between: tuple[str, ...] = ()
    reason: str | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)
    measure: str | None = None
    low: float | None = None
    high: float | None = None
    test: GapTest | None = None
    untested: str | None = None

    @property
    def verdict(self) -> str | None:
        """What the data say: ``differ`` or ``cannot tell``; None where nothing was tested.

        That a gap is small enough is never said: data that cannot tell are no evidence of it.
        """
        return None if self.test is None else self.test.verdict


@dataclass(frozen=True, slots=True)
class _Found:
    """A gap's value before it has a name, and the places of its groups."""

    value: float
    between: tuple[int, ...]
    measure: str | None = None


Kind = Literal["difference", "ratio", "worst", "pairs", "reference", "sum"]
AREAS = ("pairs", "reference", "sum")
_Find = Callable[[Measures, tuple[str, ...], int | None], _Found | str]
"""Finds a gap among groups; gives the reason where there is none."""


@dataclass(frozen=True, slots=True)
class GapRule:
    """How a gap is computed, and on which side of a bound it must stay.

    Attributes
    ----------
    measures : tuple of str
        What it is made of.
    side : str
        ``"at most"`` or ``"at least"``: how a bound on it is meant.
    kind : str
        ``"difference"``, ``"ratio"``, ``"worst"``, or the areas: ``"pairs"`` (largest of all
        pairs), ``"reference"`` (largest against the reference), ``"sum"`` (of those).
    """

    measures: tuple[str, ...]
    side: Literal["at most", "at least"]
    find: _Find
    kind: Kind


def fits(name: str, measures: Measures) -> bool:
    """Say whether the measures that a gap is made of were computed."""
    return all(measure in measures.columns for measure in gap_rule(name).measures)


def find_gap(name: str, sample: Sample, measures: Measures, reference: int | None) -> Gap:
    """Compute one gap between groups.

    Parameters
    ----------
    name : str
        A name in `GAPS`, or a gap of a metric of rankings.
    sample : Sample
        The rows, to say why a measure is absent.
    measures : Measures
        The measures of the groups that are compared.
    reference : int or None
        Place of the reference group; None where it is not among them.
    """
    rule = gap_rule(name)
    absent = [measure for measure in rule.measures if measure not in measures.columns]
    if absent:
        return Gap(name, None, 0, reason=f"{name} {why_absent(absent[0], sample)}")
    labels = measures.grouping.labels
    columns = [measures.columns[measure] for measure in rule.measures]
    skipped = {
        labels[place]: column.reason
        for column in columns
        for place in np.flatnonzero(np.isnan(column.values))
    }
    found = rule.find(measures, rule.measures, reference)
    if isinstance(found, str):
        return Gap(name, None, 0, reason=found, skipped=skipped)
    between = tuple(labels[place] for place in found.between)
    one = len(found.between) == 1
    n = sum(_rows(column, found.between if one else None) for column in columns)
    measure = found.measure or rule.measures[0]
    return Gap(name, found.value, n, between, skipped=skipped, measure=measure)


def _rows(column: Column, places: tuple[int, ...] | None) -> int:
    chosen = _estimable(column) if places is None else np.array(places)
    return int(column.n[chosen].sum())


def _estimable(column: Column) -> Ints:
    return np.flatnonzero(~np.isnan(column.values))


TOO_FEW = "fewer than two groups can be compared"
NO_GROUP = "no group can be measured"
NO_REFERENCE = "the reference group cannot be measured"


def _difference(measures: Measures, names: tuple[str, ...], _: int | None) -> _Found | str:
    """Give highest − lowest; of several measures the largest difference."""
    found = {name: _extremes(measures.columns[name]) for name in names}
    if None in found.values():
        return TOO_FEW
    spans = [_Found(each[1] - each[0], each[2], name) for name, each in found.items() if each]
    return max(spans, key=lambda span: span.value)


def _ratio(measures: Measures, names: tuple[str, ...], _: int | None) -> _Found | str:
    """Give lowest ÷ highest; of several measures the smallest ratio."""
    found = {name: _extremes(measures.columns[name]) for name in names}
    if None in found.values():
        return TOO_FEW
    spans = [
        _Found(each[0] / each[1], each[2], name)
        for name, each in found.items()
        if each and each[1] > 0
    ]
    if not spans:
        return "the ratio of zeros is not defined"
    return min(spans, key=lambda span: span.value)


def _extremes(column: Column) -> tuple[float, float, tuple[int, int]] | None:
    """Give lowest and highest value and the places of their groups."""
    places = _estimable(column)
    if len(places) < 2:
        return None
    values = column.values[places]
    low, high = int(values.argmin()), int(values.argmax())
    return float(values[low]), float(values[high]), (int(places[low]), int(places[high]))


def _lowest(measures: Measures, names: tuple[str, ...], _: int | None) -> _Found | str:
    return _worst(measures.columns[names[0]], sign=1)


def _highest(measures: Measures, names: tuple[str, ...], _: int | None) -> _Found | str:
    return _worst(measures.columns[names[0]], sign=-1)


def _worst(column: Column, sign: int) -> _Found | str:
    places = _estimable(column)
    if not len(places):
        return NO_GROUP
    place = int(places[(sign * column.values[places]).argmin()])
    return _Found(float(column.values[place]), (place,))


def _abroca(measures: Measures, _: tuple[str, ...], __: int | None) -> _Found | str:
    """Give the largest area between the curves of any two groups."""
    places = [place for place, curve in enumerate(measures.rocs) if curve is not None]
    return _largest(pair_areas(measures, list(combinations(places, 2)))) or TOO_FEW


def _abroca_reference(
    measures: Measures, _: tuple[str, ...], reference: int | None
) -> _Found | str:
    """Give the largest area between a group's curve and the reference group's."""
    if reference is None or measures.rocs[reference] is None:
        return NO_REFERENCE
    return _largest(_against(measures, reference)) or TOO_FEW


def _abroca_sum(measures: Measures, _: tuple[str, ...], reference: int | None) -> _Found | str:
    """Give the sum over the groups of the areas to the reference group's curve."""
    if reference is None or measures.rocs[reference] is None:
        return NO_REFERENCE
    areas = _against(measures, reference)
    if not areas:
        return TOO_FEW
    others = tuple(place for pair in areas for place in pair if place != reference)
    return _Found(sum(areas.values()), (reference, *others))


def _against(measures: Measures, reference: int) -> dict[tuple[int, int], float]:
    curves = enumerate(measures.rocs)
    others = [place for place, curve in curves if curve is not None and place != reference]
    return pair_areas(measures, [(place, reference) for place in others])


def pair_areas(
    measures: Measures, pairs: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], float]:
    """Give the area between each pair of curves, the pair ordered by rising AUC."""
    areas = {}
    for pair in pairs:
        curves = [curve for curve in (measures.rocs[place] for place in pair) if curve is not None]
        ordered = pair if curves[0].auc <= curves[1].auc else pair[::-1]
        areas[ordered] = abroca(*curves)
    return areas


def _largest(areas: dict[tuple[int, int], float]) -> _Found | None:
    if not areas:
        return None
    pair = max(areas, key=areas.__getitem__)
    return _Found(areas[pair], pair)


def _rules() -> dict[str, GapRule]:
    rules: dict[str, GapRule] = {}
    family = {"selection_rate": "demographic_parity", "tpr": "equal_opportunity"}
    for name, measure in MEASURES.items():
        rules |= _rules_of(name, measure, family.get(name, name))
    odds = ("tpr", "fpr")
    rules["equalized_odds_difference"] = GapRule(odds, "at most", _difference, "difference")
    rules["equalized_odds_ratio"] = GapRule(odds, "at least", _ratio, "ratio")
    rules["abroca"] = GapRule(("auc",), "at most", _abroca, "pairs")
    rules["abroca_reference"] = GapRule(("auc",), "at most", _abroca_reference, "reference")
    rules["abroca_sum"] = GapRule(("auc",), "at most", _abroca_sum, "sum")
    return rules


def _rules_of(name: str, measure: Measure, title: str) -> dict[str, GapRule]:
    """Give the gaps of one measure."""
    rules = {f"{title}_difference": GapRule((name,), "at most", _difference, "difference")}
    if measure.has_ratio:
        rules[f"{title}_ratio"] = GapRule((name,), "at least", _ratio, "ratio")
    if measure.better == "higher":
        rules[f"worst_{name}"] = GapRule((name,), "at least", _lowest, "worst")
    elif measure.better == "lower":
        rules[f"worst_{name}"] = GapRule((name,), "at most", _highest, "worst")
    return rules


GAPS = _rules()
"""The gaps by name; those of rankings have a cut-off in theirs, see `gap_rule`."""


def gap_rule(name: str) -> GapRule:
    """Give the rule of a gap, also of one like ``ndcg@10_difference``.

    Raises
    ------
    KeyError
        There is no such gap.
    """
    if name in GAPS:
        return GAPS[name]
    metric = name.removeprefix("worst_").removesuffix("_difference").removesuffix("_ratio")
    measure = measure_of(metric)
    if measure is None:
        raise KeyError(name)
    return _rules_of(metric, measure, metric)[name]


_DEFAULTS: dict[Task, tuple[str, ...]] = {
    "binary": (
        "demographic_parity_difference",
        "demographic_parity_ratio",
        "equal_opportunity_difference",
        "equalized_odds_difference",
        "accuracy_difference",
        "auc_difference",
        "abroca",
    ),
    "multiclass": ("accuracy_difference", "macro_recall_difference"),
    "regression": ("mae_difference", "rmse_difference", "mean_error_difference"),
}


def default_gaps(task: Task, measures: Measures) -> tuple[str, ...]:
    """Give the usual gaps of a task that the measures allow."""
    if task == "ranking":
        return tuple(f"{name}_difference" for name in measures.columns)
    return tuple(name for name in _DEFAULTS[task] if fits(name, measures))
