"""The one worker that logs while training goes on: one thread, jobs in order, nothing lost."""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401 - its farewell is registered before ours, see below
import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from edversion.errors import ConflictError, InvalidInputError

__all__ = ["BackgroundFailure", "BackgroundWorker", "at_exit"]

_LIMIT = 16 << 30
_log = logging.getLogger("edversion.background")

Job = Callable[[], object]


@dataclass(frozen=True, slots=True)
class BackgroundFailure:
    """A job that raised.

    Attributes
    ----------
    what : str
        What the job was to do.
    error : BaseException
        What it raised.
    """

    what: str
    error: BaseException


class BackgroundWorker:
    """One thread that does jobs in the order in which they were handed over.

    The thread starts with the first job. A failed job stops no other; its failure waits
    until it is asked for. What is still waiting when Python exits is done then.

    Parameters
    ----------
    limit : int
        Bytes that may wait, as the jobs declare them. Handing over more waits for room; a
        single job above the limit is taken when nothing else waits.

    Examples
    --------
    >>> worker = BackgroundWorker()
    >>> done = []
    >>> worker.submit("note it", lambda: done.append(1))
    >>> worker.close()
    ()
    >>> done
    [1]
    """

    def __init__(self, *, limit: int = _LIMIT) -> None:
        if limit < 1:
            raise InvalidInputError(f"limit must be 1 byte or more, not {limit}", limit=limit)
        self._limit = limit
        self._jobs: deque[tuple[str, Job, int]] = deque()
        self._waiting = 0
        self._busy = False
        self._closed = False
        self._failures: list[BackgroundFailure] = []
        self._changed = threading.Condition()
        self._process = os.getpid()
        self._thread: threading.Thread | None = None

    def submit(self, what: str, job: Job, *, size: int = 0) -> None:
        """Hand over a job.

        Parameters
        ----------
        what : str
            What it does, for the message where it fails.
        job : callable
            Called without arguments, in the worker's thread.
        size : int
            Bytes that it holds on the disk until it is done.

        Raises
        ------
        ConflictError
            The worker is closed, or belongs to another process.
        """
        self._check_process()
        with self._changed:
            if not self._closed:
                self._changed.wait_for(lambda: self._has_room(size) or self._closed)
            if self._closed:
                raise ConflictError("the background worker is closed", code="worker_closed")
            self._start()
            self._jobs.append((what, job, size))
            self._waiting += size
            self._changed.notify_all()

    def failures(self) -> tuple[BackgroundFailure, ...]:
        """Give the failures that nobody was told of yet; each is given once."""
        with self._changed:
            found, self._failures = self._failures, []
        return tuple(found)

    def flush(self) -> tuple[BackgroundFailure, ...]:
        """Wait until every job handed over is done; give the failures not yet told."""
        if self._process != os.getpid():  # a fork has the jobs, but not the thread
            return ()
        with self._changed:
            self._changed.wait_for(lambda: not self._jobs and not self._busy)
            return self.failures()

    def close(self) -> tuple[BackgroundFailure, ...]:
        """Do what waits, and end the thread; give the failures not yet told."""
        failures = self.flush()
        if self._process == os.getpid():
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            if self._thread is not None:
                self._thread.join()
        return failures

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise ConflictError(
                f"the background worker belongs to process {self._process}; a forked process "
                "makes its own",
                code="forked_worker",
            )

    def _has_room(self, size: int) -> bool:
        return self._waiting == 0 or self._waiting + size <= self._limit

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name="edversion-background", daemon=True
            )
            self._thread.start()
            at_exit(_flush_late, weakref.ref(self))

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            what, job, size = taken
            try:
                job()
            except BaseException as error:  # noqa: BLE001 - told to whoever asks
                with self._changed:
                    self._failures.append(BackgroundFailure(what, error))
            del job, taken  # what the job holds is free before the next one is awaited
            with self._changed:
                self._busy = False
                self._waiting -= size
                self._changed.notify_all()

    def _take(self) -> tuple[str, Job, int] | None:
        """Wait for the next job; None once the worker is closed."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._jobs) or self._closed)
            if not self._jobs:
                return None
            self._busy = True
            return self._jobs.popleft()


def at_exit(call: Callable[..., object], argument: object) -> None:
    """Call it when Python exits, while thread pools still take work.

    `atexit` is too late: the pools of the standard library, which storage clients and the
    store itself use, are shut before it. The hook they use themselves has no public name.
    """
    register = getattr(threading, "_register_atexit", atexit.register)
    register(call, argument)


def _flush_late(reference: weakref.ref[BackgroundWorker]) -> None:
    worker = reference()
    if worker is None:
        return
    for failure in worker.flush():
        _log.error("could not %s: %s", failure.what, failure.error)
