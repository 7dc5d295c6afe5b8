"""Time things in turn, and print their ratios.

Machines are noisy, and virtual ones hand out fresh memory slowly: a run that is the first
to touch a page pays for it. So before every timed piece of work `settle` touches as much
memory as the work will, and the two sides of a ratio alternate.
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

_USUAL = 2

_TOUCH = """
import mmap, sys
size = int(sys.argv[1])
memory = mmap.mmap(-1, size)
for place in range(0, size, 4096):
    memory[place] = 1
"""


@dataclass(frozen=True)
class Result:
    """One line of the report.

    Attributes
    ----------
    name, unit : str
        What was measured, and in what.
    value : float
        Median.
    low, high : float
        Least and greatest of the rounds.
    target : float
        What the value must not exceed.
    rounds : int
        How many.
    note : str
        Absolute medians, or what the value is a ratio to.
    """

    name: str
    value: float
    low: float
    high: float
    unit: str
    target: float
    rounds: int
    note: str = ""

    @property
    def held(self) -> bool:
        return self.value <= self.target


def result(name: str, values: list[float], unit: str, target: float, note: str = "") -> Result:
    """Sum up the rounds of one measurement."""
    return Result(name, median(values), min(values), max(values), unit, target, len(values), note)


def ratio(name: str, ours: list[float], theirs: list[float], target: float) -> Result:
    """Compare two sides that were timed in turn: the ratio of their medians.

    The least and the greatest are those of the pairs, which differ most where the machine
    changed its speed between the two.
    """
    pairs = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    note = f"{median(ours):.3g} s to {median(theirs):.3g} s"
    value = median(ours) / median(theirs)
    return Result(name, value, min(pairs), max(pairs), "×", target, len(pairs), note)


def settle(size: int) -> None:
    """Write what waits to the disk, and touch and free `size` bytes of memory."""
    os.sync()
    subprocess.run([sys.executable, "-c", _TOUCH, str(max(size, 4096))], check=True)


def calm(tree: Path, *, limit: float = 420) -> None:
    """Wait until a folder is copied at the usual speed, at most `limit` seconds.

    For minutes after a large tree was deleted, ext4 without a journal looks for deleted inodes
    where it makes a file, and a copy takes ten times as long: whoever creates few files would
    seem fast. A copy is compared with the same copy over files that are there: by few files one
    cannot tell, since only those are slow that lie where files were deleted.
    """
    end = time.monotonic() + limit
    for turn in itertools.count():
        copy = ("cp", "-r", f"{tree}/.", str(tree.with_name(f"probe-{turn}")))
        made, again = (seconds(partial(shell, *copy)) for _ in range(2))
        if made < _USUAL * again:
            return
        if time.monotonic() > end:
            print(
                f"  still {made / again:.0f} × as long to copy files as to write them", flush=True
            )
            return
        time.sleep(20)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def shell(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def show(results: list[Result]) -> None:
    """Print a table."""
    width = max(len(item.name) for item in results)
    print(f"{'':{width}}  median     least  greatest  target")
    for item in results:
        mark = "" if item.held else "  MISSED"
        print(
            f"{item.name:{width}}  {item.value:6.3g} {item.low:9.3g} {item.high:9.3g} "
            f"{item.target:7.3g} {item.unit}{mark}  {item.note}"
        )


def keep(benchmark: str, results: list[Result], path: Path) -> None:
    """Write a benchmark's figures into a JSON file, beside those of the others."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[benchmark] = {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "system": platform.release(),
        "processors": os.cpu_count(),
        "results": [asdict(item) for item in results],
    }
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
