"""The contract of adapters, with estimators whose score is scripted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("skops")

from sklearn.base import BaseEstimator

from edversion import Version
from edversion.testing import AdapterContract, Trained, Training
from edversion_plugins.evaluation import Fairness
from edversion_plugins.sklearn import Versioned, load
from edversion_plugins.tracking import Monitor

X = np.linspace(-1.0, 1.0, 20).reshape(-1, 1)
Y = (X.ravel() > 0.1).astype(int)
GROUPS = {"group": ["a", "b"] * 10}


class Scripted(BaseEstimator):  # type: ignore[misc]
    """Splits at the mean of what it saw, and scores as it was told."""

    def __init__(self, told: float = 0.0, place: int = 0) -> None:
        self.told = told
        self.place = place

    def fit(self, X: Any, y: Any = None) -> Scripted:
        self.limit_ = float(np.mean(X)) + 0.05 * self.place
        return self

    def predict(self, X: Any) -> Any:
        return (np.asarray(X).ravel() > self.limit_).astype(int)

    def score(self, X: Any, y: Any = None) -> float:
        return self.told


class TestScikitLearn(AdapterContract):
    monitor = "score"

    def train(self, training: Training) -> Trained:
        history, predictions = [], []
        for place, score in enumerate(training.scores):
            model = self._model(training, Scripted(0.0 if score is None else score, place))
            model.fit(X, Y)
            if training.settings is not None:
                model.evaluate(X, Y, groups=GROUPS if training.groups else None)
            history.append(repr(model.score(X, Y)))
            predictions = model.predict(X).tolist()
        return Trained({}, history, predictions)

    def predict(self, version: Version) -> Sequence[float]:
        kind = f"{Scripted.__module__}.Scripted"
        found: list[float] = load(version, trusted=[kind]).predict(X).tolist()
        return found

    def _model(self, training: Training, estimator: Scripted) -> Any:
        if training.settings is None:
            return estimator
        fairness = Fairness("group", min_group=1, bounds=training.bounds)
        return Versioned(
            estimator,
            monitor=Monitor("score", "min"),
            fairness=fairness if training.groups else None,
            **training.settings,
        )
