"""A version of a million small files: logged, logged again, compared, listed, read."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import edversion
from benchmarks.files import peak_mb
from benchmarks.measure import Result, result, seconds, settle

FILES, FOLDERS = 1_000_000, 1_000
CHANGED = 1_000  # one in a thousand
MEMORY = 2_048  # MB, each step in a process of its own


def million_files(work: Path, rounds: int) -> list[Result]:  # noqa: ARG001 - one takes minutes
    """Log a million files, and again with 0.1 % of them changed; compare, list and read."""
    source, store = work / "source", work / "store"
    _write(source, FILES, FOLDERS)
    steps = {"logged": _step("log", source, store)}
    _change(source, FILES, FOLDERS)
    steps["logged again, 0.1 % changed"] = _step("log", source, store)
    steps["compared"] = _step("compare", source, store)
    steps["listed"] = _step("list", source, store)
    steps["one file read"] = _step("read", source, store)
    first, second = _described(store)
    found = [
        result(f"{FILES:,} files {name}: peak memory", [peak], "MB", MEMORY, f"{spent:.1f} s")
        for name, (spent, peak) in steps.items()
    ]
    note = f"{second:,} to {first:,} bytes"
    return [*found, result("… second manifest / first", [second / first], "×", 0.05, note)]


def _write(root: Path, files: int, folders: int) -> None:
    each = files // folders
    for folder in range(folders):
        place = root / f"{folder:04}"
        place.mkdir(parents=True)
        for name in range(each):
            (place / f"{name:04}.json").write_bytes(_content(folder * each + name, 0))


def _change(root: Path, files: int, folders: int) -> None:
    """Write files anew that are spread evenly over the tree."""
    each = files // folders
    for number in range(0, files, files // (files * CHANGED // FILES)):
        path = root / f"{number // each:04}" / f"{number % each:04}.json"
        path.write_bytes(_content(number, 1))


def _content(number: int, edition: int) -> bytes:
    return f"{number} {edition} {random.Random(number * 2 + edition).getrandbits(300):x}".encode()


def _step(name: str, source: Path, store: Path) -> tuple[float, float]:
    """Take one step in a process of its own; give its seconds and its peak memory in MB."""
    settle(1 << 30)
    command = [sys.executable, "-m", "benchmarks.million", name, str(source), str(store)]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    print(f"  {name}: {answer['seconds']:.1f} s, {answer['peak_mb']:.0f} MB", flush=True)
    return answer["seconds"], answer["peak_mb"]


def _described(store: Path) -> list[int]:
    """Give the stored bytes that say what the versions hold, oldest first.

    Of the first that is its base, too, which the second shares.
    """
    with edversion.open(store) as repository:
        versions = reversed(repository.versions("tree"))
        sizes = [repository.store.manifest_size(v.digest, v.generation) for v in versions]
        packs = repository.catalog.packs_of(repository.version("tree:v0"))
        base = repository.stored(repository.version("tree:v0")).base
    return [sizes[0] + (0 if base is None else packs[base.pack]), *sizes[1:]]


def _log(source: str, store: str) -> None:
    with edversion.init("bench", store=store) as run:
        run.log_artifact(source, name="tree", type="dataset")


def _compare(_: str, store: str) -> None:
    with edversion.open(store) as repository:
        found = repository.compare("tree:v0", "tree:v1", only=["versions", "files"])
        assert (
            len(found.sections[-1].rows) * FILES
            == CHANGED * repository.version("tree:v0").file_count
        )


def _list(_: str, store: str) -> None:
    with edversion.open(store) as repository:
        version = repository.version("tree")
        assert len(version.files()) == version.file_count


def _read(_: str, store: str) -> None:
    with edversion.open(store) as repository:
        assert repository.version("tree").read_bytes("0000/0000.json") == _content(0, 1)


_STEPS = {"log": _log, "compare": _compare, "list": _list, "read": _read}


if __name__ == "__main__":
    step, *places = sys.argv[1:]
    spent = seconds(lambda: _STEPS[step](*places))
    print(json.dumps({"seconds": spent, "peak_mb": peak_mb()}))
