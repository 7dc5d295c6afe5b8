"""How often somebody may try to sign in.

A password is guessed by trying. Each failure is counted three times: for the name from that
address, for the address, and for the name from anywhere, with more room in that order, so that
whoever guesses a name's password from one address does not lock its owner out at another. Past
the room, each further failure doubles the wait. Of IPv6 a network of 64 bits is one address.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

__all__ = ["Attempts"]

_LONGEST = 900.0
_FORGOTTEN = 3600.0
_KEPT = 10_000
_Key = tuple[str, str]


@dataclass(slots=True)
class _Failures:
    count: int
    last: float


class Attempts:
    """Failures to sign in, in the memory of one process.

    Parameters
    ----------
    room : tuple of int
        Failures without a wait: of a name from one address, of an address, of a name.
    clock : callable
        Seconds that only grow.

    Examples
    --------
    >>> attempts = Attempts(room=(2, 30, 100), clock=lambda: 0.0)
    >>> [attempts.begin("ada", "10.0.0.7") for _ in range(4)]
    [0.0, 0.0, 1.0, 1.0]
    """

    def __init__(
        self,
        room: tuple[int, int, int] = (5, 30, 100),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._room, self._clock = room, clock
        self._failures = dict[_Key, _Failures]()
        self._lock = threading.Lock()

    def begin(self, name: str, address: str) -> float:
        """Count an attempt as failed until `succeeded` says otherwise.

        So many at once are no way around it.

        Returns
        -------
        float
            Seconds that have to pass before the next one; 0 where this one may go on.
        """
        keys = self._keys(name, address)
        with self._lock:
            now = self._clock()
            wait = max(
                self._wait(key, room, now) for key, room in zip(keys, self._room, strict=True)
            )
            if wait <= 0:
                for key in keys:
                    self._count(key, now)
        return max(wait, 0.0)

    def succeeded(self, name: str, address: str) -> None:
        """Take an attempt back, and forget the failures of the name from that address."""
        pair, own, everywhere = self._keys(name, address)
        with self._lock:
            self._failures.pop(pair, None)
            for key in (own, everywhere):
                found = self._failures.get(key)
                if found is not None:
                    found.count -= 1

    def _keys(self, name: str, address: str) -> tuple[_Key, _Key, _Key]:
        told, address = name.strip().casefold()[:256], _network(address)
        return (told, address), ("", address), (told, "")

    def _wait(self, key: _Key, room: int, now: float) -> float:
        found = self._failures.get(key)
        if found is None or found.count < room:
            return 0.0
        if now - found.last > _FORGOTTEN:
            del self._failures[key]
            return 0.0
        doubled = min(found.count - room, 10)
        return found.last + min(2.0**doubled, _LONGEST) - now

    def _count(self, key: _Key, now: float) -> None:
        found = self._failures.pop(key, None) or _Failures(0, now)
        found.count, found.last = found.count + 1, now
        self._failures[key] = found  # the one that failed last comes last
        while len(self._failures) > _KEPT:
            del self._failures[next(iter(self._failures))]


def _network(address: str) -> str:
    """Give what somebody is known by who has an address.

    Who has one of IPv6 has 2**64 of them. A proxy may write a port behind one, which is another
    for each attempt.
    """
    text = address.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return text[:64]
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return str(found if found.version == 4 else ip_network((int(found) >> 64 << 64, 64)))
