"""What lives between the start of a training and its end: run, recorder, worker, spool."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import edversion
from edversion_plugins.tracking.checkpoints import Checkpoint
from edversion_plugins.tracking.environment import library_versions
from edversion_plugins.tracking.recorder import Facts, Recorder
from edversion_plugins.tracking.settings import Monitor, Settings
from edversion_plugins.tracking.speaking import be_heard
from edversion_plugins.tracking.spool import Spool, size_of

__all__ = ["Session", "open_session"]

_log = logging.getLogger("edversion.tracking")
_LOCAL = ("file", "local")
Result = TypeVar("Result")


class Session:
    """One stretch of training, in one process.

    With a local store everything is done at once, in the caller's thread. With any other,
    files are copied at once, and the rest is done behind training, in the same order.

    Parameters
    ----------
    run : Run
        The open run.
    owns : bool
        Whether the run ends with the session.
    recorder : Recorder
        Does the work.
    """

    def __init__(self, run: edversion.Run, recorder: Recorder, *, owns: bool) -> None:
        self.run, self.recorder, self.owns = run, recorder, owns
        self.process = os.getpid()
        self._worker: edversion.BackgroundWorker | None = None
        self._spool: Spool | None = None
        if not _is_local(run.repository.location.store):
            self._worker, self._spool = edversion.BackgroundWorker(), Spool()

    def perform(self, what: str, job: Callable[[], Result], size: int = 0) -> Result | None:
        """Do a job now, or hand it to the worker, which gives nothing back."""
        if self._worker is None:
            return job()
        self._worker.submit(what, job, size=size)
        return None

    def log(
        self, what: str, checkpoint: Checkpoint, monitors: tuple[Monitor, ...]
    ) -> edversion.Version | None:
        """Log a checkpoint; its files may change or vanish once this returns."""
        if self._spool is None:
            return self.recorder.logged(checkpoint, monitors)
        spool, copied = self._spool, self._spool.take(checkpoint.files)
        own = checkpoint.moved_to(copied)

        def job() -> None:
            try:
                self.recorder.logged(own, monitors)
            finally:
                spool.drop(copied)

        self.perform(what, job, size_of(own.files))
        return None

    def failures(self) -> list[tuple[str, BaseException]]:
        """Give what failed behind training, and was not told yet."""
        return _pairs(self._worker.failures() if self._worker else ())

    def flush(self) -> list[tuple[str, BaseException]]:
        """Wait until everything is logged; give what failed, and was not told yet."""
        return _pairs(self._worker.flush() if self._worker else ())

    def close(self, error: BaseException | None) -> None:
        """Let go of thread and folder, and end the run, if it is ours."""
        try:
            if self._worker is not None:
                self._worker.close()
            if self._spool is not None:
                self._spool.close()
        finally:
            if self.owns:
                self.run.finish(error=error)


def open_session(
    settings: Settings,
    framework: str,
    config: Mapping[str, Any],
    *,
    resume: Mapping[str, Any] | None = None,
    run: edversion.Run | None = None,
) -> Session:
    """Begin, resume or join a run.

    Parameters
    ----------
    settings : Settings
        What the person decided.
    framework : str
        Who trains.
    config : mapping
        Configuration of the run, as JSON.
    resume : mapping, optional
        What `Tracker.state` gave; a run that is not here, or still open, is not resumed.
    run : Run, optional
        The run to join; the caller ends it.
    """
    be_heard()
    began = datetime.now(UTC).isoformat()
    opened = run or _resumed(settings, config, resume) or _begun(settings, config)
    try:
        facts = Facts(framework, began, library_versions(), config)
        recorder = Recorder(opened, settings, facts)
        if run is not None or resume is not None:
            recorder.recall()
        return Session(opened, recorder, owns=run is None)
    except BaseException as error:
        if run is None:
            opened.finish(error=error)
        raise


def _begun(settings: Settings, config: Mapping[str, Any]) -> edversion.Run:
    return edversion.init(
        settings.project, config=config, job_type="train",
        store=settings.store, catalog=settings.catalog,
    )  # fmt: skip


def _resumed(
    settings: Settings, config: Mapping[str, Any], state: Mapping[str, Any] | None
) -> edversion.Run | None:
    if state is None or not isinstance(state.get("run"), str):
        return None
    try:
        return edversion.init(
            config=config, store=settings.store, catalog=settings.catalog, resume=state["run"]
        )
    except (edversion.NotFoundError, edversion.ConflictError) as error:
        _log.warning("run %s is not resumed, a new one begins: %s", state["run"], error)
        return None


def _is_local(store: str) -> bool:
    protocol, separator, _ = store.partition("://")
    return not separator or protocol in _LOCAL


def _pairs(failures: Sequence[edversion.BackgroundFailure]) -> list[tuple[str, BaseException]]:
    return [(failure.what, failure.error) for failure in failures]
