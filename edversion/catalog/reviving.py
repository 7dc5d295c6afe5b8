"""Deleted versions: which there are, and how one comes back while its bytes are there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, select, update

from edversion.catalog.aliases import move_aliases
from edversion.catalog.area import Area
from edversion.catalog.database import Transaction
from edversion.catalog.finding import collection_place
from edversion.catalog.reading import (
    LIVE,
    VERSIONS,
    deleted_error,
    key_of,
    located,
    subject_of,
    to_versions,
)
from edversion.catalog.tables import (
    aliases,
    collections,
    packs,
    projects,
    version_packs,
    versions,
)
from edversion.errors import InvalidInputError, RefusedError
from edversion.model import Version
from edversion.reference import LATEST

__all__ = ["DeletedVersion", "Reviving"]

_DELETED = VERSIONS.where(versions.c.deleted_at.is_not(None)).order_by(
    versions.c.deleted_at.desc(), versions.c.id.desc()
)
_TWIN = select(versions.c.number).where(
    LIVE,
    versions.c.collection_id == bindparam("place"),
    versions.c.digest == bindparam("digest"),
)
_ITS_PACKS = select(version_packs.c.pack_id).where(
    version_packs.c.version_id == bindparam("version")
)
_LOST_PACKS = (
    select(func.count())
    .select_from(packs)
    .where(packs.c.id.in_(_ITS_PACKS), packs.c.removed_at.is_not(None))
)
_SPARE_PACKS = update(packs).where(packs.c.id.in_(_ITS_PACKS)).values(condemned_at=None)
_UNDELETE = (
    update(versions)
    .where(versions.c.id == bindparam("version"))
    .values(deleted_at=None, deleted_by=None, deleted_reason=None, condemned_at=None)
)
_COUNT_UP = (
    update(collections)
    .where(collections.c.id == bindparam("place"))
    .values(version_count=collections.c.version_count + 1)
)
_LATEST = (
    select(versions.c.number)
    .select_from(aliases.join(versions, aliases.c.version_id == versions.c.id))
    .where(aliases.c.collection_id == bindparam("place"), aliases.c.name == LATEST)
)


@dataclass(frozen=True, slots=True)
class DeletedVersion:
    """A version that was deleted.

    Attributes
    ----------
    version : Version
        What it was.
    at : datetime
        When it was deleted (UTC).
    actor, reason : str
        By whom, and why.
    condemned_at : datetime or None
        When gc found that nobody needs its bytes; they go a time of grace later.
    purged_at : datetime or None
        When its bytes went; until then it can be restored.
    erased_at : datetime or None
        When its bytes were destroyed because the law asked for it.
    legal_basis : str or None
        Which law asked for it.
    """

    version: Version
    at: datetime
    actor: str
    reason: str | None
    condemned_at: datetime | None
    purged_at: datetime | None
    erased_at: datetime | None
    legal_basis: str | None


class Reviving(Area):
    """List deleted versions, and bring them back."""

    def deleted_versions(
        self, *, project: str | None = None, name: str | None = None
    ) -> tuple[DeletedVersion, ...]:
        """Give deleted versions, the last one deleted first."""
        query = _DELETED
        if project is not None:
            query = query.where(projects.c.name == project)
        if name is not None:
            query = query.where(collections.c.name == name)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            found = to_versions(connection, rows, self.source)
        return tuple(map(_deleted, rows, found))

    def restore_version(self, version: Version, *, actor: str, reason: str | None) -> None:
        """Let a deleted version be there again; it takes ``latest`` where it is the newest.

        Raises
        ------
        InvalidInputError
            It is not deleted (code ``not_deleted``).
        RefusedError
            Its bytes were removed (code ``bytes_gone``), or a live version has its content
            (code ``content_is_live``).
        """
        with self._database.write() as transaction:
            row = located(transaction.connection, version, deleted=True)
            _check_restorable(transaction, row)
            transaction.execute(_UNDELETE, {"version": row.id})
            transaction.execute(_SPARE_PACKS, {"version": row.id})
            transaction.execute(_COUNT_UP, {"place": row.collection_id})
            transaction.tell(
                "version.restored",
                subject_of(row),
                actor=actor,
                before={"deleted_by": row.deleted_by, "reason": row.deleted_reason},
                reason=reason,
            )
            transaction.changed(row.id, key_of(row))
            latest = transaction.execute(_LATEST, {"place": row.collection_id}).scalar()
            if latest is None or latest < row.number:
                place = collection_place(transaction.connection, row.project, row.collection)
                move_aliases(transaction, place, [LATEST], (row.id, row.number), actor, reason)


def _check_restorable(transaction: Transaction, row: Row[Any]) -> None:
    reference = subject_of(row)
    if row.deleted_at is None:
        raise InvalidInputError(
            f"{reference} is not deleted", code="not_deleted", reference=reference
        )
    if row.erased_at is not None:
        raise RefusedError(
            f"{deleted_error(row)}: it cannot be restored", code="bytes_gone", reference=reference
        )
    lost = transaction.execute(_LOST_PACKS, {"version": row.id}).scalar_one()
    if row.purged_at is not None or lost:
        raise RefusedError(
            f"{reference} cannot be restored: gc has removed its bytes. Log the content again",
            code="bytes_gone",
            reference=reference,
        )
    twin = transaction.execute(_TWIN, {"place": row.collection_id, "digest": row.digest}).scalar()
    if twin is not None:
        raise RefusedError(
            f"{reference} need not be restored: v{twin} has the same content",
            code="content_is_live",
            reference=reference,
            number=twin,
        )


def _deleted(row: Row[Any], version: Version) -> DeletedVersion:
    return DeletedVersion(
        version,
        row.deleted_at,
        row.deleted_by,
        row.deleted_reason,
        row.condemned_at,
        row.purged_at,
        row.erased_at,
        row.erased_basis,
    )
