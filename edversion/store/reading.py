"""Read stored bytes, always verified: damage is named, and never delivered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby

from edversion.digests import Hasher, checksum, digests_of
from edversion.errors import IntegrityError
from edversion.model import FileEntry
from edversion.store.compression import decompress
from edversion.store.failures import storage_errors
from edversion.store.fetching import Source, Span
from edversion.store.manifests import Segments, SmallFile
from edversion.store.packs import INLINE, Segment

__all__ = ["Reader", "wrong_file"]

_GAP = 64 << 10


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

    def ahead(self, segments: Segments) -> None:
        """Take note that segments will be read, one by one: they come together."""
        spans = [span for span in self._stretches(segments) if span.pack != INLINE]
        if len(segments) > 1 and spans:
            self._source.ahead(spans)

    def chunks(self, entry: FileEntry, segments: Segments) -> Iterator[bytes | memoryview]:
        """Give a file's bytes, segment by segment; neighbours are read together.

        Raises
        ------
        IntegrityError
            A segment is damaged; or, after the last chunk, the whole is another file.
        """
        hasher, size = Hasher(), 0
        for span, view in self._each(self._stretches(segments), lambda: entry.path):
            for segment in span.segments:
                data = self._checked(segment, view, span.offset, entry.path)
                hasher.update(data)
                size += len(data)
                yield data
        if hasher.digest != entry.digest or size != entry.size:
            raise wrong_file(entry, segments)

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
            for group in _neighbours(sorted(wanted, key=_place), self._source.window):
                groups.append(group)
                yield _span([file.segment for file in group])

        for span, view in self._each(spans(), lambda: groups[0][0].path):
            group = groups.popleft()
            yield list(zip(group, self._proved(view, span.offset, group), strict=True))

    def _stretches(self, segments: Segments) -> Iterator[Span]:
        return _stretches(segments, self._source.window)

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


def _place(file: SmallFile) -> tuple[str, int]:
    return file.segment.pack, file.segment.offset


def _span(segments: Sequence[Segment]) -> Span:
    """Give the stretch from the first to the last of some segments of a pack."""
    first, last = segments[0], segments[-1]
    length = last.offset + last.length - first.offset
    return Span(first.pack, first.offset, length, segments)


def _stretches(segments: Segments, window: int) -> Iterator[Span]:
    """Group a file's segments, in its order, as far as one read fetches them."""
    group: list[Segment] = []
    for segment in segments:
        if group and not (
            segment.pack == group[0].pack
            and 0 <= segment.offset - group[-1].offset - group[-1].length <= _GAP
            and segment.offset + segment.length - group[0].offset <= window
        ):
            yield _span(group)
            group = []
        group.append(segment)
    if group:
        yield _span(group)


def _neighbours(ordered: list[SmallFile], window: int) -> Iterator[list[SmallFile]]:
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
            and offset + length - start <= window
            and decoded + raw_length <= window
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


def wrong_file(entry: FileEntry, segments: Segments) -> IntegrityError:
    """Say that a file is whole in each of its segments, and yet another file."""
    first = segments[0] if segments else None
    return IntegrityError(
        f"{entry.path!r} is damaged: its stored bytes do not match {entry.digest}. Restore the "
        "store from a backup, or log the content again with rehash",
        code="damaged",
        path=entry.path,
        pack=first.pack if first else None,
        offset=first.offset if first else None,
    )
