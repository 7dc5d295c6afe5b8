"""The protocol of Google Cloud Storage, served by gcp-storage-emulator.

The emulator does not know the one condition that edversion relies on, `ifGenerationMatch=0`:
it is added here, as the protocol describes it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from functools import partial
from http.server import HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

__all__ = ["check", "start"]


def check() -> None:
    """Raise ImportError where the emulator is not installed."""
    import gcp_storage_emulator.server  # noqa: F401


def start() -> tuple[int, Callable[[], object], Callable[[], object]]:
    """Start it; give its port, what waits for its end, and what ends it."""
    from gcp_storage_emulator.server import RequestHandler, Router
    from gcp_storage_emulator.storage import Storage

    class Handler(RequestHandler):  # type: ignore[misc]
        def do_POST(self) -> None:  # noqa: N802 - the base class's word
            bucket, name, body = _asked(self)
            if name is not None and _exists(self.storage, bucket, name):
                self.send_response(412)
                self.end_headers()
                self.wfile.write(b'{"error": {"code": 412, "message": "conditionNotMet"}}')
                return
            self.rfile = body
            Router(self).handle("POST")

    server = HTTPServer(("127.0.0.1", 0), partial(Handler, Storage(use_memory_fs=True)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    return server.server_port, thread.join, server.shutdown


def _asked(request: Any) -> tuple[str, str | None, Any]:
    """Give bucket and object of a conditional put, and a body that can be read again."""
    import io

    data = request.rfile.read(int(request.headers.get("Content-Length") or 0))
    url = urlparse(request.path)
    query = parse_qs(url.query)
    bucket = url.path.partition("/b/")[2].partition("/")[0]
    if query.get("ifGenerationMatch") != ["0"]:
        return bucket, None, io.BytesIO(data)
    name = query.get("name", [None])[0]
    if name is None:  # the first part of a body of several parts says it
        first = data.partition(b"\n\n")[2].partition(b"\n--")[0]
        name = json.loads(first or data)["name"]
    return bucket, name, io.BytesIO(data)


def _exists(storage: Any, bucket: str, name: str) -> bool:
    try:
        storage.get_file_obj(bucket, name)
    except Exception:  # noqa: BLE001 - the emulator has errors of its own
        return False
    return True
