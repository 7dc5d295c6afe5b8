"""Measure a whole sample, with intervals; and what knowledge tracing asks for besides."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from edversion import InvalidInputError
from edversion_plugins.evaluation.curves import Ranking
from edversion_plugins.evaluation.doubt import Doubt
from edversion_plugins.evaluation.groups import Grouping
from edversion_plugins.evaluation.inputs import Sample
from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.evaluation.measures import (
    MEASURES,
    measure_groups,
    measure_of,
    why_absent,
)
from edversion_plugins.evaluation.rankings import (
    RANKINGS,
    USUAL_RANKINGS,
    RankingMetric,
    ranking_metric,
)
from edversion_plugins.evaluation.report import Measured
from edversion_plugins.evaluation.reporting import measured
from edversion_plugins.evaluation.units import Units

__all__ = [
    "NEXT_STEP",
    "chosen",
    "chosen_rankings",
    "given_values",
    "measure_all",
    "next_step_auc",
]

_ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(("roc_auc", "rocauc", "roc_auc_score", "auroc"), "auc"),
    **dict.fromkeys(("recall", "recall_score", "sensitivity"), "tpr"),
    **dict.fromkeys(("f1_score", "f_score"), "f1"),
    "accuracy_score": "accuracy",
    "precision_score": "precision",
    "brier_score": "brier",
    "brier_score_loss": "brier",
    "mean_absolute_error": "mae",
    "root_mean_squared_error": "rmse",
}
"""What other libraries call a metric, and what it is called here."""

NEXT_STEP = "next_step_auc"


def measure_all(sample: Sample, units: Units, uncertainty: Uncertainty) -> dict[str, Measured]:
    """Give every measure that fits a sample, over all of its rows, with its interval."""
    everyone = Grouping.of_all(sample.size)
    ranking = None if sample.score is None else Ranking.of(sample.true, sample.score)
    doubt = Doubt.of(sample, ranking, units, uncertainty)
    found = measure_groups(sample, ranking, everyone)
    found = doubt.measures(found, doubt.resampled(everyone))
    return {name: measured(column, 0) for name, column in found.columns.items()}


def next_step_auc(sample: Sample, units: Units, uncertainty: Uncertainty) -> Measured:
    """Give the AUC without each learner's first interaction, which nothing was known before.

    Parameters
    ----------
    sample : Sample
        Interactions in the order in which they happened, or at least each learner's.
    units : Units
        The learners.
    uncertainty : Uncertainty
        The interval that is wanted.
    """
    assert sample.score is not None
    codes = np.arange(sample.size) if units.codes is None else units.codes
    later = np.ones(sample.size, dtype=bool)
    later[np.unique(codes, return_index=True)[1]] = False
    if not later.any():
        return Measured(None, 0, "not estimable: no learner has a second interaction")
    kept, owners = np.unique(codes[later], return_inverse=True)
    rows = Sample("binary", sample.true[later], None, sample.score[later])
    return measure_all(rows, Units(len(kept), owners), uncertainty)["auc"]


def chosen(names: Iterable[str], known: Mapping[str, Measured], sample: Sample) -> list[str]:
    """Give the names of metrics that were asked for.

    Raises
    ------
    InvalidInputError
        There is no such metric, or it does not fit the task.
    """
    wanted = list(dict.fromkeys([names] if isinstance(names, str) else names))
    if not wanted:
        raise InvalidInputError("metrics is empty: leave it out for all that fit the task")
    for name in wanted:
        if name not in known:
            raise _unfit(name, sample)
    return wanted


def chosen_rankings(names: Iterable[str] | None) -> tuple[RankingMetric, ...]:
    """Give the metrics of rankings that were asked for; the usual ones for None.

    Raises
    ------
    InvalidInputError
        There is no such metric, or it does not fit a ranking.
    """
    wanted = USUAL_RANKINGS if names is None else tuple(dict.fromkeys(names))
    if not wanted:
        raise InvalidInputError("metrics is empty: leave it out for the usual ones")
    found = [(name, ranking_metric(name)) for name in wanted]
    for name, metric in found:
        if metric is None:
            raise _no_ranking(name)
    return tuple(metric for _, metric in found if metric is not None)


def _no_ranking(name: Any) -> InvalidInputError:
    if name in MEASURES or name == NEXT_STEP:
        return InvalidInputError(
            f"{name} does not fit a ranking task", code="metric_does_not_fit", metric=name
        )
    known = ", ".join(f"{each}@k" for each in RANKINGS)
    return InvalidInputError(
        f"unknown metric {name!r} of a ranking; known are {known}, such as ndcg@10, and map, mrr "
        "and ndcg of the whole ranking",
        code="unknown_metric",
        metric=name,
    )


def _unfit(name: Any, sample: Sample) -> InvalidInputError:
    if measure_of(name) is not None:
        why, code = f"{name} {why_absent(name, sample)}", "metric_does_not_fit"
    elif name == NEXT_STEP:
        why, code = f'{name} needs task="knowledge-tracing"', "metric_does_not_fit"
    elif name in _ELSEWHERE:
        why, code = f"unknown metric {name!r}; it is {_ELSEWHERE[name]} here", "unknown_metric"
    else:
        near = difflib.get_close_matches(str(name), [*MEASURES, NEXT_STEP], n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}?" if near else f"known are {', '.join(MEASURES)}"
        why, code = f"unknown metric {name!r}; {hint}", "unknown_metric"
    return InvalidInputError(why, code=code, metric=name)


def given_values(values: Mapping[str, Any], known: Iterable[str]) -> dict[str, Measured]:
    """Read metrics that the caller measured.

    Raises
    ------
    InvalidInputError
        A value is no finite number, or a metric of this name is computed here.
    """
    taken = sorted(set(values) & set(known))
    if taken:
        raise InvalidInputError(
            f"{taken[0]} is computed here; give the other value another name", metric=taken[0]
        )
    return {name: _given(name, value) for name, value in values.items()}


def _given(name: str, value: Any) -> Measured:
    parts = dict(value) if isinstance(value, Mapping) else {"value": value}
    numbers = {key: parts.get(key) for key in ("value", "low", "high")}
    wrong = [
        each
        for key, each in numbers.items()
        if (each is None and key == "value") or (each is not None and not _is_finite(each))
    ]
    count = parts.get("n", 0)
    odd = isinstance(count, bool) or not isinstance(count, int) or count < 0
    if wrong or odd or set(parts) - {"value", "n", "low", "high"}:
        raise InvalidInputError(
            f"metric {name!r} is {value!r}; give a finite number, or a mapping with value and, if "
            "known, n, low and high",
            metric=name,
        )
    return Measured(numbers["value"], count, low=numbers["low"], high=numbers["high"])


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
