"""Run by the tests in processes of their own: ``python -m … STRATEGY FOLDER [CHECKPOINT]``."""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import torch

from edversion_plugins.evaluation import Fairness
from tests.plugins.lightning.boring import GROUPS, Scorer, X, Y, callback, saving, trainer

FAIRNESS = Fairness("group", metrics=["accuracy_difference"], min_group=1)
SIZE = 15  # two ranks have to begin again with the first row


def samples() -> list[Any]:
    return [{"x": X[i], "y": Y[i], "group": GROUPS[i]} for i in range(SIZE)]


def main(strategy: str, folder: Path, resumed: str | None = None) -> None:
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    saver = saving(folder, monitor="fair/group/accuracy_difference", save_top_k=-1, save_last=True)
    fit = trainer(
        folder,
        callback(folder, fairness=FAIRNESS),
        saver,
        epochs=2 if resumed is None else 3,
        devices=2,
        strategy=strategy_of(strategy),
    )
    model = Sharded() if strategy == "fsdp2" else OfMappings()
    fit.fit(model, rows(), rows(), ckpt_path=resumed)


def rows() -> Any:
    return torch.utils.data.DataLoader(samples(), batch_size=4)  # type: ignore[arg-type]


def strategy_of(name: str) -> Any:
    if name != "fsdp2":
        return name
    from pytorch_lightning.strategies import ModelParallelStrategy

    return ModelParallelStrategy(
        data_parallel_size=2, tensor_parallel_size=1, process_group_backend="gloo"
    )


class OfMappings(Scorer):
    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        return super().training_step((batch["x"], batch["y"]), index)

    def validation_step(self, batch: Any, index: int) -> Any:
        return {"probs": self(batch["x"])}


class Sharded(OfMappings):
    def configure_model(self) -> None:
        from torch.distributed.fsdp import fully_shard

        fully_shard(self.layer, mesh=self.device_mesh["data_parallel"])


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
