"""Log one file into a new store, in a process of its own; print time and peak memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import edversion
from benchmarks.files import peak_mb
from benchmarks.measure import seconds

_PATH = """
import sys, time, edversion
version = edversion.open(sys.argv[1]).version("one")
start = time.perf_counter()
version.path(sys.argv[2])
print((time.perf_counter() - start) * 1000)
"""


def main(source: str, store: str) -> None:
    with edversion.init("bench", store=store) as run:
        start = time.perf_counter()
        version = run.log_artifact(source, name="one", type="model")
        spent = time.perf_counter() - start
    name = version.files()[0].path
    command = [sys.executable, "-c", _PATH, store, name]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    figures = {"seconds": spent, "peak_mb": peak_mb(), "path_ms": float(answer.stdout)}
    assert seconds(lambda: version.path(name)) < spent
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
