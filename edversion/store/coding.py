"""The manifest object: three lines of JSON that say what a version is and where its bytes lie.

Line 1 is a header. Line 2 is the canonical entries: its BLAKE3 is the version's digest.
Line 3 is the placement, which a repack may change. Of a manifest that is written as changes,
lines 2 and 3 are of what is not in its base. FORMAT.md describes all fields.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, chain, pairwise, repeat
from typing import Any

import orjson
import zstandard

from edversion.digests import canonical_json, canonical_rows, checksum, entries_digest
from edversion.errors import CatalogVersionError, IntegrityError
from edversion.store.changing import applied, attributes_of
from edversion.store.compression import decompress_text
from edversion.store.manifests import BaseManifest, Changes, Segments, StoredManifest
from edversion.store.packs import INLINE, Segment

__all__ = ["FORMAT", "decode_manifest", "encode_manifest"]

FORMAT = 1
"""Format number of whole manifest objects, receipts and packs."""

_CHANGES = 2
"""Of manifests that are written as changes: programs that cannot read these refuse them."""

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_LARGE = 64 << 10
_MAX_BYTES = 16 << 30

ReadBase = Callable[[str, int, str], BaseManifest]
"""Given a pack, its size and the digest of its entries, reads a base."""


def encode_manifest(stored: StoredManifest) -> bytes:
    """Write a manifest object; compressed where it is large."""
    changes = stored.changes
    header: dict[str, Any] = {"edversion": "manifest", "digest": stored.digest}
    if changes is None:
        entries, placement = stored.text, _placed(stored, stored.placement, stored.attributes)
        header |= {"format": FORMAT}
    else:
        base, added = changes.base, changes.added
        rows = [stored.rows[index] for index in added]
        entries = canonical_rows([changes.removed, rows])
        places = [stored.placement[index] for index in added]
        placement = _placed(stored, places, attributes_of(stored, added), besides=base.pack)
        told = {"pack": base.pack, "size": base.size, "digest": base.stored.digest}
        header |= {"format": _CHANGES, "base": told}
    third = orjson.dumps(placement)
    first = canonical_json({**header, "placement_checksum": checksum(third)})
    text = b"\n".join((first, entries, third, b""))
    return text if len(text) < _LARGE else zstandard.ZstdCompressor(level=1).compress(text)


def _placed(
    stored: StoredManifest,
    places: Sequence[Segments],
    attributes: Mapping[str, Any],
    besides: str | None = None,
) -> dict[str, Any]:
    """Write the placement of some entries, with all packs of the version but one."""
    packs = {pack: size for pack, size in stored.packs.items() if pack != besides}
    indexes = {pack: index for index, pack in enumerate(packs)}
    placement: dict[str, Any] = {
        "packs": list(map(list, packs.items())),
        "segments": list(map(len, places)),
        **_columns(list(chain.from_iterable(places)), indexes),
        **attributes,
    }
    if stored.inline:
        placement["inline"] = base64.b64encode(stored.inline).decode()
    return placement


def decode_manifest(
    data: bytes, key: str, digest: str, read_base: ReadBase | None = None
) -> StoredManifest:
    """Read a manifest object and prove that it is the one asked for.

    Parameters
    ----------
    data : bytes
        The object.
    key : str
        What it is called in messages.
    digest : str
        The version's.
    read_base : callable, optional
        Reads a base; None where it has to be whole, as a base itself.

    Raises
    ------
    IntegrityError
        It is damaged, or another version's.
    CatalogVersionError
        A newer edversion wrote it.
    """
    try:
        header, entries, third, rest = _decompressed(data).split(b"\n")
        head = json.loads(header)
        _check_format(head, key)
        if read_base is None and head["format"] != FORMAT:
            raise _damaged(key, "it is written as changes to another one, and is no base")
        if rest:
            raise _damaged(key, "something follows its last line")
        if checksum(third) != head["placement_checksum"]:
            raise _damaged(key, "its content does not match its digest")
        placement = orjson.loads(third)
        if read_base is None or head["format"] == FORMAT:
            stored = _assembled(entries, placement, digest)
        else:
            told = head["base"]
            base = read_base(told["pack"], told["size"], told["digest"])
            stored = _changed(base, entries, placement, digest)
        if entries_digest(stored.text) != digest:
            raise _damaged(key, "its content does not match its digest")
        return stored
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, CatalogVersionError | IntegrityError):
            raise
        raise _damaged(key, f"it cannot be read ({error})") from error


def _changed(
    base: BaseManifest, entries: bytes, placement: dict[str, Any], digest: str
) -> StoredManifest:
    """Make the manifest that changes make out of a base."""
    removed, rows = orjson.loads(entries)
    own = _parts(placement)
    whole = applied(base.stored, removed, rows, own.pop("placement"), own.pop("attributes"))
    packs = {**own.pop("packs"), base.pack: base.size}
    stored = StoredManifest(
        digest,
        b"",
        whole.placement,
        packs,
        attributes=whole.attributes,
        changes=Changes(base, removed, whole.added),
        **own,
    )
    stored.__dict__["rows"] = whole.rows
    return stored


def _assembled(canonical: bytes, placement: dict[str, Any], digest: str) -> StoredManifest:
    return StoredManifest(digest, canonical, **_parts(placement))


def _parts(placement: dict[str, Any]) -> dict[str, Any]:
    return {
        "placement": _segments(placement),
        "packs": {pack: size for pack, size in placement["packs"]},  # noqa: C416 - checks that there are two
        "inline": base64.b64decode(placement.get("inline", "")),
        "attributes": {key: placement[key] for key in ("executable", "references")},
    }


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


def _decompressed(data: bytes) -> bytes:
    if not data.startswith(_ZSTD_MAGIC):
        return data
    return decompress_text(data, _MAX_BYTES)


def _check_format(head: dict[str, Any], key: str) -> None:
    if head["format"] > _CHANGES:
        raise CatalogVersionError(
            f"{key} has format {head['format']}; this edversion reads formats up to {_CHANGES}. "
            "Upgrade edversion",
            found=head["format"],
            known=_CHANGES,
        )


def _damaged(key: str, why: str) -> IntegrityError:
    return IntegrityError(
        f"manifest {key} is damaged: {why}. Restore it from a backup, or log the content again "
        "with rehash",
        path=key,
        pack=None,
        offset=None,
    )
