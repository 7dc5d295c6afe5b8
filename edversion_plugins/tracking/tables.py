"""Give the columns of pandas frames and Arrow tables as Arrow columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from edversion import InvalidInputError
from edversion_plugins.tracking.columns import Arrow
from edversion_plugins.tracking.hashing import Array, framed

__all__ = ["Column", "arrow_of_objects", "columns_of", "has_default_index"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, or one level of its index.

    Attributes
    ----------
    name : object
        Text; of a frame also a whole number, None, or a tuple of these.
    role : {"column", "index"}
        What it is.
    values : pyarrow.ChunkedArray
        The rows.
    """

    name: Any
    role: str
    values: Arrow

    @property
    def type(self) -> Arrow:
        """The Arrow type."""
        return self.values.type

    @property
    def key(self) -> bytes:
        """The name as bytes; 1 and "1" differ."""
        return _key(self.name)


def columns_of(data: Any) -> list[Column]:
    """Give the columns of a table in order, then the levels of its index.

    Parameters
    ----------
    data : pandas.DataFrame or pyarrow.Table
        A default index (0, 1, 2 … without a name) has no levels.

    Raises
    ------
    InvalidInputError
        There is no column, or one occurs twice, has a name of an odd type, or holds objects of
        different kinds.
    """
    import pyarrow as pa

    names = data.column_names if isinstance(data, pa.Table) else list(data.columns)
    if not names:
        raise InvalidInputError("the table has no columns", code="no_columns")
    _check_names(names)
    if isinstance(data, pa.Table):
        return [Column(name, "column", data.column(i)) for i, name in enumerate(names)]
    columns = [
        Column(name, "column", _of_series(data.iloc[:, i], name)) for i, name in enumerate(names)
    ]
    if has_default_index(data):
        return columns
    index = data.index
    for i, name in enumerate(index.names):
        values = index.get_level_values(i).to_series(index=range(len(index)))
        columns.append(Column(name, "index", _of_series(values, f"index {name or i}")))
    return columns


def has_default_index(frame: Any) -> bool:
    """Tell whether the index says no more than the order of the rows."""
    import pandas as pd

    index = frame.index
    return (
        isinstance(index, pd.RangeIndex)
        and index.name is None
        and (index.start, index.step) == (0, 1)
    )


def arrow_of_objects(values: Array) -> Arrow:
    """Give an array of Python objects as one Arrow column, in C order.

    Raises
    ------
    InvalidInputError
        They are of different kinds.
    """
    import numpy as np

    flat = np.ascontiguousarray(values.astype(object)).reshape(-1)
    return _converted(flat, "the array of objects", from_pandas=True)


def _of_series(series: Any, name: object) -> Arrow:
    import numpy as np

    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iufb":
        return _converted(series.to_numpy(), f"column {name!r}", from_pandas=False)
    if hasattr(series, "sparse"):
        series = series.sparse.to_dense()
    return _converted(series, f"column {name!r}", from_pandas=True)


def _converted(values: Any, what: str, *, from_pandas: bool) -> Arrow:
    import pyarrow as pa

    try:
        made = pa.array(values, from_pandas=from_pandas)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        raise _mixed(values, what) from None  # Arrow's message shows a cell: a learner's record
    if values.dtype == object and _is_guessed(values, made.type):
        raise _mixed(values, what)
    return made if isinstance(made, pa.ChunkedArray) else pa.chunked_array([made])


def _is_guessed(values: Any, kind: Arrow) -> bool:
    """Tell where Arrow is too kind: it would lose a kind, a time of day, or the order of a set."""
    import pyarrow as pa

    if pa.types.is_binary(kind):
        return any(isinstance(value, str) for value in values)
    if pa.types.is_temporal(kind):
        return len({isinstance(value, datetime) for value in values if isinstance(value, date)}) > 1
    return pa.types.is_nested(kind) and any(_holds_set(value) for value in values)


def _holds_set(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_set, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_holds_set, value))
    return isinstance(value, set | frozenset)


def _mixed(values: Any, what: str) -> InvalidInputError:
    held = "values"
    if values.dtype == object:
        kinds = sorted({type(value).__name__ for value in values})
        held = f"objects of the types {', '.join(kinds[:5])}"
    return InvalidInputError(
        f"{what} holds {held} that Arrow cannot keep as one type (dtype {values.dtype}); turn "
        "them into text, numbers or lists of one kind, or leave it out",
        code="unsupported_column",
    )


def _check_names(names: list[Any]) -> None:
    seen: set[Any] = set()
    for name in names:
        key = _key(name)
        if key in seen:
            raise InvalidInputError(
                f"there are two columns {name!r}; rename one", code="two_columns", column=name
            )
        seen.add(key)


def _key(name: Any) -> bytes:
    if isinstance(name, tuple):
        return framed("tuple", *map(_key, name))
    if name is None:
        return framed("none")
    if isinstance(name, str):
        return framed("text", str(name))
    if hasattr(name, "__index__"):  # whole numbers, NumPy's too
        return framed("number", int(name))
    raise InvalidInputError(
        f"the column name {name!r} is of type {type(name).__name__}; rename the column to a text",
        code="column_name",
        column=name,
    )
