"""Whether the gaps between groups are more than noise: what each evaluation found, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from edversion import Section

__all__ = ["gap_section", "sentences_of_gaps"]

_FOUR_FIFTHS = 0.8
_RATIO = "demographic_parity_ratio"
_COLUMNS = (
    "evaluation", "attribute", "gap", "between", "value", "from", "to", "noise alone makes", "p",
    "p, corrected", "says",
)  # fmt: skip
_TOLD = 3


def gap_section(evaluations: Sequence[tuple[str, Mapping[str, Any]]]) -> Section | None:
    """Show every gap with its interval, its test and what that says; None where none was measured.

    Parameters
    ----------
    evaluations : sequence of (str, mapping)
        What each is called, and its ``evaluation.json``.
    """
    rows = [row for name, content in evaluations for row in _rows(name, content)]
    if not rows:
        return None
    rows.sort(key=lambda row: (str(row[1]), str(row[2])))
    note = " ".join(_told(*each) for each in evaluations if list(_gaps(each[1])))
    return Section(
        "Gaps and noise", _COLUMNS, tuple(rows), note, "gap-tests",
        ("text", "text", "text", "text", "number", "number", "number", "number", "number",
         "number", "text"),
    )  # fmt: skip


def _rows(name: str, content: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for attribute, gap, found in _gaps(content):
        test = found.get("test") or {}
        yield (
            name, attribute, gap, " and ".join(found.get("between", ())), found["value"],
            found.get("low"), found.get("high"), test.get("null_median"), test.get("p"),
            test.get("adjusted"), test.get("verdict") or _untested(gap, found),
        )  # fmt: skip


def _untested(gap: str, found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return str(found.get("reason") or "not estimable")
    if gap == _RATIO and found["value"] < _FOUR_FIFTHS:
        return "below four fifths"
    return f"not tested: {found['untested']}" if found.get("untested") else "not tested"


def _told(name: str, content: Mapping[str, Any]) -> str:
    return f"{name}: {' '.join(sentences_of_gaps(content))}"


def sentences_of_gaps(content: Mapping[str, Any]) -> Iterator[str]:
    """Say which gaps are more than chance, of how many tested, and what was not compared."""
    found = list(_gaps(content))
    if not found:
        return
    tested = [each for each in found if each[2].get("test")]
    differ = [each for each in tested if each[2]["test"]["verdict"] == "differ"]
    count = content["fairness"]["comparisons"]
    yield f"{count:,} gaps tested, with Holm's correction for their number."
    if differ:
        shown = _several(f"{gap} of {attribute} ({value['value']:.3g})"
                         for attribute, gap, value in differ)  # fmt: skip
        yield f"More than chance: {shown}."
    if rest := len(tested) - len(differ):
        which = "Of the other" if differ else "Of all"
        yield f"{which} {rest:,} the data cannot tell, which does not mean that there is no gap."
    for attribute, gap, each in found:
        if gap == _RATIO and each["value"] is not None and each["value"] < _FOUR_FIFTHS:
            yield (
                f"By {attribute}, the lowest share predicted positive ({each['between'][0]}) is "
                f"{each['value']:.3g} of the highest ({each['between'][1]}): below four fifths."
            )
    yield from _not_compared(content)


def _not_compared(content: Mapping[str, Any]) -> Iterator[str]:
    for attribute, known in content["fairness"]["attributes"].items():
        if len(known["groups"]) < 2 and known["skipped"]:
            yield (
                f"{attribute} is not compared: so few learners are in some of its "
                f"{len(known['groups']) + len(known['skipped'])} groups that others are hidden "
                "with them; join small groups, or evaluate without their rows."
            )


def _gaps(content: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    report = content.get("fairness")
    for attribute, known in (report or {}).get("attributes", {}).items():
        for gap, found in known["metrics"].items():
            yield attribute, gap, found


def _several(parts: Iterable[str]) -> str:
    shown = list(parts)
    more = len(shown) - _TOLD
    return ", ".join(shown[:_TOLD]) + (f" and {more:,} more" if more > 0 else "")
