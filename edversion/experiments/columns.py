"""Tables as people have them, read as columns by name; no message quotes a cell with an id."""

from __future__ import annotations

import csv
import json
import math
import numbers
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edversion.errors import InvalidInputError, NotFoundError
from edversion.experiments.pseudonyms import is_pseudonym

__all__ = ["Columns", "illegal_table", "is_missing", "read_columns", "read_number", "read_units"]

Columns = Mapping[str, list[Any]]


def read_columns(table: Any, what: str) -> Columns:
    """Read columns out of what people have tables in.

    Parameters
    ----------
    table : mapping, DataFrame, Table or path
        Columns by name, or a file of CSV, JSON lines or Parquet.
    what : str
        What it is a table of, for messages and their code: ``"outcomes"``.

    Raises
    ------
    InvalidInputError
        It is none of these, or its columns are not of one length.
    NotFoundError
        There is no such file.
    """
    columns = _read(table, what)
    if len({len(column) for column in columns.values()}) > 1:
        raise illegal_table(what, "has columns of different lengths")
    return columns


def read_units(
    columns: Columns, unit: str, what: str, known: Callable[[str | int], str] | None
) -> list[str]:
    """Give the column of pseudonyms.

    Parameters
    ----------
    unit : str
        The column.
    known : callable or None
        Gives the pseudonym of an id; None where the column holds pseudonyms.
    """
    if unit not in columns:
        there = ", ".join(map(str, columns))
        raise illegal_table(what, f"has no column {unit!r}; there are: {there}")
    if known is not None:
        return [known(cell) for cell in columns[unit]]
    if not all(map(is_pseudonym, columns[unit])):
        raise illegal_table(
            what,
            "holds a unit that is no pseudonym; where its column holds ids, say raw=True (--raw), "
            "and they are turned into pseudonyms here",
        )
    return list(columns[unit])


def read_number(value: Any) -> float | None:
    """Give a number, a truth or the text of one as a number; None where it is none."""
    if isinstance(value, str):  # of a CSV file
        words = {"true": 1.0, "false": 0.0}
        try:
            return words.get(value.strip().lower()) if value.strip().isalpha() else float(value)
        except ValueError:
            return None
    if isinstance(value, numbers.Real) or type(value).__name__ in ("bool_", "bool"):
        return float(value)
    return None


def is_missing(cell: Any) -> bool:
    """Tell whether a cell holds nothing."""
    if cell is None or cell == "" or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(cell, float) and math.isnan(cell)


def illegal_table(what: str, text: str) -> InvalidInputError:
    """Give the error about a table."""
    return InvalidInputError(f"the table of {what} {text}", code=f"illegal_{what}")


def _read(table: Any, what: str) -> Columns:
    if isinstance(table, str | os.PathLike):
        return _file(Path(table), what)
    if isinstance(table, Mapping):
        return {name: list(column) for name, column in table.items()}
    if not hasattr(table, "to_pydict") and hasattr(table, "to_pandas"):  # Polars
        table = table.to_pandas()
    for convert, arguments in (("to_pydict", ()), ("to_dict", ("list",))):  # Arrow, pandas
        if hasattr(table, convert):
            columns: Columns = getattr(table, convert)(*arguments)
            return columns
    raise illegal_table(what, f"cannot be read out of {type(table).__name__}")


def _file(path: Path, what: str) -> Columns:
    if not path.is_file():
        raise NotFoundError(f"there is no file {path}", code="no_file", path=str(path))
    try:
        return _parquet(path) if path.suffix == ".parquet" else _rows(path)
    except InvalidInputError:
        raise
    except (TypeError, ValueError, csv.Error):  # Arrow's errors are of the first kind
        kind = "CSV in UTF-8" if path.suffix == ".csv" else path.suffix.lstrip(".") or "JSON lines"
        # what it could not read may be an id: neither quoted nor chained
        raise illegal_table(what, f"cannot be read: {path} is no {kind}") from None


def _rows(path: Path) -> Columns:
    with path.open(encoding="utf-8-sig", newline="") as file:  # a spreadsheet writes the mark
        if path.suffix == ".csv":
            rows: list[dict[str, Any]] = list(csv.DictReader(file))
        else:
            rows = [dict(json.loads(line)) for line in file if line.strip()]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _parquet(path: Path) -> Columns:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise InvalidInputError(
            f"{path} is Parquet, which needs pyarrow: pip install 'edversion[experiments]'",
            code="extra_missing",
        ) from error
    columns: Columns = parquet.read_table(path).to_pydict()
    return columns
