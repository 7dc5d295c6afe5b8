"""A million rows: the area between ROC curves, evaluations, and two of them compared."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_curve

import edversion
from benchmarks.measure import Result, ratio, result, seconds
from edversion_plugins.evaluation import Fairness, Uncertainty, abroca, evaluate, roc

ROWS = 1_000_000
_LEARNERS = 100_000


def evaluations(work: Path, rounds: int) -> list[Result]:
    """Measure a million rows, and compare two evaluations of so many."""
    return [*_measuring(rounds), *_comparing(work, rounds)]


def _measuring(rounds: int) -> list[Result]:
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


def _comparing(work: Path, rounds: int) -> list[Result]:
    """Two models by their evaluations, of a million rows and three group columns: time, memory.

    Each comparison is a process of its own, which reads what it compares and keeps nothing.
    """
    alone = _compared(work / "rows", rounds, cluster=None)
    learners = np.arange(ROWS) % _LEARNERS
    several = _compared(work / "learners", rounds, cluster=learners)
    return [
        result("two evaluations of 1,000,000 rows compared, 1,000 draws", alone[0], "s", 10.0),
        result("… peak memory", alone[1], "GB", 2.0),
        result(f"the same, of {_LEARNERS:,} learners with ten rows each", several[0], "s", 10.0),
        result("… peak memory", several[1], "GB", 2.0),
    ]


def _compared(
    store: Path, rounds: int, *, cluster: np.ndarray | None
) -> tuple[list[float], list[float]]:
    """Log a model twice, evaluate both on the same rows, and compare the evaluations."""
    numbers = np.random.default_rng(7)
    y = (numbers.random(ROWS) < 0.4).astype(int)
    groups = {
        name: numbers.integers(0, count, ROWS) for name, count in {"a": 2, "b": 3, "c": 5}.items()
    }
    with edversion.init("bench", store=store) as run:
        for noise in (1.1, 1.0):
            draft = edversion.Artifact("net", type="model")
            draft.add_bytes(str(noise).encode(), "weights")
            score = 1 / (1 + np.exp(-(noise * numbers.normal(size=ROWS) + y)))
            evaluate(
                run.log_artifact(draft), y_true=y, y_score=score, groups=groups,
                sample_id=np.arange(ROWS), cluster=cluster, draws=1000, run=run,
            )  # fmt: skip
    command = [sys.executable, "-m", "benchmarks.compare_two", str(store), "net"]
    told = [
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        for _ in range(rounds)
    ]
    return [float(took) for took, _ in told], [float(peak) for _, peak in told]
