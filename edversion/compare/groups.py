"""Metrics of groups of learners side by side, the worst group marked."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from edversion.compare.columns import difference_columns, repeated
from edversion.compare.direction import is_better
from edversion.compare.metrics import ENGAGEMENT
from edversion.compare.readings import (
    Reading,
    differences,
    measure,
    other_data,
    readings,
)
from edversion.compare.subjects import Subjects
from edversion.compare.words import rounded, sentences
from edversion.model import Cell, Section

__all__ = ["attribute_of", "compare_groups", "worst_of"]

_ATTRIBUTE = re.compile(r"(?:^|,)([^=,]+)=")
_TOLD = 4

Marks = frozenset[tuple[int, int]]
"""Row and version of each value that is the worst of its attribute's groups."""


def compare_groups(subjects: Subjects) -> Section | None:
    """Set the values of each group side by side; None where no group was measured."""
    found = readings(
        subjects, lambda place: bool(place.slice) and not place.key.startswith(ENGAGEMENT)
    )
    if not found:
        return None
    found.sort(key=lambda each: (not each.complete, each.place))
    worst = worst_of(found)
    heads, kinds = difference_columns(subjects.labels)
    rows = tuple(_row(index, each, worst) for index, each in enumerate(found))
    columns = ("metric", "group", "split", "dataset", *subjects.labels, *heads, "better")
    texts = repeated("text", 4)
    every = (*texts, *repeated("measure", len(subjects.labels)), *kinds, *repeated("text", 1))
    note = sentences(*_told(found, worst, subjects.labels), other_data(found, subjects.labels))
    return Section("Groups", columns, rows, note, "groups", every)


def _row(index: int, each: Reading, worst: Marks) -> tuple[Cell, ...]:
    place = each.place
    cells = [
        measure(metric, worst=(index, version) in worst or None)
        for version, metric in enumerate(each.metrics)
    ]
    values = [None if metric is None else metric.value for metric in each.metrics]
    return (
        place.key, place.slice, place.split, place.dataset,
        *cells, *differences(values), each.better or "",
    )  # fmt: skip


def attribute_of(slice: str) -> str:
    """Give the attribute, or attributes, that a group is one of.

    Examples
    --------
    >>> attribute_of("gender=female"), attribute_of("gender=female,age=<20")
    ('gender', 'gender,age')
    """
    return ",".join(_ATTRIBUTE.findall(slice)) or slice


def worst_of(found: Sequence[Reading]) -> Marks:
    """Find, for each version, metric and attribute, the group with the worst value.

    Only where it is known what is better, and where the groups are not all equal.
    """
    families: dict[tuple[str, ...], list[tuple[int, float]]] = defaultdict(list)
    for index, each in enumerate(found):
        if each.better is None:
            continue
        place = each.place
        family = (place.key, place.split, place.dataset, attribute_of(place.slice))
        for version, metric in enumerate(each.metrics):
            if metric is not None:
                families[*family, str(version)].append((index, metric.value))
    marks: set[tuple[int, int]] = set()
    for (*_, version_text), values in families.items():
        lows = _worst(found, values)
        marks |= {(index, int(version_text)) for index in lows}
    return frozenset(marks)


def _worst(found: Sequence[Reading], values: Sequence[tuple[int, float]]) -> list[int]:
    """Give the rows of the worst value; none where all are equal."""
    better = found[values[0][0]].better
    assert better is not None
    numbers = [value for _, value in values]
    worst = min(numbers) if better == "higher" else max(numbers)
    if not any(is_better(value, worst, better) for value in numbers):
        return []
    return [index for index, value in values if value == worst]


def _told(found: Sequence[Reading], worst: Marks, labels: Sequence[str]) -> list[str]:
    """Say which group is worst off, metric by metric."""
    said: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for index, version in sorted(worst, key=lambda mark: (mark[0], mark[1])):
        place, metric = found[index].place, found[index].metrics[version]
        assert metric is not None
        what = (place.key, place.split, place.dataset, attribute_of(place.slice))
        said[what].append(f"{place.slice} in {labels[version]} ({rounded(metric.value)})")
    lines = [f"Worst {what[0]} by {what[3]}: {', '.join(each)}." for what, each in said.items()]
    if len(lines) > _TOLD:
        return [*lines[:_TOLD], f"{len(lines) - _TOLD:,} more are marked."]
    return lines
