"""A million rows: the area between ROC curves, and an evaluation with all its intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.metrics import roc_curve

from benchmarks.measure import Result, ratio, result, seconds
from edversion_plugins.evaluation import Fairness, Uncertainty, abroca, roc

ROWS = 1_000_000


def evaluations(_: Path, rounds: int) -> list[Result]:
    """Exact ABROCA against ``roc_curve`` on the same rows; three attributes with 1,000 draws."""
    numbers = np.random.default_rng(7)
    y = (numbers.random(ROWS) < 0.4).astype(int)
    score = 1 / (1 + np.exp(-(numbers.normal(size=ROWS) + y)))
    groups = {
        name: numbers.integers(0, count, ROWS) for name, count in {"a": 2, "b": 3, "c": 5}.items()
    }
    first = groups["a"] == 0
    fairness = Fairness("a", "b", "c")

    def area() -> float:
        curves = [roc(y[rows], score[rows]) for rows in (first, ~first)]
        assert curves[0] is not None
        assert curves[1] is not None
        return abroca(curves[0], curves[1])

    ours, theirs, whole = [], [], []
    for _turn in range(rounds):
        theirs.append(seconds(lambda: roc_curve(y, score)))
        ours.append(seconds(area))
        whole.append(
            seconds(
                lambda: fairness.measure(
                    y, y_score=score, groups=groups, uncertainty=Uncertainty(draws=1000)
                )
            )
        )
    return [
        ratio("1,000,000 rows, exact ABROCA / sklearn roc_curve", ours, theirs, 3.0),
        result("… three attributes, 1,000 draws and shuffles", whole, "s", 10.0),
    ]
