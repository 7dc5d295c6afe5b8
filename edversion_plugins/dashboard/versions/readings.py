"""What was measured of versions: for the columns of tables, and for sentences.

The engine's comparison says which values belong together and which group is worst off; a
single version is compared with itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import edversion
from edversion_plugins.dashboard.admission.reach import Reach
from edversion_plugins.reporting.cells import Shown, show
from edversion_plugins.reporting.findings import Findings, Found
from edversion_plugins.reporting.words import number

__all__ = ["Readings", "Worst", "read"]

_PARTS = ("metrics", "groups")
_FIRST = 4
"""Columns of the table of groups that say where a value was measured; then come the versions."""


@dataclass(frozen=True, slots=True)
class Worst:
    """The group that a version does worst for.

    Attributes
    ----------
    metric, group : str
        By which metric, and which group.
    value : float
        Its value.
    n : int or None
        How many it rests on.
    """

    metric: str
    group: str
    value: float
    n: int | None

    @property
    def shown(self) -> Shown:
        """The group as a cell has it."""
        return Shown(self.group, f"{number(self.value)} {self.metric}")


@dataclass(frozen=True)
class Readings:
    """What was measured of versions.

    Attributes
    ----------
    findings : Findings
        Of their comparison.
    """

    findings: Findings

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The metrics of all learners, the plainest first."""
        return tuple(dict.fromkeys(each.metric for each in self.findings.overall))

    def of(self, place: int, key: str) -> Shown:
        """Give a version's value of a metric, as a cell; empty where it was not measured."""
        found = self.found(place, key)
        if found is None:
            return Shown("")
        value = found.values[place]
        assert value is not None
        cell = {"value": value.value, "low": value.low, "high": value.high, "n": value.n}
        return show(cell, "measure")

    def found(self, place: int, key: str) -> Found | None:
        """Give where a version's value of a metric is; None where it was not measured."""
        return next(
            (
                each
                for each in self.findings.overall
                if each.metric == key and each.values[place] is not None
            ),
            None,
        )

    def worst(self, place: int, keys: Sequence[str]) -> Worst | None:
        """Give the group that a version does worst for, by the first metric that says so."""
        marked = [row for row in self.rows if (row[_FIRST + place] or {}).get("worst")]
        for key in keys:
            own = [row for row in marked if row[0] == key]
            if own:
                row = self._worst(place, key, own)
                cell = row[_FIRST + place]
                return Worst(key, str(row[1]), cell["value"], cell.get("n"))
        return None

    def _worst(self, place: int, key: str, rows: Sequence[Sequence[Any]]) -> Sequence[Any]:
        """Choose among the worst groups of several attributes, on the data of the overall value."""
        found = self.found(place, key)
        where = (found.split, found.dataset) if found else tuple(rows[0][2:_FIRST])
        near = [row for row in rows if tuple(each or "" for each in row[2:_FIRST]) == where] or rows
        choose = max if near[0][-1] == "lower" else min
        return choose(near, key=lambda row: float(row[_FIRST + place]["value"]))

    @cached_property
    def rows(self) -> tuple[tuple[Any, ...], ...]:
        """The table of groups: metric, group, split, dataset, and a cell for each version."""
        section = self.findings.comparison.section("groups")
        return () if section is None else section.rows


def read(repository: Reach, versions: Sequence[edversion.Version]) -> Readings:
    """Read what was measured of one version or more."""
    both = versions if len(versions) > 1 else [*versions, *versions]
    return Readings(Findings(repository.compare(*both, only=_PARTS)))
