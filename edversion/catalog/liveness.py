"""Which runs still have a process behind them.

A process holds a lock as long as its run is open. The operating system frees the lock
when the process dies, however it dies, so nobody has to guess from heartbeats.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout
from sqlalchemy import Connection

from edversion.errors import ConflictError, StorageError

__all__ = ["FileLiveness", "Liveness", "MemoryLiveness", "open_error"]

_PATIENCE = 0.2  # seconds


class Liveness(Protocol):
    """The locks that open runs hold."""

    def hold(self, run_id: str) -> None:
        """Take the lock of a run that this process opens."""

    def release(self, run_id: str) -> None:
        """Give the lock back; no harm where this process does not hold it."""

    def tenure(self, run_id: str) -> int | None:
        """Give a number that changes where this process loses the lock and takes it anew."""

    def vouch(self, connection: Connection, run_id: str, tenure: int | None) -> bool:
        """Tell, inside a transaction, whether this process holds the lock.

        Until the transaction ends, the run counts as alive.

        Parameters
        ----------
        tenure : int or None
            What :meth:`tenure` gave when the run began to write what is now committed.

        Raises
        ------
        ConflictError
            The lock was lost since then (code ``run_lost``): others may have taken the run for
            dead, and have removed what it was writing. :meth:`regain` takes it anew, once the
            transaction has ended.
        """

    def regain(self, run_id: str) -> None:
        """Take the lock anew, where it was lost; outside a transaction, since it may take long.

        Raises
        ------
        ConflictError
            Another process has opened the run meanwhile (code ``run_open``).
        """

    def is_alive(self, run_id: str) -> bool:
        """Tell whether some process holds the lock."""

    def forget(self, run_id: str) -> None:
        """Remove what is left of a run whose process is gone."""

    def close(self) -> None:
        """Give back every lock that is held."""


class MemoryLiveness:
    """Runs of one process: they live while they are open."""

    def __init__(self) -> None:
        self._open: set[str] = set()

    def hold(self, run_id: str) -> None:
        """Note the run.

        Raises
        ------
        ConflictError
            It is open already.
        """
        if run_id in self._open:
            raise open_error(run_id)
        self._open.add(run_id)

    def release(self, run_id: str) -> None:
        """Forget the run."""
        self._open.discard(run_id)

    def tenure(self, run_id: str) -> int | None:  # noqa: ARG002
        """Nothing is ever lost."""
        return None

    def vouch(self, connection: Connection, run_id: str, tenure: int | None) -> bool:  # noqa: ARG002
        """Tell whether the run is open."""
        return run_id in self._open

    def regain(self, run_id: str) -> None:
        """Nothing is ever lost."""

    def is_alive(self, run_id: str) -> bool:
        """Tell whether the run is open."""
        return run_id in self._open

    def forget(self, run_id: str) -> None:
        """Nothing is left of such a run."""

    def close(self) -> None:
        """Forget every run."""
        self._open.clear()


class FileLiveness:
    """Runs of one machine: each holds a lock file.

    Parameters
    ----------
    folder : Path
        Where the lock files are; made when it is first needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, FileLock] = {}
        self._turn = threading.Lock()

    def hold(self, run_id: str) -> None:
        """Take the lock of a run.

        Raises
        ------
        ConflictError
            The run is open already, here or in another process.
        StorageError
            The folder cannot be written.
        """
        # The lock belongs to the process, not to the thread that opened the run. Somebody who
        # asks whether the run is alive holds it for a moment, so one try is not enough.
        lock = FileLock(self._path(run_id), timeout=_PATIENCE, thread_local=False)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(poll_interval=0.01)
        except Timeout:  # before OSError, which it is one of
            raise open_error(run_id) from None
        except OSError as error:
            raise StorageError(
                f"run {run_id} cannot be opened: {error}. Check that {self._folder} can be written",
                code="run_lock",
                run=run_id,
            ) from error
        with self._turn:
            self._held[run_id] = lock

    def release(self, run_id: str) -> None:
        """Give the lock back and remove its file."""
        with self._turn:
            lock = self._held.pop(run_id, None)
        if lock is None:
            return
        # Removed while held: whoever opens the file afterwards would make a new one.
        self._path(run_id).unlink(missing_ok=True)
        lock.release()

    def tenure(self, run_id: str) -> int | None:  # noqa: ARG002
        """A process keeps its lock until it dies."""
        return None

    def vouch(self, connection: Connection, run_id: str, tenure: int | None) -> bool:  # noqa: ARG002
        """Tell whether this object holds the lock."""
        return run_id in self._held

    def regain(self, run_id: str) -> None:
        """Nothing is ever lost."""

    def is_alive(self, run_id: str) -> bool:
        """Tell whether the lock file exists and is held."""
        if run_id in self._held:
            return True
        if not self._path(run_id).exists():
            return False
        probe = FileLock(self._path(run_id), timeout=0)
        try:
            probe.acquire()
        except Timeout:
            return True
        except OSError:  # the lock cannot be tried here; do not call a run dead for that
            return True
        probe.release()
        return False

    def forget(self, run_id: str) -> None:
        """Remove the lock file of a run whose process is gone, unless another has resumed it."""
        lock = FileLock(self._path(run_id), timeout=0)
        with suppress(OSError):  # a Timeout, which is one, means that somebody holds it
            lock.acquire()
            self._path(run_id).unlink(missing_ok=True)  # while held, as in `release`
            lock.release()

    def close(self) -> None:
        """Give back every lock; the files stay, since the runs did not end."""
        with self._turn:
            held, self._held = self._held, {}
        for lock in held.values():
            lock.release()

    def _path(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.lock"


def open_error(run_id: str) -> ConflictError:
    """Say that a run cannot be opened twice."""
    return ConflictError(
        f"run {run_id} is open already, here or in another process; finish it there first, or "
        "start another run",
        code="run_open",
        run=run_id,
    )
