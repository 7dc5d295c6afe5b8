"""Read a table of bounded size: Parquet, CSV, TSV; pyarrow is needed."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import edversion
from edversion_plugins.formats.differences.files import Unreadable
from edversion_plugins.formats.reading import RawFile
from edversion_plugins.formats.tables import describe_csv

__all__ = ["TABLES", "read_table"]

TABLES = frozenset({".csv", ".parquet", ".pq", ".tab", ".tsv"})
"""Suffixes of files whose rows are compared."""

_BYTES = 64 << 20
_ROWS = 2_000_000
_UNPACKED = 512 << 20
_COLUMNS = 1000


def read_table(version: edversion.Version, path: str, size: int) -> Any:
    """Give a file as an Arrow table; the cells of CSV stay text, so that ``007`` is not ``7``.

    Raises
    ------
    Unreadable
        It is too large, or pyarrow is missing.
    ValueError
        It is damaged.
    """
    if size > _BYTES:
        raise Unreadable(f"it has {size >> 20:,} MiB; up to {_BYTES >> 20} MiB are compared")
    try:
        import pyarrow
    except ImportError:
        raise Unreadable(
            "pyarrow is not installed; install edversion[evaluation] to compare tables"
        ) from None
    with version.open(path) as file:
        parquet = PurePosixPath(path).suffix.lower() in (".parquet", ".pq")
        try:
            table = _parquet(file) if parquet else _csv(file, path, size)
        except pyarrow.ArrowInvalid as error:
            raise ValueError(f"no table: {error}") from error
    if len(set(table.column_names)) < table.num_columns:
        raise Unreadable("two of its columns have the same name")
    if table.num_columns > _COLUMNS:
        raise Unreadable(f"it has {table.num_columns:,} columns; up to {_COLUMNS:,} are compared")
    return table


def _parquet(file: RawFile) -> Any:
    from pyarrow import parquet

    found = parquet.ParquetFile(file)
    facts = found.metadata
    unpacked = sum(facts.row_group(i).total_byte_size for i in range(facts.num_row_groups))
    if facts.num_rows > _ROWS or unpacked > _UNPACKED:
        raise Unreadable(
            f"it has {facts.num_rows:,} rows and {unpacked >> 20:,} MiB; up to {_ROWS:,} rows and "
            f"{_UNPACKED >> 20} MiB are compared"
        )
    return _plain(found.read())


def _plain(table: Any) -> Any:
    """Give columns of dictionaries as the values that they stand for."""
    import pyarrow

    for index, field in enumerate(table.schema):
        if pyarrow.types.is_dictionary(field.type):
            values = table.column(index).cast(field.type.value_type)
            table = table.set_column(index, field.name, values)
    return table


def _csv(file: RawFile, path: str, size: int) -> Any:
    import pyarrow
    from pyarrow import csv

    tabs = PurePosixPath(path).suffix.lower() in (".tsv", ".tab")
    facts = describe_csv(file, size, delimiter="\t" if tabs else None)
    if facts["column_count"] == 0:
        raise Unreadable("it is empty")
    names = facts["columns"] or [f"column {i + 1}" for i in range(facts["column_count"])]
    file.seek(0)
    mark = file.read(2)
    file.seek(0)
    table = csv.read_csv(
        file,
        read_options=csv.ReadOptions(
            column_names=names,
            skip_rows=int(facts["header"]),
            encoding="utf16" if mark in (b"\xff\xfe", b"\xfe\xff") else "utf8",
            use_threads=False,
        ),
        parse_options=csv.ParseOptions(delimiter=facts["delimiter"], newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pyarrow.string()),
            strings_can_be_null=True,
            null_values=[""],
        ),
    )
    if table.num_rows > _ROWS:
        raise Unreadable(f"it has {table.num_rows:,} rows; up to {_ROWS:,} are compared")
    return table
