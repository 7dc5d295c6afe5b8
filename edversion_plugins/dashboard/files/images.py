"""Images, known by their first bytes: which kind, how wide and how high.

A name says nothing: what is shown as an image begins as one of four kinds does, and is served
with exactly that type. SVG is none of them, since it may hold scripts; it is shown as text.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["LARGEST", "PIXELS", "Image", "image_of"]

LARGEST = 20_000_000
"""Bytes of an image that is shown."""
PIXELS = 50_000_000
"""Pixels of an image that is shown: browsers take four bytes for each."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of JPEG behind which the size stands."""


@dataclass(frozen=True, slots=True)
class Image:
    """What an image is.

    Attributes
    ----------
    media : str
        Its type, as HTTP has it.
    width, height : int
        Pixels.
    """

    media: str
    width: int
    height: int


def image_of(head: bytes) -> Image | None:
    """Say what an image is by its first bytes; None where it is none, or begins wrongly.

    Examples
    --------
    >>> image_of(b"GIF89a" + bytes([3, 0, 2, 0]))
    Image(media='image/gif', width=3, height=2)
    >>> image_of(b"<svg xmlns='http://www.w3.org/2000/svg'/>") is None
    True
    """
    for media, starts, read in _KINDS:
        if any(head.startswith(start) for start in starts):
            try:
                width, height = read(head)
            except (struct.error, IndexError, ValueError):
                return None
            return Image(media, width, height) if width and height else None
    return None


def _png(head: bytes) -> tuple[int, int]:
    if head[12:16] != b"IHDR":
        raise ValueError
    return struct.unpack_from(">II", head, 16)


def _gif(head: bytes) -> tuple[int, int]:
    return struct.unpack_from("<HH", head, 6)


def _jpeg(head: bytes) -> tuple[int, int]:
    """Go from marker to marker, to the one that has the size."""
    at = 2
    while head[at] == 0xFF:
        marker = head[at + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", head, at + 5)
            return width, height
        at += 2 + struct.unpack_from(">H", head, at + 2)[0]
    raise ValueError


def _webp(head: bytes) -> tuple[int, int]:
    kind = head[12:16]
    if head[8:12] != b"WEBP":
        raise ValueError
    if kind == b"VP8X":
        low, high, low_down, high_down = struct.unpack_from("<HBHB", head, 24)
        return (high << 16 | low) + 1, (high_down << 16 | low_down) + 1
    if kind == b"VP8L" and head[20] == 0x2F:
        bits = struct.unpack_from("<I", head, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError


_KINDS: tuple[tuple[str, tuple[bytes, ...], Callable[[bytes], tuple[int, int]]], ...] = (
    ("image/png", (b"\x89PNG\r\n\x1a\n",), _png),
    ("image/gif", (b"GIF87a", b"GIF89a"), _gif),
    ("image/jpeg", (b"\xff\xd8\xff",), _jpeg),
    ("image/webp", (b"RIFF",), _webp),
)
