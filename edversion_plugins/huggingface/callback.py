"""`EdVersionCallback`: the events of a training, and what becomes a version at each."""

# ruff: noqa: ARG002 - the Trainer gives the same arguments to every event

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import torch.distributed as dist
from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

import edversion
from edversion_plugins.huggingface.checkpoints import (
    EARLIER,
    checkpoint_folder,
    files_of,
    step_of,
    told_in,
    was_written_by,
)
from edversion_plugins.huggingface.recording import (
    Recording,
    What,
    collection_name,
    config_of,
)
from edversion_plugins.huggingface.scores import best_step, losses_at, monitors_of
from edversion_plugins.tracking import Settings

if TYPE_CHECKING:
    from edversion_plugins.evaluation import Fairness, FairnessReport
    from edversion_plugins.huggingface.tracked import View
    from edversion_plugins.tracking.settings import Datasets, Keep, OnError

__all__ = ["EdVersionCallback"]


class EdVersionCallback(TrainerCallback, ExportableState):
    """Version the checkpoints of a Trainer, with scores, data, aliases and lineage.

    `track` does the same and more: it sees the data before columns are taken away, measures
    by group, logs `Trainer.save_model`, and knows at once when a training fails. Alone, the
    callback learns of a failure, or of Ctrl-C, when Python exits or the next training begins:
    the Trainer tells of neither. Every checkpoint is whole and in the store by then.

    Parameters
    ----------
    name : str
        Collection of the model's versions. The name of a model on the Hub does as well:
        of ``google/bert-base`` the collection is ``google-bert-base``.
    project : str, optional
        Project; else as for `edversion.init`: what is set, the only one there is, ``default``.
    store, catalog : str, optional
        Where the repository is; found as by `edversion.init` where left out.
    fairness : Fairness or sequence of them, optional
        What to measure by group; needs `track`.
    datasets : {"full", "fingerprint", "off"}
        Whether data are stored, only known by their fingerprint, or not looked at.
    dataset_limit : int
        Bytes; data above it are only known by their fingerprint.
    keep : {"all", "best+latest"} or int
        Which versions of a run stay.
    on_error : {"warn", "raise"}
        Whether trouble with versioning is an `AdapterWarning`, or stops the training.
    what : {"resumable", "weights"}
        Whether a version holds the whole checkpoint, or only what `from_pretrained` reads.
    aliases, tags : sequence of str
        To set on every version.
    metadata : mapping, optional
        JSON facts for every version.
    reuse : bool
        Whether a model of equal code, data and parameters is loaded instead of trained; needs
        `track`.

    Raises
    ------
    InvalidInputError
        An argument is wrong.

    Examples
    --------
    >>> callback = EdVersionCallback("essay-scorer", keep="best+latest")
    >>> callback.settings.name
    'essay-scorer'
    """

    def __init__(
        self,
        name: str,
        *,
        project: str | None = None,
        store: str | None = None,
        catalog: str | None = None,
        fairness: Fairness | Sequence[Fairness | Mapping[str, Any]] | None = None,
        datasets: Datasets = "full",
        dataset_limit: int = 1 << 30,
        keep: Keep = "all",
        on_error: OnError = "warn",
        what: What = "resumable",
        aliases: Sequence[str] = (),
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        reuse: bool = False,
    ) -> None:
        settings = Settings(
            name=collection_name(name),
            project=project,
            store=store,
            catalog=catalog,
            fairness=_restored(fairness),
            datasets=datasets,
            dataset_limit=dataset_limit,
            keep=keep,
            on_error=on_error,
            aliases=aliases,  # type: ignore[arg-type]  # made a tuple, or refused
            tags=tags,  # type: ignore[arg-type]
            metadata={} if metadata is None else metadata,
            reuse=reuse,
        )
        self._prepare(settings, what)

    def _prepare(self, settings: Settings, what: What) -> None:
        if what not in get_args(What):
            raise edversion.InvalidInputError(
                f"what must be 'resumable' or 'weights', not {what!r}",
                code="bad_argument",
                argument="what",
            )
        self.recording = Recording(settings, what)
        self.view: View | None = None
        self.early = False  # whether the run was begun before the Trainer says so
        self.earlier: dict[str, Any] = {}
        self._began = 0
        self._saved: set[int] = set()

    @property
    def settings(self) -> Settings:
        """What was decided."""
        return self.recording.settings

    def state(self) -> dict[str, Any]:
        """Give what each checkpoint keeps: the arguments, and the run to go on with.

        A Trainer with ``restore_callback_states_from_checkpoint`` makes the callback anew of it.
        """
        given = {**asdict(self.settings), "what": self.recording.what}
        for place in (
            "store",
            "catalog",
        ):  # the file travels with the model: no secret goes with it
            if given[place] is not None and _may_hold_secret(str(given[place])):
                given[place] = None
        return {"args": given, "attributes": {EARLIER: self.recording.tracker.state()}}

    # Events

    def on_init_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Refuse what the callback alone cannot do, before anything is trained."""
        for name in ("fairness", "reuse"):
            if getattr(self.settings, name):
                raise edversion.InvalidInputError(
                    f"{name} needs a hold of the trainer: write trainer = "
                    f"track(Trainer(...), {self.settings.name!r}, {name}=...)",
                    code="needs_track",
                    argument=name,
                )

    def on_train_begin(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        """Begin a run, or go on with the one that the checkpoint resumed from tells of."""
        self._began, self._saved = state.global_step, set()
        told = self._earlier(state) if state.global_step else {}
        # A checkpoint of a training without us lacks the entry that the next save looks up.
        state.stateful_callbacks.setdefault(type(self).__name__, self.state())
        if not state.is_world_process_zero:
            return
        if not self.early:
            self.recording.begin(
                config_of(args, known.get("model"), state.trial_params),
                self.monitors(args),
                earlier=told,
                step=state.global_step,
                alone=bool(state.is_hyper_param_search),
            )
        self.early = False
        data = None if self.view is None else self.view.trainer.train_dataset
        data = _data_of(known.get("train_dataloader")) if data is None else data
        self.recording.dataset(data, "trained_on", "train")

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Any = None, **known: Any
    ) -> None:
        """Remember scores with the step that they were measured at."""
        data = _data_of(known.get("eval_dataloader"))
        reports: Sequence[FairnessReport] = ()
        if self.view is not None:
            data, reports = self.view.take()
        if state.is_world_process_zero and metrics:
            self.recording.evaluated(metrics, state.global_step, data, reports)

    def on_predict(
        self, args: Any, state: Any, control: Any, metrics: Any = None, **known: Any
    ) -> None:
        """Take the scores of a test likewise."""
        self.on_evaluate(args, state, control, metrics, **known)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Log the checkpoint, once every process has written its part."""
        if dist.is_available() and dist.is_initialized():
            dist.barrier()
        self._saved.add(state.global_step)
        if state.is_world_process_zero:
            self._log_checkpoint(args, state)

    def on_train_end(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        """Log the model that is handed over, if no checkpoint has it, and end the run."""
        if state.is_world_process_zero and state.global_step not in self._saved:
            self._log_untold(args, state)
        step = self._handed_step(args, state)
        if not self.has_saved(step):
            self._log_model(args, state, known)
        if state.is_world_process_zero:
            self._follow(state)
            self.recording.end(final=step)

    def failed(self, error: BaseException) -> None:
        """End the run as failed, if it is open: the Trainer itself tells nobody."""
        self.early = False
        self.recording.end(error=error)

    def monitors(self, args: Any) -> Any:
        """Say what decides; see `monitors_of`."""
        return monitors_of(args, () if self.view is None else self.view.names())

    # What they lead to

    def _log_checkpoint(self, args: Any, state: Any) -> None:
        tracker = self.recording.tracker
        if tracker.run is None:
            return
        tracker.measure(losses_at(state), step=state.global_step, split="train")
        folder = checkpoint_folder(args.output_dir, state, tracker.run.id)
        whole = 1 if args.save_only_model else args.world_size
        self.recording.checkpoint(folder, state.global_step, state.epoch, whole)
        self._follow(state)

    def _log_untold(self, args: Any, state: Any) -> None:
        """Log a checkpoint of the last step that no event told of, as after SIGTERM."""
        run = self.recording.tracker.run
        if run is None:
            return
        folder = checkpoint_folder(args.output_dir, state, run.id)
        if was_written_by(run.id, folder):
            self._log_checkpoint(args, state)

    def _log_model(self, args: Any, state: Any, known: Mapping[str, Any]) -> None:
        """Write the model once more, where no checkpoint is of its step."""
        tracker = self.recording.tracker
        with tracker.guarded("log the final model"), tempfile.TemporaryDirectory() as folder:
            if self.view is not None:
                self.view.save(folder)  # on every rank: a sharded model is gathered
            elif state.is_world_process_zero:
                _save(args, known, folder)
            if state.is_world_process_zero:
                files = files_of(Path(folder), "weights")
                self.recording.log(files, state.global_step, state.epoch)

    def _follow(self, state: Any) -> None:
        """Let ``best`` be what the Trainer says, where it decides by a rule of its own."""
        monitors = self.recording.tracker.monitors
        step = best_step(state, monitors[0]) if monitors else None
        if step is not None:
            self.recording.tracker.name_best(step)

    def _handed_step(self, args: Any, state: Any) -> int:
        """Say of which step the model in memory is: the best may have been loaded."""
        best = step_of(state.best_model_checkpoint) if args.load_best_model_at_end else None
        return best if best is not None and self.has_saved(best) else int(state.global_step)

    def has_saved(self, step: int) -> bool:
        """Tell whether a checkpoint of this training is of a step."""
        return step in self._saved or 0 < step <= self._began

    def _earlier(self, state: Any) -> dict[str, Any]:
        """Find the run to go on with in the state of the checkpoint resumed from."""
        for told in told_in(state.stateful_callbacks):
            if told["args"].get("name", self.settings.name) == self.settings.name:
                return dict(told["attributes"][EARLIER])
        return {}


def _save(args: Any, known: Mapping[str, Any], folder: str) -> None:
    """Save model and tokenizer or processor without the Trainer."""
    model = known.get("model")
    if getattr(args, "fsdp", None) or getattr(args, "deepspeed", None) or model is None:
        raise edversion.InvalidInputError(
            "a sharded model is saved by the trainer alone: use track(trainer, ...)",
            code="needs_track",
        )
    model.save_pretrained(folder)
    processing = known.get("processing_class") or known.get("tokenizer")
    if processing is not None:
        processing.save_pretrained(folder)


def _data_of(loader: Any) -> Any:
    return getattr(loader, "dataset", None)


def _restored(fairness: Any) -> Any:
    """Make `Fairness` of what a checkpoint's JSON holds of it."""
    if not isinstance(fairness, list | tuple):
        return fairness
    from edversion_plugins.evaluation import Fairness

    return tuple(Fairness(**each) if isinstance(each, Mapping) else each for each in fairness)


def _may_hold_secret(url: str) -> bool:
    """Tell whether a URL names a user, a password or a token."""
    place = url.partition("://")[2]
    return "@" in place.partition("/")[0] or "?" in place
