"""Compare evaluations of the same learners: what a comparison of versions says of them.

The engine loads this module as a plugin, also to list commands: NumPy and `Repository`, which
brings the catalog, are imported where there is something to compare.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edversion import Section, Version, hookimpl

if TYPE_CHECKING:
    from edversion_plugins.evaluation.evaluating import Evaluation
    from edversion_plugins.evaluation.paired import Changes, PairedDifference
    from edversion_plugins.evaluation.pairing import Joined

__all__ = ["edversion_compare"]

_TYPE = "evaluation"
_NAME = "paired"
_CHANGES = "paired-changes"
_Key = tuple[str, str]


@hookimpl
def edversion_compare(versions: Sequence[Version]) -> list[Section] | None:
    """Compare the evaluations of each version with those of the first, row by row.

    Parameters
    ----------
    versions : sequence of Version
        Models, of which the newest evaluation on each dataset and split counts, or evaluations.

    Returns
    -------
    list of Section or None
        None where fewer than two versions were evaluated, or the first was not.
    """
    found = [_evaluations(version) for version in versions]
    pairs = [pair for other in found[1:] for pair in _pairs(found[0], other)]
    return [section for old, new in pairs for section in _sections(old, new)] or None


def _evaluations(version: Version) -> dict[_Key, Version]:
    """Give the newest evaluation of a version on each dataset and split."""
    if version.type == _TYPE:
        return {_key(version): version}
    from edversion import Repository

    repository = version.source
    if not isinstance(repository, Repository):
        return {}
    edges = repository.lineage(version, "down", depth=1)
    # a run that made several versions and evaluated them is upstream of all; metadata is exact
    made = {
        edge.target
        for edge in edges
        if edge.target.type == _TYPE and edge.target.metadata.get("model") == version.reference
    }
    return {
        _key(each): each for each in sorted(made, key=lambda each: (each.created_at, each.number))
    }


def _key(evaluation: Version) -> _Key:
    return str(evaluation.metadata.get("dataset")), str(evaluation.metadata.get("split"))


def _pairs(old: dict[_Key, Version], new: dict[_Key, Version]) -> Iterator[tuple[Version, Version]]:
    """Put evaluations on the same data together; where there are none, the newest of either."""
    both = [key for key in old if key in new]
    if both:
        yield from ((old[key], new[key]) for key in both)
    elif old and new:
        yield list(old.values())[-1], list(new.values())[-1]


def _sections(old: Version, new: Version) -> Iterator[Section]:
    from edversion_plugins.evaluation import load_evaluation
    from edversion_plugins.evaluation.paired import differences
    from edversion_plugins.evaluation.pairing import NotPaired, join

    title = _title(old, new)
    first, second = load_evaluation(old), load_evaluation(new)
    try:
        joined = join(first, second)
    except NotPaired as why:
        note = f"The comparison is not paired: {why}. What differs may be the samples."
        yield Section(title, (), (), note, _NAME)
        return
    if joined.units.count < joined.min_group:
        note = f"Not shown: fewer than {joined.min_group} learners are in both evaluations."
        yield Section(title, (), (), note, _NAME)
        return
    found = differences(joined)
    sentences = [*_of_rows(joined), *(_sentence(each, joined, first, second) for each in found)]
    yield _measures(title, found, " ".join(sentences), joined.uncertainty.level)
    if joined.old.task != "regression" and any(each.metric == "accuracy" for each in found):
        yield _changed(joined, title)


def _title(old: Version, new: Version) -> str:
    names = [str(each.metadata.get("model") or each.reference) for each in (old, new)]
    if names[0] == names[1]:  # one model, evaluated on two data sets
        names = [old.reference, new.reference]
    dataset, split = _key(new)
    where = [part for part in (dataset, split) if part != "None"]
    on = f" on {', '.join(where)}" if where and _key(old) == _key(new) else ""
    return f"Learner by learner: {names[0]} and {names[1]}{on}"


def _measures(title: str, found: Sequence[PairedDifference], note: str, level: float) -> Section:
    ends = f"{level:.0%}"
    return Section(
        title,
        ("metric", "first", "other", "difference", f"{ends} from", f"{ends} to", "p", "n",
         "method"),
        tuple(
            (
                each.metric, each.old, each.new, each.value, each.low, each.high, each.p, each.n,
                each.method,
            )
            for each in found
        ),
        note,
        _NAME,
        ("text", "number", "number", "difference", "difference", "difference", "number", "number",
         "text"),
    )  # fmt: skip


def _of_rows(joined: Joined) -> Iterator[str]:
    """Say which rows are compared."""
    old, new = joined.sizes
    kept = joined.size
    if joined.by_number:
        yield "No sample ids were given: rows are joined by their number, and agree in the truth."
    if kept == old == new:
        yield f"Paired: both evaluations have the same {kept:,} rows."
        return
    yield (
        f"The evaluations as a whole are not paired: their samples differ. Compared are the "
        f"{kept:,} rows that are in both, of {old:,} and {new:,}."
    )
    if joined.retold:
        yield f"Left out for another truth: {joined.retold:,}."


def _sentence(each: PairedDifference, joined: Joined, old: Evaluation, new: Evaluation) -> str:
    names = _names(old, new)
    if each.metric == "accuracy":
        return _of_counts(each, joined, names)
    what = {"auc": "AUC", "mae": "mean absolute error"}[each.metric]
    if each.low is None or each.high is None:
        if each.value == 0:
            return f"The {what} is the same, {each.new:.3g}."
        return f"The data cannot tell whether the {what} differs: too few rows tell of it."
    within = f"between {each.low:+.3g} and {each.high:+.3g}"
    if not each.told:
        return f"The data cannot tell whether the {what} of {names[1]} is another ({within})."
    side = "higher" if each.value > 0 else "lower"
    return (
        f"The {what} of {names[1]} is {abs(each.value):.3g} {side} than that of {names[0]} "
        f"({within})."
    )


def _names(old: Evaluation, new: Evaluation) -> tuple[str, str]:
    first, second = (each.content["model"]["reference"] for each in (old, new))
    return (first, second) if first != second else (old.version.reference, new.version.reference)


def _of_counts(each: PairedDifference, joined: Joined, names: tuple[str, str]) -> str:
    """Tell a difference in accuracy as numbers of learners, or of their answers."""
    alone = joined.units.codes is None
    what = "learners" if alone else "rows"
    of = f"Of {each.n:,} {what}" + ("" if alone else f" of {joined.units.count:,} learners")
    if each.low is None or each.high is None:
        return f"{of}, both models judge the same ones rightly."
    more = round(each.value * each.n)
    low, high = (round(end * each.n) for end in (each.low, each.high))
    if not each.told:
        ends_of = f"between {_more(low)} and {_more(high)}"
        if not each.low <= 0 <= each.high:  # the bootstrap is too sure where few changed
            ends_of = "too few changed for the test to be sure"
        return (
            f"The data cannot tell which model judges more {what} rightly: {_lower(of)}, "
            f"{names[1]} does for {_more(more)} ({ends_of})."
        )
    side = "more" if more > 0 else "fewer"
    ends = sorted((abs(low), abs(high)))
    verb = "is" if abs(more) == 1 else "are"
    return (
        f"{of}, about {abs(more):,} {side} {verb} judged rightly by {names[1]} than by {names[0]} "
        f"(between {ends[0]:,} and {ends[1]:,})."
    )


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _more(count: int) -> str:
    return f"{abs(count):,} {'fewer' if count < 0 else 'more'}"


def _changed(joined: Joined, title: str) -> Section:
    from edversion_plugins.evaluation.paired import changes

    found, hidden = changes(joined)
    alone = joined.units.codes is None
    columns: tuple[str, ...] = ("group", "learners", "right to wrong", "wrong to right")
    rows = [_row(each, alone) for each in found]
    if not alone:
        columns = (
            "group", "learners", "rows", "rows right to wrong", "rows wrong to right",
            "learners right to wrong", "learners wrong to right",
        )  # fmt: skip
    note = _of_changes(found[0], "learners" if alone else "rows")
    if hidden:
        note += (
            f" {hidden} {'group is' if hidden == 1 else 'groups are'} not shown: fewer than "
            f"{joined.min_group} learners, or such a group would follow from it."
        )
    return Section(f"Who changed. {title}", columns, tuple(rows), note, _CHANGES)


def _row(each: Changes, alone: bool) -> tuple[str | int, ...]:
    who = each.slice or "all"
    if alone:
        return who, each.learners, each.to_wrong, each.to_right
    return (
        who, each.learners, each.rows, each.to_wrong, each.to_right,
        each.learners_to_wrong, each.learners_to_right,
    )  # fmt: skip


def _of_changes(each: Changes, what: str) -> str:
    return (
        f"Of {each.rows:,} {what}, {each.to_wrong:,} went from right to wrong and "
        f"{each.to_right:,} from wrong to right."
    )
