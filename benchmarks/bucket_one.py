"""Read one version of a store on S3, in a process of its own; print what it took, as JSON.

``python -m benchmarks.bucket_one download STORE CATALOG FOLDER`` writes a version's files;
``… arrow`` and ``… pandas STORE CATALOG COLUMN`` read a column through ``edversion://``;
``… arrow-s3`` and ``… native-s3 URL - COLUMN`` read it without this program.
"""

from __future__ import annotations

import json
import os
import sys

import edversion
from benchmarks.bucket import PATIENCE
from benchmarks.measure import seconds


def main(what: str, store: str, catalog: str, target: str) -> None:
    if what == "download":
        with edversion.open(store, catalog) as repository:
            version = repository.version("bench/tree")
            spent = seconds(lambda: version.download(target))
        print(json.dumps({"seconds": spent}))
        return
    rows: list[int] = []
    spent = seconds(lambda: rows.append(READERS[what](store, catalog, target)))
    print(json.dumps({"seconds": spent, "rows": rows[0]}))


def _arrow(store: str, catalog: str, column: str) -> int:
    import pyarrow.parquet

    from edversion.filesystem import EdversionFileSystem

    files = EdversionFileSystem(store=store, catalog=catalog)
    path = "bench/table:v0/table.parquet"
    return pyarrow.parquet.read_table(path, columns=[column], filesystem=files).num_rows


def _pandas(store: str, catalog: str, column: str) -> int:
    import pandas

    options = {"store": store, "catalog": catalog}
    url = "edversion://bench/table:v0/table.parquet"
    return len(pandas.read_parquet(url, columns=[column], storage_options=options))


def _arrow_s3(url: str, _: str, column: str) -> int:
    import fsspec
    import pyarrow.parquet

    fs, path = fsspec.core.url_to_fs(url)
    return pyarrow.parquet.read_table(path, columns=[column], filesystem=fs).num_rows


def _native_s3(url: str, _: str, column: str) -> int:
    """Arrow's own client: it asks for the column's bytes and the footer's, and no other."""
    import pyarrow.fs
    import pyarrow.parquet

    endpoint = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    fs = pyarrow.fs.S3FileSystem(
        endpoint_override=endpoint,
        scheme="http",
        request_timeout=PATIENCE,  # three seconds, else
    )
    path = url.removeprefix("s3://")
    return pyarrow.parquet.read_table(path, columns=[column], filesystem=fs).num_rows


READERS = {"arrow": _arrow, "pandas": _pandas, "arrow-s3": _arrow_s3, "native-s3": _native_s3}

if __name__ == "__main__":
    main(*sys.argv[1:])
