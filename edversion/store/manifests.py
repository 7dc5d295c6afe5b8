"""The manifest object: three lines of JSON that say what a version is and where its bytes lie.

Line 1 is a header. Line 2 is the canonical entries: its BLAKE3 is the version's digest.
Line 3 is the placement, which a repack may change. FORMAT.md describes all fields.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate, pairwise, repeat
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
import zstandard

from edversion.digests import (
    canonical_json,
    canonical_rows,
    checksum,
    entries_digest,
    entry_rows,
)
from edversion.errors import CatalogVersionError, IntegrityError
from edversion.model import ExternalReference, FileEntry, Manifest
from edversion.store.packs import INLINE, Segment
from edversion.store.splitting import LARGE

__all__ = [
    "FORMAT",
    "SmallFile",
    "StoredManifest",
    "decode_manifest",
    "encode_manifest",
    "manifest_key",
    "reference_facts",
]

FORMAT = 1
"""Format number of manifest objects, receipts and packs."""

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ROW_SIZE = itemgetter(1)
_LARGE = 64 << 10
_MAX_BYTES = 16 << 30

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
class StoredManifest:
    """A manifest together with the place of every file's bytes.

    Attributes
    ----------
    digest : str
        The version's digest.
    canonical : bytes
        The canonical entries, whose digest it is.
    placement : sequence of tuple of Segment
        For each entry its segments, in order; empty for references and empty files.
    packs : mapping of str to int
        Every pack named, with its size in bytes.
    inline : bytes
        The bytes of segments whose pack is `INLINE`.
    attributes : mapping
        What is known of entries besides their identity: ``executable`` and ``references``.
    """

    digest: str
    canonical: bytes = field(repr=False)
    placement: Sequence[Segments] = field(repr=False)
    packs: Mapping[str, int] = field(default_factory=dict)
    inline: bytes = field(default=b"", repr=False)
    attributes: Mapping[str, Any] = field(default_factory=dict, repr=False)

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

    def placed_in(self, packs: Mapping[str, int], inline: bytes) -> StoredManifest:
        """Give the same with the packs, by size, and the inline bytes that its segments name."""
        placed = replace(self, packs=packs, inline=inline)
        placed.__dict__["rows"] = self.rows
        return placed

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


def encode_manifest(stored: StoredManifest) -> bytes:
    """Write a manifest object; compressed where it is large."""
    packs = {pack: index for index, pack in enumerate(stored.packs)}
    placement: dict[str, Any] = {
        "packs": [[pack, stored.packs[pack]] for pack in packs],
        "segments": [len(segments) for segments in stored.placement],
        **_columns([segment for segments in stored.placement for segment in segments], packs),
        **stored.attributes,
    }
    if stored.inline:
        placement["inline"] = base64.b64encode(stored.inline).decode()
    third = orjson.dumps(placement)
    header = {
        "edversion": "manifest",
        "format": FORMAT,
        "digest": stored.digest,
        "placement_checksum": checksum(third),
    }
    text = b"\n".join((canonical_json(header), stored.canonical, third, b""))
    return text if len(text) < _LARGE else zstandard.ZstdCompressor(level=1).compress(text)


def decode_manifest(data: bytes, key: str, digest: str) -> StoredManifest:
    """Read a manifest object and prove that it is the one asked for.

    Raises
    ------
    IntegrityError
        It is damaged, or another version's.
    CatalogVersionError
        A newer edversion wrote it.
    """
    try:
        header, entries, placement, rest = _decompressed(data).split(b"\n")
        head = json.loads(header)
        _check_format(head, key)
        if rest:
            raise _damaged(key, "something follows its last line")
        if entries_digest(entries) != digest or checksum(placement) != head["placement_checksum"]:
            raise _damaged(key, "its content does not match its digest")
        return _assembled(entries, orjson.loads(placement), digest)
    except (ValueError, KeyError, TypeError, IndexError, zstandard.ZstdError) as error:
        if isinstance(error, CatalogVersionError | IntegrityError):
            raise
        raise _damaged(key, f"it cannot be read ({error})") from error


def _columns(segments: list[Segment], packs: Mapping[str, int]) -> dict[str, list[Any]]:
    """Write segments as columns: a third of the time of an object each, either way.

    What follows from other columns is left out: bytes that are stored as they are have no
    codec, and the raw length and checksum of the stored ones.
    """
    indexes = {**packs, INLINE: -1}
    columns: list[Sequence[Any]] = list(zip(*segments, strict=True)) or [()] * len(Segment._fields)
    pack, offset, length, checksums, codecs, *_ = columns
    named = {
        "pack": [indexes[name] for name in pack],
        "offset": list(offset),
        "length": list(length),
        "checksum": list(checksums),
    }
    if any(codecs):
        named["encoded"] = [[*segment[4:]] if segment[4] else None for segment in segments]
    return named


def _segments(placement: dict[str, Any]) -> list[Segments]:
    """Read the columns back, and give each file its own."""
    names = [pack for pack, _ in placement["packs"]]
    names.append(INLINE)  # index -1
    packs = [names[index] for index in placement["pack"]]
    lengths, checksums = placement["length"], placement["checksum"]
    plain = zip(
        packs,
        placement["offset"],
        lengths,
        checksums,
        repeat(None),
        lengths,
        checksums,
        strict=False,
    )
    segments = list(map(tuple.__new__, repeat(Segment), plain))
    for index, encoded in enumerate(placement.get("encoded", ())):
        if encoded is not None:
            segments[index] = Segment(*segments[index][:4], *encoded)
    ends = list(accumulate(placement["segments"], initial=0))
    if ends[-1] != len(segments):
        raise ValueError("the columns of the placement differ in length")
    return [tuple(segments[a:b]) for a, b in pairwise(ends)]


def reference_facts(entries: Iterable[tuple[int, FileEntry]]) -> dict[str, dict[str, str]]:
    """Keep what a reference's store said, also where a digest makes it no part of the identity."""
    facts: dict[str, dict[str, str]] = {}
    for index, entry in entries:
        if entry.reference is not None:
            pairs = ((key, getattr(entry.reference, key)) for key in _REFERENCE_FIELDS)
            facts[str(index)] = {key: value for key, value in pairs if value is not None}
    return facts


_REFERENCE_FIELDS = ("etag", "version_id", "mtime")


def _assembled(canonical: bytes, placement: dict[str, Any], digest: str) -> StoredManifest:
    attributes = {key: placement[key] for key in ("executable", "references")}
    return StoredManifest(
        digest,
        canonical,
        _segments(placement),
        {pack: size for pack, size in placement["packs"]},  # noqa: C416 - checks that there are two
        base64.b64decode(placement.get("inline", "")),
        attributes,
    )


def _entry(row: list[Any]) -> FileEntry:
    if len(row) == 3:
        return FileEntry(row[0], row[1], row[2])
    return FileEntry(row[0], row[1], row[2], ExternalReference(**row[3]))


def _decompressed(data: bytes) -> bytes:
    if not data.startswith(_ZSTD_MAGIC):
        return data
    return zstandard.ZstdDecompressor().decompress(data, max_output_size=_MAX_BYTES)


def _check_format(head: dict[str, Any], key: str) -> None:
    if head["format"] > FORMAT:
        raise CatalogVersionError(
            f"{key} has format {head['format']}; this edversion reads formats up to {FORMAT}. "
            "Upgrade edversion",
            found=head["format"],
            known=FORMAT,
        )


def _damaged(key: str, why: str) -> IntegrityError:
    return IntegrityError(
        f"manifest {key} is damaged: {why}. Restore it from a backup, or log the content again "
        "with rehash",
        path=key,
        pack=None,
        offset=None,
    )
