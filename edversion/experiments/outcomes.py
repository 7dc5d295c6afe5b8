"""Outcomes: check what was measured, and read tables of it."""

from __future__ import annotations

import csv
import json
import math
import numbers
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edversion.catalog import Outcome
from edversion.errors import InvalidInputError, NotFoundError
from edversion.experiments.pseudonyms import is_pseudonym
from edversion.model import ExperimentDefinition

__all__ = ["check_values", "read_outcomes"]

Columns = Mapping[str, list[Any]]


def check_values(
    definition: ExperimentDefinition,
    unit: str,
    values: Mapping[str, Any],
    at: datetime | None,
) -> list[Outcome]:
    """Give the outcomes of a unit.

    Parameters
    ----------
    unit : str
        Pseudonym.

    Raises
    ------
    InvalidInputError
        There is no such outcome, a value cannot be one, or the time has no zone.
    """
    moment = _seconds(at)
    return [
        Outcome(unit, name, _value(definition, name, value), moment)
        for name, value in values.items()
    ]


def read_outcomes(
    definition: ExperimentDefinition,
    table: Any,
    *,
    unit: str,
    at: str,
    known: Callable[[str | int], str] | None,
) -> list[Outcome]:
    """Give the outcomes in a table; cells that are empty or NaN were not measured.

    Parameters
    ----------
    table : mapping, DataFrame, Table or path
        Columns by name.
    unit, at : str
        Columns of the unit, and of the time.
    known : callable or None
        Gives the pseudonym of an id; None where the column holds pseudonyms.

    Raises
    ------
    InvalidInputError
        A column is missing, or a cell cannot be what it should.
    """
    columns = _columns(table)
    if unit not in columns:
        raise _fault(f"has no column {unit!r}; there are: {', '.join(map(str, columns))}")
    units = [_unit(one, known) for one in columns[unit]]
    times = [_time(cell) for cell in columns.get(at, [None] * len(units))]
    return [
        Outcome(who, name, _value(definition, name, cell), when)
        for who, when, name, cell in _cells(definition, columns, units, times)
        if not _is_missing(cell)
    ]


def _cells(
    definition: ExperimentDefinition, columns: Columns, units: list[str], times: list[float]
) -> Iterator[tuple[str, float, str, Any]]:
    if "name" in columns and "value" in columns:
        yield from zip(units, times, columns["name"], columns["value"], strict=True)
        return
    found = [name for name in definition.recorded if name in columns]
    if not found:
        raise _fault(
            f"has none of the outcomes {', '.join(definition.recorded)}, nor the columns 'name' "
            "and 'value'"
        )
    for name in found:
        for who, when, cell in zip(units, times, columns[name], strict=True):
            yield who, when, name, cell


def _columns(table: Any) -> Columns:
    """Read columns out of what people have tables in."""
    if isinstance(table, str | os.PathLike):
        return _file(Path(table))
    if isinstance(table, Mapping):
        return {name: list(column) for name, column in table.items()}
    for convert, arguments in (("to_pydict", ()), ("to_dict", ("list",))):  # Arrow, pandas
        if hasattr(table, convert):
            columns: Columns = getattr(table, convert)(*arguments)
            return columns
    raise _fault(f"cannot be read out of {type(table).__name__}")


def _file(path: Path) -> Columns:
    if not path.is_file():
        raise NotFoundError(f"there is no file {path}", code="no_file", path=str(path))
    if path.suffix == ".parquet":
        return _parquet(path)
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            rows: list[dict[str, Any]] = list(csv.DictReader(file))
        else:
            rows = [json.loads(line) for line in file if line.strip()]
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


def _unit(cell: Any, known: Callable[[str | int], str] | None) -> str:
    if known is not None:
        return known(cell)
    if not is_pseudonym(cell):
        raise _fault(
            "holds a unit that is no pseudonym; where its column holds ids, say raw=True, and "
            "they are turned into pseudonyms here"
        )
    return str(cell)


def _value(definition: ExperimentDefinition, name: str, value: Any) -> float:
    """Give a value as a number."""
    if name not in definition.recorded:
        known = ", ".join(definition.recorded)
        raise InvalidInputError(
            f"{definition.reference} records no outcome {name!r}; there are: {known}",
            code="illegal_outcome",
            outcome=name,
        )
    number = _number(value)
    proportion = definition.outcomes[name] == "proportion"
    if number is None or not math.isfinite(number) or (proportion and number not in (0, 1)):
        wanted = "True, False, 0 or 1" if proportion else "a number"
        raise InvalidInputError(
            f"the outcome {name!r} must be {wanted}, not {value!r}",
            code="illegal_outcome",
            outcome=name,
        )
    return number


def _number(value: Any) -> float | None:
    if isinstance(value, str):  # of a CSV file
        words = {"true": 1.0, "false": 0.0}
        try:
            return words.get(value.strip().lower()) if value.strip().isalpha() else float(value)
        except ValueError:
            return None
    if isinstance(value, numbers.Real) or type(value).__name__ in ("bool_", "bool"):
        return float(value)
    return None


def _is_missing(cell: Any) -> bool:
    return cell is None or cell == "" or (isinstance(cell, float) and math.isnan(cell))


def _time(cell: Any) -> float:
    if _is_missing(cell):
        return _seconds(None)
    if isinstance(cell, str):
        try:
            return _seconds(datetime.fromisoformat(cell))
        except ValueError as error:
            raise _fault(f"holds the time {cell!r}, which is not ISO 8601") from error
    return _seconds(cell)


def _seconds(at: datetime | None) -> float:
    """Give a time as seconds since the epoch; now where there is none."""
    if at is None:
        return datetime.now(UTC).timestamp()
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise InvalidInputError(
            f"the time of an outcome must be a datetime with its time zone, not {at!r}",
            code="illegal_time",
        )
    return at.timestamp()


def _fault(text: str) -> InvalidInputError:
    return InvalidInputError(f"the table of outcomes {text}", code="illegal_outcomes")
