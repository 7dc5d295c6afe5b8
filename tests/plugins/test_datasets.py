"""Data of a run as versions: logged once, by whichever process, and read back equal."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from torch.utils.data import DataLoader, TensorDataset, random_split

from edversion import AdapterWarning, InvalidInputError, NotFoundError, Run, Version
from edversion_plugins.tracking import fingerprint, load_dataset, log_dataset

FRAME = pd.DataFrame({"id": [1, 2, 3], "score": [0.5, np.nan, 1.0], "group": ["a", None, "b"]})


def logged(run: Run, data: Any, name: str = "scores", **options: Any) -> Version:
    version = log_dataset(run, data, name, **options)
    assert version is not None
    return version


def test_data_is_stored_as_parquet_that_anything_reads(run: Run) -> None:
    version = logged(run, FRAME, metadata={"source": "school"})
    assert (version.type, version.reference) == ("dataset", "test/scores:v0")
    assert [entry.path for entry in version.files()] == ["data.parquet", "dataset.json"]
    pd.testing.assert_frame_equal(pd.read_parquet(version.path("data.parquet")), FRAME)
    facts = dict(version.metadata)
    assert facts.pop("bytes") > 0
    assert facts == {
        "source": "school",
        "stored": "full",
        "fingerprint": fingerprint(FRAME),
        "kind": "table",
        "rows": 3,
        "shape": [3, 3],
        "columns": {"id": "int64", "score": "double", "group": "string"},
    }


def test_known_data_is_found_and_not_written_again(run: Run) -> None:
    first = logged(run, FRAME)
    other = FRAME.assign(id=[1, 2, 4])
    assert logged(run, other).number == 1
    for same in (FRAME.copy(), pa.Table.from_pandas(FRAME), Dataset.from_pandas(FRAME)):
        assert logged(run, same) == first
    assert len(run.repository.versions("test/scores")) == 2


def test_new_metadata_of_known_data_is_added(run: Run) -> None:
    logged(run, FRAME, metadata={"source": "school"})
    again = logged(run, FRAME, metadata={"year": 2024})
    assert (again.metadata["source"], again.metadata["year"]) == ("school", 2024)
    assert again.metadata["fingerprint"] == fingerprint(FRAME)
    assert len(run.repository.revisions(again)) == 2


def test_the_run_that_finds_data_has_used_it(run: Run) -> None:
    version = logged(run, FRAME)
    assert version.used_by() == ()
    logged(run, FRAME)
    assert [found.id for found in version.used_by()] == [run.id]


def test_the_relation_is_an_edge_of_the_run(run: Run, tmp_path: Path) -> None:
    train = logged(run, FRAME, "train", relation="trained_on")
    logged(run, FRAME, "train", relation="evaluated_on")
    (tmp_path / "model.bin").write_bytes(b"weights")
    model = run.log_artifact(tmp_path / "model.bin", name="model", type="model")
    edges = run.repository.lineage(model)
    assert {edge.relation for edge in edges if edge.source == train} == {
        "trained_on",
        "evaluated_on",
    }


def test_only_the_fingerprint_is_stored_where_that_is_asked(run: Run) -> None:
    version = logged(run, FRAME, mode="fingerprint")
    assert [entry.path for entry in version.files()] == ["dataset.json"]
    assert logged(run, pa.Table.from_pandas(FRAME), mode="fingerprint") == version
    stored = json.loads(version.read_bytes("dataset.json"))
    assert (stored["fingerprint"], stored["rows"]) == (fingerprint(FRAME), 3)
    assert "data" not in stored
    with pytest.raises(NotFoundError, match="mode='full'"):
        load_dataset(version)


def test_full_data_follow_a_fingerprint_and_are_used_from_then_on(run: Run) -> None:
    small = logged(run, FRAME, mode="fingerprint")
    full = logged(run, FRAME)
    assert (small.number, full.number) == (0, 1)
    assert logged(run, FRAME, mode="fingerprint") == full


def test_off_logs_nothing(run: Run) -> None:
    assert log_dataset(run, FRAME, "scores", mode="off") is None
    assert run.repository.collections() == ()


def test_data_over_the_limit_keep_their_fingerprint_and_say_so(run: Run) -> None:
    with pytest.warns(AdapterWarning, match="over the limit of 10;") as told:
        version = logged(run, FRAME, limit=10)
    assert told[0].filename == __file__
    assert version.metadata["stored"] == "fingerprint"
    assert "over the limit of 10" in str(version.metadata["limited"])
    with pytest.warns(AdapterWarning):
        assert logged(run, FRAME, limit=10) == version
    full = logged(run, FRAME)
    assert full != version
    assert "limited" not in full.metadata
    assert logged(run, FRAME, limit=10) == full  # its bytes are there: nothing to warn of


@pytest.mark.parametrize("wrong", [{"mode": "all"}, {"limit": -1}, {"limit": "1 GB"}])
def test_wrong_arguments_are_refused(run: Run, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        log_dataset(run, FRAME, "scores", **wrong)


def test_versions_and_references_are_used_as_they_are(run: Run) -> None:
    version = logged(run, FRAME)
    for data in (version, "scores:latest", "test/scores:v0"):
        assert logged(run, data, "other", relation="trained_on") == version
    with pytest.raises(NotFoundError):
        log_dataset(run, "absent:latest", "other")
    assert [c.name for c in run.repository.collections()] == ["scores"]


def test_files_are_logged_as_they_are(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    FRAME.to_csv(folder / "scores.csv")
    version = logged(run, folder)
    assert [entry.path for entry in version.files()] == ["scores.csv"]
    assert logged(run, str(folder)) == version
    assert logged(run, folder / "scores.csv").digest == version.digest
    with pytest.raises(NotFoundError, match="download"):
        load_dataset(version)


def test_files_over_the_limit_keep_their_digest(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    FRAME.to_csv(path)
    with pytest.warns(AdapterWarning, match="over the limit of 1;"):
        small = logged(run, path, limit=1)
    assert logged(run, path, mode="fingerprint") == small
    full = logged(run, path)
    assert small.metadata["fingerprint"] == full.digest
    assert logged(run, path, mode="fingerprint") == full


WORKER = """
import sys
import numpy as np
import edversion
from edversion_plugins.tracking import log_dataset
from pandas import Categorical, DataFrame

frame = DataFrame({"n": np.arange(1000), "t": ["x", None] * 500})
frame["c"] = Categorical(["a", "b"] * 500)
with edversion.init("p", store=sys.argv[1]) as run:
    version = log_dataset(run, (frame, np.arange(1000.0)), "d", mode=sys.argv[2])
    print(version.reference, version.digest)
"""


@pytest.mark.parametrize("mode", ["full", "fingerprint"])
def test_two_processes_make_one_version(tmp_path: Path, mode: str) -> None:
    def start(store: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WORKER, str(tmp_path / store), mode]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def said(process: subprocess.Popen[str]) -> str:
        text, _ = process.communicate()
        assert process.returncode == 0
        return text

    first = said(start("one"))
    together = {said(process) for process in [start("one"), start("two")]}
    assert together == {first}  # found where it was, and of equal bytes where it was not


def frames() -> dict[str, Any]:
    columns: dict[str, Any] = {
        "nullable": pd.array([1, None, 3], dtype="Int64"),
        "half": np.array([1, 2, 3], dtype="f2"),
        "truth": pd.array([True, None, False], dtype="boolean"),
        "seconds": pd.to_datetime(["2024-01-01", None, "2024-01-03"]).as_unit("s"),
        "zone": pd.to_datetime(["2024-01-01"] * 3).tz_localize("Europe/Berlin"),
        "lasting": pd.to_timedelta([1, 2, None], unit="s"),
        "category": pd.Categorical(["u", "v", None], categories=["v", "u", "w"]),
        "ordered": pd.Categorical([2, 1, 2], categories=[3, 2, 1], ordered=True),
        "times": pd.Categorical(pd.to_datetime(["2024-01-02", "2024-01-01", None])),
        "zoned": pd.Categorical(pd.to_datetime(["2024-01-02"] * 3).tz_localize("UTC")),
        "bands": pd.cut([1, 2, 3], 2),
        "months": pd.period_range("2024", periods=3, freq="M"),
        "spans": pd.interval_range(0, 3),
        "lists": [[1, None], [2], None],
        "records": [{"a": 1}, {"b": [2]}, None],
        "bytes": [b"a", b"", None],
        "decimals": [Decimal("1.5"), None, Decimal("22.25")],
        "dates": [date(2024, 1, 1)] * 3,
        "nothing": [None] * 3,
        "arrow": pd.array([[1], None, []], dtype=pd.ArrowDtype(pa.list_(pa.int32()))),
        "python": pd.array(["a", None, "b"], dtype="string[python]"),
        "sparse": pd.arrays.SparseArray([0, 0, 1]),
    }
    made: dict[str, Any] = {name: pd.DataFrame({"x": column}) for name, column in columns.items()}
    made |= {
        "all": pd.DataFrame(columns),
        "no rows": pd.DataFrame(columns).iloc[:0],
        "named index": FRAME.set_index("id"),
        "index of the same name": FRAME.set_index("id", drop=False),
        "reversed": FRAME.iloc[::-1],
        "without the first": FRAME.iloc[1:],
        "two levels": FRAME.set_index(["id", "group"]),
        "category as index": FRAME.set_index(pd.CategoricalIndex(["a", "b", "a"])),
        "number as name of the index": FRAME.rename_axis(5),
        "numbers as names": pd.DataFrame(np.eye(3)),
        "1 and its text": pd.DataFrame([[1, 2]], columns=[1, "1"]),
        "two levels of names": pd.DataFrame(
            [[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])
        ),
        "series": FRAME["group"],
        "series without a name": pd.Series([1.0, 2.0], index=[5, 6]),
    }
    return made


FRAMES = frames()


@pytest.mark.parametrize("name", FRAMES)
def test_pandas_data_come_back_equal(run: Run, name: str) -> None:
    version = logged(run, FRAMES[name])
    assert_equal(version, FRAMES[name])
    assert logged(run, load_dataset(version)) == version


EXACT = ["all but odd ones", "reversed", "two levels", "two levels of names", "1 and its text"]


@pytest.mark.parametrize("name", EXACT)
def test_frames_come_back_with_the_dtypes_of_pandas(run: Run, name: str) -> None:
    odd = ["lists", "records", "arrow", "python", "sparse"]
    frame = FRAMES["all"].drop(columns=odd) if name == EXACT[0] else FRAMES[name]
    pd.testing.assert_frame_equal(load_dataset(logged(run, frame)), frame)


def others() -> dict[str, Callable[[], Any]]:
    hugging = Features({"text": Value("string"), "label": ClassLabel(names=["no", "yes"])})

    def rows() -> Dataset:
        return Dataset.from_dict({"text": ["a", "b", "c"], "label": [1, 0, 1]}, features=hugging)

    return {
        "vector": lambda: np.arange(5),
        "matrix": lambda: np.eye(3, dtype="f4"),
        "cube": lambda: np.asfortranarray(np.arange(24).reshape(2, 3, 4)),
        "scalar": lambda: np.float64(3),
        "no rows": lambda: np.zeros((0, 3)),
        "no columns": lambda: np.zeros((3, 0)),
        "wide": lambda: np.zeros((2, 2000)),
        "truth": lambda: np.array([True, False]),
        "texts": lambda: np.array(["ab", "c"]),
        "complex": lambda: np.array([1 + 2j, np.nan]),
        "records": lambda: np.array([(1, "x")], dtype=[("a", "i1"), ("b", "U3")]),
        "days": lambda: np.array(["2024-01-01", "NaT"], dtype="M8[D]"),
        "objects": lambda: np.array([["a", None], ["b", "c"]], dtype=object),
        "new texts": lambda: np.array(["a", "bc"], dtype=np.dtypes.StringDType()),
        "other end first": lambda: np.arange(3, dtype=">i4"),
        "large": lambda: np.array([2**64 - 1], dtype="u8"),
        "zeros": lambda: np.array([0.0, -0.0, np.nan, np.inf]),
        "X and y": lambda: (FRAME[["score"]], np.arange(3)),
        "named": lambda: {"X": np.eye(3), "y": np.arange(3)},
        "odd names": lambda: {"a b": np.eye(2), "0": np.eye(1), "../x": np.eye(4)},
        "nested": lambda: {"data": {"x": np.eye(2)}, "x": (np.eye(3), np.eye(1))},
        "tensor": lambda: torch.arange(12.0).reshape(3, 4),
        "bfloat16": lambda: torch.tensor([1, float("nan")], dtype=torch.bfloat16),
        "float8": lambda: torch.tensor([1, float("nan")], dtype=torch.float8_e4m3fn),
        "tensors": lambda: TensorDataset(torch.eye(3), torch.arange(3)),
        "split": lambda: random_split(TensorDataset(torch.eye(9)), [4, 5])[0],
        "loader": lambda: DataLoader(TensorDataset(torch.eye(3))),
        "sparse": lambda: sparse.coo_array(np.diag([1.0, 0.0, 2.0])),
        "all zero": lambda: sparse.csc_array((3, 4)),
        "list": lambda: ["a", "b"],
        "rows": rows,
        "chosen rows": lambda: rows().select([2, 0]),
        "splits": lambda: DatasetDict(train=rows(), test=rows().select([1])),
        "arrow": lambda: pa.table(
            {
                "d": pa.chunked_array([["a"], ["b", None]]).dictionary_encode(),
                "t": pa.array([1, 2, None], pa.timestamp("s", "UTC")),
                "m": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64())),
                "f": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int8(), 2)),
                "l": pa.array([["a"], None, ["b"]], pa.list_(pa.dictionary("i1", pa.string()))),
                "v": pa.array(["a", None, "c"], pa.string_view()),
            }
        ),
        "arrow array": lambda: pa.array([1, None]),
    }


OTHERS = others()


@pytest.mark.parametrize("name", OTHERS)
def test_other_data_come_back_equal(run: Run, name: str) -> None:
    data = OTHERS[name]()
    version = logged(run, data)
    assert_equal(version, data)
    assert logged(run, load_dataset(version)) == version


def assert_equal(version: Version, data: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        back = load_dataset(version)
    assert fingerprint(back) == fingerprint(data)


def test_containers_come_back_as_they_were(run: Run) -> None:
    def back(name: str) -> Any:
        return load_dataset(logged(run, OTHERS[name](), name.replace(" ", "-")))

    assert torch.equal(back("tensors")[1][0], torch.tensor([0.0, 1.0, 0.0]))
    assert isinstance(back("bfloat16"), torch.Tensor)
    assert back("rows").features["label"].names == ["no", "yes"]
    assert [type(part).__name__ for part in back("X and y")] == ["DataFrame", "ndarray"]
    assert isinstance(back("sparse"), sparse.csr_array)
    assert back("nested")["x"][0].shape == (3, 3)
    np.testing.assert_array_equal(back("objects"), OTHERS["objects"]())


CELLS = st.one_of(
    st.lists(st.floats(), min_size=3, max_size=3),
    st.lists(st.none() | st.text(st.characters(codec="utf-8")), min_size=3, max_size=3),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3),
    st.lists(st.none() | st.booleans(), min_size=3, max_size=3),
    st.lists(st.none() | st.lists(st.none() | st.integers(0, 9)), min_size=3, max_size=3),
    st.lists(st.sampled_from(["x", "y", "z"]), min_size=3, max_size=3).map(pd.Categorical),
)
NAMES = st.text(st.characters(codec="utf-8"), max_size=4) | st.integers(0, 99)


@settings(max_examples=25)
@given(columns=st.dictionaries(NAMES, CELLS, min_size=1, max_size=4), shift=st.integers(0, 2))
def test_any_frame_comes_back_equal(run: Run, columns: dict[Any, Any], shift: int) -> None:
    frame = pd.DataFrame(columns)
    frame.index = frame.index + shift
    assert_equal(logged(run, frame), frame)


def test_equal_data_make_equal_bytes_however_they_lie_in_memory(run: Run) -> None:
    whole = pa.table({"a": np.arange(5000), "t": [f"text {i % 7}" for i in range(5000)]})
    cut = pa.concat_tables([whole.slice(0, 1234), whole.slice(1234)])
    one, other = logged(run, whole, "one"), logged(run, cut, "other")
    assert one.digest == other.digest
    values = np.random.default_rng(0).normal(size=(4, 5, 6))
    assert (
        logged(run, values, "c").digest == logged(run, np.asfortranarray(values), "fortran").digest
    )


def test_data_that_would_come_back_otherwise_are_told_of(run: Run) -> None:
    version = logged(run, FRAME)
    draft = version.new_draft()
    with draft.new_file("data.parquet", overwrite=True) as file:
        pq.write_table(pa.Table.from_pandas(FRAME.assign(id=[1, 2, 4])), file)
    changed = run.log_artifact(draft)
    with pytest.warns(AdapterWarning, match="other values or types"):
        load_dataset(changed)
