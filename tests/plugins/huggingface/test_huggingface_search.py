"""Searches for hyper-parameters: each trial is a run of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import Trainer
from transformers.trainer_utils import HPSearchBackend

import edversion
from edversion.repository import Repository
from edversion_plugins.evaluation import Fairness
from edversion_plugins.huggingface import EdVersionCallback, track
from tests.plugins.huggingface import tiny

NAME = "scorer"
EACH_STEP = {"eval_strategy": "steps", "eval_steps": 1}


def tracked(made: Trainer, store: str, **more: Any) -> Trainer:
    return track(made, NAME, project="test", store=store, **more)


def test_the_objective_of_a_search_stays_what_it_was(tmp_path: Path, store: str) -> None:
    made = tiny.trainer(tmp_path / "own")
    asked: dict[str, Any] = {}
    made.hyperparameter_search = lambda space, objective, **more: asked.update(  # type: ignore[method-assign, assignment]
        objective=objective, **more
    )
    tracked(made, store, fairness=Fairness("group", min_group=1))
    made.hyperparameter_search(n_trials=3)
    metrics = {"eval_loss": 0.5, "eval_accuracy": 0.75, "eval_fair_group_abroca": 0.25}
    assert asked["objective"](metrics) == 0.75
    assert asked["n_trials"] == 3


class Trial(dict):  # type: ignore[type-arg]
    """A trial of a search, without the library that searches."""

    def __init__(self, number: int, **params: float) -> None:
        super().__init__(params)
        self.number, self.params = number, params


@pytest.mark.parametrize("alone", [True, False], ids=["callback", "track"])
def test_each_trial_of_a_search_is_a_run(
    tmp_path: Path,
    store: str,
    repository: Repository,
    alone: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("transformers.integrations.hp_params", dict)  # what optuna's would give
    monkeypatch.setattr("transformers.trainer.hp_params", dict, raising=False)  # in 4.48
    watching = [EdVersionCallback(NAME, project="test", store=store)] if alone else []
    made = tiny.trainer(tmp_path / "own", callbacks=watching, max_steps=2)
    made = made if alone else tracked(made, store)
    made.hp_search_backend = HPSearchBackend.OPTUNA
    made.hp_space = dict
    with edversion.init("test", store=store):  # joined by trainings, but not by trials
        for number, rate in enumerate((0.01, 0.5)):
            made.train(trial=Trial(number, learning_rate=rate))
    runs = [run for run in repository.runs(project="test") if "trial" in run.config]
    assert {run.config["trial"]["learning_rate"] for run in runs} == {0.01, 0.5}  # type: ignore[index,call-overload]
    versions = repository.versions(NAME)
    assert {each.metadata["run"] for each in versions} == {run.id for run in runs}
    for version in versions:
        rate = version.metadata["config"]["training"]["learning_rate"]  # type: ignore[index,call-overload]
        number = 0 if rate == 0.01 else 1
        folder = tmp_path / "own" / f"run-{number}" / f"checkpoint-{version.metadata['step']}"
        assert (
            version.read_bytes("model.safetensors") == (folder / "model.safetensors").read_bytes()
        )


@pytest.mark.slow
def test_a_search_by_optuna(tmp_path: Path, store: str, repository: Repository) -> None:
    made = tracked(
        tiny.trainer(tmp_path / "own", max_steps=1, **EACH_STEP),
        store,
        fairness=Fairness("group", min_group=1),
    )
    made.model_init = lambda: tiny.model()  # noqa: PLW0108 - it must take no argument
    best = made.hyperparameter_search(
        hp_space=lambda trial: {"learning_rate": trial.suggest_float("learning_rate", 0.1, 0.5)},
        n_trials=2,
        backend="optuna",
    )
    assert len(repository.runs(project="test")) == 2
    losses = [
        each.metadata["scores"]["eval_loss"]["value"]  # type: ignore[index,call-overload]
        for each in repository.versions(NAME)
    ]
    assert best.objective == pytest.approx(min(losses))
