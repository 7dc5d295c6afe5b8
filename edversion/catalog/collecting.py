"""What nobody needs any more: condemned first, removed after a time of grace.

A version needs its bytes until it is condemned, and a pack is needed while any version that
names it is. Both are decided in one transaction. So whoever commits a version that reuses a
pack either comes before the removal, and rescues the pack, or after it, and is refused.

What is to be deleted from the store is written down in the transaction that decides it, and
crossed out once it is gone: a crash in between forgets nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)

from edversion.catalog.area import Area, batches
from edversion.catalog.database import Transaction
from edversion.catalog.distributed_rows import drop_expired
from edversion.catalog.doomed import MANIFEST, PACK, REPLACED, Removal
from edversion.catalog.needs import HAS_BYTES, IS_NEEDED, NEEDED, PRESENT
from edversion.catalog.reading import JOINED, VERSIONS, located, to_versions
from edversion.catalog.retention_tables import removals
from edversion.catalog.tables import Instant, collections, packs, projects, versions
from edversion.catalog.wear import WornPack, note_removed, note_worn, worn_by, worn_packs
from edversion.model import Version

__all__ = ["Collected", "Collecting", "write_gone"]

_WAITS = versions.c.deleted_at.is_not(None) & HAS_BYTES

_STREAM = 500
_WAITING = (
    VERSIONS.where(_WAITS, versions.c.id > bindparam("after"))
    .order_by(versions.c.id)
    .limit(_STREAM)
)
_NAMES = (
    select(projects.c.name, collections.c.name, versions.c.number, versions.c.condemned_at)
    .select_from(JOINED)
    .order_by(projects.c.name, collections.c.name, versions.c.number)
)
_DUE: BindParameter[Any] = bindparam("due", type_=Instant)
_twin = versions.alias("twin")
_MANIFESTS = (
    select(literal(MANIFEST), versions.c.digest, versions.c.generation, _DUE)
    .distinct()
    .where(
        versions.c.purged_at == bindparam("moment"),
        ~exists(
            select(literal(1)).where(
                _twin.c.digest == versions.c.digest,
                _twin.c.generation == versions.c.generation,
                _twin.c.condemned_at.is_(None),
            )
        ),
        ~exists(
            select(literal(1)).where(
                removals.c.kind == MANIFEST,
                removals.c.name == versions.c.digest,
                removals.c.generation == versions.c.generation,
            )
        ),
    )
)
_PACKS = select(literal(PACK), packs.c.id, literal(0), _DUE).where(
    packs.c.removed_at == bindparam("moment")
)
_IS_DUE = removals.c.kind.in_([PACK, MANIFEST])
_OUTWAITED = update(removals).where(
    removals.c.kind == REPLACED, removals.c.due_at <= bindparam("until")
)
_CROSS_OUT = delete(removals).where(
    removals.c.kind == bindparam("the_kind"),
    removals.c.name == bindparam("the_name"),
    removals.c.generation == bindparam("the_generation"),
)
_COLUMNS = ("kind", "name", "generation", "due_at")


@dataclass(frozen=True, slots=True)
class Collected:
    """What one step of gc decided.

    Attributes
    ----------
    condemned : tuple of str
        Versions whose bytes wait from now on.
    removed : tuple of str
        Versions whose bytes go now, for ever.
    waiting : tuple of (str, datetime)
        Condemned versions, and when their bytes may go.
    removals : tuple of Removal
        What has to be deleted from the store.
    packs, size : int
        Packs that go, and their bytes.
    waiting_size : int
        Bytes of the packs that are condemned and stay for now.
    worn : tuple of WornPack
        Packs that hold bytes of versions that are gone, beside those that are needed.
    expired : tuple of str
        Drafts of many ranks that were not completed in their time.
    """

    condemned: tuple[str, ...]
    removed: tuple[str, ...]
    waiting: tuple[tuple[str, datetime], ...]
    removals: tuple[Removal, ...]
    packs: int
    size: int
    waiting_size: int
    worn: tuple[WornPack, ...]
    expired: tuple[str, ...]


class _Rehearsed(Exception):  # noqa: N818 - no error: it takes a transaction back
    def __init__(self, collected: Collected) -> None:
        super().__init__()
        self.collected = collected


class Collecting(Area):
    """Condemn what no version needs, and decide what goes."""

    def waiting_versions(self) -> Iterator[tuple[int, Version]]:
        """Stream the deleted versions whose bytes are still there, with their ids."""
        after = 0
        while True:
            with self._database.read() as connection:
                rows = connection.execute(_WAITING, {"after": after}).all()
                found = to_versions(connection, rows, self.source)
            if not rows:
                return
            yield from ((row.id, version) for row, version in zip(rows, found, strict=True))
            after = rows[-1].id

    def collect(
        self,
        *,
        grace: timedelta,
        actor: str,
        only: Sequence[int] | None = None,
        rehearse: bool = False,
        going: Sequence[Version] = (),
    ) -> Collected:
        """Condemn, and decide on the removal of what was condemned a time of grace ago.

        Parameters
        ----------
        grace : timedelta
            How long what is condemned can still be brought back.
        only : sequence of int, optional
            Ids of the deleted versions that nobody asks to keep; the others are spared, and
            no longer condemned. All where left out.
        rehearse : bool
            Whether to take everything back, having seen what would happen.
        going : sequence of Version
            In a rehearsal, live versions that are taken for deleted; nobody asks to keep them.
        """
        assert rehearse or not going
        try:
            with self._database.write() as transaction:
                ids = _delete(transaction, going)
                only = None if only is None else [*only, *ids]
                collected = _collect(transaction, grace, only, actor)
                if rehearse:
                    raise _Rehearsed(collected)
                _tell(transaction, collected, actor)
                return collected
        except _Rehearsed as rehearsed:
            return rehearsed.collected

    def due_removals(self) -> tuple[Removal, ...]:
        """Give what is to be deleted from the store by now."""
        query = select(removals.c.kind, removals.c.name, removals.c.generation).order_by(
            removals.c.kind, removals.c.name
        )
        with self._database.write() as transaction:  # for the time of the catalog
            due = query.where(_IS_DUE, removals.c.due_at <= transaction.at)
            return tuple(_removal(row) for row in transaction.execute(due))

    def cross_out(self, done: Collection[Removal]) -> None:
        """Forget removals of objects that are gone."""
        rows = [
            {"the_kind": one.kind, "the_name": one.name, "the_generation": one.generation}
            for one in done
        ]
        if rows:
            with self._database.write() as transaction:
                transaction.execute(_CROSS_OUT, rows)


def write_gone(
    transaction: Transaction, manifests: Collection[tuple[str, int]], present: Collection[str]
) -> None:
    """Note which deleted versions have lost their bytes: what is rebuilt cannot know it.

    Parameters
    ----------
    transaction : Transaction
        The one that rebuilds the catalog.
    manifests : collection of (str, int)
        Digests and generations of the manifests in the store.
    present : collection of str
        Ids of the packs in the store.
    """
    at = transaction.at
    deleted = select(versions.c.id, versions.c.digest, versions.c.generation).where(_WAITS)
    gone = [
        row.id
        for row in transaction.execute(deleted)
        if (row.digest, row.generation) not in manifests
    ]
    for batch in batches(gone):
        here = update(versions).where(versions.c.id.in_(batch))
        transaction.execute(here.values(condemned_at=at, purged_at=at))
    free = transaction.execute(select(packs.c.id).where(PRESENT, ~IS_NEEDED)).scalars()
    for batch in batches([pack for pack in free if pack not in present]):
        lost = update(packs).where(packs.c.id.in_(batch))
        transaction.execute(lost.values(condemned_at=at, removed_at=at))
    note_worn(transaction, worn_by(transaction.connection))


def _collect(
    transaction: Transaction, grace: timedelta, only: Sequence[int] | None, actor: str
) -> Collected:
    at = transaction.at
    expired = drop_expired(transaction, actor)
    _condemn(transaction, only)
    due = at - grace
    gone = versions.c.condemned_at <= due, HAS_BYTES
    transaction.execute(update(versions).where(*gone).values(purged_at=at))
    transaction.execute(
        update(packs).where(packs.c.condemned_at <= due, PRESENT, ~IS_NEEDED).values(removed_at=at)
    )
    times = {"due": at, "moment": at}
    for found in (_MANIFESTS, _PACKS):
        transaction.execute(insert(removals).from_select(_COLUMNS, found), times)
    transaction.execute(_OUTWAITED.values(kind=MANIFEST, due_at=at), {"until": due})
    note_removed(transaction)
    note_worn(transaction, worn_by(transaction.connection, at))
    return _summed_up(transaction.connection, at, grace, expired)


def _delete(transaction: Transaction, going: Sequence[Version]) -> list[int]:
    """Take live versions for deleted; give their ids."""
    ids = [located(transaction.connection, version).id for version in going]
    for batch in batches(ids):
        here = update(versions).where(versions.c.id.in_(batch))
        transaction.execute(here.values(deleted_at=transaction.at))
    return ids


def _condemn(transaction: Transaction, only: Sequence[int] | None) -> None:
    """Condemn versions and then packs; spare what somebody needs after all."""
    at = transaction.at
    condemn = update(versions).where(_WAITS, NEEDED).values(condemned_at=at)
    if only is None:
        transaction.execute(condemn)
    else:
        _spare_others(transaction, only)
        for batch in batches(only):
            transaction.execute(condemn.where(versions.c.id.in_(batch)))
    condemned = packs.c.condemned_at.is_not(None)
    transaction.execute(
        update(packs).where(condemned, PRESENT, IS_NEEDED).values(condemned_at=None)
    )
    transaction.execute(
        update(packs).where(~condemned, PRESENT, ~IS_NEEDED).values(condemned_at=at)
    )


def _spare_others(transaction: Transaction, only: Sequence[int]) -> None:
    waiting = select(versions.c.id).where(_WAITS, ~NEEDED)
    spared = set(transaction.execute(waiting).scalars()) - set(only)
    for batch in batches(sorted(spared)):
        transaction.execute(
            update(versions).where(versions.c.id.in_(batch)).values(condemned_at=None)
        )


def _summed_up(
    connection: Connection, at: datetime, grace: timedelta, expired: tuple[str, ...]
) -> Collected:
    stays = _WAITS & ~NEEDED
    waiting = tuple(
        (reference, moment + grace) for reference, moment in _named(connection, stays) if moment
    )
    pending: Select[Any] = select(removals.c.kind, removals.c.name, removals.c.generation).where(
        _IS_DUE, removals.c.due_at <= at
    )
    removed = _sum(packs.c.removed_at == at)
    condemned = _sum(packs.c.condemned_at.is_not(None), PRESENT)
    gone, waits = connection.execute(removed).one(), connection.execute(condemned).one()
    return Collected(
        condemned=_references(connection, versions.c.condemned_at == at),
        removed=_references(connection, versions.c.purged_at == at),
        waiting=waiting,
        removals=tuple(_removal(row) for row in connection.execute(pending)),
        packs=gone.number,
        size=gone.size,
        waiting_size=waits.size,
        worn=worn_packs(connection),
        expired=expired,
    )


def _sum(*which: ColumnElement[bool]) -> Select[Any]:
    size = func.coalesce(func.sum(packs.c.size), 0).label("size")
    return select(func.count().label("number"), size).where(*which)


def _removal(row: Row[Any]) -> Removal:
    return Removal(row.kind, row.name, row.generation)


def _named(
    connection: Connection, which: ColumnElement[bool]
) -> Iterator[tuple[str, datetime | None]]:
    for project, name, number, condemned_at in connection.execute(_NAMES.where(which)):
        yield f"{project}/{name}:v{number}", condemned_at


def _references(connection: Connection, which: ColumnElement[bool]) -> tuple[str, ...]:
    return tuple(reference for reference, _ in _named(connection, which))


def _tell(transaction: Transaction, collected: Collected, actor: str) -> None:
    """Write one event for each step that did something: a hundred thousand would hide others."""
    done: dict[str, Any] = {
        "gc.condemned": {"versions": len(collected.condemned)},
        "gc.removed": {"versions": len(collected.removed), "packs": collected.packs}
        | {"size": collected.size},
    }
    for action, counts in done.items():
        if any(counts.values()):
            transaction.tell(action, "store", actor=actor, after=counts)
