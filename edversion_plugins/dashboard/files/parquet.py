"""The schema and the first rows of a Parquet file, read by a process of its own.

`parquet_reader` says why; this side gives it the bytes that it asks for, no more than `_MOST`,
and ends it after `_SECONDS`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore, Timer
from typing import Any, BinaryIO

import edversion
from edversion_plugins.dashboard.rendering import counted
from edversion_plugins.reporting.tables import Table, table

__all__ = ["Beginning", "beginning_of"]

_READER = Path(__file__).with_name("parquet_reader.py")
_MOST = 64 << 20
"""Bytes of a file that are read for its preview."""
_SECONDS = 20.0
_AT_ONCE = BoundedSemaphore(2)
"""Readers that run beside each other; further requests wait a moment."""
_PATIENCE = 5.0
"""Seconds that one waits: it holds a thread, of which other pages need some."""
_LINE = 4 << 20
"""Bytes of one line of a reader."""
_FOUND_BY = ("HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_UNREADABLE = (
    "This file is called Parquet, but cannot be read as such: it is damaged, of a kind that "
    "pyarrow does not know, or too large to unpack here. Download it to look into it."
)
_BUSY = "Others look into such files just now. Load the page again in a moment."
_TOO_MUCH = (
    f"Its first rows take more than {_MOST >> 20} MiB to read, so that only a download shows them."
)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is shown of a Parquet file.

    Attributes
    ----------
    tables : tuple of Table
        Its first rows, then its columns with their types; none where it could not be read.
    note : str
        What is left out, or why nothing is shown.
    """

    tables: tuple[Table, ...]
    note: str


def beginning_of(version: edversion.Version, entry: edversion.FileEntry) -> Beginning:
    """Read the beginning of a file that is called Parquet."""
    if not _AT_ONCE.acquire(timeout=_PATIENCE):
        return Beginning((), _BUSY)
    try:
        with version.open(entry.path) as file:
            told = _read(file, entry.size or 0)
    finally:
        _AT_ONCE.release()
    if told is None:
        return Beginning((), _UNREADABLE)
    if "too_much" in told:
        return Beginning((), _TOO_MUCH)
    return _shown(told, entry.path)


def _read(file: BinaryIO, size: int) -> dict[str, Any] | None:
    """Let a reader read; None where it could not."""
    command = [sys.executable, "-E", "-P", "-B", str(_READER), str(size)]
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - this Python, with a file of ours
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=_environment()
    ) as reader:
        timer = Timer(_SECONDS, reader.kill)
        timer.start()
        try:
            return _served(reader, file)
        except (OSError, ValueError, TypeError, AttributeError):  # it broke off, or talks nonsense
            return None
        finally:
            timer.cancel()
            reader.kill()


def _environment() -> dict[str, str]:
    """Give a reader what its libraries are found by, and no secrets."""
    return {name: os.environ[name] for name in _FOUND_BY if name in os.environ}


def _served(reader: subprocess.Popen[bytes], file: BinaryIO) -> dict[str, Any] | None:
    """Give a reader the bytes that it asks for, until it says what it found."""
    assert reader.stdin is not None
    assert reader.stdout is not None
    left = _MOST
    while line := reader.stdout.readline(_LINE):
        told = json.loads(line)
        if "read" not in told:
            return told.get("shown")  # type: ignore[no-any-return]
        offset, length = map(int, told["read"])
        if length < 0:  # which would be the whole file
            return None
        left -= length
        if left < 0:
            return {"too_much": True}
        file.seek(offset)
        reader.stdin.write(file.read(length))
        reader.stdin.flush()
    return None


def _shown(told: dict[str, Any], path: str) -> Beginning:
    kinds = [
        "number" if any(isinstance(row[place], float) for row in told["first"]) else "text"
        for place in range(len(told["names"]))
    ]
    heads = [(name or "(no name)", kind) for name, kind in zip(told["names"], kinds, strict=True)]
    rows = [row for row in told["first"] if heads]
    schema = table(f"Columns of {path}", [("column", "text"), ("type", "text")], told["schema"])
    found = [table(path, heads, rows), schema] if rows else [schema]
    return Beginning(tuple(found), " ".join(_notes(told)))


def _notes(told: dict[str, Any]) -> list[str]:
    shown, columns = len(told["first"]), told["columns"]
    notes = [
        f"It has {counted(told['rows'], 'row')}, {counted(columns, 'column')} and "
        f"{counted(told['groups'], 'group')} of rows."
    ]
    if shown < told["rows"]:
        notes.append(f"The first {counted(shown, 'row')} are shown.")
    if columns > len(told["names"]):
        notes.append(
            f"{counted(columns - len(told['names']), 'more column')} left out of the rows."
        )
    if columns > len(told["schema"]):
        notes.append(f"The first {len(told['schema'])} columns are listed.")
    if any(isinstance(cell, float) for row in told["first"] for cell in row):
        notes.append("Numbers are rounded; the file has all of their digits.")
    return notes
