"""What lineage costs in a catalog of 100,000 versions and 50,000 runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.measure import Result, result, seconds
from edversion.catalog import Catalog
from edversion.digests import digest_of_bytes
from edversion.model import Version
from edversion.reference import parse_reference
from edversion.store import collector_paused

LINES, RUNS = 50, 1_000
_EVERY = 10  # how many runs of a line go by until its data is prepared anew
_START = datetime(2026, 1, 1, tzinfo=UTC)
_PACKAGES = {f"package-{number}": f"{number}.{number % 7}.1" for number in range(150)}

Edge = dict[str, Any]


def lineage(work: Path, rounds: int) -> list[Result]:
    """Everything behind the last model of a line that was trained on and on, a thousand times.

    There are fifty lines, which share their raw data and the data of their tests. Each run
    logs two versions: every tenth a data set and a pipeline made of the raw data and of the
    ones before, the others a model that goes on from the one before, and its evaluation.
    """
    with filled(work / "lineage.db", LINES, RUNS) as catalog:
        deep = catalog.resolve(parse_reference(f"bench/model-0:v{last_model(RUNS)}"))
        young = catalog.resolve(parse_reference("bench/model-0:v8"))
        results = []
        for name, version in (("a thousand runs deep", deep), ("ten runs deep", young)):
            found = catalog.lineage(version)
            times = [_timed(catalog, version) for _ in range(4 * rounds)]
            note = f"{len(found.versions):,} versions, {len(found.runs):,} runs"
            results.append(result(f"ancestors, {name}", times, "ms", 100, note))
    return results


def _timed(catalog: Catalog, version: Version) -> float:
    """Time it as `Version.ancestors` asks, in milliseconds."""
    with collector_paused():
        return seconds(lambda: catalog.lineage(version)) * 1_000


def last_model(runs: int) -> int:
    """Give the number of a line's last model."""
    return runs - (runs + _EVERY - 1) // _EVERY - 1


def filled(path: Path, lines: int, runs: int) -> Catalog:
    """Make a catalog the way `doctor` does: from receipts and the records of runs."""
    catalog = Catalog.open(f"sqlite:///{path}")
    used: dict[tuple[str, int], list[Edge]] = {}
    logged: dict[tuple[str, int], tuple[str, Edge]] = {}
    for line in range(lines):
        _follow(line, runs, used, logged)
    receipts = (
        _receipt(key, type, [edge, *used.get(key, ())]) for key, (type, edge) in logged.items()
    )
    catalog.restore(receipts, _records(lines, runs), actor="bench")
    return catalog


def _follow(
    line: int, runs: int, used: dict[Any, list[Edge]], logged: dict[Any, tuple[str, Edge]]
) -> None:
    """Note what the runs of a line use and log."""
    for shared in (("raw", 0), ("tests", 0)):
        logged.setdefault(shared, ("dataset", _edge(_run_id(0, 0), "logged")))
    prepared = trained = -1
    for number in range(runs):
        run = _run_id(line, number)
        before = {"dataset": prepared, "pipeline": prepared, "model": trained}
        if number % _EVERY == 0:
            prepared += 1
            uses = [(("raw", 0), None)]
            uses += [((f"{kind}-{line}", before[kind]), None) for kind in ("dataset", "pipeline")]
            made = [(kind, prepared) for kind in ("dataset", "pipeline")]
        else:
            trained += 1
            uses = [
                (("tests", 0), "evaluated_on"),
                ((f"model-{line}", before["model"]), "resumed_from"),
            ]
            uses += [
                ((f"{kind}-{line}", prepared), "trained_on") for kind in ("dataset", "pipeline")
            ]
            made = [(kind, trained) for kind in ("model", "evaluation")]
        for key, relation in uses:
            if key[1] >= 0 and not (key[0] == "raw" and run == _run_id(0, 0)):
                used.setdefault(key, []).append(_edge(run, "used", relation))
        for kind, at in made:
            logged[f"{kind}-{line}", at] = (kind, _edge(run, "logged"))


def _edge(run: str, direction: str, relation: str | None = None) -> Edge:
    return {"run": run, "direction": direction, "relation": relation, "at": _START.isoformat()}


def _run_id(line: int, number: int) -> str:
    return f"run-{line:02}-{number:06}"


def _records(lines: int, runs: int) -> Iterator[dict[str, object]]:
    for line in range(lines):
        for number in range(runs):
            at = (_START + timedelta(minutes=number)).isoformat()
            yield {
                "id": _run_id(line, number), "project": "bench", "name": "nightly",
                "job_type": "train", "status": "finished", "config": {"k": number}, "tags": [],
                "started_at": at, "ended_at": at, "error": None,
                "environment": {"python": "3.12.1", "packages": _PACKAGES},
            }  # fmt: skip


def _receipt(key: tuple[str, int], type: str, edges: list[Edge]) -> dict[str, object]:
    at, (name, number) = _START.isoformat(), key
    return {
        "generation": 1, "project": "bench", "collection": name, "type": type,
        "number": number, "digest": digest_of_bytes(f"{name} {number}".encode()),
        "manifest_generation": 1, "size": 1, "file_count": 1, "created_at": at,
        "actor": "bench", "description": None, "metadata": {"accuracy": number / 1_000},
        "facts": {}, "deleted": None, "tags": [], "aliases": {}, "removed_aliases": {},
        "runs": edges, "origins": [], "packs": [], "large_files": [], "metrics": [],
        "revisions": [
            {"at": at, "actor": "bench", "metadata": {}, "description": None, "reason": None}
        ],
    }  # fmt: skip
