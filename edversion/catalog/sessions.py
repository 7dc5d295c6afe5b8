"""Which runs have a process behind them, told by the sessions of a PostgreSQL server.

A process holds an advisory lock as long as its run is open, in one session for all its runs.
The server frees it when the process dies, on whatever host: the connection ends then or, where
the host died, stays silent for a minute.

A connection can also be lost while the process lives. A thread notices, and takes the locks
anew. In between, others may have taken the runs for dead and removed what they were writing: so
whoever commits proves that its run was never without its lock since it began to write.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from edversion.catalog.database import pauses
from edversion.catalog.forking import FORKS
from edversion.catalog.liveness import open_error
from edversion.digests import digest_of_bytes
from edversion.errors import ConflictError, StorageError

if TYPE_CHECKING:
    from edversion.catalog.database import Database

__all__ = ["SessionLiveness"]

_PATIENCE = "1s"  # until the server has noticed that the former process is gone
_LONGEST_PAUSE = 5.0  # seconds between two tries to reach the server
_TAKEN = "55P03"  # the SQLSTATE of a lock that was not to be had in time
_LOCK = "SELECT pg_advisory_lock(%(run)s)"
_UNLOCK = "SELECT pg_advisory_unlock(%(run)s)"
_LOCK_WRITING = "SELECT pg_advisory_xact_lock_shared(%(writing)s)"
_LOCKED = (
    "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted "
    "AND objsubid = 1 AND database = (SELECT oid FROM pg_database "
    "WHERE datname = current_database()) AND (classid::bigint << 32) | objid::bigint "
)
_ALIVE = _LOCKED + "IN (%(run)s, %(writing)s))"
_HELD = _LOCKED + "= %(run)s AND pid = %(process)s)"


class _Hold(NamedTuple):
    """By which process of the server a lock is held, and how often it was taken until now."""

    process: int
    tenure: int


class SessionLiveness:
    """Runs of any number of hosts: each process holds advisory locks in a session.

    Parameters
    ----------
    database : Database
        Where the locks are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: dict[str, _Hold] = {}
        self._session: _Session | None = None
        self._former: _Session | None = None
        self._inherited: list[_Session | None] = []
        self._turn = threading.RLock()
        self._closed = threading.Event()
        FORKS.guard(self)

    def hold(self, run_id: str) -> None:
        """Take the lock of a run.

        Raises
        ------
        ConflictError
            The run is open already, here or in another process.
        StorageError
            The server cannot be reached.
        """
        with self._turn:
            if run_id in self._held or not self._opened().lock(run_id):
                raise open_error(run_id)
            self._held[run_id] = _Hold(self._opened().process, 1)

    def release(self, run_id: str) -> None:
        """Give the lock back."""
        with self._turn:
            held, session = self._held.pop(run_id, None), self._session
            if held is not None and session is not None and held.process == session.process:
                with suppress(SQLAlchemyError):  # a session that is lost holds no lock
                    session.execute(_UNLOCK, run_id)

    def tenure(self, run_id: str) -> int | None:
        """Give how often this process took the lock: another number means that it lost it."""
        held = self._held.get(run_id)
        return None if held is None else held.tenure

    def vouch(self, connection: Connection, run_id: str, tenure: int | None) -> bool:
        """Tell, inside a transaction, whether this process holds the lock.

        Raises
        ------
        ConflictError
            It was lost meanwhile (code ``run_lost``).
        """
        held = self._held.get(run_id)
        if held is None:
            return False
        # First of all: from now on nobody takes the run for dead before the transaction ends.
        connection.exec_driver_sql(_LOCK_WRITING, _keys(run_id))
        if tenure in (None, held.tenure) and _holds(connection, run_id, held):
            return True
        raise ConflictError(
            f"the connection that keeps run {run_id} open was lost for a while, and what it was "
            "writing may have been removed as left over; log it again",
            code="run_lost",
            run=run_id,
        )

    def regain(self, run_id: str) -> None:
        """Take the locks anew where that of a run is lost, and the watcher has not done so yet.

        It takes seconds where the server is slow to answer or to free the former locks: in the
        middle of a transaction everybody else who writes would wait for it.

        Raises
        ------
        ConflictError
            Somebody has resumed the run meanwhile (code ``run_open``).
        """
        lost, held = self._session, self._held.get(run_id)
        if held is None:
            return
        with self._database.read() as connection:
            if _holds(connection, run_id, held):
                return
        self._replace(lost, self._new(patient=False))
        with self._turn:
            session, now = self._session, self._held.get(run_id)
            if now is not None and (session is None or now.process != session.process):
                raise open_error(run_id)

    def is_alive(self, run_id: str) -> bool:
        """Tell whether some session holds the lock, or commits for the run just now."""
        if run_id in self._held:
            return True
        with self._database.read() as connection:
            return bool(connection.exec_driver_sql(_ALIVE, _keys(run_id)).scalar())

    def forget(self, run_id: str) -> None:
        """Nothing is left of such a run."""

    def close(self) -> None:
        """Give back every lock, with the session that holds them."""
        self._closed.set()
        with self._turn:
            sessions, self._session, self._former = (self._former, self._session), None, None
            self._held = {}
        for session in sessions:
            if session is not None:
                session.close()

    def rest(self) -> None:
        """Keep the session: its locks must outlast a fork."""

    def forsake(self) -> None:
        """Forget the parent's session without closing it; the parent goes on to hold the locks."""
        self._inherited += [self._session, self._former]
        self._session = self._former = None
        self._turn, self._closed = threading.RLock(), threading.Event()

    def _opened(self) -> _Session:
        if self._session is None:
            self._session = self._new(patient=True)
        return self._session

    def _new(self, *, patient: bool) -> _Session:
        return _Session(self._database, self._lost, patient=patient)

    def _lost(self, session: _Session) -> None:
        """Take the locks anew, until that is done or nobody needs it; called by the watcher."""
        for pause in pauses(0.1, _LONGEST_PAUSE):
            if self._closed.wait(pause):
                return
            with suppress(StorageError):
                self._replace(session, self._new(patient=False))
                return

    def _replace(self, lost: _Session | None, session: _Session) -> None:
        """Let a new session take the place of one that was lost, unless another has."""
        with self._turn:
            if self._session is lost and not self._closed.is_set():
                self._regained(session)
                return
        session.close()

    def _regained(self, session: _Session) -> None:
        """Take all locks in a new session, but for those that somebody else has taken meanwhile."""
        with self._turn:
            if self._session is not None:
                self._session.drop()
            self._former, self._session = self._session, session
            for run_id, held in list(self._held.items()):
                if session.lock(run_id):
                    self._held[run_id] = _Hold(session.process, held.tenure + 1)


class _Session:
    """A connection that holds locks, and a thread that notices when it is lost."""

    def __init__(
        self, database: Database, lost: Callable[[_Session], None], *, patient: bool
    ) -> None:
        self._database, self._lost = database, lost
        with database.explained():
            self._connection = database.session(patient=patient)
            self._connection.exec_driver_sql(f"SET lock_timeout = '{_PATIENCE}'")
        driver: Any = self._connection.connection.dbapi_connection
        self.process: int = driver.info.backend_pid
        self._bell, self._ear = socket.socketpair()
        self._thread = threading.Thread(
            target=self._watch, args=(driver.fileno(),), name="edversion-runs", daemon=True
        )
        self._turn = threading.Lock()
        self._thread.start()

    def lock(self, run_id: str) -> bool:
        """Take a lock; tell whether it was to be had."""
        with self._database.explained():
            try:
                self.execute(_LOCK, run_id)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) != _TAKEN:
                    raise
                return False
        return True

    def execute(self, statement: str, run_id: str) -> None:
        """Run a statement about a run."""
        with self._turn:
            self._connection.exec_driver_sql(statement, _keys(run_id))

    def drop(self) -> None:
        """Let go of a connection that is lost; the thread ends by itself."""
        self._bell.close()
        with suppress(SQLAlchemyError):
            self._connection.close()

    def close(self) -> None:
        """End the thread, and the session with all its locks."""
        self._bell.close()
        self._thread.join()
        with suppress(SQLAlchemyError):
            self._connection.close()

    def _watch(self, server: int) -> None:
        """Wait until the server says something unasked, as it does when it hangs up."""
        with self._ear, selectors.DefaultSelector() as selector:
            bell = selector.register(self._ear, selectors.EVENT_READ)
            selector.register(server, selectors.EVENT_READ)
            while True:
                heard = selector.select()
                if any(key is bell for key, _ in heard):
                    return
                if not self._answers():
                    break
            self._lost(self)

    def _answers(self) -> bool:
        try:
            with self._turn:
                self._connection.exec_driver_sql("SELECT 1")
        except SQLAlchemyError:
            return False
        return True


def _holds(connection: Connection, run_id: str, hold: _Hold) -> bool:
    here = {**_keys(run_id), "process": hold.process}
    return bool(connection.exec_driver_sql(_HELD, here).scalar())


def _keys(run_id: str) -> dict[str, int]:
    """Give the keys of a run's two locks: that it is open, and that it commits."""
    digest = bytes.fromhex(digest_of_bytes(f"run {run_id}".encode()).partition(":")[2])
    parts = {"run": digest[:8], "writing": digest[8:16]}
    return {name: int.from_bytes(part, "big", signed=True) for name, part in parts.items()}
