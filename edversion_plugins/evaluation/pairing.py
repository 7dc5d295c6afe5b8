"""The rows that two evaluations have in common, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from edversion_plugins.evaluation.arrays import Array, Bools, Floats, Ints
from edversion_plugins.evaluation.evaluating import Evaluation
from edversion_plugins.evaluation.inputs import Sample, Task, read_sample
from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.evaluation.ranking import read_ranking
from edversion_plugins.evaluation.rankings import RankingMetric, ranking_metric
from edversion_plugins.evaluation.units import Units, read_units

__all__ = ["Joined", "NotPaired", "errors", "join", "matching", "right", "taken"]


class NotPaired(Exception):  # noqa: N818  (an answer: the reason why there are no pairs)
    """Two evaluations have no rows that can be put side by side; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """The rows of both evaluations, in one order.

    Attributes
    ----------
    old, new : Sample
        What was true, and what either model made of it; of rankings a row for each learner.
    units : Units
        Rows, or learners who have several.
    groups : mapping of str to ndarray
        The attributes of the rows.
    sizes : tuple of int
        Rows of the old and of the new evaluation before they were joined.
    retold : int
        Rows that both have, but with another truth: left out.
    by_number : bool
        Whether rows were joined by their number, as no sample ids were given.
    uncertainty : Uncertainty
        As the old evaluation's intervals were made.
    min_group : int
        The larger of what the two evaluations asked for.
    hidden : frozenset of str
        Groups that either evaluation does not show, as ``gender=other``: shown here, they would
        tell of others that are hidden there.
    """

    old: Sample
    new: Sample
    units: Units
    groups: Mapping[str, Array]
    sizes: tuple[int, int]
    retold: int
    by_number: bool
    uncertainty: Uncertainty
    min_group: int
    hidden: frozenset[str]

    @property
    def size(self) -> int:
        """Number of rows in both."""
        return self.old.size


def join(old: Evaluation, new: Evaluation) -> Joined:
    """Put the rows of two evaluations side by side, by sample id; of rankings by learner.

    A row with another truth is not the same sample: it is left out, and counted. So is a
    learner to whom other items are relevant.

    Raises
    ------
    NotPaired
        The tasks differ, or no row is known to be in both.
    """
    before, after = _sides(old, new)
    by_number = "ranking" not in (old.task, new.task) and _joined_by_number(old, new)
    what = "learner" if old.task == "ranking" else "sample id"
    first, second = matching(before.ids, after.ids)
    if not first.size:
        raise NotPaired(f"no {what} is in both evaluations")
    same = before.truth[first] == after.truth[second]
    if by_number and not (same.all() and before.size == after.size == same.size):
        raise NotPaired("no sample ids were given, and the rows are not the same ones")
    if not same.any():
        raise NotPaired(f"no {what} is in both evaluations with the same truth")
    first, second = first[same], second[same]
    owners = _either(_rows_of(before.cluster, first), _rows_of(after.cluster, second))
    groups = {name: each[second] for name, each in after.groups.items()}
    groups |= {name: each[first] for name, each in before.groups.items()}
    settings = (old.content["settings"], new.content["settings"])
    return Joined(
        old=_taken(before.sample, first),
        new=_taken(after.sample, second),
        units=read_units(owners, first.size),
        groups=groups,
        sizes=(before.size, after.size),
        retold=int(np.count_nonzero(~same)),
        by_number=by_number,
        uncertainty=Uncertainty(*(settings[0][part] for part in ("level", "draws", "seed"))),
        min_group=max(each["min_group"] for each in settings),
        hidden=frozenset(_hidden(old)) | frozenset(_hidden(new)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """The rows of one evaluation: by what they go, what was true, and for whom."""

    sample: Sample
    ids: Array
    truth: Array
    groups: Mapping[str, Array]
    cluster: Array | None = None

    @property
    def size(self) -> int:
        return self.sample.size


def _sides(old: Evaluation, new: Evaluation) -> tuple[_Side, _Side]:
    if "ranking" in (old.task, new.task):
        if old.task != new.task:
            raise NotPaired(f"one task is {old.task}, the other is {new.task}")
        names = [each for each in old.content["metrics"] if each in new.content["metrics"]]
        known = [metric for metric in map(ranking_metric, names) if metric is not None]
        if not known:
            raise NotPaired("they have no metric of rankings in common")
        known.sort(key=lambda metric: metric.order)
        return _ranked_side(old, known), _ranked_side(new, known)
    first, second = _side(old), _side(new)
    if first.sample.task != second.sample.task:
        raise NotPaired(f"one task is {old.task}, the other is {new.task}")
    return first, second


def _side(evaluation: Evaluation) -> _Side:
    sample, rows = _sample(evaluation), evaluation.predictions
    return _Side(sample, rows.sample_id, _truth(sample), rows.groups, rows.cluster)


def _ranked_side(evaluation: Evaluation, metrics: Sequence[RankingMetric]) -> _Side:
    ranked = read_ranking(evaluation.predictions, metrics)
    return _Side(ranked.sample, ranked.learners, ranked.relevant, ranked.groups)


def matching(first: Array, second: Array) -> tuple[Ints, Ints]:
    """Give the places of the ids that both columns have, in the order of the first.

    Text and numbers never match, as ``"07"`` and 7 need not be one learner.
    """
    alike = first.shape == second.shape and first.dtype.kind == second.dtype.kind
    if alike and bool(np.all(first == second)):
        rows = np.arange(len(first))
        return rows, rows
    place = {each: at for at, each in enumerate(second.tolist())}
    found = (place.get(each, -1) for each in first.tolist())
    places = np.fromiter(found, dtype=np.intp, count=len(first))
    both = np.flatnonzero(places >= 0)
    return both, places[both]


def _joined_by_number(old: Evaluation, new: Evaluation) -> bool:
    """Say whether rows can only be joined by number.

    Raises
    ------
    NotPaired
        They cannot: ids were given once, or the data sets differ.
    """
    given = [each.content["settings"]["sample_id"] == "given" for each in (old, new)]
    if all(given):
        return False
    if any(given):
        raise NotPaired("sample ids were given for one of the evaluations only")
    data = [(each.content["dataset"], each.content["split"]) for each in (old, new)]
    if data[0] != data[1]:
        raise NotPaired("no sample ids were given, and the data are not the same")
    return True


def _sample(evaluation: Evaluation) -> Sample:
    content, rows = evaluation.content, evaluation.predictions
    task = "binary" if evaluation.task == "knowledge-tracing" else evaluation.task
    threshold = content["threshold"]
    return read_sample(
        rows.y_true,
        rows.y_pred,
        rows.y_score,
        task=cast(Task, task),
        positive=content["positive"],
        threshold=0.5 if threshold is None else threshold,
    )


def _truth(sample: Sample) -> Array:
    """Give what was true by name: the places of classes may differ between evaluations."""
    return np.asarray(sample.classes)[sample.true] if sample.classes else sample.true


def _taken(sample: Sample, rows: Ints) -> Sample:
    def of(column: Any) -> Any:
        return None if column is None else column[rows]

    return Sample(
        sample.task,
        sample.true[rows],
        of(sample.predicted),
        of(sample.score),
        sample.is_probability,
        sample.classes,
        {name: each[rows] for name, each in sample.values.items()},
    )


def _hidden(evaluation: Evaluation) -> Iterator[str]:
    report = evaluation.content["fairness"] or {"attributes": {}}
    for name, known in report["attributes"].items():
        yield from (f"{name}={label}" for label in known["skipped"])


def taken(joined: Joined, rows: Ints) -> Joined:
    """Give some of the rows."""
    codes = None if joined.units.codes is None else joined.units.codes[rows]
    return replace(
        joined,
        old=_taken(joined.old, rows),
        new=_taken(joined.new, rows),
        units=read_units(codes, rows.size),
        groups={name: each[rows] for name, each in joined.groups.items()},
    )


def _rows_of(column: Array | None, places: Ints) -> Array | None:
    return None if column is None else column[places]


def _either(first: Array | None, second: Array | None) -> Array | None:
    return second if first is None else first


def right(sample: Sample) -> Bools:
    """Say which rows are judged rightly."""
    return np.asarray(sample.true == sample.predicted)


def errors(sample: Sample) -> Floats:
    """Give how far predictions of numbers are off."""
    return np.abs(np.asarray(sample.predicted - sample.true, dtype=np.float64))
