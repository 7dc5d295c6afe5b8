"""An address on this machine, and the server that answers there."""

from __future__ import annotations

import ipaddress
import socket
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from edversion import InvalidInputError, StorageError

__all__ = ["Place", "check_place", "check_url", "is_loopback", "listen", "serve"]

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


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches an address back.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def check_url(text: str) -> str:
    """Give the address that browsers know a dashboard by back, without a slash at its end.

    Raises
    ------
    InvalidInputError
        It is none, has a path, or sends passwords in the clear (code ``illegal_url``).

    Examples
    --------
    >>> check_url("https://versions.school.example/")
    'https://versions.school.example'
    """
    try:
        found = urlsplit(text)
        host, plain = found.hostname or "", found.path in ("", "/")
        whole = f"{found.scheme}://{found.netloc}"
        found.port  # noqa: B018 - refused where it is none
    except ValueError:
        host, plain, whole = "", False, ""
    if not (host and plain and "@" not in whole) or text.rstrip("/") != whole:
        raise InvalidInputError(
            f"{text!r} is no address of a dashboard; write it as https://versions.school.example",
            code="illegal_url",
        )
    if not (whole.startswith("https://") or (whole.startswith("http://") and is_loopback(host))):
        raise InvalidInputError(
            f"browsers would send passwords to {text!r} in the clear; let a proxy with a "
            "certificate stand before the dashboard, and give its https:// address",
            code="illegal_url",
        )
    return whole


def check_place(host: str, url: str | None) -> None:
    """Refuse an address that others reach where it is not said how browsers get there safely.

    Raises
    ------
    InvalidInputError
        Code ``accounts_needed``.
    """
    if url is None and not is_loopback(host):
        raise InvalidInputError(
            f"the dashboard cannot be served at {host!r} as it is: whoever reaches that address "
            "could read passwords on their way. Let a proxy with a certificate stand before it, "
            "and say its address: --url https://versions.school.example. For yourself alone, leave "
            "--host out, and reach another machine's dashboard through a tunnel: "
            "ssh -L 8765:127.0.0.1:8765 MACHINE",
            code="accounts_needed",
            host=host,
        )


@contextmanager
def listen(host: str, port: int) -> Iterator[Place]:
    """Take a port for the length of a ``with`` block; connections wait there until `serve`.

    Raises
    ------
    StorageError
        The port is taken (code ``port_taken``).
    """
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


def serve(app: ASGIApp, place: Place, *, browser: str | None) -> None:
    """Answer until somebody stops it with Ctrl-C.

    Parameters
    ----------
    browser : str or None
        What to open in the browser first.
    """
    sys.stdout.flush()
    if browser:
        webbrowser.open(browser)
    config = uvicorn.Config(
        app, log_level="warning", server_header=False, proxy_headers=False, lifespan="off"
    )
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[place.socket])
