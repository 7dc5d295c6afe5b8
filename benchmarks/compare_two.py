"""Compare the first two versions of a collection; print seconds, and the peak memory in GB.

``python -m benchmarks.compare_two STORE NAME``.
"""

from __future__ import annotations

import sys

import edversion
from benchmarks.files import peak_mb
from benchmarks.measure import seconds


def main() -> None:
    store, name = sys.argv[1:]
    with edversion.open(store, project="bench") as repository:
        took = seconds(lambda: _compare(repository, name))
    print(f"{took:.4f} {peak_mb() * 1024**2 / 1e9:.4f}")


def _compare(repository: edversion.Repository, name: str) -> None:
    found = repository.compare(f"{name}:v0", f"{name}:v1")
    names = [section.name for section in found.sections if section.rows]
    assert {"metrics", "groups", "paired", "paired-changes"} <= set(names), names


if __name__ == "__main__":
    main()
