"""`track`: what needs a hold of the trainer itself, beyond the events that it tells."""

# ruff: noqa: ARG002 - the Trainer gives the same arguments to every event

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import transformers
from transformers import TrainerCallback
from transformers.trainer_utils import default_compute_objective

import edversion
from edversion_plugins.huggingface.callback import EdVersionCallback
from edversion_plugins.huggingface.checkpoints import changed_files, snapshot, without_training
from edversion_plugins.huggingface.fairness import GroupMetrics
from edversion_plugins.huggingface.recording import What, config_of
from edversion_plugins.huggingface.reuse import reuse_model

if TYPE_CHECKING:
    from edversion_plugins.evaluation import Fairness, FairnessReport
    from edversion_plugins.tracking.settings import Datasets, Keep, OnError

__all__ = ["View", "track"]

Trainer = TypeVar("Trainer", bound=Any)


def track(
    trainer: Trainer,
    name: str,
    *,
    project: str | None = None,
    store: str | None = None,
    catalog: str | None = None,
    fairness: Fairness | Sequence[Fairness] | None = None,
    datasets: Datasets = "full",
    dataset_limit: int = 1 << 30,
    keep: Keep = "all",
    on_error: OnError = "warn",
    what: What = "resumable",
    aliases: Sequence[str] = (),
    tags: Sequence[str] = (),
    metadata: Mapping[str, Any] | None = None,
    reuse: bool = False,
) -> Trainer:
    """Version what a trainer does: data, checkpoints, scores, groups, the final model.

    Fairness metrics stand among those of ``compute_metrics``, with names such as
    ``eval_fair_gender_abroca``, and can be the ``metric_for_best_model``; NaN where a gap
    cannot be estimated. The groups are columns of the data for evaluation, by position.

    The alias ``final`` is of the model that `train` hands over: with
    ``load_best_model_at_end``, the best. What is evaluated later is evaluated of it.

    Parameters
    ----------
    trainer : Trainer
        Not trained yet. Its ``train``, ``save_model`` and the like are wrapped, for this one
        object.
    name, project, store, catalog, fairness, datasets, dataset_limit, keep, on_error, what, \
aliases, tags, metadata, reuse
        As for `EdVersionCallback`.

    Returns
    -------
    Trainer
        The same object.

    Raises
    ------
    InvalidInputError
        An argument is wrong, or does not go together with those of the trainer.
    """
    callback = EdVersionCallback(
        name,
        project=project,
        store=store,
        catalog=catalog,
        fairness=fairness,
        datasets=datasets,
        dataset_limit=dataset_limit,
        keep=keep,
        on_error=on_error,
        what=what,
        aliases=aliases,
        tags=tags,
        metadata=metadata,
        reuse=reuse,
    )
    _check(trainer, callback)
    callback.view = View(trainer)
    trainer.add_callback(callback.view)
    trainer.add_callback(callback)
    callback.view.attach()
    return trainer


class View(TrainerCallback):
    """What is seen of a trainer through its own methods.

    It is a callback too, before the other one: a trainer that restores its callbacks from a
    checkpoint puts another `EdVersionCallback` into the place of the first.

    Parameters
    ----------
    trainer : Trainer
        To be seen.
    """

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self._save: Callable[..., Any] = trainer.save_model
        self._evaluated: Any = None
        self._reports: list[FairnessReport] = []

    @property
    def callback(self) -> EdVersionCallback:
        """The callback that the trainer has now."""
        found: list[Any] = self.trainer.callback_handler.callbacks
        return next(each for each in found if isinstance(each, EdVersionCallback))

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Show itself to a callback that was restored."""
        self.callback.view = self

    def names(self) -> tuple[str, ...]:
        """Give the names of the data for evaluation, where there are several."""
        data = self.trainer.eval_dataset
        return tuple(data) if isinstance(data, dict) else ()

    def save(self, folder: str) -> None:
        """Let the trainer save its model, with tokenizer or processor, for us alone."""
        self._save(folder, _internal_call=True)

    @property
    def evaluated(self) -> Any:
        """The data of the evaluation under way, with all their columns."""
        return self._evaluated

    def report(self, report: FairnessReport) -> None:
        """Keep what was measured by group until the evaluation's end is told."""
        self._reports.append(report)

    def take(self) -> tuple[Any, tuple[FairnessReport, ...]]:
        """Give the data that were evaluated, and what was measured by group."""
        found = self._evaluated, tuple(self._reports)
        self._reports.clear()
        return found

    def attach(self) -> None:
        """Wrap the methods of the trainer that tell what no event does."""
        trainer, fairness = self.trainer, self.callback.settings.fairness
        trainer.train = self._train(trainer.train)
        trainer.save_model = self._save_model(trainer.save_model)
        trainer.get_eval_dataloader = self._eval_dataloader(trainer.get_eval_dataloader)
        trainer.get_test_dataloader = self._test_dataloader(trainer.get_test_dataloader)
        if fairness:
            trainer.compute_metrics = GroupMetrics(self, trainer.compute_metrics)
            trainer.hyperparameter_search = _search(trainer.hyperparameter_search)

    def _train(self, train: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(train)
        def wrapped(
            resume_from_checkpoint: Any = None, trial: Any = None, *rest: Any, **more: Any
        ) -> Any:
            try:
                if self.callback.settings.reuse and not resume_from_checkpoint and trial is None:
                    found = reuse_model(self.trainer, self.callback)
                    if found is not None:
                        return found
                return train(resume_from_checkpoint, trial, *rest, **more)
            except BaseException as error:
                self.callback.failed(error)
                raise

        return wrapped

    def _save_model(self, save: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(save)
        def wrapped(output_dir: str | None = None, _internal_call: bool = False) -> Any:
            folder = Path(output_dir or self.trainer.args.output_dir)
            watched = not _internal_call and self.trainer.is_world_process_zero()
            before = None
            if watched:
                with self.callback.recording.tracker.guarded("look at the folder"):
                    before = snapshot(folder)
            result = save(output_dir, _internal_call=_internal_call)
            if before is not None:
                with self.callback.recording.tracker.guarded("log the model that was saved"):
                    self._log_saved(without_training(changed_files(folder, before)))
            return result

        return wrapped

    def _log_saved(self, files: Mapping[str, Path]) -> None:
        """Log what was saved by hand: the model handed over, or that of the present step.

        While a training goes on, what is saved before the checkpoint of its step is a version
        of its own: it must not stand in the place of one that training can resume from.
        """
        recording, state = self.callback.recording, self.trainer.state
        running, handed = recording.tracker.run is not None, recording.handed
        step = state.global_step
        if not running and handed is not None:
            step = int(str(handed.metadata["step"]))
        if not running and not recording.tracker.state():
            recording.begin(config_of(self.trainer.args, self.trainer.model), ())
        with recording.reopened(), recording.tracker.guarded("log the model that was saved"):
            merge = not running or self.callback.has_saved(step)
            recording.log(files, step, state.epoch, merge=merge)
        if not running:
            recording.end(final=step)

    def _eval_dataloader(self, get: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(get)
        def wrapped(eval_dataset: Any = None) -> Any:
            data = self.trainer.eval_dataset if eval_dataset is None else eval_dataset
            self._begin_evaluation(
                self.trainer.eval_dataset[data] if isinstance(data, str) else data
            )
            return get(eval_dataset)

        return wrapped

    def _test_dataloader(self, get: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(get)
        def wrapped(test_dataset: Any) -> Any:
            self._begin_evaluation(test_dataset)
            return get(test_dataset)

        return wrapped

    def _begin_evaluation(self, data: Any) -> None:
        self._evaluated = data
        self._reports.clear()


def _search(search: Callable[..., Any]) -> Callable[..., Any]:
    """Keep fairness out of the default objective, which is the sum of all metrics."""

    def objective(metrics: dict[str, float]) -> float:
        own = {key: value for key, value in metrics.items() if not key.startswith("eval_fair_")}
        return float(default_compute_objective(own))

    @wraps(search)
    def wrapped(
        hp_space: Any = None, compute_objective: Any = None, *rest: Any, **more: Any
    ) -> Any:
        return search(hp_space, compute_objective or objective, *rest, **more)

    return wrapped


def _check(trainer: Any, callback: EdVersionCallback) -> None:
    """Refuse what cannot work, before anything is trained."""
    if not isinstance(trainer, transformers.Trainer):
        raise _wrong(
            "track takes the trainer first: track(Trainer(model, ...), name); this is of type "
            f"{type(trainer).__name__}"
        )
    args, settings = trainer.args, callback.settings
    known = trainer.callback_handler.callbacks
    if any(isinstance(each, EdVersionCallback) for each in known):
        raise _wrong("the trainer is versioned already; leave out callbacks= or report_to=")
    if settings.fairness and (args.prediction_loss_only or args.batch_eval_metrics):
        raise _wrong(
            "fairness needs all predictions at once; leave out prediction_loss_only and "
            "batch_eval_metrics"
        )
    if settings.reuse and args.world_size > 1:
        raise _wrong("reuse works with one process; this is one of several")


def _wrong(message: str) -> edversion.InvalidInputError:
    return edversion.InvalidInputError(message, code="bad_trainer")
