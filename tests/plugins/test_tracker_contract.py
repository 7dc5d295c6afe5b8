"""The contract of adapters, passed by the smallest framework there is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edversion import Version
from edversion.testing import CheckpointContract, Trained, Training
from edversion_plugins.evaluation import Fairness
from edversion_plugins.tracking import Monitor, Settings, Tracker

_X = np.linspace(-1.0, 1.0, 20)
_Y = (_X > 0.1).astype(int)
_GROUPS = {"group": ["a", "b"] * 10}


class Loop:
    """Steps of one weight, saved and measured after each; knows nothing of versions."""

    def __init__(self, training: Training, tracker: Tracker | None) -> None:
        self.training, self.tracker = training, tracker
        self.weight, self.step = 0.0, 0
        self.saved: list[Path] = []
        self.history: list[tuple[int, str]] = []

    def run(self) -> None:
        self.training.folder.mkdir(parents=True, exist_ok=True)
        held = self._restored() if self.training.resume else {}
        parent = self._started(held)
        for score in self.training.scores:
            self.step += 1
            self.weight += 0.25 * self.step
            self._measured(score)
            self._saved(parent)
        if self.training.error is not None:
            raise self.training.error

    def predict(self) -> list[float]:
        return [float(each) for each in self.weight * _X]

    def _restored(self) -> dict[str, Any]:
        newest = max(self.training.folder.glob("*.json"), key=lambda path: int(path.stem))
        held: dict[str, Any] = json.loads(newest.read_text())
        self.weight, self.step = held["weight"], held["step"]
        return held

    def _started(self, held: dict[str, Any]) -> Version | None:
        if self.tracker is None:
            return None
        self.tracker.start({"rate": 0.25}, resume=held.get("edversion"))
        self.tracker.dataset(_X, "trained_on", split="train")
        self.tracker.dataset(_Y, "evaluated_on", split="val")
        return self.tracker.version_at(self.step) if held else None

    def _measured(self, score: float | None) -> None:
        self.history.append((self.step, repr(score)))
        if self.tracker is None or score is None:
            return
        self.tracker.measure({"loss": score}, step=self.step, split="val")
        for fairness in self.tracker.settings.fairness:
            report = fairness.measure(_Y, (self.weight * _X > 0.1).astype(int), groups=_GROUPS)
            self.tracker.measure_groups(report, step=self.step, split="val")

    def _saved(self, parent: Version | None) -> None:
        path = self.training.folder / f"{self.step}.json"
        held: dict[str, Any] = {"weight": self.weight, "step": self.step}
        if self.tracker is not None:
            held["edversion"] = self.tracker.state()
        path.write_text(json.dumps(held))
        self.saved.append(path)
        for _ in range(2 if self.tracker else 0):  # frameworks tell of one save twice
            assert self.tracker is not None
            self.tracker.checkpoint(
                path, step=self.step, identity=repr(self.weight), resumed_from=parent
            )
        if self.training.rotate:
            for old in self.saved[:-1]:
                old.unlink(missing_ok=True)


class TestTheSmallestFramework(CheckpointContract):
    monitor = "loss"

    def train(self, training: Training) -> Trained:
        tracker = None
        if training.settings is not None:
            fairness = Fairness("group", min_group=1, bounds=training.bounds)
            settings = Settings(**training.settings, fairness=fairness if training.groups else ())
            tracker = Tracker(settings, framework="loop", monitors=[Monitor("loss", "min")])
        loop = Loop(training, tracker)
        try:
            loop.run()
        except BaseException as error:
            if tracker is not None:
                tracker.finish(error=error)
            raise
        if tracker is not None:
            tracker.finish()
        return Trained(_files(training.folder), loop.history, loop.predict())

    def predict(self, version: Version) -> Sequence[float]:
        weight = json.loads(version.read_bytes("model.json"))["weight"]
        return [float(each) for each in weight * _X]


def _files(folder: Path) -> dict[str, object]:
    found = {path.name: json.loads(path.read_text()) for path in folder.iterdir()}
    for held in found.values():
        held.pop("edversion", None)
    return dict(found)
