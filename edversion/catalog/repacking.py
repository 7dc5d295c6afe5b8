"""Let versions be read from packs that were written anew, and erase a version."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, insert, select, update

from edversion.catalog.area import Area, batches
from edversion.catalog.collecting import MANIFEST, PACK, PRESENT, Removal
from edversion.catalog.database import Transaction, VersionKey
from edversion.catalog.editing import leave_live
from edversion.catalog.reading import JOINED, deleted_error, key_of, located, subject_of
from edversion.catalog.requests import PackRow
from edversion.catalog.retention_tables import removals
from edversion.catalog.tables import collections, packs, projects, version_packs, versions
from edversion.errors import ConflictError
from edversion.model import Json, Version

__all__ = ["Erasing", "Repacking", "Sharer", "Swap"]

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
        versions.c.purged_at.is_(None),
    )
    .order_by(versions.c.id)
)
_STREAM = 500
_ALL = (
    _FEW.where(versions.c.purged_at.is_(None), versions.c.id > bindparam("after"))
    .order_by(versions.c.id)
    .limit(_STREAM)
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
_DOOMED = select(removals.c.due_at).where(
    removals.c.kind == bindparam("the_kind"),
    removals.c.name == bindparam("the_name"),
    removals.c.generation == bindparam("the_generation"),
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
    """

    packs: dict[str, PackRow | None]
    generations: dict[Sharer, int]
    sizes: Mapping[str, int]
    sharers: frozenset[Sharer]
    without: int | None = None

    @property
    def size(self) -> int:
        """Bytes that come free."""
        return sum(self.sizes[pack] for pack in self.packs) - sum(one.size for one in self.fresh)

    @property
    def fresh(self) -> tuple[PackRow, ...]:
        """The new packs; what is left of several old ones may lie in one."""
        return tuple({pack.id: pack for pack in self.packs.values() if pack is not None}.values())

    @property
    def movers(self) -> tuple[Sharer, ...]:
        """The versions whose bytes lie elsewhere afterwards."""
        moving = (one for one in self.sharers if not one.packs.isdisjoint(self.packs))
        return tuple(sorted(moving, key=lambda one: one.id))


@dataclass(frozen=True, slots=True)
class Erasing:
    """Who erases, and why."""

    actor: str
    reason: str
    legal_basis: str


class Repacking(Area):
    """Change where bytes lie; digests, numbers and facts stay."""

    def sharers(self, named: Collection[str], *, without: int | None = None) -> frozenset[Sharer]:
        """Give the versions that have bytes in some packs, but for one of them."""
        with self._database.read() as connection:
            return _sharers(connection, named, without)

    def held_packs(self, version: Version) -> dict[str, int]:
        """Give ids and sizes of the packs that may hold bytes of a version.

        Besides those that it names: those that nobody names any more, for versions were stored
        anew, or read from new packs, since they were written.
        """
        with self._database.read() as connection:
            row = located(connection, version, deleted=True)
            its = select(version_packs.c.pack_id).where(version_packs.c.version_id == row.id)
            named = select(version_packs.c.pack_id)
            query = select(packs.c.id, packs.c.size).where(
                PRESENT, packs.c.id.in_(its) | packs.c.id.not_in(named)
            )
            return {pack.id: pack.size for pack in connection.execute(query)}

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
            _check_same(transaction, swap)
            if row.deleted_at is None:
                leave_live(transaction, row, how.actor, f"erased: {how.reason}")
            gone = {"condemned_at": at, "removed_at": at}
            doomed = _swap(transaction, swap, at, gone)
            if row.purged_at is None:
                doomed += _doom(transaction, [Removal(MANIFEST, row.digest, row.generation)], at)
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


def _check_same(transaction: Transaction, swap: Swap) -> None:
    """Refuse where somebody came, went, or was written anew since the packs were copied.

    Who went may have been moved by somebody else: what was copied here names packs that the
    catalog does not know to be needed.
    """
    now = _sharers(transaction.connection, swap.sizes, swap.without)
    if now != swap.sharers:
        raise ConflictError(
            "versions that share packs have changed meanwhile; try again", code="repack_raced"
        )


def _swap(
    transaction: Transaction, swap: Swap, due: datetime, state: Mapping[str, datetime]
) -> list[Removal]:
    """Name new packs in place of old ones; give the objects that go."""
    if swap.fresh:
        rows = [{"id": p.id, "size": p.size, "created_at": transaction.at} for p in swap.fresh]
        transaction.execute(insert(packs), rows)
    _place_anew(transaction, swap)
    for pack in swap.packs:
        transaction.execute(_REMOVE.values(state), {"pack": pack})
    old = [Removal(MANIFEST, one.digest, one.generation) for one in swap.generations]
    if "removed_at" in state:
        old += [Removal(PACK, pack, 0) for pack in swap.packs]
    return _doom(transaction, old, due)


def _place_anew(transaction: Transaction, swap: Swap) -> None:
    """Let versions name their next manifests, and the packs that these name."""
    moved, unnamed, named = [], [], []
    for sharer in swap.movers:
        its = sharer.packs & swap.packs.keys()
        moved.append({"version": sharer.id, "next": swap.generations[sharer]})
        unnamed += [{"version": sharer.id, "pack": pack} for pack in its]
        found = {new.id for pack in its if (new := swap.packs[pack]) is not None}
        named += [{"version_id": sharer.id, "pack_id": pack} for pack in found]
        transaction.changed(sharer.id, sharer.key)
    for statement, rows in (
        (_NEXT_GENERATION, moved), (_UNNAME, unnamed), (insert(version_packs), named),
    ):  # fmt: skip
        if rows:
            transaction.execute(statement, rows)


def _doom(transaction: Transaction, doomed: Iterable[Removal], due: datetime) -> list[Removal]:
    """Write down what is to be deleted from the store; somebody may have done so already."""
    going = list(dict.fromkeys(doomed))
    for one in going:
        key = {"the_kind": one.kind, "the_name": one.name, "the_generation": one.generation}
        if transaction.execute(_DOOMED, key).first() is None:
            row = {"kind": one.kind, "name": one.name, "generation": one.generation}
            transaction.execute(insert(removals), row | {"due_at": due})
    return going
