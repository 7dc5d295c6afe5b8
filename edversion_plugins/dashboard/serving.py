"""An address on this machine, and the server that answers there."""

from __future__ import annotations

import ipaddress
import socket
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from edversion import InvalidInputError, StorageError

__all__ = ["Place", "check_loopback", "listen", "serve"]

_WAITING = 128


@dataclass(frozen=True, slots=True)
class Place:
    """Where the dashboard is.

    Attributes
    ----------
    host : str
        Address or name.
    port : int
        Port.
    socket : socket.socket
        Takes connections already.
    """

    host: str
    port: int
    socket: socket.socket

    @property
    def url(self) -> str:
        """What to open in a browser."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"


def check_loopback(host: str) -> str:
    """Give an address that only this machine reaches back.

    Raises
    ------
    InvalidInputError
        Others could reach it (code ``accounts_needed``).

    Examples
    --------
    >>> check_loopback("127.0.0.1"), check_loopback("localhost")
    ('127.0.0.1', 'localhost')
    """
    if host == "localhost":
        return host
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return host
    raise InvalidInputError(
        f"the dashboard cannot be served at {host!r}: whoever reaches that address could read "
        "everything, since this release has no accounts yet. Leave --host out, and reach another "
        "machine's dashboard through a tunnel: ssh -L 8765:127.0.0.1:8765 MACHINE",
        code="accounts_needed",
        host=host,
    )


@contextmanager
def listen(host: str, port: int) -> Iterator[Place]:
    """Take a port for the length of a ``with`` block; connections wait there until `serve`.

    Raises
    ------
    InvalidInputError
        Others could reach the address.
    StorageError
        The port is taken (code ``port_taken``).
    """
    check_loopback(host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((host, port))
            taken.listen(_WAITING)
        except OSError as error:
            raise StorageError(
                f"port {port} of {host} cannot be taken: {error.strerror}; name another one with "
                "--port, or --port 0 for any that is free",
                code="port_taken",
                port=port,
            ) from error
        yield Place(host, taken.getsockname()[1], taken)


def serve(app: ASGIApp, place: Place, *, browser: bool) -> None:
    """Answer until somebody stops it with Ctrl-C."""
    sys.stdout.flush()
    if browser:
        webbrowser.open(place.url)
    config = uvicorn.Config(
        app, log_level="warning", server_header=False, proxy_headers=False, lifespan="off"
    )
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[place.socket])
