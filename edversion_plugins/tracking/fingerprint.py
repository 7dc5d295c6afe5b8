"""Fingerprint data in memory by what it holds: values, types, shape, names and their order.

The rule
--------
- **Tables** (pandas DataFrame, Arrow table, `datasets.Dataset`) are their columns in order:
  name, Arrow type, values. The same columns give the same fingerprint in each container: ``Int64``
  without missing values is ``int64``, every kind of text is one type, and chunks, indices
  mappings, offsets, schema metadata and `DataFrame.attrs` do not count. A DataFrame's index
  counts unless it is the default one (0, 1, 2 … without a name). A column of Python objects is
  what Arrow makes of it (text, lists, records, dates, decimals); mixed ones are refused.
- **Series** and Arrow arrays are one column, with a name where they have one.
- **Arrays** (NumPy, torch) are dtype, shape and values; strides, byte order, device and
  gradients do not count, and a tensor equals the array of its values. An array of objects holds
  values of one Arrow type, and its shape.
- **Sparse matrices** are dtype, shape and non-zero values, whichever format holds them.
- **Groups**: a tuple, or a mapping with its names in order. A `TensorDataset` is the tuple of
  its tensors, a `Subset` its rows in order, a `ConcatDataset` all rows, a `StackDataset` the
  tuple or mapping of its parts, a `DataLoader` its dataset.
- **NaN**: all NaNs are one, and in a column of floating-point numbers a null is NaN.
  **-0.0** is not 0.0.

Two machines, processes and versions of the libraries give the same fingerprint. It is made of
xxh3: it finds change, and does not withstand somebody who makes a collision on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edversion import InvalidInputError
from edversion_plugins.tracking.columns import column_digest, type_name
from edversion_plugins.tracking.hashing import Array, Stream, framed
from edversion_plugins.tracking.parts import Group, Numbers, Part, Sparse, Table, part_of
from edversion_plugins.tracking.tables import Column, arrow_of_objects, columns_of

__all__ = ["Content", "content_of", "fingerprint"]

_FORMAT = "edversion.fingerprint.1"
_LISTED = 1000
"""Columns that a description names; the number of all is always there."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a part holds.

    Attributes
    ----------
    digest : bytes
        16 bytes.
    size : int
        Bytes of all values.
    description : dict
        ``kind``, ``rows``, ``shape`` and columns or ``dtype``, as JSON; never a value.
    """

    digest: bytes
    size: int
    description: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """``xxh3_128:<32 hex>``."""
        return f"xxh3_128:{framed(_FORMAT, self.digest).hex()}"


def fingerprint(data: Any) -> str:
    """Fingerprint data by its content; equal in every process.

    Parameters
    ----------
    data : object
        A pandas DataFrame or Series, an Arrow table or array, a `datasets.Dataset`, a NumPy
        array, a torch tensor, `TensorDataset`, `Subset`, `ConcatDataset`, `StackDataset` or
        `DataLoader`, a SciPy sparse matrix, or a tuple or mapping of these. The module says
        what counts.

    Returns
    -------
    str
        ``xxh3_128:<32 hex>``.

    Raises
    ------
    InvalidInputError
        The data is of another kind, or a column holds objects of different kinds; the message
        names the column.

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> fingerprint(scores) == fingerprint(np.asfortranarray(scores))
    True
    >>> fingerprint(scores) == fingerprint(scores.astype("float32"))
    False
    """
    return content_of(part_of(data)).fingerprint


def content_of(part: Part) -> Content:
    """Digest and describe a part."""
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, Sparse):
        return _sparse(part)
    return _group(part) if isinstance(part, Group) else _array(part)


def _table(part: Table) -> Content:
    columns, rows = columns_of(part.data), len(part.data)
    kind = "column" if part.single else "table"
    fields: list[str | int | bytes] = [kind, int(part.named), rows, len(columns)]
    size = 0
    for column in columns:
        digest, more = _column(column)
        fields += [column.role, column.key, digest]
        size += more
    return Content(framed(*fields), size, _described(kind, rows, columns))


def _described(kind: str, rows: int, columns: list[Column]) -> dict[str, Any]:
    named = [column for column in columns if column.role == "column"]
    index = columns[len(named) :]
    description: dict[str, Any] = {
        "kind": kind,
        "rows": rows,
        "shape": [rows] if kind == "column" else [rows, len(named)],
        "columns": {str(column.name): type_name(column.type) for column in named[:_LISTED]},
    }
    if index:
        description["index"] = [type_name(column.type) for column in index]
    return description


def _column(column: Column) -> tuple[bytes, int]:
    import pyarrow as pa

    try:
        return column_digest(column.values)
    except (InvalidInputError, pa.ArrowException) as error:
        raise InvalidInputError(
            f"column {column.name!r}: {error}", code="unsupported_column", column=column.name
        ) from error


def _array(part: Numbers) -> Content:
    values = part.values
    name, digest, size = _values(values)
    name = part.dtype or name
    return Content(
        framed("array", name, values.ndim, *values.shape, digest),
        size,
        {
            "kind": "array",
            "rows": values.shape[0] if values.ndim else 1,
            "shape": list(values.shape),
            "dtype": name,
        },
    )


def _values(values: Array) -> tuple[str, bytes, int]:
    """Give the name of an array's type, its digest and its bytes."""
    if values.dtype.names is not None:
        fields = {name: _values(values[name]) for name in values.dtype.names}
        inner = ",".join(f"{name}:{kind}" for name, (kind, _, _) in fields.items())
        below: list[str | bytes] = []
        for name, (kind, digest, _) in fields.items():
            below += [name, kind, str(values.dtype[name].shape), digest]
        size = sum(more for _, _, more in fields.values())
        return f"record[{inner}]", framed("record", len(fields), *below), size
    if values.dtype.kind in "OT":
        column = arrow_of_objects(values)
        digest, size = column_digest(column)
        return f"object[{type_name(column.type)}]", digest, size
    stream = Stream()
    stream.feed(values)
    return values.dtype.newbyteorder("=").name, stream.seal(), stream.size


def _sparse(part: Sparse) -> Content:
    matrix, stream = part.matrix, Stream()
    stream.feed(matrix.data)
    places = Stream()
    places.feed(matrix.indptr.astype("<i8"))
    places.feed(matrix.indices.astype("<i8"))
    name = matrix.dtype.newbyteorder("=").name
    return Content(
        framed("sparse", name, *matrix.shape, places.seal(), stream.seal()),
        stream.size + places.size,
        {"kind": "sparse", "rows": matrix.shape[0], "shape": list(matrix.shape), "dtype": name},
    )


def _group(part: Group) -> Content:
    contents = [content_of(item) for item in part.items]
    names = [] if part.names is None else list(part.names)
    kind = "tuple" if part.names is None else "mapping"
    digests = [content.digest for content in contents]
    described: Any = [content.description for content in contents]
    rows = {content.description["rows"] for content in contents}
    return Content(
        framed(kind, len(contents), *names, *digests),
        sum(content.size for content in contents),
        {
            "kind": kind,
            "rows": rows.pop() if len(rows) == 1 else None,
            "parts": dict(zip(names, described, strict=True)) if names else described,
        },
    )
