"""Copy a catalog into another database: from a file to PostgreSQL, and back.

Nobody writes to the source meanwhile, since its lock is held; and the destination gets all of
it in one transaction, or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, func, insert, select

from edversion.catalog import chain as events
from edversion.catalog.account_tables import account_sessions
from edversion.catalog.administration import counts_of, opened
from edversion.catalog.catalog import Catalog
from edversion.catalog.database import Database
from edversion.catalog.dialect import dialect_of
from edversion.catalog.tables import chain, schema
from edversion.errors import IntegrityError, InvalidInputError, RefusedError

__all__ = ["CatalogCopy", "copy_catalog"]

_BATCH = 1000
_STAYING = {account_sessions.name}  # who is signed in to one catalog is not to another
_END = select(chain.c.sequence, chain.c.digest)


@dataclass(frozen=True, slots=True)
class CatalogCopy:
    """What was copied.

    Attributes
    ----------
    source, destination : str
        URLs, without passwords.
    counts : mapping of str to int
        Rows of each table.
    events : int
        Events whose chain was proved in the destination.
    """

    source: str
    destination: str
    counts: Mapping[str, int]
    events: int


def copy_catalog(source: str, destination: str) -> CatalogCopy:
    """Copy every fact, number, alias and event; whoever writes to the source waits.

    Accounts and tokens go along; who is signed in is not.

    Parameters
    ----------
    source, destination : str
        SQLAlchemy URLs. The destination must hold no facts.

    Raises
    ------
    RefusedError
        The destination holds something (code ``not_empty``), or runs are open that would go on
        to write to the source (code ``open_runs``).
    InvalidInputError
        Both are the same (code ``same_catalog``), or the destination is in memory.
    IntegrityError
        The chain of events is broken; nothing was copied.
    """
    if dialect_of(destination).shared:
        raise InvalidInputError(
            "a copy in memory would be gone at once; name a file or a server", code="catalog_url"
        )
    with Catalog.open(source) as catalog:
        _refuse_open_runs(catalog)
    Catalog.open(destination).close()  # makes the tables
    with opened(source) as here, opened(destination) as there:
        if here.shown_url == there.shown_url:
            raise InvalidInputError(
                f"{here.shown_url} cannot be copied onto itself", code="same_catalog"
            )
        with here.write() as reading, there.altering() as writing:
            _refuse_filled(writing, there)
            for table in schema.sorted_tables:
                if table.name not in _STAYING:
                    _copy(reading.connection, writing, table)
            counts = _compared(reading.connection, writing)
            count = events.verify(writing)
        return CatalogCopy(here.shown_url, there.shown_url, counts, count)


def _refuse_open_runs(catalog: Catalog) -> None:
    live = sorted(catalog.live_runs())
    if live:
        raise RefusedError(
            f"{len(live)} runs are open and would go on to write to {catalog.url}: "
            f"{', '.join(live[:5])}. Copy when they are finished",
            code="open_runs",
            runs=tuple(live),
        )


def _refuse_filled(connection: Connection, database: Database) -> None:
    """Refuse a destination with any row but the end of an empty chain."""
    filled = {name: count for name, count in counts_of(connection).items() if count}
    sequence = connection.execute(_END).one().sequence
    if filled != {chain.name: 1} or sequence:
        held = ", ".join(sorted(filled.keys() - {chain.name})) or "events"
        raise RefusedError(
            f"{database.shown_url} is not empty (it has {held}); copy into a new database",
            code="not_empty",
        )


def _copy(source: Connection, destination: Connection, table: Table) -> None:
    destination.execute(delete(table))  # the end of the empty chain
    rows = source.execute(select(table).execution_options(yield_per=_BATCH))
    for batch in rows.mappings().partitions():
        destination.execute(insert(table), [dict(row) for row in batch])
    counted = table.autoincrement_column
    if counted is not None and destination.dialect.name == "postgresql":
        highest = select(func.max(counted)).scalar_subquery()
        sequence = func.pg_get_serial_sequence(table.name, counted.name)
        destination.execute(select(func.setval(sequence, func.coalesce(highest, 1))))


def _compared(source: Connection, destination: Connection) -> dict[str, int]:
    """Give the rows of each table, where both have as many and end in the same event."""
    here, there = (
        {name: count for name, count in counts_of(one).items() if name not in _STAYING}
        for one in (source, destination)
    )
    if here != there or source.execute(_END).one() != destination.execute(_END).one():
        raise IntegrityError(
            "the copy differs from the source, so nothing was kept of it; copy again, and look "
            "whether anything else writes to the destination",
            code="copy_differs",
        )
    return here
