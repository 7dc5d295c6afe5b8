"""How long the adapters hold training up, against the framework's own write of a checkpoint."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.files import GIB
from benchmarks.measure import Result, ratio, result, seconds, settle

PARAMETERS, LAYERS = 25_000_000, 24  # 100 MB of weights, 300 MB with the states of Adam
BLOCKING = 0.5
ROWS, GROUPS, MEASURING = 100_000, 4, 0.2
Times = tuple[list[float], list[float]]


def adapters(work: Path, rounds: int) -> list[Result]:
    """The hook after a save / the save, for each framework; and the groups of an evaluation."""
    results = []
    for place, (name, train) in enumerate(FRAMEWORKS.items()):
        ours, theirs = train(work / str(place), rounds)
        results.append(ratio(f"{name}: hook / own write", ours, theirs, BLOCKING))
    return [*results, groups(rounds)]


def lightning(work: Path, rounds: int) -> Times:
    """A full checkpoint of a model with Adam after every step."""
    import pytorch_lightning as pl
    import torch
    from pytorch_lightning.callbacks import ModelCheckpoint

    from edversion_plugins.lightning import EdVersionCallback
    from edversion_plugins.lightning.tap import Tap

    side = int((PARAMETERS / LAYERS) ** 0.5)

    class Model(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.Sequential(*(torch.nn.Linear(side, side) for _ in range(LAYERS)))

        def training_step(self, batch: Any, _: int) -> Any:
            return self.layers(batch[0]).mean()

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters())

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    data = torch.utils.data.TensorDataset(torch.rand(rounds + 1, side))
    saver = ModelCheckpoint(work / "own", every_n_train_steps=1, save_top_k=1)
    trainer = pl.Trainer(
        max_epochs=1, default_root_dir=work, logger=False, accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False,
        callbacks=[EdVersionCallback("model", store=str(work / "store")), saver],
    )  # fmt: skip
    with (
        warnings.catch_warnings(),
        timed(Tap, "after_save_checkpoint") as ours,
        timed(pl.Trainer, "save_checkpoint") as theirs,
    ):
        warnings.simplefilter("ignore")
        trainer.fit(Model(), torch.utils.data.DataLoader(data))
    return ours[1:], theirs[1:]  # the first time of everything is another thing


def transformers(work: Path, rounds: int) -> Times:
    """A whole checkpoint of a BERT with Adam after every step."""
    import torch
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        Trainer,
        TrainingArguments,
        logging,
    )

    from edversion_plugins.huggingface import EdVersionCallback, track

    layers, width = 8, int((PARAMETERS / (8 * 12)) ** 0.5) // 8 * 8
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    config = BertConfig(
        vocab_size=16, max_position_embeddings=8, hidden_size=width, num_attention_heads=8,
        num_hidden_layers=layers, intermediate_size=4 * width,
    )  # fmt: skip
    rows = [{"input_ids": torch.tensor([1, 2]), "labels": torch.tensor(1)}] * (rounds + 1)
    arguments = TrainingArguments(
        str(work / "own"), num_train_epochs=1, per_device_train_batch_size=1, save_steps=1,
        report_to="none", disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = Trainer(BertForSequenceClassification(config), arguments, train_dataset=rows)
    trainer = track(trainer, "model", store=str(work / "store"))
    with (
        warnings.catch_warnings(),
        timed(EdVersionCallback, "on_save") as ours,
        timed(Trainer, "_save_checkpoint") as theirs,  # has no public name
    ):
        warnings.simplefilter("ignore")
        trainer.train()
    return ours[1:], theirs[1:]


def sklearn(work: Path, rounds: int) -> Times:
    """A forest of 100 trees after every fit; scikit-learn writes nothing itself, skops does."""
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier
    from skops.io import dump

    from edversion_plugins.sklearn import Versioned
    from edversion_plugins.tracking import Tracker

    numbers = np.random.default_rng(7)
    x = numbers.normal(size=(5_000, 20))
    y = (x[:, 0] + numbers.normal(size=len(x)) > 0).astype(int)
    store, theirs = str(work / "store"), []
    work.mkdir(parents=True)
    with warnings.catch_warnings(), timed(Tracker, "checkpoint") as ours:
        warnings.simplefilter("ignore")
        for turn in range(rounds + 1):
            forest = RandomForestClassifier(random_state=turn)
            fitted = Versioned(forest, "model", store=store).fit(x, y)
            settle(GIB)
            theirs.append(seconds(partial(dump, fitted.estimator_, work / f"{turn}.skops")))
    return ours[1:], theirs[1:]


def groups(rounds: int) -> Result:
    """Every metric by group, and every gap with ABROCA, as after a validation."""
    import numpy as np

    from edversion_plugins.evaluation import Fairness

    numbers = np.random.default_rng(7)
    y = (numbers.random(ROWS) < 0.4).astype(int)
    score = 1 / (1 + np.exp(-(numbers.normal(size=ROWS) + y)))
    school = np.array([f"school {each}" for each in range(GROUPS)])
    column = {"school": school[numbers.integers(0, GROUPS, ROWS)]}
    measure = partial(Fairness("school").measure, y, y_score=score, groups=column)
    name = f"{ROWS:,} rows × {GROUPS} groups, all metrics and ABROCA"
    return result(name, [seconds(measure) for _ in range(rounds)], "s", MEASURING)


FRAMEWORKS: dict[str, Callable[[Path, int], Times]] = {
    "Lightning, 300 MB": lightning,
    "Trainer, 300 MB": transformers,
    "scikit-learn, forest": sklearn,
}


@contextmanager
def timed(owner: type, method: str) -> Iterator[list[float]]:
    """Note the seconds of every call of a method."""
    found: list[float] = []
    plain = getattr(owner, method)

    def wrapped(*args: Any, **more: Any) -> Any:
        settle(2 * GIB)
        start = time.perf_counter()
        try:
            return plain(*args, **more)
        finally:
            found.append(time.perf_counter() - start)

    setattr(owner, method, wrapped)
    try:
        yield found
    finally:
        setattr(owner, method, plain)
