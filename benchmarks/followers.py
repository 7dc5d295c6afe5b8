"""How long after a promotion a follower has the next version, and what a look costs."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from queue import SimpleQueue

import edversion
from benchmarks.measure import Result, result
from edversion.model import Version

_POLL = 0.25  # seconds
_MOVES = 20
_SIZE = 4 << 20
_QUIET = 200
_MODEL, _DEPLOYMENT = "bench/model", "bench-api"
_ALIAS = f"{_MODEL}:champion"


def followers(work: Path, rounds: int) -> list[Result]:
    """Promote at times that are spread over the poll interval; the slowest of each round counts."""
    late, looks, costs = [], [], []
    for turn in range(rounds):
        store = str(work / f"store-{turn}")
        _prepare(store)
        delays = _delays(store)
        late.append(max(delays) - _POLL)
        statements, took = _quiet(store)
        looks.append(statements)
        costs.append(took)
    note = f"poll {_POLL} s, {_MOVES} promotions a round of {_SIZE >> 20} MiB"
    cost = f"{sorted(costs)[len(costs) // 2] * 1e3:.2f} ms a look"
    return [
        result("promotion to follower, beyond the poll interval", late, "s", 0.1, note),
        result("queries of a look at nothing new", looks, "queries", 1, cost),
    ]


def _prepare(store: str) -> None:
    with edversion.init("bench", store=store) as run:
        for number in range(_MOVES + 1):
            draft = edversion.Artifact("model", type="model")
            draft.add_bytes(number.to_bytes(2) * (_SIZE // 2), "model.bin")
            run.log_artifact(draft)
        run.repository.promote(f"{_MODEL}:v0", "champion")
        run.repository.add_deployment(_DEPLOYMENT, _ALIAS, poll=_POLL)


def _delays(store: str) -> list[float]:
    """Give the seconds from the end of each promotion until a loop has the version."""
    given: SimpleQueue[tuple[Version, float]] = SimpleQueue()
    follower = edversion.follow(_ALIAS, as_=_DEPLOYMENT, store=store)

    def consume() -> None:
        for version in follower:
            given.put((version, time.perf_counter()))

    thread = threading.Thread(target=consume)
    thread.start()
    delays = []
    try:
        with edversion.open(store) as repository:
            given.get(timeout=60)
            for number in range(1, _MOVES + 1):
                time.sleep(_POLL * number / _MOVES)
                repository.promote(f"{_MODEL}:v{number}", "champion")
                moved = time.perf_counter()
                version, at = given.get(timeout=60)
                if version.number != number:
                    raise RuntimeError(f"{version} was given, not v{number}")
                delays.append(at - moved)
    finally:
        follower.close()
        thread.join()
    return delays


def _quiet(store: str) -> tuple[float, float]:
    """Give the queries and the seconds of a look where nothing has moved."""
    from sqlalchemy import event

    with edversion.open(store) as repository:
        asked: list[str] = []
        engine = repository.catalog._database.engine
        event.listen(engine, "before_cursor_execute", lambda *seen: asked.append(seen[2]))
        start = time.perf_counter()
        for _ in range(_QUIET):
            repository.catalog.followed("bench", _DEPLOYMENT)
        took = time.perf_counter() - start
    queries = [text for text in asked if text != "BEGIN"]
    return len(queries) / _QUIET, took / _QUIET
