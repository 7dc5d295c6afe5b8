"""The catalog alone, in SQLite and in PostgreSQL: what each operation costs, also where many meet.

Both wait for the disk with each commit. The server is on the same machine: what a network adds
is to be added for each of about twenty statements of a commit.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import Result, result, seconds
from benchmarks.versions import receipt
from edversion.catalog import Catalog, CommitRequest
from edversion.digests import digest_of_bytes
from edversion.errors import ConflictError
from edversion.reference import parse_reference
from edversion.testing.postgres import postgres_server

_PROCESSES, _TIMES, _FILLED = 8, 50, 10_000
_LIMITS = {
    "versions by 8 processes, each": (10, 20),
    "contended moves by 8 processes, each": (20, 40),  # with the races that were lost and repeated
    "alias resolved": (1, 3),
    "newest 50": (10, 15),
}
_Found = dict[str, list[float]]


def catalogs(work: Path, rounds: int) -> list[Result]:
    """Measure both, beside each other; fail where a number or a move is lost."""
    results = []
    with postgres_server() as server, server.database(empty=True) as name:
        server.make_durable()
        places = {"SQLite": f"sqlite:///{work}/catalog.db", "PostgreSQL": server.url(name)}
        found: dict[str, _Found] = {place: _measured(url, rounds) for place, url in places.items()}
    for measured, limits in _LIMITS.items():
        for place, limit in zip(places, limits, strict=True):
            values = found[place][measured]
            note = f"{1_000 / median(values):,.0f} a second"
            results.append(result(f"{place}: {measured}", values, "ms", limit, note))
    return results


def _measured(url: str, rounds: int) -> _Found:
    with Catalog.open(url) as catalog, _pool() as pool:
        catalog.restore((receipt(number, _FILLED) for number in range(_FILLED)), (), actor="bench")
        list(pool.map(_warm, [url] * _PROCESSES))
        found: _Found = {name: [] for name in _LIMITS}
        created, moved, resolved, newest = found.values()
        reference = parse_reference("line:champion")
        for turn in range(rounds):
            created.append(_together(pool, _commit, url, turn))
            moved.append(_together(pool, _move, url, turn))
            resolved.append(_each(lambda: catalog.resolve(reference, project="bench")))
            newest.append(_each(lambda: catalog.versions("bench", "line", limit=50)))
        _check(catalog, rounds)
    return found


@contextmanager
def _pool() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(_PROCESSES, multiprocessing.get_context("spawn")) as pool:
        yield pool


def _together(pool: ProcessPoolExecutor, work: Callable[..., None], url: str, turn: int) -> float:
    """Give the milliseconds for each of the operations of all processes."""

    def all_at_once() -> None:
        list(pool.map(work, [url] * _PROCESSES, range(_PROCESSES), [turn] * _PROCESSES))

    return seconds(all_at_once) * 1_000 / (_PROCESSES * _TIMES)


def _each(ask: Callable[[], Any]) -> float:
    return median(seconds(ask) for _ in range(200)) * 1_000


def _warm(url: str) -> None:
    Catalog.open(url).close()


def _commit(url: str, worker: int, turn: int) -> None:
    """Commit versions of a collection that all share, each with an alias of its own."""
    with Catalog.open(url) as catalog:
        for number in range(_TIMES):
            digest = digest_of_bytes(f"{turn} {worker} {number}".encode())
            catalog.commit(_request(digest, f"mine-{worker}"))


def _request(digest: str, alias: str) -> CommitRequest:
    return CommitRequest(
        project="bench", name="shared", type="model", digest=digest, generation=1, size=10,
        file_count=1, run=None, actor="bench", aliases=(alias,), tags=("fair",),
        metadata={"accuracy": 0.9}, description=None, facts={}, packs=(), reused_packs=(),
        large_files=(),
    )  # fmt: skip


def _move(url: str, worker: int, turn: int) -> None:
    """Move one alias that all share, from the revision that was seen, until all moves are made."""
    moved = 0
    with Catalog.open(url) as catalog:
        for target in count(worker):
            if moved == _TIMES:
                return
            seen = _revision(catalog)
            try:
                alias = catalog.set_alias(
                    "bench", "shared", "counter", (target + turn) % 100, actor=str(worker),
                    expected_revision=seen,
                )  # fmt: skip
            except ConflictError:
                continue
            moved += alias.revision > seen  # it may have been there already


def _revision(catalog: Catalog) -> int:
    try:
        return catalog.alias("bench", "shared", "counter").revision
    except LookupError:
        return 0


def _check(catalog: Catalog, rounds: int) -> None:
    """Hold both to the same: gapless numbers, every move an event, one chain."""
    numbers = [version.number for version in catalog.versions("bench", "shared")]
    assert numbers == list(reversed(range(rounds * _PROCESSES * _TIMES)))
    moves = catalog.alias_moves("bench", "shared", "counter")
    assert [move.revision for move in moves] == list(range(len(moves), 0, -1))
    catalog.verify_events()
