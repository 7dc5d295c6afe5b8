"""Intervals of gaps, from resamples that all groups share."""

from __future__ import annotations

import math

import numpy as np

from edversion_plugins.evaluation.arrays import Floats
from edversion_plugins.evaluation.columns import Column
from edversion_plugins.evaluation.curves import Roc, abroca
from edversion_plugins.evaluation.doubt import Doubt
from edversion_plugins.evaluation.gaps import AREAS, Gap, gap_rule
from edversion_plugins.evaluation.intervals import percentiles, reflected, squared_and_added
from edversion_plugins.evaluation.measures import Measures
from edversion_plugins.evaluation.sums import add_up

__all__ = ["GapIntervals"]

_NONE = math.nan, math.nan
Curves = list[Roc | None]


class GapIntervals:
    """Intervals of the gaps of one attribute.

    Parameters
    ----------
    found : Measures
        The measures of the groups, with intervals.
    draws : dict of str to ndarray of shape (n_draws, n_groups)
        What `Doubt.resampled` gave.
    doubt : Doubt
        Where the resamples are.
    """

    def __init__(self, found: Measures, draws: dict[str, Floats], doubt: Doubt) -> None:
        self._found, self._draws, self._doubt = found, draws, doubt
        self._level = doubt.uncertainty.level
        self._drawn: dict[tuple[int, ...], tuple[Curves, list[Curves]]] = {}

    def of(self, gap: Gap) -> tuple[float, float]:
        """Give the interval of a gap between the groups that it was found between; NaN for none.

        Of a difference or ratio the percentiles between these groups, in whatever direction
        they differ in a resample; of a worst group that group's own; of an area the reflected
        ones.
        """
        assert gap.measure is not None
        assert gap.value is not None
        kind = gap_rule(gap.metric).kind
        places = tuple(map(self._found.grouping.labels.index, gap.between))
        column = self._found.columns[gap.measure]
        if kind == "worst":
            return _ends(column, places[0])
        if kind in AREAS:
            return self._area(gap.value, places)
        of_auc = gap.measure == "auc"
        values = self._aucs(places) if of_auc else self._draws[gap.measure][:, places]
        if kind == "ratio":
            return _ratio(values, self._level)
        return _difference(values, column, places, self._level)

    def _aucs(self, places: tuple[int, ...]) -> Floats:
        """Give AUCs in every resample, moved by what the bins leave out."""
        binned, drawn = self._curves(places)
        exact = self._found.columns["auc"].values[list(places)]
        return np.array([_areas_under(each) for each in drawn]) + (exact - _areas_under(binned))

    def _area(self, value: float, places: tuple[int, ...]) -> tuple[float, float]:
        """Give the interval of the area between the first group's curve and the others'."""
        binned, drawn = self._curves(places)
        areas = np.array([_between(each) for each in drawn])
        known = areas[~np.isnan(areas)]
        if not known.size or np.ptp(known) == 0:
            return _NONE  # two perfect curves in every resample: nothing says how sure that is
        return reflected(value, areas + (value - _between(binned)), self._level)

    def _curves(self, places: tuple[int, ...]) -> tuple[Curves, list[Curves]]:
        """Draw the curves of some groups through binned scores: as they are, and resampled."""
        if places not in self._drawn:
            bins = self._doubt.bins
            assert bins is not None
            terms = (bins.term(self._doubt.sample.true),)
            rising = np.sort(places)
            at = np.searchsorted(rising, places)
            grouping = self._found.grouping.only(rising)
            table = add_up(terms, grouping)[at]
            tables = self._doubt.resampler.sums(terms, grouping)[:, at]
            drawn = [[bins.curve(counts) for counts in each] for each in tables]
            self._drawn[places] = [bins.curve(counts) for counts in table], drawn
        return self._drawn[places]


def _ends(column: Column, place: int) -> tuple[float, float]:
    assert column.low is not None
    assert column.high is not None
    return float(column.low[place]), float(column.high[place])


def _difference(
    values: Floats, column: Column, places: tuple[int, ...], level: float
) -> tuple[float, float]:
    apart = values[:, 1] - values[:, 0]
    known = apart[~np.isnan(apart)]
    if known.size and np.ptp(known) == 0:
        low, high = ((float(column.values[at]), *_ends(column, at)) for at in places)
        return squared_and_added(low, high)
    return _one(apart, level)


def _ratio(values: Floats, level: float) -> tuple[float, float]:
    part = np.full(len(values), np.nan)
    np.divide(values[:, 0], values[:, 1], out=part, where=values[:, 1] > 0)
    known = part[~np.isnan(part)]
    return _one(part, level) if known.size and np.ptp(known) > 0 else _NONE


def _one(values: Floats, level: float) -> tuple[float, float]:
    low, high = percentiles(values[:, None], level)
    return float(low[0]), float(high[0])


def _areas_under(curves: Curves) -> Floats:
    return np.array([math.nan if curve is None else curve.auc for curve in curves])


def _between(curves: Curves) -> float:
    known = [curve for curve in curves if curve is not None]
    if len(known) < len(curves):
        return math.nan
    return sum(abroca(known[0], other) for other in known[1:])
