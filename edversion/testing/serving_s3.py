"""The S3 protocol, served by moto."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["check", "start"]


def check() -> None:
    """Raise ImportError where moto's server is not installed."""
    import moto.moto_server.werkzeug_app  # noqa: F401


def start() -> tuple[int, Callable[[], object], Callable[[], object]]:
    """Start it; give its port, what waits for its end, and what ends it."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    return server.server_port, thread.join, server.shutdown
