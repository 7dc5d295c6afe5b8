"""Erase a version: its bytes go at once, and what it was stays on record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, select, update

from edversion.catalog.area import Area
from edversion.catalog.database import Transaction
from edversion.catalog.distributed_rows import lose_parts
from edversion.catalog.doomed import MANIFEST, REPLACED, Removal, doom
from edversion.catalog.editing import leave_live
from edversion.catalog.needs import IS_HELD, PRESENT
from edversion.catalog.reading import deleted_error, key_of, located, subject_of
from edversion.catalog.repacking import Swap, check_same, swap_packs
from edversion.catalog.retention_tables import removals
from edversion.catalog.tables import packs, version_packs, versions
from edversion.catalog.wear import former_packs, note_removed
from edversion.model import Json, Version

__all__ = ["Erasing", "Erasures"]


@dataclass(frozen=True, slots=True)
class Erasing:
    """Who erases, and why."""

    actor: str
    reason: str
    legal_basis: str


class Erasures(Area):
    """Erase versions, and say which ones were erased."""

    def held_packs(self, version: Version) -> dict[str, int]:
        """Give ids and sizes of the packs that may hold bytes of a version.

        Besides those that it names: those that it named before it was mended, those that
        parts lay in which no version came of, for nobody knows any more whether they were the
        same, and those that no version is read from any more, for it may be read from new packs
        since they were written.
        """
        with self._database.read() as connection:
            row = located(connection, version, deleted=True)
            its = select(version_packs.c.pack_id).where(version_packs.c.version_id == row.id)
            held = packs.c.id.in_(its) | packs.c.id.in_(former_packs(row.id)) | ~IS_HELD
            query = select(packs.c.id, packs.c.size).where(PRESENT, held)
            return {pack.id: pack.size for pack in connection.execute(query)}

    def erased_among(self, found: Iterable[Version]) -> tuple[Version, ...]:
        """Give those of some versions that were erased."""
        with self._database.read() as connection:
            return tuple(
                version
                for version in found
                if located(connection, version, deleted=True).erased_at is not None
            )

    def erase(
        self, version: Version, swap: Swap, how: Erasing, descendants: Iterable[str]
    ) -> tuple[Removal, ...]:
        """Mark a version erased, and let those that shared packs with it be read from new ones.

        Returns
        -------
        tuple of Removal
            What is to be deleted from the store, at once.

        Raises
        ------
        ConflictError
            Another version has come to share a pack meanwhile (code ``repack_raced``).
        RefusedError
            An alias points at it (code ``aliased``).
        NotFoundError
            It was erased already (code ``version_erased``).
        """
        with self._database.write() as transaction:
            at = transaction.at
            row = located(transaction.connection, version, deleted=True)
            if row.erased_at is not None:
                raise deleted_error(row)
            check_same(transaction, swap)
            if row.deleted_at is None:
                leave_live(transaction, row, how.actor, f"erased: {how.reason}")
            gone = {"condemned_at": at, "removed_at": at}
            doomed = lose_parts(transaction, swap.packs, how.actor, f"erased: {subject_of(row)}")
            doomed += swap_packs(transaction, swap, at, gone)
            note_removed(transaction)
            doomed += _doom_replaced(transaction, row.digest)
            if row.purged_at is None:
                doomed += doom(transaction, [Removal(MANIFEST, row.digest, row.generation)], at)
            _mark_erased(transaction, row, how)
            _tell_descendants(transaction, subject_of(row), descendants, how)
        return tuple(doomed)


def _mark_erased(transaction: Transaction, row: Row[Any], how: Erasing) -> None:
    at = transaction.at
    values = {"condemned_at": at, "purged_at": at, "erased_at": at, "erased_by": how.actor}
    values |= {"erased_reason": how.reason, "erased_basis": how.legal_basis}
    transaction.execute(update(versions).where(versions.c.id == row.id).values(values))
    transaction.changed(row.id, key_of(row))
    known: Json = {"digest": row.digest, "size": row.size, "file_count": row.file_count}
    transaction.tell(
        "version.erased",
        subject_of(row),
        actor=how.actor,
        before=known,
        after={"legal_basis": how.legal_basis},
        reason=how.reason,
    )


def _tell_descendants(
    transaction: Transaction, erased: str, descendants: Iterable[str], how: Erasing
) -> None:
    """Flag each version that came of the erased one, for ever."""
    for reference in descendants:
        told: Json = {"erased": erased, "legal_basis": how.legal_basis}
        transaction.tell("origin.erased", reference, actor=how.actor, after=told, reason=how.reason)


def _doom_replaced(transaction: Transaction, digest: str) -> list[Removal]:
    """Let manifests of a content go that were replaced, and wait for the end of their grace."""
    waiting = removals.c.kind == REPLACED, removals.c.name == digest
    found = transaction.execute(select(removals.c.generation).where(*waiting)).scalars().all()
    transaction.execute(delete(removals).where(*waiting))
    return doom(
        transaction, (Removal(MANIFEST, digest, number) for number in found), transaction.at
    )
