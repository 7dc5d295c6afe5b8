"""A proxy before a server of object stores: it counts what travels, and lets things go wrong.

::

    with Proxy(server.port) as proxy:
        proxy.fail(Fault.LOSE, method="PUT", path="/packs/")
        ...                                   # the next such put succeeds, its answer is lost
        assert proxy.count("PUT", "/packs/") == 2
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import Enum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

__all__ = ["Exchange", "Fault", "Proxy"]

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_PATIENCE = 60.0


class Fault(Enum):
    """What may go wrong with a request.

    Attributes
    ----------
    BUSY
        It is answered with 503, and not passed on.
    HANG_UP
        It is not passed on, and the connection ends.
    LOSE
        It is passed on, and the connection ends before the answer.
    STALL
        It is passed on, and nothing is answered for as long as the proxy lives.
    CUT
        Half of the answer's bytes arrive, then the connection ends.
    GARBLE
        One bit of the answer's bytes is another one.
    IGNORE
        The condition under which it was to succeed is left out, as servers do that know none.
    """

    BUSY = "busy"
    HANG_UP = "hang up"
    LOSE = "lose"
    STALL = "stall"
    CUT = "cut"
    GARBLE = "garble"
    IGNORE = "ignore"


@dataclass(frozen=True)
class Exchange:
    """A request that arrived.

    Attributes
    ----------
    method, path : str
        What was asked; the path with its query.
    range : str or None
        The bytes that it asked for.
    sent, received : int
        Bytes of the request's body, and of the answer's.
    conditional : bool
        Whether it was to succeed only where there was no such object.
    """

    method: str
    path: str
    range: str | None
    sent: int
    received: int
    conditional: bool = False


@dataclass
class _Rule:
    fault: Fault
    method: str
    path: str
    left: int | None


class Proxy:
    """Pass requests on to a server of this machine.

    Parameters
    ----------
    port : int
        Where the server listens, on 127.0.0.1.
    patience : float
        Seconds for which the server is waited for.

    Attributes
    ----------
    url : str
        The proxy's own address.
    exchanges : list of Exchange
        What arrived so far.
    """

    def __init__(self, port: int, *, patience: float = _PATIENCE) -> None:
        self.patience = patience
        self.exchanges: list[Exchange] = []
        self.upstream = port
        self.closing = threading.Event()
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fail(
        self, fault: Fault, *, method: str = "", path: str = "", times: int | None = 1
    ) -> None:
        """Let the next requests go wrong.

        Parameters
        ----------
        fault : Fault
            How.
        method, path : str
            Only requests of this method, whose path has this in it.
        times : int or None
            How many of them; all where None.
        """
        with self._lock:
            self._rules.append(_Rule(fault, method, path, times))

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._rules.clear()

    def forget(self) -> None:
        """Count from here."""
        with self._lock:
            self.exchanges.clear()

    def count(self, method: str = "", path: str = "") -> int:
        """Give how many requests there were."""
        return len(self._matching(method, path))

    def sent(self, method: str = "", path: str = "") -> int:
        """Give the bytes of their bodies."""
        return sum(exchange.sent for exchange in self._matching(method, path))

    def received(self, method: str = "", path: str = "") -> int:
        """Give the bytes of the bodies of their answers."""
        return sum(exchange.received for exchange in self._matching(method, path))

    def judge(self, method: str, path: str) -> Fault | None:
        """Say what goes wrong with a request."""
        with self._lock:
            for rule in self._rules:
                if rule.left != 0 and rule.method in ("", method) and rule.path in path:
                    rule.left = None if rule.left is None else rule.left - 1
                    return rule.fault
        return None

    def note(self, exchange: Exchange) -> None:
        """Remember a request."""
        with self._lock:
            self.exchanges.append(exchange)

    def _matching(self, method: str, path: str) -> list[Exchange]:
        with self._lock:
            return [e for e in self.exchanges if method in ("", e.method) and path in e.path]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    proxy: Proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that a client gave up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # every method is passed on
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        proxy = self.server.proxy
        body = self._body()
        fault = proxy.judge(self.command, self.path)
        status, headers, data = 503, [("Retry-After", "0")], b""
        if fault not in (Fault.BUSY, Fault.HANG_UP):
            status, headers, data = self._forward(body, plain=fault is Fault.IGNORE)
        if fault is Fault.GARBLE and data:
            data = data[:-1] + bytes([data[-1] ^ 1])
        size = len(data) // 2 if fault is Fault.CUT else len(data)
        asked = self.headers["Range"], len(body), size, self._is_conditional()
        proxy.note(Exchange(self.command, self.path, *asked))
        if fault is Fault.STALL:
            proxy.closing.wait(_PATIENCE)
        if fault in (Fault.HANG_UP, Fault.LOSE, Fault.STALL):
            self.close_connection = True
            return
        self._answer(status, headers, data, size)

    def _is_conditional(self) -> bool:
        return "If-None-Match" in self.headers or "ifGenerationMatch=0" in self.path

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _forward(self, body: bytes, *, plain: bool) -> tuple[int, list[tuple[str, str]], bytes]:
        proxy = self.server.proxy
        connection = HTTPConnection("127.0.0.1", proxy.upstream, timeout=proxy.patience)
        path = self.path.replace("ifGenerationMatch=0", "") if plain else self.path
        try:
            connection.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                conditional = plain and name.lower() == "if-none-match"
                if name.lower() not in {*_HOP, "expect"} and not conditional:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, size: int) -> None:
        self.send_response_only(status)
        length = str(len(data))
        for name, value in headers:
            if name.lower() not in _HOP:
                self.send_header(name, value)
            elif name.lower() == "content-length" and self.command == "HEAD":
                length = value
        if status not in (204, 304):
            self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(data[:size])
        self.close_connection = self.close_connection or size < len(data)
