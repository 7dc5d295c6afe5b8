"""Which addresses may be reached, and where a host's name leads.

Whoever may add a webhook could otherwise have other people's machines knock at doors inside
their networks. So a name is resolved once, every address that it leads to is checked, and the
connection is made to those very addresses.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Literal

from edversion.errors import RefusedError, StorageError

__all__ = ["Place", "Reach", "reach_of", "resolve"]

Reach = Literal["public", "private", "never"]
"""Whether an address is everybody's, of some network, or none that a webhook could be at."""

_GLOBAL_IPV6 = ip_network("2000::/3")  # all that IANA gives out; Python calls more global
_NAT64 = ip_network("64:ff9b::/96")
_THIS_NETWORK = ip_network("0.0.0.0/8")
_LOW_32_BITS = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Place:
    """Where to connect to, as sockets take it: the family, and the address of that family."""

    family: int
    address: Any


def reach_of(address: IPv4Address | IPv6Address) -> Reach:
    """Tell what an address is.

    One of IPv6 that carries one of IPv4 is what that one is.

    Examples
    --------
    >>> [reach_of(ip_address(text)) for text in ("8.8.8.8", "10.0.0.1", "169.254.169.254")]
    ['public', 'private', 'never']
    >>> reach_of(ip_address("::ffff:127.0.0.1"))
    'private'
    """
    carried = _carried(address)
    if carried is not None:
        return reach_of(carried)
    if address.is_loopback:
        return "private"
    if (
        address.is_link_local  # among them the services that tell a machine its credentials
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
        or (address.version == 4 and address in _THIS_NETWORK)
    ):
        return "never"
    everybodys = address.is_global and (address.version == 4 or address in _GLOBAL_IPV6)
    return "public" if everybodys else "private"


def _carried(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """Give the address of IPv4 that one of IPv6 leads to."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & _LOW_32_BITS)
    tunnel = address.teredo  # (server, client)
    return address.ipv4_mapped or address.sixtofour or (tunnel[1] if tunnel else None)


def resolve(
    host: str, port: int, *, allow_private: bool, plain: bool, seconds: float
) -> list[Place]:
    """Find where a host is, and refuse it unless every one of its addresses may be reached.

    Parameters
    ----------
    host : str
        A name, or an address.
    port : int
        Of TCP.
    allow_private : bool
        Whether addresses of private networks may be reached.
    plain : bool
        Whether it is spoken to without TLS, as only private addresses may be.
    seconds : float
        How long to wait for the answer.

    Raises
    ------
    RefusedError
        An address may not be reached (code ``address_refused``).
    StorageError
        The name leads nowhere, or no answer came in time (code ``no_address``).
    """
    found = [
        Place(family, address)
        for family, _, _, _, address in _looked_up(host, port, seconds)
        if family in (socket.AF_INET, socket.AF_INET6)
    ]
    for place in found:
        reach = reach_of(ip_address(place.address[0].partition("%")[0]))
        if reach == "never" or (reach == "private" and not allow_private):
            word = "private" if reach == "private" else "not of a host that may be told"
            also = "; if it is meant to be, add the webhook with --allow-private"
            raise _refused(host, place, word + (also if reach == "private" else ""))
        if reach == "public" and plain:
            raise _refused(host, place, "public, where http would tell everybody: use https")
    if not found:
        raise StorageError(f"{host} has no address", code="no_address", host=host)
    return found


def _refused(host: str, place: Place, why: str) -> RefusedError:
    address = place.address[0]
    name = host if host == address else f"{host} ({address})"
    return RefusedError(
        f"{name} was not told: its address is {why}",
        code="address_refused",
        host=host,
        address=address,
    )


def _looked_up(host: str, port: int, seconds: float) -> Sequence[tuple[Any, ...]]:
    """Ask the system's resolver, which knows no time limit of its own."""
    answer: list[Sequence[tuple[Any, ...]]] = []
    failure: list[OSError | UnicodeError] = []

    def ask() -> None:
        try:
            answer.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            failure.append(error)

    thread = threading.Thread(target=ask, name="edversion-resolve", daemon=True)
    thread.start()
    thread.join(max(seconds, 0))
    if answer:
        return answer[0]
    why = str(failure[0]) if failure else f"no answer within {seconds:.1f} s"
    raise StorageError(f"{host} was not found: {why}", code="no_address", host=host)
