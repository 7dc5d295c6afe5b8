"""Eight processes that promote the same alias again and again, in SQLite and in PostgreSQL."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

import edversion
from benchmarks.measure import Result, result, seconds
from edversion.testing.postgres import postgres_server

_PROCESSES = 8
_TIMES = {"SQLite": 100, "PostgreSQL": 25}
_MODEL, _ALIAS = "bench/model", "champion"

Place = tuple[str, str | None]
"""A store and its catalog; None for the file in the store."""


def promotions(work: Path, rounds: int) -> list[Result]:
    """Count the moves that are no event, or do not follow on the one before: none."""
    results = []
    with postgres_server() as server:
        server.make_durable()
        for place, times in _TIMES.items():
            wrong, notes = [], []
            for turn in range(min(rounds, 3)):
                with server.database(empty=True) as name:
                    catalog = server.url(name) if place == "PostgreSQL" else None
                    counted, note = _measured((str(work / f"{place}-{turn}"), catalog), times)
                wrong.append(float(counted))
                notes.append(note)
            what = f"{place}: moves lost, {_PROCESSES} processes × {times} promotions"
            results.append(result(what, wrong, "moves", 0, notes[-1]))
    return results


def _measured(where: Place, times: int) -> tuple[int, str]:
    """Give how many moves are wrong, and how fast they were made."""
    _prepare(where)
    lost: list[int] = []
    took = seconds(lambda: lost.extend(_all_at_once(where, times)))
    rate = _PROCESSES * times / took
    note = f"{rate:.0f} moves a second, {sum(lost)} races lost and repeated"
    return _wrong(where, times), note


def _prepare(where: Place) -> None:
    """Log three versions; the policy asks for a tag, so that a gate is asked each time."""
    store, catalog = where
    with edversion.init("bench", store=store, catalog=catalog) as run:
        for number in range(3):
            draft = edversion.Artifact("model", type="model")
            draft.add_bytes(b"%d" % number, "model.bin")
            run.log_artifact(draft, tags=["fair"])
        run.repository.set_policy(f"{_MODEL}:{_ALIAS}", "tags = {require = ['fair']}")


def _all_at_once(where: Place, times: int) -> list[int]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_PROCESSES, context) as pool:
        places, counts = [where] * _PROCESSES, [times] * _PROCESSES
        return list(pool.map(_promote, places, range(_PROCESSES), counts))


def _promote(where: Place, worker: int, times: int) -> int:
    """Promote until every move was made; give how many races were lost meanwhile."""
    moved = lost = turn = 0
    with edversion.open(*where) as repository:
        while moved < times:
            turn += 1
            try:
                made = repository.promote(f"{_MODEL}:v{(worker + turn) % 3}", _ALIAS)
            except edversion.ConflictError:
                lost += 1
            else:
                moved += made.moved
    return lost


def _wrong(where: Place, times: int) -> int:
    with edversion.open(*where) as repository:
        moves = repository.history(f"{_MODEL}:{_ALIAS}")[::-1]
        events = repository.events(subject=f"{_MODEL}:{_ALIAS}")
        repository.catalog.verify_events()
    expected = _PROCESSES * times
    apart = sum(
        after.before != before.after or after.revision != before.revision + 1
        for before, after in pairwise(moves)
    )
    promoted = [event for event in events if event.action == "alias.promoted"]
    return apart + abs(len(moves) - expected) + abs(len(promoted) - expected)
