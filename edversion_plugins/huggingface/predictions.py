"""What a model predicted for whom: labels and scores out of an evaluation, groups by position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import edversion
from edversion_plugins.evaluation import Fairness, FairnessReport

__all__ = ["Outcome", "columns_of", "measure", "outcome_of"]

_PADDING = -100
_LABELS = ("labels", "label")
Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What was true and what was predicted, a row for each prediction.

    Attributes
    ----------
    true : ndarray of shape (n_predictions,)
        Labels.
    predicted : ndarray of shape (n_predictions,) or None
        Likewise; None where the score decides.
    score : ndarray of shape (n_predictions,) or None
        Probability of the second of two classes.
    rows : ndarray of shape (n_predictions,)
        Row of the dataset that each belongs to: of a sequence there are many.
    """

    true: Array
    predicted: Array | None
    score: Array | None
    rows: Array


def outcome_of(prediction: Any) -> Outcome:
    """Read an evaluation's predictions.

    Parameters
    ----------
    prediction : EvalPrediction
        Of a classification, a classification of each token (labels of -100 are left out), or
        a regression; or with predictions that are labels already.

    Raises
    ------
    InvalidInputError
        Predictions are of another kind.
    """
    labels, predictions = _first(prediction.label_ids), _first(prediction.predictions)
    rows = np.arange(len(labels))
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and predictions.shape[:2] == labels.shape:
        known = labels != _PADDING
        rows = np.broadcast_to(rows[:, None], labels.shape)[known]
        labels, predictions = labels[known], predictions[known]
    if labels.ndim != 1 or predictions.ndim not in (1, 2):
        raise edversion.InvalidInputError(
            f"labels of shape {labels.shape} with predictions of shape {predictions.shape} are "
            "neither classes nor numbers; let preprocess_logits_for_metrics give one label or "
            "number for each row",
            code="unsupported_predictions",
        )
    return _read(labels, predictions, rows)


def _read(labels: Array, predictions: Array, rows: Array) -> Outcome:
    if predictions.ndim == 2 and predictions.shape[1] == 1:
        predictions = predictions[:, 0]
    classes = labels.dtype.kind in "iub"
    if predictions.ndim == 1:
        scores = classes and predictions.dtype.kind == "f"
        return Outcome(labels, *_one_column(predictions, scores), rows)
    chances = _softmax(predictions)
    if predictions.shape[1] == 2:
        return Outcome(labels, None, chances[:, 1], rows)
    return Outcome(labels, chances.argmax(axis=1), None, rows)


def _one_column(values: Array, scores: bool) -> tuple[Array | None, Array | None]:
    """Tell labels and measured numbers from scores of a class, which become probabilities."""
    if not scores:
        return values, None
    if values.size and (values.min() < 0 or values.max() > 1):
        values = 1 / (1 + np.exp(-values.astype(np.float64)))
    return None, values


def _softmax(logits: Array) -> Array:
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _first(values: Any) -> Array:
    """Take the logits, which come first where a model gives several outputs."""
    while isinstance(values, tuple | list) and values:
        values = values[0]
    return np.asarray(values)


def columns_of(dataset: Any, names: Iterable[str]) -> dict[str, list[Any]]:
    """Take columns out of a dataset, in its order.

    Raises
    ------
    InvalidInputError
        It has no such column, or no order.
    """
    return {name: _column(dataset, name) for name in names}


def _column(dataset: Any, name: str) -> list[Any]:
    known = getattr(dataset, "column_names", None)
    try:
        if known is not None and hasattr(dataset, "with_format"):
            return list(dataset.with_format(None)[name])
        if isinstance(dataset, Mapping) or hasattr(dataset, "columns"):
            return list(dataset[name])
        return [dataset[row][name] for row in range(len(dataset))]
    except (LookupError, TypeError, ValueError) as error:
        have = "" if known is None else f"; it has {', '.join(known)}"
        raise edversion.InvalidInputError(
            f"the data for evaluation have no column {name!r}{have}",
            code="no_column",
            column=name,
        ) from error


def measure(fairness: Fairness, prediction: Any, dataset: Any) -> FairnessReport:
    """Measure by group; the groups are columns of the dataset, row by row.

    Raises
    ------
    InvalidInputError
        The predictions cannot be read, or are not those of the dataset's rows in its order.
    """
    outcome = outcome_of(prediction)
    groups = columns_of(dataset, fairness.attributes)
    rows = len(_first(prediction.label_ids))
    if any(len(column) != rows for column in groups.values()):
        raise _disordered(f"{rows} rows were evaluated, the dataset has {len(dataset)}")
    _check_order(prediction, dataset)
    return fairness.measure(
        outcome.true,
        outcome.predicted,
        outcome.score,
        groups={name: _at(column, outcome.rows) for name, column in groups.items()},
    )


def _check_order(prediction: Any, dataset: Any) -> None:
    """Compare labels, where the dataset has them as such: a sampler may sort by length."""
    known = getattr(dataset, "column_names", None) or ()
    name = next((each for each in _LABELS if each in known), None)
    labels = _first(prediction.label_ids)
    if name is None or labels.ndim != 1:
        return
    own = np.asarray(_column(dataset, name))
    if own.shape == labels.shape and not np.allclose(own, labels):
        raise _disordered("the rows were evaluated in another order")


def _at(column: list[Any], rows: Array) -> list[Any]:
    return [column[row] for row in rows.tolist()]


def _disordered(what: str) -> edversion.InvalidInputError:
    return edversion.InvalidInputError(
        f"{what}, so nobody knows which learner is of which group; evaluate without "
        "grouping by length and without dropping the last batch",
        code="rows_unknown",
    )
