"""Whether gaps are larger than those of shuffled groups; corrected for how many are tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from edversion_plugins.evaluation.arrays import Floats
from edversion_plugins.evaluation.binning import Bins
from edversion_plugins.evaluation.curves import Roc, abroca
from edversion_plugins.evaluation.doubt import Doubt
from edversion_plugins.evaluation.gaps import Gap, GapTest, gap_rule
from edversion_plugins.evaluation.measures import Measures
from edversion_plugins.evaluation.rates import PROPORTIONS
from edversion_plugins.evaluation.shuffling import MEANS, Shuffler, shuffler
from edversion_plugins.evaluation.sums import Sums, add_up

__all__ = ["corrected", "gap_tests", "holm"]

_ROUNDING = 1e-12
_AREAS = 100_000
"""Areas between curves that a test may compute: with many groups there are fewer shuffles."""
_LEAST = 199


Test = GapTest | str | None
"""The reason where a gap cannot be tested; None where such gaps are not: ratios, whose
differences are, worst groups, and measures that no shuffle leaves as they are."""


def gap_tests(
    gaps: Sequence[Gap], found: Measures, doubt: Doubt, reference: str | None
) -> dict[str, Test]:
    """Compare the gaps of an attribute with those of shuffled groups, by name of the gap.

    All groups that a gap could have been found between are shuffled, so that it is no matter
    that the largest was picked.
    """
    tests: dict[str, Test] = {}
    of_curves = []
    for gap in gaps:
        rule = gap_rule(gap.metric)
        if gap.value is None or rule.kind in ("ratio", "worst"):
            continue
        if rule.measures == ("auc",):
            of_curves.append(gap.metric)
        elif rule.measures in _TESTABLE or rule.measures[0] in doubt.sample.values:
            shuffled = _shuffler(rule.measures, found, doubt, 1)
            tests[gap.metric] = _of_values(rule.measures, shuffled, doubt)
    if of_curves:
        tests |= _of_curves(of_curves, found, doubt, reference)
    return tests


_TESTABLE = {(name,) for name in PROPORTIONS | MEANS} | {("tpr", "fpr")}


def _shuffler(
    measures: tuple[str, ...], found: Measures, doubt: Doubt, areas: int
) -> Shuffler | str:
    """Shuffle the groups that a gap can lie between, fewer times where each takes long."""
    known = [~np.isnan(found.columns[name].values) for name in measures]
    grouping = found.grouping.only(np.flatnonzero(np.logical_and.reduce(known)))
    draws = min(doubt.uncertainty.draws, max(_LEAST, _AREAS // max(areas, 1)))
    return shuffler(doubt.sample, grouping, doubt.units, draws, doubt.uncertainty.seed)


def _of_values(measures: tuple[str, ...], shuffled: Shuffler | str, doubt: Doubt) -> Test:
    """Compare highest − lowest, of several measures the larger one."""
    if isinstance(shuffled, str):
        return shuffled
    both = [shuffled.values(measure) for measure in measures]
    observed = max(float(np.ptp(actual)) for actual, _ in both)
    spans = [np.nanmax(drawn, axis=1) - np.nanmin(drawn, axis=1) for _, drawn in both]
    return _compared(observed, np.max(spans, axis=0), doubt.uncertainty.alpha)


def _of_curves(
    names: Sequence[str], found: Measures, doubt: Doubt, reference: str | None
) -> dict[str, Test]:
    """Compare gaps of curves through binned scores, in the data as in the shuffles."""
    assert doubt.bins is not None
    count = sum(curve is not None for curve in found.rocs)
    areas = count * (count - 1) // 2 if "abroca" in names else count
    shuffled = _shuffler(("auc",), found, doubt, areas)
    if isinstance(shuffled, str):
        return dict.fromkeys(names, shuffled)
    grouping, bins = shuffled.grouping, doubt.bins
    at = grouping.labels.index(reference) if reference in grouping.labels else None
    table = add_up((bins.term(doubt.sample.true),), grouping)
    observed = _gaps_of_curves(names, table, bins, at)
    null = np.array([_gaps_of_curves(names, each, bins, at) for each in shuffled.tables(bins)])
    alpha = doubt.uncertainty.alpha
    return {
        name: _compared(observed[place], null[:, place], alpha) for place, name in enumerate(names)
    }


def _gaps_of_curves(
    names: Sequence[str], table: Sums, bins: Bins, reference: int | None
) -> list[float]:
    curves = [bins.curve(counts) for counts in table]
    return [_gap_of_curves(gap_rule(name).kind, curves, reference) for name in names]


def _gap_of_curves(kind: str, drawn: Sequence[Roc | None], reference: int | None) -> float:
    curves = [curve for curve in drawn if curve is not None]
    if kind == "difference":
        aucs = [curve.auc for curve in curves]
        return max(aucs) - min(aucs) if aucs else 0.0
    if kind == "pairs":
        return max((abroca(*pair) for pair in combinations(curves, 2)), default=0.0)
    own = None if reference is None else drawn[reference]
    areas = [] if own is None else [abroca(own, each) for each in curves if each is not own]
    return sum(areas) if kind == "sum" else max(areas, default=0.0)


def _compared(observed: float, null: Floats, alpha: float) -> GapTest:
    null = null[~np.isnan(null)]
    larger = int(np.count_nonzero(null >= observed - _ROUNDING))
    return GapTest(
        p=(1 + larger) / (1 + len(null)),
        null_median=float(np.median(null)) if len(null) else 0.0,
        null_high=float(np.quantile(null, 0.95)) if len(null) else 0.0,
        draws=len(null),
        alpha=alpha,
    )


def corrected(gaps: Sequence[Gap]) -> tuple[Gap, ...]:
    """Correct the tests of all gaps of a report for their number, by Holm's method."""
    tests = [gap.test for gap in gaps if gap.test is not None]
    adjusted = iter(holm([test.p for test in tests]))
    return tuple(
        gap
        if gap.test is None
        else replace(gap, test=replace(gap.test, adjusted=next(adjusted), comparisons=len(tests)))
        for gap in gaps
    )


def holm(p: Sequence[float]) -> list[float]:
    """Adjust p-values so that the chance of any false alarm among them is bounded.

    As statsmodels' ``multipletests(method="holm")``, which takes a second to be imported.

    References
    ----------
    S. Holm (1979). A simple sequentially rejective multiple test procedure. Scandinavian
    Journal of Statistics 6, 65–70.
    """
    values = np.asarray(p, dtype=float)
    order = np.argsort(values)
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(stepped, 1)
    return [float(each) for each in adjusted]
