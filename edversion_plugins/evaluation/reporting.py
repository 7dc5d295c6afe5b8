"""Put together the report of one attribute: groups, gaps, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from edversion_plugins.evaluation.calibration import reliability
from edversion_plugins.evaluation.columns import Column
from edversion_plugins.evaluation.doubt import Doubt
from edversion_plugins.evaluation.gap_intervals import GapIntervals
from edversion_plugins.evaluation.gaps import Gap, GapTest, pair_areas
from edversion_plugins.evaluation.measures import Measures
from edversion_plugins.evaluation.report import AttributeReport, GroupReport, Measured
from edversion_plugins.evaluation.significance import corrected, gap_tests

__all__ = ["extras", "group_reports", "measured", "with_corrected_tests", "with_doubt"]

_PAIRED = 30
"""Groups up to which the areas of all pairs are told."""


def with_doubt(
    measures: Measures, gaps: Sequence[Gap], doubt: Doubt, reference: str | None
) -> tuple[Measures, tuple[Gap, ...]]:
    """Give measures and gaps their intervals, and gaps their tests."""
    if not measures.grouping.keys:
        return measures, tuple(gaps)
    draws = doubt.resampled(measures.grouping)
    measures = doubt.measures(measures, draws)
    intervals = GapIntervals(measures, draws, doubt)
    tests = gap_tests(gaps, measures, doubt, reference)
    return measures, tuple(_doubted(gap, intervals, tests.get(gap.metric)) for gap in gaps)


def _doubted(gap: Gap, intervals: GapIntervals, test: GapTest | str | None) -> Gap:
    if gap.value is None:
        return gap
    low, high = intervals.of(gap)
    if math.isfinite(low) and math.isfinite(high):
        gap = replace(gap, low=low, high=high)
    if isinstance(test, GapTest):
        return replace(gap, test=test)
    return replace(gap, untested=test)


def with_corrected_tests(attributes: Sequence[AttributeReport]) -> tuple[AttributeReport, ...]:
    """Correct the tests of all attributes for their number."""
    gaps = iter(corrected([gap for each in attributes for gap in each.gaps]))
    return tuple(replace(each, gaps=tuple(next(gaps) for _ in each.gaps)) for each in attributes)


def extras(measures: Measures, doubt: Doubt, least: int) -> dict[str, Any]:
    """Give the areas of all pairs and the calibration curves, where there are scores."""
    labels, found = measures.grouping.labels, dict[str, Any]()
    places = [place for place, curve in enumerate(measures.rocs) if curve is not None]
    if 1 < len(places) <= _PAIRED:
        areas = pair_areas(measures, list(combinations(places, 2)))
        found["areas"] = {(labels[a], labels[b]): area for (a, b), area in areas.items()}
    if doubt.ranking is not None and doubt.sample.is_probability:
        rows = least * _most_rows(doubt)
        z = doubt.uncertainty.z
        found["curves"] = reliability(doubt.ranking, measures.grouping, rows, z)
    return found


def _most_rows(doubt: Doubt) -> int:
    """Give the largest number of rows that one learner has."""
    codes = doubt.units.codes
    return 1 if codes is None else int(np.bincount(codes).max())


def group_reports(measures: Measures) -> tuple[GroupReport, ...]:
    """Turn columns into one report for each group."""
    grouping = measures.grouping
    sizes = grouping.sizes.tolist()
    return tuple(
        GroupReport(
            label=grouping.labels[place],
            slice=",".join(map("=".join, zip(grouping.columns, key, strict=True))),
            n=sizes[place],
            measures={name: measured(column, place) for name, column in measures.columns.items()},
        )
        for place, key in enumerate(grouping.keys)
    )


def measured(column: Column, place: int) -> Measured:
    """Take the measure of one group out of a column."""
    value, n = float(column.values[place]), int(column.n[place])
    if math.isnan(value):
        return Measured(None, n, column.reason)
    if column.low is None or column.high is None:
        return Measured(value, n)
    low, high = float(column.low[place]), float(column.high[place])
    if math.isnan(low) or math.isnan(high):
        return Measured(value, n)
    return Measured(value, n, low=low, high=high, method=column.method)
