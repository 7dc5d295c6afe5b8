"""What `track` takes, and what it refuses before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import Trainer

import edversion
from edversion.repository import Repository
from edversion_plugins.evaluation import Fairness
from edversion_plugins.huggingface import EdVersionCallback, track
from tests.plugins.huggingface import tiny

NAME = "scorer"


def tracked(made: Trainer, store: str, **more: Any) -> Trainer:
    return track(made, NAME, project="test", store=store, **more)


def test_the_name_of_a_model_on_the_hub_names_a_collection(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    track(tiny.trainer(tmp_path / "own"), "google/bert-base", project="test", store=store).train()
    assert [found.name for found in repository.collections(type="model")] == ["google-bert-base"]
    for wrong in ("a/b/c", "/bert", "google/", "google/bert base"):
        with pytest.raises(edversion.InvalidInputError, match="illegal collection name"):
            tracked_as(wrong, tmp_path, store)


def tracked_as(name: str, tmp_path: Path, store: str) -> Trainer:
    return track(tiny.trainer(tmp_path / "other"), name, project="test", store=store)


def test_a_trainer_is_tracked_once(tmp_path: Path, store: str) -> None:
    made = tracked(tiny.trainer(tmp_path / "own"), store)
    with pytest.raises(edversion.InvalidInputError, match="versioned already"):
        tracked(made, store)
    other = tiny.trainer(tmp_path / "own", callbacks=[EdVersionCallback(NAME, store=store)])
    with pytest.raises(edversion.InvalidInputError, match="versioned already"):
        tracked(other, store)


def test_what_is_no_trainer_is_refused(store: str) -> None:
    with pytest.raises(edversion.InvalidInputError, match=r"track\(Trainer\(model.*BertFor"):
        track(tiny.model(), NAME, store=store)


@pytest.mark.parametrize("how", ["prediction_loss_only", "batch_eval_metrics"])
def test_fairness_needs_predictions(tmp_path: Path, store: str, how: str) -> None:
    made = tiny.trainer(tmp_path / "own", **{how: True})
    with pytest.raises(edversion.InvalidInputError, match="all predictions"):
        tracked(made, store, fairness=Fairness("group"))
