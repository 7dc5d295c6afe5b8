"""Collect garbage: a hundred thousand versions, of which half are dead."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measure import Result, result, seconds
from edversion.digests import digest_of_bytes
from edversion.repository import Repository, open_repository

VERSIONS = 100_000


def collect_half(work: Path, rounds: int) -> list[Result]:
    """Condemn and remove half of the versions: seconds, but for those of the deletion itself."""
    spent, deleting = [], []
    for turn in range(rounds):
        with dying(work / f"store-{turn}", VERSIONS) as repository:
            held = Stopwatch(repository)
            gc = partial(repository.gc, grace=timedelta(0))
            total = seconds(gc)
            assert len(list(repository.store.packs())) == VERSIONS // 2
            spent.append(total - held.seconds)
            deleting.append(held.seconds)
    note = f"and {sum(deleting) / len(deleting):.1f} s to delete {VERSIONS:,} objects"
    return [result(f"gc of {VERSIONS:,} versions, half of them dead", spent, "s", 10.0, note)]


class Stopwatch:
    """Counts the time that the store takes to delete objects."""

    def __init__(self, repository: Repository) -> None:
        self.seconds = 0.0
        backend: Any = repository.store.backend
        self._delete = backend.delete
        backend.delete = self._timed

    def _timed(self, key: str) -> None:
        start = time.perf_counter()
        self._delete(key)
        self.seconds += time.perf_counter() - start


@contextmanager
def dying(store: Path, count: int) -> Iterator[Repository]:
    """Make a repository of so many versions with a pack each, every other one deleted.

    Their facts are written as `doctor` rebuilds them from receipts, and their objects are files
    of a few bytes: to log them would take an hour, and gc looks at none of their bytes.
    """
    with open_repository(store, create=True) as repository:
        receipts = [_receipt(number, count) for number in range(count)]
        repository.catalog.restore(receipts, (), actor="bench")
        for receipt in receipts:
            _write_objects(store, receipt)
            repository.store.records.write_receipt(receipt)
    with open_repository(store) as repository:
        yield repository


def _write_objects(store: Path, receipt: dict[str, Any]) -> None:
    name = receipt["digest"].partition(":")[2]
    for key in (
        f"manifests/{name[:2]}/{name}.{receipt['manifest_generation']}",
        f"packs/{receipt['packs'][0][0][:2]}/{receipt['packs'][0][0]}",
    ):
        path = store / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"pack")


def _receipt(number: int, count: int) -> dict[str, Any]:
    at = datetime.now(UTC).isoformat()
    digest = digest_of_bytes(str(number).encode())
    gone = {"at": at, "actor": "bench", "reason": "old"} if number % 2 == 0 else None
    return {
        "generation": 1, "project": "bench", "collection": f"line-{number % 10}", "type": "model",
        "number": number // 10, "digest": digest, "manifest_generation": 1, "size": 4,
        "file_count": 1, "created_at": at, "actor": "bench", "description": None,
        "metadata": {"accuracy": number / count}, "facts": {}, "deleted": gone, "tags": [],
        "aliases": {}, "removed_aliases": {}, "runs": [], "origins": [],
        "packs": [[f"{digest.partition(':')[2][:16]}-bench", 4]], "large_files": [],
        "metrics": [], "revisions": [
            {"at": at, "actor": "bench", "metadata": {}, "description": None, "reason": None}
        ],
    }  # fmt: skip
