"""The other ranks: where rank zero cannot see their shards, each logs its own.

Strategies that shard write one checkpoint as many files, each rank its own. Where all of them
lie in one folder, rank zero logs it, and this rank only looks there once. Where every host
writes to its own disk, each rank adds its part to one draft; nobody waits for anybody. Rank zero
tells its run once, as the fit begins: a broadcast, where the fit itself waits for all ranks too.

Lightning tells nobody but rank zero's loggers of a write, so here the one method that writes is
listened to, on the strategy of this fit. It must be heard before Lightning's own barrier behind
the write: afterwards rank zero may rotate the folder away, and what is not there would look as
if it lay elsewhere. DeepSpeed's folders have no such plan, and are logged as rank zero sees them.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import edversion
from edversion_plugins.lightning.configuration import monitors_of
from edversion_plugins.lightning.contents import Contents
from edversion_plugins.lightning.namespaces import home
from edversion_plugins.lightning.saves import known_paths, last_written
from edversion_plugins.lightning.shards import lies_apart, own_files, own_state, read_part
from edversion_plugins.lightning.tap import attach
from edversion_plugins.tracking import Settings, Tracker
from edversion_plugins.tracking.checkpoints import Part

__all__ = ["Job", "OtherRank", "agree", "current_run"]

_SHARDING = ("FSDPStrategy", "ModelParallelStrategy")


@dataclass(frozen=True, slots=True)
class Job:
    """What all ranks know of one fit.

    Attributes
    ----------
    id : str
        Of this attempt: its parts are not mixed with those of another.
    run, project : str
        Those of rank zero.
    ranks : int
        How many there are.
    """

    id: str
    run: str
    project: str
    ranks: int

    def part(self, rank: int, names: Mapping[str, Path]) -> Part:
        """Say which part of a checkpoint a rank's files are."""
        return Part(self.id, self.run, rank, self.ranks, own_state(names))


def agree(trainer: Any, run: edversion.Run | None) -> Job | None:
    """Let all ranks know of rank zero's run; every rank calls it, as its fit begins.

    None where the strategy writes no shards, or rank zero has no run.
    """
    if trainer.world_size == 1 or not _shards(trainer):
        return None
    ranks = int(trainer.world_size)
    job = None if run is None else Job(secrets.token_hex(8), run.id, run.project, ranks)
    found: Job | None = trainer.strategy.broadcast(job)
    return found


class OtherRank:
    """One fit, on a rank that does not commit: it adds its shards, where they lie apart.

    Parameters
    ----------
    trainer : Trainer
        Who trains.
    settings : Settings
        What the person decided.
    job : Job
        What rank zero said.
    """

    def __init__(self, trainer: Any, settings: Settings, job: Job) -> None:
        self._trainer, self._job, self._rank = trainer, job, int(trainer.global_rank)
        settings = replace(settings, project=job.project)
        self._tracker = Tracker(settings, framework="lightning")
        self._shared: set[Path] = set()  # folders of which rank zero sees all
        self._written: dict[str, Contents] = {}  # what is not logged yet
        self._leave = _around_writes(trainer.strategy, self.check, self._look)
        self._tap = attach(trainer, _ignore, self.end)
        self.error: BaseException | None = None

    def check(self) -> None:
        """Log this rank's part of what the ModelCheckpoints wrote."""
        if self._written:
            with self._tracker.guarded("log a part of a checkpoint"):
                callbacks = self._trainer.checkpoint_callbacks
                known = {path for each in callbacks for path in _paths(each)}
                for path in known.intersection(self._written):
                    self.log(path)

    def log(self, path: str) -> None:
        """Log this rank's part of a checkpoint, if it lies apart from those of the others."""
        rest = self._written.pop(path, None)
        if rest is None:
            return
        with self._tracker.guarded(f"log a part of the checkpoint {path}"):
            tracker, job = self._tracker, self._job
            tracker.start({"rank": self._rank, "of": job.run}, run=current_run(tracker))
            tracker.monitors = monitors_of(self._trainer)
            files = own_files(Path(path), self._rank)
            known = read_part(Path(path), self._rank, rest)
            tracker.checkpoint(
                files,
                step=rest.step or 0,
                identity=None if known is None else known.identity,
                metadata={"kind": rest.kind},
                part=job.part(self._rank, files),
            )

    def end(self) -> None:
        """Log the last part, and end this rank's run, where it has one."""
        self._leave()
        self._tap.detach()
        self.check()
        self._written.clear()
        interrupted = isinstance(self.error, KeyboardInterrupt)
        self._tracker.finish(error=self.error, interrupted=interrupted)

    def _look(self, checkpoint: Mapping[str, Any], path: str) -> None:
        """Look where a checkpoint lies; rank zero cannot rotate it away before this returns."""
        with self._tracker.guarded(f"look at the checkpoint {path}"):
            folder = Path(path)
            if not folder.is_dir() or folder.parent in self._shared:
                return
            if lies_apart(folder, self._rank, self._job.ranks):
                kind = "full" if "callbacks" in checkpoint else "weights only"
                step, epoch = checkpoint.get("global_step"), checkpoint.get("epoch")
                self._written[path] = Contents(step, epoch, kind)
            else:
                self._shared.add(folder.parent)


def current_run(tracker: Tracker) -> edversion.Run | None:
    """Give the run of the block that the Trainer is called in, unless another place is named."""
    run, settings = edversion.current_run(), tracker.settings
    if run is None or settings.store is not None or settings.project not in (None, run.project):
        return None
    return run


def _shards(trainer: Any) -> bool:
    strategies = import_module(f"{home(trainer)}.strategies")
    return isinstance(trainer.strategy, tuple(getattr(strategies, name) for name in _SHARDING))


def _around_writes(
    strategy: Any, before: Callable[[], None], after: Callable[[Mapping[str, Any], str], None]
) -> Callable[[], None]:
    """Hear of each write of one strategy, on this rank; give what undoes it.

    Lightning tells loggers of a write on rank zero alone, and no hook follows it on the others.
    """
    write, own = strategy.save_checkpoint, "save_checkpoint" in vars(strategy)

    @wraps(write)
    def save_checkpoint(checkpoint: Any, filepath: Any, *args: Any, **more: Any) -> Any:
        before()
        given = write(checkpoint, filepath, *args, **more)
        after(checkpoint, os.fspath(filepath))
        return given

    strategy.save_checkpoint = save_checkpoint

    def leave() -> None:
        if vars(strategy).get("save_checkpoint") is save_checkpoint:
            del strategy.save_checkpoint
            if own:  # somebody was here before
                strategy.save_checkpoint = write

    return leave


def _paths(checkpoint_callback: Any) -> list[str]:
    known = known_paths(checkpoint_callback)
    return [*known, last_written(checkpoint_callback)] if known else known


def _ignore(_: Any) -> None:
    """Rank zero hears of writes; this one has heard already."""
