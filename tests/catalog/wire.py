"""A wire between a client and a server that a test can cut and mend."""

from __future__ import annotations

import selectors
import socket
import threading
from types import TracebackType


class Wire:
    """Listens on a port of its own and passes everything on to another one.

    Attributes
    ----------
    sent : int
        How often clients have sent something.
    """

    sent = 0

    def __init__(self, port: int) -> None:
        self._there = port
        self._listening = self._listen(0)
        self.port: int = self._listening.getsockname()[1]
        self._ends: set[socket.socket] = set()

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._listening.fileno() != -1:
            self.cut()

    def cut(self) -> None:
        """End all connections, and refuse new ones."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for end in list(self._ends):
            hang_up(end)

    def mend(self) -> None:
        """Take connections again."""
        self._listening = self._listen(self.port)

    def _listen(self, port: int) -> socket.socket:
        listening = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()
        return listening

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._there))
            self._ends |= {client, server}
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        other = {client: server, server: client}
        with client, server, selectors.DefaultSelector() as selector:
            for end in other:
                selector.register(end, selectors.EVENT_READ)
            try:
                while True:
                    for key, _ in selector.select():
                        data = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                        if not data:
                            return
                        self.sent += key.fileobj is client
                        other[key.fileobj].sendall(data)  # type: ignore[index]
            except OSError:
                return
            finally:
                self._ends -= set(other)


def hang_up(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:  # the other side was first
        return
