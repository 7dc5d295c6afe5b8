"""Folders, identities, names and predictions, apart from any training."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from transformers import EvalPrediction, TrainerState
from transformers.trainer_callback import TrainerControl

import edversion
from edversion_plugins.evaluation import Fairness
from edversion_plugins.huggingface import EdVersionCallback
from edversion_plugins.huggingface.checkpoints import (
    checkpoint_folder,
    files_of,
    identity_of,
    missing_parts,
    step_of,
    was_written_by,
)
from edversion_plugins.huggingface.predictions import columns_of, measure, outcome_of
from edversion_plugins.huggingface.recording import legal_name
from edversion_plugins.huggingface.scores import best_step, monitors_of, prefix_of, scores_in
from edversion_plugins.tracking import Monitor
from tests.plugins.huggingface import tiny


def write(folder: Path, **files: bytes) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return files_of(folder, "resumable")


def state_of(run: str) -> bytes:
    told = {"EdVersionCallback": {"args": {}, "attributes": {"earlier": {"run": run}}}}
    return json.dumps({"global_step": 2, "stateful_callbacks": told}).encode()


# Folders


def test_each_trial_of_a_search_has_its_own_folder(tmp_path: Path) -> None:
    for trial, run in (("run-0", "aa"), ("named", "bb"), ("run-2", "cc")):
        write(tmp_path / trial / "checkpoint-2", trainer_state__json=state_of(run))
    state = TrainerState(global_step=2, is_hyper_param_search=True)
    found = checkpoint_folder(str(tmp_path), state, "bb")
    assert found == tmp_path / "named" / "checkpoint-2"
    with pytest.raises(edversion.NotFoundError, match="run-"):
        files_of(checkpoint_folder(str(tmp_path), state, "dd"), "resumable")


def test_outside_a_search_the_folder_is_known(tmp_path: Path) -> None:
    state = TrainerState(global_step=7)
    assert checkpoint_folder(str(tmp_path), state, "aa") == tmp_path / "checkpoint-7"


def test_a_folder_of_old_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    write(tmp_path, trainer_state__json=state_of("old"))
    assert was_written_by("old", tmp_path)
    assert not was_written_by("new", tmp_path)
    (tmp_path / "checkpoint-is-incomplete.txt").touch()
    assert not was_written_by("old", tmp_path)
    assert not was_written_by("old", tmp_path / "nowhere")


def test_the_step_is_in_the_folders_name() -> None:
    assert step_of("/somewhere/checkpoint-12") == 12
    assert step_of("/somewhere/checkpoint-best") is None
    assert step_of(None) is None


def test_a_model_is_its_weights(tmp_path: Path) -> None:
    first = write(
        tmp_path / "1", model__safetensors=b"w", trainer_state__json=b"1", config__json=b"c"
    )
    later = write(
        tmp_path / "2", model__safetensors=b"w", trainer_state__json=b"2", optimizer__pt=b"o"
    )
    other = write(tmp_path / "3", model__safetensors=b"x", trainer_state__json=b"1")
    assert identity_of(first) == identity_of(later) != identity_of(other)
    assert identity_of(write(tmp_path / "4", training_args__bin=b"a", optimizer__bin=b"o")) is None


def test_the_cut_between_weights_files_counts(tmp_path: Path) -> None:
    one = write(tmp_path / "1", **{"model-1__safetensors": b"ab", "model-2__safetensors": b"c"})
    two = write(tmp_path / "2", **{"model-1__safetensors": b"a", "model-2__safetensors": b"bc"})
    assert identity_of(one) != identity_of(two)


def test_parts_of_other_nodes_are_missed() -> None:
    names = ["model.safetensors", "rng_state_0.pth", "rng_state_2.pth"]
    assert missing_parts(names, 4) == ["rng_state_1.pth", "rng_state_3.pth"]
    assert missing_parts(["rng_state.pth"], 1) == []
    assert missing_parts(["model.safetensors"], 2) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [("a/b", "a-b"), ("./runs/x y", "runs-x-y"), ("/", "model"), ("ä" * 3, "model")],
)
def test_names_become_legal(text: str, name: str) -> None:
    found = legal_name(text)
    edversion.Artifact(found, "model")
    assert found.strip("-") == name.strip("-")


# Scores


def test_the_trainers_choice_counts_where_scores_cannot_tell() -> None:
    history = [{"step": 1, "eval_loss": 0.3}, {"step": 2, "eval_loss": 0.5}]
    monitor = Monitor("eval_loss", "min")

    def chosen(step: int, metric: float) -> int | None:
        where = f"own/checkpoint-{step}"
        state = TrainerState(log_history=history, best_metric=metric, best_model_checkpoint=where)
        return best_step(state, monitor)

    assert chosen(1, 0.3) is None  # the scores say so themselves
    assert chosen(2, 0.5) == 2  # a rule of its own
    assert chosen(2, 0.3) is None  # the score is of a step that was not saved
    assert best_step(TrainerState(log_history=history), monitor) is None


def test_what_decides_is_what_the_arguments_say(tmp_path: Path) -> None:
    args = tiny.arguments(tmp_path, metric_for_best_model="f1")
    assert monitors_of(args) == (Monitor("eval_f1", "max"),)
    assert monitors_of(tiny.arguments(tmp_path)) == (Monitor("eval_loss", "min"),)


def test_times_are_no_scores() -> None:
    metrics = {"test_runtime": 1.0, "test_steps_per_second": 2.0, "test_f1": 0.5, "epoch": 1.0,
               "test_fair_x_abroca": 0.1, "test_fair_x_gap": 0.2}  # fmt: skip
    assert prefix_of(metrics) == "test"
    assert scores_in(metrics, ["test_fair_x_gap"]) == {"test_f1": 0.5, "test_fair_x_gap": 0.2}


# Predictions


def outcome(predictions: Any, labels: Any) -> Any:
    return outcome_of(EvalPrediction(predictions=predictions, label_ids=labels))


def test_two_classes_give_a_probability() -> None:
    found = outcome(np.array([[0.0, 0.0], [0.0, np.log(3)]]), np.array([0, 1]))
    np.testing.assert_allclose(found.score, [0.5, 0.75])
    assert found.predicted is None


def test_many_classes_give_labels() -> None:
    found = outcome((np.eye(3)[[2, 0]], "hidden states"), np.array([2, 1]))
    assert found.predicted.tolist() == [2, 0]
    assert found.score is None


def test_numbers_stay_numbers() -> None:
    found = outcome(np.array([[1.5], [2.0]]), np.array([1.0, 2.5], dtype="f4"))
    assert found.predicted.tolist() == [1.5, 2.0]


def test_scores_of_one_class_become_probabilities() -> None:
    np.testing.assert_allclose(outcome(np.array([0.0, 4.0]), np.array([0, 1])).score[0], 0.5)
    assert outcome(np.array([0.2, 0.9]), np.array([0, 1])).score.tolist() == [0.2, 0.9]
    assert outcome(np.array([1, 0]), np.array([0, 1])).predicted.tolist() == [1, 0]


def test_each_item_of_a_sequence_is_of_its_learner() -> None:
    labels = np.array([[0, 1, -100], [1, -100, -100]])
    logits = np.zeros((2, 3, 2))
    found = outcome(logits, labels)
    assert found.true.tolist() == [0, 1, 1]
    assert found.rows.tolist() == [0, 0, 1]


def test_labels_of_many_kinds_at_once_are_refused() -> None:
    with pytest.raises(edversion.InvalidInputError, match="preprocess_logits_for_metrics"):
        outcome(np.zeros((2, 3)), np.zeros((2, 4)))


def test_columns_come_in_the_datasets_order() -> None:
    frame = tiny.data(rows=3).to_pandas()
    listed = [{"group": name} for name in ("b", "a", "b")]
    hidden = tiny.data(rows=3).with_format("torch", columns=["labels"])
    for each in (tiny.data(rows=3), frame, listed, hidden):
        assert columns_of(each, ["group"]) == {"group": ["b", "a", "b"]}
    with pytest.raises(edversion.InvalidInputError, match="no column 'sex'"):
        columns_of(listed, ["sex"])


def test_a_dropped_batch_is_told() -> None:
    prediction = EvalPrediction(predictions=np.zeros((2, 2)), label_ids=np.array([0, 1]))
    with pytest.raises(edversion.InvalidInputError, match="2 rows were evaluated"):
        measure(Fairness("group"), prediction, tiny.data(rows=3))


def test_the_control_keeps_no_state_of_ours() -> None:
    """Pin what `told_in` tells apart: other callbacks have states too."""
    assert "earlier" not in TrainerControl().state()["attributes"]
    assert not was_written_by("x", Path(str(SimpleNamespace())))


@pytest.mark.parametrize(
    "catalog", ["postgresql://ana:hunter2@host/db", "postgresql://host/db?password=hunter2"]
)
def test_a_checkpoint_takes_no_secret_along(catalog: str) -> None:
    callback = EdVersionCallback("scorer", catalog=catalog, store="/data/store")
    assert "hunter2" not in json.dumps(callback.state())
    assert callback.state()["args"]["store"] == "/data/store"
