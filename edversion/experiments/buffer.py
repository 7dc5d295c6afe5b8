"""What experiments record, held back for a moment and written together.

Serving must not wait for a database. Rows are written by a thread of their own: once there are
many, once a second, and when Python exits. A process that is killed loses what it had not
written; with ``durable`` nothing is held back.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable

from edversion.background import at_exit
from edversion.catalog import Assigned, Exposed, Outcome, ServedRows
from edversion.errors import EdversionError

__all__ = ["LOG", "TROUBLES", "Buffer"]

LOG = logging.getLogger("edversion.experiments")

TROUBLES = (EdversionError, OSError)
"""What serving goes on in spite of."""

_MANY = 5_000  # rows that are written at once, without waiting for more
_SECONDS = 1.0
_LIMIT = 500_000  # exposures that wait while the catalog is away, some 100 MB
_IDLE = 60.0  # seconds without a row, after which the thread ends
_LONGEST = 30.0  # seconds between two tries

Write = Callable[[ServedRows], object]


class Buffer:
    """Rows on their way to the catalog; safe for threads and for forks.

    Parameters
    ----------
    write : callable
        Writes rows, all or none; called by one thread at a time.
    durable : bool
        Whether `add` returns only once the rows are written.
    seconds : float
        How long rows wait for others.
    look : callable, optional
        Called by the thread again and again, to see what changed elsewhere.
    look_every : float
        Seconds between two such calls where nothing is written; else it is after each writing.
    """

    def __init__(
        self,
        write: Write,
        *,
        durable: bool = False,
        seconds: float = _SECONDS,
        look: Callable[[], object] | None = None,
        look_every: float = 5.0,
    ) -> None:
        self._write, self._durable, self._seconds = write, durable, seconds
        self._look, self._look_every = look, look_every
        self.lost = 0
        self._begin()
        _BUFFERS.add(self)

    def _begin(self) -> None:
        """Be empty: what a fork inherits is written by its parent."""
        self._rows = ServedRows()
        self._changed = threading.Condition(threading.Lock())
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, assigned: Assigned | None, exposed: Exposed | None) -> None:
        """Hold an assignment and an exposure."""
        with self._changed:
            rows = self._rows
            if assigned is not None:
                rows.assignments.append(assigned)
            if exposed is not None:
                if len(rows.exposures) < _LIMIT:
                    rows.exposures.append(exposed)
                else:
                    self._lose()
            count = len(rows.exposures) + len(rows.assignments)
            if self._thread is None:
                self._start()
            elif count <= 2 or count % _MANY <= 1:
                self._changed.notify_all()
        if self._durable:
            self.flush()

    def add_outcomes(self, outcomes: list[Outcome]) -> None:
        """Hold measured values."""
        with self._changed:
            self._rows.outcomes += outcomes
            self._start()
            self._changed.notify_all()
        if self._durable:
            self.flush()

    def flush(self) -> None:
        """Write all that is held, now and in this thread.

        Raises
        ------
        StorageError
            It cannot be written; it is still held, and tried again.
        """
        with self._writing:
            rows = self._take()
            try:
                if len(rows):
                    self._write(rows)
            except BaseException:
                self._put_back(rows)
                raise

    def close(self) -> None:
        """Write all that is held, and end the thread."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self.flush()

    def _lose(self) -> None:
        if not self.lost:
            LOG.error("more than %s exposures wait for the catalog; further ones are lost", _LIMIT)
        self.lost += 1

    def _take(self) -> ServedRows:
        with self._changed:
            rows, self._rows = self._rows, ServedRows()
            return rows

    def _put_back(self, rows: ServedRows) -> None:
        """Hold what could not be written, before what came since."""
        with self._changed:
            later = self._rows
            for name in ("assignments", "exposures", "outcomes"):
                getattr(rows, name).extend(getattr(later, name))
            self._rows = rows

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name="edversion-experiments", daemon=True
            )
            self._thread.start()
            at_exit(_flush_late, weakref.ref(self))

    def _work(self) -> None:
        """Write what is held, until the buffer is closed, or nobody uses it."""
        pause, told, idle = self._seconds, False, 0.0
        while not self._is_over(pause, idle):
            idle = 0.0 if len(self) else idle + self._look_every
            try:
                self.flush()
                if self._look is not None:
                    self._look()
            except TROUBLES as error:
                if self._is_dismissed():
                    return  # whoever closed it tries once more, and is told
                if not told:
                    LOG.warning("exposures cannot be written yet, and are held: %s", error)
                pause, told = min(2 * pause, _LONGEST), True
            else:
                pause, told = self._seconds, False

    def _is_dismissed(self) -> bool:
        """Tell whether this thread's time is over; whoever adds a row later has another one."""
        return self._thread is not threading.current_thread()

    def _is_over(self, pause: float, idle: float) -> bool:
        """Wait for something to do; tell whether there is nothing more to do."""
        with self._changed:
            self._changed.wait_for(lambda: len(self) or self._is_dismissed(), self._look_every)
            if self._is_dismissed():
                return True  # whoever closed it writes the rest
            if len(self):
                away = pause > self._seconds  # then that there are more rows changes nothing
                self._changed.wait_for(
                    lambda: self._is_dismissed() or (len(self) >= _MANY and not away), pause
                )
                return False
            if idle >= _IDLE:  # so that a repository that was forgotten can be collected
                self._thread = None
            return self._is_dismissed()


_BUFFERS: weakref.WeakSet[Buffer] = weakref.WeakSet()


def _renew() -> None:
    for buffer in list(_BUFFERS):
        buffer._begin()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_renew)


def _flush_late(reference: weakref.ref[Buffer]) -> None:
    buffer = reference()
    if buffer is None:
        return
    try:
        buffer.close()
    except TROUBLES as error:
        LOG.error("%s rows of an experiment are lost: %s", len(buffer), error)
