"""Outcomes: check what was measured, and read tables of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from edversion.catalog import Outcome
from edversion.errors import InvalidInputError
from edversion.experiments.columns import (
    Columns,
    illegal_table,
    is_missing,
    read_columns,
    read_number,
    read_units,
)
from edversion.model import ExperimentDefinition

__all__ = ["check_values", "read_outcomes"]

_WHAT = "outcomes"


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
        None is given, there is no such outcome, a value cannot be one, or the time has no zone.
    """
    if not values:
        raise InvalidInputError(
            f"no outcome is given; experiment {definition.reference} measures: "
            f"{', '.join(definition.outcomes)}",
            code="illegal_outcome",
        )
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
    columns = read_columns(table, _WHAT)
    units = read_units(columns, unit, _WHAT, known)
    times = [_time(cell) for cell in columns.get(at, [None] * len(units))]
    return [
        Outcome(who, name, _value(definition, name, cell), when)
        for who, when, name, cell in _cells(definition, columns, units, times)
        if not is_missing(cell)
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


def _value(definition: ExperimentDefinition, name: str, value: Any) -> float:
    """Give a value as a number."""
    if name not in definition.recorded:
        known = ", ".join(definition.recorded)
        raise InvalidInputError(
            f"{definition.reference} records no outcome {name!r}; there are: {known}",
            code="illegal_outcome",
            outcome=name,
        )
    number = read_number(value)
    proportion = definition.outcomes[name] == "proportion"
    if number is None or not math.isfinite(number) or (proportion and number not in (0, 1)):
        wanted = "True, False, 0 or 1" if proportion else "a number"
        raise InvalidInputError(
            f"the outcome {name!r} must be {wanted}, not {value!r}",
            code="illegal_outcome",
            outcome=name,
        )
    return number


def _time(cell: Any) -> float:
    if is_missing(cell):
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
    return illegal_table(_WHAT, text)
