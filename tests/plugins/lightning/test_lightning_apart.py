"""Shards on disks of their own: two processes on gloo, and one version of both, or none."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

import edversion
from edversion_plugins.lightning import checkpoint_path
from edversion_plugins.lightning.shards import check_whole
from tests.plugins.lightning.boring import NAME, PROJECT, versions

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[3]
SHARDS = {"__0_0.distcp", "__1_0.distcp"}
HOSTS = ("unshare", "--user", "--map-root-user", "--mount")  # a process sees disks of its own


def separable() -> bool:
    """Tell whether the kernel lets a process have mounts of its own."""
    if shutil.which(HOSTS[0]) is None:
        return False
    return subprocess.run([*HOSTS, "true"], capture_output=True, check=False).returncode == 0


def on_host(folder: Path, rank: int) -> list[str]:
    """Let a rank find another disk at the place of its checkpoints than the other one."""
    own, disk = folder / "own", folder / f"host{rank}"
    for each in (own, disk):
        each.mkdir(parents=True, exist_ok=True)
    return [*HOSTS, "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"', str(disk), str(own)]


def train(folder: Path, how: str, *arguments: str) -> list[tuple[int, str, str]]:
    """Let both ranks train, on disks of their own or by paths of their own; give what they say."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    disks, where = how == "disks", how if how == "paths" else "here"
    command = [sys.executable, "-m", "tests.plugins.lightning.apart_training", str(folder)]
    with ExitStack() as stack:
        ranks = []
        for rank in range(2):
            its = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "WORLD_SIZE": 2}
            its |= {"LOCAL_WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            env = os.environ | {name: str(value) for name, value in its.items()}
            env |= {"TORCHELASTIC_RUN_ID": "test", "OMP_NUM_THREADS": "1"}
            env |= {"GLOO_SOCKET_IFNAME": "lo"}
            process = subprocess.Popen(
                [*(on_host(folder, rank) if disks else []), *command, where, *arguments],
                cwd=ROOT,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            ranks.append(stack.enter_context(process))
        with ThreadPoolExecutor(2) as pool:
            told = list(pool.map(lambda each: each.communicate(timeout=250), ranks))
    return [(each.returncode, *said) for each, said in zip(ranks, told, strict=True)]


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("disks", marks=pytest.mark.skipif(not separable(), reason="no namespaces")),
        "paths",
    ],
)
def test_every_rank_adds_its_own_shards(tmp_path: Path, how: str) -> None:
    for code, _, error in train(tmp_path, how, "ours"):
        assert code == 0, error[-4000:]
    kept = {rank: tmp_path / f"host{rank}" / "saved" for rank in range(2)}
    for rank, place in kept.items():  # each host has what its rank wrote, and nothing else
        for folder in place.iterdir():
            assert {path.name for path in folder.glob("*.distcp")} == {f"__{rank}_0.distcp"}
            assert (folder / ".metadata").exists() == (rank == 0)

    found = versions(tmp_path)
    assert [version.metadata["step"] for version in found] == [2, 4]  # last.ckpt is none more
    assert [version.metadata["ranks"] for version in found] == [2, 2]
    assert {"final", "latest"} <= set(found[1].aliases)
    assert sum("best" in version.aliases for version in found) == 1
    for version in found:
        assert {entry.path for entry in version.files()} == {".metadata", "meta.pt", *SHARDS}
        folder = checkpoint_path(version, tmp_path / version.version)
        check_whole(folder)
        for rank, place in kept.items():
            name, saved = f"__{rank}_0.distcp", f"epoch={version.number}-step"
            (own,) = place.glob(f"{saved}*/{name}")
            assert (folder / name).read_bytes() == own.read_bytes()
    with edversion.open(tmp_path / "store", project=PROJECT) as repository:
        runs = repository.runs(project=PROJECT)
        assert [run.status for run in runs] == ["finished"] * 2
        main = found[0].metadata["run"]
        assert [dict(run.config) for run in runs if run.id != main] == [{"rank": 1, "of": main}]
        assert {run.id for run in found[1].logged_by()} == {run.id for run in runs}
        assert {edge.relation for edge in repository.lineage(found[0], depth=1)} >= {"trained_on"}
        assert {row.step for row in repository.metrics(found[1], key="accuracy")} == {4}
        assert repository.distributed_drafts() == ()
        assert repository.doctor() == ()

    resumed = checkpoint_path(found[1], tmp_path / "resumed")
    for code, _, error in train(tmp_path, how, "ours", "", str(resumed)):
        assert code == 0, error[-4000:]
    later = versions(tmp_path)
    assert [version.metadata["step"] for version in later] == [2, 4, 6]
    assert later[2].metadata["run"] == main
    with edversion.open(tmp_path / "store", project=PROJECT) as repository:
        edges = repository.lineage(later[2], depth=1)
    assert ("resumed_from", found[1]) in {(edge.relation, edge.source) for edge in edges}


def test_in_one_folder_rank_zero_logs_all(tmp_path: Path) -> None:
    for code, _, error in train(tmp_path, "here", "ours"):
        assert code == 0, error[-4000:]
    found = versions(tmp_path)
    assert [version.metadata["step"] for version in found] == [2, 4]
    assert all("ranks" not in version.metadata for version in found)
    assert {entry.path for entry in found[0].files()} >= SHARDS
    with edversion.open(tmp_path / "store", project=PROJECT) as repository:
        assert len(repository.runs(project=PROJECT)) == 1


@pytest.mark.parametrize("death", ["write", "send"])
def test_of_a_rank_that_died_nothing_is_to_be_seen(tmp_path: Path, death: str) -> None:
    told = train(tmp_path / "ours", "paths", "ours", death)
    assert [code for code, *_ in told] == [1, -9], told[0][2][-4000:]
    (version,) = versions(tmp_path / "ours")
    assert version.metadata["step"] == 2
    assert {entry.path for entry in version.files()} >= SHARDS
    with edversion.open(tmp_path / "ours" / "store", project=PROJECT) as repository:
        assert {run.status for run in repository.runs(project=PROJECT)} == {"failed", "crashed"}
        drafts = repository.distributed_drafts()
        missing = [(draft.name, draft.missing) for draft in drafts]
        assert missing == ([(NAME, (1,))] if death == "send" else [])
        repository.doctor(mend=True)
        assert repository.verify() == ()
    if death == "write":  # what rank zero is told is what it is told without us
        plain = train(tmp_path / "plain", "paths", "plain", death)
        assert [code for code, *_ in plain] == [1, -9]
        assert told[0][1] == plain[0][1] != ""
