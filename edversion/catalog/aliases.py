"""Aliases: movable names, compared and swapped under the write lock."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from edversion.catalog.area import Area
from edversion.catalog.database import Transaction
from edversion.catalog.finding import collection_place
from edversion.catalog.moves import PAST, Passage, record_move
from edversion.catalog.outbox import announce
from edversion.catalog.policies import refuse_protected
from edversion.catalog.reading import Place, numbered
from edversion.catalog.tables import aliases, chain, collections, projects, versions
from edversion.errors import ConflictError, InvalidInputError, NotFoundError
from edversion.model import Alias
from edversion.reference import LATEST, check_alias

__all__ = [
    "Aliases",
    "aliases_of",
    "clear_alias",
    "compare_revision",
    "existing_alias",
    "move_aliases",
    "standing",
]

_ROWS = (
    select(aliases, versions.c.number)
    .outerjoin(versions, versions.c.id == aliases.c.version_id)
    .where(aliases.c.collection_id == bindparam("place"))
)
_AT_ONCE = (
    select(aliases, versions.c.number, collections.c.type, collections.c.next_number)
    .join(versions, versions.c.id == aliases.c.version_id)
    .join(collections, collections.c.id == aliases.c.collection_id)
    .join(projects)
    .where(
        projects.c.name == bindparam("project"),
        collections.c.name == bindparam("name"),
        aliases.c.name == bindparam("alias"),
    )
)
_NAMED = _ROWS.where(aliases.c.name.in_(bindparam("names", expanding=True)))
_LISTED = _ROWS.where(aliases.c.version_id.is_not(None)).order_by(aliases.c.name)
_REVISION = (
    select(aliases.c.revision)
    .join(collections, collections.c.id == aliases.c.collection_id)
    .join(projects)
    .where(
        projects.c.name == bindparam("project"),
        collections.c.name == bindparam("name"),
        aliases.c.name == bindparam("alias"),
    )
    .scalar_subquery()
)
_STANDING = select(chain.c.sequence, _REVISION.label("revision"))
_MOVE = update(aliases).where(
    aliases.c.collection_id == bindparam("place"), aliases.c.name == bindparam("alias")
)
_ADD = insert(aliases)


class Aliases(Area):
    """Everything about aliases."""

    def alias(self, project: str, name: str, alias: str) -> Alias:
        """Give one alias of a collection.

        Raises
        ------
        NotFoundError
            The collection has no such alias; the message says which it has.
        """
        asked = {"project": project, "name": name, "alias": alias}
        for row in self._database.ask(_AT_ONCE, asked):
            place = Place(row.collection_id, project, name, row.type, row.next_number)
            return _to_alias(place, row)
        with self._database.read() as connection:  # to say what there is instead
            place = collection_place(connection, project, name)
            return _to_alias(place, existing_alias(connection, place, alias))

    def aliases(self, project: str, name: str) -> tuple[Alias, ...]:
        """Give the aliases of a collection, by name."""
        with self._database.read() as connection:
            place = collection_place(connection, project, name)
            return tuple(_to_alias(place, row) for row in aliases_of(connection, place))

    def set_alias(
        self,
        project: str,
        name: str,
        alias: str,
        number: int,
        *,
        actor: str,
        reason: str | None = None,
        expected_revision: int | None = None,
    ) -> Alias:
        """Point an alias at a version; nothing happens where it points there already.

        Parameters
        ----------
        expected_revision : int, optional
            The revision that the caller saw; 0 where there was no such alias.

        Raises
        ------
        ConflictError
            Somebody moved the alias meanwhile (code ``alias_moved``).
        NotFoundError
            There is no such version.
        RefusedError
            A policy protects the alias (code ``protected_alias``).
        """
        check_alias(alias)
        look = None
        if expected_revision is not None:
            look = standing(project, name, alias, expected_revision)
        with self._database.write(look) as transaction:
            connection = transaction.connection
            place = collection_place(connection, project, name)
            if expected_revision is not None:
                compare_revision(connection, place, alias, expected_revision)
            target = numbered(connection, place.key(number))
            move_aliases(transaction, place, [alias], (target.id, number), actor, reason)
            return _to_alias(place, existing_alias(connection, place, alias))

    def remove_alias(
        self, project: str, name: str, alias: str, *, actor: str, reason: str | None = None
    ) -> None:
        """Remove an alias; its history stays, and its revision counts on if it comes back.

        Raises
        ------
        InvalidInputError
            It is ``latest``, which follows the versions by itself.
        NotFoundError
            The collection has no such alias.
        RefusedError
            A policy protects the alias (code ``protected_alias``).
        """
        if alias == LATEST:
            raise InvalidInputError(
                "alias 'latest' follows the newest version and cannot be removed",
                code="latest_stays",
            )
        with self._database.write() as transaction:
            place = collection_place(transaction.connection, project, name)
            row = existing_alias(transaction.connection, place, alias)
            refuse_protected(transaction.connection, place, [alias])
            clear_alias(transaction, place, row, actor, reason)


def aliases_of(connection: Connection, place: Place) -> list[Row[Any]]:
    """Give the rows of the aliases that point somewhere, with the number they point at."""
    return list(connection.execute(_LISTED, {"place": place.id}))


def move_aliases(
    transaction: Transaction,
    place: Place,
    names: Collection[str],
    target: tuple[int, int],
    actor: str,
    reason: str | None = None,
    passage: Passage = PAST,
) -> dict[str, int]:
    """Point aliases at the version with this id and number; one event for each that moves.

    Gives the revisions of those that moved.

    Raises
    ------
    RefusedError
        A policy protects one of them, and the passage is past the gates.
    """
    version_id, number = target
    moved: dict[str, int] = {}
    known = _named(transaction.connection, place, names)
    moving = [name for name in names if name not in known or known[name].version_id != version_id]
    if passage.kind == PAST.kind:
        refuse_protected(transaction.connection, place, moving)
    for name in moving:
        row = known.get(name)
        values = {"version_id": version_id, "left_id": None}
        moved[name] = _write(transaction, place, name, row, values, actor)
        transaction.tell(
            passage.action,
            place.subject(name),
            actor=actor,
            before=_shown(row),
            after=passage.told(number),
            reason=reason,
        )
        if name != LATEST:
            change = (None if row is None else row.version_id, version_id)
            record_move(transaction, (place.id, name, moved[name]), change, passage, actor, reason)
            announce(transaction, place, (name, moved[name]), change, passage, actor, reason)
        transaction.changed(version_id, place.key(number))
        # `latest` leaves a version at every commit. That version's receipt may go on
        # naming it: of two receipts, the one with the higher revision holds.
        if name != LATEST and row is not None and row.version_id is not None:
            transaction.changed(row.version_id, place.key(row.number))
    return moved


def clear_alias(
    transaction: Transaction, place: Place, row: Row[Any], actor: str, reason: str | None
) -> None:
    """Let an alias point nowhere."""
    values = {"version_id": None, "left_id": row.version_id}
    revision = _write(transaction, place, row.name, row, values, actor)
    transaction.tell(
        "alias.removed",
        place.subject(row.name),
        actor=actor,
        before=_shown(row),
        reason=reason,
    )
    if row.name != LATEST:
        change, removal = (row.version_id, None), Passage("removed")
        record_move(transaction, (place.id, row.name, revision), change, removal, actor, reason)
        announce(transaction, place, (row.name, revision), change, removal, actor, reason)
    transaction.changed(row.version_id, place.key(row.number))


def _write(
    transaction: Transaction,
    place: Place,
    name: str,
    row: Row[Any] | None,
    values: dict[str, Any],
    actor: str,
) -> int:
    """Write the next revision of an alias, or the first; give its number."""
    revision = 1 if row is None else row.revision + 1
    values = values | {"revision": revision, "moved_at": transaction.at, "moved_by": actor}
    if row is None:
        transaction.execute(_ADD, values | {"collection_id": place.id, "name": name})
    else:
        transaction.execute(_MOVE, values | {"place": place.id, "alias": name})
    return revision


def _named(connection: Connection, place: Place, names: Collection[str]) -> dict[str, Row[Any]]:
    rows = connection.execute(_NAMED, {"place": place.id, "names": list(names)})
    return {row.name: row for row in rows}


def existing_alias(connection: Connection, place: Place, alias: str) -> Row[Any]:
    """Find the row of an alias that points somewhere.

    Raises
    ------
    NotFoundError
        There is none; the message says which there are.
    """
    row = _named(connection, place, [alias]).get(alias)
    if row is None or row.version_id is None:
        names = ", ".join(row.name for row in aliases_of(connection, place)) or "none"
        raise NotFoundError(
            f"{place.project}/{place.name} has no alias {alias!r}; its aliases are: {names}",
            code="no_alias",
            alias=alias,
        )
    return row


def standing(project: str, name: str, alias: str, expected: int) -> Callable[[Connection], int]:
    """Give what looks whether an alias still has a revision; see `Database.write`.

    Of many who move one alias at once all but one would wait for the lock only to find that
    somebody was faster.
    """
    asked = {"project": project, "name": name, "alias": alias}

    def look(connection: Connection) -> int:
        row = connection.execute(_STANDING, asked).one()
        if (row.revision or 0) != expected:
            place = collection_place(connection, project, name)
            compare_revision(connection, place, alias, expected)
        return int(row.sequence)

    return look


def compare_revision(connection: Connection, place: Place, alias: str, expected: int) -> None:
    """Refuse to go on where an alias has another revision; 0 where it points nowhere.

    Raises
    ------
    ConflictError
        It was moved meanwhile (code ``alias_moved``).
    """
    row = _named(connection, place, [alias]).get(alias)
    listed = row is not None and row.version_id is not None
    revision = row.revision if row is not None else 0
    if expected == revision or (expected == 0 and not listed):
        return
    now = f"it points at v{row.number}" if row is not None and listed else "there is none"
    raise ConflictError(
        f"alias {place.subject(alias)} was moved meanwhile: {now} (revision {revision}, expected "
        f"{expected}). Look at it again and repeat",
        code="alias_moved",
        alias=alias,
        revision=revision,
        expected=expected,
    )


def _shown(row: Row[Any] | None) -> str | None:
    return None if row is None or row.version_id is None else f"v{row.number}"


def _to_alias(place: Place, row: Row[Any]) -> Alias:
    return Alias(
        name=row.name,
        project=place.project,
        collection=place.name,
        number=row.number,
        revision=row.revision,
        moved_at=row.moved_at,
        moved_by=row.moved_by,
    )
