"""One fit, on the rank that commits: from its first step to its end, however it ends."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import edversion
from edversion_plugins.evaluation import FairnessReport
from edversion_plugins.lightning.checkpoints import checked, contents_of, find_version
from edversion_plugins.lightning.configuration import configuration, monitors_of, reuse_key
from edversion_plugins.lightning.data import Data
from edversion_plugins.lightning.freshness import Freshness
from edversion_plugins.lightning.ranks import Job, current_run
from edversion_plugins.lightning.saves import Save, Saves, last_written
from edversion_plugins.lightning.shards import lies_apart, own_files, read_part
from edversion_plugins.lightning.tap import Tap, attach
from edversion_plugins.tracking import Tracker
from edversion_plugins.tracking.together import PATIENCE

__all__ = ["Fitting"]

_log = logging.getLogger("edversion.tracking")
_FAIR = "fair/"


class Fitting:
    """Turns what happens during a fit into calls of the tracker.

    Parameters
    ----------
    trainer : Trainer
        Who trains.
    tracker : Tracker
        Who versions.
    freshness : Freshness
        Of the metrics.
    data : mapping
        Data given instead of the loaders', by part.
    """

    def __init__(
        self, trainer: Any, tracker: Tracker, freshness: Freshness, data: Mapping[str, Any]
    ) -> None:
        self._trainer, self._tracker, self._freshness = trainer, tracker, freshness
        self.module = trainer.lightning_module
        self._data = Data(trainer, tracker, data)
        self._saves = Saves(trainer, self._log)
        self._parent: edversion.Version | None = None
        self._tap: Tap | None = None
        self._reused = False
        self.job: Job | None = None  # where every rank writes a part of a checkpoint
        self.error: BaseException | None = None
        self.over = False
        self.last: edversion.Version | None = None

    def begin(self, resume: Mapping[str, Any] | None) -> None:
        """Start or resume the run, version the data, and listen for checkpoints."""
        tracker, trainer = self._tracker, self._trainer
        tracker.monitors = monitors_of(trainer)
        config = configuration(trainer, trainer.lightning_module)
        tracker.start(config, resume=resume, run=current_run(tracker))
        if tracker.run is None:
            return
        if not tracker.monitors:
            _log.info("no ModelCheckpoint has a monitor: no version will be called the best")
        for part in ("train", "val"):
            self._data.record(part)
        with tracker.guarded("find the version that the training goes on from"):
            self._parent = self._find_parent()
        self._tap = attach(trainer, self.saved, self.end)

    def reusable(self) -> edversion.Version | None:
        """Find a model that was trained from equal beginnings, and remember these ones."""
        tracker, trainer = self._tracker, self._trainer
        if not self._data.complete("train") or self._parent is not None:
            if tracker.settings.reuse:
                _log.warning("nothing is reused: the data have no version, or a fit is resumed")
            return None
        with tracker.guarded("describe the code"):
            config = configuration(trainer, trainer.lightning_module)
            data = {name: each.digest for name, each in self._data.versions.items()}
            return tracker.find_reusable(reuse_key(config, trainer.lightning_module, data))
        return None

    def reused(self, version: edversion.Version) -> None:
        """Take a version as what this fit gave; nothing that is saved now is a new one."""
        self.last, self._reused = version, True

    # What happens

    def failed(self, error: BaseException) -> None:
        """Remember what ended the fit: a ModelCheckpoint may still save because of it."""
        self.error = error
        if self._tap is None:  # nobody will tell of the end
            self.end()

    def reloaded(self, part: str) -> None:
        """Version data that the loaders were given anew, or for the first time."""
        if self.job is not None:
            self._tracker.complete()
        if self._trainer.reload_dataloaders_every_n_epochs or not self._data.complete(part):
            self._data.record(part)

    def validated(self, reports: Sequence[FairnessReport]) -> None:
        """Record what a validation measured, for all learners and by group."""
        step = int(self._trainer.global_step)
        found = self._freshness.measured(step, "val")
        own = {name: value for name, value in found.items() if not name.startswith(_FAIR)}
        for split, metrics in self._data.splits("val", own):
            self._tracker.measure(metrics, step=step, split=split)
        for report in reports:
            self._tracker.measure_groups(report, step=step, split="val")

    def saved(self, checkpoint_callback: Any) -> None:
        """Log what a ModelCheckpoint wrote, or is writing."""
        if self._reused:
            return
        with self._tracker.guarded("log a checkpoint"):
            step = int(self._trainer.global_step)
            # The ModelCheckpoint has just read them, on all ranks: nothing waits for a rank here.
            self._freshness.look(self._trainer.callback_metrics, step, "train")
            metrics = self._freshness.measured(step, "train")
            self._tracker.measure(metrics, step=step, split="train")
            self._saves.add(last_written(checkpoint_callback))

    def log(self, path: str) -> edversion.Version | None:
        """Log a checkpoint that no ModelCheckpoint wrote."""
        trainer = self._trainer
        return self._log(Save(path, int(trainer.global_step), int(trainer.current_epoch)))

    def check(self) -> None:
        """Log what an asynchronous writer has finished."""
        with self._tracker.guarded("log a checkpoint"):
            self._saves.check()

    def end(self) -> None:
        """End the run, with what is still being written."""
        if self.over:
            return
        self.over, tracker = True, self._tracker
        if self._tap is not None:
            self._tap.detach()
        with tracker.guarded("log the last checkpoints"):
            self._saves.finish()
            self._log_on_exception()
        if self.job is not None:
            tracker.complete(patience=PATIENCE if self.error is None else 0.0)
        if self.error is None and self.last is None:
            self.last = tracker.version_at(int(self._trainer.global_step))
        interrupted = isinstance(self.error, KeyboardInterrupt)
        tracker.finish(error=self.error, interrupted=interrupted)

    def _log(self, save: Save) -> edversion.Version | None:
        with self._tracker.guarded(f"log the checkpoint {save.path}"):
            try:
                path = checked(save.path)
            except edversion.IntegrityError:
                if self.job is None or not lies_apart(Path(save.path), 0, self.job.ranks):
                    raise
                return self._log_part(Path(save.path), save, self.job)
            known = contents_of(path)
            return self._tracker.checkpoint(
                path,
                step=save.step if known is None or known.step is None else known.step,
                epoch=save.epoch if known is None or known.epoch is None else known.epoch,
                identity=None if known is None else known.identity,
                metadata={} if known is None else {"kind": known.kind},
                resumed_from=self._parent,
            )
        return None

    def _log_part(self, path: Path, save: Save, job: Job) -> edversion.Version | None:
        """Log what lies here of a checkpoint whose other shards lie on other hosts."""
        known, files = read_part(path, 0), own_files(path, 0)
        if known is None:
            raise edversion.IntegrityError(f"{path} lacks what Lightning saves", code="no_rest")
        return self._tracker.checkpoint(
            files,
            step=save.step if known.step is None else known.step,
            epoch=save.epoch if known.epoch is None else known.epoch,
            identity=known.identity,
            metadata={"kind": known.kind},
            resumed_from=self._parent,
            part=job.part(0, files),
        )

    def _log_on_exception(self) -> None:
        """Log what an OnExceptionCheckpoint wrote: it tells no logger."""
        if self.error is None:
            return
        for each in self._trainer.checkpoint_callbacks:
            path = getattr(each, "ckpt_path", None)
            if path is not None:
                self.log(str(path))

    def _find_parent(self) -> edversion.Version | None:
        path, run = self._trainer.ckpt_path, self._tracker.run
        if path is None or run is None:
            return None
        name = self._tracker.settings.name
        return find_version(run.repository, path, name, run.project)
