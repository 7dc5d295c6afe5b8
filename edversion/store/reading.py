"""Read stored bytes, always verified: damage is named, and never delivered."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import accumulate, groupby
from typing import TypeVar

from edversion.digests import Hasher, checksum, digests_of
from edversion.errors import IntegrityError
from edversion.model import FileEntry
from edversion.store.compression import decompress
from edversion.store.failures import storage_errors
from edversion.store.fetching import Source, Span
from edversion.store.manifests import Segments, SmallFile
from edversion.store.packs import INLINE, Segment

__all__ = ["Reader", "StoredFile"]

T = TypeVar("T")

_WINDOW = 4 << 20
_GAP = 64 << 10
_AHEAD = 16


class Reader:
    """Read the segments of one version.

    Parameters
    ----------
    source : Source
        Where packs come from.
    inline : bytes
        The manifest's inline bytes.
    """

    def __init__(self, source: Source, inline: bytes) -> None:
        self._source = source
        self._inline = inline

    def raw(self, segment: Segment, path: str) -> bytes:
        """Give a segment's bytes, decoded; read a second time where the first was damaged.

        Raises
        ------
        IntegrityError
            The pack is missing, short, or holds other bytes.
        """
        span = Span(segment.pack, segment.offset, segment.length, (segment,))
        stored = self._range(span, path, partial(self._source.get, span))
        if checksum(stored) != segment.checksum:
            stored = self._range(span, path, partial(self._source.again, span))
            if checksum(stored) != segment.checksum:
                raise _damage(segment, path, "its bytes do not match their checksum")
        return self._decoded(stored, segment, path)

    def ahead(self, segments: Segments) -> int:
        """Take note that segments will be read one by one; give how many come at once."""
        span = next(_stretches(segments))
        if span.pack != INLINE and len(span.segments) > 1:
            self._source.ahead(span)
        return len(span.segments)

    def chunks(self, entry: FileEntry, segments: Segments) -> Iterator[bytes | memoryview]:
        """Give a file's bytes, segment by segment; neighbours are read together.

        Raises
        ------
        IntegrityError
            A segment is damaged; or, after the last chunk, the whole is another file.
        """
        hasher, size = Hasher(), 0
        for span, view in self._each(_stretches(segments), lambda: entry.path):
            for segment in span.segments:
                data = self._checked(segment, view, span.offset, entry.path)
                hasher.update(data)
                size += len(data)
                yield data
        if hasher.digest != entry.digest or size != entry.size:
            raise _wrong_file(entry, segments)

    def whole(self, entry: FileEntry, segments: Segments) -> bytes:
        """Give all bytes of a file, verified."""
        return b"".join(self.chunks(entry, segments))

    def small_files(
        self, wanted: Iterable[SmallFile]
    ) -> Iterator[list[tuple[SmallFile, bytes | memoryview]]]:
        """Give small files with their bytes, in the order of the packs.

        Neighbours come together: one read fetches them.

        Raises
        ------
        IntegrityError
            A file's bytes do not match its digest.
        """
        groups: deque[list[SmallFile]] = deque()

        def spans() -> Iterator[Span]:
            for group in _neighbours(sorted(wanted, key=_place)):
                groups.append(group)
                yield _span([file.segment for file in group])

        for span, view in self._each(spans(), lambda: groups[0][0].path):
            group = groups.popleft()
            yield list(zip(group, self._proved(view, span.offset, group), strict=True))

    def _proved(
        self, view: memoryview, start: int, group: Sequence[SmallFile]
    ) -> list[bytes | memoryview]:
        """Check small files by their digests alone; checksums are asked only to name the damage."""
        contents: list[bytes | memoryview] = []
        for _, _, segment, _ in group:
            _, offset, length, _, codec, _, _ = segment
            stored = view[offset - start : offset - start + length]
            contents.append(stored if codec is None else _unpacked(stored, segment))
        found = digests_of(contents)
        for place, (file, digest) in enumerate(zip(group, found, strict=True)):
            if digest != file.digest:
                path, expected, segment, _ = file
                entry = FileEntry(path, segment.raw_length, expected)
                contents[place] = self.whole(entry, (segment,))
        return contents

    def _checked(
        self, segment: Segment, view: memoryview, start: int, path: str
    ) -> bytes | memoryview:
        """Take a segment out of a stretch that was read; by itself where that was damaged."""
        stored = view[segment.offset - start : segment.offset - start + segment.length]
        if checksum(stored) != segment.checksum:
            return self.raw(segment, path)
        return stored if segment.codec is None else self._decoded(stored, segment, path)

    def _each(
        self, spans: Iterable[Span], path: Callable[[], str]
    ) -> Iterator[tuple[Span, memoryview]]:
        """Read stretches one after the other, or several at once where they are far away."""
        for inline, part in groupby(spans, lambda span: span.pack == INLINE):
            here = ((span, bytes) for span in part)
            for span, get in here if inline else self._source.each(part):
                yield span, memoryview(self._range(span, path(), get))

    def _range(self, span: Span, path: str, get: Callable[[], bytes]) -> bytes:
        if span.pack == INLINE:
            return self._inline[span.offset : span.offset + span.length]
        try:
            doing = f"reading pack {span.pack} for {path!r}"
            with storage_errors(doing, expected=FileNotFoundError):
                return get()
        except FileNotFoundError as error:
            raise IntegrityError(
                f"pack {span.pack} is missing from the store at {self._source.url}; {path!r} "
                "cannot be read. Restore the pack from a backup, or log the content again with "
                "rehash",
                code="pack_missing",
                path=path,
                pack=span.pack,
                offset=span.offset,
            ) from error

    @staticmethod
    def _decoded(stored: bytes | memoryview, segment: Segment, path: str) -> bytes:
        if segment.codec is None:
            return bytes(stored)
        try:
            return decompress(stored, segment.raw_length)
        except IntegrityError as error:
            raise _damage(segment, path, str(error)) from error


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
        self._together, self._ahead = 1, 0  # segments at once, and up to which they came
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
        parts = []
        while part := self._part(self._starts[-1] - self._position):
            parts.append(bytes(part))
        return b"".join(parts)

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        """Read up to the end of the present segment into a buffer."""
        part = self._part(len(buffer))
        buffer[: len(part)] = part
        return len(part)

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
        in_a_row = index == self._held[0] + 1
        if not (in_a_row and index < self._ahead):
            self._together = min(2 * self._together, _AHEAD) if in_a_row else 1
            self._ahead = index + self._reader.ahead(self._segments[index : index + self._together])
        return index, self._reader.raw(self._segments[index], self.name)

    def _following(self, read: Callable[[], T]) -> T:
        """Read; once more where the bytes were moved since the file was opened."""
        try:
            return read()
        except IntegrityError as error:
            found = self._elsewhere() if error.code == "pack_missing" else None
            if found is None:
                raise
        self._reader, self._segments = found
        self._ahead = 0
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
            raise _wrong_file(self._entry, self._segments)


def _place(file: SmallFile) -> tuple[str, int]:
    return file.segment.pack, file.segment.offset


def _span(segments: Sequence[Segment]) -> Span:
    """Give the stretch from the first to the last of some segments of a pack."""
    first, last = segments[0], segments[-1]
    length = last.offset + last.length - first.offset
    return Span(first.pack, first.offset, length, segments)


def _stretches(segments: Segments) -> Iterator[Span]:
    """Group a file's segments, in its order, as far as one read fetches them."""
    group: list[Segment] = []
    for segment in segments:
        if group and not (
            segment.pack == group[0].pack
            and 0 <= segment.offset - group[-1].offset - group[-1].length <= _GAP
            and segment.offset + segment.length - group[0].offset <= _WINDOW
        ):
            yield _span(group)
            group = []
        group.append(segment)
    if group:
        yield _span(group)


def _neighbours(ordered: list[SmallFile]) -> Iterator[list[SmallFile]]:
    """Group files that one read fetches: same pack, small gaps, a window together.

    A window of stored bytes, and of decoded ones too, which may be a thousand times as many.
    """
    group: list[SmallFile] = []
    open_pack, start, end, decoded = "", 0, 0, 0
    for file in ordered:
        pack, offset, length, _, _, raw_length, _ = file.segment
        if group and not (
            pack == open_pack
            and offset - end <= _GAP
            and offset + length - start <= _WINDOW
            and decoded + raw_length <= _WINDOW
        ):
            yield group
            group = []
        if not group:
            open_pack, start, decoded = pack, offset, 0
        group.append(file)
        end = offset + length
        decoded += raw_length
    if group:
        yield group


def _unpacked(stored: memoryview, segment: Segment) -> bytes:
    """Decode a segment; nothing where it is damaged, which is told when it is read again."""
    if checksum(stored) == segment.checksum:
        with suppress(IntegrityError):
            return decompress(stored, segment.raw_length)
    return b""


def _damage(segment: Segment, path: str, why: str) -> IntegrityError:
    return IntegrityError(
        f"{path!r} is damaged: pack {segment.pack or '(inline)'}, bytes {segment.offset} to "
        f"{segment.offset + segment.length}: {why}. Restore the pack from a backup, or log the "
        "content again with rehash",
        code="damaged",
        path=path,
        pack=segment.pack,
        offset=segment.offset,
    )


def _wrong_file(entry: FileEntry, segments: Segments) -> IntegrityError:
    first = segments[0] if segments else None
    return IntegrityError(
        f"{entry.path!r} is damaged: its stored bytes do not match {entry.digest}. Restore the "
        "store from a backup, or log the content again with rehash",
        code="damaged",
        path=entry.path,
        pack=first.pack if first else None,
        offset=first.offset if first else None,
    )
