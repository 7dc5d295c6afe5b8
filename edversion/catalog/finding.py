"""Resolve references, and list projects, collections and versions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select

from edversion.catalog.area import Area
from edversion.catalog.reading import (
    LIVE,
    VERSIONS,
    Place,
    deleted_error,
    located,
    to_labelled,
    to_version,
    to_versions,
)
from edversion.catalog.resolving import found_at_once
from edversion.catalog.tables import aliases, collections, projects, versions
from edversion.errors import InvalidInputError, NotFoundError
from edversion.model import CollectionInfo, Version
from edversion.reference import LATEST, Reference

__all__ = ["Finding", "collection_place", "find_place"]

_STREAM = 500  # versions in one batch of `all_versions`

_PLACE = select(collections, projects.c.name.label("project")).join(projects)
_BY_NAME = _PLACE.where(collections.c.name == bindparam("name"))
_BY_PLACE = _BY_NAME.where(projects.c.name == bindparam("project"))
_HERE = versions.c.collection_id == bindparam("collection_id")
_BY_NUMBER = VERSIONS.where(_HERE, versions.c.number == bindparam("target"))
_BY_DIGEST = VERSIONS.where(_HERE, versions.c.digest == bindparam("target")).order_by(
    versions.c.number.desc()
)
_BY_ALIAS = VERSIONS.join(aliases, aliases.c.version_id == versions.c.id).where(
    aliases.c.collection_id == bindparam("collection_id"), aliases.c.name == bindparam("target")
)
_NEWEST = (
    VERSIONS.where(_HERE, LIVE, versions.c.number < bindparam("before"))
    .order_by(versions.c.number.desc())
    .limit(bindparam("limit"))
)
_STREAMED = (
    VERSIONS.where(LIVE, versions.c.id > bindparam("after"))
    .order_by(versions.c.id)
    .limit(bindparam("limit"))
)
_COLLECTIONS = _PLACE.add_columns(
    select(versions.c.number)
    .join(aliases, aliases.c.version_id == versions.c.id)
    .where(aliases.c.collection_id == collections.c.id, aliases.c.name == LATEST)
    .correlate(collections)
    .scalar_subquery()
    .label("latest"),
)
_NO_BOUND = (1 << 62) - 1


class Finding(Area):
    """Everything that finds versions."""

    def resolve(
        self, reference: Reference, *, project: str | None = None, deleted: bool = False
    ) -> Version:
        """Find the version that a reference names.

        Parameters
        ----------
        reference : Reference
            Its project, where it has one, is the only one looked at.
        project : str, optional
            Looked at first where the reference has no project.
        deleted : bool
            Whether a deleted version will do.

        Raises
        ------
        NotFoundError
            Nothing has that name; the message says what exists. Deleted versions say when
            and why they were deleted.
        InvalidInputError
            Several projects have such a collection (code ``ambiguous_reference``).
        """
        found = found_at_once(self._database, reference, project)
        if found is not None:
            return to_labelled(found, self.source)
        with self._database.read() as connection:
            place = find_place(connection, reference, project)
            row = _target(connection, place, reference)
            if row is None:
                raise _no_target(connection, place, reference)
            if row.deleted_at is not None and not deleted:
                raise deleted_error(row)
            return to_version(connection, row, self.source)

    def as_they_are(self, known: Sequence[Version]) -> tuple[Version, ...]:
        """Give versions as they are now, by one statement for each collection.

        Raises
        ------
        NotFoundError
            One was deleted meanwhile.
        """
        asked = defaultdict[tuple[str, str], set[int]](set)
        for version in known:
            asked[version.project, version.name].add(version.number)
        found = dict[tuple[str, str, int], Version]()
        with self._database.read() as connection:
            for place, numbers in asked.items():
                here = VERSIONS.where(
                    projects.c.name == place[0], collections.c.name == place[1],
                    versions.c.number.in_(numbers), LIVE,
                )  # fmt: skip
                rows = connection.execute(here).all()
                for each in to_versions(connection, rows, self.source):
                    found[each.project, each.name, each.number] = each
            for version in known:
                if (version.project, version.name, version.number) not in found:
                    located(connection, version)
        return tuple(found[each.project, each.name, each.number] for each in known)

    def projects(self) -> tuple[str, ...]:
        """Give the names of all projects, sorted."""
        with self._database.read() as connection:
            return tuple(connection.scalars(select(projects.c.name).order_by(projects.c.name)))

    def collections(
        self, *, project: str | None = None, type: str | None = None
    ) -> tuple[CollectionInfo, ...]:
        """Give collections, by project and name."""
        query = _COLLECTIONS.order_by(projects.c.name, collections.c.name)
        if project is not None:
            query = query.where(projects.c.name == project)
        if type is not None:
            query = query.where(collections.c.type == type)
        with self._database.read() as connection:
            return tuple(_collection(row) for row in connection.execute(query))

    def collection(self, project: str, name: str) -> CollectionInfo:
        """Give one collection.

        Raises
        ------
        NotFoundError
            There is none of that name; the message says which there are.
        """
        with self._database.read() as connection:
            place = collection_place(connection, project, name)
            query = _COLLECTIONS.where(collections.c.id == place.id)
            return _collection(connection.execute(query).one())

    def versions(
        self, project: str, name: str, *, limit: int | None = None, before: int | None = None
    ) -> tuple[Version, ...]:
        """Give the live versions of a collection, newest first.

        Parameters
        ----------
        limit : int, optional
            At most so many.
        before : int, optional
            Only versions with a lower number: the next page after that one.
        """
        with self._database.read() as connection:
            bounds = {
                "collection_id": collection_place(connection, project, name).id,
                "before": _NO_BOUND if before is None else before,
                "limit": _NO_BOUND if limit is None else limit,
            }
            return to_versions(connection, connection.execute(_NEWEST, bounds).all(), self.source)

    def search(
        self,
        *,
        project: str | None = None,
        within: Collection[str] | None = None,
        name: str | None = None,
        type: str | None = None,
        where: str | None = None,
        order_by: str | None = None,
        limit: int | None = 50,
        offset: int = 0,
    ) -> tuple[Version, ...]:
        """Find live versions by their facts; newest first unless `order_by` says otherwise.

        Parameters
        ----------
        where : str, optional
            Condition, e.g. ``metadata.accuracy > 0.9 and tag = 'fair'``.
        order_by : str, optional
            Fields, e.g. ``-metrics.auc, name``; ``-`` sorts from the highest down.
        within : collection of str, optional
            Only versions in these projects.
        offset : int
            So many of the first ones are passed over.

        Raises
        ------
        InvalidInputError
            A text breaks the grammar; the message points at the place.
        """
        from edversion.catalog.search import condition, ordering  # most programs never search

        query = VERSIONS.where(LIVE)
        exact = ((projects.c.name, project), (collections.c.name, name), (collections.c.type, type))
        query = query.where(*(column == value for column, value in exact if value is not None))
        if within is not None:
            query = query.where(projects.c.name.in_(within))
        if where is not None:
            query = query.where(condition(where))
        if order_by is None and None not in (project, name):
            order_by = "-number"  # the newest of one collection, for which there is an index
        query = query.order_by(*ordering(order_by or ""), versions.c.id.desc())
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limit).offset(offset)).all()
            return to_versions(connection, rows, self.source)

    def all_versions(self) -> Iterator[Version]:
        """Stream all live versions in the order in which they were committed.

        Each batch is a read of its own, so that a slow consumer never holds the database.
        """
        after = 0
        while True:
            with self._database.read() as connection:
                rows = connection.execute(_STREAMED, {"after": after, "limit": _STREAM}).all()
                batch = to_versions(connection, rows, self.source)
            if not batch:
                return
            yield from batch
            after = rows[-1].id


def collection_place(connection: Connection, project: str, name: str) -> Place:
    """Find a collection.

    Raises
    ------
    NotFoundError
        There is none of that name; the message says which there are.
    """
    key = {"project": project, "name": name}
    row = connection.execute(_BY_PLACE, key).one_or_none()
    if row is None:
        raise _no_collection(connection, project, name)
    return _to_place(row)


def _to_place(row: Row[Any]) -> Place:
    return Place(row.id, row.project, row.name, row.type, row.next_number)


def _collection(row: Row[Any]) -> CollectionInfo:
    return CollectionInfo(
        row.project, row.name, row.type, row.version_count, row.latest, row.created_at
    )


def find_place(connection: Connection, reference: Reference, project: str | None) -> Place:
    """Find the one collection that a reference means."""
    if reference.project is not None:
        return collection_place(connection, reference.project, reference.name)
    rows = connection.execute(_BY_NAME, {"name": reference.name}).all()
    if not rows:
        raise _no_collection(connection, None, reference.name)
    preferred = [row for row in rows if row.project == project]
    if len(preferred or rows) > 1:
        places = sorted(f"{row.project}/{row.name}" for row in rows)
        raise InvalidInputError(
            f"{reference.name!r} is in several projects: {', '.join(places)}; name one of them",
            code="ambiguous_reference",
            candidates=tuple(places),
        )
    return _to_place((preferred or rows)[0])


def _target(connection: Connection, place: Place, reference: Reference) -> Row[Any] | None:
    """Find the version of a collection that a reference means, deleted or not."""
    statement: Select[Any]
    target: int | str
    if reference.number is not None:
        statement, target = _BY_NUMBER, reference.number
    elif reference.digest is not None:
        statement, target = _BY_DIGEST, reference.digest
    else:
        statement, target = _BY_ALIAS, reference.alias or LATEST
    rows = connection.execute(statement, {"collection_id": place.id, "target": target}).all()
    live = [row for row in rows if row.deleted_at is None]
    return next(iter(live or rows), None)


def _no_collection(connection: Connection, project: str | None, name: str) -> NotFoundError:
    known = [tuple(row) for row in connection.execute(_NAMES)]
    if project is not None and project not in {place[0] for place in known}:
        close = get_close_matches(project, {place[0] for place in known})
        hint = _hint(close, "projects", sorted({place[0] for place in known}))
        return NotFoundError(f"there is no project {project!r}; {hint}", project=project)
    names = sorted({place[1] for place in known if place[1] and project in (None, place[0])})
    where = f" in project {project!r}" if project is not None else ""
    hint = _hint(get_close_matches(name, names), "collections", names)
    return NotFoundError(f"there is no collection {name!r}{where}; {hint}", name=name)


_NAMES = select(projects.c.name, collections.c.name).outerjoin_from(projects, collections)


def _hint(close: list[str], what: str, names: list[str]) -> str:
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    if not names:
        return f"there are no {what} yet"
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"the {what} are {', '.join(names[:10])}{more}"


def _no_target(connection: Connection, place: Place, reference: Reference) -> NotFoundError:
    """Say what a collection has instead of what was asked for."""
    known = connection.scalars(
        select(aliases.c.name).where(
            aliases.c.collection_id == place.id, aliases.c.version_id.is_not(None)
        )
    )
    names = ", ".join(sorted(known)) or "none"
    here = f"{place.project}/{place.name}"
    has = _living(connection, place)
    return NotFoundError(
        f"there is no {reference} in {here}: it has {has}; its aliases are: {names}",
        reference=str(reference),
    )


def _living(connection: Connection, place: Place) -> str:
    """Say which versions of a collection are left."""
    of_numbers = (func.count(), func.min(versions.c.number), func.max(versions.c.number))
    query = select(*of_numbers).where(versions.c.collection_id == place.id, LIVE)
    count, first, last = connection.execute(query).one()
    if count == 0:
        return "no versions; all of them were deleted" if place.next_number else "no versions"
    if count == 1:
        return f"1 version, v{first}"
    if count == last - first + 1:
        return f"versions v{first} to v{last}"
    return f"{count} versions from v{first} to v{last}"
