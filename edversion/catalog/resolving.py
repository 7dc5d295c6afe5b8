"""Find the version that a reference names by one statement: over a network each takes its time.

Where it finds none, the caller looks again, step by step, and says what there is instead.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select
from sqlalchemy.sql.expression import ColumnElement

from edversion.catalog.database import Database
from edversion.catalog.reading import LABEL_END, REMOVED
from edversion.catalog.tables import aliases, collections, projects, tags, versions
from edversion.reference import LATEST, Reference

__all__ = ["found_at_once"]

_OTHERS = aliases.alias()
_PLACES = collections.join(projects)
_HERE = versions.c.collection_id == collections.c.id


def _joined(table: Any) -> ColumnElement[Any]:
    """Give the names of a version's labels as one text; none of them holds the separator."""
    names = select(func.aggregate_strings(table.c.name, LABEL_END))
    return names.where(table.c.version_id == versions.c.id).correlate(versions).scalar_subquery()


def _all_of(source: Any) -> Select[Any]:
    return (
        select(
            versions,
            REMOVED,
            projects.c.name.label("project"),
            collections.c.name.label("collection"),
            collections.c.type.label("type"),
            _joined(tags).label("tags"),
            _joined(_OTHERS).label("aliases"),
        )
        .select_from(source)
        .where(collections.c.name == bindparam("name"))
    )


_NAMED = aliases.c.name == bindparam("target")
_BY_ALIAS = _all_of(
    _PLACES.outerjoin(aliases, (aliases.c.collection_id == collections.c.id) & _NAMED).outerjoin(
        versions, versions.c.id == aliases.c.version_id
    )
)
_BY_NUMBER = _all_of(
    _PLACES.outerjoin(versions, _HERE & (versions.c.number == bindparam("target")))
)
_BY_DIGEST = _all_of(
    _PLACES.outerjoin(versions, _HERE & (versions.c.digest == bindparam("target")))
)
_IN_PROJECT = {
    statement: statement.where(projects.c.name == bindparam("project"))
    for statement in (_BY_ALIAS, _BY_NUMBER, _BY_DIGEST)
}


def found_at_once(database: Database, reference: Reference, project: str | None) -> Row[Any] | None:
    """Give the row of the live version that a reference means, with its labels.

    None where there is none, or where the collection may be that of several projects.
    """
    statement, target = _asked(reference)
    values = {"name": reference.name, "target": target}
    if reference.project is not None:
        rows = database.ask(_IN_PROJECT[statement], values | {"project": reference.project})
    else:
        rows = database.ask(statement, values)
        rows = [row for row in rows if row.project == project] or rows
    if len({row.project for row in rows}) != 1:
        return None
    live = [row for row in rows if row.id is not None and row.deleted_at is None]
    return live[0] if live else None


def _asked(reference: Reference) -> tuple[Select[Any], int | str]:
    if reference.number is not None:
        return _BY_NUMBER, reference.number
    if reference.digest is not None:
        return _BY_DIGEST, reference.digest
    return _BY_ALIAS, reference.alias or LATEST
