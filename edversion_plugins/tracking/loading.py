"""Read stored parts back, as the kind of object that was logged."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from edversion import Version
from edversion_plugins.tracking.columns import Arrow, column_digest
from edversion_plugins.tracking.hashing import Array
from edversion_plugins.tracking.storing import Layout
from edversion_plugins.tracking.tables import columns_of

__all__ = ["load_part"]


def load_part(version: Version, layout: Layout) -> Any:
    """Read a part of a version by the layout that `store_part` gave.

    Parameters
    ----------
    version : Version
        Where the files are.
    layout : dict
        What is where.

    Returns
    -------
    object
        Of the container that was logged; pandas, datasets or torch must be installed for theirs.
    """
    readers: dict[str, Callable[[Version, Layout], Any]] = {
        "table": _table,
        "array": _array,
        "sparse": _sparse,
        "group": _group,
    }
    return readers[layout["form"]](version, layout)


def _group(version: Version, layout: Layout) -> Any:
    items = [load_part(version, item) for item in layout["items"]]
    if layout["names"] is not None:
        return dict(zip(layout["names"], items, strict=True))
    if layout["container"] == "torch.TensorDataset":
        from torch.utils.data import TensorDataset

        return TensorDataset(*items)
    return tuple(items)


def _table(version: Version, layout: Layout) -> Any:
    words = _read(version, layout["categories"]) if "categories" in layout else None
    table = _with_categories(_read(version, layout["path"]), words, layout)
    container = layout["container"]
    if container == "pyarrow.ChunkedArray":
        return table.column(0)
    if container == "datasets.Dataset":
        import datasets

        return datasets.Dataset(table)
    if not container.startswith("pandas."):
        return table
    frame = _frame(table, layout)
    if container == "pandas.DataFrame":
        return frame
    series = frame.iloc[:, 0]
    return series if layout["named"] else series.rename(None)


def _frame(table: Arrow, layout: Layout) -> Any:
    """Give a frame; columns that pandas would read otherwise keep their Arrow type."""
    import pandas as pd

    frame = _of_arrow(table, layout)
    for i, column in enumerate(columns_of(frame)):
        if column.role == "index":
            break
        stored = table.column(i)
        if column_digest(column.values) != column_digest(stored):
            exact = pd.Series(pd.arrays.ArrowExtensionArray(stored), index=frame.index)
            frame[frame.columns[i]] = exact
    if "names" in layout:
        names = [_name(name) for name in layout["names"]]
        frame.columns = pd.Index(names, tupleize_cols=all(isinstance(n, tuple) for n in names))
    if "index_names" in layout:
        frame.index = frame.index.set_names([_name(name) for name in layout["index_names"]])
    return frame


def _of_arrow(table: Arrow, layout: Layout) -> Any:
    """Give a frame; categories such as intervals have to be put in by hand."""
    import pandas as pd

    by_hand = {}
    for place in (place for place, coded in layout.get("coded", {}).items() if coded):
        i = int(place)
        column = table.column(i).combine_chunks()
        by_hand[i] = column
        table = table.set_column(i, table.schema.field(i).name, column.indices)
    frame = table.to_pandas()
    for i, column in by_hand.items():
        codes = column.indices.fill_null(-1).to_numpy()
        words = pd.Index(column.dictionary.to_pandas())
        values = pd.Categorical.from_codes(codes, words, ordered=column.type.ordered)
        frame[frame.columns[i]] = pd.Series(values, index=frame.index)
    return frame


def _name(name: Any) -> Any:
    return tuple(map(_name, name)) if isinstance(name, list) else name


def _with_categories(table: Arrow, words: Arrow, layout: Layout) -> Arrow:
    """Encode the categorical columns with the categories that they had."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, ordered in layout.get("ordered", {}).items():
        i, known = int(place), words.column(place).combine_chunks().flatten()
        codes = table.column(i).combine_chunks()
        if not layout["coded"][place]:
            codes = pc.index_in(codes, value_set=known)
        column = pa.DictionaryArray.from_arrays(codes, known, ordered=ordered)
        table = table.set_column(i, table.schema.field(i).name, column)
    return table


def _read(version: Version, path: str) -> Arrow:
    """Read Parquet with the very types that were written: it has no seconds, for instance."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(version.path(path)) as file:
        table = file.read()
        written = file.metadata.metadata[b"ARROW:schema"]
    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(written)))
    return table if table.schema.equals(schema) else table.cast(schema)


def _array(version: Version, layout: Layout) -> Any:
    if layout["path"].endswith(".npy"):
        values = _npy(version, layout["path"])
    else:
        values = _of_columns(_read(version, layout["path"]), layout)
    return _tensor(values, layout) if layout["container"] == "torch.Tensor" else values


def _of_columns(table: Arrow, layout: Layout) -> Array:
    import numpy as np

    values = np.empty(layout["shape"], layout["dtype"])
    if values.dtype.kind == "O":
        flat = values.reshape(-1)
        for i, value in enumerate(table.column(0).to_pylist()):
            flat[i] = value
        return values
    columns = values.reshape(len(values), -1)
    for i, column in enumerate(table.columns):
        columns[:, i] = column.to_numpy()
    return values


def _tensor(values: Array, layout: Layout) -> Any:
    import torch

    tensor = torch.from_numpy(values)
    return tensor.view(getattr(torch, layout["bits"])) if "bits" in layout else tensor


def _sparse(version: Version, layout: Layout) -> Any:
    from scipy.sparse import csr_array

    path = layout["path"]
    parts = [_npy(version, f"{path}/{name}.npy") for name in ("data", "indices", "indptr")]
    return csr_array(tuple(parts), shape=tuple(layout["shape"]))


def _npy(version: Version, path: str) -> Array:
    import numpy as np

    with version.open(path) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
