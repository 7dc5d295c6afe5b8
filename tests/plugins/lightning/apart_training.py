"""Run by the tests, one process a rank: ``python -m … FOLDER {here,paths} {ours,plain} [DEATH]``.

With ``paths`` each rank's checkpoints go below a folder of its own, as if it were on another
host: Lightning asks rank zero for every path, and ``Apart`` gives each rank its own answer.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import warnings
from pathlib import Path
from typing import Any, NoReturn

import pytorch_lightning as pl
from pytorch_lightning.strategies import ModelParallelStrategy

import edversion
from tests.plugins.lightning.boring import callback, saving, trainer
from tests.plugins.lightning.distributed_training import FAIRNESS, Sharded, rows

_HOST = re.compile(r"/(own|host\d)/")
RANK = int(os.environ.get("RANK", "0"))


class Monitored(pl.Callback):
    """Logs what our callback would, for a training without it."""

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        pl_module.log("fair/group/accuracy_difference", 0.0, sync_dist=True)


class Apart(ModelParallelStrategy):
    def broadcast(self, obj: Any, src: int = 0) -> Any:
        found = super().broadcast(obj, src)
        if isinstance(found, str | Path):
            return type(found)(_HOST.sub(f"/host{RANK}/", str(found)))
        return found


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def die_in_epoch(strategy: type[ModelParallelStrategy], epoch: int) -> None:
    """Let rank one die in the middle of a save, with rank zero waiting for it."""
    write = strategy.save_checkpoint

    def save_checkpoint(self: Any, checkpoint: Any, filepath: Any, **more: Any) -> None:
        if RANK == 1 and checkpoint["epoch"] == epoch:
            die()
        write(self, checkpoint, filepath, **more)

    strategy.save_checkpoint = save_checkpoint  # type: ignore[method-assign]


def die_sending(count: int) -> None:
    """Let rank one die with its shards written, and its part about to be sent."""
    send, sent = edversion.DistributedPart.send, []

    def dying(self: Any) -> Any:
        sent.append(self)
        if RANK == 1 and len(sent) == count:
            die()
        return send(self)

    edversion.DistributedPart.send = dying  # type: ignore[method-assign]


def main(folder: Path, where: str, who: str, death: str = "", resumed: str | None = None) -> None:
    warnings.simplefilter("ignore")
    kind = Apart if where == "paths" else ModelParallelStrategy
    if death == "write":
        die_in_epoch(kind, 1)
    if death == "send":
        die_sending(2)
    # Lightning compares the path of a last.ckpt with that of the fit before, on each rank.
    saver = saving(
        folder, monitor="fair/group/accuracy_difference", save_top_k=-1, save_last=not resumed
    )
    fit = trainer(
        folder,
        *([callback(folder, fairness=FAIRNESS)] if who == "ours" else [Monitored()]),
        saver,
        epochs=2 if resumed is None else 3,
        devices=2,
        strategy=kind(data_parallel_size=2, tensor_parallel_size=1, process_group_backend="gloo"),
    )
    try:
        fit.fit(Sharded(), rows(), rows(), ckpt_path=resumed)
    except Exception as error:
        sys.stdout.write(f"{type(error).__name__}: {str(error).partition(':')[0]}\n")
        raise


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
