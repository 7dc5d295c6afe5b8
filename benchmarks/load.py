"""How the dashboard holds 50 requests a second, and whether its memory stays as it is.

The server is the command that people start, in a process of its own; requests come over HTTP on
loopback. They come when they are due, whether earlier ones were answered or not, and a latency
counts from when a request was due: a server that stalls cannot hide what it kept waiting.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

import psutil

from benchmarks.dashboard import WHOLE, fill
from benchmarks.measure import Result, result
from benchmarks.versions import MANY

RATE, LASTS = 50, 30.0
WARM, MORE = 2_000, 8_000
CONNECTIONS = 48
P99, GREW = 300.0, 5.0


def dashboard_load(work: Path, _rounds: int) -> list[Result]:
    """Ask for pages of all kinds among 100,000 versions, once: it takes minutes."""
    catalog = fill(work)
    draw = random.Random(7)
    with _served(work / "store", catalog) as (process, url):
        _ask(url, [path for paths in _paths().values() for path in paths], rate=None)
        asked = [_choose(draw) for _ in range(int(RATE * LASTS))]
        before = _spent(process)
        took = _ask(url, asked, rate=RATE)
        spent = (_spent(process) - before) / len(asked) * 1_000
        _ask(url, [_choose(draw) for _ in range(WARM)], rate=None)
        first = process.memory_info().rss
        _ask(url, [_choose(draw) for _ in range(MORE)], rate=None)
        grew = process.memory_info().rss - first
    found = sorted(each * 1_000 for each in took)
    by_kind = {
        kind: median(t for t, path in zip(took, asked, strict=True) if path in paths) * 1_000
        for kind, paths in _paths().items()
    }
    told = ", ".join(f"{kind} {each:.0f}" for kind, each in by_kind.items())
    return [
        result(
            f"{RATE} requests a second, of {MANY:,}: p99", [quantiles(found, n=100)[98]], "ms", P99,
            f"medians in ms: {told}; longest {found[-1]:.0f}",
        ),
        result("… processor time of a request", [spent], "ms", 1_000 / RATE),
        result(
            f"memory over {MORE:,} more requests", [max(grew, 0) / 1e6], "MB",
            max(GREW, 0.05 * first / 1e6), f"from {first / 1e6:.0f} MB after {WARM:,}",
        ),
    ]  # fmt: skip


def _paths() -> dict[str, Sequence[str]]:
    """Give what is asked for, by kind: the pages that people open, and what programs read."""
    newest = [f"v{MANY + number}" for number in range(WHOLE)]
    return {
        "home": ["/"],
        "collection": [
            "/p/bench/line", *(f"/p/bench/line?page={number}" for number in (2, 40, 400)),
        ],
        "version": [f"/p/bench/line/{each}" for each in newest],
        "events": ["/events", f"/events?before={MANY // 2}", "/events?subject=bench/line:v7"],
        "search": ["/search?q=line", "/search?q=round+7", "/search?where=number+%3C+9"],
        "api": [
            "/api/v1/versions?project=bench&name=line", "/api/v1/events", "/api/v1/projects",
            *(f"/api/v1/versions/bench/line/{each}" for each in newest[:3]),
        ],
    }  # fmt: skip


def _choose(draw: random.Random) -> str:
    return draw.choice(draw.choice(list(_paths().values())))


@contextmanager
def _served(store: Path, catalog: str) -> Iterator[tuple[psutil.Process, str]]:
    """Start the dashboard, and give its process and address."""
    program = str(Path(sys.executable).with_name("edversion"))
    command = [
        program, "dashboard", "--store", str(store), "--port", "0", "--no-browser", "--json",
    ]  # fmt: skip
    env = {**os.environ, "EDVERSION_CATALOG": catalog}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as started:
        assert started.stdout is not None
        text = "".join(iter(started.stdout.readline, "}\n")) + "}"
        try:
            yield psutil.Process(started.pid), json.loads(text)["url"]
        finally:
            started.terminate()


def _spent(process: psutil.Process) -> float:
    """Give the processor time that a process has used, in seconds."""
    times = process.cpu_times()
    return float(times.user + times.system)


def _ask(url: str, paths: Sequence[str], *, rate: float | None) -> list[float]:
    """Send requests when they are due, or one after the other on a few connections.

    Gives the seconds from when each was due until its last byte was there.
    """
    took = [0.0] * len(paths)
    turn, failed = itertools.count(), list[str]()
    start = time.perf_counter() + 0.1

    def work() -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        for place in iter(lambda: next(turn), None):
            if place >= len(paths):
                break
            due = time.perf_counter() if rate is None else start + place / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            connection.request("GET", paths[place])
            answer = connection.getresponse()
            answer.read()
            took[place] = time.perf_counter() - due
            if answer.status != 200:
                failed.append(f"{answer.status} {paths[place]}")
        connection.close()

    _together(work, 4 if rate is None else CONNECTIONS)
    assert not failed, failed[:5]
    assert all(took), "a connection broke"
    return took


def _together(work: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
