"""Packs that a commit brings or reuses."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from edversion.catalog.area import batches
from edversion.catalog.database import Transaction
from edversion.catalog.requests import CommitRequest
from edversion.catalog.tables import packs
from edversion.errors import ConflictError

__all__ = ["record_packs"]

_ADD_PACKS = insert(packs)
_PACKS = select(packs).where(packs.c.id.in_(bindparam("ids", expanding=True)))
_REVIVE_PACK = (
    update(packs)
    .where(packs.c.id == bindparam("pack"))
    .values(size=bindparam("bytes"), condemned_at=None, removed_at=None)
)
_RESCUE_PACK = update(packs).where(packs.c.id == bindparam("pack")).values(condemned_at=None)


def record_packs(transaction: Transaction, request: CommitRequest) -> dict[str, int]:
    """Record new packs, and rescue the reused ones that are condemned.

    Gives the stored bytes of all of them.

    Raises
    ------
    ConflictError
        A reused pack is unknown or was removed (code ``pack_gone``).
    """
    if not request.packs and not request.reused_packs:
        return {}
    brought = {pack.id: pack for pack in request.packs}
    reused = dict.fromkeys(pack for pack in request.reused_packs if pack not in brought)
    known = _known_packs(transaction.connection, [*brought, *reused])
    for pack in reused:
        row = known.get(pack)
        if row is None or row.removed_at is not None:
            raise ConflictError(
                f"pack {pack} was removed or is unknown; its bytes have to be stored again",
                code="pack_gone",
                pack=pack,
            )
        if row.condemned_at is not None:  # nobody needed it until now
            transaction.execute(_RESCUE_PACK, {"pack": pack})
    for pack in brought.keys() & known.keys():  # the bytes were just written once more
        transaction.execute(_REVIVE_PACK, {"pack": pack, "bytes": brought[pack].size})
    fresh = [pack for pack in brought.values() if pack.id not in known]
    if fresh:
        at = transaction.at
        rows = [{"id": pack.id, "size": pack.size, "created_at": at} for pack in fresh]
        transaction.execute(_ADD_PACKS, rows)
    sizes = {pack: known[pack].size for pack in reused}
    return sizes | {pack.id: pack.size for pack in brought.values()}


def _known_packs(connection: Connection, ids: list[str]) -> dict[str, Row[Any]]:
    rows = (row for batch in batches(ids) for row in connection.execute(_PACKS, {"ids": batch}))
    return {row.id: row for row in rows}
