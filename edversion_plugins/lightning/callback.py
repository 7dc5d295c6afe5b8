"""The callback: which of Lightning's hooks means what."""

# ruff: noqa: ARG002 - Lightning says what its hooks are given
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import edversion
from edversion_plugins.evaluation import Fairness, FairnessReport
from edversion_plugins.lightning.configuration import monitors_of
from edversion_plugins.lightning.data import first_loader
from edversion_plugins.lightning.evaluating import Memory, record_evaluation, version_tested
from edversion_plugins.lightning.fairness import Groups
from edversion_plugins.lightning.fitting import Fitting
from edversion_plugins.lightning.freshness import Freshness
from edversion_plugins.lightning.namespaces import callback_class
from edversion_plugins.lightning.ranks import OtherRank, agree
from edversion_plugins.lightning.reusing import Reused, load_version
from edversion_plugins.tracking import Settings, Tracker

__all__ = ["EdVersionCallback"]

_KEY = "edversion"
_PARTS = ("train", "val", "test")


class EdVersionCallback:
    """Version every checkpoint of a Trainer, with its data, scores, groups and lineage.

    Parameters
    ----------
    name : str
        Collection of the model's versions.
    project : str, optional
        Project; else as for `edversion.init`: what is set, the only one there is, ``default``.
    store, catalog : str, optional
        Where the repository is; found as by `edversion.init` where left out.
    fairness : Fairness or sequence of Fairness, optional
        What to measure by group. The validation step returns a mapping: what is true under
        ``y_true`` (or ``target``, ``label``, ``y``), scores under ``y_score`` (``probs``) or
        predictions under ``y_pred`` (``preds``), and ``groups``, a mapping of attributes to
        values; truth and groups may also be keys of the batch. Logged as
        ``fair/<attribute>/<metric>``, so that a ModelCheckpoint can monitor it. Of several
        validation loaders the first counts.
    data : mapping of str to object, optional
        Data for ``train``, ``val`` and ``test``: a reference such as ``scores:v3``, a path, a
        table; else what the loaders hold.
    datasets : {"full", "fingerprint", "off"}
        Whether data are stored, only known by their fingerprint, or not looked at.
    dataset_limit : int
        Bytes; data above it are only known by their fingerprint.
    keep : {"all", "best+latest"} or int
        Which versions of a run stay.
    on_error : {"warn", "raise"}
        Whether trouble with versioning is an `AdapterWarning`, or stops the training.
    aliases, tags : sequence of str
        To set on every version.
    metadata : mapping, optional
        JSON facts for every version.
    reuse : bool
        Whether a model of equal code, data, parameters and libraries is loaded instead of
        trained.

    Raises
    ------
    InvalidInputError
        An argument is wrong.

    Notes
    -----
    What the ModelCheckpoints monitor decides ``best``, and with several monitors each
    ``best-<monitor>``; where none of them monitors anything, what an EarlyStopping monitors.
    A score counts only if it was measured at the checkpoint's own step. ``candidate`` is the
    best within the ``bounds`` of `fairness`.

    Inside ``with edversion.init(...) as run`` the versions are logged by that run: after
    ``run.use_artifact("encoder:v2", relation="derived_from")`` their lineage says what was
    fine-tuned. In a distributed training rank zero commits. Where FSDP or a
    ``ModelParallelStrategy`` write a sharded checkpoint to a disk of each host's own, every rank
    adds its shards to one version, from a run of its own: it is there with the last part. Of a
    DeepSpeed checkpoint rank zero logs what it sees, so its hosts need a shared disk.

    Examples
    --------
    >>> callback = EdVersionCallback("essay-scorer", keep="best+latest", reuse=True)
    >>> callback.settings.name
    'essay-scorer'
    """

    def __new__(cls, *_: Any, **__: Any) -> EdVersionCallback:
        """Make an object of a class that is a ``Callback`` of Lightning as well."""
        return object.__new__(callback_class(cls, needed=True))

    def __init__(
        self,
        name: str,
        *,
        project: str | None = None,
        store: str | None = None,
        catalog: str | None = None,
        fairness: Fairness | Sequence[Fairness] | None = None,
        data: dict[str, Any] | None = None,
        datasets: Literal["full", "fingerprint", "off"] = "full",
        dataset_limit: int = 1 << 30,
        keep: Literal["all", "best+latest"] | int = "all",
        on_error: Literal["warn", "raise"] = "warn",
        aliases: Sequence[str] = (),
        tags: Sequence[str] = (),
        metadata: dict[str, Any] | None = None,
        reuse: bool = False,
    ) -> None:
        settings = Settings(
            name=name, project=project, store=store, catalog=catalog,
            fairness=fairness,  # type: ignore[arg-type]
            datasets=datasets, dataset_limit=dataset_limit, keep=keep, on_error=on_error,
            aliases=aliases, tags=tags,  # type: ignore[arg-type]
            metadata=metadata or {}, reuse=reuse,
        )  # fmt: skip
        self._begin_with(settings, _checked_parts(data))

    def _begin_with(self, settings: Settings, data: dict[str, Any]) -> None:
        self.settings, self._data = settings, data
        self._tracker = Tracker(settings, framework="lightning")
        self._groups = Groups(settings.fairness, self._tracker)
        self._freshness = Freshness()
        self._fits = False  # on every rank
        self._fitting: Fitting | None = None  # on rank zero
        self._other: OtherRank | None = None  # on the others, where each writes shards
        self._resume: dict[str, Any] | None = None  # what the checkpoint loaded knows of its run
        self._memory = Memory()
        self._reports: list[FairnessReport] = []
        self._reused: Reused | None = None  # on every rank

    def __reduce__(self) -> tuple[Any, ...]:
        """Give what a copy in another process needs: it begins like a new one."""
        plain = getattr(type(self), "_plain", type(self))
        return _again, (plain, self.settings, self._data)

    def log_checkpoint(self, path: str | os.PathLike[str]) -> edversion.Version | None:
        """Log a checkpoint that was saved by hand, as with ``trainer.save_checkpoint``.

        Call it while the Trainer fits, on any rank: rank zero logs it. Of a sharded checkpoint
        without a shared disk every rank logs its own part: call it on each of them.

        Parameters
        ----------
        path : path
            The checkpoint.

        Returns
        -------
        Version or None
            None where another rank logs it, where it failed, or is pushed behind training.

        Raises
        ------
        ConflictError
            No fit is under way in this process.
        """
        if self._fitting is not None and self._fitting.over:
            self._over()
        if not self._fits:
            raise edversion.ConflictError(
                "no fit is under way; log a file of another time with run.log_artifact",
                code="no_fit",
            )
        if self._other is not None:
            self._other.log(os.fspath(path))
        return None if self._fitting is None else self._fitting.log(os.fspath(path))

    # A fit

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Forget the checkpoint of a fit that failed before it began, or that was reused."""
        if stage == "fit":
            reused, self._resume, self._reused = self._reused, None, None
            if reused is not None:
                reused.take_back(trainer)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin; not earlier, as some strategies restore a checkpoint after ``on_fit_start``."""
        self._over()
        resume, self._resume = self._resume, None
        if trainer.fast_dev_run:
            return
        self._fits, self._freshness = True, Freshness()
        if trainer.is_global_zero:
            self._fitting = Fitting(trainer, self._tracker, self._freshness, self._data)
            with self._tracker.guarded("begin"):
                self._fitting.begin(resume)
        self._meet(trainer)
        self._reuse(trainer)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Note what the epoch before measured; version data that were loaded anew."""
        self._look(trainer, "train")
        self._check_other()
        if self._fitting is not None:
            self._fitting.reloaded("train")

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log what an asynchronous writer has finished meanwhile."""
        if self._fitting is not None:
            self._fitting.check()
        self._check_other()

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note the step of a value that decides, where it is not one of the validation."""
        if self._fits and any(
            not self._freshness.only_in(monitor.name, "val") for monitor in monitors_of(trainer)
        ):
            self._look(trainer, "train")

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Say where the best of a training is that did not take place."""
        if self._reused is not None:
            self._reused.tell(trainer)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Remember what ended the fit."""
        if self._fitting is not None:
            self._fitting.failed(exception)
        if self._other is not None:
            self._other.error = exception

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Put into a full checkpoint which run it is of: plain texts and numbers."""
        state = self._tracker.state()
        if state:
            checkpoint.setdefault(_KEY, {})[self.settings.name] = state

    def on_load_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Read which run a checkpoint is of, to go on with it."""
        if trainer.state.fn == "fit":
            self._resume = checkpoint.get(_KEY, {}).get(self.settings.name)

    # Validation and test

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Note what was measured before; version data that were not loaded until now."""
        self._look(trainer, "train")
        if self._fitting is not None and not trainer.sanity_checking:
            self._fitting.reloaded("val")

    def on_validation_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:  # fmt: skip
        """Take the learners of a batch; in a sanity check too, to tell early what is missing."""
        if self.settings.fairness and dataloader_idx == 0 and not trainer.fast_dev_run:
            self._groups.add(outputs, batch)

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Measure by group, early enough for a ModelCheckpoint to monitor it."""
        if self.settings.fairness:
            loader = first_loader(trainer.val_dataloaders)
            self._reports = self._groups.measure(trainer, pl_module, loader)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Record what was measured, with the step it was measured at."""
        if trainer.state.fn != "fit":
            self._tested(trainer, pl_module, "val")
            return
        if not self._fits or trainer.sanity_checking:
            return
        self._look(trainer, "val")
        if self._fitting is not None:
            self._fitting.validated(self._reports)

    def on_test_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:  # fmt: skip
        """Take the learners of a batch."""
        self.on_validation_batch_end(trainer, pl_module, outputs, batch, batch_idx, dataloader_idx)

    def on_test_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Measure by group."""
        if self.settings.fairness:
            loader = first_loader(trainer.test_dataloaders)
            self._reports = self._groups.measure(trainer, pl_module, loader)

    def on_test_end(self, trainer: Any, pl_module: Any) -> None:
        """Record what was measured for the version tested."""
        self._tested(trainer, pl_module, "test")

    # Steps of the above

    def _look(self, trainer: Any, split: str) -> None:
        if self._fits and not trainer.sanity_checking:
            self._freshness.look(trainer.callback_metrics, int(trainer.global_step), split)

    def _meet(self, trainer: Any) -> None:
        """Let the ranks that write shards know of rank zero's run."""
        with self._tracker.guarded("tell the other ranks of the run"):
            job = agree(trainer, self._tracker.run)
            if self._fitting is not None:
                self._fitting.job = job
            elif job is not None:
                self._other = OtherRank(trainer, self.settings, job)

    def _check_other(self) -> None:
        if self._other is not None:
            self._other.check()

    def _reuse(self, trainer: Any) -> None:
        """Look for an equal model, on rank zero; load it, on all ranks, where one is wanted."""
        fitting = self._fitting
        version = None if fitting is None else fitting.reusable()
        if not self.settings.reuse:
            return
        with self._tracker.guarded("load the model to reuse"):
            run = None if fitting is None else self._tracker.run
            self._reused = load_version(trainer, None if run is None else run.repository, version)
            if self._reused is not None and fitting is not None and version is not None:
                fitting.reused(version)

    def _tested(self, trainer: Any, pl_module: Any, split: str) -> None:
        if trainer.fast_dev_run or not trainer.is_global_zero:
            return
        self._over()
        with self._tracker.guarded("record an evaluation"):
            if trainer.ckpt_path is not None:
                self._memory.loaded(pl_module, version_tested(trainer, self._tracker))
            version = self._memory.of(pl_module)
            if version is not None:
                record_evaluation(
                    trainer, self._tracker, version, split=split, reports=self._reports,
                    data=self._data, resume=self._memory.run,
                )  # fmt: skip

    def _over(self) -> None:
        """Let go of a fit that has ended; end one whose Trainer did not say so."""
        fitting, self._fitting, self._fits = self._fitting, None, False
        other, self._other = self._other, None
        if other is not None:
            other.end()
        if fitting is None:
            return
        fitting.end()
        state = self._tracker.state() if fitting.error is None else None
        self._memory.trained(fitting.module, fitting.last, state)


def _checked_parts(data: Any) -> dict[str, Any]:
    if data is None:
        return {}
    if not isinstance(data, Mapping) or not set(data) <= set(_PARTS):
        raise edversion.InvalidInputError(
            f"data must be a mapping with the keys {', '.join(_PARTS)}, not {data!r}",
            code="bad_argument",
            argument="data",
        )
    return dict(data)


def _again(plain: type[EdVersionCallback], settings: Settings, data: Any) -> EdVersionCallback:
    """Make a callback of what another one was made of."""
    made = plain.__new__(plain)
    made._begin_with(settings, data)
    return made
