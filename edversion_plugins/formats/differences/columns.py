"""Summaries of the columns of two tables side by side; pyarrow is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["ColumnSummary", "summarised"]


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """What one column of one table holds.

    Attributes
    ----------
    type : str
        As Arrow names it; ``text`` for the cells of CSV, ``numbers in text`` where all of
        them read as numbers.
    nulls : int
        Missing cells.
    distinct : int or None
        Different values, missing ones left out; None where they cannot be counted.
    low, mean, high : float or None
        Of the finite numbers; None where it holds none, or something else.
    """

    type: str
    nulls: int
    distinct: int | None
    low: float | None = None
    mean: float | None = None
    high: float | None = None


def summarised(column: Any, *, in_text: bool, private: bool = False) -> ColumnSummary:
    """Sum a column up: counts, and of numbers the range and the mean.

    Parameters
    ----------
    in_text : bool
        Whether it is of a text table, whose numbers are to be read.
    private : bool
        Whether to give counts alone, as of a key.
    """
    import pyarrow
    from pyarrow import compute

    kind = "text" if in_text else str(column.type)
    try:
        distinct = int(compute.count_distinct(column).as_py())
    except pyarrow.ArrowNotImplementedError:
        distinct = None
    numbers = None if private else _numbers(column, in_text=in_text)
    if numbers is None or not len(numbers):
        return ColumnSummary(kind, column.null_count, distinct)
    ends = compute.min_max(numbers).as_py()
    return ColumnSummary(
        "numbers in text" if in_text else kind,
        column.null_count,
        distinct,
        ends["min"],
        compute.mean(numbers).as_py(),
        ends["max"],
    )


def _numbers(column: Any, *, in_text: bool) -> Any:
    """Give the finite numbers of a column as float64; None where it holds something else."""
    import pyarrow
    from pyarrow import compute

    kind, types = column.type, pyarrow.types
    if not (in_text or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)):
        return None
    if in_text:
        column = compute.utf8_trim_whitespace(column)
    try:
        numbers = column.cast(pyarrow.float64(), safe=False).drop_null()
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError):
        return None
    return numbers.filter(compute.is_finite(numbers))
