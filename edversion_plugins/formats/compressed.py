"""Know formats that are compressed already, by their first bytes."""

from __future__ import annotations

from edversion_plugins.formats.reading import RawFile, read_at

__all__ = ["is_parquet", "matches"]

_MAGICS = (
    b"\x1f\x8b\x08",  # gzip
    b"\x28\xb5\x2f\xfd",  # zstd
    b"\xfd7zXZ\x00",  # xz
    b"\x04\x22\x4d\x18",  # lz4
    b"LZIP\x01",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\xff\x06\x00\x00sNaPpY",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",  # JPEG
    b"\x00\x00\x00\x0cjP  \r\n\x87\n",  # JPEG 2000
    b"\x00\x00\x00\x0cJXL \r\n\x87\n",
    b"GIF87a",
    b"GIF89a",
    b"OggS\x00",
    b"fLaC\x00",
    b"ID3\x02",  # MP3
    b"ID3\x03",
    b"ID3\x04",
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
)


def matches(head: bytes, file: RawFile, size: int) -> bool:
    """Tell whether a file is compressed by its own format."""
    return (
        head.startswith(_MAGICS)
        or (head[:3] == b"BZh" and head[4:10] == b"1AY&SY")
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or head[4:8] == b"ftyp"  # MP4, HEIC, AVIF
        or (0x50 <= head[0] <= 0x5F and head[1:4] == b"\x2a\x4d\x18" if head else False)
        or is_parquet(head, file, size)
    )


def is_parquet(head: bytes, file: RawFile, size: int) -> bool:
    """Tell whether a file begins and ends as Parquet does."""
    return head[:4] == b"PAR1" and size >= 12 and read_at(file, size - 4, 4) == b"PAR1"
