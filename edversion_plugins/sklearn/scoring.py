"""How well a fitted estimator does on data: the measures that fit its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn import metrics
from sklearn.base import is_classifier, is_regressor

import edversion
from edversion_plugins.tracking import Monitor

__all__ = ["Predictions", "deciding", "likely", "measure", "predictions_of"]

_HIGHER = ("roc_auc", "r2", "accuracy", "score", "balanced_accuracy", "f1", "f1_macro", "precision")
_MODES = {name: Monitor(name, "max") for name in (*_HIGHER, "recall")} | {
    name: Monitor(name, "min") for name in ("rmse", "mae", "log_loss", "brier")
}
_DEFAULT = tuple(_MODES[name] for name in _HIGHER[:4])


def deciding(monitor: str | Monitor | None) -> tuple[Monitor, ...]:
    """Give what may decide which version is best; the first that was measured does.

    Raises
    ------
    InvalidInputError
        No metric of this adapter has the name; a metric of another kind needs a `Monitor`,
        which says whether more of it is better.
    """
    if monitor is None:
        return _DEFAULT
    if isinstance(monitor, Monitor):
        return (monitor,)
    if monitor not in _MODES:
        raise edversion.InvalidInputError(
            f"monitor must be one of {', '.join(sorted(_MODES))}, or Monitor(name, 'min'), not "
            f"{monitor!r}",
            code="bad_argument",
            argument="monitor",
        )
    return (_MODES[monitor],)


@dataclass(frozen=True, slots=True)
class Predictions:
    """What an estimator says of data.

    Attributes
    ----------
    kind : {"classifier", "regressor", "other"}
        What it is.
    predicted : array of shape (n_samples,)
        Labels or numbers.
    scores : array of shape (n_samples,) or (n_samples, n_classes), or None
        Probabilities, or how far from the boundary; of two classes those of the second.
    classes : array or None
        Labels, sorted.
    probable : bool
        Whether the scores are probabilities.
    """

    kind: Literal["classifier", "regressor", "other"]
    predicted: Any
    scores: Any = None
    classes: Any = None
    probable: bool = False


def likely(estimator: Any, monitor: str | Monitor | None) -> tuple[Monitor, ...]:
    """Give what will decide between versions of an estimator, before anything is measured."""
    if monitor is not None:
        return deciding(monitor)
    name = "roc_auc" if is_classifier(estimator) else "r2" if is_regressor(estimator) else "score"
    return (_MODES[name],)


def predictions_of(estimator: Any, X: Any) -> Predictions:
    """Ask a fitted estimator about data of shape ``(n_samples, n_features)``."""
    predicted = estimator.predict(X)
    if is_regressor(estimator):
        return Predictions("regressor", predicted)
    if not is_classifier(estimator):
        return Predictions("other", predicted)
    classes = getattr(estimator, "classes_", None)
    if np.ndim(predicted) != 1 or classes is None:
        return Predictions("classifier", predicted)
    for name in ("predict_proba", "decision_function"):
        if hasattr(estimator, name):
            scores = np.asarray(getattr(estimator, name)(X))
            if scores.ndim == 2 and len(classes) == 2:
                scores = scores[:, 1]
            return Predictions("classifier", predicted, scores, classes, name == "predict_proba")
    return Predictions("classifier", predicted, None, classes)


def measure(
    estimator: Any, predictions: Predictions, X: Any, y: Any, weights: Any = None
) -> dict[str, dict[str, Any]]:
    """Measure predictions; what is not defined for these data is left out.

    Parameters
    ----------
    estimator : estimator
        Fitted; asked for its own ``score`` where it is no classifier and no regressor.
    predictions : Predictions
        Of X.
    X : array-like of shape (n_samples, n_features)
        The data.
    y : array-like of shape (n_samples,)
        What is true.
    weights : array-like of shape (n_samples,), optional
        Weights of the rows.

    Returns
    -------
    dict
        ``{"accuracy": {"value": 0.9, "n": 200}, …}``, as `Run.log_metrics` takes it.
    """
    found: Mapping[str, Callable[[], Any]]
    if predictions.kind == "classifier":
        found = _of_labels(predictions, y, weights)
    elif predictions.kind == "regressor":
        found = _of_numbers(predictions, y, weights)
    else:
        found = {"score": lambda: estimator.score(X, y)} if hasattr(estimator, "score") else {}
    values = {name: float(compute()) for name, compute in found.items()}
    n = int(np.shape(predictions.predicted)[0])
    return {name: {"value": value, "n": n} for name, value in values.items() if np.isfinite(value)}


def _of_numbers(given: Predictions, y: Any, weights: Any) -> dict[str, Callable[[], Any]]:
    known = {"y_true": y, "y_pred": given.predicted, "sample_weight": weights}
    found: dict[str, Callable[[], Any]] = {
        "rmse": lambda: metrics.root_mean_squared_error(**known),
        "mae": lambda: metrics.mean_absolute_error(**known),
    }
    if len(y) > 1:
        found["r2"] = lambda: metrics.r2_score(**known)
    return found


def _of_labels(given: Predictions, y: Any, weights: Any) -> dict[str, Callable[[], Any]]:
    known = {"y_true": y, "y_pred": given.predicted, "sample_weight": weights}
    found: dict[str, Callable[[], Any]] = {"accuracy": lambda: metrics.accuracy_score(**known)}
    if given.classes is None or np.ndim(y) != 1:
        return found
    present = np.unique(y)
    if len(present) > 1:
        found["balanced_accuracy"] = lambda: metrics.balanced_accuracy_score(**known)
    if len(given.classes) == 2:
        found |= _of_two_classes(given, known)
    else:
        found["f1_macro"] = lambda: metrics.f1_score(**known, average="macro", zero_division=0)
    if given.scores is not None and set(present) <= set(given.classes):
        found |= _of_scores(given, y, weights, all_present=len(present) == len(given.classes))
    return found


def _of_two_classes(given: Predictions, known: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    positive = {"pos_label": given.classes[1], "zero_division": 0}
    return {
        "f1": lambda: metrics.f1_score(**known, **positive),
        "precision": lambda: metrics.precision_score(**known, **positive),
        "recall": lambda: metrics.recall_score(**known, **positive),
    }


def _of_scores(
    given: Predictions, y: Any, weights: Any, *, all_present: bool
) -> dict[str, Callable[[], Any]]:
    found: dict[str, Callable[[], Any]] = {}
    two, scores = len(given.classes) == 2, given.scores
    if all_present and two:
        positive = np.asarray(y) == given.classes[1]
        found["roc_auc"] = lambda: metrics.roc_auc_score(positive, scores, sample_weight=weights)
    elif all_present and given.probable:
        found["roc_auc"] = lambda: metrics.roc_auc_score(
            y, scores, sample_weight=weights, multi_class="ovr", labels=given.classes
        )
    if given.probable:
        found["log_loss"] = lambda: metrics.log_loss(
            y, scores, sample_weight=weights, labels=given.classes
        )
    if given.probable and two:
        found["brier"] = lambda: metrics.brier_score_loss(
            np.asarray(y) == given.classes[1], scores, sample_weight=weights
        )
    return found
