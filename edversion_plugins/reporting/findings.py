"""What the sections of a comparison say, by metric and group."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import edversion

__all__ = ["Findings", "Found", "Value", "attribute_of", "labels_of"]

_PAIR = re.compile(r"(?:^|,)([^=,]+)=")
_ORDER = (
    "accuracy", "auc", "macro_recall", "balanced_accuracy", "f1", "tpr", "selection_rate", "fpr",
    "rmse", "mae", "log_loss",
)  # fmt: skip
"""Metrics that a reader without code understands soonest."""


@dataclass(frozen=True, slots=True)
class Value:
    """One measured value.

    Attributes
    ----------
    value : float
        The value.
    low, high : float or None
        Its interval, where there is one.
    n : int or None
        Number of rows that it rests on.
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None

    @property
    def sure(self) -> bool:
        """Whether there is an interval."""
        return self.low is not None and self.high is not None

    def apart(self, other: Value) -> bool | None:
        """Say whether two intervals do not touch; None where one is missing."""
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return None
        return self.high < other.low or other.high < self.low


@dataclass(frozen=True, slots=True)
class Found:
    """A row of measured values: one metric of one group, one value for each version.

    Attributes
    ----------
    metric, group, split, dataset, better : str
        Empty where not known; `group` is empty for all learners.
    values : tuple of Value or None
        In the order of the versions.
    """

    metric: str
    group: str
    split: str
    dataset: str
    better: str
    values: tuple[Value | None, ...]

    @property
    def complete(self) -> bool:
        """Whether every version has a value."""
        return None not in self.values

    def order(self) -> tuple[bool, bool, int, bool]:
        """Give what to sort by: the row that says most to most readers comes first."""
        rank = _ORDER.index(self.metric) if self.metric in _ORDER else len(_ORDER)
        return not self.complete, self.split not in ("", "test"), rank, not self.better


@dataclass(frozen=True)
class Findings:
    """A comparison, read by metric and group.

    Attributes
    ----------
    comparison : Comparison
        What was compared.
    evaluations : sequence of Evaluation
        Of the versions, where there are some.
    """

    comparison: edversion.Comparison
    evaluations: Sequence[Any] = ()

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The shortest names that tell the versions apart, as the sections' columns have them."""
        return labels_of(self.comparison.versions)

    @cached_property
    def overall(self) -> list[Found]:
        """The metrics of all learners, the plainest first."""
        return sorted(self._rows("metrics"), key=Found.order)

    @cached_property
    def grouped(self) -> list[Found]:
        """The metrics of groups; in the order of the section."""
        return self._rows("groups")

    @cached_property
    def headline(self) -> Found | None:
        """The metric that the first sentence tells; None where nothing was measured."""
        return self.overall[0] if self.overall else None

    def by_attribute(self, like: Found) -> dict[str, list[Found]]:
        """Give the groups' values of one metric, measured on the same data, by attribute."""
        found: dict[str, list[Found]] = {}
        for each in self.grouped:
            if (each.metric, each.split, each.dataset) == (like.metric, like.split, like.dataset):
                found.setdefault(attribute_of(each.group), []).append(each)
        return found

    def plainest(self, most: int) -> list[Found]:
        """Give one row for each of the metrics, the plainest ones, that groups have values of."""
        seen: dict[str, Found] = {}
        for each in sorted(self.grouped, key=Found.order):
            seen.setdefault(each.metric, each)
        return list(seen.values())[:most]

    @cached_property
    def learners(self) -> str:
        """What the rows of the evaluations are."""
        several = any(each.content.get("learners") is not None for each in self.evaluations)
        return "predictions" if several else "learners"

    def label_of(self, evaluation: Any) -> str:
        """Give the name of the version that an evaluation is of."""
        about = (str(evaluation.content["model"]["reference"]), evaluation.version.reference)
        for version, label in zip(self.comparison.versions, self.labels, strict=True):
            if version.reference in about:
                return label
        return about[0]

    def name_of(self, evaluation: Any) -> str:
        """Name an evaluation by its version, and by itself where the version has several."""
        label = self.label_of(evaluation)
        several = sum(self.label_of(each) == label for each in self.evaluations) > 1
        return f"{label} in {evaluation.version.reference}" if several else label

    def evaluation_of(self, index: int, like: Found) -> Any | None:
        """Give the evaluation of a version on the data that a row was measured on."""
        for each in self.evaluations:
            data = each.content.get("dataset") or {}
            on = (each.content.get("split") or "", data.get("reference") or "")
            if self.label_of(each) == self.labels[index] and on == (like.split, like.dataset):
                return each
        return None

    def _rows(self, name: str) -> list[Found]:
        section = self.comparison.section(name)
        if section is None:
            return []
        rows = (dict(zip(section.columns, row, strict=True)) for row in section.rows)
        return [self._row(row) for row in rows]

    def _row(self, row: Mapping[str, Any]) -> Found:
        texts = {
            key: str(row.get(key) or "")
            for key in ("metric", "group", "split", "dataset", "better")
        }
        return Found(**texts, values=tuple(_value(row.get(label)) for label in self.labels))


def _value(cell: Any) -> Value | None:
    if not isinstance(cell, Mapping) or cell.get("value") is None:
        return None
    return Value(cell["value"], cell.get("low"), cell.get("high"), cell.get("n"))


def labels_of(versions: Sequence[edversion.Version]) -> tuple[str, ...]:
    """Give each version the shortest name that tells it from the others."""
    if len({(version.project, version.name) for version in versions}) == 1:
        return tuple(version.version for version in versions)
    if len({version.project for version in versions}) == 1:
        return tuple(f"{version.name}:{version.version}" for version in versions)
    return tuple(version.reference for version in versions)


def attribute_of(group: str) -> str:
    """Give the attribute, or attributes, that a group is one of.

    Examples
    --------
    >>> attribute_of("gender=female"), attribute_of("gender=female,age=<20")
    ('gender', 'gender × age')
    """
    return " × ".join(_PAIR.findall(group)) or group
