"""What differs inside tables: columns, rows by key, summaries; never a text of a cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

import edversion
from edversion_plugins.formats.differences import table_reading
from edversion_plugins.formats.differences.rows import unequal

BEFORE = """student_id,name,score,school
007,Ada,61.5,A
008,Bo,38,A
009,Cy,,B
"""
AFTER = """student_id,name,score,passed
007,Ada,61.5,1
008,Bo,40,0
010,Di,80,1
011,Ed,55,1
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[edversion.Run]:
    with edversion.init("p", store=tmp_path / "store") as run:
        yield run


def compared(
    run: edversion.Run, *contents: bytes, path: str = "data.csv", **options: Any
) -> tuple[edversion.Section, ...]:
    for content in contents:
        draft = edversion.Artifact("grades", type="dataset", **options)
        draft.add_bytes(content, path)
        run.log_artifact(draft)
    return run.repository.compare("grades:v0", "grades:v1", only=["plugins"]).sections


def one(sections: tuple[edversion.Section, ...]) -> edversion.Section:
    (section,) = sections
    return section


def rows(section: edversion.Section) -> dict[str, dict[str, Any]]:
    return {str(row[0]): dict(zip(section.columns, row, strict=True)) for row in section.rows}


def as_parquet(path: Path, columns: Mapping[str, Any]) -> bytes:
    parquet.write_table(pa.table(dict(columns)), path)
    return path.read_bytes()


def test_rows_are_matched_by_a_key_that_is_found(run: edversion.Run) -> None:
    section = one(compared(run, BEFORE.encode(), AFTER.encode()))
    assert section.title == "Table data.csv: v0 → v1"
    expected = "Rows matched by student_id: 2 added, 1 removed, 1 changed, 1 the same."
    assert section.note == f"{expected} Columns added: passed; removed: school."
    told = rows(section)
    assert list(told)[:2] == ["school", "passed"]
    assert told["score"]["cells changed"] == 1
    assert told["score"]["missing"] == [1, 0]
    assert (told["score"]["min"], told["score"]["max"]) == ([38.0, 40.0], [61.5, 80.0])
    assert told["score"]["mean"] == [49.75, pytest.approx(59.125)]
    assert told["passed"]["type"] == [None, "numbers in text"]
    assert told["student_id"]["min"] is None  # a key is nobody's business


def test_no_text_of_a_cell_is_given_away(run: edversion.Run) -> None:
    text = str(one(compared(run, BEFORE.encode(), AFTER.encode())).as_json())
    assert not any(word in text for word in ("Ada", "Bo", "Di", "007", "011"))


def test_leading_zeros_count(run: edversion.Run) -> None:
    first, second = b"id,n\n1,5\n2,6\n", b"id,n\n01,5\n2,6\n"
    assert "1 added, 1 removed" in one(compared(run, first, second)).note


def test_a_key_that_the_metadata_names(run: edversion.Run) -> None:
    first = b"id,login\n1,a\n2,b\n"
    second = b"id,login\n2,a\n1,b\n"
    for said in ("login", {"data.csv": "login"}):
        with edversion.init("p", store=run.repository.location.store) as other:
            sections = compared(other, first, second, metadata={"key": said})
        assert one(sections).note.startswith("Rows matched by login: 2 changed, 0 the same.")


def test_without_a_key_whole_rows_are_counted(run: edversion.Run) -> None:
    first = b"item,answer\n1,a\n1,a\n2,b\n"
    second = b"item,answer\n1,a\n2,b\n2,b\n3,c\n"
    section = one(compared(run, first, second))
    note = "Rows compared as wholes, without a key: 2 added, 1 removed, 2 the same."
    assert section.note == note


def test_without_a_key_and_with_other_columns_rows_are_only_counted(run: edversion.Run) -> None:
    first, second = b"item,answer\n1,a\n1,b\n", b"item,other\n1,a\n1,b\n1,c\n"
    note = one(compared(run, first, second)).note
    assert note.startswith("2 rows before, 3 after; no column tells which belong together.")


def test_parquet_types(run: edversion.Run, tmp_path: Path) -> None:
    nan = float("nan")
    first = {
        "id": [1, 2, 3], "x": [1.0, nan, None], "n": [1, 2, 3], "tags": [["a"], [], None],
        "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
    }  # fmt: skip
    second = {
        "id": [1, 2, 3], "x": [1.0, nan, 4.0], "n": [1.0, 2.5, 3.0], "tags": [["b"], [], None],
        "kind": ["a", "b", "b"],
    }  # fmt: skip
    contents = [as_parquet(tmp_path / "t", columns) for columns in (first, second)]
    section = one(compared(run, *contents, path="t.parquet"))
    told = rows(section)
    assert section.note.startswith("Rows matched by id: 2 changed, 1 the same.")
    assert told["x"]["cells changed"] == 1
    assert (told["n"]["change"], told["n"]["type"]) == ("type changed", ["int64", "double"])
    assert told["n"]["cells changed"] == 1
    assert told["kind"]["distinct"] is not None
    assert told["kind"]["cells changed"] == 1
    assert "tags" not in told  # lists cannot be compared, and nothing countable changed


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([1, None, None], [1, None, 2], [False, False, True]),
        ([1, 2], [1.0, 2.5], [False, True]),
        (["1", "x"], [1, 2], [False, True]),
        ([float("nan"), 1.0], [float("nan"), float("nan")], [False, True]),
    ],
)
def test_cells(old: list[Any], new: list[Any], expected: list[bool]) -> None:
    found = unequal(pa.chunked_array([old]), pa.chunked_array([new]))
    assert found.to_pylist() == expected


@pytest.mark.parametrize(
    ("bound", "value", "why"),
    [("_BYTES", 10, "up to 0 MiB are compared"), ("_ROWS", 2, "up to 2 are compared")],
)
def test_a_large_table_is_left_out(
    run: edversion.Run, monkeypatch: pytest.MonkeyPatch, bound: str, value: int, why: str
) -> None:
    monkeypatch.setattr(table_reading, bound, value)
    section = one(compared(run, BEFORE.encode(), AFTER.encode()))
    assert section.name == "left-out"
    assert why in section.note


def test_a_damaged_table_does_not_stop_the_others(run: edversion.Run) -> None:
    for number in range(2):
        draft = edversion.Artifact("grades", type="dataset")
        draft.add_bytes(b"PAR1" + bytes([number] * 40) + b"PAR1", "bad.parquet")
        draft.add_bytes(f"id,n\n1,{number}\n".encode(), "fine.csv")
        draft.add_bytes(b"", "empty.csv") if number else draft.add_bytes(b"a,b\n", "empty.csv")
        run.log_artifact(draft)
    found = run.repository.compare("grades:v0", "grades:v1", only=["plugins"]).sections
    notes = {section.title.split(":")[0]: section.note for section in found}
    assert notes["Table bad.parquet"].startswith("It cannot be read: ")
    assert notes["Table empty.csv"] == "Left out: it is empty."
    assert notes["Table fine.csv"] == "Rows matched by id: 1 changed, 0 the same."


def test_tables_of_equal_bytes_are_not_opened(run: edversion.Run) -> None:
    assert compared(run, b"id,n\n1,2\n", b"id,n\n1,2\n\n", path="notes.txt") == ()


def test_many_tables_are_bounded(run: edversion.Run) -> None:
    for number in range(2):
        draft = edversion.Artifact("grades", type="dataset")
        for index in range(22):
            draft.add_bytes(f"id,n\n1,{number}\n".encode(), f"{index:02}.csv")
        run.log_artifact(draft)
    found = run.repository.compare("grades:v0", "grades:v1", only=["plugins"]).sections
    assert len(found) == 21
    assert found[-1].note == "Not looked into: 2 more files that differ, after the first 20."
