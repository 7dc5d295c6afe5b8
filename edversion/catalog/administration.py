"""What is done to a catalog as a whole: say how it is, and upgrade it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, func, inspect, select

from edversion.catalog.database import Database
from edversion.catalog.dialect import dialect_of
from edversion.catalog.schema import HEAD, found_revision, is_known, upgrade
from edversion.catalog.sqlite import SqliteFile
from edversion.catalog.tables import chain, schema

__all__ = ["CatalogStatus", "catalog_status", "counts_of", "opened", "upgrade_catalog"]


@dataclass(frozen=True, slots=True)
class CatalogStatus:
    """How a catalog is.

    Attributes
    ----------
    url : str
        Where it is, without a password.
    database : str
        ``sqlite`` or ``postgresql``, with its version.
    state : {"missing", "current", "old", "new"}
        What has to happen before this edversion can use it: it is made when it is first opened,
        nothing, it has to be upgraded, edversion has to be upgraded.
    found : str or None
        Revision of its schema.
    needed : str
        Revision that this edversion needs.
    counts : mapping of str to int
        Rows of each table.
    events : int or None
        Number of the last event.
    digest : str or None
        Digest of the last event, which covers all before it.
    """

    url: str
    database: str
    state: Literal["missing", "current", "old", "new"]
    found: str | None
    needed: str
    counts: Mapping[str, int]
    events: int | None
    digest: str | None


def catalog_status(url: str) -> CatalogStatus:
    """Say how a catalog is; nothing is made or changed.

    Raises
    ------
    StorageError
        It cannot be reached, or is somebody else's database.
    """
    dialect = dialect_of(url)
    with opened(url) as database:
        if isinstance(dialect, SqliteFile) and not dialect.exists():
            return CatalogStatus(
                database.shown_url, "sqlite", "missing", None, HEAD, {}, None, None
            )
        found = found_revision(database)
        with database.read() as connection:
            counts = counts_of(connection)
            end = connection.execute(select(chain)).first() if chain.name in counts else None
            version = ".".join(map(str, connection.dialect.server_version_info or ()))
            name = f"{connection.dialect.name} {version}"
        return CatalogStatus(
            database.shown_url,
            name,
            _state(found),
            found,
            HEAD,
            counts,
            None if end is None else end.sequence,
            None if end is None else end.digest or None,
        )


def upgrade_catalog(url: str) -> tuple[str | None, str]:
    """Make a catalog's tables, or bring them to this edversion's schema.

    Safe while others use it, and where two do it at once: they wait.

    Returns
    -------
    (str or None, str)
        The revisions before and after.

    Raises
    ------
    CatalogVersionError
        A newer edversion wrote it.
    """
    with opened(url) as database:
        return upgrade(database), HEAD


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """Give the database of a catalog as it is, for the time of the block."""
    database = Database(dialect_of(url))
    try:
        yield database
    finally:
        database.close()


def counts_of(connection: Connection) -> dict[str, int]:
    """Count the rows of each table that is there."""
    there = set(inspect(connection).get_table_names())
    return {
        table.name: connection.scalar(select(func.count()).select_from(table)) or 0
        for table in schema.sorted_tables
        if table.name in there
    }


def _state(found: str | None) -> Literal["missing", "current", "old", "new"]:
    if found is None:
        return "missing"
    if found == HEAD:
        return "current"
    return "old" if is_known(found) else "new"
