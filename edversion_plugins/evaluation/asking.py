"""The rows as measures want them: a row for each prediction; of a ranking one for each learner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from edversion import InvalidInputError
from edversion_plugins.evaluation.arrays import Array
from edversion_plugins.evaluation.inputs import Label, Sample, Task, read_sample
from edversion_plugins.evaluation.measuring import chosen_rankings
from edversion_plugins.evaluation.predictions import Predictions
from edversion_plugins.evaluation.ranking import read_ranking
from edversion_plugins.evaluation.units import Units, read_units

__all__ = ["TASKS", "EvaluationTask", "Rows", "read_rows"]

EvaluationTask = Literal["binary", "multiclass", "regression", "ranking", "knowledge-tracing"]
TASKS = ("binary", "multiclass", "regression", "ranking", "knowledge-tracing")


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What is measured.

    Attributes
    ----------
    sample : Sample
        The rows; knowledge tracing is a binary task here.
    units : Units
        Rows, or learners who have several.
    groups : mapping of str to ndarray
        The attributes of the rows.
    without_relevant : int or None
        Of a ranking, the learners without a relevant item.
    """

    sample: Sample
    units: Units
    groups: Mapping[str, Array]
    without_relevant: int | None = None


def read_rows(
    predictions: Predictions,
    *,
    task: EvaluationTask | None,
    positive: Label | None,
    threshold: float,
    names: Sequence[str] | None,
) -> Rows:
    """Check predictions, and put them into the shape that their task is measured in.

    Raises
    ------
    InvalidInputError
        They do not fit the task, or a metric of a ranking does not exist.
    """
    _check_task(task, predictions)
    if task == "ranking":
        ranked = read_ranking(predictions, chosen_rankings(names))
        units = Units(ranked.sample.size)
        return Rows(ranked.sample, units, ranked.groups, ranked.without_relevant)
    sample = read_sample(
        predictions.y_true,
        predictions.y_pred,
        predictions.y_score,
        task="binary" if task == "knowledge-tracing" else cast("Task | None", task),
        positive=positive,
        threshold=threshold,
    )
    return Rows(sample, read_units(predictions.cluster, sample.size), predictions.groups)


def _check_task(task: object, predictions: Predictions) -> None:
    if task is not None and task not in TASKS:
        shown = ", ".join(map(repr, TASKS))
        raise InvalidInputError(f"task is {task!r}; choose one of {shown}", task=task)
    if task != "ranking" and predictions.item is not None:
        raise InvalidInputError('item= is for rankings: say task="ranking", or leave it out')
    if task == "knowledge-tracing" and (predictions.cluster is None or predictions.y_score is None):
        raise InvalidInputError(
            "knowledge tracing needs cluster=, the learner of each interaction, and y_score=, the "
            "probability that it is answered rightly"
        )
