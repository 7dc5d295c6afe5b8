"""Rates from counts of right and wrong decisions, for every group in one pass."""

from __future__ import annotations

from functools import partial

import numpy as np

from edversion_plugins.evaluation.arrays import Bools, Ints
from edversion_plugins.evaluation.columns import Column, share
from edversion_plugins.evaluation.sums import Summed, Sums, Term

__all__ = ["ONE_CLASS", "PROPORTIONS", "class_rates", "decision_rates", "proportion", "truth_rate"]

NO_POSITIVE = "not estimable: no row of the group is of the positive class"
NO_NEGATIVE = "not estimable: no row of the group is of the negative class"
ONE_CLASS = "not estimable: the group has rows of one class only"
NONE_SELECTED = "not estimable: nobody in the group is predicted positive"
NO_ROWS = "not estimable: the group has no rows"

PROPORTIONS = frozenset(
    {"base_rate", "selection_rate", "accuracy", "tpr", "fnr", "fpr", "precision"}
)
"""Measures that are a share of rows, each of which counts or does not."""


def truth_rate(true: Ints) -> Summed:
    """Give ``base_rate``, the share of the positive class."""
    return Summed((Term(2, true),), _base_rate)


def _base_rate(counts: Sums) -> dict[str, Column]:
    return {"base_rate": share(counts[..., 1], counts.sum(axis=-1), NO_ROWS)}


def decision_rates(true: Ints, predicted: Ints) -> Summed:
    """Give the rates of a binary decision.

    Parameters
    ----------
    true, predicted : ndarray of shape (n_samples,)
        1 for the positive class, else 0.

    Returns
    -------
    Summed
        ``selection_rate``, ``accuracy``, ``tpr``, ``fnr``, ``fpr``, ``precision``, ``f1`` and
        ``balanced_accuracy``; ``n`` of a rate is its denominator.
    """
    return Summed((Term(4, 2 * true + predicted),), _decision_rates)


def _decision_rates(counts: Sums) -> dict[str, Column]:
    true_negative, false_positive, false_negative, true_positive = np.moveaxis(counts, -1, 0)
    positives = true_positive + false_negative
    negatives = true_negative + false_positive
    selected = true_positive + false_positive
    n = positives + negatives
    either = positives + selected
    rows = n.astype(np.intp, copy=False)
    tpr = share(true_positive, positives, NO_POSITIVE)
    fpr = share(false_positive, negatives, NO_NEGATIVE)
    f1 = share(2 * true_positive, either, "not estimable: nobody is positive or predicted so")
    return {
        "selection_rate": share(selected, n, NO_ROWS),
        "accuracy": share(true_positive + true_negative, n, NO_ROWS),
        "tpr": tpr,
        "fnr": share(false_negative, positives, NO_POSITIVE),
        "fpr": fpr,
        "precision": share(true_positive, selected, NONE_SELECTED),
        "f1": Column(f1.values, rows, f1.reason),
        "balanced_accuracy": Column((tpr.values + 1 - fpr.values) / 2, rows, ONE_CLASS),
    }


def class_rates(true: Ints, predicted: Ints, classes: int) -> Summed:
    """Give accuracy and macro recall over several classes.

    Macro recall is the mean of the recalls of those classes that occur in the group, as
    scikit-learn's `balanced_accuracy_score`.
    """
    outcome = np.where(true == predicted, true, classes)  # the last place counts the mistakes
    terms = (Term(classes, true), Term(classes + 1, outcome))
    return Summed(terms, partial(_class_rates, classes=classes))


def _class_rates(counts: Sums, classes: int) -> dict[str, Column]:
    support, hits = counts[..., :classes], counts[..., classes : 2 * classes]
    n = support.sum(axis=-1)
    occurs = support > 0
    recalls = np.divide(hits, support, out=np.zeros(hits.shape), where=occurs)
    macro = share(recalls.sum(axis=-1), occurs.sum(axis=-1), NO_ROWS)
    return {
        "accuracy": share(hits.sum(axis=-1), n, NO_ROWS),
        "macro_recall": Column(macro.values, n.astype(np.intp, copy=False), NO_ROWS),
    }


def proportion(name: str, true: Ints, predicted: Ints | None) -> tuple[Bools, Bools]:
    """Give which rows count for a share of `PROPORTIONS`, and which of all rows it is of."""
    everyone = np.ones(len(true), dtype=bool)
    if name == "base_rate":
        return true == 1, everyone
    assert predicted is not None
    if name == "accuracy":
        return true == predicted, everyone
    selected = predicted == 1
    if name == "selection_rate":
        return selected, everyone
    if name == "precision":
        return selected & (true == 1), selected
    among = true == (0 if name == "fpr" else 1)
    return (among & ~selected if name == "fnr" else among & selected), among
