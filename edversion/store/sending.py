"""Put finished packs into the store: several at once where it is far away."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress

from edversion.store.backend import Backend
from edversion.store.packs import NewPack, PackWriter, pack_key
from edversion.store.workers import Worker

__all__ = ["Sending"]

_AT_ONCE = 4  # each of them may travel in parts, which are several at once too
_AHEAD = 8


class Sending:
    """The packs of one commit on their way.

    Parameters
    ----------
    backend : Backend
        Where they go.
    far : bool
        Whether that takes so long that several are sent at once, behind the work.

    Attributes
    ----------
    packs : list of NewPack
        Those that arrived.
    """

    def __init__(self, backend: Backend, *, far: bool) -> None:
        self.packs: list[NewPack] = []
        self._backend, self._far = backend, far
        self._worker: Worker | None = None
        self._under_way: dict[PackWriter, Future[NewPack | None] | None] = {}

    @property
    def writers(self) -> Iterable[PackWriter]:
        """The packs that have not arrived yet."""
        return tuple(self._under_way)

    def send(self, writer: PackWriter) -> None:
        """Close a pack and send it; where that takes long, it goes on behind the caller's back.

        Raises
        ------
        StorageError
            This one, or an earlier one, could not be sent.
        """
        self._under_way[writer] = None
        if not self._far:
            self._arrived(writer, writer.close())
            return
        if self._worker is None:
            self._worker = Worker("edversion-send", _AT_ONCE)
        self._under_way[writer] = self._worker.submit(writer.close)
        if len(self._under_way) > _AHEAD:
            self._wait_for(next(iter(self._under_way)))

    def finish(self) -> None:
        """Wait until all have arrived.

        Raises
        ------
        StorageError
            One could not be sent.
        """
        for writer in self.writers:
            self._wait_for(writer)
        self._end()

    def discard(self) -> None:
        """Remove what arrived, and what may have arrived though nobody said so."""
        self._end()
        for writer in self.writers:
            writer.discard()
        lost = (writer.id for writer in self.writers if self._far and writer.size)
        for pack in [*(pack.id for pack in self.packs), *lost]:
            with suppress(OSError):  # what stays is found and removed by `doctor`
                self._backend.delete(pack_key(pack))
        self._under_way, self.packs = {}, []

    def _wait_for(self, writer: PackWriter) -> None:
        future = self._under_way[writer]
        assert future is not None
        self._arrived(writer, future.result())

    def _arrived(self, writer: PackWriter, pack: NewPack | None) -> None:
        del self._under_way[writer]
        if pack is not None:
            self.packs.append(pack)

    def _end(self) -> None:
        if self._worker is not None:
            self._worker.close(abandon=True)
            self._worker = None
