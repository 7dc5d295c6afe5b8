"""Take bytes into the store: small files into shared packs, large ones split and shared."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from edversion.digests import Hasher, checksum, digest_of_bytes, digests_of
from edversion.store.backend import read_exactly
from edversion.store.coding import encode_manifest
from edversion.store.compression import pays
from edversion.store.failures import storage_errors
from edversion.store.finding import Finder, fine_units
from edversion.store.manifests import BaseManifest, Segments, StoredManifest
from edversion.store.packs import INLINE, PACK_SIZE, NewPack, PackWriter, Segment, pack_key
from edversion.store.sending import Sending
from edversion.store.sharing import Base
from edversion.store.splitting import WINDOW, cut_points, windows
from edversion.store.transfer import HashAhead, copying

if TYPE_CHECKING:
    from edversion.store import Store

__all__ = ["INLINE_LIMIT", "Ingest"]

INLINE_LIMIT = 16 << 10
"""Bytes of new content up to which a version keeps them in its manifest object."""

_PROBES = 3
_ASKED, _HEAVY = 32, 64 << 10
_SAMPLE = 64 << 10
_WORTH_TRYING = 512  # bytes from which compressing a file may pay
_OPEN_PACKS = 16

Split = Callable[[Path, int], Sequence[int] | None]
Stored = tuple[str, Segments]
Progress = Callable[[int], None]


class Ingest:
    """What one commit brings into the store.

    Nothing written here belongs to a version before the catalog says so. `close` makes
    it durable, `discard` removes it.

    Parameters
    ----------
    store : Store
        The store.
    run : str
        Id of the run that logs.
    base : Base
        What may be shared.
    split : callable
        Says where a large file falls into parts; see the hook ``edversion_split``.
    inline : bool
        Whether small files go into the manifest object instead of a pack.
    progress : callable, optional
        Told the bytes of every piece that was taken in.
    """

    def __init__(
        self,
        store: Store,
        *,
        run: str,
        base: Base,
        split: Split,
        inline: bool,
        progress: Progress | None = None,
    ) -> None:
        self._store, self._run, self._base, self._split = store, run, base, split
        self._progress = progress or _silent
        self._inline: bytearray | None = bytearray() if inline else None
        self._pack: PackWriter | None = None
        self._open: list[PackWriter] = []
        self._probes: dict[str, list[bool]] = {}
        self._fresh: dict[str, Segments] = {}
        self._sending = Sending(store.backend, far=not store.local)

    @property
    def packs(self) -> list[NewPack]:
        """What was written so far."""
        return self._sending.packs

    @property
    def inline(self) -> bytes:
        """The bytes for the manifest object."""
        return bytes(self._inline or b"")

    def small(self, data: bytes, name: str) -> Stored:
        """Store the bytes of a small file; equal ones are stored once."""
        digest = digest_of_bytes(data)
        self._progress(len(data))
        known = self._fresh.get(digest) or self._base.file(digest, len(data))
        if known is None:
            known = (self._add_small(data, name),) if data else ()
            self._fresh[digest] = known
        return digest, known

    def small_files(
        self, contents: Sequence[bytes], names: Sequence[str]
    ) -> tuple[list[str], list[Segments]]:
        """Store the bytes of many small files; give their digests and their places.

        Parameters
        ----------
        contents : sequence of bytes
            Kept until they are written, so they must not change.
        names : sequence of str
            Their file names: files of one suffix are compressed, or not, alike.
        """
        digests = digests_of(contents)
        self._progress(sum(map(len, contents)))
        taken, places = self._fresh, self._base.places
        new: dict[str, tuple[bytes, str]] = {}
        for digest, data, name in zip(digests, contents, names, strict=True):
            if digest not in taken and digest not in places:
                new.setdefault(digest, (data, name))
        for digest, segment in zip(new, self._add_all(list(new.values())), strict=True):
            taken[digest] = (segment,) if segment.length else ()
        return digests, [taken[each] if each in taken else places[each] for each in digests]

    def large(self, descriptor: int, path: Path, size: int, name: str) -> Stored:
        """Store the bytes of a large file.

        Parameters
        ----------
        descriptor : int
            The file, open for reading.
        path : Path
            Where it is, for plugins that know its format.
        size : int
            Its bytes.
        name : str
            Its path in the artifact: the older version of it is looked for there.

        Raises
        ------
        EOFError
            The file became shorter meanwhile.

        Notes
        -----
        A file of a known size is digested first: it may be stored elsewhere. Not so the next
        version of a path: checkpoints have one size, and what is equal is found unit by unit.
        """
        if name not in self._base.large and self._base.size_known(size):
            digest = _digest_of(descriptor, size)
            known = self._known(digest, size)
            if known is not None:
                self._progress(size)
                return digest, known
        stored = self._store_large(descriptor, path, size, name)
        self._fresh[stored[0]] = stored[1]
        return stored

    def base(self, stored: StoredManifest) -> BaseManifest:
        """Store a whole manifest as a pack, so that others can be written as changes to it."""
        writer = PackWriter(self._store.backend, self._store.scratch, self._run)
        self._open.append(writer)
        writer.add_plain([encode_manifest(stored)])
        return BaseManifest(writer.id, writer.size, stored)

    @property
    def written(self) -> dict[str, int]:
        """The packs with their bytes, those too that are not closed yet."""
        under_way = [*self._sending.writers, *self._open, *filter(None, [self._pack])]
        packs = [*self.packs, *(NewPack(writer.id, writer.size) for writer in under_way)]
        return {pack.id: pack.size for pack in packs if pack.size}

    def close(self) -> None:
        """Put everything on the disk; afterwards `packs` names what was written."""
        if self._pack is not None:
            self._open.append(self._pack)
            self._pack = None
        while self._open:
            self._sending.send(self._open.pop(0))
        self._sending.finish()

    def discard(self) -> None:
        """Remove everything that was written."""
        for writer in [*self._open, *filter(None, [self._pack])]:
            writer.discard()
        self._sending.discard()
        self._open, self._pack = [], None

    def _known(self, digest: str, size: int) -> Segments | None:
        return self._fresh.get(digest) or self._base.file(digest, size)

    def _add_small(self, data: bytes, name: str) -> Segment:
        if self._inline is not None:
            offset = len(self._inline)
            self._inline += data
            mark = checksum(data)
            return Segment(INLINE, offset, len(data), mark, None, len(data), mark)
        return self._room().add(data, compressed=self._worth(name, data))

    def _add_all(self, files: Sequence[tuple[bytes, str]]) -> list[Segment]:
        """Add small files; those that stay as they are go into the pack together."""
        probed = (name for data, name in files if len(data) >= _WORTH_TRYING)
        if self._inline is not None or not self._stay_plain(probed):
            return [self._add_small(data, name) for data, name in files]
        contents = [data for data, _ in files]
        segments: list[Segment] = []
        while len(segments) < len(contents):
            pack, rest = self._room(), contents[len(segments) :]
            starts = list(accumulate(map(len, rest[:-1]), initial=pack.size))
            segments += pack.add_plain(rest[: bisect_left(starts, PACK_SIZE)])
        return segments

    def _stay_plain(self, names: Iterable[str]) -> bool:
        """Tell whether it is known of all these files that compressing them does not pay."""
        answers = map(self._probes.get, set(map(_suffix, names)))
        return all(known and len(known) == _PROBES and not _most(known) for known in answers)

    def _room(self) -> PackWriter:
        """Give the pack that small files go into."""
        if self._pack is None or self._pack.size >= PACK_SIZE:
            self._next_pack()
        assert self._pack is not None
        return self._pack

    def _next_pack(self) -> None:
        if self._pack is not None:
            full, self._pack = self._pack, None
            self._sending.send(full)
        self._pack = self._writer()

    def _writer(self) -> PackWriter:
        return PackWriter(self._store.backend, self._store.scratch, self._run)

    def _worth(self, name: str, data: bytes) -> bool:
        """Probe the first few files of each suffix, and trust that the rest are alike."""
        if len(data) < _WORTH_TRYING:
            return False
        answers = self._probes.setdefault(_suffix(name), [])
        if len(answers) < _PROBES:
            answers.append(pays(data[:_SAMPLE]))
        return _most(answers)

    def _store_large(self, descriptor: int, path: Path, size: int, name: str) -> Stored:
        offsets = self._split(path, size)
        ends = cut_points(offsets, size) if offsets else None
        compressed = offsets is None and _file_pays(descriptor, size)
        if ends is None:
            self._refine(name, size)
        writer = self._writer()
        self._open.append(writer)
        if len(self._open) > _OPEN_PACKS:  # a folder may have more files than may be open at once
            self._sending.send(self._open.pop(0))
        if compressed or (self._base.units and self._may_share(descriptor, ends)):
            digest, segments = self._stream(descriptor, size, ends, writer, compressed=compressed)
        else:
            digest, segments = self._copy(descriptor, size, ends, writer)
        known = self._known(digest, size)
        if known is not None and writer.size:
            self._open.remove(writer)
            writer.discard()
            return digest, known
        return digest, segments

    def _may_share(self, descriptor: int, ends: Sequence[int] | None) -> bool:
        """Tell whether any of some units is stored; a file that shares nothing is copied faster.

        Of a training that changes every tensor no unit ever is. Asked are a few units all over
        the file; where units follow from the content, it would have to be read for that.
        """
        if ends is None:
            return True
        units = [(start, end - start) for start, end in pairwise([0, *ends])]
        heavy = [unit for unit in units if unit[1] >= _HEAVY] or units
        return any(
            (size, checksum(read_exactly(descriptor, start, size))) in self._base.units
            for start, size in heavy[:: len(heavy) // _ASKED + 1]
        )

    def _refine(self, name: str, size: int) -> None:
        """Cut older versions of a file by content, if that was not done when they were stored.

        Half the time of storing a large file would go into units that nobody may ever ask
        for. So a file that shares nothing is stored in windows, and cut when its next
        version comes. From a store that is not local it would have to be fetched for that.
        """
        if not self._store.local:
            return
        for segments in self._base.take_coarse(name, size):
            path = self._store.backend.local_path(pack_key(segments[0].pack))
            assert path is not None
            with suppress(OSError, EOFError), open(path, "rb", buffering=0) as file:
                self._base.units.update(fine_units(file.fileno(), segments))

    def _copy(
        self, descriptor: int, size: int, ends: Sequence[int] | None, writer: PackWriter
    ) -> Stored:
        """Store a file that shares nothing as a pack by itself, at the speed of the kernel."""
        segments = []
        if ends is None and self._store.local:
            ends = cut_points((), size)
        with (
            storage_errors("copying a file into the store"),
            HashAhead() as ahead,
            copying(descriptor, writer.descriptor, size, durable=self._store.local) as copy,
        ):
            for units in ahead.feed(windows(copy.read_at, size, ends)):
                self._progress(sum(map(len, units)))
                for unit in units:
                    mark, length = checksum(unit), len(unit)
                    segments.append(
                        Segment(writer.id, writer.size, length, mark, None, length, mark)
                    )
                    writer.grow(length)
            digest = ahead.digest
        return digest, tuple(segments)

    def _stream(
        self,
        descriptor: int,
        size: int,
        ends: Sequence[int] | None,
        writer: PackWriter,
        *,
        compressed: bool,
    ) -> Stored:
        """Store only the units that no other version has."""
        segments = []

        def read_at(view: memoryview, offset: int) -> int:
            return os.preadv(descriptor, [view], offset)

        with HashAhead() as ahead, Finder(self._base, self._store) as sharing:
            for units in ahead.feed(windows(read_at, size, ends)):
                self._progress(sum(map(len, units)))
                for unit in units:
                    mark = checksum(unit)
                    segment = sharing.find(unit, mark)
                    if segment is None:
                        segment = writer.add_view(unit, mark, compressed=compressed)
                    segments.append(segment)
            digest = ahead.digest
        return digest, tuple(segments)


def _suffix(name: str) -> str:
    _, dot, suffix = name.rpartition(".")
    return suffix if dot else ""


def _most(answers: Sequence[bool]) -> bool:
    return 2 * sum(answers) > len(answers)


def _silent(count: int) -> None:
    """Take note of nothing."""


def _digest_of(descriptor: int, size: int) -> str:
    hasher = Hasher()
    buffer = memoryview(bytearray(min(WINDOW, size)))
    done = 0
    while done < size and (count := os.preadv(descriptor, [buffer], done)):
        hasher.update(buffer[:count])
        done += count
    return hasher.digest


def _file_pays(descriptor: int, size: int) -> bool:
    """Probe a large file at its start, middle and end."""
    places = (0, size // 2, max(0, size - _SAMPLE))
    return sum(pays(os.pread(descriptor, _SAMPLE, place)) for place in places) >= 2
