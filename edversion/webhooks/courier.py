"""The first attempt: behind the work that moved the alias, and never in its way.

One thread tries what is due, and ends. A process that ends first leaves the rest to the
outbox, from which the next attempt of anybody takes it.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

from edversion.catalog import Catalog
from edversion.environment import actor
from edversion.errors import EdversionError
from edversion.location import Location

if TYPE_CHECKING:
    from edversion.webhooks.delivering import Deliverer

__all__ = ["Courier"]

_SECONDS = 5.0  # for one attempt, and for whoever waits at the end
_SWITCH, _LATER = "EDVERSION_WEBHOOKS", "later"
_log = logging.getLogger("edversion.webhooks")


class Courier:
    """Delivers in a thread of its own what the process has just written into the outbox.

    Parameters
    ----------
    catalog : Catalog
        With the outbox.
    location : Location
        Where the repository is.
    """

    def __init__(self, catalog: Catalog, location: Location) -> None:
        self._catalog, self._location = catalog, location
        self._renew()

    def _renew(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._waiting = self._closed = False

    def wake(self) -> None:
        """Let what is due be tried soon; returns at once.

        With ``EDVERSION_WEBHOOKS=later`` it is left to `edversion webhook deliver`.
        """
        if os.environ.get(_SWITCH) == _LATER:
            return
        if self._process != os.getpid():  # a fork has no thread, and maybe a lock that is held
            self._renew()
        with self._lock:
            self._waiting = True
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="edversion-webhooks")
                self._thread.daemon = True
                self._thread.start()

    def close(self) -> None:
        """Wait a moment for what is due to be tried, then begin no more."""
        if self._process != os.getpid():
            return
        thread = self._thread
        if thread is not None:
            thread.join(_SECONDS)
        with self._lock:
            self._closed = True

    def _work(self) -> None:
        try:
            self._deliver_all()
        finally:
            if self._closed:  # while this went on: what it opened since, nobody else closes
                self._catalog.rest()

    def _deliver_all(self) -> None:
        from edversion.webhooks.delivering import Deliverer

        deliverer = Deliverer(self._catalog, self._location, actor())
        while self._goes_on():
            try:
                self._deliver(deliverer)
            except EdversionError as error:
                _log.warning("webhooks wait for 'edversion webhook deliver': %s", error)
            except Exception:  # noqa: BLE001 - what moved the alias must not suffer from it
                _log.exception("webhooks wait for 'edversion webhook deliver'")

    def _goes_on(self) -> bool:
        """Tell whether there is more to try; the thread ends where there is not."""
        with self._lock:
            goes_on, self._waiting = self._waiting, False
            if not goes_on:
                self._thread = None
            return goes_on

    def _deliver(self, deliverer: Deliverer) -> None:
        for attempt in deliverer.deliver(seconds=_SECONDS, stop=lambda: self._closed):
            if not attempt.delivered:
                _log.info("webhook %s: %s", attempt.webhook, attempt.answer)
