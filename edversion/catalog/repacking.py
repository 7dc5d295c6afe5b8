"""Let versions be read from packs that were written anew."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, update

from edversion.catalog.area import Area, batches
from edversion.catalog.database import Transaction, VersionKey
from edversion.catalog.distributed_rows import refuse_drafted
from edversion.catalog.doomed import MANIFEST, PACK, REPLACED, Removal, doom
from edversion.catalog.needs import HAS_BYTES
from edversion.catalog.reading import JOINED, key_of, located
from edversion.catalog.requests import PackRow
from edversion.catalog.tables import collections, packs, projects, version_packs, versions
from edversion.catalog.wear import note_removed
from edversion.errors import ConflictError
from edversion.model import Json, Version

__all__ = ["Repacking", "Sharer", "Swap", "check_same", "repack_raced", "swap_packs"]

_FEW: Select[Any] = select(
    versions.c.id,
    versions.c.number,
    versions.c.digest,
    versions.c.generation,
    projects.c.name.label("project"),
    collections.c.name.label("collection"),
).select_from(JOINED)
_SHARERS = (
    _FEW.add_columns(version_packs.c.pack_id.label("pack"))
    .join(version_packs, version_packs.c.version_id == versions.c.id)
    .where(
        version_packs.c.pack_id.in_(bindparam("packs", expanding=True)),
        HAS_BYTES,
    )
    .order_by(versions.c.id)
)
_STREAM = 500
_ALL = (
    _FEW.where(HAS_BYTES, versions.c.id > bindparam("after")).order_by(versions.c.id).limit(_STREAM)
)
_UNNAME = delete(version_packs).where(
    version_packs.c.version_id == bindparam("version"),
    version_packs.c.pack_id == bindparam("pack"),
)
_NEXT_GENERATION = (
    update(versions)
    .where(versions.c.id == bindparam("version"))
    .values(generation=bindparam("next"))
)
_REMOVE = update(packs).where(packs.c.id == bindparam("pack"))


@dataclass(frozen=True, slots=True)
class Sharer:
    """A version that still has its bytes, some of them in packs in question.

    Attributes
    ----------
    id : int
        Its row.
    key : (str, str, int)
        Project, collection and number.
    digest, generation
        Of its manifest.
    packs : frozenset of str
        Those of the packs in question that it names.
    """

    id: int
    key: VersionKey
    digest: str
    generation: int
    packs: frozenset[str] = frozenset()

    @property
    def reference(self) -> str:
        """Full reference of the version."""
        return "{}/{}:v{}".format(*self.key)


@dataclass(frozen=True, slots=True)
class Swap:
    """Packs that were written anew.

    Attributes
    ----------
    packs : mapping of str to PackRow or None
        The old pack, and the new one; None where nobody needs anything of it.
    generations : mapping of Sharer to int
        The next generation of the manifest of each version that names one of these.
    sizes : mapping of str to int
        Bytes of all packs that were looked at, also of those that stay.
    sharers : frozenset of Sharer
        Everybody who named one of those when they were looked at.
    without : int or None
        Id of a version that was not counted.
    bases : frozenset of str
        Those of the packs that hold whole manifests to which others were written as changes;
        they go, and everybody who named one is written anew.
    placed : mapping of Sharer to PackRow
        The next base of each version that has one.
    """

    packs: dict[str, PackRow | None]
    generations: dict[Sharer, int]
    sizes: Mapping[str, int]
    sharers: frozenset[Sharer]
    without: int | None = None
    bases: frozenset[str] = frozenset()
    placed: dict[Sharer, PackRow] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes that come free; manifests, and so their bases, are not counted."""
        old = sum(self.sizes[pack] for pack in self.packs if pack not in self.bases)
        return old - sum(pack.size for pack in _distinct(self.packs.values()))

    @property
    def fresh(self) -> tuple[PackRow, ...]:
        """The new packs; what is left of several old ones may lie in one."""
        return _distinct([*self.packs.values(), *self.placed.values()])

    @property
    def movers(self) -> tuple[Sharer, ...]:
        """The versions whose bytes lie elsewhere afterwards."""
        moving = (one for one in self.sharers if not one.packs.isdisjoint(self.packs))
        return tuple(sorted(moving, key=lambda one: one.id))


def _distinct(packs: Iterable[PackRow | None]) -> tuple[PackRow, ...]:
    return tuple({pack.id: pack for pack in packs if pack is not None}.values())


class Repacking(Area):
    """Change where bytes lie; digests, numbers and facts stay."""

    def sharers(self, named: Collection[str], *, without: int | None = None) -> frozenset[Sharer]:
        """Give the versions that have bytes in some packs, but for one of them."""
        with self._database.read() as connection:
            return _sharers(connection, named, without)

    def all_sharers(self) -> Iterator[Sharer]:
        """Stream every version that still has its bytes."""
        after = 0
        while True:
            with self._database.read() as connection:
                rows = connection.execute(_ALL, {"after": after}).all()
            if not rows:
                return
            for row in rows:
                yield Sharer(row.id, key_of(row), row.digest, row.generation)
            after = rows[-1].id

    def version_id(self, version: Version) -> int:
        """Give the id of a version, deleted or not."""
        with self._database.read() as connection:
            return int(located(connection, version, deleted=True).id)

    def replace_packs(self, swap: Swap, *, grace: timedelta, actor: str) -> tuple[Removal, ...]:
        """Let versions be read from new packs, and condemn the old ones and their manifests.

        Who has read a manifest before can read by it for a time of grace. Without any, all
        of it goes at once.

        Returns
        -------
        tuple of Removal
            What is to be deleted from the store, at once.

        Raises
        ------
        ConflictError
            Versions that share them have changed meanwhile (code ``repack_raced``).
        """
        with self._database.write() as transaction:
            at = transaction.at
            check_same(transaction, swap)
            refuse_drafted(transaction, swap.packs)
            gone = {"condemned_at": at} if grace else {"condemned_at": at, "removed_at": at}
            doomed = swap_packs(transaction, swap, at, gone)
            if not grace:
                note_removed(transaction)
            done: Json = {
                "packs": len(swap.packs) - len(swap.bases),
                "versions": len(swap.movers),
                "size": swap.size,
            }
            transaction.tell("gc.repacked", "store", actor=actor, after=done)
        return () if grace else tuple(doomed)


def _sharers(
    connection: Connection, named: Collection[str], without: int | None
) -> frozenset[Sharer]:
    found: dict[int, Sharer] = {}
    for batch in batches(named):
        for row in connection.execute(_SHARERS, {"packs": batch}):
            known = found.get(row.id)
            its = frozenset([row.pack]) if known is None else known.packs | {row.pack}
            found[row.id] = Sharer(row.id, key_of(row), row.digest, row.generation, its)
    if without is not None:
        found.pop(without, None)
    return frozenset(found.values())


def check_same(transaction: Transaction, swap: Swap) -> None:
    """Refuse where somebody came, went, or was written anew since the packs were copied.

    Who went may have been moved by somebody else: what was copied here names packs that the
    catalog does not know to be needed.
    """
    now = _sharers(transaction.connection, swap.sizes, swap.without)
    if now != swap.sharers:
        raise repack_raced()


def repack_raced() -> ConflictError:
    """Say that somebody came, went or moved since packs were looked at."""
    message = "versions that share packs have changed meanwhile; try again"
    return ConflictError(message, code="repack_raced")


def swap_packs(
    transaction: Transaction, swap: Swap, due: datetime, state: Mapping[str, datetime]
) -> list[Removal]:
    """Name new packs in place of old ones; give the objects that go."""
    if swap.fresh:
        rows = [{"id": p.id, "size": p.size, "created_at": transaction.at} for p in swap.fresh]
        transaction.execute(insert(packs), rows)
    _place_anew(transaction, swap)
    for pack in swap.packs:
        transaction.execute(_REMOVE.values(state), {"pack": pack})
    at_once = "removed_at" in state
    kind = MANIFEST if at_once else REPLACED
    old = [Removal(kind, one.digest, one.generation) for one in swap.generations]
    if at_once:
        old += [Removal(PACK, pack, 0) for pack in swap.packs]
    return doom(transaction, old, due)


def _place_anew(transaction: Transaction, swap: Swap) -> None:
    """Let versions name their next manifests, and the packs that these name."""
    moved, unnamed, named = [], [], []
    for sharer in swap.movers:
        its = sharer.packs & swap.packs.keys()
        moved.append({"version": sharer.id, "next": swap.generations[sharer]})
        unnamed += [{"version": sharer.id, "pack": pack} for pack in its]
        found = {new.id for pack in its if (new := swap.packs[pack]) is not None}
        if sharer in swap.placed:
            found.add(swap.placed[sharer].id)
        named += [{"version_id": sharer.id, "pack_id": pack} for pack in found]
        transaction.changed(sharer.id, sharer.key)
    for statement, rows in (
        (_NEXT_GENERATION, moved), (_UNNAME, unnamed), (insert(version_packs), named),
    ):  # fmt: skip
        if rows:
            transaction.execute(statement, rows)
