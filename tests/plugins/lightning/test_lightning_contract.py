"""The contract of adapters, with a real Trainer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger

from edversion import Version
from edversion.testing import CheckpointContract, Trained, Training
from edversion_plugins.evaluation import Fairness
from edversion_plugins.lightning import EdVersionCallback, checkpoint_path
from tests.plugins.lightning.boring import Scorer, X, loader, saving, trainer


class Failing(pl.Callback):
    """Raises once all saves are made."""

    def __init__(self, epoch: int, error: BaseException | None) -> None:
        self.epoch, self.error = epoch, error

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch == self.epoch and self.error is not None:
            raise self.error


class TestLightning(CheckpointContract):
    monitor = "val_loss"

    def train(self, training: Training) -> Trained:
        base, callbacks = training.folder.parent / training.folder.name, []
        if training.settings is not None:
            fairness = Fairness("group", min_group=1, bounds=training.bounds)
            more = {"fairness": fairness} if training.groups else {}
            callbacks.append(EdVersionCallback(**training.settings, **more))
        path = max((base / "own" / "saved").glob("*"), default=None, key=_step)
        resumed = path if training.resume else None
        model = Scorer(training.scores, groups=training.groups)
        model.first = 0 if resumed is None else _load(resumed)["epoch"] + 1
        epochs = model.first + len(training.scores)
        # One says what is monitored, the other saves each epoch: as a test of aliases needs it.
        callbacks += [
            Failing(epochs, training.error),
            saving(base, monitor="val_loss", save_top_k=0),
            saving(base, save_top_k=1 if training.rotate else -1, save_on_train_epoch_end=True),
        ]
        fit = trainer(
            base,
            *callbacks,
            epochs=epochs + (training.error is not None),
            logger=CSVLogger(base / "own" / "logs", version=str(resumed is not None)),
            log_every_n_steps=1,
        )
        # Rows in an order of chance: whoever draws a number too changes the training.
        fit.fit(model, loader(shuffle=True), loader(), ckpt_path=resumed)
        history = {name: value.item() for name, value in fit.callback_metrics.items()}
        return Trained(_files(base), repr(history), model(X).tolist())

    def predict(self, version: Version) -> Sequence[float]:
        model = Scorer()
        held = torch.load(checkpoint_path(version), weights_only=True)
        model.load_state_dict(held["state_dict"])
        predicted: list[float] = model(X).tolist()
        return predicted


def _step(path: Path) -> int:
    return int(path.stem.rpartition("=")[2])


def _load(path: Path) -> dict[str, Any]:
    held: dict[str, Any] = torch.load(path, weights_only=True)
    return held


def _files(folder: Path) -> dict[str, object]:
    """Give what is in the files, as text without the folder and without our own key."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        if path.suffix == ".ckpt":
            held = _load(path)
            held.pop("edversion", None)
            text = repr(held)
        else:
            text = path.read_text()
        found[str(path.relative_to(folder))] = text.replace(str(folder), "")
    return found
