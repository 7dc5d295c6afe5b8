"""Make an evaluation a version of its own, with what was predicted for each row."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import edversion
from edversion_plugins.evaluation import Fairness
from edversion_plugins.sklearn.scoring import Predictions

__all__ = ["keeper"]


def keeper(
    predictions: Predictions,
    X: Any,
    y: Any,
    sample_weight: Any,
    groups: Any,
    fairness: tuple[Fairness, ...],
) -> Callable[..., str]:
    """Give what makes the evaluation a version, and gives its reference.

    It takes ``run``, ``version`` (of the model), ``dataset`` and ``split``.

    Parameters
    ----------
    predictions : Predictions
        Of X.
    X, y, sample_weight, groups
        As for `Versioned.evaluate`.
    fairness : tuple of Fairness
        What is compared between groups, if it is one; else the usual is.

    Raises
    ------
    InvalidInputError
        There are weights, or no single label or number is predicted for a row.
    """
    _check(predictions, sample_weight)
    return partial(_keep, predictions, y, groups, _sample_ids(X), fairness)


def _check(predictions: Predictions, weights: Any) -> None:
    """Refuse what an evaluation with predictions cannot be made of."""
    why = None
    if weights is not None:
        why = "counts every row once; leave out sample_weight"
    elif predictions.kind == "other" or np.ndim(predictions.predicted) != 1:
        why = "needs a classifier or a regressor with one outcome"
    if why is not None:
        raise edversion.InvalidInputError(
            f"keep_predictions=True {why}, or keep_predictions", code="no_predictions"
        )


def _keep(
    predictions: Predictions,
    y: Any,
    groups: Any,
    sample_id: Any,
    fairness: tuple[Fairness, ...],
    *,
    run: edversion.Run,
    version: edversion.Version,
    dataset: edversion.Version | None,
    split: str,
) -> str:
    """Make an evaluation a version, with the predictions; give its reference."""
    from edversion_plugins.evaluation import evaluate as evaluate_rows

    classes, score = predictions.classes, predictions.scores
    numbers = predictions.kind == "regressor"
    two = not numbers and classes is not None and len(classes) == 2
    if np.ndim(score) > 1 and not predictions.probable:
        score = None  # distances to several classes are no probabilities
    found = evaluate_rows(
        version, dataset, y_true=np.asarray(y), y_pred=predictions.predicted, y_score=score,
        groups=groups, sample_id=sample_id, split=split, run=run,
        task="regression" if numbers else "binary" if two else None,
        positive=_plain(classes[1]) if two else None,
        fairness=fairness[0] if len(fairness) == 1 else None,
    )  # fmt: skip
    return found.version.reference


def _plain(label: Any) -> Any:
    return label.item() if hasattr(label, "item") else label


def _sample_ids(X: Any) -> Any:
    """Give the index of a frame, where it can name its rows; it stays when data are split."""
    index = getattr(X, "index", None)
    if index is None or callable(index) or not index.is_unique or index.nlevels > 1:
        return None
    return index.to_numpy() if index.inferred_type in {"integer", "string"} else None
