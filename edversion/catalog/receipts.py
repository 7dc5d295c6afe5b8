"""Receipts: everything about a version as plain JSON, enough to restore it.

The repository writes them into the store. If the catalog is lost, they bring it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, bindparam, select

from edversion.catalog.area import Area
from edversion.catalog.arrival_tables import ARRIVALS_OF
from edversion.catalog.deciding import approvals_of, rejections_of
from edversion.catalog.editing import revisions_of
from edversion.catalog.metrics import metrics_of
from edversion.catalog.moves import promotions_to
from edversion.catalog.reading import keys_of, located
from edversion.catalog.runs import find_run, to_run
from edversion.catalog.tables import (
    aliases,
    dump_instant,
    files,
    metrics,
    packs,
    run_versions,
    tags,
    version_packs,
    version_sources,
)
from edversion.model import Approval, Json, Rejection, Version

__all__ = ["Receipts", "plain", "receipt_of"]

_ID: BindParameter[Any] = bindparam("version")
_TAGS = select(tags.c.name).where(tags.c.version_id == _ID).order_by(tags.c.name)
_ALIASES = select(aliases.c.name, aliases.c.revision).order_by(aliases.c.name)
_HERE = _ALIASES.where(aliases.c.version_id == _ID)
_GONE = _ALIASES.where(aliases.c.left_id == _ID)
_EDGES = (
    select(run_versions)
    .where(run_versions.c.version_id == _ID)
    .order_by(
        run_versions.c.at,
        run_versions.c.run_id,
        run_versions.c.direction,
        run_versions.c.relation,
    )
)
_ORIGINS = select(version_sources.c.source_id, version_sources.c.relation).where(
    version_sources.c.version_id == _ID
)
_PACKS = (
    select(packs.c.id, packs.c.size)
    .join(version_packs)
    .where(version_packs.c.version_id == _ID)
    .order_by(packs.c.id)
)
_FILES = (
    select(files.c.digest, files.c.size).where(files.c.version_id == _ID).order_by(files.c.digest)
)
_METRICS = select(metrics).where(metrics.c.version_id == _ID)


class Receipts(Area):
    """Versions and runs as plain JSON."""

    def receipt(self, version: Version) -> dict[str, Json]:
        """Give everything about a version, deleted or not, that restoring it takes.

        Times are UTC text, sizes bytes. ``generation`` counts the changes: of two receipts
        of a version, the higher one holds.
        """
        with self._database.read() as connection:
            row = located(connection, version, deleted=True)
            return receipt_of(connection, row)

    def run_record(self, run_id: str) -> dict[str, Json]:
        """Give a run as plain JSON, with the status that is recorded."""
        with self._database.read() as connection:
            record: dict[str, Json] = plain(asdict(to_run(find_run(connection, run_id))))
            return record


def receipt_of(connection: Connection, row: Row[Any]) -> dict[str, Json]:
    """Give the receipt of a row of `VERSIONS`."""
    return _own(row) | _around(connection, row)


def _own(row: Row[Any]) -> dict[str, Json]:
    """Give what a row of `VERSIONS` holds itself."""
    deleted = {
        "at": row.deleted_at,
        "actor": row.deleted_by,
        "reason": row.deleted_reason,
    }
    own: dict[str, Json] = plain({
        "generation": row.receipt_generation,
        "project": row.project,
        "collection": row.collection,
        "type": row.type,
        "number": row.number,
        "digest": row.digest,
        "manifest_generation": row.generation,
        "size": row.size,
        "file_count": row.file_count,
        "created_at": row.created_at,
        "actor": row.actor,
        "description": row.description,
        "metadata": row.metadata,
        "facts": row.facts,
        "deleted": None if row.deleted_at is None else deleted,
        **_erased(row),
    })  # fmt: skip
    return own


def _erased(row: Row[Any]) -> dict[str, Any]:
    """Give what is told of an erasure; nothing is added to the receipts of other versions."""
    if row.erased_at is None:
        return {}
    told = {"at": row.erased_at, "actor": row.erased_by, "reason": row.erased_reason}
    return {"erased": told | {"legal_basis": row.erased_basis}}


def _around(connection: Connection, row: Row[Any]) -> dict[str, Json]:
    """Give what other tables say of a version."""

    def rows(statement: Any) -> list[Row[Any]]:
        return list(connection.execute(statement, {"version": row.id}))

    edges = [
        {"run": e.run_id, "direction": e.direction, "relation": e.relation or None, "at": e.at}
        for e in rows(_EDGES)
    ]
    origins = rows(_ORIGINS)
    sources = keys_of(connection, {origin.source_id for origin in origins})
    measured = metrics_of(connection, _METRICS.params(version=row.id))
    around: dict[str, Json] = plain({
        "tags": [tag.name for tag in rows(_TAGS)],
        "aliases": {alias.name: alias.revision for alias in rows(_HERE)},
        "removed_aliases": {alias.name: alias.revision for alias in rows(_GONE)},
        "runs": edges,
        "origins": sorted([*sources[one.source_id], one.relation] for one in origins),
        "packs": [list(pack) for pack in rows(_PACKS)],
        "large_files": [list(file) for file in rows(_FILES)],
        "revisions": [asdict(revision) for revision in revisions_of(connection, row)],
        "metrics": [asdict(metric) for metric in measured],
    })  # fmt: skip
    came = [
        [a.origin, a.project, a.collection, a.number, a.record, a.complete]
        for a in rows(ARRIVALS_OF)
    ]
    return around | _promoted(connection, row) | ({"arrivals": came} if came else {})


def _promoted(connection: Connection, row: Row[Any]) -> dict[str, Json]:
    """Give what gates and people said of a version; nothing where they were never asked."""
    told: dict[str, Json] = plain({
        "approvals": list(map(_word, approvals_of(connection, row))),
        "rejections": list(map(_word, rejections_of(connection, row))),
        "promotions": promotions_to(connection, row.id),
    })  # fmt: skip
    return {name: value for name, value in told.items() if value}


def _word(told: tuple[Approval | Rejection, Mapping[str, Json]]) -> dict[str, Any]:
    given, evidence = told
    columns = ("alias", "at", "actor", "reason", "digest")
    return {name: getattr(given, name) for name in columns} | {"evidence": evidence}


def plain(value: Any) -> Any:
    """Write the times in a value as text, and give the rest as JSON knows it."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, datetime):
        return dump_instant(value)
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value
