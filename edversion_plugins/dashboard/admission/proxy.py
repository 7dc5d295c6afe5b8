"""What a proxy in front of the dashboard is believed.

Anybody can write a header; one is believed only where it comes from an address that whoever
started the dashboard named.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import Request

from edversion import InvalidInputError, RefusedError

__all__ = ["Proxy", "forwarded"]

_FORWARDED = (
    "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
)  # fmt: skip

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Proxy:
    """Addresses of proxies, and the header in which they say who signed in.

    Attributes
    ----------
    networks : tuple
        Where believed requests come from; none where nobody is.
    user_header : str or None
        Who signed in, as the proxy learnt it by OpenID Connect; None where it says nothing.
    """

    networks: tuple[_Network, ...] = ()
    user_header: str | None = None

    @classmethod
    def of(cls, addresses: Iterable[str], user_header: str | None = None) -> Proxy:
        """Read addresses, as ``10.0.0.5`` or ``10.0.0.0/24``.

        Raises
        ------
        InvalidInputError
            One is none (code ``illegal_address``), or a header is named and no address is
            (code ``proxy_needed``).
        """
        networks = tuple(map(_network, addresses))
        if user_header is not None and not networks:
            raise InvalidInputError(
                f"anybody could send the header {user_header!r}; say with --proxy from which "
                "address it comes",
                code="proxy_needed",
            )
        return cls(networks, None if user_header is None else user_header.lower())

    def client(self, request: Request) -> str:
        """Give the address of whoever asks, seen past proxies that are believed."""
        address = request.client.host if request.client else ""
        hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
        while hops and self._believed(address) and hops[-1].strip():
            address = hops.pop().strip()
        return address

    def user(self, request: Request) -> str | None:
        """Give who signed in at the proxy; None where none is believed, or it says nothing.

        Raises
        ------
        RefusedError
            The header is there more than once: somebody sent one along (code
            ``two_users``).
        """
        peer = request.client.host if request.client else ""
        if self.user_header is None or not self._believed(peer):
            return None
        found = request.headers.getlist(self.user_header)
        if len(found) > 1:
            raise RefusedError(
                f"the header {self.user_header} came {len(found)} times; the proxy must take out "
                "what browsers send under that name",
                code="two_users",
            )
        return found[0].strip() or None if found else None

    def _believed(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in each for each in self.networks)


def forwarded(headers: Headers) -> bool:
    """Say whether a request came through a proxy."""
    return any(name in headers for name in _FORWARDED)


def _network(address: str) -> _Network:
    try:
        return ipaddress.ip_network(address)
    except ValueError as error:
        raise InvalidInputError(
            f"{address!r} is no address of a proxy: {error}; write it as 10.0.0.5 or 10.0.0.0/24",
            code="illegal_address",
        ) from None
