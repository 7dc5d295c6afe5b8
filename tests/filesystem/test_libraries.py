"""What people hand URLs to: pandas, pyarrow, datasets, torch, safetensors."""

from __future__ import annotations

import io
import random
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy
import pandas
import pyarrow
import pyarrow.dataset
import pyarrow.parquet
import pytest

import edversion
from edversion.filesystem import EdversionFileSystem
from edversion.repository import Repository
from edversion.run import Run
from edversion.store.backend import Backend, LocalBackend
from edversion.store.objects import ObjectBackend
from edversion.store.splitting import WINDOW
from tests.filesystem.conftest import log

ROWS, GROUP = 400_000, 20_000


@pytest.fixture
def store(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let URLs lead to the repository without options."""
    monkeypatch.setenv("EDVERSION_STORE", repository.location.store)
    return repository.location.store


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Give what is read of the store: keys and bytes."""
    read: list[tuple[str, int]] = []
    for kind in (LocalBackend, ObjectBackend):
        monkeypatch.setattr(kind, "read", _counting(kind.read, read))
    return read


def _counting(of: Callable[..., bytes], read: list[tuple[str, int]]) -> Callable[..., bytes]:
    def counting(backend: Backend, key: str, *arguments: Any, **options: Any) -> bytes:
        data = of(backend, key, *arguments, **options)
        read.append((key, len(data)))
        return data

    return counting


def from_packs(fetched: list[tuple[str, int]]) -> int:
    """Give the bytes that were read of packs."""
    return sum(size for key, size in fetched if key.startswith("packs/"))


def table() -> pyarrow.Table:
    """Give rows that compress badly: learner, year, mark."""
    source = random.Random(0)
    return pyarrow.table(
        {
            "learner": range(ROWS),
            "year": [2000 + row * 20 // ROWS for row in range(ROWS)],
            "mark": [source.random() for _ in range(ROWS)],
            "seconds": [source.random() for _ in range(ROWS)],
            "text": [source.randbytes(24).hex() for _ in range(ROWS)],
        }
    )


def parquet(rows: pyarrow.Table) -> bytes:
    """Write a table as Parquet, in groups of rows."""
    sink = io.BytesIO()
    pyarrow.parquet.write_table(rows, sink, row_group_size=GROUP, compression="none")
    return sink.getvalue()


def test_pandas_reads_and_the_run_has_used_it(run: Run, store: str) -> None:
    frame = pandas.DataFrame({"id": [1, 2], "mark": [5.0, 6.5]})
    sink = io.BytesIO()
    frame.to_parquet(sink)
    data = {"data.parquet": sink.getvalue(), "data.csv": frame.to_csv(index=False).encode()}
    version = log(run, "student_math", data)
    with edversion.init("test", store=store) as reading:
        got = pandas.read_parquet("edversion://student_math:latest/data.parquet")
        pandas.testing.assert_frame_equal(got, frame)
        got = pandas.read_csv("edversion://test/student_math:v0/data.csv")
        pandas.testing.assert_frame_equal(got, frame)
    assert [each.id for each in version.used_by()] == [reading.id]


def test_pandas_takes_the_repository_as_an_option(
    run: Run, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(run, "marks", {"a.csv": b"id\n1\n"})
    options = {"store": repository.location.store, "project": "test"}
    frame = pandas.read_csv("edversion://marks:latest/a.csv", storage_options=options)
    assert list(frame["id"]) == [1]


def test_a_predicate_reads_some_groups_of_rows(
    tmp_path: Path, fetched: list[tuple[str, int]]
) -> None:
    where = {"store": f"memory://{secrets.token_hex(4)}", "catalog": f"sqlite:///{tmp_path}/c.db"}
    data = parquet(table())
    with edversion.init("test", **where) as run:
        log(run, "big", {"marks.parquet": data})
    fetched.clear()
    found = pyarrow.dataset.dataset(
        "big:latest/marks.parquet", filesystem=EdversionFileSystem(**where)
    )
    assert found.schema.names[:3] == ["learner", "year", "mark"]
    assert 0 < from_packs(fetched) < len(data) / 10, "the footer"
    rows = found.to_table(filter=pyarrow.dataset.field("year") == 2003, columns=["mark"])
    assert rows.num_rows == ROWS // 20
    assert from_packs(fetched) < len(data) / 4
    assert found.to_table().num_rows == ROWS
    assert len(data) <= from_packs(fetched) < len(data) * 1.02, "and nothing twice"


@pytest.mark.parametrize("by", ["pyarrow", "pandas", "an open file"])
def test_a_column_costs_little_more_than_its_bytes(
    tmp_path: Path, fetched: list[tuple[str, int]], by: str
) -> None:
    """Each stretch of it comes with one request, and its neighbours do not come along."""
    numbers, sink, groups = numpy.random.default_rng(0), io.BytesIO(), 3
    rows = pyarrow.table({name: numbers.random(groups << 20) for name in ("a", "b", "c")})
    pyarrow.parquet.write_table(rows, sink, row_group_size=1 << 20)
    where = {"store": f"memory://{secrets.token_hex(4)}", "catalog": f"sqlite:///{tmp_path}/c.db"}
    with edversion.init("test", **where) as run:
        log(run, "big", {"marks.parquet": sink.getvalue()})
    path, files = "big:latest/marks.parquet", EdversionFileSystem(**where)
    fetched.clear()
    if by == "pyarrow":
        pyarrow.parquet.read_table(path, columns=["b"], filesystem=files)
    elif by == "pandas":
        pandas.read_parquet(f"edversion://{path}", columns=["b"], storage_options=where)
    else:
        with files.open(path) as file:
            pyarrow.parquet.ParquetFile(file).read(columns=["b"])
    footer = pyarrow.parquet.read_metadata(sink)
    column = [footer.row_group(group).column(1).total_compressed_size for group in range(groups)]
    assert sum(column) <= from_packs(fetched) <= 1.3 * sum(column)
    assert sum(key.startswith("packs/") for key, _ in fetched) <= groups + 1, "and the footer"


def test_a_footer_is_read_without_the_rest(
    run: Run, store: str, fetched: list[tuple[str, int]]
) -> None:
    """On a local store a large file lies in stretches of 8 MiB until its next version comes."""
    data = parquet(table())
    log(run, "big", {"marks.parquet": data})
    fetched.clear()
    with fsspec.open("edversion://big:latest/marks.parquet") as file:
        assert pyarrow.parquet.read_metadata(file).num_rows == ROWS
    assert 0 < from_packs(fetched) <= WINDOW < len(data) / 3


def test_a_folder_is_a_dataset_of_pyarrow(
    run: Run, store: str, fetched: list[tuple[str, int]]
) -> None:
    rows = table().select(["learner", "year", "mark"])
    parts = {
        f"year={year}/part.parquet": parquet(
            rows.filter(pyarrow.dataset.field("year") == year).drop(["year"])
        )
        for year in (2000, 2001, 2002)
    }
    version = log(run, "by_year", parts)
    fetched.clear()
    with edversion.init("test", store=store) as reading:
        found = pyarrow.dataset.dataset(
            "by_year:latest", filesystem=EdversionFileSystem(), partitioning="hive"
        )
        wanted = found.to_table(filter=pyarrow.dataset.field("year") == 2001)
    assert set(wanted["year"].to_pylist()) == {2001}
    assert wanted.num_rows == ROWS // 20
    assert [each.id for each in version.used_by()] == [reading.id], "read by Arrow's threads"


def test_datasets_loads_and_notices_a_moved_alias(
    run: Run, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With HF_HUB_OFFLINE datasets opens no URL of any file system: no host is asked, either."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(socket, "socket", None)
    url = "edversion://hub:latest/*.parquet"
    for marks in ([1, 2, 3], [4, 5]):
        frame = pandas.DataFrame({"mark": marks})
        log(run, "hub", {"part.parquet": frame.to_parquet()})
        found = datasets.load_dataset(
            "parquet", data_files={"train": url}, cache_dir=str(tmp_path / "cache")
        )
        assert found["train"]["mark"][:] == marks
    streamed = datasets.load_dataset("parquet", data_files={"train": url}, streaming=True)
    assert [row["mark"] for row in streamed["train"]] == [4, 5]


def test_torch_and_safetensors_read_from_the_open_file(run: Run, store: str) -> None:
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.torch")
    weights = {"w": torch.arange(12.0).reshape(3, 4), "b": torch.ones(4)}
    sink = io.BytesIO()
    torch.save(weights, sink)
    log(run, "net", {"net.pt": sink.getvalue(), "net.safetensors": safetensors.save(weights)})
    with fsspec.open("edversion://net:latest/net.pt") as file:
        loaded = torch.load(file, weights_only=True)
    with fsspec.open("edversion://net:latest/net.safetensors") as file:
        also = safetensors.load(file.read())
    for name, tensor in weights.items():
        assert torch.equal(loaded[name], tensor)
        assert torch.equal(also[name], tensor)


def test_a_cache_of_fsspec_keeps_to_the_content(run: Run, store: str, tmp_path: Path) -> None:
    url = "filecache::edversion://marks:latest/a.csv"
    options = {"filecache": {"cache_storage": str(tmp_path / secrets.token_hex(4))}}
    options["filecache"]["check_files"] = True  # type: ignore[assignment]
    for text in (b"one", b"two"):
        log(run, "marks", {"a.csv": text})
        with fsspec.open(url, **options) as file:
            assert file.read() == text
