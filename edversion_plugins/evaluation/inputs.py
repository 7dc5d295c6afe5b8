"""Turn what a caller gives into one checked `Sample`: the task, the truth, the predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from edversion import InvalidInputError
from edversion_plugins.evaluation.arrays import (
    Array,
    Floats,
    Ints,
    as_array,
    as_floats,
    as_table,
    bad_rows,
    distinct,
    is_missing,
)

__all__ = ["Label", "Sample", "Task", "read_sample"]

Task = Literal["binary", "multiclass", "regression", "ranking"]
Label = str | int | bool
"""What may be named as the positive class."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Rows that were checked, as the measures want them.

    Attributes
    ----------
    task : str
        ``"binary"``, ``"multiclass"``, ``"regression"`` or ``"ranking"``.
    true : ndarray of shape (n_samples,)
        1 for the positive class and else 0; or indices of classes; or numbers; of a ranking,
        whose rows are learners, the number of items that are relevant.
    predicted : ndarray of shape (n_samples,) or None
        Likewise; None where neither predictions nor probabilities were given.
    score : ndarray of shape (n_samples,) or None
        Score of the positive class.
    is_probability : bool
        Whether all scores are between 0 and 1.
    classes : tuple of str
        Names of the classes, by index; of a binary task the positive one is last.
    values : mapping of str to ndarray of shape (n_samples,)
        Of a ranking, each learner's metrics by name; NaN for learners without a relevant item.
    """

    task: Task
    true: Array
    predicted: Array | None
    score: Floats | None = None
    is_probability: bool = False
    classes: tuple[str, ...] = ()
    values: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of rows."""
        return int(self.true.size)


def read_sample(
    y_true: object,
    y_pred: object = None,
    y_score: object = None,
    *,
    task: Task | None = None,
    positive: Label | None = None,
    threshold: float = 0.5,
) -> Sample:
    """Check the truth and the predictions, and tell the task where it is not given.

    Raises
    ------
    InvalidInputError
        Lengths differ, values are missing, or they do not fit the task.
    """
    if y_pred is None and y_score is None:
        raise InvalidInputError("give y_pred, y_score or both: there is nothing to measure")
    true = as_array(y_true, "y_true")
    if not true.size:
        raise InvalidInputError("y_true has no rows", column="y_true")
    predicted = None if y_pred is None else _matching(as_array(y_pred, "y_pred"), true, "y_pred")
    score = None if y_score is None else _matching(as_table(y_score, "y_score"), true, "y_score")
    if task == "regression" or (task is None and _is_regression(true, predicted)):
        return _regression(true, predicted)
    labels = _Labels.read(true, predicted)
    scores = None if score is None else as_floats(score, "y_score")
    if task == "multiclass" or (task is None and len(labels.values) > 2):
        return _multiclass(labels, scores)
    return _binary(labels, scores, positive, threshold)


def _matching(array: Array, true: Array, name: str) -> Array:
    if len(array) != len(true):
        raise InvalidInputError(
            f"{name} has {len(array)} rows, y_true has {len(true)}; they must be of the same rows",
            code="lengths_differ",
            column=name,
        )
    return array


def _is_regression(true: Array, predicted: Array | None) -> bool:
    """Say whether the truth holds measured numbers rather than labels of classes.

    Fractional predictions of whole numbers are a regression too, but of two labels they are
    rather scores at the wrong place, of which `_labelled` tells.
    """
    if _is_fractional(true, "y_true"):
        return True
    if predicted is None or not _is_fractional(predicted, "y_pred"):
        return False
    return len(distinct(true, "y_true")[0]) > 2


def _is_fractional(array: Array, name: str) -> bool:
    if array.dtype.kind == "f":
        return bool((as_floats(array, name) % 1).any())
    return array.dtype.kind == "O" and any(map(_has_fraction, distinct(array, name)[0]))


def _has_fraction(value: object) -> bool:
    return isinstance(value, float) and not is_missing(value) and bool(value % 1)


def _regression(true: Array, predicted: Array | None) -> Sample:
    if predicted is None:
        raise InvalidInputError("y_true holds measured numbers (regression): give y_pred")
    return Sample("regression", as_floats(true, "y_true"), as_floats(predicted, "y_pred"))


@dataclass(frozen=True, slots=True, eq=False)
class _Labels:
    """The labels of both columns, sorted, and which row has which."""

    values: list[Any]
    true: Ints
    predicted: Ints | None

    @classmethod
    def read(cls, true: Array, predicted: Array | None) -> _Labels:
        columns = {"y_true": true} | ({} if predicted is None else {"y_pred": predicted})
        coded = {name: _labelled(array, name) for name, array in columns.items()}
        values = _sorted({value for known, _ in coded.values() for value in known})
        rank = {value: place for place, value in enumerate(values)}
        places = [np.array([rank[v] for v in known])[codes] for known, codes in coded.values()]
        return cls(values, places[0], places[1] if predicted is not None else None)


def _labelled(array: Array, name: str) -> tuple[list[Any], Ints]:
    if array.dtype.kind == "f":
        as_floats(array, name)
    values, codes = distinct(array, name)
    missing = [place for place, value in enumerate(values) if is_missing(value)]
    if missing:
        raise bad_rows(np.flatnonzero(np.isin(codes, missing)), array.size, name, "missing values")
    odd = next(filter(_has_fraction, values), None)
    if odd is not None:
        raise InvalidInputError(
            f"{name} holds {odd!r}, which is no label of a class; give scores as y_score, or "
            'say task="regression"',
            column=name,
        )
    return [int(v) if isinstance(v, float) else v for v in values], codes  # 1.0 is class 1


def _sorted(values: set[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError as error:
        shown = ", ".join(map(repr, list(values)[:4]))
        raise InvalidInputError(
            f"y_true and y_pred mix labels of different kinds ({shown}); give both as text or "
            "both as numbers"
        ) from error


def _multiclass(labels: _Labels, scores: Floats | None) -> Sample:
    if labels.predicted is not None:
        return Sample("multiclass", labels.true, labels.predicted, classes=_names(labels.values))
    if scores is None or scores.ndim != 2:
        raise InvalidInputError(
            f"y_true has {len(labels.values)} classes: give y_pred, or y_score with one column "
            "for each class"
        )
    classes = scores.shape[1]
    if not all(isinstance(v, int) and 0 <= v < classes for v in labels.values):
        raise InvalidInputError(
            f"y_score has {classes} columns, which are classes 0 to {classes - 1}; y_true has "
            f"labels {_shown(labels.values)}; give y_pred instead"
        )
    true = np.array([int(value) for value in labels.values])[labels.true]
    return Sample("multiclass", true, scores.argmax(axis=1), classes=_names(range(classes)))


def _binary(
    labels: _Labels, scores: Floats | None, positive: Label | None, threshold: float
) -> Sample:
    if len(labels.values) > 2:
        raise InvalidInputError(
            f"a binary task has two classes; y_true and y_pred hold {_shown(labels.values)}"
        )
    place = _positive_place(labels.values, positive)
    score = None if scores is None else _positive_score(scores, labels, positive, place)
    is_probability = score is not None and bool(((score >= 0) & (score <= 1)).all())
    predicted = None
    if labels.predicted is not None:
        predicted = (labels.predicted == place).astype(np.intp)
    elif score is not None and is_probability:
        predicted = (score >= threshold).astype(np.intp)  # >= as scikit-learn's thresholds
    true = (labels.true == place).astype(np.intp)
    classes = _binary_names(labels.values, place, positive)
    return Sample("binary", true, predicted, score, is_probability, classes)


def _binary_names(values: Sequence[Any], place: int, positive: Label | None) -> tuple[str, ...]:
    """Name the classes, the positive one last."""
    others = [value for at, value in enumerate(values) if at != place]
    absent = 1 if positive is None else positive
    return _names([*others, values[place] if place >= 0 else absent])


def _positive_place(values: Sequence[Any], positive: Label | None) -> int:
    """Give the index of the positive label; -1 where it is known but does not occur."""
    if positive is not None:
        # a name from YAML or a command line is text where the label may be a number
        texts = [str(value) for value in values]
        if positive in values:
            return values.index(positive)
        if str(positive) in texts:
            return texts.index(str(positive))
        if len(values) < 2:
            return -1
        raise InvalidInputError(
            f"the positive class {positive!r} is not among the labels {_shown(values)}"
        )
    if set(values) <= {0, 1} or set(values) <= {-1, 1}:
        return values.index(1) if 1 in values else -1
    if len(values) == 2:
        return 1  # the later label, as scikit-learn's `classes_[1]`
    raise InvalidInputError(
        f"all rows are labelled {values[0]!r}: name the positive class, e.g. "
        f"Fairness(…, positive={values[0]!r})"
    )


def _positive_score(scores: Floats, labels: _Labels, positive: Label | None, place: int) -> Floats:
    """Give the scores of the positive class; of two columns, those at its place."""
    if scores.ndim == 1:
        return scores
    known = len(labels.values) == 2 or positive is None
    if scores.shape[1] != 2 or not known or not np.allclose(scores.sum(axis=1), 1, atol=1e-3):
        raise InvalidInputError(
            f"y_score has {scores.shape[1]} columns that cannot be read as the probabilities "
            "of two classes; give the score of the positive class alone",
            column="y_score",
        )
    return scores[:, place if len(labels.values) == 2 else 1]


def _names(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(map(str, values))


def _shown(values: Sequence[Any]) -> str:
    more = ", …" if len(values) > 4 else ""
    return ", ".join(map(repr, values[:4])) + more
