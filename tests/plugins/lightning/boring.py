"""A model of three weights, and a Trainer that writes nothing but what a test asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader, TensorDataset

import edversion
from edversion_plugins.lightning import EdVersionCallback

X = torch.linspace(-1, 1, 32).reshape(16, 2)
Y = (X.sum(dim=1) > 0.3).float()
GROUPS = ["a", "b"] * 8
BATCH = 8
NAME, PROJECT = "scorer", "test"


def loader(dataset: Any = None, *, shuffle: bool = False) -> DataLoader[Any]:
    data = TensorDataset(X, Y) if dataset is None else dataset
    return DataLoader(data, batch_size=BATCH, shuffle=shuffle)


class Scorer(pl.LightningModule):
    """Logistic regression; its val_loss is scripted by epoch, None logging none."""

    def __init__(
        self, scores: Sequence[float | None] = (), rate: float = 0.5, groups: bool = False
    ) -> None:
        super().__init__()
        self.save_hyperparameters("rate")
        self.scores, self.groups, self.first = scores, groups, 0
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.layer(x)[:, 0])

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        loss = torch.nn.functional.binary_cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss, on_step=True, on_epoch=False)
        return loss

    def validation_step(self, batch: Any, index: int) -> Any:
        return self._evaluate("val", batch, index)

    def test_step(self, batch: Any, index: int) -> Any:
        return self._evaluate("test", batch, index)

    def _evaluate(self, split: str, batch: Any, index: int) -> Any:
        probability = self(batch[0])
        loss = torch.nn.functional.binary_cross_entropy(probability, batch[1])
        place = self.current_epoch - self.first
        score = self.scores[place] if place < len(self.scores) else loss
        if score is not None:
            self.log(f"{split}_loss", score)
        if not self.groups:
            return None
        groups = {"group": GROUPS[index * BATCH : index * BATCH + len(batch[1])]}
        return {"y_true": batch[1], "y_score": probability, "groups": groups}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.hparams["rate"], momentum=0.9)


def callback(folder: Path, **more: Any) -> EdVersionCallback:
    settings = {"project": PROJECT, "store": str(folder / "store"), **more}
    return EdVersionCallback(settings.pop("name", NAME), **settings)


def trainer(folder: Path, *callbacks: Any, epochs: int = 3, **more: Any) -> pl.Trainer:
    options: dict[str, Any] = {
        "default_root_dir": folder / "own",
        "max_epochs": epochs,
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        **more,
    }
    return pl.Trainer(callbacks=list(callbacks), **options)


def saving(folder: Path, **more: Any) -> ModelCheckpoint:
    return ModelCheckpoint(dirpath=folder / "own" / "saved", **more)


def versions(folder: Path, name: str = NAME) -> list[edversion.Version]:
    """Give the versions logged; their repository stays open, so that they can be read."""
    repository = edversion.open(folder / "store", project=PROJECT)
    return sorted(repository.versions(name), key=lambda each: each.number)
