"""Catalogs in PostgreSQL, through psycopg; see `dialect` for what each method must do.

Every write begins by locking the one row of ``chain``. So there is one order of locks, and
nothing that a transaction relied on changes before it commits. Reads wait for nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Column, Connection, Engine, String, Table, create_engine, event
from sqlalchemy.dialects.postgresql.base import PGDDLCompiler
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.types import TypeDecorator

from edversion.catalog.liveness import Liveness
from edversion.catalog.tables import dump_json, load_json
from edversion.errors import InvalidInputError, StorageError
from edversion.masking import masked

if TYPE_CHECKING:
    import psycopg

    from edversion.catalog.database import Database

__all__ = ["Postgres"]

_END = "SELECT 1 FROM chain WHERE id = 1"
_LOOKS = 2  # then whoever moves an alias waits, as every writer does: others write other things
_UPGRADE_LOCK = int.from_bytes(b"edvUpgra", "big")
_BUSY_SECONDS = 60
_STATEMENT_SECONDS = 300
_CONNECT_SECONDS = 10

# Of the server. A process that hangs, or a host that is gone, gives its locks back in the end.
_SERVER = {
    "lock_timeout": f"{_BUSY_SECONDS}s",
    "statement_timeout": f"{_STATEMENT_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{_STATEMENT_SECONDS}s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
# Of the client; whoever writes another value into the URL gets it.
_CLIENT = {
    "application_name": "edversion",
    "connect_timeout": _CONNECT_SECONDS,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds; who has sent something is not kept alive by those
}
_KEPT_CONNECTIONS = 2


class _ByCodePoint(PGDDLCompiler):
    """Gives every column of text the order of code points, which SQLite and Python have."""

    def get_column_specification(self, column: Column[Any], **settings: Any) -> str:
        """Write the collation behind the type."""
        written: str = super().get_column_specification(column, **settings)  # type: ignore[no-untyped-call]
        kind: Any = column.type.dialect_impl(self.dialect)
        if isinstance(kind, TypeDecorator):
            kind = kind.impl_instance
        if not isinstance(kind, String) or kind.collation:
            return written
        type_name = self.dialect.type_compiler_instance.process(column.type)
        head = f"{self.preparer.format_column(column)} {type_name}"
        assert written.startswith(head), written
        return f'{head} COLLATE "C"{written.removeprefix(head)}'


class _Trust(threading.local):
    """Whether this thread takes idle connections as they are."""

    given = False


class Postgres:
    """A catalog in a PostgreSQL database, shared by any number of hosts.

    Parameters
    ----------
    url : URL
        Where it is; its query holds options of libpq, and ``prepare_threshold`` of psycopg.
    """

    shared = False
    upgrades_itself = False

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql+psycopg")
        self._trust = _Trust()
        self.place = f"catalog {masked(self._url.render_as_string(hide_password=True))}"

    def engine(self) -> Engine:
        """Make an engine; idle connections are tried before they are used again.

        Raises
        ------
        StorageError
            The driver is not installed.
        """
        options = _options(self._url)
        try:
            engine = create_engine(
                self._url,
                json_serializer=dump_json,
                json_deserializer=load_json,
                connect_args=options,
                isolation_level="READ COMMITTED",
                use_native_hstore=False,
                pool_pre_ping=True,
                pool_size=_KEPT_CONNECTIONS,
                max_overflow=-1,  # whoever waits for the lock of writers holds a connection
                pool_use_lifo=True,
            )
        except ImportError as error:
            raise StorageError(
                f"{self.place} needs psycopg: pip install 'edversion[postgres]' ({error})",
                code="driver_missing",
            ) from error
        engine.dialect.ddl_compiler = _ByCodePoint
        dialect: Any = engine.dialect
        proves = dialect.do_ping
        dialect.do_ping = lambda connection: self._trust.given or proves(connection)
        event.listen(engine, "connect", _adapt)
        return engine

    def begin_read(self, connection: Connection) -> None:
        """Let the first statement take a snapshot that all further ones see."""
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def begin_ask(self, connection: Connection) -> None:
        """Let the statement be a transaction by itself: it takes no BEGIN and no ROLLBACK."""
        connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def trusting(self) -> Iterator[None]:
        """Do not ask the server whether an idle connection still stands."""
        self._trust.given = True
        try:
            yield
        finally:
            self._trust.given = False

    def begin_write(self, connection: Connection) -> None:
        """Lock the end of the chain of events; each statement sees what was committed by then."""
        connection.exec_driver_sql(f"{_END} FOR UPDATE")

    def begin_write_unless(self, connection: Connection, look: Callable[[Connection], int]) -> None:
        """Wait only as long as nothing happens; then look again, and after that wait in any case.

        Whoever waits for a row that was changed meanwhile sees it as it is now: where it no longer
        fits the condition, all who wait are let go at once, and none of them has the lock.
        """
        for _ in range(_LOOKS):
            seen = look(connection)
            if connection.exec_driver_sql(f"{_END} AND sequence = %s FOR UPDATE", (seen,)).first():
                return
        look(connection)
        self.begin_write(connection)

    def begin_alter(self, connection: Connection) -> None:
        """Lock the same row, where there is a catalog; migrations take as long as they take."""
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        if connection.exec_driver_sql("SELECT to_regclass('chain')").scalar() is not None:
            self.begin_write(connection)

    def fill(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Any]
    ) -> None:
        """Send the rows by COPY, which takes a third of the time of a statement for each."""
        import psycopg

        statement = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN"
        driver: Any = connection.connection.driver_connection
        try:
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)
        except psycopg.Error as error:
            lost = bool(driver.closed)
            if lost:
                connection.invalidate(error)
            raise OperationalError(statement, None, error, connection_invalidated=lost) from error

    @contextmanager
    def upgrading(self, engine: Engine) -> Iterator[None]:
        """Hold an advisory lock, beside the connection that alters the tables."""
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("SELECT pg_advisory_lock(%s)", (_UPGRADE_LOCK,))
            try:
                yield
            finally:
                connection.exec_driver_sql("SELECT pg_advisory_unlock(%s)", (_UPGRADE_LOCK,))

    def is_away(self, error: DBAPIError) -> bool:
        """Tell whether the connection failed, or the server is starting, ending or full."""
        if error.connection_invalidated:  # for whatever reason; servers have several
            return True
        state = _state(error)
        if state is not None:
            return state.startswith(_AWAY)
        return isinstance(error, OperationalError)

    def fault(self, error: DBAPIError) -> tuple[str, str]:
        """Read the SQLSTATE; without one, no server has answered."""
        if error.connection_invalidated:
            code, text = _LOST
        else:
            state = _state(error) or ""
            known = next((prefix for prefix in _FAULTS if state.startswith(prefix)), None)
            told = _UNREACHABLE if self.is_away(error) else _UNKNOWN
            code, text = told if known is None else _FAULTS[known]
        said = masked(" ".join(str(error.orig).split()))
        return code, f"{self.place}: {text} ({said})"

    def liveness(self, database: Database) -> Liveness:
        """Runs hold advisory locks in a session of this process."""
        from edversion.catalog.sessions import SessionLiveness

        return SessionLiveness(database)


_AWAY = ("08", "53300", "57P01", "57P02", "57P03")
_BUSY = (
    "catalog_busy",
    f"others held it for more than {_BUSY_SECONDS} s. Try again; if it stays so, look in "
    "pg_stat_activity for a session that hangs. Nothing was changed",
)
_UNKNOWN = ("catalog", "it could not be read or written")
_UNREACHABLE = (
    "catalog_unreachable",
    "no connection. Check that the server runs, and host, port, user, password and database",
)
_LOST = (
    "catalog_lost",
    "the connection was lost in the middle. Unless it was just then committed, nothing was "
    "changed; look, and try again",
)
_REFUSED = (
    "illegal_value",
    "a value cannot be kept: it is too long or too large, or holds characters that the database "
    "refuses",
)
# By the beginning of the SQLSTATE; the first that fits holds.
_FAULTS = {
    "22": _REFUSED,
    "54": _REFUSED,
    "40": ("catalog_raced", "another transaction got in the way. Nothing was changed; try again"),
    "55P03": _BUSY,
    "57014": (
        "catalog_busy",
        f"a statement took more than {_STATEMENT_SECONDS} s and was ended. Nothing was changed; "
        "try again, or allow more with ?options=-cstatement_timeout=<ms> in the URL",
    ),
    "53100": ("catalog_full", "the server's disk is full. Nothing was changed"),
    "53300": ("catalog_crowded", "the server has no connection left; raise max_connections"),
    "25006": (
        "catalog_readonly",
        "this server takes no changes. Name the primary, or add ?target_session_attrs=read-write",
    ),
    "42501": (
        "catalog_forbidden",
        "the user may not do that. Let the owner of the database run 'edversion catalog upgrade' "
        "and grant the user SELECT, INSERT, UPDATE and DELETE on its tables, and USAGE on its "
        "sequences",
    ),
    "XX001": ("catalog_damaged", "the server found damaged data; restore it from a backup"),
    "XX002": ("catalog_damaged", "the server found a damaged index; REINDEX the database"),
}


def _state(error: DBAPIError) -> str | None:
    state: str | None = getattr(error.orig, "sqlstate", None)
    return state


def _options(url: URL) -> dict[str, Any]:
    """Give what to connect with: our settings, unless the URL has its own."""
    named = dict(url.query)
    own = " ".join(f"-c {name}={value}" for name, value in _SERVER.items())
    options: dict[str, Any] = {**_CLIENT, **named, "options": f"{own} {named.get('options', '')}"}
    threshold = named.get("prepare_threshold")
    if threshold is not None:
        options["prepare_threshold"] = _threshold(str(threshold))
    return options


def _threshold(text: str) -> int | None:
    """Read after how many uses a statement is prepared; ``none`` is never."""
    if text.lower() == "none":
        return None
    if text.isdecimal():
        return int(text)
    raise InvalidInputError(
        f"prepare_threshold in the catalog URL is a number or 'none', not {text!r}",
        code="catalog_url",
    )


def _adapt(connection: psycopg.Connection[Any], _record: object) -> None:
    """Let values come and go as with SQLite.

    Texts may hold U+0000, which PostgreSQL refuses: it is kept as U+0001 U+0001, and U+0001 as
    U+0001 U+0002. Everything else stays as it is, every text comes back, and texts keep their
    order. Sums of whole numbers are whole numbers.
    """
    from psycopg.adapt import Loader
    from psycopg.types.string import StrDumperUnknown, TextLoader

    class TextIn(StrDumperUnknown):
        def dump(self, obj: str) -> Any:
            if "\0" in obj or "\1" in obj:
                obj = obj.replace("\1", "\1\2").replace("\0", "\1\1")
            return super().dump(obj)

    class TextOut(TextLoader):
        def load(self, data: Any) -> str:
            text = str(super().load(data))
            return text.replace("\1\1", "\0").replace("\1\2", "\1") if "\1" in text else text

    class NumberOut(Loader):
        def load(self, data: Any) -> float:
            text = bytes(data)
            return float(text) if b"." in text else int(text)

    adapters = connection.adapters
    adapters.register_dumper(str, TextIn)
    for kind in ("text", "varchar"):
        adapters.register_loader(kind, TextOut)
    adapters.register_loader("numeric", NumberOut)
