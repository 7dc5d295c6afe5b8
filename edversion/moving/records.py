"""The record of what one repository knows of a version, as another one keeps it.

It is canonical JSON, named by its digest: the events in it are those of the other chain, and
nobody can change what they said when the version came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from edversion.catalog import Catalog
from edversion.digests import canonical_json, is_digest
from edversion.errors import EdversionError, InvalidInputError
from edversion.model import Event, Version
from edversion.moving.shapes import RUN, VERSION, check_shape
from edversion.reference import LATEST, check_alias, check_name, check_tag

__all__ = ["FORMAT", "is_store", "read_record", "record_of"]

FORMAT = 1

_STAYS = (
    # Where the bytes lie there, and which receipt it was: no facts of the version.
    "generation", "manifest_generation", "packs", "large_files", "arrivals", "deleted", "erased",
)  # fmt: skip
_TRAVEL = ("version.imported", "version.joined")
_RUN = re.compile(r"[0-9a-f]{8,64}")
_STORE = re.compile(r"[0-9a-f]{32}")
_MOST = 10**9  # the highest number that a version may have


def record_of(catalog: Catalog, origin: str, version: Version) -> bytes:
    """Give the record of a version.

    Parameters
    ----------
    catalog : Catalog
        What knows it.
    origin : str
        Id of the store that the catalog belongs to.
    """
    receipt = catalog.receipt_by_key((version.project, version.name, version.number))
    facts: dict[str, Any] = {key: receipt[key] for key in receipt if key not in _STAYS}
    for field in ("aliases", "removed_aliases"):  # `latest` leaves a version at the next commit
        facts[field] = {name: at for name, at in facts[field].items() if name != LATEST}
    named = {edge["run"] for edge in facts["runs"]} | {one["run"] for one in facts["metrics"]}
    subjects = [version.reference]
    for name in sorted({**facts["aliases"], **facts["removed_aliases"]}):
        subjects.append(f"{version.project}/{version.name}:{name}")
    record = {
        "edversion": "import",
        "format": FORMAT,
        "origin": origin,
        "version": facts,
        "runs": {run: catalog.run_record(run) for run in sorted(named - {None})},
        "events": [event.as_json() for event in _events(catalog, subjects)],
    }
    return canonical_json(record) + b"\n"


def is_store(id: object) -> bool:
    """Tell whether something is the id of a store."""
    return isinstance(id, str) and _STORE.fullmatch(id) is not None


def _events(catalog: Catalog, subjects: Iterable[str]) -> list[Event]:
    """Give what happened to a version there; that it came and went is no news elsewhere."""
    found = [event for subject in subjects for event in catalog.events(subject=subject)]
    news = [event for event in found if event.action not in _TRAVEL]
    return sorted(news, key=lambda event: event.sequence)


def read_record(data: bytes) -> dict[str, Any]:
    """Read a record, and refuse one that could not be of this program.

    Raises
    ------
    InvalidInputError
        It is no record (code ``bad_record``).
    """
    try:
        record: dict[str, Any] = json.loads(data, parse_constant=_no_number)
        _check(record)
    except (ValueError, KeyError, TypeError, RecursionError, EdversionError) as error:
        raise InvalidInputError(
            f"what came with a version cannot be read: {error}; ask for it once more",
            code="bad_record",
        ) from error
    return record


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _check(record: Mapping[str, Any]) -> None:
    """Refuse what would name something else than it should, or break what is here."""
    if record["edversion"] != "import" or record["format"] != FORMAT:
        raise ValueError(f"it has format {record['format']!r}; upgrade edversion")
    if not is_store(record["origin"]):
        raise ValueError(f"illegal store {record['origin']!r}")
    facts, runs = record["version"], record["runs"]
    check_shape(facts, VERSION, "the version", more=True)
    _check_version(facts)
    for id, run in runs.items():
        _check_run(id, run)
    for edge in facts["runs"]:
        if edge["run"] not in runs or edge["direction"] not in ("logged", "used"):
            raise ValueError(f"illegal run {edge['run']!r}")
        if edge["relation"] is not None:
            check_name(edge["relation"], "relation")
    for metric in facts["metrics"]:
        if metric["run"] is not None and metric["run"] not in runs:
            raise ValueError(f"illegal run {metric['run']!r}")


def _check_version(facts: Mapping[str, Any]) -> None:
    check_name(facts["project"], "project")
    check_name(facts["collection"])
    check_name(facts["type"], "type")
    _check_number(facts["number"])
    if not is_digest(facts["digest"]):
        raise ValueError(f"illegal digest {facts['digest']!r}")
    for alias in facts["aliases"]:
        check_alias(alias)
    for tag in facts["tags"]:
        check_tag(tag)
    for project, collection, number, relation in facts["origins"]:
        check_name(project, "project")
        check_name(collection)
        _check_number(number)
        check_name(relation, "relation")
    if not facts["revisions"]:
        raise ValueError("it has no metadata")


def _check_number(number: object) -> None:
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < _MOST:
        raise ValueError(f"illegal number {number!r}")


def _check_run(id: str, run: Mapping[str, Any]) -> None:
    """Refuse a run whose id is none: it names a file in the store."""
    if not _RUN.fullmatch(id) or run["id"] != id:
        raise ValueError(f"illegal run {id!r}")
    check_shape(run, RUN, f"run {id}", more=True)
    check_name(run["project"], "project")
    if run["status"] not in ("running", "finished", "failed", "crashed"):
        raise ValueError(f"illegal status {run['status']!r}")
