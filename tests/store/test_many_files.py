"""What many files cost: so little memory each that a million of them take less than 2 GB."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edversion.repository import open_repository
from edversion.testing import run_python

FILES, FOLDERS = 50_000, 50
EACH = 2_000  # bytes of memory
STEP = """
import json, re, sys
import edversion
from edversion.repository import open_repository

def peak():
    status = open("/proc/self/status").read()
    return int(re.search(r"^VmHWM:\\s*(\\d+) kB", status, re.MULTILINE)[1]) << 10

step, source, store = sys.argv[1:]
if step == "log":
    with edversion.init("p", store=store) as run:
        run.log_artifact(edversion.__file__, name="first", type="dataset")  # loads what it takes
        before = peak()
        run.log_artifact(source, name="tree", type="dataset")
else:
    with edversion.open(store) as repository:
        repository.compare("p/first", "p/first", only=["files"])
        before = peak()
        if step == "compare":
            repository.compare("p/tree:v0", "p/tree:v1", only=["files"])
        else:
            repository.version("p/tree").files()
print(json.dumps(peak() - before))
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel for the peak of memory")
def test_many_files_take_little_memory_and_few_changes_a_small_manifest(tmp_path: Path) -> None:
    source, store = tmp_path / "source", tmp_path / "store"

    def taken(step: str) -> int:
        return json.loads(run_python(STEP, step, str(source), str(store)))

    for folder in range(FOLDERS):
        (source / f"{folder:02}").mkdir(parents=True)
        for name in range(FILES // FOLDERS):
            (source / f"{folder:02}" / f"{name:04}.json").write_text(f"{folder} {name}")
    steps = [taken("log")]
    for folder in range(FOLDERS):  # 0.1 %, anywhere in the tree
        (source / f"{folder:02}" / f"{folder:04}.json").write_text("changed")
    steps += [taken("log"), taken("compare"), taken("list")]
    assert max(steps) < EACH * FILES
    with open_repository(store) as repository:
        first, second = (repository.version(f"p/tree:v{number}") for number in range(2))
        base = repository.stored(first).base
        assert base is not None
        assert repository.store.manifest_size(second.digest, second.generation) < base.size / 20
