"""Keep forks and transactions apart.

SQLite's connections must not exist on both sides of a fork: the child would believe that
it holds the parent's locks. So a fork waits for the transactions that other threads are
in the middle of, new ones wait for the fork, and idle connections are closed before it.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["FORKS", "ForkGate", "Forkable"]

_PATIENCE = 10.0  # seconds that a fork waits at most; transactions take milliseconds


class Forkable(Protocol):
    """What has connections that must not cross a fork."""

    def rest(self) -> None:
        """Close idle connections: in the parent, before the fork."""

    def forsake(self) -> None:
        """Forget connections without closing them: in the child."""


class ForkGate:
    """Lets transactions pass, except while the process forks."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._inside = 0
        self._guarded: weakref.WeakSet[Forkable] = weakref.WeakSet()

    def guard(self, forkable: Forkable) -> None:
        """Look after an object as long as it lives."""
        self._guarded.add(forkable)

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Be inside: no fork happens meanwhile."""
        with self._condition:
            self._inside += 1
        try:
            yield
        finally:
            with self._condition:
                self._inside -= 1
                self._condition.notify_all()

    def shut(self) -> None:
        """Wait until nobody is inside; let nobody in until the gate opens."""
        self._condition.acquire()
        self._condition.wait_for(lambda: self._inside == 0, _PATIENCE)
        for forkable in list(self._guarded):
            forkable.rest()

    def open(self) -> None:
        """Go on in the parent."""
        self._condition.release()

    def renew(self) -> None:
        """Go on in the child, where the parent's other threads do not exist."""
        self._condition = threading.Condition()
        self._inside = 0
        for forkable in list(self._guarded):
            forkable.forsake()


FORKS = ForkGate()
"""The gate of this process."""

if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(before=FORKS.shut, after_in_parent=FORKS.open, after_in_child=FORKS.renew)
