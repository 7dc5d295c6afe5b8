"""The values that a score is the mean of, row by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from edversion import InvalidInputError
from edversion_plugins.evaluation.arrays import Floats, as_array, as_floats
from edversion_plugins.evaluation.delong import pairs_won
from edversion_plugins.evaluation.emotions import refuse_emotions
from edversion_plugins.evaluation.inputs import Label, Sample, read_sample
from edversion_plugins.evaluation.losses import row_values
from edversion_plugins.evaluation.measures import MEASURES

__all__ = ["METRICS", "Better", "RowMetric", "metric_of"]

Better = Literal["higher", "lower"]
Wants = Literal["labels", "probabilities", "scores", "numbers"]


@dataclass(frozen=True, slots=True)
class RowMetric:
    """A metric that is a mean over rows, of the rows' own values or of what each adds.

    Attributes
    ----------
    name : str
        What it is called.
    better : str
        Which values are better.
    wants : str
        What a model must predict: labels, probabilities or scores of the positive class, or
        numbers.
    compute : callable or None
        Gives a value for each row from the truth and the predictions; None for a known one.
    by_rows : bool
        Whether a row has a value by itself, so that rows of a part have a mean of their own.
        Else its values depend on the other rows of its data set: they sum to the metric of the
        data set and vary as it does, but say nothing of a part.
    """

    name: str
    better: Better
    wants: Wants
    compute: Callable[[Any, Any], Any] | None = None
    by_rows: bool = True

    @property
    def sign(self) -> int:
        """1 where more is better, −1 where less is."""
        return 1 if self.better == "higher" else -1

    def values(
        self, true: Any, predicted: Any, *, positive: Label | None = None, old: int | None = None
    ) -> Floats:
        """Give the value of each row; their mean is the metric.

        Parameters
        ----------
        true, predicted : array-like of shape (n_samples,)
            The truth, and what the model predicts: labels, numbers, or probabilities (of
            shape ``(n_samples, 2)``, too).
        positive : str or int, optional
            The positive class.
        old : int, optional
            The number of rows, from the first, that are of the old data; the others are of the
            new. All are of one data set where left out.

        Raises
        ------
        InvalidInputError
            They do not fit the metric.
        """
        if self.compute is not None:
            found = as_floats(as_array(self.compute(true, predicted), self.name), self.name)
            if len(found) != len(true):
                raise InvalidInputError(
                    f"the metric {self.name!r} gave {len(found)} values for {len(true)} rows; "
                    "give one for each"
                )
            return found
        if self.name == "accuracy":
            labels = read_sample(true, predicted, task="multiclass")
            return np.asarray(labels.true == labels.predicted, dtype=np.float64)
        if self.wants == "numbers":
            return _row_values(self.name, read_sample(true, predicted, task="regression"))
        sample = read_sample(true, y_score=predicted, task="binary", positive=positive)
        if self.wants == "scores":
            assert sample.score is not None
            sides = np.split(np.arange(sample.size), [sample.size if old is None else old])
            return np.concatenate([_area_parts(sample.true[at], sample.score[at]) for at in sides])
        if not sample.is_probability:
            raise InvalidInputError(
                f"{self.name} needs probabilities, between 0 and 1", column="y_score"
            )
        return _row_values(self.name, sample)


METRICS: dict[str, RowMetric] = {
    "accuracy": RowMetric("accuracy", "higher", "labels"),
    "auc": RowMetric("auc", "higher", "scores", by_rows=False),
    "brier": RowMetric("brier", "lower", "probabilities"),
    "log_loss": RowMetric("log_loss", "lower", "probabilities"),
    "mae": RowMetric("mae", "lower", "numbers"),
    "mse": RowMetric("mse", "lower", "numbers"),
}
"""The metrics that can be attributed, by name."""

_OTHER_NAMES = {"roc_auc": "auc"}
_INSTEAD = {"rmse": "mse or mae"}


def metric_of(metric: Any, better: Better | None = None) -> RowMetric:
    """Give the metric of a name, or of a function of truth and predictions.

    Raises
    ------
    InvalidInputError
        The metric is unknown, is no mean over rows, or names an emotion.
    """
    if isinstance(metric, RowMetric):
        return metric
    if callable(metric):
        return _own(metric, better)
    name = _OTHER_NAMES.get(metric, metric) if isinstance(metric, str) else metric
    if not isinstance(name, str) or name not in METRICS:
        raise _unknown(metric)
    return METRICS[name]


def _own(metric: Callable[[Any, Any], Any], better: Better | None) -> RowMetric:
    name = getattr(metric, "__name__", "metric")
    refuse_emotions([name], None)
    if better not in ("higher", "lower"):
        raise InvalidInputError(
            f'say which values of {name!r} are better: better="higher" or better="lower"',
            code="bad_argument",
            argument="better",
        )
    return RowMetric(name, better, "labels", metric)


def _unknown(metric: Any) -> InvalidInputError:
    usable = ", ".join(METRICS)
    if metric in _INSTEAD or metric in MEASURES:
        instead = f"; try {_INSTEAD[metric]}" if metric in _INSTEAD else ""
        message = f"{metric} is no mean over rows, so that its change cannot be split{instead}"
    else:
        message = f"unknown metric {metric!r}"
    return InvalidInputError(
        f"{message}. Known are {usable}, and functions that give a value for each row",
        code="unknown_metric",
        metric=metric,
    )


def _row_values(name: str, sample: Sample) -> Floats:
    inner = "rmse" if name == "mse" else name  # whose row values are the squares
    return row_values(inner, sample.true, sample.predicted, sample.score)


def _area_parts(true: Any, score: Floats) -> Floats:
    """Give what each row adds to the area under the ROC curve of its data set.

    Of a row of the positive class that is the share of negatives that it is ranked above, of a
    negative the share of positives below which it is, ties by half; each less the area,
    weighed by how rare the class is, and moved so that the mean is the area: DeLong's parts as
    pseudo-values. Drawing rows again gives his variance, drawing learners Obuchowski's.

    References
    ----------
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson (1988). Comparing the Areas under Two or
    More Correlated Receiver Operating Characteristic Curves. Biometrics 44, 837–845.
    """
    positive = np.asarray(true == 1)
    counts = np.array([np.count_nonzero(~positive), np.count_nonzero(positive)])
    if not counts.all():
        raise InvalidInputError(
            "auc needs rows of both classes in the old and in the new data; one of them has "
            f"{counts[1]} of the positive class among {len(positive)}",
            code="one_class",
        )
    wins = pairs_won(positive, score)
    area = wins[positive].mean()
    weights = len(score) / np.where(positive, counts[1], counts[0])
    return np.asarray(area + weights * (wins - area))
