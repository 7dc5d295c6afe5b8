"""One column of a Parquet file of 1 GB in a bucket: what is fetched, beside pyarrow alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import fsspec

import edversion
from benchmarks.bucket import counted, in_process, new_bucket, served
from benchmarks.measure import Result, result

ROWS, GROUP = 16_000_000, 1_000_000
COLUMN = "mark_3"
SHARE = 1.3
TITLES = {"arrow": "pyarrow", "pandas": "pandas"}
DIRECT = {"arrow-s3": "pyarrow over s3fs", "native-s3": "pyarrow's own client"}


def columns(work: Path, rounds: int) -> list[Result]:
    """Eight columns of numbers, sixteen groups of rows; each round from an empty cache."""
    source = _table(work / "table.parquet")
    fetched: dict[str, list[float]] = {name: [] for name in (*TITLES, *DIRECT)}
    requests: dict[str, list[float]] = {name: [] for name in fetched}
    with counted(served(work), work / "cache") as proxy:
        bucket = new_bucket(proxy.url)
        store, catalog = f"s3://{bucket}/store", f"sqlite:///{work / 'catalog.db'}"
        with edversion.init("bench", store=store, catalog=catalog) as run:
            run.log_artifact(source, name="table", type="dataset")
        url = f"s3://{bucket}/table.parquet"
        _put(source, url)
        for turn in range(rounds):
            for name, sizes in fetched.items():
                place = (url, "-") if name in DIRECT else (store, catalog)
                os.environ["EDVERSION_CACHE"] = str(work / f"cache-{turn}-{name}")
                proxy.forget()
                answer = in_process("benchmarks.bucket_one", name, *place, COLUMN)
                assert answer["rows"] == ROWS
                sizes.append(proxy.received("GET"))
                requests[name].append(proxy.count("GET"))
    return [line for name in TITLES for line in _lines(name, fetched, requests)]


def _lines(
    name: str, fetched: dict[str, list[float]], requests: dict[str, list[float]]
) -> Iterator[Result]:
    for direct, told in DIRECT.items():
        ratios = [
            ours / theirs for ours, theirs in zip(fetched[name], fetched[direct], strict=True)
        ]
        note = f"{median(fetched[name]):,.0f} to {median(fetched[direct]):,.0f} bytes"
        yield result(f"a column by {TITLES[name]}: bytes / by {told}", ratios, "×", SHARE, note)
    yield result("… gets", requests[name], "", 2 * max(requests["native-s3"]))


def _put(source: Path, url: str) -> None:
    fs, path = fsspec.core.url_to_fs(url)
    fs.put_file(str(source), path)


def _table(path: Path) -> Path:
    """Write a table as a gradebook might be: numbers that compress badly."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = np.random.default_rng(0)
    names = [f"mark_{number}" for number in range(8)]
    schema = pa.schema([(name, pa.float64()) for name in names])
    with pq.ParquetWriter(path, schema) as writer:
        for _ in range(ROWS // GROUP):
            group = {name: numbers.random(GROUP) for name in names}
            writer.write_table(pa.table(group, schema=schema), row_group_size=GROUP)
    return path
