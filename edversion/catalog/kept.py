"""Write what a store keeps beside receipts and runs into a catalog that is being rebuilt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, insert, select

from edversion.catalog.collecting import write_gone
from edversion.catalog.database import Transaction
from edversion.catalog.deployment_tables import deployments
from edversion.catalog.deployments import DEPLOYMENT_FIELDS
from edversion.catalog.experiment_records import restore_experiment
from edversion.catalog.journal import write_setting
from edversion.catalog.policies import POLICY_FIELDS
from edversion.catalog.promotion_tables import policies
from edversion.catalog.retaining import RETENTION_FIELDS
from edversion.catalog.retention_tables import retention_policies
from edversion.catalog.tables import collections, projects

__all__ = ["Kept", "write_kept"]

Record = Mapping[str, Any]
_Make = Callable[[Record, Row[Any]], dict[str, Any]]

_PLACES = select(
    collections.c.id, collections.c.project_id, projects.c.name.label("project"), collections.c.name
).join(projects)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a store keeps beside receipts and runs.

    Attributes
    ----------
    retentions, policies, deployments : sequence of mapping
        What :meth:`Catalog.retentions`, `policy_records` and `deployment_record` gave, in no
        order. Those of collections that have no version are left out.
    experiments : sequence of mapping
        What `experiment_record` gave; who was assigned and served is not among it.
    manifests : collection of (str, int), or None
        Digests and generations of the manifests in the store; None where nobody looked.
    packs : collection of str
        Ids of the packs in the store.
    settings : mapping of str to str
        Settings of the catalog.
    """

    retentions: Sequence[Record] = ()
    policies: Sequence[Record] = ()
    deployments: Sequence[Record] = ()
    experiments: Sequence[Record] = ()
    manifests: Collection[tuple[str, int]] | None = None
    packs: Collection[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


def write_kept(transaction: Transaction, kept: Kept) -> None:
    """Write all of it; the versions must be there."""
    _write(transaction, retention_policies, kept.retentions, _retention)
    _write(transaction, policies, kept.policies, _policy)
    _write(transaction, deployments, kept.deployments, _deployment)
    for record in kept.experiments:
        restore_experiment(transaction, record)
    if kept.manifests is not None:
        write_gone(transaction, kept.manifests, kept.packs)
    for key, value in kept.settings.items():
        write_setting(transaction, key, value)


def _write(transaction: Transaction, table: Table, records: Iterable[Record], make: _Make) -> None:
    places = {(row.project, row.name): row for row in transaction.execute(_PLACES)}
    found = ((each, places.get((each["project"], each["collection"]))) for each in records)
    rows = [
        make(record, place) | {"collection_id": place.id}
        for record, place in found
        if place is not None
    ]
    if rows:
        transaction.execute(insert(table), rows)


def _retention(record: Record, _place: Row[Any]) -> dict[str, Any]:
    return {name: record[name] for name in RETENTION_FIELDS} | {"at": _time(record["at"])}


def _policy(record: Record, _place: Row[Any]) -> dict[str, Any]:
    return {name: record[name] for name in POLICY_FIELDS} | {"at": _time(record["at"])}


def _deployment(record: Record, place: Row[Any]) -> dict[str, Any]:
    return {name: record[name] for name in DEPLOYMENT_FIELDS} | {
        "project_id": place.project_id,
        "created_at": _time(record["created_at"]),
        "removed_at": record["removed_at"] and _time(record["removed_at"]),
    }


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
