"""Read small pieces of large files."""

from __future__ import annotations

import csv
import struct
import zlib
from io import FileIO
from pathlib import Path
from typing import BinaryIO

__all__ = ["DAMAGED", "HEAD", "RawFile", "open_raw", "read_at"]

RawFile = BinaryIO

HEAD = 32
"""Bytes that tell every format but a table."""

DAMAGED = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
    csv.Error,
    struct.error,
    zlib.error,
)
"""What reading a damaged, hostile or vanished file raises; it means "not known"."""


def open_raw(path: Path) -> RawFile:
    """Open a file unbuffered: what is read is what was asked for."""
    return FileIO(path, "rb")


def read_at(file: RawFile, offset: int, length: int) -> bytes:
    """Give exactly `length` bytes from `offset` on.

    Raises
    ------
    ValueError
        The file ends before.
    """
    file.seek(offset)
    data = file.read(length)
    if len(data) != length:
        raise ValueError(f"{length} bytes expected at {offset}, {len(data)} there")
    return data
