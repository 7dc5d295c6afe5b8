"""Run: one execution that uses and makes versions."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Literal

from edversion.artifact import Artifact
from edversion.commit import CommitOptions
from edversion.drafting import draft_of
from edversion.environment import actor
from edversion.errors import ConflictError, NotFoundError
from edversion.masking import masked
from edversion.metadata import (
    check_mapping,
    check_names,
    check_text,
    check_whole,
    clean_metadata,
    measured,
)
from edversion.model import Json, Metric, RunInfo, Version
from edversion.ranks import RankedRun
from edversion.reference import check_name
from edversion.repository import Repository
from edversion.store import collector_paused

__all__ = ["Run", "current_run"]

_DEFAULT_TYPE = "artifact"

Subject = str | Version


class Run(RankedRun):
    """An execution that is under way; `edversion.init` starts one.

    As a context manager it ends as ``finished``, or as ``failed`` with the exception.
    Without `with`, call `finish`; a run still open when Python exits is finished then. A
    process that is killed leaves a run that shows as ``crashed``.

    Parameters
    ----------
    repository : Repository
        Where everything is recorded.
    info : RunInfo
        The run as it was recorded.
    owns : bool
        Whether finishing the run closes the repository.
    """

    def __init__(self, repository: Repository, info: RunInfo, *, owns: bool) -> None:
        self.repository = repository
        self._info = info
        self._owns = owns
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._open = True
        self._at_exit = partial(_finish_at_exit, weakref.ref(self))
        atexit.register(self._at_exit)

    def __enter__(self) -> Run:
        _entered.set((*_entered.get(), self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _entered.set(tuple(run for run in _entered.get() if run is not self))
        if error is None or (isinstance(error, SystemExit) and not error.code):
            self.finish()
        else:
            self.finish(error=error)

    def __repr__(self) -> str:
        return f"Run({self.id!r}, project={self.project!r}, status={self._info.status!r})"

    @property
    def is_open(self) -> bool:
        """Whether this process can still log to it: it has not ended, and is no fork's."""
        return self._open and self._process == os.getpid()

    @property
    def id(self) -> str:
        """Unique id."""
        return self._info.id

    @property
    def name(self) -> str:
        """Name for people."""
        return self._info.name

    @property
    def project(self) -> str:
        """The project."""
        return self._info.project

    @property
    def config(self) -> Mapping[str, Json]:
        """The configuration that was recorded."""
        return self._info.config

    @property
    def info(self) -> RunInfo:
        """Everything that is recorded of the run."""
        return self._info

    def log_artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None = None,
        type: str | None = None,
        aliases: Sequence[str] | None = None,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        description: str | None = None,
        *,
        rehash: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Version:
        """Log a draft, a file, a folder or a URL as a version; durable when this returns.

        Content that the collection has already makes no new version: the one that has it is
        given back, with the aliases, tags and metadata added.

        Parameters
        ----------
        artifact_or_path : Artifact or path or URL
            What to log. A URL (``s3://…``) is logged as a reference.
        name : str, optional
            Collection; for a path its stem where left out.
        type : str, optional
            Type of the collection; its own where it exists, else ``artifact``.
        aliases, tags : sequence of str, optional
            To set on the version; ``latest`` moves to every new version by itself.
        metadata : mapping, optional
            JSON facts, merged over the draft's own.
        description : str, optional
            A sentence for people.
        rehash : bool
            Whether to read every file again, even those that seem unchanged.
        progress : callable, optional
            Told the bytes that are done, and those of the whole draft, again and again.

        Raises
        ------
        ConflictError
            A file changed since it was added, or the collection has another type.
        RefusedError
            A plugin vetoed.
        StorageError
            The disk is full, or the repository cannot be written. Nothing is lost.

        Examples
        --------
        >>> import edversion, pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = pathlib.Path(folder.name, "scores.csv")
        >>> _ = path.write_text("id,score")
        >>> with edversion.init(store=f"{folder.name}/store", project="demo") as run:
        ...     version = run.log_artifact(path, type="dataset")
        >>> version.reference
        'demo/scores:v0'
        >>> folder.cleanup()
        """
        with self._lock, collector_paused():
            self._check_open()
            draft = draft_of(artifact_or_path, name, type, self._type_of)
            check_text(draft.description if description is None else description, "description")
            if metadata is not None:
                draft.metadata = {**draft.metadata, **clean_metadata(metadata)}
            if description is not None:
                draft.description = description
            options = CommitOptions(
                project=self.project,
                run=self.id,
                actor=actor(),
                aliases=check_names(aliases, "aliases"),
                tags=check_names(tags, "tags"),
                rehash=rehash,
                progress=progress,
                noted_now=draft is not artifact_or_path,
            )
            return self._log(draft, options)

    def use_artifact(
        self, reference: Subject, type: str | None = None, *, relation: str | None = None
    ) -> Version:
        """Find a version and record that this run used it.

        Parameters
        ----------
        reference : str or Version
            Which version; a name without a project is looked for in the run's own first.
        type : str, optional
            The type that it must have.
        relation : str, optional
            What the run uses it for: ``trained_on``, ``evaluated_on``, ``resumed_from``, or a
            name of your own. One version may be used in several relations. What the run logs
            counts as made from it, but for ``evaluates``, of a model (it leads to evaluations
            alone), and ``measured_on``, of data for one version: say `relate` of that one.

        Raises
        ------
        InvalidInputError
            The relation is no legal name.
        NotFoundError
            There is no such version.
        ConflictError
            It has another type.
        """
        with self._lock:
            self._check_open()
            if relation is not None:
                check_name(relation, "relation")
            version = self.repository.version(reference, project=self.project)
            if type is not None and version.type != type:
                raise ConflictError(
                    f"{version.reference} is a {version.type}, not a {type}",
                    code="other_type",
                    version=version.reference,
                )
            self.repository.record_use(self.id, version, relation)
            return version

    def log_metrics(
        self,
        metrics: Mapping[str, Any],
        *,
        version: Subject | None = None,
        dataset: Subject | None = None,
        split: str | None = None,
        slice: str | None = None,
        step: int | None = None,
    ) -> None:
        """Record measured values.

        Parameters
        ----------
        metrics : mapping of str to float or mapping
            Values by name. A mapping gives ``value`` and, if known, ``n``, ``low`` and
            ``high``. Values that are not finite are left out, with a warning.
        version : str or Version, optional
            What was measured.
        dataset : str or Version, optional
            What it was measured on.
        split : str, optional
            Part of the dataset, e.g. ``"test"``.
        slice : str, optional
            Group of learners, e.g. ``"sex=female"``; all of them where left out.
        step : int, optional
            Training step at which it was measured.

        Raises
        ------
        InvalidInputError
            A value is no number, an interval is reversed, or an argument is of another type.
        """
        check_mapping(metrics, "metrics")
        part, group = check_text(split, "split"), check_text(slice, "slice")
        at_step = check_whole(step, "step")
        with self._lock:
            self._check_open()
            subject = self._reference(version)
            frame = Metric(
                "", 0.0, subject, self._reference(dataset), part, group,
                None, None, None, at_step, self.id, datetime.now(UTC),
            )  # fmt: skip
            found = [measured(frame, key, value) for key, value in metrics.items()]
            self.repository.record_metrics([metric for metric in found if metric is not None])

    def note(self, text: str) -> None:
        """Leave a line in the run's record: an event, which names who said it and when.

        Parameters
        ----------
        text : str
            What is worth knowing of the run, such as what could not be done.

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     run.note("the learning rate was halved by hand at step 300")
        ...     (event,) = run.repository.events(subject=f"run {run.id}")
        >>> event.action, event.after
        ('run.noted', 'the learning rate was halved by hand at step 300')
        >>> folder.cleanup()
        """
        line = check_text(text, "text")
        with self._lock:
            self._check_open()
            self.repository.note_run(self.id, masked(line or ""))

    def finish(self, *, error: BaseException | None = None) -> None:
        """End the run; calling it again does nothing.

        Parameters
        ----------
        error : exception, optional
            What made the run fail.
        """
        with self._lock:
            if not self._open or self._process != os.getpid():
                return
            self._open = False
            atexit.unregister(self._at_exit)
            trace = None if error is None else _trace(error)
            try:
                status: Literal["finished", "failed"] = "finished" if error is None else "failed"
                self._info = self.repository.end_run(self.id, status, trace)
            finally:
                if self._owns:
                    self.repository.close()

    def _type_of(self, collection: str) -> str:
        try:
            return self.repository.catalog.collection(self.project, collection).type
        except NotFoundError:
            return _DEFAULT_TYPE

    def _log(self, draft: Artifact, options: CommitOptions) -> Version:
        if draft.logged is not None and draft.logged.project != self.project:
            raise ConflictError(
                f"the draft was logged as {draft.logged.reference} already",
                code="draft_logged",
                version=draft.logged.reference,
            )
        self.repository.plugins.before_log(draft, self)
        version = self.repository.commit(draft, options).version
        draft.mark_logged(version)
        self.repository.plugins.after_log(version, self)
        return version

    def _reference(self, subject: Subject | None) -> str | None:
        if subject is None:
            return None
        return self.repository.version(subject, project=self.project).reference

    def _check_open(self) -> None:
        if not self._open:
            raise ConflictError(
                f"the run {self.id} has ended; start another with edversion.init()",
                code="run_ended",
                run=self.id,
            )
        if self._process != os.getpid():
            raise ConflictError(
                f"the run {self.id} belongs to process {self._process}; a forked process starts "
                "its own with edversion.init()",
                code="forked_run",
                run=self.id,
            )


_entered: ContextVar[tuple[Run, ...]] = ContextVar("edversion_entered_runs", default=())


def current_run() -> Run | None:
    """Give the run whose `with` block this is; see `edversion.current_run`."""
    return next((run for run in reversed(_entered.get()) if run.is_open), None)


def _trace(error: BaseException) -> str:
    """Give a traceback that can be stored: undecodable bytes escaped, secrets in URLs masked."""
    text = "".join(traceback.format_exception(error))
    return masked(text).encode(errors="backslashreplace").decode()


def _finish_at_exit(reference: weakref.ref[Run]) -> None:
    run = reference()
    if run is not None:
        run.finish(error=None if hasattr(sys, "ps1") else getattr(sys, "last_value", None))
