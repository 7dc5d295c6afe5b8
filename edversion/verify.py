"""Re-read stored bytes, downloaded copies and events, and prove that they are what they were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edversion.digests import digest_of_file
from edversion.errors import EdversionError, IntegrityError
from edversion.model import FileEntry, Version
from edversion.store import INLINE, Segments, Store, StoredManifest, verify_reference

__all__ = ["Damage", "verify_copy", "verify_stored", "verify_versions"]


@dataclass(frozen=True, slots=True)
class Damage:
    """Something of a version that does not match.

    Attributes
    ----------
    version : str
        Full reference.
    path : str or None
        File in the version; None where the manifest itself is damaged.
    message : str
        What is wrong and what to do.
    """

    version: str
    path: str | None
    message: str


def verify_versions(
    versions: Iterable[Version],
    store: Store,
    progress: Callable[[int], None] | None = None,
    now: Callable[[Version], Version | None] | None = None,
) -> Iterator[Damage]:
    """Re-read every byte of versions; bytes that they share are read once.

    Parameters
    ----------
    versions : iterable of Version
        What to verify.
    store : Store
        Where the bytes are.
    progress : callable, optional
        Told the bytes of every version done.
    now : callable, optional
        Gives a version as it is now, or None where it was deleted: somebody may delete it, or
        move its bytes, while it is read, and neither is damage.

    Yields
    ------
    Damage
        One for each file, or manifest, that does not match.
    """
    proved: set[tuple[str | None, Segments]] = set()
    for version in versions:
        found = list(_damages(version, store, proved))
        if found and now is not None:
            present = now(version)
            if present is None:
                found = []
            elif present.generation != version.generation:
                found = list(_damages(present, store, proved))
        yield from found
        if progress is not None:
            progress(version.size)


def _damages(
    version: Version, store: Store, proved: set[tuple[str | None, Segments]]
) -> Iterator[Damage]:
    try:
        stored = store.read_manifest(version.digest, version.generation)
    except EdversionError as error:
        yield Damage(version.reference, None, str(error))
        return
    for entry, fault in _faults(stored, store, proved):
        yield Damage(version.reference, entry.path, str(fault))


def verify_stored(stored: StoredManifest, store: Store) -> None:
    """Re-read every byte of one version.

    Raises
    ------
    IntegrityError
        A file's bytes do not match; the first one found is named.
    """
    for _, error in _faults(stored, store, set()):
        raise error


def _faults(
    stored: StoredManifest, store: Store, proved: set[tuple[str | None, Segments]]
) -> Iterator[tuple[FileEntry, EdversionError]]:
    """Check all files that are not proved yet, small ones many at a time."""
    pairs = enumerate(zip(stored.manifest.entries, stored.placement, strict=True))
    unproved = [
        (index, entry, segments)
        for index, (entry, segments) in pairs
        if entry.reference is not None or (entry.digest, segments) not in proved
    ]
    small = set(stored.small_among(index for index, _, _ in unproved))
    good = _all_whole(sorted(small), stored, store)
    for index, entry, segments in unproved:
        faults = [] if good and index in small else _fault(entry, segments, stored, store)
        fault = next(iter(faults), None)
        if fault is not None:
            yield fault
        elif not any(segment.pack == INLINE for segment in segments):  # those are another's too
            proved.add((entry.digest, segments))


def _all_whole(small: list[int], stored: StoredManifest, store: Store) -> bool:
    """Tell whether all small files are whole; which one is not is asked one by one."""
    try:
        for _ in store.reader(stored).small_files(stored.small_files(small)):
            pass
    except EdversionError:
        return False
    return True


def _fault(
    entry: FileEntry, segments: Segments, stored: StoredManifest, store: Store
) -> Iterator[tuple[FileEntry, EdversionError]]:
    try:
        if entry.reference is not None:
            verify_reference(entry)
        else:
            for _ in store.reader(stored).chunks(entry, segments):
                pass
    except EdversionError as error:
        yield entry, error


def verify_copy(version: Version, stored: StoredManifest, root: Path) -> None:
    """Compare a downloaded copy with the digests.

    Raises
    ------
    IntegrityError
        A file is missing or has other bytes; all of them are named, up to ten in the message.
    """
    wrong = [
        entry.path
        for entry in stored.manifest.entries
        if entry.digest is not None and not _matches(root / entry.path, entry)
    ]
    if wrong:
        more = f" and {len(wrong) - 10} more" if len(wrong) > 10 else ""
        raise IntegrityError(
            f"{root} does not match {version.reference}: {', '.join(wrong[:10])}{more}; download "
            "it again",
            code="copy_differs",
            path=wrong[0],
            paths=tuple(wrong),
            pack=None,
            offset=None,
        )


def _matches(path: Path, entry: FileEntry) -> bool:
    try:
        return path.stat().st_size == entry.size and digest_of_file(path) == entry.digest
    except OSError:
        return False
