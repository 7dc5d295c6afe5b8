"""What a comparison of versions shows of two evaluations of the same learners."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edversion import Section
from edversion_plugins.evaluation.changing import Changes, changes
from edversion_plugins.evaluation.pair_words import (
    of_changes,
    of_groups,
    of_measures,
    of_rows,
    says,
)
from edversion_plugins.evaluation.paired import PairedDifference, differences
from edversion_plugins.evaluation.paired_groups import GroupDifference, group_differences
from edversion_plugins.evaluation.pairing import Joined

__all__ = ["paired_sections"]

_MEASURES = "paired"
_GROUPS = "paired-groups"
_CHANGES = "paired-changes"


def paired_sections(joined: Joined, title: str, names: tuple[str, str]) -> Iterator[Section]:
    """Show the differences over all rows, by group, and who changed.

    Parameters
    ----------
    joined : Joined
        The rows that both evaluations have.
    title : str
        Names the two, and what they were evaluated on.
    names : tuple of str
        What sentences call the two models.
    """
    found = differences(joined)
    yield _measures(title, found, joined, names)
    groups = group_differences(joined)
    if groups:
        yield _groups(title, groups, joined, names)
    if joined.old.classes and any(each.metric == "accuracy" for each in found):
        yield _changed(joined, title)


def _measures(
    title: str, found: Sequence[PairedDifference], joined: Joined, names: tuple[str, str]
) -> Section:
    ends = joined.uncertainty.percent
    return Section(
        title,
        ("metric", "first", "other", "difference", f"{ends} from", f"{ends} to", "p", "n",
         "says", "method"),
        tuple(
            (
                each.metric, each.old, each.new, each.value, each.low, each.high, each.p, each.n,
                says(each, told=each.told), each.method,
            )
            for each in found
        ),
        " ".join([*of_rows(joined), *of_measures(found, joined, names)]),
        _MEASURES,
        ("text", "number", "number", "difference", "difference", "difference", "number", "number",
         "text", "text"),
    )  # fmt: skip


def _groups(
    title: str, found: Sequence[GroupDifference], joined: Joined, names: tuple[str, str]
) -> Section:
    ends = joined.uncertainty.percent
    return Section(
        f"For whom. {title}",
        ("group", "metric", "first", "other", "difference", f"{ends} from", f"{ends} to", "p",
         "p, corrected", "n", "says"),
        tuple(
            (
                each.slice, each.found.metric, each.found.old, each.found.new, each.found.value,
                each.found.low, each.found.high, each.found.p, each.adjusted, each.found.n,
                says(each.found, told=each.told),
            )
            for each in found
        ),
        of_groups(found, names),
        _GROUPS,
        ("text", "text", "number", "number", "difference", "difference", "difference", "number",
         "number", "number", "text"),
    )  # fmt: skip


def _changed(joined: Joined, title: str) -> Section:
    found, hidden = changes(joined)
    alone = joined.units.codes is None
    columns: tuple[str, ...] = ("group", "learners", "right to wrong", "wrong to right")
    if not alone:
        columns = (
            "group", "learners", "rows", "rows right to wrong", "rows wrong to right",
            "learners right to wrong", "learners wrong to right",
        )  # fmt: skip
    note = of_changes(found[0], hidden, joined)
    rows = tuple(_row(each, alone) for each in found)
    return Section(f"Who changed. {title}", columns, rows, note, _CHANGES)


def _row(each: Changes, alone: bool) -> tuple[str | int, ...]:
    who = each.slice or "all"
    if alone:
        return who, each.learners, each.to_wrong, each.to_right
    return (
        who, each.learners, each.rows, each.to_wrong, each.to_right,
        each.learners_to_wrong, each.learners_to_right,
    )  # fmt: skip
