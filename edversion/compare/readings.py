"""Measured values side by side: one row a place, one cell a version."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edversion.compare.direction import Better, better_of, is_better
from edversion.compare.subjects import Place, Subjects
from edversion.compare.words import listed, rounded
from edversion.model import Cell, Metric

__all__ = ["Reading", "differences", "measure", "other_data", "readings"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one metric came out as for each version, at one place.

    Attributes
    ----------
    place : Place
        The metric, and what it was measured on.
    metrics : tuple of Metric or None
        One for each version; None where it was not measured there.
    better : {"higher", "lower"} or None
        Which values are better, where that is known.
    """

    place: Place
    metrics: tuple[Metric | None, ...]
    better: Better | None

    @property
    def complete(self) -> bool:
        """Whether every version was measured here."""
        return None not in self.metrics

    @property
    def differs(self) -> bool:
        """Whether two versions that were measured here have different values."""
        return len({metric.value for metric in self.metrics if metric is not None}) > 1

    @property
    def where(self) -> str:
        """The split and the dataset, as a sentence has them: ``test, on p/exams:v1``."""
        dataset = f"on {self.place.dataset}" if self.place.dataset else ""
        return ", ".join(filter(None, (self.place.split, dataset)))

    def order(self) -> tuple[bool, bool, Place]:
        """Give what to sort by: values that can be compared first, of these the different ones."""
        return not self.complete, not self.differs, self.place

    def sentence(self, index: int, labels: Sequence[str], *, paired: bool = False) -> str:
        """Say how a version differs from the first one; empty where that cannot be said.

        Where the same samples were compared in pairs, the two intervals are not: they overlap
        also where the pairs tell the versions apart.
        """
        first, other = self.metrics[0], self.metrics[index]
        if first is None or other is None or first.value == other.value:
            return ""
        gap = other.value - first.value
        where = f" ({self.where})" if self.where else ""
        way = "higher" if gap > 0 else "lower"
        text = (
            f"{self.place.key}{where} is {rounded(abs(gap))} {way} in {labels[index]} than in "
            f"{labels[0]}: {rounded(other.value)} against {rounded(first.value)}"
        )
        if self.better is not None:
            good = is_better(other.value, first.value, self.better)
            text += f", which is {'better' if good else 'worse'}"
        return f"{text}{'' if paired else _certainty(first, other)}."


def _certainty(first: Metric, other: Metric) -> str:
    """Say what the intervals tell of a difference; nothing where there are none."""
    bounds = (first.low, first.high, other.low, other.high)
    if None in bounds:
        return "; without intervals nobody can tell whether that is chance"
    low, high, other_low, other_high = map(float, filter(lambda x: x is not None, bounds))  # type: ignore[arg-type]
    if low <= other_high and other_low <= high:
        return "; the intervals overlap, so it may be chance"
    return "; the intervals do not overlap"


def readings(subjects: Subjects, chosen: Callable[[Place], bool]) -> list[Reading]:
    """Give the readings of the places that a function chooses, those that differ first."""
    places = {place for measured in subjects.measured for place in measured if chosen(place)}
    better = {place.key: better_of(place.key, subjects.versions) for place in places}
    found = [
        Reading(
            place, tuple(measured.get(place) for measured in subjects.measured), better[place.key]
        )
        for place in places
    ]
    return sorted(found, key=Reading.order)


def measure(metric: Metric | None, **more: Cell) -> dict[str, Any] | None:
    """Give a cell of the kind ``measure``: the value and what is known of it."""
    if metric is None:
        return None
    known = {"value": metric.value, "n": metric.n, "low": metric.low, "high": metric.high, **more}
    return {key: value for key, value in known.items() if value is not None}


def differences(values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Give each other value less the first one; None where one of them is missing."""
    first, *others = values
    return tuple(None if first is None or other is None else other - first for other in others)


def other_data(found: Iterable[Reading], labels: Sequence[str]) -> str:
    """Say which metrics were measured on different data, and so cannot be compared.

    That is those that two versions have, with the same split and slice, but never at one place.
    """
    seen: dict[tuple[str, str, str], dict[int, list[str]]] = {}
    matched: set[tuple[str, str, str]] = set()
    for each in found:
        what = (each.place.key, each.place.split, each.place.slice)
        where = [index for index, metric in enumerate(each.metrics) if metric is not None]
        if len(where) > 1:
            matched.add(what)
        for index in where:
            seen.setdefault(what, {}).setdefault(index, []).append(each.place.dataset)
    lonely = {what: of for what, of in seen.items() if len(of) > 1 and what not in matched}
    if not lonely:
        return ""
    names = listed(sorted({key for key, _, _ in lonely}))
    data = _datasets(lonely.values(), labels)
    return f"{names} cannot be compared: measured on different data ({data})."


def _datasets(found: Iterable[Mapping[int, list[str]]], labels: Sequence[str]) -> str:
    """Say what each version was measured on."""
    of: dict[int, set[str]] = {}
    for each in found:
        for index, datasets in each.items():
            of.setdefault(index, set()).update(
                name or "data that is not named" for name in datasets
            )
    return "; ".join(f"{labels[index]} on {listed(sorted(of[index]))}" for index in sorted(of))
