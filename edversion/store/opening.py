"""An open stored file: what is read of it comes from the store together, and nothing besides."""

from __future__ import annotations

import io
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import TYPE_CHECKING, TypeVar

from edversion.digests import Hasher
from edversion.errors import IntegrityError
from edversion.model import FileEntry
from edversion.store.manifests import Segments
from edversion.store.reading import Reader, wrong_file

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["OpenFile", "StoredFile"]

T = TypeVar("T")

_AHEAD, _AHEAD_BYTES = 16, 4 << 20
_MUCH = 64 << 10


class StoredFile(io.RawIOBase):
    """A stored file, opened: seekable, and only the segments that are read are fetched.

    Parameters
    ----------
    reader : Reader
        Reads the version's segments.
    entry : FileEntry
        The file.
    segments : tuple of Segment
        Its bytes.
    elsewhere : callable, optional
        Asked where a pack is gone: says from where these bytes are read now, if they were
        moved since the file was opened.
    """

    def __init__(
        self,
        reader: Reader,
        entry: FileEntry,
        segments: Segments,
        elsewhere: Callable[[], tuple[Reader, Segments] | None] = lambda: None,
    ) -> None:
        super().__init__()
        self.name = entry.path
        self._reader, self._entry, self._segments = reader, entry, segments
        self._elsewhere = elsewhere
        self._starts = [0, *accumulate(segment.raw_length for segment in segments)]
        self._position = 0
        self._held: tuple[int, bytes] = (-1, b"")
        self._together = 1  # segments at once, while the file is read on
        self._coming = range(0)  # segments that were fetched ahead
        self._told = -1  # up to where somebody said that it is about to be read
        self._hasher, self._hashed = Hasher(), 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be sought in."""
        return True

    def tell(self) -> int:
        """Give the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position, and give it."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._starts[-1]}
        position = origin[whence] + offset
        if position < 0:
            raise ValueError(f"negative seek position {position}")
        self._position = position
        return position

    def readall(self) -> bytes:
        """Read to the end; from the start on, the whole file's digest is checked too."""
        if self._position == 0:
            data = self._following(lambda: self._reader.whole(self._entry, self._segments))
            self._position = len(data)
            return data
        self.expect(self._position, self._starts[-1] - self._position)
        parts = []
        while part := self._part(self._starts[-1] - self._position):
            parts.append(bytes(part))
        return b"".join(parts)

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        """Read up to the end of the present segment into a buffer."""
        part = self._part(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def expect(self, position: int, length: int) -> None:
        """Take note of what is about to be read, so that all of it, and no more, is fetched.

        More of it where the file is read on, stretch by stretch.
        """
        if length <= 0 or position >= self._starts[-1]:
            return
        first = bisect_right(self._starts, position) - 1
        last = bisect_left(self._starts, position + length, hi=len(self._segments))
        in_a_row, self._told = position == self._told, position + length
        first += first == self._held[0]
        if all(index in self._coming for index in (first, last - 1)[: last - first]):
            return
        self._read_on(in_a_row)
        self._fetch(range(first, max(last, self._near(first))))

    def _part(self, length: int) -> memoryview:
        """Give the next bytes, at most to the end of their segment."""
        if self._position >= self._starts[-1] or length <= 0:
            return memoryview(b"")
        if self._held[0] != self._index():
            self._held = self._following(self._fetched)
            self._prove(*self._held)
        start = self._position - self._starts[self._held[0]]
        part = memoryview(self._held[1])[start : start + length]
        self._position += len(part)
        return part

    def _index(self) -> int:
        """Give the segment that the position is in."""
        return bisect_right(self._starts, self._position) - 1

    def _fetched(self) -> tuple[int, bytes]:
        index = self._index()
        if index not in self._coming:
            self._read_on(index == self._held[0] + 1)
            self._fetch(range(index, self._near(index)))
        return index, self._reader.raw(self._segments[index], self.name)

    def _read_on(self, in_a_row: bool) -> None:
        self._together = min(2 * self._together, _AHEAD) if in_a_row else 1

    def _near(self, index: int) -> int:
        """Give up to which segment is fetched where a file is read on, and nobody said how far."""
        stop = min(index + self._together, len(self._segments))
        sizes = accumulate(segment.length for segment in self._segments[index:stop])
        return index + max(1, sum(size <= _AHEAD_BYTES for size in sizes))

    def _fetch(self, coming: range) -> None:
        self._coming = coming
        self._reader.ahead(self._segments[coming.start : coming.stop])

    def _following(self, read: Callable[[], T]) -> T:
        """Read; once more where the bytes were moved since the file was opened."""
        try:
            return read()
        except IntegrityError as error:
            found = self._elsewhere() if error.code == "pack_missing" else None
            if found is None:
                raise
        self._reader, self._segments = found
        self._coming = range(0)
        self._held = (-1, b"")
        starts = [0, *accumulate(segment.raw_length for segment in self._segments)]
        if starts != self._starts:  # cut anew: the parts read so far are no beginning of these
            self._starts, self._hashed = starts, -1
        return read()

    def _prove(self, index: int, data: bytes) -> None:
        """Check the whole file's digest too, where all segments are read one after the other."""
        if index != self._hashed:
            return
        self._hasher.update(data)
        self._hashed += 1
        if self._hashed == len(self._segments) and self._hasher.digest != self._entry.digest:
            raise wrong_file(self._entry, self._segments)


class OpenFile(io.BufferedReader):
    """A buffered file that says how much is about to be read of it, if it is a stored one.

    A buffer asks for its own size again and again, and only a whole request can be fetched at
    once without a byte that nobody wants.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to so many bytes; all where left out."""
        if size is not None and size >= _MUCH:
            self._expect(size)
        return super().read(size)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer, as far as the file goes."""
        size = memoryview(buffer).nbytes
        if size >= _MUCH:
            self._expect(size)
        return super().readinto(buffer)

    def _expect(self, size: int) -> None:
        if isinstance(self.raw, StoredFile):
            self.raw.expect(self.tell(), size)
