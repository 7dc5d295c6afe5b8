"""What is recorded of a training by the Trainer, however one came to hear of its events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import edversion
from edversion_plugins.huggingface.checkpoints import files_of, identity_of, missing_parts
from edversion_plugins.huggingface.scores import prefix_of, scores_in
from edversion_plugins.tracking import Monitor, Settings, Tracker

if TYPE_CHECKING:
    from edversion_plugins.evaluation import FairnessReport

__all__ = ["FRAMEWORK", "Recording", "What", "collection_name", "config_of", "legal_name"]

FRAMEWORK = "transformers"
What = Literal["resumable", "weights"]
Relation = Literal["trained_on", "evaluated_on"]


class Recording:
    """One trainer's trainings, one after the other; of rank zero alone.

    Parameters
    ----------
    settings : Settings
        What the person decided.
    what : {"resumable", "weights"}
        What of a checkpoint is stored.

    Attributes
    ----------
    tracker : Tracker
        Its run is open from `begin` to `end`.
    handed : Version or None
        The model in memory after a training: later evaluations are of it.
    """

    def __init__(self, settings: Settings, what: What) -> None:
        self.settings, self.what = settings, what
        self.tracker = Tracker(settings, framework=FRAMEWORK)
        self.handed: edversion.Version | None = None
        self._config: Mapping[str, Any] = {}
        self._parent: edversion.Version | None = None
        self._error: BaseException | None = None
        self._alone = False
        self._data: list[tuple[Any, Relation, edversion.Version | None]] = []

    def begin(
        self,
        config: Mapping[str, Any],
        monitors: Sequence[Monitor],
        *,
        earlier: Mapping[str, Any] | None = None,
        step: int = 0,
        alone: bool = False,
    ) -> None:
        """Begin a run, join the caller's, or go on with one.

        Parameters
        ----------
        config : mapping
            See `config_of`.
        monitors : sequence of Monitor
            What decides.
        earlier : mapping, optional
            What `Tracker.state` told when the checkpoint was written that training resumes
            from, at `step`.
        alone : bool
            Whether to have a run of one's own in any case, as each trial of a search has.
        """
        self.end(error=_untold())
        self._config, self._alone = config, alone
        self._parent, self._error, self.handed = None, None, None
        self.tracker.monitors = tuple(monitors)
        self._start(earlier)
        if earlier:
            self._parent = self._find_parent(earlier, step)

    def end(self, *, error: BaseException | None = None, final: int | None = None) -> None:
        """End the run, if one is open; `final` is the step of the model that is handed over."""
        if self.tracker.run is None:
            return
        self._error = error
        if error is None and final is not None:
            self.handed = self.tracker.version_at(final)
        stopped = isinstance(error, KeyboardInterrupt)
        self.tracker.finish(error=error, interrupted=stopped, final=final)

    @contextmanager
    def reopened(self) -> Iterator[None]:
        """Go on with the run, if it has ended; it ends again as it did before."""
        if self.tracker.run is not None:
            yield
            return
        self._start(self.tracker.state())
        try:
            yield
        finally:
            self.tracker.finish(error=self._error, final=self._handed_step())

    def dataset(self, data: Any, relation: Relation, split: str) -> edversion.Version | None:
        """Version data once for a run, and record what they are used for."""
        if data is None:
            return None
        for known, use, version in self._data:
            if known is data and use == relation:
                return version
        name = f"{self.settings.name}-{legal_name(split)}"
        version = self.tracker.dataset(data, relation, split=split, name=name[:128])
        self._data.append((data, relation, version))
        return version

    def checkpoint(self, folder: Path, step: int, epoch: float | None, processes: int = 1) -> None:
        """Log a checkpoint that all processes have written."""
        with self.tracker.guarded(f"log the checkpoint of step {step}"):
            files = files_of(folder, self.what)
            missing = missing_parts(files, processes)
            self.log(files, step, epoch, {"missing": missing} if missing else None)
            if missing:
                raise edversion.NotFoundError(
                    f"{folder} lacks {', '.join(missing)}, which other nodes keep; the version is "
                    "there, but a training resumed from it goes on otherwise",
                    code="incomplete_checkpoint",
                    missing=missing,
                )

    def log(
        self,
        files: Mapping[str, Path],
        step: int,
        epoch: float | None,
        metadata: Mapping[str, Any] | None = None,
        *,
        merge: bool = True,
    ) -> edversion.Version | None:
        """Log files as the model of a step; with `merge` it may be a version that is there."""
        parent = self._parent
        if parent is not None and parent.metadata.get("step") == step:
            parent = None  # the very checkpoint that training resumed from
        return self.tracker.checkpoint(
            files,
            step=step,
            epoch=epoch,
            identity=identity_of(files) if merge else None,
            metadata=metadata,
            resumed_from=parent,
        )

    def evaluated(
        self, metrics: Mapping[str, Any], step: int, data: Any, reports: Sequence[FairnessReport]
    ) -> None:
        """Take an evaluation: of the present step, or after training of the model handed over."""
        if self.tracker.run is not None:
            self._measured(metrics, step, data, reports)
        elif self.handed is not None:
            with self.reopened():
                self._judged(self.handed, metrics, data, reports)

    def _measured(
        self, metrics: Mapping[str, Any], step: int, data: Any, reports: Sequence[FairnessReport]
    ) -> None:
        split = prefix_of(metrics)
        version = self.dataset(data, "evaluated_on", split)
        self.tracker.measure(self._scores(metrics), step=step, split=split, dataset=version)
        for report in reports:
            self.tracker.measure_groups(report, step=step, split=split, dataset=version)

    def _judged(
        self,
        handed: edversion.Version,
        metrics: Mapping[str, Any],
        data: Any,
        reports: Sequence[FairnessReport],
    ) -> None:
        """Record an evaluation of a finished model: on data for evaluation it may decide."""
        split, scores = prefix_of(metrics), self._scores(metrics)
        version = self.dataset(data, "evaluated_on", split)
        if split == "eval" or split.startswith("eval_"):
            self.tracker.judge(handed, scores, reports=reports, split=split, dataset=version)
            return
        for report in reports:
            scores |= report.metrics()
        step = self._handed_step() or 0
        self.tracker.measure(scores, step=step, split=split, dataset=version, version=handed)
        with self.tracker.guarded(f"record the groups of {split}"):
            self._record_slices(handed, step, split, version, reports)

    def _record_slices(
        self,
        handed: edversion.Version,
        step: int,
        split: str,
        data: edversion.Version | None,
        reports: Sequence[FairnessReport],
    ) -> None:
        run = self.tracker.run
        if run is None:
            return
        for report in reports:
            for group, values in report.slices().items():
                run.log_metrics(
                    values, version=handed, dataset=data, split=split, slice=group, step=step
                )

    def _scores(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        return scores_in(metrics, (monitor.name for monitor in self.tracker.monitors))

    def _start(self, earlier: Mapping[str, Any] | None) -> None:
        self._data = []
        joined = None if self._alone else joined_run(self.settings)
        self.tracker.start(self._config, resume=earlier or None, run=joined)

    def _find_parent(self, earlier: Mapping[str, Any], step: int) -> edversion.Version | None:
        """Find the version of the checkpoint that training resumes from, whichever run's it is."""
        found = self.tracker.version_at(step)
        run = self.tracker.run
        if found is not None or run is None:
            return found
        with self.tracker.guarded("find the version that training resumes from"):
            others = run.repository.search(
                f"metadata.run = '{earlier.get('run')}' and metadata.step = {step}",
                project=str(earlier.get("project")),
                name=self.settings.name,
                order_by="-number",
                limit=1,
            )
            return others[0] if others else None
        return None

    def _handed_step(self) -> int | None:
        step = None if self.handed is None else self.handed.metadata.get("step")
        return step if isinstance(step, int) else None


def joined_run(settings: Settings) -> edversion.Run | None:
    """Give the run whose block the caller is in, unless another place is named."""
    run = edversion.current_run()
    if run is None or settings.project not in (None, run.project):
        return None
    return run if settings.store is None and settings.catalog is None else None


def config_of(args: Any, model: Any, trial: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Give what a run records of arguments, model and trial.

    Parameters
    ----------
    args : TrainingArguments
        Of the trainer; tokens are masked.
    model : torch.nn.Module
        To be trained.
    trial : mapping, optional
        Parameters that a search chose.
    """
    kind = type(model)
    found = {"class": f"{kind.__module__}.{kind.__qualname__}"}
    if hasattr(getattr(model, "config", None), "to_diff_dict"):
        found |= model.config.to_diff_dict()
    own = {"training": args.to_dict(), "model": found}
    return own if trial is None else {**own, "trial": dict(trial)}


def collection_name(name: str) -> str:
    """Give the collection of a model that has a name on the Hub: owner, slash, model.

    Any other name is given back as it is; whether it is legal is for `Settings` to say.

    Examples
    --------
    >>> collection_name("google/bert-base")
    'google-bert-base'
    """
    owner, slash, model = name.partition("/") if isinstance(name, str) else ("", "", "")
    return f"{owner}-{model}" if slash and owner and model else name


def legal_name(text: str) -> str:
    """Make a name of a text: ``google/bert-base`` is no collection, ``google-bert-base`` is.

    Examples
    --------
    >>> legal_name("google/bert-base uncased")
    'google-bert-base-uncased'
    """
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in text)
    return plain.lstrip("._-")[:128] or "model"


def _untold() -> RuntimeError:
    return RuntimeError("another training began, but nobody said how this one ended")
