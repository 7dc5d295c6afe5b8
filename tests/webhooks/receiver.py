"""A real server that is told things, answers as a test wants, and checks signatures its own way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
_SECONDS = 60


@dataclass(frozen=True)
class Request:
    """What came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def signed_by(self, secret: str) -> bool:
        """Verify the signature by the text of the convention, with nothing of edversion's."""
        key = base64.b64decode(secret.split("_", 1)[1])
        text = self.headers["webhook-id"] + "." + self.headers["webhook-timestamp"] + "."
        digest = hmac.new(key, text.encode() + self.body, hashlib.sha256).digest()
        expected = base64.b64encode(digest).decode()
        given = [each.split(",", 1) for each in self.headers["webhook-signature"].split(" ")]
        return any(version == "v1" and hmac.compare_digest(it, expected) for version, it in given)


Act = int | Callable[["Handler"], None]


class Receiver:
    """Answers 204, or what `script` has next: a status, or a function of the handler."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.script: deque[Act] = deque()
        self.released = threading.Event()
        self._came = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.receiver = self  # type: ignore[attr-defined]
        self._tls = tls
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}/hook?to=lms"

    def came(self, request: Request) -> Act:
        with self._came:
            self.requests.append(request)
            self._came.notify_all()
            return self.script.popleft() if self.script else 204

    def wait(self, count: int) -> list[Request]:
        """Wait until so many requests came."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.requests) >= count, _SECONDS)
            return list(self.requests)

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
        act = receiver.came(Request(self.path, headers, body))
        if isinstance(act, int):
            self.send_response(act)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            act(self)

    def hang(self) -> None:
        """Say nothing until the test is over."""
        self.server.receiver.released.wait(_SECONDS)  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        """Be quiet."""
