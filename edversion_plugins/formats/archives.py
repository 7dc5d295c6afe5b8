"""Read the directory of a zip archive: torch checkpoints, npz, and other stored members.

The standard library's ``zipfile`` makes an object of twenty fields of every member; a
checkpoint of 100,000 tensors would take it most of a second. Here only what is needed is
unpacked, and the local header is read of large members alone.

References
----------
APPNOTE.TXT, .ZIP File Format Specification, PKWARE: sections 4.3.7 (local header), 4.3.12
(central directory), 4.3.14 to 4.3.16 (end records, zip64), 4.5.3 (zip64 extra field).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from edversion_plugins.formats import arrays
from edversion_plugins.formats.facts import Facts
from edversion_plugins.formats.parts import PART, boundaries
from edversion_plugins.formats.reading import DAMAGED, RawFile, read_at

__all__ = ["STORED", "Member", "data_start", "describe", "matches", "members", "offsets"]

_CENTRAL = struct.Struct("<4s4xHH8xIIHHH8xI")
_END = struct.Struct("<4s4xHHIIH")
_END64 = struct.Struct("<4s28xQQQ")
_LOCATOR = struct.Struct("<4s4xQ4x")
_LOCAL = struct.Struct("<4s22xHH")
_LONGEST_COMMENT = 0xFFFF
_LONGEST_DIRECTORY = 256 * 1024 * 1024
_ENCRYPTED = 0x1
STORED, _DEFLATED = 0, 8
_MAX32 = 0xFFFFFFFF
_MOST_ARRAYS = 1000


class Member(NamedTuple):
    """One file in an archive.

    Attributes
    ----------
    header : int
        Offset of its local header in bytes; the data lies behind it.
    size : int
        Bytes that its data takes in the archive.
    method : int
        0 stored, 8 deflated; -1 encrypted.
    name : bytes
        Path in the archive; decoding 100,000 would take as long as reading them.
    """

    header: int
    size: int
    method: int
    name: bytes


def matches(head: bytes) -> bool:
    """Tell whether a file begins as a zip archive does."""
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def members(file: RawFile, size: int) -> list[Member]:
    """Give the files in an archive, in the order of its directory.

    Raises
    ------
    ValueError, struct.error
        The archive is damaged.
    """
    return _read_directory(file, size)[0]


def offsets(file: RawFile, size: int) -> list[int]:
    """Give the boundaries of parts; none where most of the archive is compressed.

    Raises
    ------
    ValueError, struct.error
        The archive is damaged.
    """
    found, start = _read_directory(file, size)
    stored = sum(member.size for member in found if member.method == STORED)
    if not found or 2 * stored < sum(member.size for member in found):
        return []
    extents = [_extent(file, member) for member in sorted(found)]
    return boundaries([*extents, (start, size)], size)


def describe(file: RawFile, size: int) -> Facts | None:
    """Say what a torch checkpoint or an npz file holds; None of other archives.

    Raises
    ------
    ValueError, struct.error
        The archive is damaged.
    """
    found = members(file, size)
    for member in found:
        if member.name.endswith(b"/data.pkl"):
            return _describe_torch(found, member.name.removesuffix(b".pkl") + b"/")
    if found and all(member.name.endswith(b".npy") for member in found):
        return _describe_npz(file, found)
    return None


def _describe_torch(found: Iterable[Member], folder: bytes) -> Facts:
    sizes = [member.size for member in found if member.name.startswith(folder)]
    return {"format": "torch", "tensors": len(sizes), "bytes": sum(sizes)}


def _describe_npz(file: RawFile, found: list[Member]) -> Facts:
    facts: Facts = {"format": "npz", "array_count": len(found)}
    if len(found) > _MOST_ARRAYS:
        facts["truncated"] = True
    facts["arrays"] = [_describe_array(file, member) for member in found[:_MOST_ARRAYS]]
    return facts


def _describe_array(file: RawFile, member: Member) -> Facts:
    """Describe one array; one that cannot be read leaves its name."""
    name = _decoded(member.name.removesuffix(b".npy"))
    try:
        start = data_start(file, member)
        if member.method == _DEFLATED:
            data = read_at(file, start, min(member.size, arrays.LONGEST))
            head = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, arrays.LONGEST)
            return {"name": name, **arrays.parse(head)}
        if member.method == STORED:
            return {"name": name, **arrays.describe(file, start)}
    except DAMAGED:
        pass
    return {"name": name}


def _decoded(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("cp437")


def _extent(file: RawFile, member: Member) -> tuple[int, int]:
    """Give where a large stored member's data lies; a place to end a group for others."""
    if member.method != STORED or member.size < PART:
        return member.header, member.header
    start = data_start(file, member)
    return start, start + member.size


def data_start(file: RawFile, member: Member) -> int:
    """Give where a member's data starts: the local header's fields have their own lengths.

    Raises
    ------
    ValueError, struct.error
        The archive is damaged.
    """
    data = read_at(file, member.header, _LOCAL.size)
    magic, name_length, extra_length = _LOCAL.unpack(data)
    if magic != b"PK\x03\x04":
        raise ValueError("no local header where the directory says")
    return member.header + _LOCAL.size + int(name_length) + int(extra_length)


def _read_directory(file: RawFile, size: int) -> tuple[list[Member], int]:
    """Give the members and the place where the directory starts."""
    count, length, start = _read_end(file, size)
    if length > _LONGEST_DIRECTORY:
        raise ValueError(f"directory of {length} bytes")
    found = list(islice(_walk(read_at(file, start, length)), count + 1))
    if len(found) != count or any(m.header + m.size > start for m in found):
        raise ValueError("directory and members do not agree")
    return found, start


def _walk(directory: bytes) -> Iterator[Member]:
    position = 0
    while position < len(directory):
        magic, flags, method, size, full_size, name_end, extra_end, comment_end, header = (
            _CENTRAL.unpack_from(directory, position)
        )
        if magic != b"PK\x01\x02":
            raise ValueError("not a directory entry")
        name_end += position + _CENTRAL.size
        name = directory[position + _CENTRAL.size : name_end]
        extra_end += name_end
        position = extra_end + comment_end
        if position > len(directory):
            raise ValueError("directory entry is cut")
        if _MAX32 in (size, full_size, header):
            fields = (full_size, size, header)
            _, size, header = _zip64(directory[name_end:extra_end], fields)
        yield Member(
            header,
            size,
            -1 if flags & _ENCRYPTED else method,
            name,
        )


def _zip64(extra: bytes, fields: Sequence[int]) -> Sequence[int]:
    """Replace fields that do not fit 32 bits by those of the zip64 extra field, in order."""
    position = 0
    while position < len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        if kind == 1:
            longer = iter(struct.unpack_from(f"<{length // 8}Q", extra, position + 4))
            return [next(longer, -1) if field == _MAX32 else field for field in fields]
        position += 4 + length
    return fields


def _read_end(file: RawFile, size: int) -> tuple[int, int, int]:
    """Give the number of members, the directory's length and where it starts."""
    length = min(size, _END.size + _LONGEST_COMMENT)
    tail = read_at(file, size - length, length)
    at = tail.rfind(b"PK\x05\x06")
    while at >= 0 and tail[at + 20 : at + 22] != (length - at - 22).to_bytes(2, "little"):
        at = tail.rfind(b"PK\x05\x06", 0, at)
    if at < 0:
        raise ValueError("no end of directory")
    end = size - length + at
    _, _, count, directory_length, start, _ = _END.unpack_from(tail, at)
    if start + directory_length != end or _MAX32 in (directory_length, start):
        end, count, directory_length, start = _read_end64(file, end)
        if start + directory_length != end:
            raise ValueError("directory is not where the end says")
    return count, directory_length, start


def _read_end64(file: RawFile, end: int) -> tuple[int, int, int, int]:
    """Give the zip64 end record's place, and its count, length and start; torch always has one."""
    magic, place = _LOCATOR.unpack(read_at(file, end - _LOCATOR.size, _LOCATOR.size))
    magic64, count, length, start = _END64.unpack(read_at(file, place, _END64.size))
    if (magic, magic64) != (b"PK\x06\x07", b"PK\x06\x06"):
        raise ValueError("directory is not where the end says")
    return place, count, length, start
