"""Change facts of a version that exists: tags, metadata, description; delete it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from edversion.catalog.aliases import aliases_of, clear_alias, move_aliases
from edversion.catalog.area import Area
from edversion.catalog.database import Transaction
from edversion.catalog.experiment_rows import refuse_compared
from edversion.catalog.finding import collection_place
from edversion.catalog.instances import refuse_served
from edversion.catalog.leaves import clear_leaves, write_leaves
from edversion.catalog.reading import LIVE, Place, key_of, located, subject_of, to_version
from edversion.catalog.tables import collections, revisions, tags, versions
from edversion.digests import canonical_json
from edversion.errors import RefusedError
from edversion.model import Json, Revision, Version
from edversion.reference import LATEST, check_tag

__all__ = ["Editing", "add_tags", "change_tags", "leave_live", "revise", "revisions_of"]

_TAGS = select(tags.c.name).where(tags.c.version_id == bindparam("version"))
_ADD_TAGS = insert(tags)
_REMOVE_TAGS = delete(tags).where(
    tags.c.version_id == bindparam("version"),
    tags.c.name.in_(bindparam("names", expanding=True)),
)
_PAST = (
    select(revisions).where(revisions.c.version_id == bindparam("version")).order_by(revisions.c.id)
)
_WRITE = update(versions).where(versions.c.id == bindparam("version"))
_COUNT_DOWN = (
    update(collections)
    .where(collections.c.id == bindparam("place"))
    .values(version_count=collections.c.version_count - 1)
)
_NEWEST = (
    select(versions.c.id, versions.c.number)
    .where(versions.c.collection_id == bindparam("place"), LIVE)
    .order_by(versions.c.number.desc())
    .limit(1)
)


class Editing(Area):
    """Everything that changes a version's facts."""

    def change_tags(
        self,
        version: Version,
        *,
        add: Collection[str] = (),
        remove: Collection[str] = (),
        actor: str,
    ) -> Version:
        """Add and remove tags; give the version as it is then."""
        for tag in add:
            check_tag(tag)
        with self._database.write() as transaction:
            row = located(transaction.connection, version)
            change_tags(transaction, row, add, remove, actor)
            return to_version(transaction.connection, row, self.source)

    def edit(
        self,
        version: Version,
        *,
        metadata: Mapping[str, Json] | None = None,
        description: str | None = None,
        actor: str,
        reason: str | None = None,
    ) -> Version:
        """Replace metadata, description or both as a revision; None leaves them.

        Raises
        ------
        InvalidInputError
            The metadata is no JSON.
        """
        canonical_json(metadata)
        with self._database.write() as transaction:
            row = located(transaction.connection, version)
            if revise(transaction, row, metadata, description, actor, reason):
                row = located(transaction.connection, version)
            return to_version(transaction.connection, row, self.source)

    def revisions(self, version: Version) -> tuple[Revision, ...]:
        """Give every state of metadata and description, the first one first."""
        with self._database.read() as connection:
            row = located(connection, version, deleted=True)
            return revisions_of(connection, row)

    def delete(self, version: Version, *, actor: str, reason: str | None) -> None:
        """Mark a version as deleted; its number, digest, lineage and events stay.

        ``latest`` moves to the newest version that is left.

        Raises
        ------
        RefusedError
            Another alias points at it (code ``aliased``), a deployment serves or follows it
            (code ``served``), or an experiment serves it (code ``in_experiment``).
        """
        with self._database.write() as transaction:
            row = located(transaction.connection, version)
            leave_live(transaction, row, actor, reason)


def leave_live(transaction: Transaction, row: Row[Any], actor: str, reason: str | None) -> None:
    """Mark a row of `VERSIONS` deleted, and move ``latest`` away from it.

    Raises
    ------
    RefusedError
        Another alias points at it, a deployment serves or follows it, or an experiment serves it.
    """
    place = collection_place(transaction.connection, row.project, row.collection)
    pointing = [
        alias for alias in aliases_of(transaction.connection, place) if alias.version_id == row.id
    ]
    _refuse_aliased(row, pointing)
    refuse_served(transaction.connection, row, transaction.at)
    refuse_compared(transaction.connection, row)
    _mark_deleted(transaction, row, actor, reason)
    for alias in pointing:
        _leave(transaction, place, alias, actor, reason)


def change_tags(
    transaction: Transaction,
    row: Row[Any],
    add: Collection[str],
    remove: Collection[str],
    actor: str,
) -> None:
    """Change the tags of a row of `VERSIONS`; nothing happens where none is new or gone."""
    before = set(transaction.execute(_TAGS, {"version": row.id}).scalars())
    after = (before | set(add)) - set(remove)
    if after == before:
        return
    if gone := before - after:
        transaction.execute(_REMOVE_TAGS, {"version": row.id, "names": sorted(gone)})
    add_tags(transaction, row.id, after - before)
    transaction.tell(
        "tags.changed", subject_of(row), actor=actor, before=sorted(before), after=sorted(after)
    )
    transaction.changed(row.id, key_of(row))


def add_tags(transaction: Transaction, version_id: int, names: Collection[str]) -> None:
    """Write tags that the version does not have."""
    if names:
        rows = [{"version_id": version_id, "name": name} for name in sorted(names)]
        transaction.execute(_ADD_TAGS, rows)


def revise(
    transaction: Transaction,
    row: Row[Any],
    metadata: Mapping[str, Json] | None,
    description: str | None,
    actor: str,
    reason: str | None = None,
) -> bool:
    """Write a revision where something differs; tell whether it does."""
    fresh: dict[str, Any] = {}
    if metadata is not None and canonical_json(metadata) != canonical_json(row.metadata):
        fresh["metadata"] = dict(metadata)
    if description is not None and description != row.description:
        fresh["description"] = description
    if not fresh:
        return False
    transaction.execute(insert(revisions), _past(row) | {"version_id": row.id})
    stamp = {"revised_at": transaction.at, "revised_by": actor, "revised_reason": reason}
    transaction.execute(_WRITE, fresh | stamp | {"version": row.id})
    if "metadata" in fresh:
        clear_leaves(transaction, row.id)
        write_leaves(transaction, row.id, fresh["metadata"])
    for field, after in fresh.items():
        before = getattr(row, field)
        transaction.tell(
            f"{field}.edited", subject_of(row), actor=actor, before=before, after=after,
            reason=reason,
        )  # fmt: skip
    transaction.changed(row.id, key_of(row))
    return True


def _past(row: Row[Any]) -> dict[str, Any]:
    """Give the present revision of a row of `VERSIONS`, as `revisions` keeps it."""
    return {
        "at": row.revised_at,
        "actor": row.revised_by,
        "metadata": row.metadata,
        "description": row.description,
        "reason": row.revised_reason,
    }


def revisions_of(connection: Connection, row: Row[Any]) -> tuple[Revision, ...]:
    """Give the revisions of a row of `VERSIONS`, oldest first."""
    past = connection.execute(_PAST, {"version": row.id}).mappings()
    fields = ("at", "actor", "metadata", "description", "reason")
    states = [*({field: state[field] for field in fields} for state in past), _past(row)]
    return tuple(Revision(**state) for state in states)


def _refuse_aliased(row: Row[Any], pointing: Collection[Row[Any]]) -> None:
    names = sorted(alias.name for alias in pointing if alias.name != LATEST)
    if names:
        raise RefusedError(
            f"{subject_of(row)} cannot be deleted: aliases point at it ({', '.join(names)}). "
            "Move or remove them first",
            code="aliased",
            reference=subject_of(row),
            aliases=tuple(names),
        )


def _mark_deleted(transaction: Transaction, row: Row[Any], actor: str, reason: str | None) -> None:
    values = {
        "version": row.id,
        "deleted_at": transaction.at,
        "deleted_by": actor,
        "deleted_reason": reason,
    }
    transaction.execute(_WRITE, values)
    transaction.execute(_COUNT_DOWN, {"place": row.collection_id})
    transaction.tell(
        "version.deleted",
        subject_of(row),
        actor=actor,
        before={"digest": row.digest},
        reason=reason,
    )
    transaction.changed(row.id, key_of(row))


def _leave(
    transaction: Transaction, place: Place, alias: Row[Any], actor: str, reason: str | None
) -> None:
    """Move ``latest`` away from a deleted version."""
    newest = transaction.execute(_NEWEST, {"place": place.id}).one_or_none()
    if newest is None:
        clear_alias(transaction, place, alias, actor, reason)
    else:
        target = (newest.id, newest.number)
        move_aliases(transaction, place, [alias.name], target, actor, reason)
