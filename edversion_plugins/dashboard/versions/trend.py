"""A metric over the newest versions of a collection: what is drawn, and said in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import edversion
from edversion import InvalidInputError, NotFoundError
from edversion_plugins.dashboard.admission.reach import Reach
from edversion_plugins.dashboard.rendering import counted
from edversion_plugins.reporting.tables import Table, table
from edversion_plugins.reporting.words import capital, number, word_of

__all__ = ["NEWEST", "UNKNOWN_DIRECTION", "Point", "Trend", "cell_of", "rank", "trend_of"]

NEWEST = 60
"""Versions that are drawn, however many there are."""
_CHAMPION = "champion"
UNKNOWN_DIRECTION = "unknown_direction"
"""Code of the error of a metric of which nobody said which values are better."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured of one version.

    Attributes
    ----------
    version : Version
        The version.
    metric : Metric or None
        Its value over all learners; None where it was not measured on the same data.
    worst : Metric or None
        The value of the group that it does worst for, where groups were measured.
    """

    version: edversion.Version
    metric: edversion.Metric | None
    worst: edversion.Metric | None

    @property
    def champion(self) -> bool:
        """Whether it is the champion."""
        return _CHAMPION in self.version.aliases

    @property
    def told(self) -> tuple[str, ...]:
        """What is known of it, in one line or two."""
        name = self.version.version + (f", {_CHAMPION}" if self.champion else "")
        if self.metric is None:
            return (f"{name}: not measured here",)
        likely = ""
        if self.metric.low is not None and self.metric.high is not None:
            likely = f" ({number(self.metric.low)} to {number(self.metric.high)})"
        first = f"{name}: {number(self.metric.value)}{likely}"
        if self.worst is None:
            return (first,)
        group = _short(self.worst.slice or "")
        return first, f"worst for {group}: {number(self.worst.value)}"


@dataclass(frozen=True, slots=True)
class Trend:
    """A metric over versions.

    Attributes
    ----------
    board : Leaderboard
        The same versions, best first.
    points : tuple of Point
        Oldest first.
    ranked : bool
        Whether it is known which values are better.
    count : int
        Versions that the collection has.
    """

    board: edversion.Leaderboard
    points: tuple[Point, ...]
    ranked: bool
    count: int

    @property
    def title(self) -> str:
        """What it shows."""
        return f"{capital(word_of(self.board.metric).name)} by version"

    @property
    def sentences(self) -> Iterator[str]:
        """How to read it."""
        means = word_of(self.board.metric).means
        if means:
            yield f"{capital(means)}."
        if self.ranked:
            yield f"{capital(self.board.better)} is better."
        data = " ".join(filter(None, (self.board.dataset, self.board.split)))
        if data:
            yield f"Measured on {data}."
        if len(self.points) < self.count:
            yield f"Shown are the newest {len(self.points)} of {self.count:,} versions."
        missing = len(self.board.unranked)
        if missing:
            yield f"{counted(missing, 'of them was', 'of them were')} not measured there."

    @property
    def numbers(self) -> Table:
        """The same as a table."""
        columns = [
            ("version", "text"), (self.board.metric, "measure"), ("worst group", "text"),
            ("its value", "measure"), ("aliases", "text"),
        ]  # fmt: skip
        rows = [
            (
                each.version.version,
                cell_of(each.metric) or "not measured",
                each.worst and each.worst.slice,
                cell_of(each.worst),
                ", ".join(each.version.aliases),
            )
            for each in reversed(self.points)
        ]
        return table(f"{self.title}, as numbers, newest first", columns, rows)


def trend_of(repository: Reach, place: str, metric: str, count: int) -> Trend | None:
    """Read a metric of a collection's newest versions; None where two have no value.

    Parameters
    ----------
    place : str
        ``project/collection``.
    count : int
        Versions that the collection has.
    """
    try:
        board, ranked = rank(repository, place, metric, limit=NEWEST)
    except NotFoundError:
        return None
    if len(board.standings) < 2 or not math.isfinite(_size(board)):
        return None
    points = [
        *(Point(each.version, each.metric, each.worst if ranked else None)
          for each in board.standings),
        *(Point(version, None, None) for version in board.unranked),
    ]  # fmt: skip
    points.sort(key=lambda each: each.version.number)
    return Trend(board, tuple(points), ranked, count)


def rank(
    repository: Reach, place: str, metric: str, *, limit: int
) -> tuple[edversion.Leaderboard, bool]:
    """Rank versions, also by a metric of which nobody said what is better; say whether it is."""
    try:
        return repository.leaderboard(place, metric, limit=limit), True
    except InvalidInputError as error:
        if error.code != UNKNOWN_DIRECTION:
            raise
        return repository.leaderboard(place, metric, limit=limit, better="higher"), False


def _size(board: edversion.Leaderboard) -> float:
    """Give how far apart values may be; too far to be drawn where that is no number."""
    measured = [each for standing in board.standings for each in (standing.metric, standing.worst)]
    known = [value for each in measured if each for value in (each.value, each.low, each.high)]
    return 4 * max(abs(value) for value in known if value is not None)


def cell_of(metric: edversion.Metric | None) -> dict[str, float | None] | None:
    """Give a metric as a cell of the kind ``measure``."""
    if metric is None:
        return None
    return {"value": metric.value, "low": metric.low, "high": metric.high, "n": metric.n}


def _short(group: str, longest: int = 28) -> str:
    return group if len(group) <= longest else f"{group[: longest - 1]}…"
