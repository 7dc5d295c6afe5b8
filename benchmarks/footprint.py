"""What a training leaves behind: rows and bytes of the catalog, objects and bytes of the store.

`growth.py` takes its sums from these figures.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Connection, create_engine, inspect, text

import edversion
from benchmarks.measure import Result, result
from edversion.repository import Repository, open_repository
from edversion.starting import start_run
from edversion.testing import settle
from edversion.testing.postgres import postgres_server

_WARM, _TRAININGS = 50, 200
_FILES = 9_000  # with more, the manifest would be written as changes to a base
_SLICES = (None, "sex=female", "sex=male")
_MODEL = 200_000  # bytes
_LIMITS = {"rows": 40.0, "SQLite": 20_000.0, "PostgreSQL": 30_000.0, "objects": 4.0}
_PER_FILE = 100.0  # bytes of a manifest


def footprint(work: Path, rounds: int) -> list[Result]:
    """Count what trainings add, in either database, and what a manifest takes for each file.

    A training uses a dataset, logs a model of one file with metadata, a tag and an alias, and
    five metrics for each of three slices. What the first fifty cost is not counted: a
    database takes its pages ahead.
    """
    del rounds  # it is counted, not timed
    results = []
    with postgres_server() as server, server.database(empty=True) as name:
        places = {"SQLite": f"sqlite:///{work}/catalog.db", "PostgreSQL": server.url(name)}
        for place, url in places.items():
            rows, size, objects = _grown(work / place, url)
            results.append(_each(f"{place}: bytes of the catalog for a training", size, place))
            if place == "SQLite":
                results += _by_table(rows)
                results.append(_each("objects in the store for a training", objects, "objects"))
    results.append(_manifest(work / "tree"))
    return results


def _each(name: str, value: float, limit: str) -> Result:
    unit = "objects" if limit == "objects" else "rows" if limit == "rows" else "bytes"
    return result(name, [value], unit, _LIMITS[limit])


def _by_table(rows: Mapping[str, float]) -> list[Result]:
    found = [
        _each(f"rows of {table} for a training", count, "rows") for table, count in rows.items()
    ]
    return [*found, _each("rows for a training", sum(rows.values()), "rows")]


def _grown(store: Path, url: str) -> tuple[dict[str, float], float, float]:
    """Log trainings; give for each of them rows by table, bytes of the catalog, and objects."""
    with open_repository(store, url, project="bench", create=True) as repository:
        _train(repository, store.parent, 0, _WARM)
        before = _counted(store, url)
        _train(repository, store.parent, _WARM, _WARM + _TRAININGS)
        after = _counted(store, url)
    rows = {
        table: (count - before[0][table]) / _TRAININGS
        for table, count in sorted(after[0].items())
        if count != before[0][table]
    }
    return rows, (after[1] - before[1]) / _TRAININGS, (after[2] - before[2]) / _TRAININGS


def _train(repository: Repository, work: Path, first: int, last: int) -> None:
    numbers = random.Random(first)
    for number in range(first, last):
        model = work / "model.bin"
        model.write_bytes(numbers.randbytes(_MODEL))
        with start_run(repository, project="bench", config={"k": number}) as run:
            if number == 0:
                data = edversion.Artifact("grades", type="dataset")
                data.add_bytes(b"learner,grade\n", "grades.csv")
                run.log_artifact(data)
            run.use_artifact("grades:latest")
            version = run.log_artifact(
                model, name="dropout", type="model", aliases=["candidate"], tags=["nightly"],
                metadata={"accuracy": numbers.random(), "epochs": 10, "seed": number},
            )  # fmt: skip
            for slice in _SLICES:
                values = {f"metric_{k}": numbers.random() for k in range(5)}
                run.log_metrics(values, version=version, dataset="grades:latest", slice=slice)
        model.unlink()


def _counted(store: Path, url: str) -> tuple[Counter[str], float, int]:
    """Count rows by table, the bytes of the catalog, and the objects of the store."""
    engine = create_engine(url)
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        rows = Counter(
            {
                table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
                for table in tables
            }
        )
        size = _size(connection)
    engine.dispose()
    kept = ("packs", "manifests", "receipts", "runs")
    objects = sum(path.is_file() for kind in kept for path in (store / kind).rglob("*"))
    return rows, size, objects


def _size(connection: Connection) -> float:
    if connection.dialect.name == "sqlite":
        pages, free, page = (
            connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("page_count", "freelist_count", "page_size")
        )
        return float((pages - free) * page)
    sizes = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r'"
    return float(connection.execute(text(sizes)).scalar_one())


def _manifest(root: Path) -> Result:
    """Log a folder of small files; give the bytes that its manifest takes for each of them."""
    numbers = random.Random(1)
    for number in range(_FILES):
        path = root / "source" / f"{number // 100:04}" / f"essay-{number:06}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(numbers.randbytes(64))
    settle(root / "source")
    with (
        open_repository(root / "store", project="bench", create=True) as repository,
        start_run(repository, project="bench") as run,
    ):
        run.log_artifact(root / "source", name="essays", type="dataset")
    size = sum(path.stat().st_size for path in (root / "store/manifests").rglob("*.*"))
    return result(f"manifest of {_FILES:,} small files, each", [size / _FILES], "bytes", _PER_FILE)
