"""What every metric of an evaluation is, exactly: name, version, parameters, tie rule, source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from edversion_plugins.evaluation.losses import ECE_BINS
from edversion_plugins.evaluation.ranking import LEFT_OUT, TIES, library
from edversion_plugins.evaluation.rankings import RankingMetric, ranking_metric

__all__ = ["FORMULAS", "define"]

_OWN = "edversion_plugins.evaluation"
_GIVEN = "given by the caller"

FORMULAS: dict[str, str] = {
    "base_rate": "rows of the positive class ÷ rows",
    "selection_rate": "rows predicted positive ÷ rows",
    "accuracy": "rows predicted rightly ÷ rows",
    "balanced_accuracy": "(tpr + 1 − fpr) ÷ 2",
    "tpr": "positives predicted positive ÷ positives",
    "fnr": "positives predicted negative ÷ positives",
    "fpr": "negatives predicted positive ÷ negatives",
    "precision": "positives predicted positive ÷ rows predicted positive",
    "f1": "2 × true positives ÷ (positives + predicted positive)",
    "auc": "share of pairs of a positive and a negative in which the positive has the higher score",
    "log_loss": "mean of −ln(probability of what was true)",
    "brier": "mean of (probability − truth)²",
    "calibration_gap": "mean probability − base rate",
    "ece": "mean over rows of |mean probability − share of positives| of the row's bin",
    "macro_recall": "mean over the classes that occur of the share predicted rightly",
    "mae": "mean of |predicted − true|",
    "rmse": "square root of the mean of (predicted − true)²",
    "mean_error": "mean of (predicted − true)",
    "next_step_auc": "AUC of the interactions after each learner's first, in the order of the rows",
}
"""One for each metric that evaluations compute."""

_PARAMETERS: dict[str, dict[str, Any]] = {
    "log_loss": {"base": "e", "clip": "machine epsilon"},
    "ece": {"bins": ECE_BINS, "width": "equal, over 0 to 1"},
}
_TIES: dict[str, str] = {
    "auc": "a pair of equal scores counts one half",
    "next_step_auc": "a pair of equal scores counts one half",
}


def define(
    names: Iterable[str], threshold: float | None, given: Iterable[str] = ()
) -> dict[str, Mapping[str, Any]]:
    """Give the definitions of metrics, as JSON, by name.

    Parameters
    ----------
    names : iterable of str
        Metrics.
    threshold : float or None
        Probability from which a row counts as predicted positive, where that was decided here.
    given : iterable of str
        Those of them that the caller measured.
    """
    theirs = set(given)
    return {
        name: {"name": name, "source": _GIVEN} if name in theirs else _define(name, threshold)
        for name in names
    }


def _define(name: str, threshold: float | None) -> Mapping[str, Any]:
    ranking = ranking_metric(name)
    if ranking is not None:
        return _define_ranking(ranking)
    parameters = dict(_PARAMETERS.get(name, {}))
    if threshold is not None and name in _DECIDED:
        parameters["threshold"] = threshold
    return {
        "name": name,
        "version": 1,
        "formula": FORMULAS[name],
        "parameters": parameters,
        "ties": _TIES.get(name),
        "source": _OWN,
    }


def _define_ranking(metric: RankingMetric) -> dict[str, Any]:
    return {
        "name": metric.name,
        "version": 1,
        "formula": metric.formula,
        "parameters": metric.parameters,
        "ties": TIES,
        "without_relevant": LEFT_OUT,
        "source": f"{metric.called} of {library()}",
    }


_DECIDED = frozenset(
    {"selection_rate", "accuracy", "balanced_accuracy", "tpr", "fnr", "fpr", "precision", "f1"}
)
