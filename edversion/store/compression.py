"""Compress segments with zstd where a probe says that it pays."""

from __future__ import annotations

import threading

import zstandard

from edversion.errors import IntegrityError

__all__ = ["ZSTD", "compress", "decompress", "pays"]

ZSTD = "zstd"
_LEVEL = 3
_WORTH = 0.8
_PROBE_LEVEL = 1
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
        raw = _decompressor().decompress(data, max_output_size=raw_length)
    except zstandard.ZstdError as error:
        raise IntegrityError(f"damaged zstd frame: {error}", path="", pack=None) from error
    if len(raw) != raw_length:
        raise IntegrityError(
            f"zstd frame holds {len(raw)} bytes, not {raw_length}", path="", pack=None
        )
    return raw


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
