"""Connections and transactions: the only way from the catalog to its database.

Reads see one moment and wait for nobody. Writes take the one write lock first, so they
never fail half-way because another process wrote meanwhile. Where a server is away for a
moment, whoever begins waits for it. No exception of SQLAlchemy leaves this module.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Executable, Pool, Row, Table, bindparam, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from edversion.catalog import chain
from edversion.catalog.dialect import CatalogDialect
from edversion.catalog.forking import FORKS
from edversion.catalog.tables import versions
from edversion.errors import EdversionError, InvalidInputError, StorageError
from edversion.masking import masked
from edversion.model import Json

__all__ = ["Database", "Outdated", "Transaction", "VersionKey", "pauses"]

_REFUSED = "illegal_value"
_PATIENCE = 30.0  # seconds that a catalog which was there may be away

VersionKey = tuple[str, str, int]
"""Project, collection and number: what names a version for ever."""

Look = Callable[[Connection], int]

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

    __slots__ = (
        "_created",
        "_dialect",
        "_events",
        "_outdated",
        "_stale",
        "announced",
        "at",
        "connection",
    )

    def __init__(self, connection: Connection, dialect: CatalogDialect) -> None:
        self.connection = connection
        self._dialect = dialect
        self.at = datetime.now(UTC)
        self.announced = False
        self._events: list[chain.Draft] = []
        self._outdated: dict[VersionKey, Outdated] = {}
        self._created: set[int] = set()
        self._stale: dict[int, VersionKey] = {}

    def execute(self, statement: Executable, values: Any = None) -> CursorResult[Any]:
        """Run a statement."""
        return self.connection.execute(statement, values)

    def fill(self, table: Table, columns: Sequence[str], rows: Sequence[Any]) -> None:
        """Add many rows at once; values are as the database keeps them."""
        if rows:
            self._dialect.fill(self.connection, table, columns, rows)

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
        self._reached = False
        self._sleep = time.sleep
        FORKS.guard(self)

    @property
    def shown_url(self) -> str:
        """The SQLAlchemy URL, without a password."""
        return masked(self.engine.url.render_as_string(hide_password=True))

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees the catalog as it is at its first statement."""
        with self._at_work(self.dialect.begin_read) as connection:
            yield connection

    def ask(self, statement: Executable, values: Any) -> Sequence[Row[Any]]:
        """Run one statement that reads; over a network, that is all that is sent.

        It sees one moment by itself. Where the connection was lost since it was used last, this
        is noticed now, and it is asked again.
        """
        for trust in (True, False):
            try:
                with self._at_work(self.dialect.begin_ask, trust=trust) as connection:
                    return connection.execute(statement, values).all()
            except StorageError as error:
                if error.code != "catalog_lost" or not trust:
                    raise
        raise AssertionError("unreachable")

    @contextmanager
    def write(self, look: Look | None = None) -> Iterator[Transaction]:
        """Give a transaction; it commits where the block ends well, else nothing happened.

        Parameters
        ----------
        look : callable, optional
            Gives the number of events so far, or raises where the block would: asked while
            others hold the lock, so that nobody waits in vain. It proves nothing.

        Raises
        ------
        StorageError
            The database failed. With code ``catalog_lost`` its connection was lost in the
            middle; where that was while it committed, the change may have been kept.
        """
        begin = self.dialect.begin_write
        if look is not None:
            begin = partial(self.dialect.begin_write_unless, look=look)
        with self._at_work(begin, trust=True) as connection:
            transaction = Transaction(connection, self.dialect)
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
        with self.explained(), self.dialect.upgrading(self.engine):
            yield

    @contextmanager
    def altering(self) -> Iterator[Connection]:
        """Give a transaction that may make and change tables; it commits as `write` does."""
        with self._at_work(self.dialect.begin_alter) as connection:
            yield connection
            connection.commit()

    def session(self, *, patient: bool) -> Connection:
        """Give a connection of one's own, in which each statement commits by itself."""
        with FORKS.passing(), self.explained():
            connection = self._begun(_commit_each, patient=patient)
            connection.detach()
            return connection

    @contextmanager
    def _at_work(
        self, begin: Callable[[Connection], None], *, trust: bool = False
    ) -> Iterator[Connection]:
        passing, begun = FORKS.passing(), partial(self._begun, begin, trust=trust)
        with passing, self._turn, self.explained(), begun() as connection:
            yield connection

    def _begun(
        self, begin: Callable[[Connection], None], *, patient: bool = True, trust: bool = False
    ) -> Connection:
        """Connect and begin; a database that is away and was there before is waited for.

        With `trust` an idle connection is not tried before: whoever begins sends something first,
        and may send it again.
        """
        end = time.monotonic() + (_PATIENCE if patient and self._reached else 0)
        for pause in pauses(0.05, 2.0):
            try:
                with self.dialect.trusting() if trust else nullcontext():
                    connection = self.engine.connect()
                try:
                    begin(connection)
                except BaseException:
                    connection.close()
                    raise
                self._reached = True
                return connection
            except DBAPIError as error:
                if not self.dialect.is_away(error) or time.monotonic() + pause > end:
                    raise
                self._sleep(pause)
        raise AssertionError("unreachable")

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn the database's failures into errors that say what to do."""
        try:
            yield
        except EdversionError:
            raise
        except DBAPIError as error:
            code, text = self.dialect.fault(error)
            kind = InvalidInputError if code == _REFUSED else StorageError
            raise kind(text, code=code) from error
        except json.JSONDecodeError as error:
            raise StorageError(
                f"the catalog holds a value that is no JSON: {error}", code="catalog_damaged"
            ) from error
        except (OverflowError, UnicodeEncodeError) as error:
            raise InvalidInputError(
                f"a value cannot be kept in the catalog: {error}", code=_REFUSED
            ) from error
        except SQLAlchemyError as error:
            raise StorageError(f"the catalog failed: {error}", code="catalog") from error

    def rest(self) -> None:
        """Close idle connections, as before a fork; those of a catalog in memory are it itself."""
        if not self.dialect.shared:
            self.engine.dispose()

    def forsake(self) -> None:
        """Forget the parent's connections; to close them here would break its locks."""
        if not self.dialect.shared:
            self._inherited.append(self.engine.pool)
            self.engine.dispose(close=False)


def _commit_each(connection: Connection) -> None:
    connection.execution_options(isolation_level="AUTOCOMMIT")


def pauses(first: float, longest: float) -> Iterator[float]:
    """Give the seconds to wait between tries: each time twice as long, up to the longest."""
    pause = first
    while True:
        yield pause
        pause = min(2 * pause, longest)
