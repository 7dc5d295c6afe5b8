"""Three sentences for a reader without code: how good, for whom, and how sure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edversion_plugins.reporting.findings import Findings, Found, Value
from edversion_plugins.reporting.pairs import Pairs, pairs_of
from edversion_plugins.reporting.words import OF, frequency, listed, number, word_of

__all__ = ["plain_sentences"]

_NAMED = 4
_FEW = 50
"""Learners below which their number belongs into the sentence."""


def plain_sentences(findings: Findings) -> tuple[str, str, str]:
    """Say in plain words what a comparison found: no p-value, frequencies of a thousand."""
    return _how_good(findings), _for_whom(findings), _how_sure(findings)


def _how_good(findings: Findings) -> str:
    """Give what each version does to a thousand learners."""
    if findings.headline is None:
        return (
            "Nothing was measured of these versions, so that this page can only say how their "
            "contents differ."
        )
    pairs = _named(findings, findings.headline)
    text = _told(findings, findings.headline, pairs)
    return text[0].upper() + text[1:] + "."


def _named(findings: Findings, found: Found) -> list[tuple[str, Value]]:
    """Give versions with their values, newest first, of many the first and the last ones."""
    known = zip(findings.labels, found.values, strict=True)
    pairs = [(label, value) for label, value in known if value is not None][::-1]
    return pairs if len(pairs) <= _NAMED else [*pairs[: _NAMED - 1], pairs[-1]]


def _told(findings: Findings, found: Found, pairs: Sequence[tuple[str, Value]]) -> str:
    word = word_of(found.metric)
    if not word.among:
        meaning = f" ({word.means})" if word.means else ""
        better = f", where {found.better} is better" if found.better else ""
        values = listed([f"{number(value.value)} for {label}" for label, value in pairs])
        return f"{word.name}{meaning} is {values}{better}"
    (label, first), *others = pairs
    said = f"{label} {word.does.format(frequency(first.value))}"
    rest = [f"{name} {frequency(value.value)}" for name, value in others]
    return f"of {OF:,} {word.among.format(findings.learners)}, {listed([said, *rest])}"


def _for_whom(findings: Findings) -> str:
    """Say between which groups the last version's values are furthest apart."""
    for like in findings.plainest(_NAMED):
        gaps = list(_gaps(findings, like))
        if gaps:
            return _gap_told(findings, like, max(gaps, key=_Gap.order))
    return (
        "No groups of learners were measured, so that nobody can tell from this page for whom a "
        "version works less well."
    )


_Place = tuple[Found, Value]


@dataclass(frozen=True, slots=True)
class _Gap:
    """The groups of an attribute with the lowest and the highest value of the last version."""

    attribute: str
    low: _Place
    high: _Place
    differs: bool | None

    def order(self) -> tuple[bool, float]:
        """Give what to sort by: gaps that the data can tell from chance, then wide ones."""
        return self.differs is True, self.high[1].value - self.low[1].value


def _gaps(findings: Findings, like: Found) -> Iterator[_Gap]:
    for attribute, rows in findings.by_attribute(like).items():
        known = [(row, value) for row in rows if (value := row.values[-1]) is not None]
        if len(known) > 1 and " × " not in attribute:
            low = min(known, key=lambda place: place[1].value)
            high = max(known, key=lambda place: place[1].value)
            differs = _differs(findings, like, attribute, low[1], high[1])
            yield _Gap(attribute, low, high, differs)


def _gap_told(findings: Findings, like: Found, gap: _Gap) -> str:
    label, word = findings.labels[-1], word_of(like.metric)
    low, high = map(_group_name, (gap.low, gap.high))
    if gap.low[1].value == gap.high[1].value:
        return f"All groups of learners by {gap.attribute} have the same {word.name} in {label}."
    text = f"The groups of learners differ most by {gap.attribute}: "
    if word.among:
        worst, best = (frequency(value.value) for _, value in (gap.low, gap.high))
        text += f"of {OF:,} {word.among.format(findings.learners)}, {label} "
        text += f"{word.does.format(worst)} in the group {low}, and {best} in the group {high}"
    else:
        worst, best = (number(value.value) for _, value in (gap.low, gap.high))
        text += f"{word.name} of {label} is {worst} in the group {low} and {best} in {high}"
    return f"{text}; {_VERDICTS[gap.differs]}."


def _group_name(place: _Place) -> str:
    """Name a group, and how few it is where it is small."""
    row, value = place
    name = row.group.partition("=")[2] or row.group
    return f"{name} (only {value.n})" if value.n is not None and value.n < _FEW else name


def _differs(
    findings: Findings, like: Found, attribute: str, low: Value, high: Value
) -> bool | None:
    """Say whether the data can tell two groups apart; None where that was not measured.

    The test of an evaluation goes before intervals: it knows that the groups were picked as the
    ones furthest apart.
    """
    evaluation = findings.evaluation_of(len(findings.labels) - 1, like)
    fairness = (evaluation.content.get("fairness") or {}) if evaluation is not None else {}
    known = (fairness.get("attributes") or {}).get(attribute) or {}
    gap = (known.get("metrics") or {}).get(f"{like.metric}_difference") or {}
    verdict = (gap.get("test") or {}).get("verdict")
    return low.apart(high) if verdict is None else bool(verdict == "differ")


_VERDICTS = {
    None: "how sure that is was not measured",
    True: "so large a gap is rarely chance",
    False: "the data cannot tell whether that is more than chance, which does not mean that the "
    "groups are treated alike",
}


def _how_sure(findings: Findings) -> str:
    """Say how much of the difference between first and last version may be chance."""
    found = findings.headline
    if found is None:
        return "Without measured values nobody can say which version to prefer."
    first, last = found.values[0], found.values[-1]
    if first is None or last is None:
        return (
            "The versions were not measured on the same data, so that their numbers must not be "
            "set against each other."
        )
    pairs = pairs_of(findings, found)
    return (pairs and _of_pairs(findings, found, pairs)) or _of_ranges(findings, found, first, last)


def _of_pairs(findings: Findings, found: Found, pairs: Pairs) -> str:
    """Tell the difference on the same learners; empty where pairs do not tell of the metric."""
    known = pairs.difference()
    if known is None:
        return ""
    first, last = findings.labels[0], findings.labels[-1]
    start = f"Both versions were tried on the same {known.n:,} {findings.learners}"
    if known.low is None or known.high is None:
        return f"{start}, and too few of them tell the versions apart to say which is better."
    sure = "chance alone hardly explains" if known.told else "chance may explain"
    between = _between(found, known.low, known.high)
    return (
        f"{start}: with others of the same kind, the number for {last} would likely be {between} "
        f"than that for {first}, so that {sure} the difference."
    )


def _between(found: Found, low: float, high: float) -> str:
    """Say in words from where to where a change is: ``12 to 56 higher``."""
    sides = ["lower" if end < 0 else "higher" for end in (low, high)]
    ends = [_amount(found, abs(end)) for end in (low, high)]
    if sides[0] != sides[1]:
        return f"between {ends[0]} lower and {ends[1]} higher"
    near, far = ends if high > 0 else ends[::-1]
    return f"{near} to {far} {sides[0]}"


def _amount(found: Found, size: float) -> str:
    return frequency(size) if word_of(found.metric).among else number(size)


def _of_ranges(findings: Findings, found: Found, first: Value, last: Value) -> str:
    """Tell the ranges of both versions, where nothing is known of the same learners."""
    if not first.sure or not last.sure:
        return "How sure these numbers are was not measured: the difference may be chance."
    ranges = f"{_range(found, last)} for {findings.labels[-1]} and {_range(found, first)} for "
    ranges += findings.labels[0]
    if first.value == last.value:
        end = "the versions come out alike here"
    elif last.apart(first):
        end = "these do not overlap, so that chance alone hardly explains the difference"
    else:
        end = "these overlap, so that the difference may be chance"
    return f"With other learners of the same kind, {ranges} would be likely: {end}."


def _range(found: Found, value: Value) -> str:
    assert value.low is not None
    assert value.high is not None
    return f"{_amount(found, value.low)} to {_amount(found, value.high)}"
