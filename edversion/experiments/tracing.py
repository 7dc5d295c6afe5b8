"""From a pseudonym and a time to what was served, the data behind it, and who let it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from edversion.errors import InvalidInputError, NotFoundError
from edversion.experiments.home import Home
from edversion.experiments.pseudonyms import is_pseudonym
from edversion.model import (
    AliasMove,
    Approval,
    ExperimentDefinition,
    ExposureTrace,
    Version,
)
from edversion.reference import LATEST, parse_reference

__all__ = ["trace_exposure"]


def trace_exposure(
    home: Home, definition: ExperimentDefinition, pseudonym: str, at: datetime | None
) -> ExposureTrace:
    """Say what a learner was served last, up to a time.

    Raises
    ------
    InvalidInputError
        It is no pseudonym, or the time has no zone.
    NotFoundError
        She was served nothing by then (code ``no_exposure``).
    """
    if not is_pseudonym(pseudonym):
        raise InvalidInputError(
            "a pseudonym is 32 hexadecimal characters; an id is turned into one by the key "
            "('edversion trace --learner')",
            code="illegal_pseudonym",
        )
    if at is not None and at.tzinfo is None:
        raise InvalidInputError(f"the time {at} has no time zone", code="illegal_time")
    shown = home.catalog.exposures_of(definition.project, definition.name, pseudonym)
    found = next((one for one in shown if at is None or one["at"] <= at), None)
    if found is None:
        by_then = "" if at is None else f" up to {at.isoformat()}"
        raise NotFoundError(
            f"experiment {definition.reference} served {pseudonym} nothing{by_then}",
            code="no_exposure",
            experiment=definition.reference,
        )
    return _traced(home, definition, pseudonym, found)


def _traced(
    home: Home, definition: ExperimentDefinition, pseudonym: str, shown: dict[str, Any]
) -> ExposureTrace:
    version = _version_of(home, definition, shown["digest"])
    sources: tuple[Version, ...] = ()
    approvals: tuple[Approval, ...] = ()
    moves: tuple[AliasMove, ...] = ()
    if version is not None:
        found = home.catalog.lineage(version, "up").versions
        sources = tuple(one for one in found if one.type == "dataset")
        approvals = home.catalog.approvals(version)
        moves = _moves_to(home, definition, version, shown["at"])
    return ExposureTrace(
        experiment=definition.reference,
        unit=pseudonym,
        cluster=shown["cluster"] or None,
        variant=shown["variant"],
        at=shown["at"],
        request=shown["request"],
        fallback=shown["fallback"],
        digest=shown["digest"],
        pinned=definition.variants[shown["variant"]].digest,
        version=version,
        datasets=sources,
        approvals=approvals,
        moves=moves,
    )


def _version_of(home: Home, definition: ExperimentDefinition, digest: str) -> Version | None:
    """Find what was served: one of the pinned versions, or another one of their collections."""
    for pinned in definition.variants.values():
        if pinned.digest == digest:
            return _even_deleted(home, pinned.reference)
    for pinned in definition.variants.values():
        place = parse_reference(pinned.reference)
        found = home.catalog.find_by_digest(str(place.project), place.name, digest)
        if found is not None:
            return found
    return None


def _even_deleted(home: Home, reference: str) -> Version:
    return home.catalog.resolve(parse_reference(reference), project=None, deleted=True)


def _moves_to(
    home: Home, definition: ExperimentDefinition, version: Version, at: datetime
) -> tuple[AliasMove, ...]:
    """Give the moves by which the version had the aliases that were asked for, newest first."""
    found: list[AliasMove] = []
    for asked in dict.fromkeys(definition.asked.values()):
        place = parse_reference(asked)
        if place.alias in (None, LATEST) or (place.project, place.name) != (
            version.project, version.name,
        ):  # fmt: skip
            continue
        moves = home.catalog.alias_moves(version.project, version.name, str(place.alias))
        found += [one for one in moves if one.after == version.reference and one.at <= at]
    return tuple(sorted(found, key=lambda one: one.at, reverse=True))
