"""The fingerprint of data in memory: what counts, what does not, and in every process."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from datasets import Dataset, DatasetDict
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)

from edversion import InvalidInputError
from edversion_plugins.tracking import fingerprint

DTYPES = st.sampled_from(
    ["i1", "u2", "i4", "i8", "f2", "f4", "f8", "?", "c16", "M8[s]", "U3", "S2"]
)
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5))
CELLS = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(),
    "text": st.none() | st.text(st.characters(codec="utf-8"), max_size=3),
    "bytes": st.none() | st.binary(max_size=3),
    "bool": st.booleans(),
    "list": st.none() | st.lists(st.integers(0, 3), max_size=3),
    "record": st.none() | st.fixed_dictionaries({"a": st.none() | st.integers(0, 3)}),
}
TYPES = {
    "int": pa.int64(),
    "float": pa.float64(),
    "text": pa.string(),
    "bytes": pa.binary(),
    "bool": pa.bool_(),
    "list": pa.list_(pa.int64()),
    "record": pa.struct([("a", pa.int64())]),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    names = draw(st.lists(st.text("ab", max_size=2), min_size=1, max_size=3, unique=True))
    rows = draw(st.integers(0, 4))
    columns = {}
    for name in names:
        kind = draw(st.sampled_from(sorted(CELLS)))
        cells = draw(st.lists(CELLS[kind], min_size=rows, max_size=rows))
        columns[name] = pa.array(cells, TYPES[kind])
    return pa.table(columns)


def meaning(table: pa.Table) -> object:
    """Write a table so that equal content, and only that, is equal text."""
    return [(f.name, str(f.type), repr(table[f.name].to_pylist())) for f in table.schema]


def same_array(one: np.ndarray, other: np.ndarray) -> bool:
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    return repr(one.tolist()) == repr(other.tolist())


def test_it_reads_as_its_algorithm_and_32_hex_digits() -> None:
    assert re.fullmatch("xxh3_128:[0-9a-f]{32}", fingerprint(np.arange(3)))


@settings(max_examples=150)
@given(tables(), tables())
def test_tables_have_the_same_fingerprint_exactly_if_they_hold_the_same(
    one: pa.Table, other: pa.Table
) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (meaning(one) == meaning(other))


@given(tables(), st.data())
def test_a_changed_cell_changes_the_fingerprint(table: pa.Table, data: st.DataObject) -> None:
    rows = table.to_pylist()
    other = data.draw(st.permutations(rows))
    changed = pa.Table.from_pylist(other, schema=table.schema)
    assert (fingerprint(table) == fingerprint(changed)) == (meaning(table) == meaning(changed))


@given(tables(), st.integers(0, 4), st.integers(0, 4))
def test_chunks_and_offsets_do_not_count(table: pa.Table, start: int, cut: int) -> None:
    part = table.slice(start)
    copied = pa.Table.from_pylist(part.to_pylist(), schema=table.schema)
    cut_up = pa.concat_tables([part.slice(0, cut), part.slice(cut)])
    assert fingerprint(part) == fingerprint(copied) == fingerprint(cut_up)


@settings(max_examples=150)
@given(ARRAYS, ARRAYS)
def test_arrays_have_the_same_fingerprint_exactly_if_they_hold_the_same(
    one: np.ndarray, other: np.ndarray
) -> None:
    assert (fingerprint(one) == fingerprint(other)) == same_array(one, other)


@given(ARRAYS)
def test_strides_and_byte_order_do_not_count(values: np.ndarray) -> None:
    known = fingerprint(values)
    assert fingerprint(np.array(values, order="F")) == known
    assert fingerprint(np.repeat(values[..., None], 2, axis=-1)[..., 0]) == known
    assert fingerprint(values.astype(values.dtype.newbyteorder(">"))) == known


def test_large_arrays_do_not_depend_on_strides() -> None:
    values = np.random.default_rng(0).normal(size=(3, 50_000, 2))
    known = fingerprint(values)
    assert fingerprint(np.asfortranarray(values)) == known
    changed = values.copy()
    changed[-1, -1, -1] += 1e-9
    assert fingerprint(changed) != known


def test_another_process_finds_the_same() -> None:
    program = (
        "import pandas as pd, sys; from edversion_plugins.tracking import fingerprint;"
        "print(fingerprint(pd.DataFrame({'a': [1, 2], 'b': ['x', None], 'c': [{'k': 1}, None]})))"
    )
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [{"k": 1}, None]})
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == fingerprint(frame)


def test_the_rule_is_pinned() -> None:
    """A change of these values makes new versions of everybody's data: raise the format then."""
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan], "c": ["x", None]})
    assert fingerprint(frame) == "xxh3_128:82e665769f6777277dd0afad6970b028"
    assert (
        fingerprint(np.arange(6, dtype="i4").reshape(2, 3))
        == "xxh3_128:db8e6b69c55c346ab38cbac8a6b42038"
    )
    assert fingerprint((np.eye(2), {"y": [1, 0]})) == "xxh3_128:b5273aad4b8718d64d814a00df490c30"


def test_frames_tables_and_datasets_are_one() -> None:
    frame = pd.DataFrame(
        {
            "count": pd.array([1, None, 3], dtype="Int64"),
            "score": [0.5, np.nan, 1.0],
            "name": ["a", None, "c"],
            "when": pd.to_datetime(["2024-01-01", None, "2024-01-03"]).tz_localize("UTC"),
            "tags": [["x"], None, []],
        }
    )
    known = fingerprint(frame)
    assert fingerprint(pa.Table.from_pandas(frame)) == known
    assert fingerprint(Dataset.from_pandas(frame)) == known
    assert fingerprint(pa.RecordBatch.from_pandas(frame)) == known


@pytest.mark.parametrize("kind", ["object", "string[python]", "string[pyarrow]", "str"])
def test_every_kind_of_text_is_one(kind: str) -> None:
    texts = pd.DataFrame({"a": pd.Series(["x", None, "é"], dtype=kind)})
    for arrow in (pa.string(), pa.large_string(), pa.string_view()):
        assert fingerprint(texts) == fingerprint(pa.table({"a": pa.array(["x", None, "é"], arrow)}))


def different_frames() -> dict[str, Any]:
    base = {"a": [1, 2, 3], "b": ["x", "y", "z"]}
    frame = pd.DataFrame(base)
    categories = pd.Categorical(base["b"], categories=["x", "y", "z"])
    return {
        "base": frame,
        "order of columns": frame[["b", "a"]],
        "order of rows": frame.iloc[::-1].reset_index(drop=True),
        "order of rows with their index": frame.iloc[::-1],
        "name": frame.rename(columns={"a": "c"}),
        "number as name": frame.rename(columns={"a": 1}),
        "its text as name": frame.rename(columns={"a": "1"}),
        "dtype": frame.astype({"a": "int32"}),
        "unsigned": frame.astype({"a": "uint64"}),
        "float": frame.astype({"a": "float64"}),
        "category": frame.assign(b=categories),
        "order of categories": frame.assign(b=categories.reorder_categories(["z", "y", "x"])),
        "ordered": frame.assign(b=categories.as_ordered()),
        "unused category": frame.assign(b=categories.add_categories(["w"])),
        "as index": frame.set_index("a"),
        "as unnamed index": frame.set_index("a").rename_axis(None),
        "part of the index": frame.set_index("a", append=True),
        "empty": frame.iloc[:0],
        "one column": frame[["a"]],
        "series": frame["a"],
        "unnamed series": frame["a"].rename(None),
        "array": frame["a"].to_numpy(),
        "tuple": (frame["a"].to_numpy(),),
        "mapping": {"a": frame["a"].to_numpy()},
        "other mapping": {"b": frame["a"].to_numpy()},
        "dates": frame.assign(b=pd.to_datetime(["2024-01-01"] * 3)),
        "dates in a zone": frame.assign(b=pd.to_datetime(["2024-01-01"] * 3).tz_localize("UTC")),
        "dates in seconds": frame.assign(b=pd.to_datetime(["2024-01-01"] * 3).as_unit("s")),
        "bytes": frame.assign(b=[b"x", b"y", b"z"]),
        "lists": frame.assign(b=[["x"], ["y"], ["z"]]),
        "lists cut otherwise": frame.assign(b=[["x", "y"], [], ["z"]]),
        "missing": frame.assign(b=["x", None, "z"]),
        "empty text": frame.assign(b=["x", "", "z"]),
    }


def test_different_data_differ() -> None:
    made = {name: fingerprint(data) for name, data in different_frames().items()}
    assert len(set(made.values())) == len(made)


def test_what_says_nothing_of_the_data_does_not_count() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.0, 1.5]})
    known = fingerprint(frame)
    noted = frame.copy()
    noted.attrs["seen"] = "today"
    assert fingerprint(noted) == known
    assert fingerprint(frame.astype({"a": "Int64", "b": "Float64"})) == known
    assert fingerprint(frame.astype({"a": pd.SparseDtype("int64", 0)})) == known
    assert fingerprint(frame.iloc[1:].reset_index(drop=True)) != known


def test_all_nans_are_one_and_minus_zero_is_not_zero() -> None:
    odd = np.array([0x7FF8000000000000, 0xFFF8000000000123], dtype="u8").view("f8")
    assert fingerprint(odd) == fingerprint(np.array([np.nan, np.nan]))
    assert fingerprint(pd.DataFrame({"a": odd})) == fingerprint(
        pa.table({"a": pa.array([None, None], pa.float64())})
    )
    assert fingerprint(np.array([0.0])) != fingerprint(np.array([-0.0]))
    assert fingerprint(np.array([complex(0, np.nan)])) == fingerprint(
        np.array([complex(0, -np.nan)])
    )


def test_bytes_hidden_under_a_null_do_not_count() -> None:
    hidden = pa.StringArray.from_buffers(
        2,
        pa.py_buffer(np.array([0, 2, 3], "i4")),
        pa.py_buffer(b"xyz"),
        pa.py_buffer(b"\x02"),
    )
    assert hidden.to_pylist() == [None, "z"]
    assert fingerprint(hidden) == fingerprint(pa.array([None, "z"]))
    numbers = pa.Array.from_buffers(
        pa.int64(), 2, [pa.py_buffer(b"\x02"), pa.py_buffer(np.array([7, 1]))]
    )
    assert fingerprint(numbers) == fingerprint(pa.array([None, 1]))


def test_a_dictionary_is_its_categories_however_its_chunks_are_encoded() -> None:
    texts = pa.chunked_array([["a", "b"], ["b", None]]).dictionary_encode()
    whole = pa.array(["a", "b", "b", None]).dictionary_encode()
    assert fingerprint(texts) == fingerprint(whole)
    doubled = pa.DictionaryArray.from_arrays(
        pa.array([0, 1, 2], pa.int8()), pa.array(["a", "b", "a"])
    )
    assert fingerprint(doubled) == fingerprint(pa.array(["a", "b", "a"]).dictionary_encode())


def test_a_dataset_is_its_rows_whatever_its_cache_calls_them() -> None:
    data = Dataset.from_dict({"text": ["a", "b", "c"], "label": [0, 1, 0]})
    rows = data.select([2, 0])
    plain = Dataset.from_dict({"text": ["c", "a"], "label": [0, 0]})
    assert rows._fingerprint != plain._fingerprint
    assert fingerprint(rows) == fingerprint(plain) != fingerprint(data)
    assert fingerprint(data.with_format("torch", columns=["label"])) == fingerprint(data)
    assert fingerprint(data.select([])) == fingerprint(data.to_pandas().iloc[:0].astype({}))
    splits = DatasetDict(train=data, test=rows)
    assert fingerprint(splits) == fingerprint({"train": data, "test": rows})


def test_tensors_are_arrays() -> None:
    tensor = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    known = fingerprint(np.arange(6, dtype="f4").reshape(2, 3))
    assert fingerprint(tensor) == known
    assert fingerprint(tensor.T.contiguous().T.requires_grad_()) == known
    half, brain = tensor.half(), tensor.bfloat16()
    assert len({fingerprint(t) for t in (tensor, half, brain, brain.view(torch.int16))}) == 4
    nans = torch.tensor([0x7FC0, -1], dtype=torch.int16).view(torch.bfloat16)
    assert fingerprint(nans) == fingerprint(torch.full((2,), float("nan"), dtype=torch.bfloat16))


def test_torch_datasets_are_their_rows_in_order() -> None:
    x, y = torch.randn(10, 3), torch.arange(10)
    whole = TensorDataset(x, y)
    known = fingerprint(whole)
    assert known == fingerprint((x.numpy(), y.numpy()))
    assert known == fingerprint(DataLoader(whole, batch_size=3, shuffle=True))
    assert known == fingerprint(Subset(whole, range(10)))
    part, rest = random_split(whole, [4, 6], generator=torch.Generator().manual_seed(0))
    assert fingerprint(part) == fingerprint((x[part.indices], y[part.indices]))
    assert fingerprint(part) != fingerprint(rest)
    inner = [rest.indices[i] for i in (5, 0)]
    assert fingerprint(Subset(rest, [5, 0])) == fingerprint((x[inner], y[inner]))


def test_torch_datasets_of_several_are_all_their_rows() -> None:
    x, y = torch.randn(10, 3), torch.arange(10)
    whole = TensorDataset(x, y)
    known = fingerprint(whole)
    joined = ConcatDataset([Subset(whole, range(4)), TensorDataset(x[4:], y[4:])])
    assert known == fingerprint(joined) == fingerprint(ConcatDataset([joined]))
    assert fingerprint(Subset(joined, [5, 0])) == fingerprint((x[[5, 0]], y[[5, 0]]))
    assert fingerprint(ConcatDataset([whole, whole])) != known
    assert fingerprint(StackDataset(x, y)) == fingerprint((x, y))
    assert fingerprint(StackDataset(x=x, y=TensorDataset(y))) == fingerprint(
        {"x": x, "y": TensorDataset(y)}
    )
    with pytest.raises(InvalidInputError, match="tensors of different types or shapes"):
        fingerprint(ConcatDataset([whole, TensorDataset(x)]))


def test_names_of_numpy_are_texts() -> None:
    values = np.arange(2)
    assert fingerprint({np.str_("a"): values}) == fingerprint({"a": values})
    frame = pd.DataFrame({np.str_("a"): values, np.int64(1): values})
    assert fingerprint(frame) == fingerprint(pd.DataFrame({"a": values, 1: values}))


def test_lists_are_arrays_or_columns_of_samples() -> None:
    assert fingerprint([1, 2]) == fingerprint(np.array([1, 2]))
    assert fingerprint(["a", "bc"]) == fingerprint(np.array(["a", "bc"], dtype=object))
    samples = [(torch.ones(2), 1), (torch.zeros(2), 0)]
    assert fingerprint(DataLoader(samples)) == fingerprint(
        (np.array([[1, 1], [0, 0]], "f4"), np.array([1, 0]))
    )
    records = [{"x": torch.ones(2), "y": 1}, {"x": torch.zeros(2), "y": 0}]
    assert fingerprint(records) == fingerprint(
        {"x": np.array([[1, 1], [0, 0]], "f4"), "y": np.array([1, 0])}
    )


def test_sparse_matrices_are_their_values() -> None:
    dense = np.array([[0.0, 1.0, 0.0], [2.0, 0.0, 3.0]])
    known = fingerprint(sparse.csr_array(dense))
    stored_zero = sparse.coo_array(([1.0, 2.0, 3.0, 0.0], ([0, 1, 1, 0], [1, 0, 2, 0])), (2, 3))
    for other in (sparse.csc_matrix(dense), sparse.coo_array(dense), stored_zero):
        assert fingerprint(other) == known
    assert fingerprint(sparse.csr_array(dense * 2)) != known
    assert fingerprint(sparse.csr_array(dense.T)) != known
    assert fingerprint(dense) != known
    assert stored_zero.nnz == 4  # the caller's own is left alone


def test_structured_arrays_are_their_fields_without_the_padding() -> None:
    padded = np.dtype([("a", "i1"), ("b", "f8", (2,))], align=True)
    one = np.full(3, 0xAA, "u1").repeat(padded.itemsize).view(padded)
    two = np.zeros(3, padded)
    for name in padded.names or ():
        two[name] = one[name]
    assert fingerprint(one) == fingerprint(two)
    two["b"][0, 1] += 1
    assert fingerprint(one) != fingerprint(two)


REFUSED = {
    "mixed kinds": pd.DataFrame({"age": [1, "secret"]}),
    "text among bytes": pd.DataFrame({"age": ["a", b"secret"]}),
    "objects": pd.DataFrame({"age": [object()]}),
    "sets": pd.DataFrame({"age": [{"secret"}]}),
    "sets inside": pd.DataFrame({"age": [{"k": [{"secret"}]}]}),
    "complex numbers": pd.DataFrame({"age": [1j]}),
    "dates and times": pd.DataFrame({"age": [date(2024, 1, 1), datetime(2024, 1, 1, 10)]}),
    "lone surrogates": pd.DataFrame({"age": ["secret\ud800"]}, dtype=object),
    "two of a name": pd.DataFrame([[1, 2]], columns=["age", "age"]),
    "intervals of months": pa.table({"age": pa.array([(1, 2, 3)], pa.month_day_nano_interval())}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_column_is_named_and_no_cell_is_shown(name: str) -> None:
    with pytest.raises(InvalidInputError, match="'age'") as caught:
        fingerprint(REFUSED[name])
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None or "secret" not in str(caught.value.__cause__)


@pytest.mark.parametrize(
    "data",
    [
        object(),
        None,
        3,
        (row for row in "ab"),
        pd.DataFrame(),
        pd.DataFrame({1.5: [1]}),
        np.array([1, "a"], dtype=object),
        np.ma.masked_array([1, 2], mask=[0, 1]),
        np.longdouble(1),
        torch.eye(2).to_sparse(),
        sparse.coo_array(np.array([0, 1])),
        {1: np.eye(2)},
        [[1, 2], [3]],
        [(1, 2), (3,)],
    ],
    ids=lambda data: type(data).__name__,
)
def test_other_data_is_refused(data: Any) -> None:
    with pytest.raises(InvalidInputError):
        fingerprint(data)


def test_nothing_heavy_is_imported_to_recognise_data() -> None:
    program = (
        "import sys, edversion_plugins.tracking.datasets;"
        "print(sorted({'numpy', 'pandas', 'pyarrow', 'torch', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
