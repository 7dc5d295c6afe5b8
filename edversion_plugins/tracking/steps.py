"""What is known of each training step: what was measured at it, and the versions logged of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edversion_plugins.tracking.scores import Score, finite
from edversion_plugins.tracking.settings import Monitor

if TYPE_CHECKING:
    from edversion_plugins.evaluation import FairnessReport

__all__ = ["Measurement", "Step", "Steps", "numbers_in"]

_REMEMBERED = 1000
RowKey = tuple[str, str | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Measurement:
    """Values that were measured together.

    Attributes
    ----------
    values : mapping
        A number by name, or a mapping with ``value``, ``n``, ``low`` and ``high``.
    split : str or None
        Part of the data.
    data : str or None
        Reference of the dataset version.
    slice : str or None
        Group of learners.
    """

    values: Mapping[str, Any]
    split: str | None = None
    data: str | None = None
    slice: str | None = None

    def key(self, name: str) -> RowKey:
        """Say which row of metrics one of the values is."""
        return name, self.split, self.data, self.slice


@dataclass(slots=True)
class Step:
    """One training step.

    Attributes
    ----------
    rows : dict
        What was measured, by metric, split, data and slice; the newest value of each.
    reports : dict
        Fairness reports by the attributes that they are about.
    versions : dict
        Versions logged of this step by reference, each with the rows that it has already.
    """

    rows: dict[RowKey, Any] = field(default_factory=dict)
    reports: dict[tuple[str, ...], FairnessReport] = field(default_factory=dict)
    versions: dict[str, dict[RowKey, Any]] = field(default_factory=dict)

    def add(self, measured: Measurement) -> None:
        """Remember values; a value that is not finite is no row."""
        for name, value in measured.values.items():
            self.rows[measured.key(name)] = value

    def scores(self, monitors: Iterable[Monitor], step: int) -> dict[str, Any]:
        """Give the scores of monitors at this step, as they stand in metadata."""
        modes = {monitor.name: monitor.mode for monitor in monitors}
        return {
            name: Score(_number(value), modes[name], step, data).as_json()
            for (name, _, data, group), value in self.rows.items()
            if name in modes and group is None
        }

    def tags(self) -> list[str]:
        """Give the tags of what was measured by group."""
        return list(dict.fromkeys(tag for each in self.reports.values() for tag in each.tags()))

    def missing(self, version: str | None) -> list[Measurement]:
        """Give the finite values that a version, or a run without one, has no row for yet."""
        written = {} if version is None else self.versions.get(version, {})
        fresh: dict[tuple[str | None, str | None, str | None], dict[str, Any]] = {}
        for key, value in self.rows.items():
            number = _number(value)
            if number is not None and written.get(key) != number:
                fresh.setdefault(key[1:], {})[key[0]] = value
        return [Measurement(values, *where) for where, values in fresh.items()]

    def wrote(self, version: str, measured: Measurement) -> None:
        """Note that a version has rows now."""
        for name, value in measured.values.items():
            self.versions[version][measured.key(name)] = _number(value)


class Steps:
    """The steps of a run; the oldest are forgotten once there are very many."""

    def __init__(self) -> None:
        self._steps: dict[int, Step] = {}
        self._last: tuple[int, str] | None = None

    def __getitem__(self, step: int) -> Step:
        return self._steps.setdefault(step, Step())

    def join(self, step: int, version: str) -> Step:
        """Note a version of a step."""
        found = self[step]
        found.versions.setdefault(version, {})
        if self._last is None or step >= self._last[0]:
            self._last = step, version
        return found

    def versions(self, step: int) -> tuple[str, ...]:
        """Give the references of the versions logged of a step, oldest first."""
        found = self._steps.get(step)
        return () if found is None else tuple(found.versions)

    @property
    def last(self) -> str | None:
        """The reference of the newest version of the highest step that has one."""
        return None if self._last is None else self._last[1]

    def forget(self, *, all: bool = False) -> list[tuple[int, Step]]:
        """Forget all steps, or the older half of too many; give those without a version."""
        if not all and len(self._steps) <= _REMEMBERED:
            return []
        order = sorted(self._steps)
        gone = [(step, self._steps.pop(step)) for step in order[: None if all else len(order) // 2]]
        return [(step, known) for step, known in gone if known.rows and not known.versions]


def numbers_in(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Give the values that are numbers, as Python floats; mappings with a value as they are.

    Taken now: a framework may go on counting in the same tensor.
    """
    found: dict[str, Any] = {}
    for name, value in metrics.items():
        try:
            found[str(name)] = dict(value) if isinstance(value, Mapping) else float(value)
        except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor of many numbers
            continue
    return found


def _number(value: Any) -> float | None:
    return finite(value["value"] if isinstance(value, Mapping) else value)
