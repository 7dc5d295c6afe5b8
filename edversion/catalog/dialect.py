"""What differs between databases; everything else in the catalog is the same for all.

A dialect makes the engine, takes the one lock that every write holds, explains the
database's failures and says where the liveness of runs is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import URL, Connection, Engine, Table, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from edversion.catalog.liveness import Liveness
from edversion.catalog.sqlite import SqliteFile, SqliteMemory
from edversion.errors import InvalidInputError
from edversion.masking import masked

if TYPE_CHECKING:
    from edversion.catalog.database import Database

__all__ = ["CatalogDialect", "dialect_of"]

_POSTGRES = ("postgresql+psycopg", "postgresql", "postgres")
"""Ways to write the protocol of PostgreSQL; all mean the one driver."""


class CatalogDialect(Protocol):
    """What the catalog asks of a database."""

    @property
    def shared(self) -> bool:
        """Whether all threads share one connection, so that calls must take turns."""

    @property
    def upgrades_itself(self) -> bool:
        """Whether opening an older catalog upgrades it; else a person says when."""

    def engine(self) -> Engine:
        """Make the engine; nothing is read yet."""

    def begin_read(self, connection: Connection) -> None:
        """Begin a transaction that sees one moment, and writes nothing."""

    def begin_ask(self, connection: Connection) -> None:
        """Begin what is one statement that reads, and nothing else."""

    def trusting(self) -> AbstractContextManager[None]:
        """Let this thread have idle connections without trying them before."""

    def begin_write(self, connection: Connection) -> None:
        """Begin a transaction that holds the one lock of all writers until it ends.

        Under it, numbers are gapless, the chain of events is never forked, and what a
        transaction has read stays true until it commits.
        """

    def begin_write_unless(self, connection: Connection, look: Callable[[Connection], int]) -> None:
        """Begin a transaction as `begin_write` does, and look while others hold the lock.

        What `look` raises ends the wait: it gives the number of events so far otherwise.
        """

    def begin_alter(self, connection: Connection) -> None:
        """Begin a transaction that may make and change tables, while nobody writes."""

    def fill(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Any]
    ) -> None:
        """Add many rows as fast as the database takes them; values are as it keeps them."""

    def upgrading(self, engine: Engine) -> AbstractContextManager[None]:
        """Keep other processes from creating or upgrading the schema meanwhile."""

    def is_away(self, error: DBAPIError) -> bool:
        """Tell whether the database cannot be reached now, but may come back by itself."""

    def fault(self, error: DBAPIError) -> tuple[str, str]:
        """Give the code of a failure, and what happened and what to do."""

    def liveness(self, database: Database) -> Liveness:
        """Give the record of the runs whose process is still there."""


def dialect_of(url: str) -> CatalogDialect:
    """Choose the dialect for an SQLAlchemy URL.

    Raises
    ------
    InvalidInputError
        The URL cannot be read, or names a database that is not supported.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # whose words and traceback hold the password
        raise InvalidInputError(
            f"catalog URL {masked(url)!r} cannot be read; write e.g. sqlite:////folder/catalog.db "
            "or postgresql+psycopg://user@host/database",
            code="catalog_url",
            url=masked(url),
        ) from None
    if parsed.drivername in _POSTGRES:
        from edversion.catalog.postgres import Postgres  # most catalogs are a file

        return Postgres(parsed)
    if parsed.get_backend_name() != "sqlite":
        raise _unsupported(parsed, "catalogs are kept in SQLite and PostgreSQL")
    return _sqlite(parsed)


def _sqlite(url: URL) -> CatalogDialect:
    if url.query or (url.database or "").startswith("file:"):
        raise _unsupported(url, "options are not supported; give the path alone")
    if url.database in (None, "", ":memory:"):
        return SqliteMemory()
    return SqliteFile(Path(str(url.database)).absolute())


def _unsupported(url: URL, why: str) -> InvalidInputError:
    shown = masked(url.render_as_string(hide_password=True))
    return InvalidInputError(
        f"catalog URL {shown!r}: {why}. Write e.g. sqlite:////folder/catalog.db or "
        "postgresql+psycopg://user@host/database",
        code="catalog_url",
        url=shown,
    )
