"""The contract of adapters, passed by the Trainer of transformers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from transformers import BertForSequenceClassification, Trainer, TrainerCallback

from edversion import Version
from edversion.testing import CheckpointContract, Trained, Training
from edversion_plugins.evaluation import Fairness
from edversion_plugins.huggingface import track
from tests.plugins.huggingface import tiny


class Script(TrainerCallback):
    """Evaluates where the test has a score, and raises where it has an error."""

    def __init__(self, training: Training, began: int) -> None:
        self.training, self.began = training, began

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        done = state.global_step - self.began
        if done == len(self.training.scores) and self.training.error is not None:
            raise self.training.error

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        score = self.training.scores[state.global_step - self.began - 1]
        control.should_evaluate = score is not None
        return control


class TestTransformers(CheckpointContract):
    monitor = "eval_score"

    def train(self, training: Training) -> Trained:
        began = _last_step(training.folder) if training.resume else 0
        made = _trainer(training, began)
        if training.settings is not None:
            fairness = Fairness("group", min_group=1, bounds=training.bounds)
            made = track(made, **training.settings, fairness=fairness if training.groups else None)
        made.train(resume_from_checkpoint=training.resume or None)
        files = tiny.files_in(training.folder)
        return Trained(files, tiny.history_of(made), tiny.logits(made.model))

    def predict(self, version: Version) -> Sequence[float]:
        with tempfile.TemporaryDirectory() as folder:
            path = version.download(folder)
            return tiny.logits(BertForSequenceClassification.from_pretrained(path))


def _trainer(training: Training, began: int) -> Trainer:
    scores: Iterator[float] = (score for score in training.scores if score is not None)
    return tiny.trainer(
        training.folder,
        callbacks=[Script(training, began)],
        compute_metrics=lambda _: {"score": next(scores)},
        max_steps=began + len(training.scores) + (training.error is not None),
        metric_for_best_model="score",
        greater_is_better=False,
        save_total_limit=1 if training.rotate else None,
    )


def _last_step(folder: Path) -> int:
    return max(int(path.name.split("-")[1]) for path in folder.glob("checkpoint-*"))
