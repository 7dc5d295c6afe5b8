"""``trainer.validate`` and ``trainer.test``: what they measure goes to the version tested."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import edversion
from edversion_plugins.evaluation import FairnessReport
from edversion_plugins.lightning.checkpoints import find_version
from edversion_plugins.lightning.configuration import configuration
from edversion_plugins.lightning.data import Data
from edversion_plugins.tracking import Tracker

__all__ = ["Memory", "record_evaluation", "version_tested"]

_log = logging.getLogger("edversion.tracking")


class Memory:
    """Which version the weights in memory are, as far as that is known.

    Attributes
    ----------
    run : mapping or None
        State of the run that trained them, if that ended well.
    """

    def __init__(self) -> None:
        self._module: Callable[[], Any] = _nobody
        self._version: edversion.Version | None = None
        self.run: Mapping[str, Any] | None = None

    def trained(
        self, module: Any, version: edversion.Version | None, run: Mapping[str, Any] | None
    ) -> None:
        """Note what a fit left in memory."""
        self.loaded(module, version)
        self.run = run

    def loaded(self, module: Any, version: edversion.Version | None) -> None:
        """Note what a checkpoint brought into memory."""
        self._module, self._version = weakref.ref(module), version

    def of(self, module: Any) -> edversion.Version | None:
        """Give the version that a module's weights are; None where that is not known."""
        return self._version if self._module() is module else None


def version_tested(trainer: Any, tracker: Tracker) -> edversion.Version | None:
    """Find the version of the checkpoint that a Trainer has loaded; None where there is none."""
    settings = tracker.settings
    with tracker.guarded("find the version that is tested"):
        try:
            repository = edversion.open(settings.store, settings.catalog, project=settings.project)
        except edversion.NotFoundError:
            return None
        with repository:
            return find_version(repository, trainer.ckpt_path, settings.name, settings.project)
    return None


def record_evaluation(
    trainer: Any,
    tracker: Tracker,
    version: edversion.Version,
    *,
    split: str,
    reports: Sequence[FairnessReport] = (),
    data: Mapping[str, Any],
    resume: Mapping[str, Any] | None,
) -> None:
    """Record what was measured for one version, in its run or in one of its own.

    Parameters
    ----------
    trainer : Trainer
        Who measured.
    tracker : Tracker
        Not started.
    version : Version
        What was measured.
    split : {"val", "test"}
        On which part of the data.
    reports : sequence of FairnessReport
        What was measured by group.
    data : mapping
        Data given instead of the loaders'.
    resume : mapping, optional
        The run that trained, if this callback did.
    """
    tracker.start(configuration(trainer, trainer.lightning_module), resume=resume)
    run = tracker.run
    if run is None:
        return
    error: BaseException | None = None
    try:
        known = Data(trainer, tracker, data)
        known.record(split, for_all=False)
        with tracker.guarded(f"record the evaluation of {version.reference}"):
            if all(each.id != run.id for each in version.logged_by()):
                run.use_artifact(version, relation="evaluates")  # its own run made it
            for dataset in known.versions.values():
                run.repository.relate(version, dataset, "evaluated_on")
            step = version.metadata.get("step")
            at = step if isinstance(step, int) else 0
            for part, metrics in known.splits(split, _without_fairness(trainer.callback_metrics)):
                tracker.measure(metrics, step=at, split=part, version=version)
            _record_groups(run, version, reports, at, split, known.versions.get(split))
        _log.info("measured %s (%s)", version.reference, split)
    except BaseException as raised:
        error = raised
        raise
    finally:
        tracker.finish(error=error)


def _record_groups(
    run: edversion.Run,
    version: edversion.Version,
    reports: Sequence[FairnessReport],
    step: int,
    split: str,
    dataset: edversion.Version | None,
) -> None:
    for report in reports:
        log = partial(run.log_metrics, version=version, dataset=dataset, split=split, step=step)
        log(report.metrics())
        for group, values in report.slices().items():
            log(values, slice=group)


def _without_fairness(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if not name.startswith("fair/")}


def _nobody() -> None:
    return None
