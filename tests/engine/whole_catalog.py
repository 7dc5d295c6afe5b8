"""Everything that a catalog knows, table by table, told apart from how its rows are numbered."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import Column, Connection, Row, Table, select

from edversion.catalog import Catalog
from edversion.catalog.tables import collections, projects, schema, versions
from edversion.digests import canonical_json

__all__ = ["Dump", "dump"]

Dump = dict[str, Counter[str]]


def dump(catalog: Catalog) -> Dump:
    """Give the rows of each table as JSON.

    Where a row names a project, a collection or a version by its id, it has the name instead.
    Columns that only number rows are left out.
    """
    with catalog._database.read() as connection:
        names = _names(connection)
        return {
            table.name: Counter(
                _plain(row, table, names) for row in connection.execute(table.select())
            )
            for table in schema.sorted_tables
        }


def _names(connection: Connection) -> dict[Column[Any], dict[int, str]]:
    owner = {row.id: row.name for row in connection.execute(select(projects))}
    place = {
        row.id: f"{owner[row.project_id]}/{row.name}"
        for row in connection.execute(select(collections))
    }
    line = {
        row.id: f"{place[row.collection_id]}:v{row.number}"
        for row in connection.execute(select(versions))
    }
    return {projects.c.id: owner, collections.c.id: place, versions.c.id: line}


def _plain(row: Row[Any], table: Table, names: dict[Column[Any], dict[int, str]]) -> str:
    told = {}
    for column in table.columns:
        value = getattr(row, column.name)
        targets = [key.column for key in column.foreign_keys if key.column in names]
        if column is table.autoincrement_column:
            continue
        if targets and value is not None:
            value = names[targets[0]][value]
        told[column.name] = (
            value
            if value is None or isinstance(value, (bool, int, float, str, dict, list))
            else str(value)
        )
    return canonical_json(told).decode()
