"""What an evaluation asks: the rows, how they are read, and what is measured; checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edversion import InvalidInputError
from edversion_plugins.evaluation.arguments import checked_min_group, checked_threshold
from edversion_plugins.evaluation.arrays import Array
from edversion_plugins.evaluation.asking import EvaluationTask, read_rows
from edversion_plugins.evaluation.definitions import FORMULAS
from edversion_plugins.evaluation.emotions import refuse_emotions
from edversion_plugins.evaluation.fairness import Fairness
from edversion_plugins.evaluation.gaps import gap_rule
from edversion_plugins.evaluation.inputs import Label, Sample, Task
from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.evaluation.measures import measure_of
from edversion_plugins.evaluation.measuring import (
    NEXT_STEP,
    chosen,
    given_values,
    measure_all,
    next_step_auc,
)
from edversion_plugins.evaluation.predictions import Predictions
from edversion_plugins.evaluation.report import AttributeReport, FairnessReport, Measured
from edversion_plugins.evaluation.units import Units

__all__ = ["Answer", "Question"]

Metrics = Sequence[str] | Mapping[str, Any] | None
_MIN_GROUP = 10
_THRESHOLD = 0.5
_USUAL: dict[Task, tuple[str, ...]] = {
    "binary": (
        "demographic_parity_difference",
        "demographic_parity_ratio",
        "equal_opportunity_difference",
        "equalized_odds_difference",
        "accuracy_difference",
        "calibration_gap_difference",
        "auc_difference",
        "abroca",
        "abroca_sum",
    ),
    "multiclass": ("accuracy_difference", "macro_recall_difference"),
    "regression": ("mae_difference", "rmse_difference", "mean_error_difference"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What came out.

    Attributes
    ----------
    metrics : dict of str to Measured
        Over all rows.
    report : FairnessReport or None
        By group; None where no groups were given.
    """

    metrics: dict[str, Measured]
    report: FairnessReport | None


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Rows that were checked, and what is asked of them.

    Attributes
    ----------
    predictions : Predictions
        The rows as given.
    task : str
        The task; knowledge tracing is a binary one in `sample`.
    sample : Sample
        The rows as the measures want them; of a ranking the learners.
    units : Units
        Rows, or learners who have several.
    groups : mapping of str to ndarray
        The attributes of the rows of `sample`.
    without_relevant : int or None
        Of a ranking, the learners without a relevant item.
    threshold : float
        Probability from which a row counts as predicted positive.
    fairness : Fairness or None
        What is compared between groups.
    min_group : int
        Number of learners that a group must have to be shown.
    uncertainty : Uncertainty
        The intervals that are wanted.
    names : sequence of str or None
        The metrics that are asked for; None for all.
    given : mapping of str to Any
        Metrics that the caller measured.
    """

    predictions: Predictions
    task: str
    sample: Sample
    units: Units
    groups: Mapping[str, Array]
    without_relevant: int | None
    threshold: float
    fairness: Fairness | None
    min_group: int
    uncertainty: Uncertainty
    names: Sequence[str] | None
    given: Mapping[str, Any]

    @classmethod
    def read(
        cls,
        predictions: Predictions,
        *,
        task: EvaluationTask | None,
        positive: Label | None,
        threshold: float | None,
        metrics: Metrics,
        fairness: Fairness | None,
        intersections: bool,
        min_group: int | None,
        uncertainty: Uncertainty,
        emotion_exemption: str | None,
    ) -> Question:
        """Check what `evaluate` was given."""
        if fairness is not None and not isinstance(fairness, Fairness):
            raise InvalidInputError(f"fairness must be Fairness(...), not {fairness!r}")
        given = metrics if isinstance(metrics, Mapping) else {}
        names = None if metrics is None or isinstance(metrics, Mapping) else _several(metrics)
        refuse_emotions([*given, *(names or ())], emotion_exemption)
        if threshold is None:
            threshold = _THRESHOLD if fairness is None else fairness.threshold
        if positive is None and fairness is not None:
            positive = fairness.positive
        if min_group is None:
            min_group = _MIN_GROUP if fairness is None else fairness.min_group
        rows = read_rows(
            predictions,
            task=task,
            positive=positive,
            threshold=checked_threshold(threshold),
            names=names,
        )
        least = checked_min_group(min_group)
        asked = _fairness(fairness, predictions, rows.sample, least, intersections)
        return cls(
            predictions,
            task or rows.sample.task,
            rows.sample,
            rows.units,
            rows.groups,
            rows.without_relevant,
            threshold,
            asked,
            least,
            uncertainty,
            names,
            given,
        )

    def answer(self) -> Answer:
        """Measure everything."""
        metrics = measure_all(self.sample, self.units, self.uncertainty)
        if self.task == "knowledge-tracing":
            metrics[NEXT_STEP] = next_step_auc(self.sample, self.units, self.uncertainty)
        report = None
        if self.fairness is not None:
            report = self.fairness.measure_sample(
                self.sample, self.groups, self.units, self.uncertainty
            )
        if self.names is not None:
            wanted = chosen(self.names, metrics, self.sample)
            metrics = {name: metrics[name] for name in wanted}
            report = None if report is None else _only(report, wanted)
        return Answer(metrics | given_values(self.given, {*FORMULAS, *metrics}), report)


def _several(names: Sequence[str]) -> Sequence[str]:
    return [names] if isinstance(names, str) else list(names)


def _fairness(
    given: Fairness | None,
    predictions: Predictions,
    sample: Sample,
    min_group: int,
    intersections: bool,
) -> Fairness | None:
    """Say what is compared: what was asked for, or the usual gaps between all groups."""
    if given is not None:
        return dataclasses.replace(
            given,
            missing="group",
            min_group=min_group,
            intersections=given.intersections or intersections,
        )
    if not predictions.groups:
        return None
    usual = _USUAL.get(sample.task) or [f"{name}_difference" for name in sample.values]
    metrics = [name for name in usual if _fits(name, sample)]
    return Fairness(
        list(predictions.groups),
        metrics=metrics,
        min_group=min_group,
        missing="group",
        intersections=intersections,
    )


def _fits(gap: str, sample: Sample) -> bool:
    has = {
        "truth": True,
        "decisions": sample.predicted is not None,
        "scores": sample.score is not None,
        "probabilities": sample.is_probability,
        "rankings": bool(sample.values),
    }
    known = map(measure_of, gap_rule(gap).measures)
    return all(has[each.needs] for each in known if each is not None)


def _only(report: FairnessReport, names: Sequence[str]) -> FairnessReport:
    """Leave the measures of groups out that were not asked for; n and gaps stay."""

    def trimmed(each: AttributeReport) -> AttributeReport:
        groups = tuple(
            dataclasses.replace(
                group, measures={k: v for k, v in group.measures.items() if k in names}
            )
            for group in each.groups
        )
        return dataclasses.replace(each, groups=groups)

    return dataclasses.replace(report, attributes=tuple(map(trimmed, report.attributes)))
