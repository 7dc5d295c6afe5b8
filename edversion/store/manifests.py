"""What a version holds and where its bytes lie, as the engine works with it.

`coding` writes it as an object and reads it back; FORMAT.md describes that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import repeat
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from edversion.digests import canonical_rows, entries_digest, entry_rows
from edversion.model import ExternalReference, FileEntry, Manifest
from edversion.store.packs import Segment
from edversion.store.splitting import LARGE

__all__ = [
    "BaseManifest",
    "Changes",
    "Segments",
    "SmallFile",
    "StoredManifest",
    "manifest_key",
    "reference_facts",
]

_ROW_SIZE = itemgetter(1)

Segments = tuple[Segment, ...]


class SmallFile(NamedTuple):
    """A file of one segment; a tuple, since a version may have a hundred thousand.

    Attributes
    ----------
    path, digest : str
        Of the file.
    segment : Segment
        Its bytes.
    executable : bool
        Whether the owner may execute it.
    """

    path: str
    digest: str
    segment: Segment
    executable: bool


@dataclass(frozen=True)
class BaseManifest:
    """A whole manifest that lies in a pack, so that others can be written as changes to it.

    Attributes
    ----------
    pack, size : str, int
        The pack, and its bytes: it holds nothing else.
    stored : StoredManifest
        What it says.
    """

    pack: str
    size: int
    stored: StoredManifest = field(repr=False)


@dataclass(frozen=True)
class Changes:
    """What makes another manifest out of a base.

    Attributes
    ----------
    base : BaseManifest
        The base.
    removed : list of int
        Indexes of its entries that are not in the other, or not just so.
    added : list of int
        Indexes, in the other one, of the entries that stand in their place or are new.
    """

    base: BaseManifest
    removed: list[int] = field(repr=False)
    added: list[int] = field(repr=False)


@dataclass(frozen=True)
class StoredManifest:
    """A manifest together with the place of every file's bytes.

    Attributes
    ----------
    digest : str
        The version's digest.
    canonical : bytes
        The canonical entries, whose digest it is; empty where `rows` were made of them already
        and they are not held: of a million files they take a hundred megabytes.
    placement : sequence of tuple of Segment
        For each entry its segments, in order; empty for references and empty files.
    packs : mapping of str to int
        Every pack named, with its size in bytes.
    inline : bytes
        The bytes of segments whose pack is `INLINE`.
    attributes : mapping
        What is known of entries besides their identity: ``executable`` and ``references``.
    changes : Changes or None
        The base to which it is written as changes, whose pack is among `packs`; None where it
        stands by itself.
    """

    digest: str
    canonical: bytes = field(repr=False)
    placement: Sequence[Segments] = field(repr=False)
    packs: Mapping[str, int] = field(default_factory=dict)
    inline: bytes = field(default=b"", repr=False)
    attributes: Mapping[str, Any] = field(default_factory=dict, repr=False)
    changes: Changes | None = field(default=None, repr=False, compare=False)

    @cached_property
    def rows(self) -> list[list[Any]]:
        """The canonical entries as JSON gives them: path, size, digest and perhaps a reference."""
        rows: list[list[Any]] = orjson.loads(self.canonical)
        return rows

    @cached_property
    def manifest(self) -> Manifest:
        """The entries."""
        entries = [_entry(row) for row in self.rows]
        for index in self.attributes.get("executable", ()):
            entries[index] = replace(entries[index], executable=True)
        for index, facts in self.attributes.get("references", {}).items():
            entry = entries[int(index)]
            url = "" if entry.reference is None else entry.reference.url
            entries[int(index)] = replace(entry, reference=ExternalReference(url, **facts))
        return Manifest(tuple(entries), self.digest)

    @cached_property
    def positions(self) -> dict[str, int]:
        """Index of each path in the entries."""
        return {row[0]: index for index, row in enumerate(self.rows)}

    def find(self, path: str) -> tuple[FileEntry, Segments] | None:
        """Give one file's entry and segments."""
        index = self.positions.get(path)
        if index is None:
            return None
        return self.manifest.entries[index], self.placement[index]

    @property
    def text(self) -> bytes:
        """The canonical entries, held or not."""
        return self.canonical or canonical_rows(self.rows)

    @property
    def base(self) -> BaseManifest | None:
        """The manifest to which this one is written as changes, if it is."""
        return None if self.changes is None else self.changes.base

    def placed_in(self, packs: Mapping[str, int], inline: bytes) -> StoredManifest:
        """Give the same with the packs, by size, and the inline bytes that its segments name."""
        return self._but(packs=packs, inline=inline)

    def placed_anew(
        self, placement: Sequence[Segments], packs: Mapping[str, int]
    ) -> StoredManifest:
        """Give the same where its bytes lie elsewhere; it stands by itself."""
        return self._but(placement=placement, packs=packs, changes=None)

    def written_as(self, changes: Changes) -> StoredManifest:
        """Give the same, to be written as changes to a base."""
        packs = {**self.packs, changes.base.pack: changes.base.size}
        return self._but(changes=changes, packs=packs, canonical=b"")

    def as_rows(self) -> StoredManifest:
        """Give the same without the text of its entries."""
        return self._but(canonical=b"")

    def _but(self, **values: Any) -> StoredManifest:
        """Replace some fields; what was read out of the entries holds on."""
        other = replace(self, **values)
        other.__dict__["rows"] = self.rows
        return other

    def large_rows(self) -> list[list[Any]]:
        """Give the rows of stored files that are large; mostly there are none."""
        sizes = map(_ROW_SIZE, self.rows)
        places = [place for place, size in enumerate(sizes) if size is not None and size >= LARGE]
        return [self.rows[place] for place in places if len(self.rows[place]) == 3]

    def small_among(self, indexes: Iterable[int]) -> list[int]:
        """Give those that are read as a whole: stored in one segment, and not large."""
        rows, placement = self.rows, self.placement
        return [
            index
            for index in indexes
            if len(placement[index]) == 1 and len(row := rows[index]) == 3 and (row[1] or 0) < LARGE
        ]

    def small_files(self, indexes: Sequence[int]) -> list[SmallFile]:
        """Give what it takes to read those files; each of them is small."""
        rows, placement = self.rows, self.placement
        executable = set(self.attributes.get("executable", ()))
        fields = zip(
            [rows[index][0] for index in indexes],
            [rows[index][2] for index in indexes],
            [placement[index][0] for index in indexes],
            map(executable.__contains__, indexes),
            strict=True,
        )
        return list(map(tuple.__new__, repeat(SmallFile), fields))

    @classmethod
    def of(cls, entries: Sequence[FileEntry], placement: Sequence[Segments]) -> StoredManifest:
        """Make one of entries sorted by path; `packs` and `inline` are added later."""
        executable = [index for index, entry in enumerate(entries) if entry.executable]
        references = reference_facts(enumerate(entries))
        return cls.of_rows(entry_rows(entries), placement, executable, references)

    @classmethod
    def of_rows(
        cls,
        rows: list[list[Any]],
        placement: Sequence[Segments],
        executable: list[int],
        references: Mapping[str, Mapping[str, str]],
    ) -> StoredManifest:
        """Make one of what `entry_rows` gives, without an object for each of many files."""
        canonical = canonical_rows(rows)
        attributes = {"executable": executable, "references": references}
        stored = cls(entries_digest(canonical), canonical, placement, attributes=attributes)
        stored.__dict__["rows"] = rows  # what the cached property would parse again
        return stored


def manifest_key(digest: str, generation: int) -> str:
    """Give the key of a manifest object."""
    hexadecimal = digest.partition(":")[2]
    return f"manifests/{hexadecimal[:2]}/{hexadecimal}.{generation}"


def reference_facts(entries: Iterable[tuple[int, FileEntry]]) -> dict[str, dict[str, str]]:
    """Keep what a reference's store said, also where a digest makes it no part of the identity."""
    facts: dict[str, dict[str, str]] = {}
    for index, entry in entries:
        if entry.reference is not None:
            pairs = ((key, getattr(entry.reference, key)) for key in _REFERENCE_FIELDS)
            facts[str(index)] = {key: value for key, value in pairs if value is not None}
    return facts


_REFERENCE_FIELDS = ("etag", "version_id", "mtime")


def _entry(row: list[Any]) -> FileEntry:
    if len(row) == 3:
        return FileEntry(row[0], row[1], row[2])
    return FileEntry(row[0], row[1], row[2], ExternalReference(**row[3]))
