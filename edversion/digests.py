"""BLAKE3 digests and xxh3 checksums, over bytes, files and manifests.

BLAKE3 proves: it names content, and anyone can recompute it. xxh3_128 finds damage and
change fast; whoever wants to can make two inputs that collide, so it never names anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import xxhash
from blake3 import blake3

from edversion.errors import InvalidInputError
from edversion.model import FileEntry, Manifest

__all__ = [
    "BLOCK",
    "Hasher",
    "canonical_entries",
    "canonical_json",
    "canonical_rows",
    "checksum",
    "digest_of_bytes",
    "digest_of_file",
    "digest_of_stream",
    "digests_of",
    "entries_digest",
    "entry_rows",
    "is_digest",
    "manifest_of",
]

BLOCK = 1 << 20
"""Bytes read at once; larger blocks fall out of the processor's cache."""

_PREFIX = "blake3:"
_DIGEST = re.compile(r"blake3:[0-9a-f]{64}")


class Hasher:
    """A running BLAKE3 digest that prints itself as edversion writes digests.

    Examples
    --------
    >>> hasher = Hasher()
    >>> hasher.update(b"abc")
    >>> hasher.digest == digest_of_bytes(b"abc")
    True
    """

    __slots__ = ("_state",)

    def __init__(self) -> None:
        self._state = blake3()

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take in more bytes; releases the GIL on large buffers."""
        self._state.update(data)

    @property
    def digest(self) -> str:
        """``blake3:<64 hex>`` of what was taken in so far."""
        return _PREFIX + self._state.hexdigest()


def digest_of_bytes(data: bytes | bytearray | memoryview) -> str:
    """Give the digest of bytes in memory.

    Examples
    --------
    >>> digest_of_bytes(b"")[:20]
    'blake3:af1349b9f5f9a'
    """
    return _PREFIX + blake3(data).hexdigest()


def digests_of(contents: Iterable[bytes | memoryview]) -> list[str]:
    """Give the digest of each of many small contents."""
    return [_PREFIX + blake3(data).hexdigest() for data in contents]


def digest_of_stream(stream: BinaryIO) -> tuple[str, int]:
    """Read a stream to its end; give its digest and its size in bytes."""
    hasher, size = Hasher(), 0
    while block := stream.read(BLOCK):
        hasher.update(block)
        size += len(block)
    return hasher.digest, size


def digest_of_file(path: str | Path) -> str:
    """Give the digest of a file's bytes."""
    hasher, buffer = Hasher(), bytearray(BLOCK)
    view = memoryview(buffer)
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            hasher.update(view[:count])
    return hasher.digest


def checksum(data: bytes | bytearray | memoryview) -> str:
    """Give the xxh3_128 checksum of bytes, as 32 hex characters."""
    return xxhash.xxh3_128_hexdigest(data)


def is_digest(text: str) -> bool:
    """Tell whether a text is a digest as edversion writes them."""
    return _DIGEST.fullmatch(text) is not None


def canonical_json(value: object) -> bytes:
    """Encode a value so that equal values have equal bytes in every language.

    Keys sorted by code point, no spaces, UTF-8, only the escapes that JSON demands.

    Raises
    ------
    InvalidInputError
        The value holds NaN, an infinity, a lone surrogate or something JSON cannot hold.
    """
    try:
        text = json.dumps(
            value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
        )
        return text.encode()
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"value cannot be written as JSON: {error}") from error


def canonical_entries(entries: Iterable[FileEntry]) -> bytes:
    """Encode sorted entries into the bytes that a version's digest is taken of.

    A JSON array with one array per entry: ``[path, size, digest]`` for stored bytes,
    ``[path, size, digest, {"url": …, …}]`` for a reference. JSON delimits every field,
    so no choice of names makes two trees equal.
    """
    return canonical_rows(entry_rows(entries))


def canonical_rows(rows: list[list[Any]]) -> bytes:
    """Encode what `entry_rows` gives: the bytes of `canonical_json`, in a tenth of its time.

    Raises
    ------
    InvalidInputError
        A path or URL holds a lone surrogate.
    """
    try:
        return orjson.dumps(rows, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise InvalidInputError(f"entries cannot be written as JSON: {error}") from error


def entry_rows(entries: Iterable[FileEntry]) -> list[list[Any]]:
    """Give what the canonical form of sorted entries encodes."""
    rows: list[list[Any]] = []
    for entry in entries:
        row: list[Any] = [entry.path, entry.size, entry.digest]
        if entry.reference is not None:
            row.append(_reference_fields(entry))
        rows.append(row)
    return rows


def _reference_fields(entry: FileEntry) -> dict[str, str]:
    """Give what identifies a reference; with a digest, the URL and the digest do."""
    reference = entry.reference
    assert reference is not None
    fields = {"url": reference.url}
    if entry.digest is None:
        for key in ("etag", "version_id", "mtime"):
            value = getattr(reference, key)
            if value is not None:
                fields[key] = value
    return fields


def entries_digest(canonical: bytes) -> str:
    """Give the version digest of canonical entries."""
    return digest_of_bytes(canonical)


def manifest_of(entries: Iterable[FileEntry]) -> Manifest:
    """Sort entries by path and digest them.

    Examples
    --------
    >>> one = FileEntry("a", 3, digest_of_bytes(b"abc"))
    >>> two = FileEntry("b", 0, digest_of_bytes(b""))
    >>> manifest_of([one, two]) == manifest_of([two, one])
    True
    """
    ordered = tuple(sorted(entries, key=_path))
    return Manifest(ordered, entries_digest(canonical_entries(ordered)))


def _path(entry: FileEntry) -> str:
    return entry.path
