"""The sentences on top of a version's page, for readers with and without code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import edversion
from edversion_plugins.dashboard.rendering import counted, moment
from edversion_plugins.dashboard.versions.readings import Readings
from edversion_plugins.reporting.words import OF, frequency, listed, number, size, word_of

__all__ = ["grounds_of", "merits_of", "sentences_of"]

_UNMEASURED = ("dataset", "pipeline", "evaluation")
"""Types of which nobody expects that they do well or badly."""


def sentences_of(
    version: edversion.Version,
    readings: Readings,
    aliases: Sequence[edversion.Alias],
    moves: Mapping[str, edversion.AliasMove],
) -> list[str]:
    """Say what a version is, how good, for whom it is weaker, and where it stands."""
    return [
        _what(version),
        *merits_of(version, readings),
        *_standing(version, aliases, moves),
    ]


def merits_of(version: edversion.Version, readings: Readings) -> list[str]:
    """Say how good a version is, and for whom it is weaker."""
    return [*_how_good(version, readings), *_for_whom(version, readings)]


def _what(version: edversion.Version) -> str:
    by = f" by {version.created_by}" if version.created_by else ""
    return (
        f"{version.name} {version.version} is a version of type {version.type} with "
        f"{counted(version.file_count, 'file')} ({size(version.size)}), logged on "
        f"{moment(version.created_at)}{by}."
    )


def _how_good(version: edversion.Version, readings: Readings) -> Iterator[str]:
    found = readings.findings.headline
    if found is None or found.values[0] is None:
        if version.type not in _UNMEASURED:
            yield "Nothing was measured of it, so that nobody can say how good it is."
        return
    value, word = found.values[0], word_of(found.metric)
    likely = ""
    if word.among:
        who = word.among.format("learners")
        if value.low is not None and value.high is not None:
            likely = f" (likely between {frequency(value.low)} and {frequency(value.high)})"
        text = f"Of {OF:,} {who}, it {word.does.format(frequency(value.value))}{likely}"
    else:
        if value.low is not None and value.high is not None:
            likely = f" (likely between {number(value.low)} and {number(value.high)})"
        text = f"Its {word.name} is {number(value.value)}{likely}"
    places = [f"{value.n:,} rows" if value.n else "", found.dataset, found.split]
    where = ", ".join(filter(None, places))
    yield f"{text}; measured on {where}." if where else f"{text}."


def _for_whom(version: edversion.Version, readings: Readings) -> Iterator[str]:
    worst = readings.worst(0, readings.keys)
    if worst is not None:
        few = f", from {worst.n:,} rows" if worst.n else ""
        name = word_of(worst.metric).name
        yield f"It does worst for {worst.group}: {name} {number(worst.value)}{few}."
    elif not readings.rows and version.type not in _UNMEASURED:
        yield (
            "No groups of learners were measured, so that nobody can say for whom it does worse."
        )


def grounds_of(move: edversion.AliasMove | None) -> str:
    """Say why an alias moved, and who had approved it; ends the sentence that says who moved it.

    Parameters
    ----------
    move : AliasMove or None
        The move; None where it was not recorded.
    """
    if move is None:
        return "."
    why = f": “{move.reason}”." if move.reason else "."
    given: Any = move.evidence.get("approvals") or ()
    names = listed(list(dict.fromkeys(str(each["actor"]) for each in given)))
    return f"{why} Approved by {names}." if names else why


def _standing(
    version: edversion.Version,
    aliases: Sequence[edversion.Alias],
    moves: Mapping[str, edversion.AliasMove],
) -> Iterator[str]:
    own = [each for each in aliases if each.number == version.number and each.name != "latest"]
    for alias in own:
        since = f"It is {alias.name} since {moment(alias.moved_at)}, set by {alias.moved_by}"
        yield since + grounds_of(moves.get(alias.name))
    others = [each for each in aliases if each.number != version.number and each.name != "latest"]
    if not own and others:
        said = listed([f"{each.name} is v{each.number}" for each in others])
        newest = "latest" in version.aliases
        start = "It is the newest one, without another alias" if newest else "No alias names it"
        yield f"{start}; {said}."
