"""Gaps between groups of learners side by side, and whether they lie within their bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edversion.compare.columns import difference_columns, repeated
from edversion.compare.direction import better_of
from edversion.compare.metrics import FAIRNESS, first_of
from edversion.compare.readings import (
    differences,
    measure,
    other_data,
    readings,
)
from edversion.compare.subjects import Place, Subjects
from edversion.compare.words import listed, sentences
from edversion.model import Cell, Section

__all__ = ["compare_fairness"]

_UNNAMED = "recorded in the metadata"

_Cells = dict[Place, list[dict[str, Any] | None]]


def compare_fairness(subjects: Subjects) -> Section | None:
    """Set the gaps between groups side by side; None where none was measured.

    They come from the metrics ``fair/<attribute>/<gap>`` and, with the groups that they lie
    between or the reason why they could not be measured, from ``metadata.fairness``.
    """
    found = readings(subjects, lambda place: place.key.startswith(FAIRNESS) and not place.slice)
    reports = [_mapping(version.metadata.get("fairness")) for version in subjects.versions]
    cells: _Cells = {each.place: [measure(metric) for metric in each.metrics] for each in found}
    for index, report in enumerate(reports):
        _add(cells, index, report, len(reports))
    if not cells:
        return None
    heads, kinds = difference_columns(subjects.labels)
    rows = sorted((_row(place, each) for place, each in cells.items()), key=_order)
    texts = repeated("text", 4)
    every = (*texts, *repeated("measure", len(subjects.labels)), *kinds, *repeated("text", 1))
    columns = ("attribute", "gap", "split", "dataset", *subjects.labels, *heads, "better")
    labels = subjects.labels
    gaps = [each.sentence(index, labels) for each in found for index in range(1, len(labels))]
    note = sentences(*_bounds(reports, labels), *first_of(gaps), other_data(found, labels))
    return Section("Fairness", columns, tuple(rows), note, "fairness", every)


def _add(cells: _Cells, index: int, report: Mapping[str, Any], count: int) -> None:
    """Put what a version's metadata says into its cells; a new row where there is none."""
    for attribute, known in _mapping(report.get("attributes")).items():
        for gap, said in _mapping(_mapping(known).get("metrics")).items():
            key, told = f"{FAIRNESS}{attribute}/{gap}", _told(_mapping(said))
            rows = [row for place, row in cells.items() if place.key == key and row[index]]
            if not rows:
                cells.setdefault(Place(key, "", _UNNAMED, ""), [None] * count)[index] = told
            for row in rows:
                cell = row[index] or {}
                if cell.get("value") == told.get("value"):  # else it is of other data
                    row[index] = {**told, **cell}


def _told(said: Mapping[str, Any]) -> dict[str, Any]:
    """Give of a gap in the metadata what a cell of measures holds."""
    kept = {key: said[key] for key in ("value", "n", "low", "high", "reason") if key in said}
    between = said.get("between")
    if isinstance(between, Sequence) and not isinstance(between, str) and between:
        kept["between"] = [str(group) for group in between]
    return kept


def _row(place: Place, cells: Sequence[dict[str, Any] | None]) -> tuple[Cell, ...]:
    attribute, _, gap = place.key.removeprefix(FAIRNESS).rpartition("/")
    values = [_number(cell) for cell in cells]
    better = better_of(place.key)
    return (
        attribute, gap, place.split, place.dataset, *cells, *differences(values), better or "",
    )  # fmt: skip


def _order(row: tuple[Cell, ...]) -> tuple[bool, str, str, str, str]:
    complete = None not in row
    return (not complete, str(row[0]), str(row[1]), str(row[2]), str(row[3]))


def _number(cell: Mapping[str, Any] | None) -> float | None:
    value = None if cell is None else cell.get("value")
    return float(value) if isinstance(value, int | float) and value is not True else None


def _bounds(reports: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> list[str]:
    """Say of each version whether it keeps the bounds that it was given.

    A kept bound is no proof of fairness, so the sentence does not say that.
    """
    said = []
    for label, report in zip(labels, reports, strict=True):
        if not report.get("bounds"):
            continue
        failures = [str(each) for each in report.get("failures") or ()]
        if failures:
            said.append(f"{label} does not keep its bounds: {listed(failures)}.")
        elif report.get("passes") is True:
            said.append(f"{label} keeps its bounds.")
        else:
            said.append(f"Whether {label} keeps its bounds could not be told.")
    return said


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
