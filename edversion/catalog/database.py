"""Connections and transactions: the only way from the catalog to its database.

Reads see one moment and wait for nobody. Writes take the one write lock first, so they
never fail half-way because another process wrote meanwhile. No exception of SQLAlchemy
leaves this module.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Executable, Pool, bindparam, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from edversion.catalog import chain
from edversion.catalog.dialect import CatalogDialect
from edversion.catalog.forking import FORKS
from edversion.catalog.tables import versions
from edversion.errors import EdversionError, InvalidInputError, StorageError
from edversion.model import Json

__all__ = ["Database", "Outdated", "Transaction", "VersionKey"]

VersionKey = tuple[str, str, int]
"""Project, collection and number: what names a version for ever."""

_BATCH = 10_000  # values in one statement; SQLite takes 32,766 of them
_NEXT_RECEIPT = (
    update(versions)
    .where(versions.c.id.in_(bindparam("ids", expanding=True)))
    .values(receipt_generation=versions.c.receipt_generation + 1)
    .returning(versions.c.id, versions.c.receipt_generation)
)


@dataclass(slots=True)
class Outdated:
    """What is to be done about the receipt of a version that changed.

    Attributes
    ----------
    replaced : set of int
        The generations of receipts that the next one replaces.
    receipt : mapping or None
        That next one, where it is known: the first receipt of a version that is new.
    """

    replaced: set[int] = field(default_factory=set)
    receipt: Mapping[str, Json] | None = None


class Transaction:
    """One write: its connection, the time it happens at, what it tells and changes.

    Attributes
    ----------
    connection : Connection
        Holds the write lock.
    at : datetime
        The time of everything this transaction writes (UTC).
    announced : bool
        Whether it wrote something that webhooks have to be told.
    """

    __slots__ = ("_created", "_events", "_outdated", "_stale", "announced", "at", "connection")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.at = datetime.now(UTC)
        self.announced = False
        self._events: list[chain.Draft] = []
        self._outdated: dict[VersionKey, Outdated] = {}
        self._created: set[int] = set()
        self._stale: dict[int, VersionKey] = {}

    def execute(self, statement: Executable, values: Any = None) -> CursorResult[Any]:
        """Run a statement."""
        return self.connection.execute(statement, values)

    def tell(
        self,
        action: str,
        subject: str,
        *,
        actor: str,
        before: Json = None,
        after: Json = None,
        reason: str | None = None,
    ) -> None:
        """Note an event; it joins the chain when the transaction ends."""
        self._events.append(chain.Draft(actor, action, subject, before, after, reason))

    def told(self) -> int:
        """Give the sequence number that the event noted last will have."""
        return chain.length(self.connection) + len(self._events)

    def created(self, version_id: int, key: VersionKey, receipt: Mapping[str, Json]) -> None:
        """Note a new version, whose first receipt has to be written; nothing may change after."""
        self._outdated[key] = Outdated(receipt=receipt)
        self._created.add(version_id)

    def changed(self, version_id: int, key: VersionKey) -> None:
        """Note that facts of a version changed, so that its receipt is out of date."""
        self._outdated.setdefault(key, Outdated())
        self._stale[version_id] = key

    def finish(self) -> dict[VersionKey, Outdated]:
        """Write what was noted; give the versions that need a new receipt."""
        stale = iter(sorted(self._stale.keys() - self._created))
        while batch := list(islice(stale, _BATCH)):
            for row in self.execute(_NEXT_RECEIPT, {"ids": batch}):
                self._outdated[self._stale[row.id]].replaced.add(row.receipt_generation - 1)
        chain.append(self.connection, self._events, self.at)
        return self._outdated


class Database:
    """A catalog's database, safe for threads and for forks.

    Parameters
    ----------
    dialect : CatalogDialect
        What is special about this database.
    """

    def __init__(self, dialect: CatalogDialect) -> None:
        self.dialect = dialect
        self.engine = dialect.engine()
        self._turn = threading.RLock() if dialect.shared else nullcontext()
        self._inherited: list[Pool] = []
        self._local = threading.local()
        FORKS.guard(self)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees the catalog as it is at its first statement."""
        with FORKS.passing(), self._turn, self._explained(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Give a transaction; it commits where the block ends well, else nothing happened."""
        with FORKS.passing(), self._turn, self._explained(), self.engine.connect() as connection:
            self.dialect.begin_write(connection)
            transaction = Transaction(connection)
            yield transaction
            outdated = transaction.finish()
            connection.commit()
        self._local.announced = transaction.announced or self._announced()
        for key, news in outdated.items():
            before = self._outdated().get(key)
            if before is not None:
                news.replaced |= before.replaced
            self._outdated()[key] = news

    def take_outdated(self) -> dict[VersionKey, Outdated]:
        """Give, and forget, the versions that this thread's transactions changed."""
        outdated, self._local.outdated = self._outdated(), {}
        return outdated

    def take_announced(self) -> bool:
        """Tell, and forget, whether this thread wrote something that webhooks have to be told."""
        announced, self._local.announced = self._announced(), False
        return announced

    def _announced(self) -> bool:
        return getattr(self._local, "announced", False)

    def _outdated(self) -> dict[VersionKey, Outdated]:
        if not hasattr(self._local, "outdated"):
            self._local.outdated = {}
        outdated: dict[VersionKey, Outdated] = self._local.outdated
        return outdated

    def close(self) -> None:
        """Close every connection; the next call would open one again."""
        self.engine.dispose()

    @contextmanager
    def upgrading(self) -> Iterator[None]:
        """Hold off other processes while the schema is made or upgraded."""
        with self._explained(), self.dialect.upgrading(self.engine):
            yield

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the database's failures into errors that say what to do."""
        try:
            yield
        except EdversionError:
            raise
        except DBAPIError as error:
            code, text = self.dialect.fault(error)
            raise StorageError(text, code=code) from error
        except json.JSONDecodeError as error:
            raise StorageError(
                f"the catalog holds a value that is no JSON: {error}", code="catalog_damaged"
            ) from error
        except (OverflowError, UnicodeEncodeError) as error:
            raise InvalidInputError(
                f"a value cannot be kept in the catalog: {error}", code="illegal_value"
            ) from error
        except SQLAlchemyError as error:
            raise StorageError(f"the catalog failed: {error}", code="catalog") from error

    def rest(self) -> None:
        """Close idle connections, before a fork; those of a catalog in memory are the catalog."""
        if not self.dialect.shared:
            self.engine.dispose()

    def forsake(self) -> None:
        """Forget the parent's connections; to close them here would break its locks."""
        if not self.dialect.shared:
            self._inherited.append(self.engine.pool)
            self.engine.dispose(close=False)
