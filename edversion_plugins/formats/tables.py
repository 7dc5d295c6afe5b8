"""Read columns and rows of text tables, JSON Lines and Parquet; never a cell."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from edversion_plugins.formats.facts import Facts
from edversion_plugins.formats.headers import is_header, looks_like_value
from edversion_plugins.formats.reading import RawFile, read_at

__all__ = ["READERS", "describe_csv", "describe_json_lines", "describe_parquet"]

_WHOLE = 16 * 1024 * 1024
"""Bytes up to which rows are counted."""

_SAMPLE = 1024 * 1024
"""Bytes of a larger file that are looked at."""

_RECORDS = 1000
"""Records by which the first one is judged."""

_LONGEST_FOOTER = 64 * 1024 * 1024
_DELIMITERS = ",;\t|"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def describe_csv(file: RawFile, size: int, *, delimiter: str | None = None) -> Facts:
    """Give delimiter, columns and number of rows of a CSV or TSV file.

    Parameters
    ----------
    file : RawFile
        At its start.
    size : int
        Its size in bytes; of more than 16 MiB, ``rows`` is None.
    delimiter : str, optional
        The delimiter, where it is known.

    Returns
    -------
    dict
        ``columns`` is None where the first record may be data rather than names.

    Raises
    ------
    ValueError, csv.Error
        The file is not text.
    """
    data, whole = _read(file, size)
    encoding = _encoding(data)
    sample, complete = _sample(data, encoding, whole=whole)
    if delimiter is None:
        delimiter = max(_DELIMITERS, key=partial(_fitness, sample, complete))
    first, *body = _first_records(sample, complete, delimiter) or [[]]
    named = is_header(first, body)
    rows = sum(1 for _ in _records(_stream(data, encoding), delimiter)) if whole else None
    return {
        "format": "tsv" if delimiter == "\t" else "csv",
        "delimiter": delimiter,
        "rows": rows if rows is None else rows - named,
        "header": named,
        "column_count": len(first),
        "columns": first if named else None,
    }


def describe_json_lines(file: RawFile, size: int) -> Facts:
    """Give the number of rows, and the keys of the first object.

    Raises
    ------
    ValueError
        The file is not text, or its first line is not JSON.
    """
    data, whole = _read(file, size)
    if not whole:
        data = data[: data.rfind(b"\n") + 1]
    lines = (line for line in _stream(data, _encoding(data)) if line.strip())
    first = next(lines, None)
    facts: Facts = {"format": "jsonl", "rows": None}
    if whole:
        facts["rows"] = sum(1 for _ in lines) + (first is not None)
    start = None if first is None else json.loads(first)
    if isinstance(start, dict):
        facts["key_count"] = len(start)
        facts["keys"] = None if any(map(looks_like_value, start)) else list(start)
    return facts


def describe_parquet(file: RawFile, size: int) -> Facts:
    """Give rows, row groups and columns with their types, if pyarrow is there.

    Raises
    ------
    ValueError
        The file is damaged.
    """
    if int.from_bytes(read_at(file, size - 8, 4), "little") > min(_LONGEST_FOOTER, size - 12):
        raise ValueError("footer longer than the file")
    try:
        import pyarrow.parquet
    except ImportError:
        return {"format": "parquet"}
    file.seek(0)
    try:
        parquet: Any = pyarrow.parquet.ParquetFile(file)
        schema = parquet.schema_arrow
    except Exception as error:
        raise ValueError("damaged footer") from error
    return {
        "format": "parquet",
        "rows": parquet.metadata.num_rows,
        "row_groups": parquet.metadata.num_row_groups,
        "column_count": len(schema.names),
        "columns": {field.name: str(field.type) for field in schema},
    }


READERS: dict[str, Callable[[RawFile, int], Facts]] = {
    ".csv": describe_csv,
    ".tsv": partial(describe_csv, delimiter="\t"),
    ".tab": partial(describe_csv, delimiter="\t"),
    ".jsonl": describe_json_lines,
    ".ndjson": describe_json_lines,
    ".jsonlines": describe_json_lines,
}
"""Readers of text tables, by suffix."""


def _read(file: RawFile, size: int) -> tuple[bytes, bool]:
    """Give the whole file where it is small enough, else its beginning."""
    whole = size <= _WHOLE
    return read_at(file, 0, size if whole else _SAMPLE), whole


def _encoding(data: bytes) -> str:
    """Tell the encoding by the mark; UTF-8 without one.

    Raises
    ------
    ValueError
        The bytes are no text.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    if encoding != "utf-16" and b"\0" in data:
        raise ValueError("not text")
    return encoding


def _sample(data: bytes, encoding: str, *, whole: bool) -> tuple[str, bool]:
    """Give the beginning as text, and whether that is all; it may end within a character."""
    complete = whole and len(data) <= _SAMPLE
    return codecs.getincrementaldecoder(encoding)().decode(data[:_SAMPLE], complete), complete


def _stream(data: bytes, encoding: str) -> io.TextIOWrapper:
    """Decode line by line: text takes up to four times the room of its bytes."""
    return io.TextIOWrapper(io.BytesIO(data), encoding, newline="")


def _records(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    return (record for record in csv.reader(lines, delimiter=delimiter) if record)


def _first_records(sample: str, complete: bool, delimiter: str) -> list[list[str]]:
    """Give the first records; the last of a cut text is cut too, and left out."""
    lines = io.StringIO(sample, newline="")
    records = list(islice(_records(lines, delimiter), _RECORDS + 1))
    return records if complete or len(records) > _RECORDS else records[:-1]


def _fitness(sample: str, complete: bool, delimiter: str) -> tuple[float, int]:
    """Say how well a delimiter divides the first records into equally many cells."""
    try:
        records = _first_records(sample, complete, delimiter)[:50]
    except csv.Error:  # without its delimiter, a record may be longer than a cell can be
        return 0.0, 0
    width = len(records[0]) if records else 0
    if width < 2:
        return 0.0, 0
    return sum(len(record) == width for record in records) / len(records), width
