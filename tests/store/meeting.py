"""Show that several things happen at the same time, without a clock."""

from __future__ import annotations

import threading


class Meeting:
    """Holds threads until so many of them are there at once."""

    def __init__(self, number: int) -> None:
        self._missing, self._lock = number, threading.Lock()
        self._complete = threading.Event()

    def arrive(self) -> None:
        with self._lock:
            self._missing -= 1
            if self._missing <= 0:
                self._complete.set()
        assert self._complete.wait(20), "they do not work at the same time"
