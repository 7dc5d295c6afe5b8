"""Formats are told, split and described from files that the real libraries wrote."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import pickle
import random
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from edversion.plugins import Plugins
from edversion_plugins import formats
from edversion_plugins.formats import edversion_describe, edversion_split
from edversion_plugins.formats.archives import _read_directory
from edversion_plugins.formats.facts import bounded
from edversion_plugins.formats.headers import is_header
from edversion_plugins.formats.parts import PART, boundaries
from edversion_plugins.formats.reading import open_raw

SECRET = "Wilhelmina"


def split(path: Path) -> list[int] | None:
    return edversion_split(path=path, size=path.stat().st_size)


def parts(path: Path) -> list[bytes]:
    """Cut a file as the engine would, after checking that the offsets rise inside it."""
    data = path.read_bytes()
    offsets = split(path)
    assert offsets is not None
    assert all(a < b for a, b in zip([0, *offsets], [*offsets, len(data)], strict=True))
    return [data[a:b] for a, b in zip([0, *offsets], [*offsets, len(data)], strict=True)]


def describe(path: Path) -> dict:
    facts = edversion_describe(path=path)
    assert facts is not None
    assert len(json.dumps(facts)) < 65_536
    json.dumps(facts, allow_nan=False, ensure_ascii=False).encode()
    return facts


def write(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def seconds(call: Callable[..., object], *arguments: object) -> float:
    """Give the best of three times, of this process alone: other work must fail no test."""
    times = []
    for _ in range(3):
        started = time.process_time()
        call(*arguments)
        times.append(time.process_time() - started)
    return min(times)


def weights(count: int = 6, seed: int = 0) -> dict[str, np.ndarray]:
    """Give tensors of which half are large; shapes (n, 256) and (64,)."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for index in range(count):
        tensors[f"layer.{index}.weight"] = rng.random((100 + index, 256), dtype=np.float32)
        tensors[f"layer.{index}.bias"] = rng.random(64, dtype=np.float32)
    return tensors


def write_torch(path: Path, tensors: dict[str, np.ndarray], **others: object) -> Path:
    torch = pytest.importorskip("torch", exc_type=ImportError)
    state = {name: torch.from_numpy(array) for name, array in tensors.items()}
    torch.save({**others, "state_dict": state}, path)
    return path


def test_the_engine_hears_the_plugin(tmp_path: Path) -> None:
    plugins = Plugins({"formats": formats}, discover=False)
    save_file(weights(), tmp_path / "m.safetensors")
    path = tmp_path / "m.safetensors"
    assert plugins.split(path, path.stat().st_size) == split(path)
    assert plugins.describe(path) == describe(path)


# Splitting


def test_every_large_safetensor_is_a_part_by_itself(tmp_path: Path) -> None:
    tensors = weights()
    save_file(tensors, tmp_path / "m.safetensors")
    found = set(parts(tmp_path / "m.safetensors"))
    large = [array.tobytes() for array in tensors.values() if array.nbytes >= PART]
    assert len(large) == 6
    assert found.issuperset(large)


def test_safetensors_stay_equal_when_metadata_grows(tmp_path: Path) -> None:
    tensors = weights()
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    save_file(tensors, one, metadata={"step": "1"})
    save_file(tensors, two, metadata={"step": "1", "note": "x" * 1000})
    assert two.stat().st_size - one.stat().st_size >= 1000
    assert parts(one)[1:] == parts(two)[1:]


def test_torch_tensors_are_parts_and_stay_equal_when_bytes_shift(tmp_path: Path) -> None:
    tensors = weights()
    one = write_torch(tmp_path / "one.pt", tensors, note="")
    two = write_torch(tmp_path / "two.weird", tensors, note="x" * 1000)
    first, second = set(parts(one)), set(parts(two))
    for array in tensors.values():
        if array.nbytes >= PART:
            assert array.tobytes() in first
            assert array.tobytes() in second


def test_one_changed_torch_tensor_changes_one_large_part(tmp_path: Path) -> None:
    tensors = weights()
    one = write_torch(tmp_path / "one.ckpt", tensors)
    tensors["layer.2.weight"] = tensors["layer.2.weight"] + 1
    two = write_torch(tmp_path / "two.ckpt", tensors)
    known = set(parts(one))
    new = [part for part in parts(two) if part not in known]
    assert sum(len(part) >= PART for part in new) == 1


def test_npz_members_are_parts_and_stay_equal_when_bytes_shift(tmp_path: Path) -> None:
    tensors = weights()
    np.savez(tmp_path / "one.npz", **tensors)
    np.savez(tmp_path / "two.npz", note=np.zeros(1000, np.uint8), **tensors)
    first, second = set(parts(tmp_path / "one.npz")), set(parts(tmp_path / "two.npz"))
    large = {part for part in first if len(part) >= PART}
    assert len(large) == 6
    assert large <= second
    assert all(part.startswith(b"\x93NUMPY") for part in large)


def test_stored_zip_with_a_comment_is_split(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.bin", b"a" * PART)
        archive.writestr("ü.bin", b"b" * PART)
        archive.comment = b"PK\x05\x06 a comment that looks like an end record"
    assert {b"a" * PART, b"b" * PART} <= set(parts(path))


def test_small_tensors_share_parts(tmp_path: Path) -> None:
    tensors = {f"t{index:04}": np.full(1024, index, np.float32) for index in range(1000)}
    save_file(tensors, tmp_path / "m.safetensors")
    sizes = list(map(len, parts(tmp_path / "m.safetensors")))
    assert all(PART <= size < 2 * PART for size in sizes[1:-1])
    np.savez(tmp_path / "m.npz", **tensors)
    sizes = list(map(len, parts(tmp_path / "m.npz")))
    assert all(PART <= size < 2 * PART for size in sizes[:-1])


def test_zip64_with_many_members(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(70_000):
            archive.writestr(f"{index}", b"")
        archive.writestr("large", b"x" * PART)
    assert b"x" * PART in parts(path)
    check_directory(path)


def test_zip64_with_large_members(tmp_path: Path) -> None:
    five = 5 << 30
    one, two = sparse_zip64(tmp_path / "large.zip", [five, five])
    assert split(tmp_path / "large.zip") == [one, one + five, two, two + five]
    check_directory(tmp_path / "large.zip")


def check_directory(path: Path) -> None:
    """Check that the standard library reads the same members."""
    with zipfile.ZipFile(path) as archive, open_raw(path) as file:
        members, start = _read_directory(file, path.stat().st_size)
        assert start == archive.start_dir
        found = [(member.header, member.size, member.name.decode()) for member in members]
        known = [(i.header_offset, i.compress_size, i.filename) for i in archive.infolist()]
        assert found == known


def sparse_zip64(path: Path, sizes: list[int]) -> list[int]:
    """Write stored members of zeros that take no room on the disk; give where each starts."""
    full, place, starts = 0xFFFFFFFF, 0, []
    directory = io.BytesIO()
    with path.open("wb") as file:
        for index, size in enumerate(sizes):
            name = f"m/data/{index}".encode()
            extra = struct.pack("<HHQQ", 1, 16, size, size)
            local = (45, 0, 0, 0, 0, 0, full, full, len(name), len(extra))
            file.seek(place)
            file.write(b"PK\x03\x04" + struct.pack("<5H3I2H", *local) + name + extra)
            starts.append(file.tell())
            extra = struct.pack("<HHQQQ", 1, 24, size, size, place)
            central = (45, *local[:-1], len(extra), 0, 0, 0, 0, full)
            directory.write(b"PK\x01\x02" + struct.pack("<6H3I5H2I", *central) + name + extra)
            place = file.tell() + size
        count, body = len(sizes), directory.getvalue()
        end64 = (44, 45, 45, 0, 0, count, count, len(body), place)
        file.seek(place)
        file.write(body)
        file.write(b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", *end64))
        file.write(b"PK\x06\x07" + struct.pack("<IQI", 0, place + len(body), 1))
        file.write(b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 0xFFFF, 0xFFFF, full, full, 0))
    return starts


def test_a_hundred_thousand_safetensors_take_under_a_second(tmp_path: Path) -> None:
    header = {
        f"model.layers.{index}.mlp.experts.weight": {
            "dtype": "BF16",
            "shape": [64, 512],
            "data_offsets": [index * PART, (index + 1) * PART],
        }
        for index in range(100_000)
    }
    text = json.dumps(header).encode()
    path = tmp_path / "m.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + 100_000 * PART)
    offsets = split(path)
    assert seconds(split, path) < 1
    assert len(offsets or ()) == 100_000
    assert describe(path)["parameters"] == 100_000 * 64 * 512


def test_a_zip_of_a_hundred_thousand_members_takes_under_a_second(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    starts = sparse_zip64(path, [0] * 90_000 + [PART] * 10_000)
    offsets = split(path)
    assert seconds(split, path) < 1
    assert set(starts[-10_000:]) <= set(offsets or ())


def test_compressed_formats_are_split_by_content(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", **weights())
    pd.DataFrame({"a": range(100)}).to_parquet(tmp_path / "a.parquet")
    write(tmp_path / "a.csv.gz", gzip.compress(b"a,b\n"))
    write(tmp_path / "a.zst", zstandard.compress(b"a,b\n"))
    write(tmp_path / "a.png", b"\x89PNG\r\n\x1a\n" + bytes(100))
    write(tmp_path / "a.jpg", b"\xff\xd8\xff\xe0" + bytes(100))
    for path in tmp_path.iterdir():
        assert split(path) == [], path


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PAR1",
        b"PK\x03\x04",
        b"a,b\n1,2\n",
        b"ID3,name\n1,2\n",
        pickle.dumps([1]),
        bytes(4096),
    ],
)
def test_unknown_files_are_left_to_others(tmp_path: Path, data: bytes) -> None:
    path = write(tmp_path / "f", data)
    assert split(path) is None


def test_a_missing_file_and_a_folder_are_unknown(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no"):
        assert edversion_split(path=path, size=10) is None
        assert edversion_describe(path=path) is None


def damaged_safetensors() -> list[bytes]:
    def of(header: object, tail: bytes = bytes(100)) -> bytes:
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + tail

    tensor = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    return [
        of({"a": {**tensor, "data_offsets": [0, 101]}}),
        of({"a": {**tensor, "data_offsets": [4, 0]}}),
        of({"a": {**tensor, "data_offsets": [-4, 0]}}),
        of({"a": {**tensor, "data_offsets": [True, 4]}}),
        of({"a": {**tensor, "data_offsets": [0.5, 4]}}),
        of({"a": {**tensor, "data_offsets": ["0", 4]}}),
        of({"a": {"dtype": "F32"}}),
        of({"a": tensor, "b": {**tensor, "data_offsets": [2, 6]}}),
        of({"a": 1}),
        struct.pack("<Q", 10**8) + b"{" + bytes(100),
        struct.pack("<Q", 2**63) + b"{" + bytes(100),
        struct.pack("<Q", 200) + b'{"a":' * 40 + bytes(200),
        struct.pack("<Q", 50_000) + b'{"a":' * 10_000,
        struct.pack("<Q", 5_008) + b'{"a":' + b"9" * 5_002 + b"}",
    ]


@pytest.mark.parametrize("data", damaged_safetensors())
def test_damaged_safetensors_are_unknown(tmp_path: Path, data: bytes) -> None:
    assert split(write(tmp_path / "m.safetensors", data)) is None


@pytest.mark.parametrize(
    "shape", [[2**40], [-1], [1.0], "1", [1] * 65, None, [10**4000], [2**62] * 60]
)
def test_a_hostile_shape_is_unknown(tmp_path: Path, shape: object) -> None:
    text = json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4]}}).encode()
    path = write(tmp_path / "m.safetensors", struct.pack("<Q", len(text)) + text + bytes(4))
    assert edversion_describe(path=path) is None


@given(
    lengths=st.lists(st.integers(0, 3 * PART), max_size=30),
    gaps=st.lists(st.integers(0, 100), min_size=30, max_size=30),
    start=st.integers(0, 1000),
    tail=st.integers(0, 100),
)
def test_boundaries_rise_and_isolate_large_extents(
    lengths: list[int], gaps: list[int], start: int, tail: int
) -> None:
    place, extents = start, []
    for length, gap in zip(lengths, gaps, strict=False):
        extents.append((place + gap, place + gap + length))
        place += gap + length
    size = place + tail
    offsets = boundaries(extents, size, start)
    assert offsets == sorted(set(offsets))
    assert all(0 < offset < size for offset in offsets)
    known = {0, *offsets, size}
    assert all({begin, end} <= known for begin, end in extents if end - begin >= PART)
    moved = boundaries([(a + 7, b + 7) for a, b in extents], size + 7, start + 7)
    assert {offset - 7 for offset in moved if offset > 7} - {start} == set(offsets) - {start}


# Describing


def test_safetensors_facts(tmp_path: Path) -> None:
    tensors = {**weights(2), "ids": np.arange(10), "scalar": np.ones((), np.float32)}
    save_file(tensors, tmp_path / "m.safetensors", metadata={"format": "pt"})
    assert describe(tmp_path / "m.safetensors") == {
        "format": "safetensors",
        "tensors": 6,
        "parameters": 100 * 256 + 101 * 256 + 2 * 64 + 10 + 1,
        "dtypes": {"F32": 201 * 256 + 2 * 64 + 1, "I64": 10},
        "metadata": {"format": "pt"},
    }


def test_much_metadata_is_cut(tmp_path: Path) -> None:
    metadata = {f"key {index}": "ü" * 2000 for index in range(500)}
    save_file(weights(1), tmp_path / "m.safetensors", metadata=metadata)
    facts = describe(tmp_path / "m.safetensors")
    assert facts["truncated"] is True
    assert facts["metadata_count"] == 500
    assert 0 < len(facts["metadata"]) < 500


def test_torch_facts(tmp_path: Path) -> None:
    path = write_torch(tmp_path / "m.bin", weights(3), epoch=3)
    expected = sum(array.nbytes for array in weights(3).values())
    assert describe(path) == {"format": "torch", "tensors": 6, "bytes": expected}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_facts(tmp_path: Path, save: object) -> None:
    record = np.zeros(3, [("age", "i4"), ("größe", "f8", (2,))])
    arrays = {"x": np.zeros((3, 2)), "y": np.array(["a", None]), "record": record}
    save(tmp_path / "a.npz", **arrays)  # type: ignore[operator]
    assert describe(tmp_path / "a.npz") == {
        "format": "npz",
        "array_count": 3,
        "arrays": [
            {"name": "x", "shape": [3, 2], "dtype": "<f8"},
            {"name": "y", "shape": [2], "dtype": "|O"},
            {"name": "record", "shape": [3], "dtype": "record", "fields": ["age", "größe"]},
        ],
    }


def test_many_arrays_are_cut(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{f"array {i:05}": np.zeros(1) for i in range(3000)})
    facts = describe(tmp_path / "a.npz")
    assert facts["truncated"] is True
    assert facts["array_count"] == 3000
    assert 100 < len(facts["arrays"]) <= 1000


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_facts(tmp_path: Path, version: tuple[int, int]) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, np.zeros((4, 0, 2), ">i2"), version=version)
    assert describe(tmp_path / "a.npy") == {"format": "npy", "shape": [4, 0, 2], "dtype": ">i2"}


@pytest.mark.parametrize(
    "text",
    [
        *("(" * 9000, "[" * 9000, "-" * 9000 + "1", "not " * 2000, "1+" * 4000 + "1", "{" * 9000),
        *("{'descr': '<f8', 'shape': (-1,)}", "{'descr': '<f8', 'shape': (True,)}", "{1, 2}"),
        *("{'descr': 5, 'shape': ()}", "{'descr': '\\d', 'shape': ()}", "{}"),
        *("{'a': " + "-" * 9000 + "1}", "{'a': " + "not " * 2000 + "1}"),
        *("{'a': " + "1+" * 4000 + "1}", "{'a': " + "9" * 5000 + "}", "{'a': __import__('os')}"),
        *("{'a':" + "b." * 4000 + "c}", "{'a':" + "lambda:" * 1000 + "c}", "{'descr': '<f8'}"),
    ],
)
def test_hostile_array_headers_are_unknown(tmp_path: Path, text: str) -> None:
    head = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
    assert edversion_describe(path=write(tmp_path / "a.npy", head)) is None


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return pytest.fail, ("loaded",)

    for protocol in (2, 3, 4, 5):
        path = write(tmp_path / "m.pkl", pickle.dumps([1, 2], protocol))
        assert describe(path) == {"format": "pickle", "protocol": protocol}
    data = pickle.dumps(Bomb())
    assert describe(write(tmp_path / "m", data)) == {"format": "pickle", "protocol": 4}
    assert split(tmp_path / "m") is None


def test_parquet_facts(tmp_path: Path) -> None:
    frame = pd.DataFrame({"name": [SECRET] * 10, "age": range(10), "kind": ["a", "b"] * 5})
    frame["kind"] = frame["kind"].astype("category")
    frame.to_parquet(tmp_path / "a.parquet", row_group_size=4)
    facts = describe(tmp_path / "a.parquet")
    columns = facts.pop("columns")
    assert facts == {"format": "parquet", "rows": 10, "row_groups": 3, "column_count": 3}
    assert columns["age"] == "int64"
    assert columns["kind"].startswith("dictionary<")
    assert list(columns) == ["name", "age", "kind"]
    assert SECRET not in json.dumps(columns)


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "a.parquet")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    assert describe(tmp_path / "a.parquet") == {"format": "parquet"}


def csv_facts(tmp_path: Path, text: str | bytes, name: str = "a.csv") -> dict:
    return describe(write(tmp_path / name, text))


def test_csv_with_quoted_newlines_and_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [(1, "two\nlines", 'a "quote", and'), (2, "\r\n\r\n", ""), (3, "x", "ü")]
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["student_id", "the\ttext", "note, long"])
        writer.writerows(rows * 5)
    assert describe(path) == {
        "format": "csv",
        "delimiter": ",",
        "rows": 15,
        "header": True,
        "column_count": 3,
        "columns": ["student_id", "the\ttext", "note, long"],
    }
    assert len(pd.read_csv(path)) == 15


@pytest.mark.parametrize("delimiter", list(",;\t|"))
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    frame = pd.DataFrame({"school": ["GP", "MS"] * 9, "G3": range(18), "text": ["a, b; c"] * 18})
    frame.to_csv(tmp_path / "a.csv", sep=delimiter)
    facts = describe(tmp_path / "a.csv")
    assert (facts["delimiter"], facts["rows"]) == (delimiter, 18)
    assert facts["columns"] == ["", "school", "G3", "text"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "{end}", "{end}{end}"])
def test_line_ends(tmp_path: Path, end: str, last: str) -> None:
    text = end.join(["id,score", "1,2", "", "3,4"]) + last.format(end=end)
    facts = csv_facts(tmp_path, text)
    assert (facts["rows"], facts["columns"]) == (2, ["id", "score"])


def test_utf16_and_tsv(tmp_path: Path) -> None:
    text = "id\tname\n1\tÄnne\n"
    for name in ("a.tsv", "a.csv"):
        facts = csv_facts(tmp_path, text.encode("utf-16"), name)
        assert (facts["format"], facts["columns"], facts["rows"]) == ("tsv", ["id", "name"], 1)


@pytest.mark.parametrize("data", [b"a,b\n\xff\xfe1,2\n", b"a,b\n\0\0\n", b"\xff\xfea"])
def test_undecodable_tables_are_unknown(tmp_path: Path, data: bytes) -> None:
    for name in ("a.csv", "a.jsonl"):
        assert edversion_describe(path=write(tmp_path / name, data)) is None


def test_a_large_csv_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    row = f"1,{SECRET} ü\n".encode()
    with path.open("wb") as file:
        file.write(b"id,name\n" + row * 100_000)
        file.truncate(200 << 30)
    facts = describe(path)
    assert seconds(describe, path) < 1
    assert facts["rows"] is None
    assert facts["columns"] == ["id", "name"]


def test_many_columns_are_cut(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.ones((3, 20_000)), columns=[f"question {i}" for i in range(20_000)])
    frame.to_csv(tmp_path / "a.csv", index=False)
    facts = describe(tmp_path / "a.csv")
    assert facts["truncated"] is True
    assert facts["column_count"] == 20_000
    assert facts["columns"][:2] == ["question 0", "question 1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name,points\nAda,3\n", True),
        ("prompt,completion\nwhat is it?,this\n", True),
        ("sex,school\n" + "f,north\nm,south\n" * 6, True),
        ("born,when\n" + "".join(f"north{i % 3},2001-02-1{i}\n" for i in range(6)), True),
        ("home,age,weeks\n" + "home,12,3\nstreet,13,4\n" * 3, True),
        ("home,age\n" + "home,12\nstreet,13\n" * 3, False),
        (f"{SECRET},female\nBo,male\n", False),
        (f"{SECRET},female\n" + "Bo,male\nAnn,female\n" * 9, False),
        (f"{SECRET},12\nBo,13\n", False),
        (f"{SECRET},\nBo,13\nAnn,14\n", False),
        (f"{SECRET},NA\nBo,13\nAnn,14\n", False),
        (f"{SECRET},w@school.org\nBo,b@school.org\n", False),
        (f"{SECRET},2001-02-03\n", False),
        (f"{SECRET}\nBo\nAnn\n", False),
        (f"{SECRET}\n", False),
        (f"{SECRET},x,x\nBo,1,2\n", False),
        ("0,1,2\n1.5,2.5,3.5\n", False),
        ("", False),
    ],
)
def test_names_are_told_only_on_evidence(tmp_path: Path, text: str, expected: bool) -> None:
    facts = csv_facts(tmp_path, text)
    assert facts["header"] is expected
    assert (facts["columns"] is not None) is expected
    assert SECRET not in json.dumps(facts)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_cells_never_leak(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever the cells, a fact holds none but those of a believed header."""
    width = data.draw(st.integers(1, 4))
    cell = st.from_regex(r"[Zz]q[a-z ,;\"\n]{0,9}", fullmatch=True) | st.integers(10**4).map(str)
    rows = data.draw(st.lists(st.lists(cell, min_size=width, max_size=width), max_size=30))
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["student_id", "score", "date", "group"][:width], *rows])
    facts = csv_facts(tmp_path, text.getvalue())
    written = json.dumps({**facts, "rows": 0}).lower()
    assert "zq" not in written
    if rows:
        assert facts["rows"] == len(rows)


def test_a_header_needs_little_time_on_hostile_cells() -> None:
    cells = ["1" * 100_000 + "x", "a" * 100_000, "-" * 100_000]
    assert seconds(is_header, ["id", "name", "text"], [cells] * 1000) < 1


def test_json_lines_facts(tmp_path: Path) -> None:
    text = f'{{"id": 1, "name": "{SECRET}"}}\n\n{{"id": 2}}\n{{"id": 3}}'
    facts = csv_facts(tmp_path, text, "a.jsonl")
    assert facts == {"format": "jsonl", "rows": 3, "key_count": 2, "keys": ["id", "name"]}
    facts = csv_facts(tmp_path, f'["{SECRET}"]\n', "a.ndjson")
    assert facts == {"format": "jsonl", "rows": 1}
    facts = csv_facts(tmp_path, '{"S10293": 1, "S10294": 2}\n', "a.jsonl")
    assert facts["keys"] is None
    assert csv_facts(tmp_path, "", "a.jsonl") == {"format": "jsonl", "rows": 0}
    assert edversion_describe(path=write(tmp_path / "a.jsonl", "no json\n")) is None


def test_a_large_json_lines_file_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "a.jsonl").open("wb") as file:
        file.write(b'{"id": 1, "text": "\xc3\xbc"}\n' * 100_000)
        file.truncate(200 << 30)
    facts = describe(tmp_path / "a.jsonl")
    assert (facts["rows"], facts["keys"]) == (None, ["id", "text"])


def test_plain_and_unknown_files_have_no_facts(tmp_path: Path) -> None:
    assert edversion_describe(path=write(tmp_path / "a.txt", "a,b\n1,2\n")) is None
    assert edversion_describe(path=write(tmp_path / "a.dat", bytes(100))) is None
    with zipfile.ZipFile(tmp_path / "a.docx", "w") as archive:
        archive.writestr("word/document.xml", "x")
    assert edversion_describe(path=tmp_path / "a.docx") is None


_JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.integers(0, 3000).map("ü".__mul__),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=10), _JSON, max_size=4), st.integers(0, 3000))
def test_facts_are_bounded(facts: dict, times: int) -> None:
    if len(json.dumps(facts)) < 1000:
        assert bounded(facts) == facts
    long = {
        "a": [facts] * times,
        "b": {str(i): facts for i in range(times)},
        "c": "\U0001f600" * times,
    }
    cut = bounded(long)
    assert len(json.dumps(cut)) < 65_536
    assert (cut == long) != ("truncated" in cut)


def test_lone_surrogates_are_replaced() -> None:
    assert bounded({"a": ["\ud800x"]}) == {"a": ["?x"]}


# Damage


@pytest.fixture(scope="module")
def real_files(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, bytes]]:
    """Give the bytes of one small file of every format."""
    folder = tmp_path_factory.mktemp("real")
    tensors = {"a": np.zeros(20_000, np.float32), "b": np.ones((2, 3))}
    save_file(tensors, folder / "a.safetensors", metadata={"k": "v"})
    np.savez(folder / "a.npz", **tensors)
    np.savez_compressed(folder / "b.npz", **tensors)
    np.save(folder / "a.npy", tensors["b"])
    frame = pd.DataFrame({"id": range(50), "name": ["x,\n"] * 50})
    frame.to_csv(folder / "a.csv")
    frame.to_json(folder / "a.jsonl", orient="records", lines=True)
    frame.to_parquet(folder / "a.parquet")
    (folder / "a.pkl").write_bytes(pickle.dumps(frame))
    with contextlib.suppress(pytest.skip.Exception):
        write_torch(folder / "a.pt", tensors)
    return [(path.suffix, path.read_bytes()) for path in sorted(folder.iterdir())]


def check_quiet(path: Path) -> None:
    """Check that the hooks answer within their contract, whatever the file."""
    size = path.stat().st_size
    offsets = split(path)
    if offsets:
        assert all(a < b for a, b in zip([0, *offsets], [*offsets, size], strict=True))
    facts = edversion_describe(path=path)
    assert facts is None or len(json.dumps(facts, allow_nan=False)) < 65_536


def test_damaged_files_raise_nothing(tmp_path: Path, real_files: list[tuple[str, bytes]]) -> None:
    chance = random.Random(7)
    for suffix, data in real_files:
        path = tmp_path / f"f{suffix}"
        for _ in range(150):
            damaged = bytearray(data)
            for _ in range(chance.randint(1, 4)):
                place = chance.choice([chance.randrange(len(data)), *near_ends(chance, data)])
                damaged[place] ^= 1 << chance.randrange(8)
            check_quiet(write(path, bytes(damaged)))
        for _ in range(30):
            check_quiet(write(path, data[: chance.randrange(len(data))]))


def near_ends(chance: random.Random, data: bytes) -> tuple[int, int]:
    """Give places where the headers are."""
    near = min(600, len(data))
    return chance.randrange(near), len(data) - 1 - chance.randrange(near)


_STARTS = [
    b"",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x93NUMPY\x01\x00",
    b"PAR1",
    b"\x80\x04\x95",
    b"BZh",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    start=st.sampled_from([*_STARTS, b"\x20" + bytes(7) + b"{"]),
    data=st.binary(max_size=300),
    end=st.sampled_from([b"", b"PAR1", b"PK\x05\x06" + bytes(18)]),
    suffix=st.sampled_from(["", ".csv", ".tsv", ".jsonl", ".npz", ".pt", ".parquet", ".pkl"]),
)
def test_arbitrary_bytes_raise_nothing(
    tmp_path: Path, start: bytes, data: bytes, end: bytes, suffix: str
) -> None:
    check_quiet(write(tmp_path / f"f{suffix}", start + data + end))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(), suffix=st.sampled_from([".csv", ".tsv", ".jsonl"]))
def test_arbitrary_text_raises_nothing(tmp_path: Path, text: str, suffix: str) -> None:
    check_quiet(write(tmp_path / f"f{suffix}", text.encode("utf-8", "surrogatepass")))
