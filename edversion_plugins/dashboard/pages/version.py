"""The page of a version: sentences first, then everything that is known of it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.responses import RedirectResponse, Response

import edversion
from edversion_plugins.dashboard.admission.reach import Reach
from edversion_plugins.dashboard.rendering import address_of, as_text
from edversion_plugins.dashboard.versions.card import sentences_of
from edversion_plugins.dashboard.versions.readings import Readings, read
from edversion_plugins.dashboard.versions.revised import changes_of
from edversion_plugins.dashboard.visit import Visit
from edversion_plugins.reporting.tables import Table, table
from edversion_plugins.reporting.words import brief, word_of

__all__ = ["find_version", "show_version"]

_FILES = 200
_EVENTS = 10
_REVISIONS = 50
"""Revisions of the metadata that are listed, the newest ones."""
_METRICS = 3
"""Metrics, the plainest ones, of the table that is open; the others have every metric."""
_STEPS = 3
"""Steps of lineage that are listed."""
_EDGES = 100


def find_version(visit: Visit) -> edversion.Version:
    """Find the version that a path names, by number, alias or digest's name."""
    place = f"{visit.part('project')}/{visit.part('collection')}"
    return visit.repository.version(f"{place}:{visit.part('version')}")


def show_version(visit: Visit) -> Response:
    """Show one version; an alias leads on to the version that it names."""
    repository, version = visit.repository, find_version(visit)
    if visit.part("version") != version.version:
        return RedirectResponse(address_of(version), 307)
    readings = read(repository, [version])
    found = repository.aliases(f"{version.project}/{version.name}")
    aliases = sorted(found, key=lambda each: each.name != "champion")
    own = [each for each in aliases if each.number == version.number and each.name != "latest"]
    files, revisions = version.files(), repository.revisions(version)
    up, down = (
        repository.ancestors(version, depth=_STEPS),
        repository.descendants(version, depth=_STEPS),
    )
    return visit.page(
        "version.html",
        version=version,
        sentences=sentences_of(version, readings, aliases, _moves(repository, version, own)),
        own=own,
        first=_first(readings),
        measured=_measured(readings),
        groups=_groups(readings),
        files=files[:_FILES],
        files_left=len(files) - len(files[:_FILES]),
        held=[each for each in files if each.reference is None],
        evaluations=_evaluations(version, down),
        metadata=_metadata(version.metadata),
        revisions=list(zip(revisions, changes_of(revisions), strict=True))[-_REVISIONS:],
        revisions_left=len(revisions) - len(revisions[-_REVISIONS:]),
        up=up.edges[:_EDGES],
        up_more=up.truncated or len(up.edges) > _EDGES,
        down=down.edges[:_EDGES],
        down_more=down.truncated or len(down.edges) > _EDGES,
        events=repository.events(subject=version.reference, limit=_EVENTS),
    )


def _moves(
    repository: Reach, version: edversion.Version, own: Sequence[edversion.Alias]
) -> dict[str, edversion.AliasMove]:
    """Give the moves that gave a version its aliases."""
    place = f"{version.project}/{version.name}"
    newest = {each.name: repository.history(f"{place}:{each.name}")[:1] for each in own}
    return {
        name: move
        for name, moves in newest.items()
        for move in moves
        if move.after == version.reference
    }


def _evaluations(version: edversion.Version, down: edversion.Lineage) -> list[edversion.Version]:
    """Give the evaluations of a version, newest first; others may come of it by a way round."""
    found = [
        each
        for each in down.versions
        if each.type == "evaluation" and each.metadata.get("model") == version.reference
    ]
    return sorted(found, key=lambda each: each.created_at, reverse=True)


def _first(readings: Readings) -> Table | None:
    """Give the plainest metrics, over all learners and by group, in one table."""
    plain = readings.findings.overall[:_METRICS]
    if not plain:
        return None
    overall = readings.findings.comparison.section("metrics")
    assert overall is not None
    known = {tuple(row[:4]): row[4] for row in readings.rows}
    known |= {(row[0], "", *row[1:3]): row[3] for row in overall.rows}
    places = [(each.metric, each.split, each.dataset) for each in plain]
    wanted = [row[1] for row in readings.rows if (row[0], *row[2:4]) in places]
    groups = ["", *sorted(dict.fromkeys(wanted))]
    rows = [
        (group or "all learners", *(known.get((key, group, *rest)) for key, *rest in places))
        for group in groups
    ]
    heads = [("learners", "text"), *((word_of(key).name, "measure") for key, *_ in places)]
    where = ", ".join(filter(None, places[0][1:]))
    return table(f"Measured on {where}" if where else "As it was measured", heads, rows)


def _measured(readings: Readings) -> Table | None:
    """Give the values over all learners."""
    section = readings.findings.comparison.section("metrics")
    if section is None:
        return None
    rows = [
        (word_of(str(row[0])).name, row[0], row[3], row[1], row[2])
        for row in section.rows
        if row[3] is not None
    ]
    columns = [
        ("what", "text"), ("metric", "text"), ("value", "measure"), ("split", "text"),
        ("measured on", "text"),
    ]  # fmt: skip
    return table("Over all learners", columns, rows)


def _groups(readings: Readings) -> Table | None:
    """Give the values by group, the worst ones marked."""
    rows = [(row[1], word_of(row[0]).name, row[4], row[2], row[3]) for row in readings.rows]
    if not rows:
        return None
    columns = [
        ("group", "text"), ("what", "text"), ("value", "measure"), ("split", "text"),
        ("measured on", "text"),
    ]  # fmt: skip
    return table("By group of learners", columns, sorted(rows, key=lambda row: (row[1], row[0])))


def _metadata(values: Any) -> Table | None:
    """Give metadata as a table, its numbers rounded; says so where digits are left out."""
    plain = _plain(values)
    rows = [(key, as_text(_rounded(value))) for key, value in sorted(plain.items())]
    exact = [(key, as_text(value)) for key, value in sorted(plain.items())]
    shown = table("What its author says of it", [("key", "text"), ("value", "text")], rows)
    if rows == exact:
        return shown
    return replace(
        shown, note="Numbers are rounded; 'edversion show --json' has all of their digits."
    )


def _rounded(value: Any) -> Any:
    """Give JSON with its numbers rounded."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return list(map(_rounded, value))
    return float(brief(value)) if isinstance(value, float) else value


def _plain(value: Any) -> Any:
    """Give read-only metadata as JSON has it."""
    return copy.deepcopy(value)
