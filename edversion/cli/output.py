"""The streams: standard output has the answer alone, standard error everything beside it."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from edversion.telling.values import visible

__all__ = [
    "OutputError",
    "drop_output",
    "guard_output",
    "note",
    "tolerate_encodings",
    "write_bytes",
    "write_json",
    "write_page",
]


class OutputError(OSError):
    """Standard output takes no more."""


class _Guarded(io.FileIO):
    """Standard output, whose failures are told apart from those of any other file."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:  # whoever read it has seen enough
            raise
        except OSError as error:
            raise OutputError(error.errno, error.strerror) from error


def guard_output() -> None:
    """Let standard output raise `OutputError` where it cannot be written."""
    stream = sys.stdout
    if stream is not sys.__stdout__ or not isinstance(stream, io.TextIOWrapper):
        return  # somebody else's stand-in
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Guarded(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def write_json(document: Any) -> None:
    """Write one JSON document in UTF-8, whatever the terminal's encoding."""
    text = json.dumps(document, ensure_ascii=False, indent=2)
    # A lone surrogate, from an undecodable argument, becomes the \\udcxx that JSON allows.
    data = text.encode(errors="backslashreplace")
    write_bytes(data + b"\n")


def write_bytes(data: bytes) -> None:
    """Write bytes to standard output as they are."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def write_page(page: str, path: Path) -> None:
    """Write a page to a file, and say so; where that is -, to standard output."""
    if str(path) == "-":
        write_bytes(page.encode())
        return
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(path), error.strerror) from error
    note(f"wrote {path}")


def note(text: str) -> None:
    """Say something beside the answer."""
    click.echo(visible(text), err=True)


def tolerate_encodings() -> None:
    """Write what the terminal's encoding lacks as escapes, instead of failing on it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Let Python's last flush of standard output find nobody to complain to."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
