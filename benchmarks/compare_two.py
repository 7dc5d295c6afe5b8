"""Compare the first two versions of a collection; print seconds, and the peak memory in GB.

``python -m benchmarks.compare_two STORE NAME``. The kernel's mark is of this process since it
began (Linux); ``ru_maxrss`` would take over that of the process that started it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import edversion
from benchmarks.measure import seconds


def main() -> None:
    store, name = sys.argv[1:]
    with edversion.open(store, project="bench") as repository:
        took = seconds(lambda: _compare(repository, name))
    print(f"{took:.4f} {_peak():.4f}")


def _compare(repository: edversion.Repository, name: str) -> None:
    found = repository.compare(f"{name}:v0", f"{name}:v1")
    names = [section.name for section in found.sections if section.rows]
    assert {"metrics", "groups", "paired", "paired-changes"} <= set(names), names


def _peak() -> float:
    (kilobytes,) = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(kilobytes) * 1024 / 1e9


if __name__ == "__main__":
    main()
