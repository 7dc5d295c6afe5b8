"""Know the file formats of machine learning: where they fall into parts, what they hold.

Formats are told by their first bytes, whatever the suffix; only text tables (CSV, TSV, JSON
Lines) and old pickles need one. They are read with the standard library: no framework is
imported, nothing is unpickled, and of weights only the headers are read. Parquet alone asks
pyarrow, if it is installed.

Compared are tables, row by row, and weights, tensor by tensor; see `differences`.

Facts hold names, types and counts, never the values of cells: they may be learners' records.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edversion import Section, Version, hookimpl
from edversion_plugins.formats import archives, arrays, compressed, pickles, safetensors, tables
from edversion_plugins.formats.facts import Facts, bounded
from edversion_plugins.formats.reading import DAMAGED, HEAD, RawFile, open_raw

__all__ = ["edversion_compare", "edversion_describe", "edversion_split"]

_PLAIN_SUFFIXES = frozenset(
    {".cfg", ".htm", ".html", ".ini", ".jpeg", ".jpg", ".json", ".log", ".md", ".mp3", ".mp4"}
    | {".pdf", ".png", ".py", ".rst", ".svg", ".toml", ".txt", ".wav", ".xml", ".yaml", ".yml"}
)
"""Files that are not opened to be described: a folder may hold a million of them."""


@hookimpl
def edversion_split(path: Path, size: int) -> list[int] | None:
    """Say where a file of weights falls into tensors, without reading them.

    Parameters
    ----------
    path : Path
        A local file.
    size : int
        Its size in bytes.

    Returns
    -------
    list of int or None
        Rising offsets of the parts, 0 and `size` left out; empty for a compressed format;
        None for an unknown or damaged file.

    Notes
    -----
    A tensor of 64 KiB and more is a part by itself, so that it stays equal when the bytes
    before it grow or shrink; smaller neighbours share a part.
    """
    try:
        with open_raw(path) as file:
            return _split(file, size)
    except DAMAGED:
        return None


def _split(file: RawFile, size: int) -> list[int] | None:
    head = file.read(HEAD)
    if archives.matches(head):
        return archives.offsets(file, size)
    if safetensors.matches(head, size):
        return safetensors.offsets(file, size)
    return [] if compressed.matches(head, file, size) else None


@hookimpl
def edversion_describe(path: Path) -> Facts | None:
    """Read facts out of a file of weights, arrays or records.

    Parameters
    ----------
    path : Path
        A local file.

    Returns
    -------
    dict or None
        ``format`` and what belongs to it, under 64 KiB as JSON; ``truncated`` is true, and
        the counts are given, where there was more. None for an unknown or damaged file.
    """
    suffix = path.suffix.lower()
    if suffix in _PLAIN_SUFFIXES:
        return None
    try:
        with open_raw(path) as file:
            facts = _describe(file, suffix)
        return bounded(facts) if facts else None
    except DAMAGED:
        return None


def _describe(file: RawFile, suffix: str) -> Facts | None:
    size = file.seek(0, 2)
    file.seek(0)
    if suffix in tables.READERS:
        return tables.READERS[suffix](file, size)
    head = file.read(HEAD)
    if archives.matches(head):
        return archives.describe(file, size)
    if safetensors.matches(head, size):
        return safetensors.describe(file, size)
    if arrays.matches(head):
        return {"format": "npy", **arrays.describe(file, 0)}
    if compressed.is_parquet(head, file, size):
        return tables.describe_parquet(file, size)
    return pickles.describe(head, suffix)


@hookimpl
def edversion_compare(versions: Sequence[Version]) -> list[Section]:
    """Say what differs inside tables and files of weights under the same path.

    Parameters
    ----------
    versions : sequence of Version
        The first is what the others are compared with.
    """
    from edversion_plugins.formats import differences  # most programs never compare

    return list(differences.sections(versions))
