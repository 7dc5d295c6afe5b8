"""A tracker to test with, and checkpoints whose content is a text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion_plugins.evaluation import Fairness, FairnessReport
from edversion_plugins.tracking import Monitor, Settings, Tracker

__all__ = ["FAIR", "LOSS", "Desk", "desk", "report", "score"]

LOSS = Monitor("loss", "min")
FAIR = Fairness("g", min_group=1, bounds={"accuracy_difference": 0.3})


def report(*, fair: bool) -> FairnessReport:
    """Give a report that passes the bounds of `FAIR`, or one that does not."""
    predicted = [0, 1, 0, 1] if fair else [0, 1, 1, 0]
    return FAIR.measure([0, 1, 0, 1], predicted, groups={"g": list("aabb")})


class Desk:
    """Makes trackers on one repository, and looks at what they left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = str(folder / "store")

    def tracker(self, *monitors: Monitor, **settings: Any) -> Tracker:
        """Give a tracker that was not started."""
        given: dict[str, Any] = {"name": "scorer", "project": "test", "store": self.store}
        return Tracker(Settings(**given | settings), framework="own", monitors=monitors or (LOSS,))

    def started(self, *monitors: Monitor, **settings: Any) -> Tracker:
        """Give a tracker whose run is under way."""
        tracker = self.tracker(*monitors, **settings)
        tracker.start({"rate": 0.1})
        assert tracker.run is not None
        return tracker

    def save(
        self, tracker: Tracker, step: int, content: str | None = None, **more: Any
    ) -> edversion.Version | None:
        """Write a checkpoint, log it, and let the framework remove it at once."""
        path = self.folder / "checkpoint.bin"
        path.write_text(f"weights of step {step}" if content is None else content)
        try:
            return tracker.checkpoint(path, step=step, **more)
        finally:
            path.unlink()

    def aliases(self) -> dict[str, int]:
        """Give the step that each alias points at."""
        with edversion.open(self.store, project="test") as repository:
            found: dict[str, int] = {}
            for version in repository.versions("scorer"):
                step = version.metadata["step"]
                assert isinstance(step, int)
                found |= dict.fromkeys(version.aliases, step)
            return found

    def steps(self) -> list[Any]:
        """Give the steps of all versions, sorted."""
        with edversion.open(self.store, project="test") as repository:
            return sorted(each.metadata["step"] for each in repository.versions("scorer"))  # type: ignore[type-var]

    def version(self, reference: str) -> edversion.Version:
        """Give a version as it is recorded now; its files cannot be read."""
        with edversion.open(self.store, project="test") as repository:
            return repository.version(reference)

    def rows(self, reference: str) -> list[tuple[str, float, str | None, str | None]]:
        """Give the metrics of a version: key, value, split, slice."""
        with edversion.open(self.store, project="test") as repository:
            return [(m.key, m.value, m.split, m.slice) for m in repository.metrics(reference)]

    def notes(self) -> list[Any]:
        """Give the lines in the records of all runs, newest first."""
        with edversion.open(self.store) as repository:
            return [event.after for event in repository.events() if event.action == "run.noted"]

    def runs(self) -> tuple[edversion.RunInfo, ...]:
        """Give all runs, newest first."""
        with edversion.open(self.store) as repository:
            return repository.runs()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Give a desk in a fresh folder."""
    return Desk(tmp_path)


def score(version: edversion.Version, monitor: str = "loss") -> Mapping[str, Any]:
    """Give what a version's metadata says of a score."""
    scores = version.metadata["scores"]
    assert isinstance(scores, Mapping)
    found = scores[monitor]
    assert isinstance(found, Mapping)
    return found
