"""Segments, and the packs that hold them."""

from __future__ import annotations

import mmap
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import accumulate, repeat
from pathlib import Path
from typing import NamedTuple

from edversion.digests import checksum
from edversion.store.backend import Backend, write_fully
from edversion.store.behind import WriteBehind
from edversion.store.compression import ZSTD, compress
from edversion.store.failures import storage_errors

__all__ = ["INLINE", "PACK_SIZE", "NewPack", "PackWriter", "Segment", "new_pack_id", "pack_key"]

PACK_SIZE = 64 << 20
"""Bytes after which a pack of small files is closed, and the next begun."""

INLINE = ""
"""Pack id of segments whose bytes lie in the manifest object itself."""

_FLUSH = 1 << 20


class Segment(NamedTuple):
    """A byte range of a pack; a tuple, since a version may have millions.

    Attributes
    ----------
    pack : str
        Pack id; `INLINE` for the bytes in the manifest object.
    offset, length : int
        Where the stored bytes lie in the pack.
    checksum : str
        xxh3_128 of the stored bytes.
    codec : str or None
        ``"zstd"``, or None for bytes as they are.
    raw_length : int
        Bytes after decoding.
    raw_checksum : str
        xxh3_128 after decoding; equal units of two versions are found by it.
    """

    pack: str
    offset: int
    length: int
    checksum: str
    codec: str | None
    raw_length: int
    raw_checksum: str

    @property
    def place(self) -> tuple[str | None, int]:
        """What holds the decoded bytes, and where they begin in it.

        Of one place the bytes are the same, without a look at them: places prove what
        checksums only find. None for inline bytes, whose places differ by manifest.
        """
        if self.pack == INLINE:
            return None, 0
        if self.codec is None:
            return self.pack, self.offset
        return f"{self.pack}:{self.offset}:{self.codec}", 0


class NewPack(NamedTuple):
    """A pack that was written: its id and its bytes."""

    id: str
    size: int


def new_pack_id(run: str) -> str:
    """Give a fresh id that tells which run wrote the pack, so that leftovers can be judged."""
    return f"{secrets.token_hex(8)}-{run}"


def pack_key(pack: str) -> str:
    """Give the key of a pack's object."""
    return f"packs/{pack[:2]}/{pack}"


class PackWriter:
    """Append segments to one new pack; nothing is visible before `close`.

    Parameters
    ----------
    backend : Backend
        Where the pack goes.
    scratch : Path
        Local folder for the file under way.
    run : str
        Id of the run that writes.
    """

    def __init__(self, backend: Backend, scratch: Path, run: str) -> None:
        self.id = new_pack_id(run)
        self.size = 0
        self._backend = backend
        self._path = scratch / self.id
        self._waiting: list[bytes | memoryview] = []
        self._waiting_bytes = 0
        self._handed_on = False
        with storage_errors(f"writing to {scratch}"):
            scratch.mkdir(parents=True, exist_ok=True)
            self.descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        self._behind = WriteBehind(self.descriptor)

    def add(self, data: bytes, *, compressed: bool = False) -> Segment:
        """Append a segment; `data` is kept until it is written, so it must not change."""
        raw_checksum = checksum(data)
        shrunk = compress(data) if compressed else None
        stored = data if shrunk is None else shrunk
        offset = self.size
        self._waiting.append(stored)
        self._take_note(len(stored))
        if shrunk is None:
            return Segment(self.id, offset, len(data), raw_checksum, None, len(data), raw_checksum)
        return Segment(
            self.id, offset, len(shrunk), checksum(shrunk), ZSTD, len(data), raw_checksum
        )

    def add_plain(self, contents: Sequence[bytes]) -> list[Segment]:
        """Append many segments as they are; `contents` are kept until they are written."""
        marks, lengths = list(map(checksum, contents)), list(map(len, contents))
        offsets = accumulate(lengths, initial=self.size)
        fields = zip(
            repeat(self.id), offsets, lengths, marks, repeat(None), lengths, marks, strict=False
        )
        segments = list(map(tuple.__new__, repeat(Segment), fields))
        self._waiting += contents
        self._take_note(sum(lengths))
        return segments

    def add_view(self, unit: memoryview, raw_checksum: str, *, compressed: bool) -> Segment:
        """Append a unit out of a buffer that will be used again: written at once."""
        if compressed:
            return self.add(bytes(unit), compressed=True)
        if self._waiting or self._handed_on:  # what came before lies before it in the pack
            self._write_out()
        segment = Segment(
            self.id, self.size, len(unit), raw_checksum, None, len(unit), raw_checksum
        )
        with storage_errors("writing a pack"):
            write_fully(self.descriptor, unit)
            self._behind.sync_after(len(unit))
        self.size += len(unit)
        return segment

    def grow(self, size: int) -> None:
        """Take note of bytes that a kernel copy put into the file."""
        self.size += size

    @contextmanager
    def written(self) -> Iterator[memoryview]:
        """Give all bytes of the pack so far; none of them is held in memory for that."""
        self._write_out()
        with (
            mmap.mmap(self.descriptor, self.size, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as view,
        ):
            yield view

    def close(self) -> NewPack | None:
        """Put the pack on the disk under its key; None where it stayed empty."""
        self._write_out()
        if self.size == 0:
            self.discard()
            return None
        with storage_errors("writing a pack"):
            os.fsync(self.descriptor)
            self._let_go()
            self._backend.publish(self._path, pack_key(self.id))
        return NewPack(self.id, self.size)

    def discard(self) -> None:
        """Remove the file under way."""
        self._behind.abandon()
        with suppress(OSError):  # such as a failure to write what is not wanted any more
            self._let_go()
        self._path.unlink(missing_ok=True)

    def _let_go(self) -> None:
        """Close the file, once; the descriptor is free even where that fails."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _take_note(self, size: int) -> None:
        """Count bytes that wait; once they are many, they are written behind the work."""
        self.size += size
        self._waiting_bytes += size
        if self._waiting_bytes >= _FLUSH:
            with storage_errors("writing a pack"):
                self._behind.write(self._waiting)
            self._handed_on = True
            self._waiting, self._waiting_bytes = [], 0

    def _write_out(self) -> None:
        """Write all that waits, and wait until it is written."""
        with storage_errors("writing a pack"):
            self._behind.finish(self._waiting)
        self._handed_on = False
        self._waiting, self._waiting_bytes = [], 0
