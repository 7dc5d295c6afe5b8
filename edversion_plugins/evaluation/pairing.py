"""The rows that two evaluations have in common, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from edversion_plugins.evaluation.arrays import Array, Bools, Floats, Ints
from edversion_plugins.evaluation.evaluating import Evaluation
from edversion_plugins.evaluation.inputs import Sample, Task, read_sample
from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.evaluation.predictions import Predictions
from edversion_plugins.evaluation.units import Units, read_units

__all__ = ["Joined", "NotPaired", "errors", "join", "matching", "right"]


class NotPaired(Exception):  # noqa: N818  (an answer: the reason why there are no pairs)
    """Two evaluations have no rows that can be put side by side; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """The rows of both evaluations, in one order.

    Attributes
    ----------
    old, new : Sample
        What was true, and what either model made of it.
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

    @property
    def size(self) -> int:
        """Number of rows in both."""
        return self.old.size


def join(old: Evaluation, new: Evaluation) -> Joined:
    """Put the rows of two evaluations side by side, by sample id.

    A row with another truth is not the same sample: it is left out, and counted.

    Raises
    ------
    NotPaired
        The tasks differ, or no row is known to be in both.
    """
    samples = (_sample(old), _sample(new))
    if samples[0].task != samples[1].task:
        raise NotPaired(f"one task is {old.task}, the other is {new.task}")
    by_number = _joined_by_number(old, new)
    first, second = matching(old.predictions.sample_id, new.predictions.sample_id)
    if not first.size:
        raise NotPaired("no sample id is in both evaluations")
    same = _truth(samples[0])[first] == _truth(samples[1])[second]
    if by_number and not (same.all() and samples[0].size == samples[1].size == same.size):
        raise NotPaired("no sample ids were given, and the rows are not the same ones")
    if not same.any():
        raise NotPaired("no sample id is in both evaluations with the same truth")
    first, second = first[same], second[same]
    owners = _either(_cluster(old.predictions, first), _cluster(new.predictions, second))
    groups = {name: each[second] for name, each in new.predictions.groups.items()}
    groups |= {name: each[first] for name, each in old.predictions.groups.items()}
    settings = (old.content["settings"], new.content["settings"])
    return Joined(
        old=_taken(samples[0], first),
        new=_taken(samples[1], second),
        units=read_units(owners, first.size),
        groups=groups,
        sizes=(samples[0].size, samples[1].size),
        retold=int(np.count_nonzero(~same)),
        by_number=by_number,
        uncertainty=Uncertainty(*(settings[0][part] for part in ("level", "draws", "seed"))),
        min_group=max(each["min_group"] for each in settings),
    )


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
    )


def _cluster(rows: Predictions, places: Ints) -> Array | None:
    return None if rows.cluster is None else rows.cluster[places]


def _either(first: Array | None, second: Array | None) -> Array | None:
    return second if first is None else first


def right(sample: Sample) -> Bools:
    """Say which rows are judged rightly."""
    return np.asarray(sample.true == sample.predicted)


def errors(sample: Sample) -> Floats:
    """Give how far predictions of numbers are off."""
    return np.abs(np.asarray(sample.predicted - sample.true, dtype=np.float64))
