"""What people say of promotions: approvals and rejections, each of evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, Table, bindparam, delete, insert, select

from edversion.catalog.area import Area
from edversion.catalog.database import Transaction
from edversion.catalog.promotion_tables import approvals, proposals, rejections
from edversion.catalog.reading import key_of, located, subject_of
from edversion.errors import NotFoundError
from edversion.model import Approval, Json, Rejection, Version

__all__ = ["CLOSE", "Deciding", "approvals_of", "rejections_of", "standing_rejections"]

W = TypeVar("W", Approval, Rejection)

CLOSE = delete(proposals).where(
    proposals.c.version_id == bindparam("version"), proposals.c.alias == bindparam("named")
)
"""Let a promotion wait no longer."""

_APPROVALS, _REJECTIONS = (
    select(table).where(table.c.version_id == bindparam("version")).order_by(table.c.id)
    for table in (approvals, rejections)
)


@dataclass(frozen=True, slots=True)
class _Word:
    """What a person says of a promotion: to which alias, when, who, why, on which report."""

    alias: str
    at: datetime
    actor: str
    reason: str
    evidence: Mapping[str, Json]


class Deciding(Area):
    """Everything that people say of a promotion."""

    def approve(
        self, version: Version, alias: str, *, actor: str, reason: str, evidence: Mapping[str, Json]
    ) -> Approval:
        """Record that a person approves, with the report that they were shown."""
        with self._database.write() as transaction:
            row = located(transaction.connection, version)
            word = _Word(alias, _after_all(transaction, row), actor, reason, evidence)
            return _give(transaction, row, approvals, "promotion.approved", word, Approval)

    def reject(
        self, version: Version, alias: str, *, actor: str, reason: str, evidence: Mapping[str, Json]
    ) -> Rejection:
        """Record that a person rejects, likewise; a promotion that waits does so no longer."""
        with self._database.write() as transaction:
            row = located(transaction.connection, version)
            transaction.execute(CLOSE, {"version": row.id, "named": alias})
            word = _Word(alias, _after_all(transaction, row), actor, reason, evidence)
            return _give(transaction, row, rejections, "promotion.rejected", word, Rejection)

    def approvals(self, version: Version, alias: str | None = None) -> tuple[Approval, ...]:
        """Give the approvals of a version, oldest first; for one alias where it is named."""
        with self._database.read() as connection:
            row = located(connection, version, deleted=True)
            found = approvals_of(connection, row)
            return tuple(one for one, _ in found if alias is None or one.alias == alias)

    def rejections(self, version: Version, alias: str | None = None) -> tuple[Rejection, ...]:
        """Give the rejections of a version, oldest first; for one alias where it is named."""
        with self._database.read() as connection:
            row = located(connection, version, deleted=True)
            found = rejections_of(connection, row)
            return tuple(one for one, _ in found if alias is None or one.alias == alias)

    def standing_rejections(
        self, version: Version, alias: str, digest: str
    ) -> tuple[Rejection, ...]:
        """Give the rejections of some evidence that nobody took back by approving it later."""
        with self._database.read() as connection:
            return standing_rejections(connection, located(connection, version), alias, digest)

    def shown_evidence(self, version: Version, digest: str) -> Mapping[str, Json]:
        """Give the report that was shown to whoever approved or rejected it, by its digest.

        Raises
        ------
        NotFoundError
            Nobody decided on such a report.
        """
        with self._database.read() as connection:
            row = located(connection, version, deleted=True)
            for given, evidence in _every(connection, row):
                if given.digest == digest:
                    return evidence
        raise NotFoundError(
            f"nobody approved or rejected {version.reference} on a report {digest}", digest=digest
        )


def _give(
    transaction: Transaction, row: Row[Any], table: Table, action: str, word: _Word, kind: type[W]
) -> W:
    """Write down somebody's word on a version, and tell of it."""
    given = kind(
        version=subject_of(row),
        alias=word.alias,
        at=word.at,
        actor=word.actor,
        reason=word.reason,
        digest=str(word.evidence["digest"]),
    )
    columns = ("alias", "at", "actor", "reason", "digest")
    values = {column: getattr(given, column) for column in columns}
    values |= {"version_id": row.id, "evidence": dict(word.evidence)}
    transaction.execute(insert(table), values)
    transaction.tell(
        action,
        given.version,
        actor=given.actor,
        after={"alias": given.alias, "digest": given.digest},
        reason=given.reason,
    )
    transaction.changed(row.id, key_of(row))
    return given


def _after_all(transaction: Transaction, row: Row[Any]) -> datetime:
    """Give the time of a word that comes after every other on a version, whoever's clock is slow.

    The last word of a person holds, so their order must be certain.
    """
    told = _every(transaction.connection, row)
    return max([transaction.at, *(given.at + timedelta(microseconds=1) for given, _ in told)])


def _every(
    connection: Connection, row: Row[Any]
) -> list[tuple[Approval | Rejection, Mapping[str, Json]]]:
    """Give approvals and rejections, oldest first."""
    told: list[tuple[Approval | Rejection, Mapping[str, Json]]] = []
    told += approvals_of(connection, row)
    told += rejections_of(connection, row)
    return sorted(told, key=lambda each: each[0].at)


def approvals_of(
    connection: Connection, row: Row[Any]
) -> list[tuple[Approval, Mapping[str, Json]]]:
    """Give the approvals of a row of `VERSIONS`, each with the report that was shown."""
    return _words_of(connection, row, _APPROVALS, Approval)


def rejections_of(
    connection: Connection, row: Row[Any]
) -> list[tuple[Rejection, Mapping[str, Json]]]:
    """Give the rejections of a row of `VERSIONS`, likewise."""
    return _words_of(connection, row, _REJECTIONS, Rejection)


def standing_rejections(
    connection: Connection, row: Row[Any], alias: str, digest: str
) -> tuple[Rejection, ...]:
    """Give the rejections of some evidence that nobody took back by approving it later."""
    against = [one for one, _ in rejections_of(connection, row)]
    against = [one for one in against if (one.alias, one.digest) == (alias, digest)]
    if not against:
        return ()
    later = [one for one, _ in approvals_of(connection, row)]
    later = [one for one in later if (one.alias, one.digest) == (alias, digest)]
    return tuple(
        each
        for each in against
        if not any(one.actor == each.actor and one.at > each.at for one in later)
    )


def _words_of(
    connection: Connection, row: Row[Any], asked: Select[Any], kind: type[W]
) -> list[tuple[W, Mapping[str, Json]]]:
    return [
        (
            kind(
                version=subject_of(row),
                alias=each.alias,
                at=each.at,
                actor=each.actor,
                reason=each.reason,
                digest=each.digest,
            ),
            each.evidence,
        )
        for each in connection.execute(asked, {"version": row.id})
    ]
