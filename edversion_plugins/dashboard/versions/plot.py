"""Where the marks of a plot stand: across in percent, so that it fits any width; down in pixels.

The server draws it in a millisecond, without what draws pictures of a comparison: the page of a
collection comes up far more often, and each new version would have it drawn again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from edversion_plugins.dashboard.versions.trend import Point, Trend
from edversion_plugins.reporting.words import number

__all__ = ["Mark", "Plot"]

_TOP, _BOTTOM, _HEIGHT = 52, 218, 244
_TICKS = 4
_THIN = 1e-9
"""Half of the smallest range that is drawn."""
_NAMED = 3
"""Versions that are named below: the oldest, the newest, and one between."""
_ALL_NAMED = 6
"""So few have room for all of their names."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One version in the plot.

    Attributes
    ----------
    point : Point
        What was measured of it.
    x : float
        Percent across.
    y, low, high, worst : float or None
        Pixels down: its value, the interval, and the value of its worst group.
    """

    point: Point
    x: float
    y: float | None
    low: float | None
    high: float | None
    worst: float | None


@dataclass(frozen=True)
class Plot:
    """A trend, drawn.

    Attributes
    ----------
    trend : Trend
        What it shows.
    """

    trend: Trend
    top: int = _TOP
    bottom: int = _BOTTOM
    height: int = _HEIGHT

    @property
    def step(self) -> float:
        """Percent of the width that one version has."""
        return 100 / len(self.trend.points)

    @cached_property
    def marks(self) -> tuple[Mark, ...]:
        """Every version, oldest first."""
        return tuple(self._mark(place, point) for place, point in enumerate(self.trend.points))

    @property
    def overall(self) -> Iterator[tuple[float, float, float, float]]:
        """Lines between the values over all learners."""
        return _lines([(each.x, each.y) for each in self.marks if each.y is not None])

    @property
    def groups(self) -> Iterator[tuple[float, float, float, float]]:
        """Lines between the values of the worst groups."""
        return _lines([(each.x, each.worst) for each in self.marks if each.worst is not None])

    @property
    def sure(self) -> bool:
        """Whether there is an interval."""
        return any(each.low is not None for each in self.marks)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Heights of the lines across, with what they say."""
        low, high = self._range
        step = _step(high - low)
        first, last = math.ceil(low / step), math.floor(high / step)
        digits = max(0, -math.floor(math.log10(step)))
        return [
            (self._down(place * step), _text(place * step, digits))
            for place in range(first, last + 1)
        ]

    @property
    def named(self) -> list[Mark]:
        """Versions that are named below, each once."""
        if len(self.marks) <= _ALL_NAMED:
            return list(self.marks)
        last = len(self.marks) - 1
        places = sorted({round(last * part / (_NAMED - 1)) for part in range(_NAMED)})
        return [self.marks[place] for place in places]

    def _mark(self, place: int, point: Point) -> Mark:
        metric, worst = point.metric, point.worst
        return Mark(
            point,
            round((place + 0.5) * self.step, 3),
            None if metric is None else self._down(metric.value),
            None if metric is None or metric.low is None else self._down(metric.low),
            None if metric is None or metric.high is None else self._down(metric.high),
            None if worst is None else self._down(worst.value),
        )

    def _down(self, value: float) -> float:
        low, high = self._range
        return round(_BOTTOM - (value - low) / (high - low) * (_BOTTOM - _TOP), 2)

    @cached_property
    def _range(self) -> tuple[float, float]:
        """Give the lowest and highest value that fits, with a little air."""
        values = [
            value
            for mark in self.trend.points
            for value in (
                *((mark.metric.value, mark.metric.low, mark.metric.high) if mark.metric else ()),
                mark.worst and mark.worst.value,
            )
            if value is not None
        ]
        low, high = min(values), max(values)
        size = max(abs(low), abs(high))
        air = (high - low) * 0.06 if high - low > size * 1e-9 else size * 0.1
        return low - max(air, _THIN), high + max(air, _THIN)


def _lines(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float, float, float]]:
    return ((*one, *two) for one, two in pairwise(points))


def _step(span: float) -> float:
    """Give a round distance of ticks: 1, 2 or 5 of some power of ten."""
    power = 10.0 ** math.floor(math.log10(span / _TICKS))
    return next(part * power for part in (1, 2, 5, 10) if span / (part * power) <= _TICKS)


def _text(value: float, digits: int) -> str:
    if abs(value) >= 1000 or digits > 5:
        return number(value)
    return f"{value:.{digits}f}".replace("-", "−")
