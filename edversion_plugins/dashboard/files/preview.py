"""The beginning of a file, as text, a table or an image; nothing of it is ever run."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import PurePosixPath

import edversion
from edversion import NotFoundError
from edversion_plugins.dashboard.files.images import LARGEST, PIXELS, Image, image_of
from edversion_plugins.dashboard.files.parquet import beginning_of
from edversion_plugins.dashboard.rendering import counted
from edversion_plugins.reporting.tables import Table, table

__all__ = ["LIMIT", "Preview", "preview_of", "shown_image"]

LIMIT = 65_536
"""Bytes of a file that are looked at."""

_ROWS, _COLUMNS = 50, 20
_INDENTED = 8 * LIMIT
"""Characters of JSON that is shown indented."""
_PARQUET = b"PAR1"
_JSON = (".json", ".ipynb", ".geojson")
_DELIMITERS = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True, slots=True)
class Preview:
    """What is shown of a file.

    Attributes
    ----------
    text : str
        Its beginning; empty where there is a table, or nothing to show.
    tables : tuple of Table
        The first rows of a table, and what its columns are.
    note : str
        What is left out, or why nothing is shown.
    image : Image or None
        What it is, where it is an image that can be shown.
    """

    text: str = ""
    tables: tuple[Table, ...] = ()
    note: str = ""
    image: Image | None = None


def preview_of(version: edversion.Version, entry: edversion.FileEntry) -> Preview:
    """Look at the beginning of a file."""
    if entry.reference is not None:
        return Preview(note="This file lies elsewhere; the dashboard fetches nothing from there.")
    suffix = PurePosixPath(entry.path).suffix.lower()
    with version.open(entry.path) as file:
        start = file.read(LIMIT)
    if start.startswith(_PARQUET):
        found = beginning_of(version, entry)
        return Preview(tables=found.tables, note=found.note)
    image = image_of(start)
    if image is not None:
        return _image(image, entry)
    whole = entry.size is not None and len(start) >= entry.size
    text = _text(start, whole=whole)
    if text is None:
        return Preview(note="This file is no text. Download it to look into it.")
    if suffix in _DELIMITERS:
        shown = _rows(text, _DELIMITERS[suffix], entry.path, whole=whole)
        if shown is not None:
            return shown
    if suffix in _JSON and whole:
        text = _indented(text)
    return Preview(text, note="" if whole else f"Only the first {LIMIT:,} bytes are shown.")


def shown_image(version: edversion.Version, entry: edversion.FileEntry) -> tuple[str, bytes]:
    """Give the type and the bytes of an image that can be shown.

    Raises
    ------
    NotFoundError
        It is none (code ``no_image``).
    """
    shown = None
    if entry.reference is None and (entry.size or 0) <= LARGEST:
        with version.open(entry.path) as file:
            content = file.read(LARGEST)
        shown = _image(image_of(content[:LIMIT]), entry).image
    if shown is None:
        raise NotFoundError(f"{entry.path} is no image that can be shown", code="no_image")
    return shown.media, content


def _image(image: Image | None, entry: edversion.FileEntry) -> Preview:
    if image is None:
        return Preview()
    told = f"{image.width:,} × {image.height:,} pixels, {image.media}."
    if (entry.size or 0) > LARGEST or image.width * image.height > PIXELS:
        return Preview(note=f"An image of {told} It is too large to be shown; download it.")
    return Preview(note=told, image=image)


def _text(start: bytes, *, whole: bool) -> str | None:
    """Decode bytes that are text; a letter that is cut in two at the end is left out."""
    if b"\0" in start:
        return None
    try:
        return start.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        cut = not whole and error.start > len(start) - 4
        return start[: error.start].decode("utf-8-sig") if cut else None


def _rows(text: str, delimiter: str, caption: str, *, whole: bool) -> Preview | None:
    """Read the first rows; None where it is no table."""
    rows = _read(text, delimiter, whole=whole)
    if not rows or len({len(row) for row in rows}) != 1:
        return None
    head, body = rows[0][:_COLUMNS], [row[:_COLUMNS] for row in rows[1:]]
    notes = []
    if len(body) > _ROWS or not whole:
        notes.append(f"The first {counted(min(len(body), _ROWS), 'row')} are shown.")
    if len(rows[0]) > _COLUMNS:
        notes.append(f"{counted(len(rows[0]) - _COLUMNS, 'more column')} left out.")
    shown = table(caption, [(name or "(no name)", "text") for name in head], body[:_ROWS])
    return Preview("", (shown,), " ".join(notes))


def _read(text: str, delimiter: str, *, whole: bool) -> list[list[str]]:
    """Read rows, empty ones left out; of a file that is cut off, without the last one."""
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            if row:
                rows.append(row)
    except csv.Error:
        return [] if whole else rows
    return rows if whole else rows[:-1]


def _indented(text: str) -> str:
    """Indent JSON; text stays as it is where it is none, or where that makes far more of it.

    Each line is as far in as what it says is deep: a few KiB, nested deeply, become gigabytes.
    """
    try:
        pieces = json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(json.loads(text))
        told, length = [], 0
        for piece in pieces:
            told.append(piece)
            length += len(piece)
            if length > _INDENTED:
                return text
    except (ValueError, RecursionError):
        return text
    return "".join(told)
