"""Recognise what people train on, and bring it into one of four forms.

Nothing is imported to recognise an object: whoever holds a frame has imported pandas.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edversion import InvalidInputError
from edversion_plugins.tracking.hashing import Array

__all__ = ["Group", "Numbers", "Part", "Sparse", "Table", "part_of"]


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns: `data` is a pandas DataFrame or an Arrow table.

    Of a Series or an Arrow array there is one; `named` tells whether its name is theirs.
    """

    data: Any
    container: str
    single: bool = False
    named: bool = True


@dataclass(frozen=True, slots=True)
class Numbers:
    """An array; `dtype` where NumPy has no such type and `values` holds its bits."""

    values: Array
    container: str
    dtype: str | None = None


@dataclass(frozen=True, slots=True)
class Sparse:
    """A sparse matrix in canonical CSR form: sorted, no doubles, no stored zeros."""

    matrix: Any
    container: str = "scipy.sparse"


@dataclass(frozen=True, slots=True)
class Group:
    """Several parts, by name where `names` is given: ``(X, y)``, ``{"train": …}``."""

    items: tuple[Part, ...]
    names: tuple[str, ...] | None
    container: str


Part = Table | Numbers | Sparse | Group


def part_of(data: Any) -> Part:
    """Bring data into its form, without a copy where that is possible.

    Parameters
    ----------
    data : object
        A pandas DataFrame, Series or Index; an Arrow table, batch or array; a
        `datasets.Dataset`; a NumPy array; a torch tensor, `TensorDataset`, a `Subset`,
        `ConcatDataset` or `StackDataset` of such, or a `DataLoader` over one; a SciPy sparse
        matrix; a list of numbers or texts; a tuple or mapping of these.

    Raises
    ------
    InvalidInputError
        It is something else; the message names the type.
    """
    for known in (_pandas, _arrow, _hugging_face, _torch, _numpy, _scipy, _grouped):
        part = known(data)
        if part is not None:
            return part
    raise _unsupported(data)


def _is(data: object, module: str, *names: str) -> bool:
    """Tell whether data is an instance of classes of a module, if that was ever imported."""
    loaded = sys.modules.get(module)
    classes = (getattr(loaded, name, None) for name in names)
    return any(isinstance(kind, type) and isinstance(data, kind) for kind in classes)


def _pandas(data: Any) -> Part | None:
    if _is(data, "pandas", "DataFrame"):
        return Table(data, "pandas.DataFrame")
    if _is(data, "pandas", "Series"):
        named = data.name is not None
        frame = data.to_frame() if named else data.to_frame("values")
        return Table(frame, "pandas.Series", single=True, named=named)
    if _is(data, "pandas", "Index") and not _is(data, "pandas", "MultiIndex"):
        return _pandas(data.to_series(index=range(len(data))))
    return None


def _arrow(data: Any) -> Part | None:
    if not _is(data, "pyarrow", "Table", "RecordBatch", "ChunkedArray", "Array"):
        return None
    import pyarrow as pa

    if isinstance(data, pa.Table):
        return Table(data, "pyarrow.Table")
    if isinstance(data, pa.RecordBatch):
        return Table(pa.Table.from_batches([data]), "pyarrow.Table")
    values = pa.table({"values": data})
    return Table(values, "pyarrow.ChunkedArray", single=True, named=False)


def _hugging_face(data: Any) -> Part | None:
    if not _is(data, "datasets", "Dataset"):
        return None
    rows = data.with_format("arrow")[:] if len(data) else data.data.table.slice(0, 0)
    return Table(rows, "datasets.Dataset")


def _numpy(data: Any) -> Part | None:
    import numpy as np

    if isinstance(data, list | range):
        return _listed(list(data))
    if isinstance(data, np.ma.MaskedArray):
        raise _unsupported(data, "give data.filled(value), or a frame with missing values")
    if not isinstance(data, np.ndarray | np.generic):
        return None
    values = np.asarray(data)
    if values.dtype.kind in "fc" and values.dtype.itemsize > 8 * (1 + (values.dtype.kind == "c")):
        raise _unsupported(data, "long doubles differ from machine to machine; use float64")
    return Numbers(values, "numpy.ndarray")


def _listed(items: list[Any]) -> Part:
    """Make an array of a list, as scikit-learn does, or arrays of the samples in it."""
    import numpy as np

    try:
        values = np.asarray(items)
    except (TypeError, ValueError, RuntimeError) as error:
        if items and isinstance(items[0], tuple | Mapping):
            return _collated(items)
        raise _unsupported(items, "its items have different shapes; give an array") from error
    if values.dtype.kind == "O" and items and isinstance(items[0], tuple | Mapping):
        return _collated(items)
    return Numbers(values.astype(object) if values.dtype.kind in "US" else values, "numpy.ndarray")


def _collated(items: list[Any]) -> Part:
    """Turn samples, as a DataLoader takes them from a list, into columns of samples."""
    first = items[0]
    try:
        if isinstance(first, tuple):
            return _gathered(tuple(map(list, zip(*items, strict=True))))
        return _gathered({name: [item[name] for item in items] for name in first})
    except (KeyError, ValueError) as error:
        raise _unsupported(items, "its samples are not alike") from error


def _gathered(columns: Any) -> Part:
    part = _grouped(columns)
    assert part is not None
    return part


def _torch(data: Any) -> Part | None:
    if _is(data, "torch", "Tensor"):
        return _tensor(data)
    module = "torch.utils.data"
    if _is(data, module, "DataLoader"):
        return part_of(data.dataset)
    if _is(data, module, "TensorDataset"):
        return Group(tuple(map(_tensor, data.tensors)), None, "torch.TensorDataset")
    if _is(data, module, "StackDataset"):
        return _grouped(data.datasets)
    if _is(data, module, "ConcatDataset"):
        return Group(tuple(map(_tensor, _rows_of(data))), None, "torch.TensorDataset")
    return _subset(data) if _is(data, module, "Subset") else None


def _rows_of(data: Any) -> tuple[Any, ...]:
    """Give the tensors of a dataset of tensors, of a subset of one, or of several in a row."""
    import torch

    module = "torch.utils.data"
    if _is(data, module, "TensorDataset"):
        return tuple(data.tensors)
    if _is(data, module, "Subset"):
        rows = torch.as_tensor(data.indices)
        return tuple(tensor[rows] for tensor in _rows_of(data.dataset))
    if not _is(data, module, "ConcatDataset"):
        raise _unsupported(data)
    parts = [_rows_of(each) for each in data.datasets]
    kinds = {tuple((tensor.dtype, tensor.shape[1:]) for tensor in part) for part in parts}
    if len(kinds) != 1:
        raise _unsupported(data, "its parts hold tensors of different types or shapes")
    return tuple(torch.cat(tensors) for tensors in zip(*parts, strict=True))


def _subset(data: Any) -> Part:
    """Take the rows of a subset, however deep it is nested, in its order."""
    import numpy as np

    rows = np.asarray(data.indices, dtype="i8")
    whole = data.dataset
    while _is(whole, "torch.utils.data", "Subset"):
        rows, whole = np.asarray(whole.indices, dtype="i8")[rows], whole.dataset
    if _is(whole, "torch.utils.data", "TensorDataset", "ConcatDataset"):
        chosen = (tensor[rows] for tensor in _rows_of(whole))
        return Group(tuple(map(_tensor, chosen)), None, "torch.TensorDataset")
    if _is(whole, "datasets", "Dataset"):
        return part_of(whole.select(rows))
    if _is(whole, "torch", "Tensor") or isinstance(whole, np.ndarray):
        return part_of(whole[rows])
    if isinstance(whole, list):
        return part_of([whole[row] for row in rows])
    raise _unsupported(whole)


def _tensor(tensor: Any) -> Numbers:
    import torch

    if tensor.layout is not torch.strided or tensor.is_quantized:
        raise _unsupported(tensor, "give tensor.to_dense() or tensor.dequantize()")
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    name = str(tensor.dtype).removeprefix("torch.")
    try:
        return Numbers(tensor.numpy(), "torch.Tensor")
    except TypeError:  # bfloat16 and the types of eight bits: NumPy has none
        bits = {1: torch.uint8, 2: torch.int16}[tensor.element_size()]
        values = tensor.view(bits).numpy().copy()
        one = torch.tensor(float("nan"), dtype=tensor.dtype).view(bits).item()
        values[tensor.float().isnan().numpy()] = one
        return Numbers(values, "torch.Tensor", name)


def _scipy(data: Any) -> Part | None:
    if not _is(data, "scipy.sparse", "sparray", "spmatrix"):
        return None
    if data.ndim != 2:
        raise _unsupported(data, "only matrices of two dimensions are")
    matrix = data.tocsr(copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return Sparse(matrix)


def _grouped(data: Any) -> Part | None:
    if isinstance(data, tuple):
        return Group(tuple(part_of(item) for item in data), None, "tuple")
    if not isinstance(data, Mapping):
        return None
    for name in data:
        if not isinstance(name, str):
            raise InvalidInputError(
                f"the mapping has the key {name!r}; keys must be text",
                code="unsupported_data",
                key=name,
            )
    return Group(tuple(part_of(item) for item in data.values()), tuple(data), "dict")


def _unsupported(data: Any, advice: str | None = None) -> InvalidInputError:
    kind = f"{type(data).__module__}.{type(data).__qualname__}"
    return InvalidInputError(
        f"data of type {kind} cannot be fingerprinted: "
        + (
            advice
            or "give a frame, table, array, tensor, TensorDataset, sparse matrix, or a tuple or "
            "mapping of these"
        ),
        code="unsupported_data",
        type=kind,
    )
