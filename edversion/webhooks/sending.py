"""Send one request to one address, within its time; nothing of the answer but its status counts.

`http.client` would look a name up by itself, and start the clock anew with every byte that
comes. So the socket is ours: connected to an address that was checked, with TLS that is still
verified against the name, and used until one deadline for everything.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from typing import Any, cast
from urllib.parse import urlsplit

from edversion.errors import StorageError
from edversion.webhooks.addresses import Place, resolve

__all__ = ["post"]

_PORTS = {"https": 443, "http": 80}
_READ = 1 << 16  # bytes of an answer that are taken, so that its sender sees no broken line
_READ_SECONDS = 1.0


class _Deadline:
    """When everything has to be done, on the clock that nobody sets."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._end = seconds, time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then; none left is a time-out."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"no answer within {self._seconds:g} s")
        return left

    def nearer(self, seconds: float) -> _Deadline:
        """Give a deadline that is at most so far away."""
        return _Deadline(min(self.left, seconds))


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool, seconds: float
) -> int:
    """Send a body, and give the status of the answer. No redirect is followed.

    Parameters
    ----------
    url : str
        http or https.
    body : bytes
        JSON.
    headers : mapping of str to str
        Besides those that say how long the body is, and what.
    allow_private : bool
        Whether addresses of private networks may be reached.
    seconds : float
        For everything: looking the name up, connecting, TLS, sending, waiting.

    Raises
    ------
    RefusedError
        The host has an address that may not be reached.
    StorageError
        It was not reached, is not who it should be, or did not answer in time (codes
        ``no_address``, ``not_reached``).
    """
    deadline, parts = _Deadline(seconds), urlsplit(url)
    host, port = str(parts.hostname), parts.port or _PORTS[parts.scheme]
    plain = parts.scheme == "http"
    places = resolve(host, port, allow_private=allow_private, plain=plain, seconds=seconds)
    try:
        with _connected(places, deadline) as bare:
            if plain:
                return _exchange(bare, _request(url, body, headers), deadline)
            with _secured(bare, host, deadline) as secured:
                return _exchange(secured, _request(url, body, headers), deadline)
    except (OSError, HTTPException) as error:
        what = str(error) or type(error).__name__
        raise StorageError(f"{host}: {what}", code="not_reached", host=host) from error


def _connected(places: Sequence[Place], deadline: _Deadline) -> socket.socket:
    """Connect to the first of some addresses that lets us."""
    failure: OSError | None = None
    for place in places:
        one = socket.socket(place.family, socket.SOCK_STREAM)
        try:
            one.settimeout(deadline.left)
            one.connect(place.address)
        except OSError as error:
            one.close()
            failure = failure or error
        else:
            return one
    assert failure is not None, "there is at least one address"
    raise failure


def _secured(bare: socket.socket, host: str, deadline: _Deadline) -> ssl.SSLSocket:
    """Speak TLS, with a host whose certificate is for this name."""
    bare.settimeout(deadline.left)
    return ssl.create_default_context().wrap_socket(bare, server_hostname=host)


def _request(url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = {
        "Host": parts.netloc,
        "User-Agent": "edversion",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **headers,
    }
    head = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items())]
    return "\r\n".join([*head, "", ""]).encode("ascii") + body


def _exchange(one: socket.socket, request: bytes, deadline: _Deadline) -> int:
    """Send a request; give the status of what comes back."""
    rest = memoryview(request)
    while rest:
        one.settimeout(deadline.left)
        rest = rest[one.send(rest) :]
    lines = _Answer(one, deadline)
    answer = HTTPResponse(cast(socket.socket, lines), method="POST")
    answer.begin()
    with suppress(OSError, HTTPException):  # what counts has been said
        lines.deadline = deadline.nearer(_READ_SECONDS)
        answer.read(_READ)
    return answer.status


class _Answer(io.RawIOBase):
    """What comes through a socket, for as long as there is time."""

    def __init__(self, one: socket.socket, deadline: _Deadline) -> None:
        self._socket, self.deadline = one, deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Give what `HTTPResponse` asks a socket for."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, or wait for it until the deadline."""
        self._socket.settimeout(self.deadline.left)
        return self._socket.recv_into(buffer)
