"""A store far away: requests and bytes, counted at a server of the S3 protocol."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import edversion
from benchmarks.bucket import counted, new_bucket, served
from benchmarks.measure import Result, result
from edversion.repository import Repository, open_repository
from edversion.starting import start_run
from edversion.testing import settle
from edversion.testing.proxy import Proxy

FILES, CHANGED = 1_000, 10
# Requests, and bytes for each byte of what is new to the side that gets it.
TARGETS = {
    "first log": (4, 1.05),
    "unchanged": (3, 0.0),
    "1 % changed": (5, 0.05),
    "read back, cold": (6, 1.05),
    "read back, warm": (0, 0.0),
}


def transfer(work: Path, rounds: int) -> list[Result]:
    """1,000 files of 1–8 kB: what travels to log them, again and changed, and to read them."""
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in TARGETS}
    port = served(work)
    for turn in range(rounds):
        with counted(port, work / f"cache-{turn}") as proxy:
            url = f"s3://{new_bucket(proxy.url)}/store"
            for name, counts in _counted(proxy, url, work / f"round-{turn}").items():
                found[name].append(counts)
    results = []
    for name, values in found.items():
        requests, share = TARGETS[name]
        counts = [float(count) for count, _ in values]
        title = f"{FILES:,} small files on S3, {name}"
        results += [
            result(f"{title}: requests", counts, "requests", requests),
            result(f"{title}: bytes / content", [size for _, size in values], "×", share),
        ]
    return results


def _counted(proxy: Proxy, url: str, place: Path) -> dict[str, tuple[int, float]]:
    source = _tree(place / "source")
    size = sum(path.stat().st_size for path in source.iterdir())
    catalog = f"sqlite:///{place / 'catalog.db'}"
    found = {}

    def count(name: str, work: Callable[[], object]) -> None:
        proxy.forget()
        work()
        travelled = proxy.received("GET") if name.startswith("read") else proxy.sent()
        found[name] = proxy.count(), travelled / size

    with open_repository(url, catalog, project="bench", create=True) as repository:
        with start_run(repository, project="bench") as run:

            def log() -> edversion.Version:
                return run.log_artifact(source, name="tree", type="dataset")

            count("first log", log)
            count("unchanged", log)
            _change(source)
            count("1 % changed", log)
        _read(repository, place, count)
    return found


def _read(
    repository: Repository, place: Path, count: Callable[[str, Callable[[], object]], None]
) -> None:
    for name in ("cold", "warm"):
        target = place / name
        version = repository.version("tree")
        count(f"read back, {name}", lambda v=version, t=target: v.download(t))
        repository.forget_manifests()


def _tree(root: Path) -> Path:
    numbers = random.Random(1)
    root.mkdir(parents=True)
    for name in range(FILES):
        (root / f"{name:04}.bin").write_bytes(numbers.randbytes(numbers.randint(1_000, 8_000)))
    return settle(root)


def _change(root: Path) -> None:
    numbers = random.Random(2)
    for path in numbers.sample(sorted(root.iterdir()), CHANGED):
        path.write_bytes(numbers.randbytes(path.stat().st_size))
    settle(root)
