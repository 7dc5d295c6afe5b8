"""Write to a file behind the work that makes the bytes.

The kernel takes as long to copy the bytes of thousands of small files as Python takes to read
them, and needs no interpreter for it: so a thread writes, and puts on the disk what it wrote.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from edversion.store.backend import write_pieces
from edversion.store.workers import Worker

__all__ = ["WriteBehind"]

_AHEAD = 4
_SYNC_EVERY = 32 << 20


class WriteBehind:
    """Append blocks to a file, in their order, in a thread that starts with the first.

    Parameters
    ----------
    descriptor : int
        The file, open for writing; it stays the caller's.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._worker: Worker | None = None
        self._waiting: deque[Future[None]] = deque()
        self._unsynced = 0

    def write(self, block: Sequence[bytes | memoryview]) -> None:
        """Hand over pieces to write; waits where the disk is too far behind.

        Raises
        ------
        OSError
            An earlier block could not be written.
        """
        self._submit(self._write, block)

    def sync_after(self, size: int) -> None:
        """Take note of bytes that the caller wrote; the disk takes them behind its back.

        Raises
        ------
        OSError
            The disk could not take earlier ones.
        """
        self._unsynced += size
        if self._unsynced >= _SYNC_EVERY:
            self._unsynced = 0
            self._submit(os.fsync, self._descriptor)

    def finish(self, block: Sequence[bytes | memoryview] = ()) -> None:
        """Write a last block, if any, wait until all are written, and end the thread.

        Raises
        ------
        OSError
            One could not be written.
        """
        try:
            while self._waiting:
                self._waiting.popleft().result()
            if block:
                self._write(block)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """End the thread; what it has not begun to write is not written."""
        if self._worker is not None:
            self._worker.close(abandon=True)
            self._worker = None
        self._waiting.clear()

    def _submit(self, work: Callable[..., None], *arguments: object) -> None:
        if self._worker is None:
            self._worker = Worker("edversion-write")
        if len(self._waiting) >= _AHEAD:
            self._waiting.popleft().result()
        self._waiting.append(self._worker.submit(work, *arguments))

    def _write(self, block: Sequence[bytes | memoryview]) -> None:
        write_pieces(self._descriptor, block)
        self._unsynced += sum(map(len, block))
        if self._unsynced >= _SYNC_EVERY:
            self._unsynced = 0
            os.fsync(self._descriptor)  # its failure is told once: a later sync might succeed
