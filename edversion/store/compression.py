"""Compress segments with zstd where a probe says that it pays."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import zstandard

from edversion.errors import IntegrityError

__all__ = ["ZSTD", "compress", "decompress", "decompress_text", "pays"]

ZSTD = "zstd"
_LEVEL = 3
_WORTH = 0.8
_PROBE_LEVEL = 1
_AT_ONCE = 1 << 30
_PART = 64 << 20
_UNTOLD = -1  # of a frame that does not tell its size
_local = threading.local()


def pays(sample: bytes | memoryview) -> bool:
    """Tell whether a sample shrinks enough to be worth the time on every read."""
    if len(sample) < 512:
        return False
    shrunk = zstandard.ZstdCompressor(level=_PROBE_LEVEL).compress(sample)
    return len(shrunk) < _WORTH * len(sample)


def compress(data: bytes | memoryview) -> bytes | None:
    """Compress bytes; None where that saves less than a fifth."""
    shrunk = _compressor().compress(data)
    return shrunk if len(shrunk) < _WORTH * len(data) else None


def decompress(data: bytes | memoryview, raw_length: int) -> bytes:
    """Give back what was compressed.

    Raises
    ------
    IntegrityError
        The bytes are no zstd frame of that length.
    """
    try:
        told = zstandard.frame_content_size(data)
        if told not in (raw_length, _UNTOLD):  # what a frame tells is what zstd makes room for
            raise IntegrityError(
                f"zstd frame tells of {told} bytes, not {raw_length}", path="", pack=None
            )
        raw = _decompressor().decompress(data, max_output_size=raw_length)
    except zstandard.ZstdError as error:
        raise IntegrityError(f"damaged zstd frame: {error}", path="", pack=None) from error
    if len(raw) != raw_length:
        raise IntegrityError(
            f"zstd frame holds {len(raw)} bytes, not {raw_length}", path="", pack=None
        )
    return raw


def decompress_text(data: bytes, most: int) -> bytes:
    """Give back what was compressed, however much; room is made for what is there alone.

    Parameters
    ----------
    data : bytes
        A zstd frame.
    most : int
        Bytes that it may hold.

    Raises
    ------
    ValueError
        It is damaged, or holds more.
    """
    try:
        if 0 <= zstandard.frame_content_size(data) <= min(most, _AT_ONCE):
            return _decompressor().decompress(data)
        return b"".join(_parts(data, most))
    except zstandard.ZstdError as error:
        raise ValueError(f"damaged zstd frame: {error}") from error


def _parts(data: bytes, most: int) -> Iterator[bytes]:
    size = 0
    with zstandard.ZstdDecompressor().stream_reader(data) as reader:
        while part := reader.read(min(_PART, most + 1 - size)):
            size += len(part)
            if size > most:
                raise ValueError(f"the zstd frame holds more than {most} bytes")
            yield part


def _compressor() -> zstandard.ZstdCompressor:
    """Give this thread's compressor: making one costs more than a small file's compression."""
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=_LEVEL)
    compressor: zstandard.ZstdCompressor = _local.compressor
    return compressor


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    decompressor: zstandard.ZstdDecompressor = _local.decompressor
    return decompressor
