"""Metrics of all learners, and what experiments recorded of their engagement."""

from __future__ import annotations

from collections.abc import Sequence

from edversion.compare.columns import difference_columns, repeated
from edversion.compare.readings import (
    Reading,
    differences,
    measure,
    other_data,
    readings,
)
from edversion.compare.subjects import Place, Subjects
from edversion.compare.words import counted, sentences
from edversion.model import Cell, Section

__all__ = ["ENGAGEMENT", "FAIRNESS", "compare_engagement", "compare_metrics", "first_of", "told"]

FAIRNESS = "fair/"
"""Beginning of the keys of gaps between groups."""

ENGAGEMENT = "engagement/"
"""Beginning of the keys that experiments record of what learners did."""


def compare_metrics(subjects: Subjects) -> Section | None:
    """Set the metrics of all learners side by side; None where nothing was measured."""

    def chosen(place: Place) -> bool:
        return not place.slice and not place.key.startswith((FAIRNESS, ENGAGEMENT))

    found = readings(subjects, chosen)
    return _section("Metrics", "metrics", subjects, found, ()) if found else None


def compare_engagement(subjects: Subjects) -> Section | None:
    """Set side by side what experiments recorded; None where there is nothing."""
    found = readings(subjects, lambda place: place.key.startswith(ENGAGEMENT))
    said = first_of(_differences(found, subjects))
    return _section("Engagement", "engagement", subjects, found, said) if found else None


def _section(
    title: str, name: str, subjects: Subjects, found: Sequence[Reading], said: Sequence[str]
) -> Section:
    heads, kinds = difference_columns(subjects.labels)
    groups = any(each.place.slice for each in found)
    first = ("metric", *(["group"] if groups else []), "split", "dataset")
    rows = tuple(_row(each, groups=groups) for each in found)
    texts = repeated("text", len(first))
    every = (*texts, *repeated("measure", len(subjects.labels)), *kinds, *repeated("text", 1))
    columns = (*first, *subjects.labels, *heads, "better")
    note = sentences(*said, _counts(found), other_data(found, subjects.labels))
    return Section(title, columns, rows, note, name, every)


def _row(each: Reading, *, groups: bool) -> tuple[Cell, ...]:
    place = each.place
    values = [None if metric is None else metric.value for metric in each.metrics]
    return (
        place.key.removeprefix(ENGAGEMENT),
        *([place.slice] if groups else []),
        place.split,
        place.dataset,
        *map(measure, each.metrics),
        *differences(values),
        each.better or "",
    )


def _counts(found: Sequence[Reading]) -> str:
    complete = sum(each.complete for each in found)
    rest = len(found) - complete
    text = f"{counted(complete, 'value')} measured for every version"
    return f"{text}; {rest:,} for some only." if rest else f"{text}."


def told(subjects: Subjects, most: int = 3) -> list[str]:
    """Say in sentences how the metrics of all learners differ from those of the first version.

    Metrics of which it is known what is better come before others, those of test data before
    those of training.
    """
    found = readings(subjects, lambda place: not place.slice and not _elsewhere(place.key))
    found.sort(key=lambda each: (each.better is None, each.place.split != "test"))
    differ = first_of(_differences(found, subjects), most)
    chance = "Whether that is more than chance is told by the pairs below."
    return [
        *(differ or _equal(found)),
        *([chance] if differ and subjects.paired else []),
        *filter(None, [other_data(found, subjects.labels)]),
    ]


def _differences(found: Sequence[Reading], subjects: Subjects) -> list[str]:
    """Say how each version differs from the first one, reading by reading."""
    return [
        each.sentence(index, subjects.labels, paired=subjects.paired)
        for each in found
        for index in range(1, len(subjects.versions))
    ]


def first_of(said: Sequence[str], most: int = 3) -> list[str]:
    """Give the first sentences of many, and say how many more there are."""
    found = list(filter(None, said))
    if len(found) > most:
        return [*found[:most], f"{counted(len(found) - most, 'more difference')} in the table."]
    return found


def _equal(found: Sequence[Reading]) -> list[str]:
    complete = sum(each.complete for each in found)
    if not complete:
        return ["No metric was measured for every version on the same data."] if found else []
    return [f"{counted(complete, 'metric')} measured on the same data: no difference."]


def _elsewhere(key: str) -> bool:
    return key.startswith((FAIRNESS, ENGAGEMENT))
