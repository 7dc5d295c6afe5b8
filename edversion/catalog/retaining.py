"""Policies of retention, by collection."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select

from edversion.catalog.area import Area
from edversion.catalog.finding import collection_place
from edversion.catalog.retention_tables import retention_policies
from edversion.catalog.tables import collections, projects

__all__ = ["RETENTION_FIELDS", "Retaining", "RetentionRecord"]

_RECORDS = (
    select(
        retention_policies,
        projects.c.name.label("project"),
        collections.c.name.label("collection"),
    )
    .join(collections, collections.c.id == retention_policies.c.collection_id)
    .join(projects)
)
_HERE = _RECORDS.where(
    projects.c.name == bindparam("project"), collections.c.name == bindparam("name")
).order_by(retention_policies.c.number.desc())
_NEWEST = (
    select(retention_policies.c.collection_id, func.max(retention_policies.c.number).label("last"))
    .group_by(retention_policies.c.collection_id)
    .subquery()
)
_HOLDING = (
    _RECORDS.join(
        _NEWEST,
        (_NEWEST.c.collection_id == retention_policies.c.collection_id)
        & (_NEWEST.c.last == retention_policies.c.number),
    )
    .where(retention_policies.c.text.is_not(None))
    .order_by(projects.c.name, collections.c.name)
)

RETENTION_FIELDS = ("number", "text", "actor", "reason")
"""What the store keeps of a policy, besides its collection and its time."""


@dataclass(frozen=True, slots=True)
class RetentionRecord:
    """A policy of retention of a collection, as it was set.

    Attributes
    ----------
    project, collection : str
        What it is for.
    number : int
        1, 2, 3 … for each collection.
    text : str or None
        TOML; None where the policy was withdrawn.
    at : datetime
        UTC.
    actor, reason : str
        Who set it, and why.
    """

    project: str
    collection: str
    number: int
    text: str | None
    at: datetime
    actor: str
    reason: str | None


class Retaining(Area):
    """Set and find the policies of retention."""

    def set_retention(
        self, project: str, name: str, text: str | None, *, actor: str, reason: str | None
    ) -> RetentionRecord:
        """Set the policy of a collection; those before stay on record. None withdraws it."""
        with self._database.write() as transaction:
            place = collection_place(transaction.connection, project, name)
            key = {"project": project, "name": name}
            last = transaction.execute(_HERE, key).first()
            record = RetentionRecord(
                project, name, 1 + (last.number if last else 0), text, transaction.at, actor, reason
            )
            row = {"number": record.number, "text": text, "at": record.at}
            row |= {"collection_id": place.id, "actor": actor, "reason": reason}
            transaction.execute(insert(retention_policies), row)
            transaction.tell(
                "retention.set" if text is not None else "retention.withdrawn",
                f"{project}/{name}",
                actor=actor,
                before=None if last is None else last.text,
                after=text,
                reason=reason,
            )
        return record

    def retention(self, project: str, name: str) -> RetentionRecord | None:
        """Give the policy that a collection has; None where it never had one."""
        return next(iter(self.retention_history(project, name)), None)

    def retention_history(self, project: str, name: str) -> tuple[RetentionRecord, ...]:
        """Give all policies that a collection had, the present one first."""
        with self._database.read() as connection:
            rows = connection.execute(_HERE, {"project": project, "name": name})
            return tuple(map(_record, rows))

    def retentions(self) -> tuple[RetentionRecord, ...]:
        """Give the policies that hold, by collection."""
        with self._database.read() as connection:
            return tuple(map(_record, connection.execute(_HOLDING)))


def _record(row: Row[Any]) -> RetentionRecord:
    fields = ("project", "collection", "number", "text", "at", "actor", "reason")
    return RetentionRecord(**{name: getattr(row, name) for name in fields})
