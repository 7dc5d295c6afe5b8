"""What a repository, or the folder of a bundle, offers to others."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from edversion import checkout
from edversion.catalog import Catalog
from edversion.digests import digest_of_bytes
from edversion.errors import IntegrityError
from edversion.model import FileEntry, Version, VersionSource
from edversion.moving.records import record_of
from edversion.reference import parse_reference
from edversion.store import Store, StoredManifest

__all__ = ["Also", "Folder", "Offer", "Reading", "Side", "chosen", "offer_of", "offers_of"]

_DECODED = 1 << 30
"""Bytes of a compressed segment, decoded, that are held in memory for a stranger's bundle."""

Also = tuple[str, tuple[str, str, int], str]


@dataclass(frozen=True, slots=True)
class Side:
    """The store and the catalog of one side of a transfer."""

    store: Store
    catalog: Catalog


@dataclass(frozen=True, slots=True)
class Offer:
    """A version that may travel.

    Attributes
    ----------
    record, digest : bytes and str
        What is known of it, and the digest of that.
    also : tuple of (origin, key, record)
        What it was called in the repositories that it came from.
    store : Store
        Where its records are.
    version : Version
        Reads its files.
    """

    record: bytes = field(repr=False)
    digest: str
    also: tuple[Also, ...]
    store: Store = field(repr=False)
    version: Version = field(repr=False)


def chosen(side: Side, names: Sequence[str], project: str | None) -> list[Version]:
    """Give live versions, those first from which others were made.

    Parameters
    ----------
    names : sequence of str
        References of versions, or names of collections; everything where empty.
    project : str or None
        Where to look first for names without a project; without `names`, whose versions.

    Raises
    ------
    NotFoundError
        There is no such version or collection.
    """
    found: dict[str, Version] = {}
    for name in names:
        reference = parse_reference(name)
        if ":" in name or "@" in name:
            some: Sequence[Version] = [side.catalog.resolve(reference, project=project)]
        else:
            where = reference.project
            if where is None:
                where = side.catalog.find_collection(reference.name, project=project).project
            some = side.catalog.versions(where, reference.name)
        found |= {version.reference: version for version in some}
    if not names:
        live = side.catalog.all_versions()
        found = {v.reference: v for v in live if project is None or v.project == project}
    return sorted(found.values(), key=lambda each: (each.created_at, each.reference))


def offer_of(side: Side, version: Version) -> Offer:
    """Give what a repository offers of a version."""
    data = record_of(side.catalog, side.store.id, version)
    also = side.catalog.arrivals_of(version)
    return Offer(data, digest_of_bytes(data), also, side.store, version)


def offers_of(side: Side, names: Sequence[str] = (), project: str | None = None) -> Iterator[Offer]:
    """Give what a repository offers, one after the other."""
    for version in chosen(side, names, project):
        yield offer_of(side, version)


class Reading:
    """Reads the files of an offer, as a commit asks for them, and counts what it read.

    Attributes
    ----------
    version : Version
        The one that is offered, read by this.
    size : int
        Bytes of the files that were asked for: those that the other side lacked.
    """

    def __init__(self, offered: Version) -> None:
        self._offered = offered
        self._sizes: dict[str, int] = {}
        self.version = replace(offered, _source=cast("VersionSource", self))

    @property
    def size(self) -> int:
        """Bytes that were read."""
        return sum(self._sizes.values())

    def files_of(self, version: Version) -> tuple[FileEntry, ...]:  # noqa: ARG002 - the protocol
        """Give the entries."""
        return self._offered.files()

    def open_file(self, version: Version, path: str) -> BinaryIO:  # noqa: ARG002
        """Open one file."""
        file = self._offered.open(path)
        self._sizes[path] = file.seek(0, io.SEEK_END)
        file.seek(0)
        return file

    def contents_of(
        self,
        version: Version,  # noqa: ARG002
        paths: Sequence[str],
    ) -> Iterator[list[tuple[str, bytes]]]:
        """Give files with their bytes."""
        for group in self._offered.source.contents_of(self._offered, paths):
            self._sizes.update((path, len(data)) for path, data in group)
            yield group

    def path_of(self, version: Version, path: str) -> Path:  # noqa: ARG002
        """Give a local path of one file."""
        found = self._offered.path(path)
        self._sizes[path] = found.stat().st_size
        return found


class Folder:
    """Reads the files of a version in the folder of a bundle.

    Parameters
    ----------
    store : Store
        The folder.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def version(self, facts: Mapping[str, Any]) -> Version:
        """Give a version, read from here."""
        return Version(
            project=facts["project"],
            name=facts["collection"],
            number=facts["number"],
            type=facts["type"],
            digest=facts["digest"],
            size=facts["size"],
            file_count=facts["file_count"],
            metadata=facts["metadata"],
            description=facts["description"],
            aliases=(),
            tags=(),
            created_at=datetime.fromisoformat(facts["created_at"]),
            _source=cast("VersionSource", self),
        )

    def files_of(self, version: Version) -> tuple[FileEntry, ...]:
        """Give the entries."""
        return self._stored(version).manifest.entries

    def open_file(self, version: Version, path: str) -> BinaryIO:
        """Open one file."""
        return checkout.open_file(self._store, self._stored(version), path, lambda: None)

    def contents_of(
        self, version: Version, paths: Sequence[str]
    ) -> Iterator[list[tuple[str, bytes]]]:
        """Give files with their bytes."""
        return checkout.contents(self._store, self._stored(version), paths)

    def path_of(self, version: Version, path: str) -> Path:
        """Give a local path of one file."""
        return checkout.local_path(self._store, self._stored(version), path)

    def _stored(self, version: Version) -> StoredManifest:
        generations = self._store.manifest_generations(version.digest)
        stored = self._store.known_manifest(version.digest, max(generations, default=1))
        if any(segment.raw_length > _DECODED for each in stored.placement for segment in each
               if segment.codec is not None):  # fmt: skip
            raise IntegrityError(
                f"{version.reference} claims to hold more than {_DECODED:,} bytes in one segment; "
                "no program of ours writes such, so nothing of it is decoded",
                path=None,
                pack=None,
                offset=None,
            )
        return stored
