"""The beginning of a file, as text or a table; nothing of it is ever run."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import PurePosixPath

import edversion
from edversion_plugins.reporting.tables import Table, table

__all__ = ["LIMIT", "Preview", "preview_of"]

LIMIT = 65_536
"""Bytes of a file that are looked at."""

_ROWS, _COLUMNS = 50, 20
_DELIMITERS = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True, slots=True)
class Preview:
    """What is shown of a file.

    Attributes
    ----------
    text : str
        Its beginning; empty where there is a table, or nothing to show.
    table : Table or None
        The first rows of a CSV file.
    note : str
        What is left out, or why nothing is shown.
    """

    text: str = ""
    table: Table | None = None
    note: str = ""


def preview_of(version: edversion.Version, entry: edversion.FileEntry) -> Preview:
    """Look at the beginning of a file."""
    if entry.reference is not None:
        return Preview(note="This file lies elsewhere; the dashboard fetches nothing from there.")
    with version.open(entry.path) as file:
        start = file.read(LIMIT)
    whole = entry.size is not None and len(start) >= entry.size
    text = _text(start, whole=whole)
    if text is None:
        return Preview(note="This file is no text. Download it to look into it.")
    note = "" if whole else f"Only the first {LIMIT:,} bytes are shown."
    suffix = PurePosixPath(entry.path).suffix.lower()
    if suffix in _DELIMITERS:
        shown = _rows(text, _DELIMITERS[suffix], entry.path, whole=whole)
        if shown is not None:
            return shown
    if suffix == ".json" and whole:
        text = _indented(text)
    return Preview(text, None, note)


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
    if not whole:
        text = text[: text.rfind("\n") + 1]
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    if not rows or len({len(row) for row in rows if row}) != 1:
        return None
    head, body = rows[0][:_COLUMNS], [row[:_COLUMNS] for row in rows[1:] if row]
    notes = []
    if len(body) > _ROWS or not whole:
        notes.append(f"The first {min(len(body), _ROWS)} rows are shown.")
    if len(rows[0]) > _COLUMNS:
        notes.append(f"{len(rows[0]) - _COLUMNS} more columns are left out.")
    shown = table(caption, [(name or "(no name)", "text") for name in head], body[:_ROWS])
    return Preview("", shown, " ".join(notes))


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
