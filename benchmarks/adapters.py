"""How long the adapters hold training up, against the framework's own write of a checkpoint."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.files import GIB
from benchmarks.measure import Result, ratio, settle

PARAMETERS, LAYERS = 25_000_000, 24  # 100 MB of weights, 300 MB with the states of Adam
BLOCKING = 0.5
Times = tuple[list[float], list[float]]


def adapters(work: Path, rounds: int) -> list[Result]:
    """The hook after a save / the save, for each framework that is installed."""
    results = []
    for name, train in FRAMEWORKS.items():
        ours, theirs = train(work / name.partition(" ")[0], rounds)
        results.append(ratio(f"{name}: hook / own write", ours, theirs, BLOCKING))
    return results


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


FRAMEWORKS: dict[str, Callable[[Path, int], Times]] = {"Lightning, 300 MB": lightning}


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
