"""Ranks in processes of their own, some of which die: with PyTorch on gloo, and at any step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion.testing import Victims, object_keys, run_python

from .ranks_job import COLUMNS, DEAD, RANKS, ROWS, full

ROOT = Path(__file__).parents[2]


def job(folder: Path, *arguments: str, rank: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.engine.ranks_job", str(folder), *arguments]
    lone = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | lone | {"RANK": str(rank), "WORLD_SIZE": str(RANKS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore:torch.distributed is disabled:UserWarning")  # it is meant
def test_four_ranks_save_die_and_come_again(tmp_path: Path) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(job(tmp_path, rank=rank)) for rank in range(RANKS)]
        with ThreadPoolExecutor(RANKS) as pool:  # who does not read its pipes may block it
            told = list(pool.map(lambda process: process.communicate(timeout=250), processes))
    codes = [process.returncode for process in processes]
    expected = [0] * RANKS
    expected[DEAD] = -9
    assert codes == expected, [error[-2000:] for _, error in told]

    with edversion.open(tmp_path / "store", project="job") as repository:
        first = repository.version("checkpoint:v0")
        names = {file.path for file in first.files()}
        assert names == {".metadata"} | {f"__{rank}_0.distcp" for rank in range(RANKS)}
        assert {run.name for run in first.logged_by()} == {f"rank-{n}" for n in range(RANKS)}
        check_safetensors(repository.version("tensors"), tmp_path)

        # Of the second step nothing is to be seen, and nothing of it is lost.
        assert [version.number for version in repository.versions("checkpoint")] == [0]
        (draft,) = repository.distributed_drafts()
        assert (draft.key, draft.missing) == ("job-7-2", (DEAD,))
        repository.doctor(mend=True)
        repository.gc()

        with job(tmp_path, "again", rank=DEAD) as process:
            out, error = process.communicate(timeout=100)
        assert out.strip() == "job/checkpoint:v1", error
        second = repository.version("checkpoint")
        assert second.metadata == {"step": 2}
        second.download(tmp_path / "second")
        assert repository.verify() == ()
        assert repository.doctor() == ()
    check_checkpoint(tmp_path / "second", 2)


def check_checkpoint(place: Path, step: int) -> None:
    """Load what four ranks saved in one process, as whoever serves the model would."""
    import torch
    import torch.distributed.checkpoint as dcp

    state: dict[str, Any] = {"weight": torch.zeros(ROWS, COLUMNS), "step": 0}
    dcp.load(state, storage_reader=dcp.FileSystemReader(place), no_dist=True)
    assert torch.equal(state["weight"], full(step))
    assert state["step"] == step


def check_safetensors(version: edversion.Version, folder: Path) -> None:
    import torch
    from safetensors.torch import load_file

    place = version.download(folder / "tensors")
    index = json.loads((place / "model.safetensors.index.json").read_text())["weight_map"]
    assert set(index.values()) == {path.name for path in place.glob("*.safetensors")}
    parts = [load_file(place / name)[tensor] for tensor, name in sorted(index.items())]
    assert torch.equal(torch.cat(parts), full(1))


# A rank that is killed at any step of sending its part, which is the last one

WORK = """
import edversion

def main(store, seed):
    with edversion.init("p", store=store) as run:
        part = run.log_distributed("model", "model", 2, key=f"k{seed}", part=1)
        part.add_bytes(int(seed).to_bytes(4, "big") * 10_000, "b")
        ready()
        part.send()
"""

# In the order in which they happen.
STEPS = [
    ("write_manifest", 0), ("add_part", 0), ("complete_draft", 0), ("merge_manifests", 0),
    ("write_manifest", 1), ("commit_stored", 0), ("_remove", 0), ("write_receipt", 0),
]  # fmt: skip


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    with Victims(WORK) as victims:
        yield victims


@pytest.mark.slow
@pytest.mark.parametrize(("step", "count"), STEPS)
def test_a_rank_killed_at_any_step_comes_again(
    victims: Victims, tmp_path: Path, step: str, count: int
) -> None:
    store = str(tmp_path / "store")
    with edversion.init("p", store=store) as run:
        with run.log_distributed("model", "model", 2, key="k3", part=0) as part:
            part.add_bytes(b"0" * 40_000, "a")
        assert victims.kill_at_call(step, count, store, "3")
        seen = run.repository.collections()
        assert bool(seen) == (step in ("_remove", "write_receipt"))
        run.repository.doctor(mend=True)
        if seen:  # whole, or not there
            assert part.wait(0).read_bytes("b") == bytes([0, 0, 0, 3]) * 10_000
        victims_again(store)
        version = part.wait(0)
        assert (version.number, version.file_count) == (0, 2)
        assert len(run.repository.versions("model")) == 1
        assert run.repository.verify() == ()
    with edversion.open(store) as repository:
        repository.doctor(mend=True)
        repository.gc()
        assert repository.doctor() == ()
        assert len(object_keys(repository.store, "manifests")) == 1
        assert len(object_keys(repository.store, "packs")) == 2


def victims_again(store: str) -> None:
    run_python(WORK + "\nimport sys; ready = lambda: None; main(*sys.argv[1:])", store, "3")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_processes_that_end_together_make_one_version(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each round a version; with PostgreSQL the ranks may be on many hosts."""
    if kind == "postgres":
        monkeypatch.setenv("EDVERSION_CATALOG", request.getfixturevalue("postgres_url"))
    store, rounds, ranks = str(tmp_path / "store"), 3, 4
    edversion.init("p", store=store).finish()
    with ThreadPoolExecutor(ranks) as pool:
        told = list(
            pool.map(lambda rank: run_python(RANK, store, str(rank), str(ranks)), range(ranks))
        )
    assert {text.split("\n")[0] for text in told} == {"v0 v1 v2"}
    with edversion.open(store) as repository:
        assert len(repository.versions("p/model")) == rounds
        assert repository.verify() == ()
        assert repository.doctor() == ()


RANK = """
import sys
import edversion
store, rank, ranks = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
numbers = []
with edversion.init("p", store=store) as run:
    for turn in range(3):
        with run.log_distributed("model", "model", ranks, key=f"t{turn}", part=rank) as part:
            part.add_bytes(bytes([turn, rank]) * 20_000, f"{rank}.bin")
        numbers.append(part.wait(60).version)
print(*numbers)
"""
