"""What pages of the dashboard cost the server, of a repository with many versions."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from starlette.testclient import TestClient

import edversion
from benchmarks.lineage import RUNS, filled, last_model
from benchmarks.measure import Result, result, seconds
from benchmarks.versions import MANY, receipt
from edversion.catalog import Catalog
from edversion_plugins.dashboard import create_app

PAGES = {
    "home": "/",
    "collection": "/p/bench/line",
    "… sorted by size": "/p/bench/line?order=-size",
    "events": "/events",
}
LIMIT = 100.0
ASKED = 20
WHOLE = 20
"""Versions with files and metrics, besides those that the catalog alone knows."""


def dashboard(work: Path, rounds: int) -> list[Result]:
    """Ask for the first pages among 100,000 versions; ended when the last byte is there."""
    url = fill(work)
    with edversion.open(work / "store", url) as repository:
        client = TestClient(create_app(repository), base_url="http://127.0.0.1")
        return [
            result(
                f"{name}, of {MANY:,}",
                [_milliseconds(client, path) for _ in range(2 * rounds)],
                "ms",
                LIMIT if name in ("home", "collection") else 10 * LIMIT,
            )
            for name, path in PAGES.items()
        ] + _map(work, rounds)


def _map(work: Path, rounds: int) -> list[Result]:
    """Ask for the map of a model that was trained on and on, a thousand times."""
    with filled(work / "deep.db", 1, RUNS):
        path = f"/p/bench/model-0/v{last_model(RUNS)}/lineage?direction=up&depth={RUNS}"
    url = f"sqlite:///{work / 'deep.db'}"
    edversion.init("bench", store=work / "deep", catalog=url).finish()
    with edversion.open(work / "deep", url) as repository:
        client = TestClient(create_app(repository), base_url="http://127.0.0.1")
        page = client.get(path).text
        note = f"{page.count(' data-column='):,} boxes, {len(page.encode()) / 1e6:.1f} MB"
        times = [_milliseconds(client, path, 3) for _ in range(2 * rounds)]
    return [result("lineage, a thousand runs deep", times, "ms", 10 * LIMIT, note)]


def fill(work: Path) -> str:
    """Make a repository of 100,000 versions, the newest of which have files; give its catalog."""
    url = f"sqlite:///{work / 'many.db'}"
    with Catalog.open(url) as catalog:
        catalog.restore((receipt(number, MANY) for number in range(MANY)), (), actor="bench")
    with edversion.init("bench", store=work / "store", catalog=url) as run:
        for number in range(WHOLE):
            draft = edversion.Artifact("line", type="model", description=f"of round {number}")
            draft.add_bytes(str(number).encode(), "weights.bin")
            draft.add_bytes(b"how it was trained", "notes.txt")
            version = run.log_artifact(draft)
            run.log_metrics({"accuracy": 0.5 + number / 50}, version=version)
    return url


def _milliseconds(client: TestClient, path: str, asked: int = ASKED) -> float:
    """Time one page, the median of some."""
    assert client.get(path).status_code == 200
    return median(seconds(lambda: client.get(path)) for _ in range(asked)) * 1_000
