"""Bring a version's files back: as local paths, open files, or a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, cast

from edversion.digests import Hasher, canonical_entries, digest_of_bytes
from edversion.errors import IntegrityError, InvalidInputError, NotFoundError
from edversion.model import FileEntry, FilePart
from edversion.reference import check_path, check_paths
from edversion.store import (
    OpenFile,
    Reader,
    Segments,
    SmallFile,
    Store,
    StoredFile,
    StoredManifest,
    check_reference,
    collector_paused,
    copying,
    open_external,
    storage_errors,
    write_fully,
    wrong_reference,
)
from edversion.targets import Folders

__all__ = ["contents", "download", "file_parts", "local_path", "open_file"]

_BUFFER = 1 << 20
_TOLD = 5  # files that a message names


def open_file(
    store: Store,
    stored: StoredManifest,
    path: str,
    moved: Callable[[], StoredManifest | None],
) -> BinaryIO:
    """Open one file; see `Version.open`.

    Parameters
    ----------
    store, stored
        Where the bytes are.
    path : str
        The file.
    moved : callable
        Asked where a pack is gone: gives the manifest that says where its bytes are now.
    """
    entry, segments = _found(stored, path)

    def elsewhere() -> tuple[Reader, Segments] | None:
        now = moved()
        return None if now is None else (store.reader(now, cached=True), _found(now, path)[1])

    if entry.reference is None:
        raw = StoredFile(store.reader(stored, cached=True), entry, segments, elsewhere)
        return cast(BinaryIO, OpenFile(raw, _BUFFER))
    if entry.digest is not None:
        return open(_cached(store, stored, entry, segments), "rb")
    check_reference(entry)
    return open_external(entry.reference.url)


def contents(
    store: Store, stored: StoredManifest, paths: Sequence[str]
) -> Iterator[list[tuple[str, bytes]]]:
    """Give files with their verified bytes, neighbours in a pack together.

    Thousands of small files of a store far away come with a few requests. They are for whoever
    takes them in at once: a large file is in memory as a whole.

    Parameters
    ----------
    store, stored
        Where the bytes are.
    paths : sequence of str
        Files of the version, each once.
    """
    indexes = [stored.positions[path] for path in paths]
    small = stored.small_among(indexes)
    for group in store.reader(stored, cached=True).small_files(stored.small_files(small)):
        yield [(file.path, bytes(data)) for file, data in group]
    for index in sorted(set(indexes).difference(small)):
        path = stored.rows[index][0]
        with open_file(store, stored, path, lambda: None) as file:
            yield [(path, file.read())]


def file_parts(stored: StoredManifest, path: str) -> tuple[FilePart, ...]:
    """Give the stretches in which one file is stored; see `Version.parts`."""
    _, segments = _found(stored, path)
    starts = accumulate((segment.raw_length for segment in segments), initial=0)
    return tuple(
        FilePart(start, segment.raw_length, *segment.place)
        for start, segment in zip(starts, segments, strict=False)
    )


def local_path(store: Store, stored: StoredManifest, path: str) -> Path:
    """Give a read-only local path of one file; see `Version.path`.

    A file that is a pack by itself needs no copy. Its bytes are re-read only where its stat
    is not the one it had when it was last found whole.
    """
    entry, segments = _found(stored, path)
    own, digest = store.own_pack(stored, entry.size, segments), entry.digest
    if own is None or digest is None:
        return _cached(store, stored, entry, segments)
    try:
        if store.is_verified(own, digest):
            return own
        if own.stat().st_size == entry.size and store.proves(own, digest):
            return own
    except FileNotFoundError:
        pass  # told below, like any other damage
    for _ in store.reader(stored, cached=True).chunks(entry, segments):
        pass  # names the place of the damage
    raise IntegrityError(f"{own} is damaged", path=path, pack=own.name, offset=0)


def download(
    store: Store,
    stored: StoredManifest,
    root: Path,
    paths: Sequence[str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Write files below a folder; see `Version.download`.

    Parameters
    ----------
    store, stored
        Where the bytes are.
    root : Path
        The folder; made where it is missing.
    paths : sequence of str, optional
        Only these files and folders.
    progress : callable, optional
        Told the bytes of each file that is done.
    """
    wanted = _selected(stored, paths)
    small = stored.small_among(wanted)
    with collector_paused(), storage_errors(f"writing to {root}"), Folders(root) as folders:
        work = _Download(store, stored, folders, progress or _silent)
        work.small(stored.small_files(small))
        for index in sorted(set(wanted).difference(small)):
            work.large(stored.manifest.entries[index], stored.placement[index])
    return root


class _Download:
    """One download under way."""

    def __init__(
        self,
        store: Store,
        stored: StoredManifest,
        folders: Folders,
        progress: Callable[[int], None],
    ) -> None:
        self._store, self._stored, self._folders = store, stored, folders
        self._reader = store.reader(stored, cached=True)
        self._progress = progress

    def small(self, wanted: Iterable[SmallFile]) -> None:
        """Write files whose verified bytes fit in memory, few reads for many of them."""
        for group in self._reader.small_files(wanted):
            self._folders.write_all(group)
            self._progress(sum(len(data) for _, data in group))

    def large(self, entry: FileEntry, segments: Segments) -> None:
        """Write a file under a temporary name, and give it its own once it is verified."""
        size, digest, executable = entry.size or 0, entry.digest, entry.executable
        held = digest and self._folders.holds(entry.path, size, digest, executable=executable)
        if not held:
            with self._folders.replacing(entry.path, executable=executable) as descriptor:
                fill_file(descriptor, self._store, self._stored, entry, segments)
        self._progress(size)


def fill_file(
    descriptor: int, store: Store, stored: StoredManifest, entry: FileEntry, segments: Segments
) -> None:
    """Write a file's verified bytes into an empty open file.

    Raises
    ------
    IntegrityError
        The bytes are damaged; what was written must not be used.
    """
    if entry.reference is not None:
        _copy_reference(descriptor, entry)
        return
    own = store.own_pack(stored, entry.size, segments)
    if own is not None and _copied(own, descriptor, entry.size or 0) == entry.digest:
        return
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    for chunk in store.reader(stored, cached=True).chunks(entry, segments):
        write_fully(descriptor, chunk)


def _copied(own: Path, target: int, size: int) -> str | None:
    """Let the kernel copy a file; give the digest of the copy, or None where that failed."""
    hasher, buffer, done = Hasher(), memoryview(bytearray(_BUFFER)), 0
    with (
        suppress(EOFError, FileNotFoundError),
        open(own, "rb") as source,
        copying(source.fileno(), target, size, durable=False) as copy,
    ):
        while done < size:
            count = copy.read_at(buffer[: size - done], done)
            hasher.update(buffer[:count])
            done += count
        return hasher.digest
    return None


def _copy_reference(descriptor: int, entry: FileEntry) -> None:
    """Fetch the bytes at a reference, checked before and, with a digest, after."""
    assert entry.reference is not None
    check_reference(entry)
    hasher = Hasher()
    with open_external(entry.reference.url) as source:
        while block := source.read(_BUFFER):
            hasher.update(block)
            write_fully(descriptor, block)
    if entry.digest is None:
        check_reference(entry)  # nothing else proves that it was not replaced meanwhile
    elif hasher.digest != entry.digest:
        raise wrong_reference(entry)


def _cached(store: Store, stored: StoredManifest, entry: FileEntry, segments: Segments) -> Path:
    """Give a verified copy of a file in this machine's cache."""
    if entry.reference is not None:
        check_reference(entry)
    content = digest_of_bytes(canonical_entries([entry])) if entry.digest is None else entry.digest

    def fill(descriptor: int) -> None:
        fill_file(descriptor, store, stored, entry, segments)

    return store.files.get(
        content.partition(":")[2],
        Path(entry.path).suffix,
        entry.size or 0,
        fill,
        digest=entry.digest,
    )


def _found(stored: StoredManifest, path: str) -> tuple[FileEntry, Segments]:
    """Give a file's entry, or say what there is instead."""
    legal = check_path(path)
    found = stored.find(legal)
    if found is None:
        raise NotFoundError(
            f"the version has no file {path!r}; {_instead(stored, legal)}",
            code="no_such_file",
            path=path,
        )
    return found


def _instead(stored: StoredManifest, path: str) -> str:
    """Say what there is instead of a file that is not there."""
    inside = sum(file.startswith(path + "/") for file in stored.positions)
    if inside:
        return f"it is a folder, with {inside:,} file{'' if inside == 1 else 's'}"
    near = get_close_matches(path, stored.positions, n=3)
    if near:
        return f"did you mean {', '.join(near)}?"
    first = list(stored.positions)[:_TOLD]
    more = f" and {len(stored.positions) - _TOLD:,} more" if len(stored.positions) > _TOLD else ""
    return f"it has {', '.join(first)}{more}" if first else "it has no files"


def _selected(stored: StoredManifest, paths: Sequence[str] | None) -> Sequence[int]:
    """Give the indexes of the files asked for; a path may name a folder."""
    known = [row[0] for row in stored.rows]
    check_paths(known)  # a hostile store must not lead a download astray
    if paths is None:
        return range(len(known))
    if isinstance(paths, str):
        raise InvalidInputError(f"paths must be a list of paths, not the text {paths!r}")
    wanted = {check_path(path): False for path in paths}
    chosen = []
    for index, file in enumerate(known):
        hits = [path for path in wanted if _covers(path, file)]
        if hits:
            wanted.update(dict.fromkeys(hits, True))
            chosen.append(index)
    for path, hit in wanted.items():
        if not hit:
            raise NotFoundError(
                f"the version has no file or folder {path!r}; {_instead(stored, path)}",
                code="no_such_file",
                path=path,
            )
    return chosen


def _covers(path: str, file: str) -> bool:
    return file == path or file.startswith(path + "/")


def _silent(count: int) -> None:
    """Take note of nothing."""
