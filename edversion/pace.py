"""When to look again: a wait that ends at once where somebody stops it, from any thread."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime

__all__ = ["Pace"]


class Pace:
    """Clock and waiting room of a follower."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._turn = threading.Lock()
        self._sleepers: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    @property
    def stopped(self) -> bool:
        """Whether nobody is to wait any more."""
        return self._stopped.is_set()

    def seconds(self) -> float:
        """Give seconds that only grow, from whatever start."""
        return time.monotonic()

    def now(self) -> datetime:
        """Give the time (UTC)."""
        return datetime.now(UTC)

    def wait(self, seconds: float) -> None:
        """Wait in this thread."""
        self._stopped.wait(seconds)

    async def sleep(self, seconds: float) -> None:
        """Wait in this task; no thread is held."""
        sleeper = (asyncio.get_running_loop(), asyncio.Event())
        with self._turn:
            if self.stopped:
                return
            self._sleepers.add(sleeper)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await sleeper[1].wait()
        finally:
            with self._turn:
                self._sleepers.discard(sleeper)

    def stop(self) -> None:
        """End every wait, now and from now on."""
        with self._turn:
            self._stopped.set()
            for loop, woken in self._sleepers:
                with suppress(RuntimeError):  # that loop is closed
                    loop.call_soon_threadsafe(woken.set)
