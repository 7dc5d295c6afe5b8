"""What tests of experiments share."""

from __future__ import annotations

from typing import Any

from edversion import assign
from edversion.experiments.experiment import Experiment

DEFINITION: dict[str, Any] = {
    "variants": {"control": "rec:champion", "new": "rec:candidate"},
    "outcomes": {"time_on_task": "mean", "completed": "proportion"},
    "primary": "completed",
    "guardrails": ["time_on_task"],
    "salt": "exp-1",
}
HALVES = {"control": 1.0, "new": 1.0}


def named(variant: str, kind: str = "learner", salt: str = "exp-1") -> str:
    """Give an id that is assigned to a variant."""
    ids = (f"{kind}-{number}" for number in range(1000))
    return next(one for one in ids if assign(one, salt=salt, weights=HALVES) == variant)


def column(experiment: Experiment, table: str, name: str) -> list[Any]:
    return experiment.tables()[table][name]
