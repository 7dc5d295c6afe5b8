"""Write parts into a draft: Parquet where a table or array fits it, ``.npy`` elsewhere.

The layout of a stored dataset
------------------------------
``dataset.json`` names the format, the fingerprint and the tree of parts. A part at ``X`` is

- a table: ``X.parquet``, as `pandas.DataFrame.to_parquet` would write it. Categories of
  categorical columns lie in ``X.categories.parquet``, one row, a list for each such column under
  its position, since Parquet keeps neither their order nor those that no row has;
- an array of numbers or truth values of one or two dimensions and up to 1024 columns:
  ``X.parquet`` with the columns ``0``, ``1``, …; one of objects likewise, flattened;
- any other array: ``X.npy``, C order, little-endian; types that NumPy lacks as their bits;
- a sparse matrix: ``X/indptr.npy``, ``X/indices.npy`` and ``X/data.npy``;
- a group: its parts below ``X/``.

The only part of a dataset is called ``data``. Equal data of one container gives equal bytes with
the same versions of pandas and pyarrow.
"""

from __future__ import annotations

import json
import re
from typing import Any

import edversion
from edversion import InvalidInputError
from edversion_plugins.tracking.columns import Arrow, plain
from edversion_plugins.tracking.hashing import Array
from edversion_plugins.tracking.parts import Group, Numbers, Part, Sparse, Table
from edversion_plugins.tracking.tables import arrow_of_objects

__all__ = ["Layout", "store_part"]

Layout = dict[str, Any]
_WHOLE = "data"
_WIDEST = 1024
_LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ROWS = 1 << 20
"""Rows of a row group."""


def store_part(part: Part, draft: edversion.Artifact, path: str | None = None) -> Layout:
    """Add the files of a part to a draft.

    Parameters
    ----------
    part : Part
        What to store.
    draft : edversion.Artifact
        Where to.
    path : str, optional
        Path of the part in the draft, without a suffix; None for the whole dataset.

    Returns
    -------
    dict
        What `load_part` needs, as JSON.

    Raises
    ------
    InvalidInputError
        Parquet cannot hold a column's type.
    """
    if isinstance(part, Table):
        return _store_table(part, draft, path or _WHOLE)
    if isinstance(part, Numbers):
        return _store_array(part, draft, path or _WHOLE)
    if isinstance(part, Sparse):
        return _store_sparse(part, draft, path or _WHOLE)
    places = _places(part, f"{path}/" if path else "")
    items = [store_part(item, draft, at) for item, at in zip(part.items, places, strict=True)]
    names = None if part.names is None else list(part.names)
    return {"form": "group", "container": part.container, "names": names, "items": items}


def _places(part: Group, prefix: str) -> list[str]:
    """Say where the parts of a group go: by name where all names are legal and differ."""
    names = part.names or ()
    legal = names and all(map(_LEGAL.fullmatch, names))
    if legal and len({name.casefold() for name in names}) == len(names):
        return [f"{prefix}{name}" for name in names]
    return [f"{prefix}{i}" for i in range(len(part.items))]


def _store_table(part: Table, draft: edversion.Artifact, path: str) -> Layout:
    import pyarrow as pa

    layout: Layout = {"form": "table", "container": part.container, "path": f"{path}.parquet"}
    layout |= {"named": part.named}
    table = part.data if isinstance(part.data, pa.Table) else _of_frame(part.data, layout)
    table, words = _without_categories(table, layout)
    if words:
        layout["categories"] = f"{path}.categories.parquet"
        _write(draft, layout["categories"], pa.table(words))
    _write(draft, layout["path"], table)
    return layout


def _of_frame(frame: Any, layout: Layout) -> Arrow:
    """Give a frame as pandas would write it; names that are no text go into the layout."""
    import pyarrow as pa

    frame = frame.copy(deep=False)
    frame.attrs = {}
    if not all(isinstance(name, str) for name in frame.columns):
        layout["names"] = [_plain_name(name) for name in frame.columns]
        frame.columns = [str(i) for i in range(frame.shape[1])]
    if not all(name is None or isinstance(name, str) for name in frame.index.names):
        layout["index_names"] = [_plain_name(name) for name in frame.index.names]
        frame.index = frame.index.set_names([None] * frame.index.nlevels)
    for name in frame.columns:
        if hasattr(frame[name], "sparse"):
            frame[name] = frame[name].sparse.to_dense()
    return _readable(pa.Table.from_pandas(frame))


def _readable(table: Arrow) -> Arrow:
    """Call columns objects whose pandas type pandas cannot find again by its name."""
    import pandas as pd

    notes = json.loads(table.schema.metadata[b"pandas"])
    for note in notes["columns"]:
        try:
            pd.api.types.pandas_dtype(note["numpy_type"])
        except (TypeError, ValueError, NotImplementedError):
            note["numpy_type"] = "object"
    return table.replace_schema_metadata({b"pandas": json.dumps(notes).encode()})


def _plain_name(name: Any) -> Any:
    if isinstance(name, tuple):
        return [_plain_name(item) for item in name]
    return name if name is None or isinstance(name, str) else int(name)


def _without_categories(table: Arrow, layout: Layout) -> tuple[Arrow, dict[str, Arrow]]:
    """Put the values in place of codes, or leave the codes where values cannot be found again."""
    import pyarrow as pa

    words: dict[str, Arrow] = {}
    for i, field in enumerate(table.schema):
        if not pa.types.is_dictionary(field.type):
            continue
        column = plain(table.column(i))
        chunks = column.chunks or [pa.array([], field.type)]
        known = chunks[0].dictionary
        coded = _needs_codes(known.type)
        kind = pa.int64() if coded else known.type
        rows = [c.indices.cast(pa.int64()) if coded else c.dictionary_decode() for c in chunks]
        table = table.set_column(i, field.name, pa.chunked_array(rows, type=kind))
        words[str(i)] = _as_one_list(known)
        layout.setdefault("ordered", {})[str(i)] = bool(field.type.ordered)
        layout.setdefault("coded", {})[str(i)] = coded
    return table, words


def _needs_codes(kind: Arrow) -> bool:
    """Tell whether values cannot be looked up, or pandas makes no categories of them."""
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType) or pa.types.is_nested(kind):
        return True
    return bool(pa.types.is_timestamp(kind) and kind.tz is not None)


def _as_one_list(values: Arrow) -> Arrow:
    import pyarrow as pa

    return pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), values)


def _store_array(part: Numbers, draft: edversion.Artifact, path: str) -> Layout:
    import pyarrow as pa

    values, shape = part.values, list(part.values.shape)
    layout: Layout = {"form": "array", "container": part.container, "shape": shape}
    if part.dtype is not None:
        layout["bits"] = part.dtype
    if values.dtype.kind in "OT":
        columns = {"0": arrow_of_objects(values)}
        layout["dtype"] = "object"
    elif part.dtype is None and _fits_parquet(values):
        rows = values.reshape(len(values), -1).astype(values.dtype.newbyteorder("<"), copy=False)
        columns = {str(i): pa.array(rows[:, i]) for i in range(rows.shape[1])}
        layout["dtype"] = values.dtype.name
    else:
        layout["path"] = f"{path}.npy"
        _write_npy(draft, layout["path"], values)
        return layout
    layout["path"] = f"{path}.parquet"
    _write(draft, layout["path"], pa.table(columns))
    return layout


def _fits_parquet(values: Array) -> bool:
    shape = values.shape
    few = len(shape) == 1 or (len(shape) == 2 and 0 < shape[1] <= _WIDEST and shape[0] > 0)
    return few and values.dtype.kind in "biuf"


def _store_sparse(part: Sparse, draft: edversion.Artifact, path: str) -> Layout:
    matrix = part.matrix
    width = "<i4" if max(*matrix.shape, matrix.nnz) < 1 << 31 else "<i8"
    _write_npy(draft, f"{path}/data.npy", matrix.data)
    _write_npy(draft, f"{path}/indices.npy", matrix.indices.astype(width))
    _write_npy(draft, f"{path}/indptr.npy", matrix.indptr.astype(width))
    shape = list(matrix.shape)
    return {"form": "sparse", "container": part.container, "path": path, "shape": shape}


def _write(draft: edversion.Artifact, path: str, table: Arrow) -> None:
    """Write Parquet whose bytes do not tell how the table was cut."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with draft.new_file(path) as file:
            pq.write_table(table.combine_chunks(), file, compression="zstd", row_group_size=_ROWS)
    except (pa.ArrowException, NotImplementedError) as error:
        raise InvalidInputError(
            f"the data cannot be written as Parquet ({error}); turn that column into a plain "
            "type, or keep its fingerprint only",
            code="unsupported_column",
        ) from error


def _write_npy(draft: edversion.Artifact, path: str, values: Array) -> None:
    import numpy as np

    little = np.asarray(values, dtype=values.dtype.newbyteorder("<"), order="C")
    with draft.new_file(path) as file:
        np.lib.format.write_array(file, little, allow_pickle=False)
