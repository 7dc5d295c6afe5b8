"""Rankings of items for learners: the metrics of every learner, by `ir_measures`.

A learner is what the engine of a search calls a query. Items are ranked here, so that ties go
by one rule, and `ir_measures` is given places instead of scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed
from typing import Any

import numpy as np

from edversion import InvalidInputError
from edversion_plugins.evaluation.arrays import (
    Array,
    Floats,
    Ints,
    as_array,
    as_floats,
    bad_rows,
    distinct,
    is_missing,
)
from edversion_plugins.evaluation.inputs import Sample
from edversion_plugins.evaluation.predictions import Predictions
from edversion_plugins.evaluation.rankings import RankingMetric

__all__ = ["LEFT_OUT", "TIES", "Ranked", "library", "read_ranking"]

TIES = "equal scores are ranked by item id as text, rising"
LEFT_OUT = "left out of the means and counted in settings.without_relevant"
_LIBRARY = "ir-measures"
_COUNTS = "pytrec-eval-terrier"


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """What was recommended to each learner, measured.

    Attributes
    ----------
    sample : Sample
        One row for each learner: the number of relevant items as the truth, and `values`, NaN
        for learners who have none.
    learners : ndarray of shape (n_learners,)
        Their ids, in the order in which they first occur.
    groups : mapping of str to ndarray of shape (n_learners,)
        The attributes of the learners.
    relevant : ndarray of shape (n_learners,)
        Which items are relevant to each, and how much, as one text.
    """

    sample: Sample
    learners: Array
    groups: Mapping[str, Array]
    relevant: Array

    @property
    def without_relevant(self) -> int:
        """Number of learners who have no relevant item."""
        return int(np.count_nonzero(self.sample.true == 0))


def library() -> str:
    """Name what computes the metrics, with its version."""
    return f"{_LIBRARY} {installed(_LIBRARY)}, {_COUNTS} {installed(_COUNTS)}"


def read_ranking(rows: Predictions, metrics: Sequence[RankingMetric]) -> Ranked:
    """Check rows of learner and item, and measure every learner.

    Raises
    ------
    InvalidInputError
        A column is missing or holds what it must not, or `ir_measures` is not installed.
    """
    if rows.cluster is None or rows.item is None or rows.y_score is None:
        raise InvalidInputError(
            "a ranking needs four columns, one row for each learner and item: y_true=, how "
            "relevant the item is (0 for not at all), y_score=, cluster=, the learner, and item=, "
            "the id of what was ranked"
        )
    first, owner = _coded(rows.cluster, "cluster")
    learners = rows.cluster[first]
    kinds, item = _coded(rows.item, "item")
    texts = np.array([str(each) for each in rows.item[kinds].tolist()])
    _each_once(owner, item, learners, texts)
    relevance = _relevance(rows.y_true)
    places = _places(_scores(rows.y_score), owner, item, texts)
    graded = _by_learner(owner, item, relevance, np.ones(len(owner), dtype=bool))
    ranked = _by_learner(owner, item, -places, places > 0)
    known = np.bincount(owner, weights=relevance > 0, minlength=len(learners)).astype(np.intp)
    return Ranked(
        Sample("ranking", known, None, values=_measured(metrics, graded, ranked, known)),
        learners,
        {name: _of_learners(each, first, owner, name) for name, each in rows.groups.items()},
        np.array([_as_text(each, texts) for each in graded], dtype=object),
    )


def _coded(column: Array, name: str) -> tuple[Ints, Ints]:
    """Number ids as they first occur: give the first row of each, and the number of each row."""
    ids, codes = distinct(column, name)
    missing = [place for place, value in enumerate(ids) if is_missing(value)]
    if missing:
        raise bad_rows(np.flatnonzero(np.isin(codes, missing)), len(codes), name, "missing values")
    _, first = np.unique(codes, return_index=True)
    order = np.argsort(first)
    return first[order], _inverse(order)[codes]


def _inverse(order: Ints) -> Ints:
    places = np.empty(len(order), dtype=np.intp)
    places[order] = np.arange(len(order))
    return places


def _each_once(owner: Ints, item: Ints, learners: Array, texts: Array) -> None:
    both = owner * len(texts) + item
    pairs, first, counts = np.unique(both, return_index=True, return_counts=True)
    if len(pairs) < len(owner):
        row = int(first[counts > 1][0])
        raise InvalidInputError(
            f"item {texts[item[row]]} occurs twice for learner {learners[owner[row]]}; give every "
            "learner an item once",
            code="duplicate_id",
        )


def _relevance(column: Array) -> Ints:
    numbers = as_floats(column, "y_true")
    wrong = np.flatnonzero((numbers < 0) | (numbers % 1 != 0))
    if wrong.size:
        raise InvalidInputError(
            f"y_true of a ranking is how relevant an item is: 0, 1, 2 or more; row {wrong[0]} "
            f"holds {numbers[wrong[0]]:g}",
            column="y_true",
            row=int(wrong[0]),
        )
    return numbers.astype(np.intp)


def _scores(column: Array) -> Floats:
    """Give the scores; −∞ stays, for an item that was not recommended."""
    array = as_array(column, "y_score")
    if array.dtype.kind not in "fO":
        return as_floats(array, "y_score")
    absent = np.asarray(array == -np.inf, dtype=bool)
    return np.where(absent, -np.inf, as_floats(np.where(absent, 0.0, array), "y_score"))


def _places(score: Floats, owner: Ints, item: Ints, texts: Array) -> Ints:
    """Give each row its place in its learner's ranking, 1 for the first; 0 for none."""
    by_text = _inverse(np.argsort(texts, kind="stable"))
    order = np.lexsort((by_text[item], -score, owner))
    start = np.flatnonzero(np.append(True, np.diff(owner[order]) > 0))
    within = np.arange(len(order)) - np.repeat(start, np.diff(np.append(start, len(order))))
    places = np.empty(len(order), dtype=np.intp)
    places[order] = within + 1
    return np.where(np.isneginf(score), 0, places)


def _by_learner(owner: Ints, item: Ints, value: Ints, kept: Any) -> list[dict[int, int]]:
    found: list[dict[int, int]] = [{} for _ in range(int(owner.max()) + 1)]
    rows = zip(owner[kept].tolist(), item[kept].tolist(), value[kept].tolist(), strict=True)
    for learner, each, number in rows:
        found[learner][each] = number
    return found


def _measured(
    metrics: Sequence[RankingMetric],
    graded: Sequence[Mapping[int, int]],
    ranked: Sequence[Mapping[int, int]],
    known: Ints,
) -> dict[str, Floats]:
    """Ask `ir_measures`; learners without a relevant item have no value."""
    try:
        import ir_measures
    except ImportError as error:
        raise InvalidInputError(
            "metrics of rankings need ir-measures; install it with: "
            "pip install 'edversion[ranking]'",
            code="no_ranking",
        ) from error
    wanted = {ir_measures.parse_measure(each.called): each.name for each in metrics}
    values = {each.name: np.full(len(known), np.nan) for each in metrics}
    measured = np.flatnonzero(known).tolist()
    if not measured:
        return values
    truth = {str(at): {str(i): grade for i, grade in graded[at].items()} for at in measured}
    order = {str(at): {str(i): float(v) for i, v in ranked[at].items()} for at in measured}
    for found in ir_measures.iter_calc(list(wanted), truth, order):
        values[wanted[found.measure]][int(found.query_id)] = found.value
    return values


def _of_learners(column: Array, first: Ints, owner: Ints, name: str) -> Array:
    """Give an attribute learner by learner.

    Raises
    ------
    InvalidInputError
        A learner has two values: then it is no attribute of learners.
    """
    values, codes = distinct(column, f"groups[{name!r}]")
    absent = [place for place, value in enumerate(values) if is_missing(value)]
    codes = np.where(np.isin(codes, absent), -1, codes)  # NaN is not equal to itself
    other = np.flatnonzero(codes != codes[first][owner])
    if other.size:
        raise InvalidInputError(
            f"groups[{name!r}] has two values for the learner of row {other[0]}; groups of a "
            "ranking are groups of learners: give each one value",
            column=name,
            row=int(other[0]),
        )
    return column[first]


def _as_text(grades: Mapping[int, int], texts: Array) -> str:
    return repr(sorted((str(texts[item]), grade) for item, grade in grades.items() if grade))
