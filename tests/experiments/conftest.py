"""A school with two versions of a recommender, a key, and an experiment that compares them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edversion.artifact import Artifact
from edversion.experiments.experiment import Experiment
from edversion.repository import Repository, open_repository
from edversion.starting import start_run

from .makers import DEFINITION


def logged(repository: Repository, *contents: bytes) -> None:
    with start_run(repository, project="school") as run:
        for content in contents:
            draft = Artifact("rec", type="model")
            draft.add_bytes(content, "model.bin")
            run.log_artifact(draft)


@pytest.fixture
def school(tmp_path: Path) -> Iterator[Repository]:
    with open_repository(tmp_path / "store", create=True, project="school") as repository:
        logged(repository, b"old", b"new")
        repository.set_alias("rec:v0", "champion")
        repository.set_alias("rec:v1", "candidate")
        repository.create_experiment_key()
        yield repository


@pytest.fixture
def running(school: Repository) -> Iterator[Experiment]:
    with school.experiment("rec-test", **DEFINITION) as experiment:
        yield experiment.start()


@pytest.fixture
def classes(school: Repository) -> Any:
    """Make running experiments on classes, by the rule for learners who change theirs."""

    def make(rule: str, **more: Any) -> Experiment:
        given = DEFINITION | {"cluster": "classroom", "consistency": rule} | more
        return school.experiment(f"by-{rule}", **given).start()

    return make
