"""Serving speed: what `serve` costs, and how many exposures four processes get into a catalog.

The second is from the first exposure to the last row, however long a buffer would hold it. Both
databases wait for the disk with each commit; the server is on the same machine, so all of them
share its processors.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median

from benchmarks.measure import Result, result, seconds
from edversion.artifact import Artifact
from edversion.experiments.experiment import Experiment
from edversion.repository import Repository, open_repository
from edversion.starting import start_run
from edversion.testing.postgres import postgres_server

_PROCESSES, _LEARNERS, _EACH = 4, 10_000, 5
_EXPOSURES = _PROCESSES * _LEARNERS * _EACH
_SECONDS = 300
_SERVE, _HELD = 50, 1_000_000 / 20_000  # µs


def experiments(work: Path, rounds: int) -> list[Result]:
    """Measure both, in SQLite and in PostgreSQL; fail where an exposure is lost."""
    os.environ["XDG_CONFIG_HOME"] = str(work / "config")
    results = []
    with postgres_server() as server, server.database(empty=True) as name:
        server.make_durable()
        for place, url in (("SQLite", None), ("PostgreSQL", server.url(name))):
            with open_repository(work / place, url, create=True, project="bench") as repository:
                _define(repository)
                first, again = _served(repository, rounds)
                held = [_together(repository, url, turn) for turn in range(rounds)]
            note = f"{1_000_000 / median(held):,.0f} exposures a second"
            results += [
                result(f"{place}: serve, a learner's first", first, "µs", _SERVE),
                result(f"{place}: serve, again", again, "µs", _SERVE),
                result(f"{place}: exposures by 4 processes, each", held, "µs", _HELD, note),
            ]
    return results


def _define(repository: Repository) -> None:
    with start_run(repository, project="bench") as run:
        for content in (b"old", b"new"):
            draft = Artifact("rec", type="model")
            draft.add_bytes(content, "model.bin")
            run.log_artifact(draft)
    repository.create_experiment_key()


def _started(repository: Repository, name: str) -> Experiment:
    variants = {"control": "rec:v0", "new": "rec:v1"}
    return repository.experiment(name, variants=variants, outcomes={"completed": "mean"}).start()


def _served(repository: Repository, rounds: int) -> tuple[list[float], list[float]]:
    """Give the microseconds of a call: for learners that are new to the process, and known."""
    first, again = [], []
    with _started(repository, "alone") as experiment:
        experiment.serve("the first call of all")
        for turn in range(rounds):
            learners = [f"{turn}-{number}" for number in range(_LEARNERS)]
            for times in (first, again):
                times.append(median(_timed(experiment, learners)))
    return first, again


def _timed(experiment: Experiment, learners: list[str]) -> list[float]:
    found, clock = [], time.perf_counter
    for learner in learners:
        begun = clock()
        experiment.serve(learner)
        found.append((clock() - begun) * 1_000_000)
    return found


def _together(repository: Repository, url: str | None, turn: int) -> float:
    """Give the microseconds that each exposure takes, from all processes together."""
    name = f"together-{turn}"
    experiment = _started(repository, name)
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Barrier(_PROCESSES + 1)
    wish = (repository.location.store, url, name)
    workers = [
        spawn.Process(target=_work, args=(wish, number, ready)) for number in range(_PROCESSES)
    ]
    for worker in workers:
        worker.start()
    ready.wait(_SECONDS)
    took = seconds(lambda: [worker.join(_SECONDS) for worker in workers])
    assert [worker.exitcode for worker in workers] == [0] * _PROCESSES
    counts = experiment.counts()
    assert sum(counts["exposures"].values()) == _EXPOSURES, counts
    assert sum(counts["units"].values()) == _PROCESSES * _LEARNERS, counts
    return took * 1_000_000 / _EXPOSURES


def _work(wish: tuple[str, str | None, str], worker: int, ready: Barrier) -> None:
    """Serve as fast as it goes, once all are there; end when every row is written."""
    store, url, name = wish
    with open_repository(store, url, project="bench").experiment(name) as experiment:
        experiment.pseudonym("what a first call opens is open by then")
        ready.wait(_SECONDS)
        for turn in range(_EACH):
            for learner in range(_LEARNERS):
                experiment.serve(f"{worker}-{learner}", request=f"{worker}-{turn}-{learner}")
