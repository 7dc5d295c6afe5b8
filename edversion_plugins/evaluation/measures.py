"""Every measure by name: what task it is of, what it needs, and its values by group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edversion_plugins.evaluation.columns import Column
from edversion_plugins.evaluation.curves import Ranking, Roc, auc_column, rocs_by_group
from edversion_plugins.evaluation.groups import Grouping
from edversion_plugins.evaluation.inputs import Sample, Task
from edversion_plugins.evaluation.losses import (
    calibration_error,
    measured_means,
    number_errors,
    probability_losses,
)
from edversion_plugins.evaluation.rankings import ranking_metric
from edversion_plugins.evaluation.rates import class_rates, decision_rates, truth_rate
from edversion_plugins.evaluation.sums import Summed

__all__ = [
    "MEASURES",
    "Measure",
    "Measures",
    "families",
    "measure_groups",
    "measure_of",
    "why_absent",
]

Need = Literal["truth", "decisions", "scores", "probabilities", "rankings"]


@dataclass(frozen=True, slots=True)
class Measure:
    """What is known of a measure.

    Attributes
    ----------
    needs : str
        ``"truth"``, ``"decisions"``, ``"scores"``, ``"probabilities"`` or ``"rankings"``.
    better : str or None
        Which values are better; None where neither is in itself.
    tasks : tuple of str
        Tasks it fits.
    has_ratio : bool
        Whether the ratio of two values means something.
    """

    needs: Need
    better: Literal["higher", "lower"] | None = None
    tasks: tuple[Task, ...] = ("binary",)
    has_ratio: bool = True


MEASURES: dict[str, Measure] = {
    "base_rate": Measure("truth"),
    "selection_rate": Measure("decisions"),
    "accuracy": Measure("decisions", "higher", ("binary", "multiclass")),
    "balanced_accuracy": Measure("decisions", "higher"),
    "tpr": Measure("decisions", "higher"),
    "fnr": Measure("decisions", "lower"),
    "fpr": Measure("decisions", "lower"),
    "precision": Measure("decisions", "higher"),
    "f1": Measure("decisions", "higher"),
    "auc": Measure("scores", "higher"),
    "log_loss": Measure("probabilities", "lower"),
    "brier": Measure("probabilities", "lower"),
    "calibration_gap": Measure("probabilities", has_ratio=False),
    "ece": Measure("probabilities", "lower", has_ratio=False),
    "macro_recall": Measure("decisions", "higher", ("multiclass",)),
    "mae": Measure("decisions", "lower", ("regression",)),
    "rmse": Measure("decisions", "lower", ("regression",)),
    "mean_error": Measure("decisions", None, ("regression",), has_ratio=False),
}
"""The measures by name; those of rankings have a cut-off in theirs, see `measure_of`."""
_OF_RANKINGS = Measure("rankings", "higher", ("ranking",))

_WANTING: dict[Need, str] = {
    "truth": "needs y_true",
    "decisions": "needs y_pred, or probabilities as y_score",
    "scores": "needs y_score",
    "probabilities": "needs probabilities, between 0 and 1, as y_score",
    "rankings": "was not asked for in metrics=",
}


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """All measures of the groups of one attribute, and the groups' ROC curves."""

    grouping: Grouping
    columns: dict[str, Column]
    rocs: tuple[Roc | None, ...] = ()


def measure_of(name: object) -> Measure | None:
    """Give what is known of a measure, also of one of rankings; None where there is none."""
    if isinstance(name, str) and name in MEASURES:
        return MEASURES[name]
    return None if ranking_metric(name) is None else _OF_RANKINGS


def why_absent(measure: str, sample: Sample) -> str:
    """Say why a measure has no values at all for a sample."""
    known = measure_of(measure)
    assert known is not None
    if sample.task not in known.tasks:
        return f"does not fit a {sample.task} task"
    return _WANTING[known.needs]


def measure_groups(sample: Sample, ranking: Ranking | None, grouping: Grouping) -> Measures:
    """Compute every measure that fits the sample, for every group.

    Parameters
    ----------
    sample : Sample
        The rows.
    ranking : Ranking or None
        The same rows by score, where they have scores.
    grouping : Grouping
        The group of each row.
    """
    columns: dict[str, Column] = {}
    for family in families(sample):
        columns |= family.columns(grouping)
    if ranking is None:
        return Measures(grouping, columns)
    rocs = rocs_by_group(ranking, grouping)
    columns["auc"] = auc_column(rocs, grouping)
    return Measures(grouping, {name: columns[name] for name in MEASURES if name in columns}, rocs)


def families(sample: Sample) -> tuple[Summed, ...]:
    """Give the measures that follow from sums and fit the sample."""
    true, predicted, score = sample.true, sample.predicted, sample.score
    if sample.task != "binary":
        if sample.values:
            return (measured_means(sample.values),)
        if predicted is None:
            return ()
        if sample.task == "regression":
            return (number_errors(true, predicted),)
        return (class_rates(true, predicted, len(sample.classes)),)
    found = [truth_rate(true)]
    if predicted is not None:
        found.append(decision_rates(true, predicted))
    if score is not None and sample.is_probability:
        found += [probability_losses(true, score), calibration_error(true, score)]
    return tuple(found)
