"""Packs that are worn: some of what they hold belonged to versions that are gone.

How much that is, only manifests tell. So the catalog takes note of a pack whenever a version
that names it goes, and forgets it once somebody has looked and found it worth keeping.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, select

from edversion.catalog.area import Area, batches
from edversion.catalog.database import Transaction
from edversion.catalog.needs import HAS_BYTES, IN_DRAFT, IS_NEEDED, PRESENT
from edversion.catalog.retention_tables import removals
from edversion.catalog.tables import packs, version_packs, versions

__all__ = [
    "NOBODY",
    "WORN",
    "Wear",
    "WornPack",
    "former_packs",
    "note_former",
    "note_removed",
    "note_worn",
    "worn_by",
    "worn_packs",
]

WORN = "worn"
FORMER = "former"
"""Packs in which a version's bytes lay before it was mended: an erasure has to find them."""
NOBODY = 0
"""In place of a version's id: bytes of a part that no version came of lay there, and any erasure
has to look, since nothing is left that says which they were."""

_IS_WORN = removals.c.kind == WORN
_WORN = (
    select(packs.c.id, packs.c.size, removals.c.due_at.label("since"))
    .join_from(removals, packs, packs.c.id == removals.c.name)
    .where(_IS_WORN, PRESENT, IS_NEEDED, ~IN_DRAFT)  # parts could not be told of a new place
    .order_by(packs.c.created_at, packs.c.id)
)
_GONE = (
    select(packs.c.id)
    .distinct()
    .select_from(version_packs.join(versions).join(packs))
    .where(~HAS_BYTES, PRESENT, IS_NEEDED)
)
_ACCEPT = delete(removals).where(
    _IS_WORN, removals.c.name == bindparam("pack"), removals.c.due_at == bindparam("since")
)


@dataclass(frozen=True, slots=True)
class WornPack:
    """A pack of which some version that is gone was a part.

    Attributes
    ----------
    id, size : str, int
        The pack, and its bytes.
    since : datetime
        When the last such version went (UTC).
    """

    id: str
    size: int
    since: datetime


class Wear(Area):
    """Judge packs that are worn."""

    def worn_packs(self) -> tuple[WornPack, ...]:
        """Give packs that some version needs, and that were not looked at since another went."""
        with self._database.read() as connection:
            return worn_packs(connection)

    def accept_wear(self, looked_at: Iterable[WornPack]) -> None:
        """Leave packs as they are until more of them goes, or has gone since they were found."""
        rows = [{"pack": pack.id, "since": pack.since} for pack in looked_at]
        if rows:
            with self._database.write() as transaction:
                transaction.execute(_ACCEPT, rows)


def worn_packs(connection: Connection) -> tuple[WornPack, ...]:
    """Give packs to look at, oldest first: neighbours in time are of the same versions."""
    return tuple(WornPack(row.id, row.size, row.since) for row in connection.execute(_WORN))


def worn_by(connection: Connection, moment: datetime | None = None) -> list[str]:
    """Give packs that some version needs and another one, gone at a moment or ever, does not."""
    query = _GONE if moment is None else _GONE.where(versions.c.purged_at == moment)
    return list(connection.execute(query).scalars())


def note_worn(transaction: Transaction, worn: Iterable[str]) -> None:
    """Take note that something of packs is not needed any more."""
    for batch in batches(worn):
        transaction.execute(delete(removals).where(_IS_WORN, removals.c.name.in_(batch)))
        rows = [{"kind": WORN, "name": pack, "generation": 0} for pack in batch]
        transaction.execute(insert(removals), [row | {"due_at": transaction.at} for row in rows])


def note_former(transaction: Transaction, version: int, former: Iterable[str]) -> None:
    """Take note of the packs that a version names no longer, though they may hold its bytes."""
    known = set(transaction.execute(_former(version)).scalars())
    row = {"kind": FORMER, "generation": version, "due_at": transaction.at}
    rows = [row | {"name": pack} for pack in former if pack not in known]
    if rows:
        transaction.execute(insert(removals), rows)


def former_packs(version: int) -> Select[Any]:
    """Give the packs in which a version's bytes lay, or may have, those that are still there."""
    return _former(version, NOBODY)


def _former(*owners: int) -> Select[Any]:
    return select(removals.c.name).where(
        removals.c.kind == FORMER, removals.c.generation.in_(owners)
    )


def note_removed(transaction: Transaction) -> None:
    """Forget the packs that this transaction removes."""
    removed = select(packs.c.id).where(packs.c.removed_at == transaction.at)
    told = removals.c.kind.in_([WORN, FORMER])
    transaction.execute(delete(removals).where(told, removals.c.name.in_(removed)))
