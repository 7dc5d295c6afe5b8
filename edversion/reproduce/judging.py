"""Set what was measured again beside what was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal, NamedTuple

from edversion.errors import InvalidInputError, NotFoundError
from edversion.model import Metric, RunInfo, Version
from edversion.repository import Repository, open_repository

__all__ = ["Judged", "Place", "judge", "measured", "recorded"]

Outcome = Literal["equal", "within tolerance", "differs", "missing"]


class Place(NamedTuple):
    """Which value it is."""

    key: str
    split: str | None
    slice: str | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A recorded metric, and how it came out.

    Attributes
    ----------
    key : str
        Name of the metric.
    split, slice : str or None
        Part of the data, and group of learners.
    recorded : float
        The value of then.
    reproduced : float or None
        The value of now; None where the command did not give it.
    tolerance : float
        By how much they may differ.
    outcome : {"equal", "within tolerance", "differs", "missing"}
        ``equal`` where they are the same number.
    """

    key: str
    split: str | None
    slice: str | None
    recorded: float
    reproduced: float | None
    tolerance: float
    outcome: Outcome

    @property
    def difference(self) -> float | None:
        """How far apart the two are: the least tolerance at which they are equal."""
        return None if self.reproduced is None else abs(self.reproduced - self.recorded)


def recorded(version: Version, run: RunInfo | None, repository: Repository) -> dict[Place, float]:
    """Give what an evaluation's run measured, of the evaluation and of what it evaluates.

    Raises
    ------
    NotFoundError
        It measured nothing.
    """
    edges = version.ancestors(depth=1).edges
    about = {edge.source.reference for edge in edges if edge.relation == "evaluates"}
    about.add(version.reference)
    logged = () if run is None else repository.catalog.metrics(run=run.id)
    found = _places(each for each in logged if each.version in about)
    if not found:
        raise NotFoundError(
            f"the run that logged {version.reference} recorded no metrics of it; log them with "
            "run.log_metrics(…, version=…)",
            code="no_metrics",
            version=version.reference,
        )
    return found


def measured(store: Path, file: Path) -> dict[Place, float]:
    """Give what the command measured: in the repository it was given, and in its file.

    Raises
    ------
    InvalidInputError
        The file holds something else than metrics.
    """
    with open_repository(store) as repository:
        found = _places(repository.metrics())
    return found | (_read(file) if file.exists() else {})


def _places(metrics: Iterable[Metric]) -> dict[Place, float]:
    """Give values by place; where measured again, the newest."""
    return {Place(each.key, each.split, each.slice): each.value for each in metrics}


def _read(path: Path) -> dict[Place, float]:
    """Read ``{"auc": 0.8, "auc[sex=female]": {"value": 0.7}}``."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise _illegal(path, str(error)) from error
    if not isinstance(content, dict):
        raise _illegal(path, "it is no JSON object")
    return {_place(key): _number(path, key, value) for key, value in content.items()}


def _place(name: str) -> Place:
    key, bracket, group = name.removesuffix("]").partition("[")
    return Place(key, None, group) if bracket and name.endswith("]") else Place(name, None, None)


def _number(path: Path, key: str, value: Any) -> float:
    number = value.get("value") if isinstance(value, dict) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not isfinite(number):
        raise _illegal(path, f"{key!r} is no finite number")
    return float(number)


def _illegal(path: Path, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"{path.name} of EDVERSION_METRICS cannot be read: {why}; write a JSON object such as "
        '{"auc": 0.81, "auc[sex=female]": 0.79}',
        code="illegal_metrics",
        path=str(path),
    )


def judge(
    then: Mapping[Place, float], now: Mapping[Place, float], tolerance: float
) -> tuple[Judged, ...]:
    """Say of each recorded value how it came out.

    A value that does not say its split counts for every split.
    """
    judged = []
    for place, value in then.items():
        again = now.get(place, now.get(place._replace(split=None)))
        outcome = _outcome(value, again, tolerance)
        judged.append(Judged(*place, value, again, tolerance, outcome))
    return tuple(judged)


def _outcome(then: float, now: float | None, tolerance: float) -> Outcome:
    if now is None:
        return "missing"
    if now == then:
        return "equal"
    return "within tolerance" if abs(now - then) <= tolerance else "differs"
