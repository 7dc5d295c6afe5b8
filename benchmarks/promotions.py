"""Eight processes that promote the same alias a hundred times each."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

import edversion
from benchmarks.measure import Result, result, seconds

_PROCESSES, _TIMES = 8, 100
_MODEL, _ALIAS = "bench/model", "champion"


def promotions(work: Path, rounds: int) -> list[Result]:
    """Count the moves that are no event, or do not follow on the one before: none."""
    wrong, notes = [], []
    for turn in range(min(rounds, 3)):
        store = str(work / f"store-{turn}")
        _prepare(store)
        lost: list[int] = []
        took = seconds(lambda store=store, lost=lost: lost.extend(_all_at_once(store)))
        wrong.append(float(_wrong(store)))
        rate = _PROCESSES * _TIMES / took
        notes.append(f"{rate:.0f} moves a second, {sum(lost)} races lost and repeated")
    name = f"moves lost, {_PROCESSES} processes × {_TIMES} promotions"
    return [result(name, wrong, "moves", 0, notes[-1])]


def _prepare(store: str) -> None:
    """Log three versions; the policy asks for a tag, so that a gate is asked each time."""
    with edversion.init("bench", store=store) as run:
        for number in range(3):
            draft = edversion.Artifact("model", type="model")
            draft.add_bytes(b"%d" % number, "model.bin")
            run.log_artifact(draft, tags=["fair"])
        run.repository.set_policy(f"{_MODEL}:{_ALIAS}", "tags = {require = ['fair']}")


def _all_at_once(store: str) -> list[int]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_PROCESSES, context) as pool:
        return list(pool.map(_promote, [store] * _PROCESSES, range(_PROCESSES)))


def _promote(store: str, worker: int) -> int:
    """Promote until every move was made; give how many races were lost meanwhile."""
    moved = lost = turn = 0
    with edversion.open(store) as repository:
        while moved < _TIMES:
            turn += 1
            try:
                made = repository.promote(f"{_MODEL}:v{(worker + turn) % 3}", _ALIAS)
            except edversion.ConflictError:
                lost += 1
            else:
                moved += made.moved
    return lost


def _wrong(store: str) -> int:
    with edversion.open(store) as repository:
        moves = repository.history(f"{_MODEL}:{_ALIAS}")[::-1]
        events = repository.events(subject=f"{_MODEL}:{_ALIAS}")
        repository.catalog.verify_events()
    expected = _PROCESSES * _TIMES
    apart = sum(
        after.before != before.after or after.revision != before.revision + 1
        for before, after in pairwise(moves)
    )
    promoted = [event for event in events if event.action == "alias.promoted"]
    return apart + abs(len(moves) - expected) + abs(len(promoted) - expected)
