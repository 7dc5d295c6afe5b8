"""Copy a file at the speed of the kernel while its bytes are hashed on the way.

One thread lets the kernel copy, one writes the copy to the disk behind it, and the
caller reads what has been copied. It reads the copy, never the source: so the digest is
that of the stored bytes, whatever happens to the source meanwhile.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from edversion.digests import Hasher
from edversion.store.splitting import Window
from edversion.store.workers import Worker

__all__ = ["BackgroundCopy", "HashAhead", "copying"]

_STEP = 8 << 20
_SYNC_EVERY = 128 << 20
_NO_RANGE_COPY = {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM}


class BackgroundCopy:
    """A copy under way; `read_at` waits for the bytes it is asked for.

    Parameters
    ----------
    source, target : int
        Open descriptors, the target readable too.
    size : int
        Bytes to copy.
    durable : bool
        Whether to write the copy to the disk while copying goes on.
    """

    def __init__(self, source: int, target: int, size: int, *, durable: bool) -> None:
        self._source, self._target, self._size = source, target, size
        self._done = 0
        self._stopped = False
        self._changed = threading.Condition()
        self._failure: BaseException | None = None
        jobs = [self._copy, self._sync] if durable else [self._copy]
        self._threads = {threading.Thread(target=job, daemon=True): job for job in jobs}

    def start(self) -> None:
        """Let the threads run; where none may start, their work is done before this returns."""
        for thread, job in self._threads.items():
            try:
                thread.start()
            except RuntimeError:
                job()

    def read_at(self, view: memoryview, offset: int) -> int:
        """Fill a buffer from the copy, as soon as the bytes are there."""
        self._wait_for(min(offset + len(view), self._size))
        return os.preadv(self._target, [view], offset)

    def stop(self) -> None:
        """Let the threads end early, where the caller gives up."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def join(self) -> None:
        """Wait until they have ended."""
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def check(self) -> None:
        """Raise what a thread failed with."""
        if self._failure is not None:
            raise self._failure

    def _wait_for(self, done: int) -> None:
        self._await(done)
        self.check()

    @property
    def _over(self) -> bool:
        return self._stopped or self._failure is not None

    def _copy(self) -> None:
        try:
            copy = _kernel_copy
            while self._done < self._size and not self._over:
                step = min(_STEP, self._size - self._done)
                try:
                    count = copy(self._source, self._target, step, self._done)
                except OSError as error:
                    if copy is _plain_copy or error.errno not in _NO_RANGE_COPY:
                        raise
                    copy = _plain_copy
                    continue
                if count == 0:
                    raise EOFError(f"file ends at byte {self._done} of {self._size}")
                self._advance(count)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._fail(error)

    def _sync(self) -> None:
        synced = 0
        try:
            while synced < self._size and not self._over:
                synced = self._await(min(synced + _SYNC_EVERY, self._size))
                os.fsync(self._target)
        except OSError as error:
            self._fail(error)

    def _await(self, wanted: int) -> int:
        """Wait until so many bytes are copied, or the copy is over; give how many are."""
        with self._changed:
            self._changed.wait_for(lambda: self._done >= wanted or self._over)
            return self._done

    def _advance(self, count: int) -> None:
        with self._changed:
            self._done += count
            self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()


@contextmanager
def copying(source: int, target: int, size: int, *, durable: bool) -> Iterator[BackgroundCopy]:
    """Run a copy beside the block; at the block's end it is complete, or its error is raised."""
    copy = BackgroundCopy(source, target, size, durable=durable)
    copy.start()
    try:
        yield copy
    except BaseException:
        copy.stop()
        raise
    finally:
        copy.join()
    copy.check()


class HashAhead:
    """Digest windows in a thread beside the work on them.

    Windows stay valid until the one after the next is read; `feed` waits accordingly.
    """

    def __init__(self) -> None:
        self._hasher = Hasher()
        self._worker = Worker("edversion-digest")
        self._before: Future[None] | None = None
        self._last: Future[None] | None = None

    def __enter__(self) -> HashAhead:
        return self

    def __exit__(self, *exc: object) -> None:
        self._worker.close()

    def feed(self, windows: Iterator[Window]) -> Iterator[list[memoryview]]:
        """Give each window's units while its fresh bytes are being digested."""
        for window in windows:
            self._before = self._last
            self._last = self._worker.submit(self._hasher.update, window.fresh)
            yield window.units
            if self._before is not None:
                self._before.result()

    @property
    def digest(self) -> str:
        """The digest of all that was fed, once it is done."""
        if self._last is not None:
            self._last.result()
        return self._hasher.digest


def _kernel_copy(source: int, target: int, count: int, offset: int) -> int:
    if sys.platform != "linux":
        return _plain_copy(source, target, count, offset)
    return os.copy_file_range(source, target, count, offset, offset)


def _plain_copy(source: int, target: int, count: int, offset: int) -> int:
    """Copy through memory, where the kernel cannot (another file system, another system)."""
    data = os.pread(source, min(count, 1 << 20), offset)
    written = 0
    while written < len(data):
        written += os.pwrite(target, data[written:], offset + written)
    return written
