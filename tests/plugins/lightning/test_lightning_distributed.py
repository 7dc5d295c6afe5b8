"""Two processes on gloo: each version once, shards whole, every learner counted once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import edversion
from edversion import IntegrityError
from edversion_plugins.lightning import checkpoint_path
from edversion_plugins.lightning.shards import check_whole, read_sharded
from tests.plugins.lightning.boring import NAME, PROJECT, versions
from tests.plugins.lightning.distributed_training import SIZE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[3]


def train(strategy: str, folder: Path, *resumed: Path) -> None:
    script = [sys.executable, "-m", "tests.plugins.lightning.distributed_training"]
    done = subprocess.run(
        [*script, strategy, str(folder), *map(str, resumed)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


def check(folder: Path) -> list[edversion.Version]:
    """Check what holds for any strategy."""
    found = versions(folder)
    assert [version.metadata["step"] for version in found] == [2, 4]
    for version in found:
        version.verify()
    with edversion.open(folder / "store", project=PROJECT) as repository:
        assert [run.status for run in repository.runs(project=PROJECT)] == ["finished"]
        rows = repository.metrics(f"{NAME}:v0", key="accuracy")
        assert sum(row.n or 0 for row in rows) == SIZE
        assert {edge.relation for edge in repository.lineage(f"{NAME}:v0", depth=1)} >= {
            "trained_on"
        }
    assert {"best", "latest", "final"} == {alias for each in found for alias in each.aliases}
    return found


@pytest.mark.parametrize("strategy", ["ddp", "ddp_spawn"])
def test_each_version_is_logged_once(tmp_path: Path, strategy: str) -> None:
    train(strategy, tmp_path)
    for version in check(tmp_path):
        held = torch.load(checkpoint_path(version), weights_only=True)
        assert held["global_step"] == version.metadata["step"]


def test_shards_are_whole_and_loadable_or_refused(tmp_path: Path) -> None:
    train("fsdp2", tmp_path)
    version = check(tmp_path)[0]
    names = [entry.path for entry in version.files()]
    assert {"meta.pt", ".metadata", "__0_0.distcp", "__1_0.distcp"} <= set(names)
    folder = checkpoint_path(version, tmp_path / "loaded")
    check_whole(folder)
    assert _weights(folder).keys() == {"layer.weight", "layer.bias"}
    found: Any = read_sharded(folder)
    assert found.identity == version.metadata["weights"]

    train("fsdp2", tmp_path, folder)  # goes on where the version was, with its run
    later = versions(tmp_path)[-1]
    with edversion.open(tmp_path / "store", project=PROJECT) as repository:
        assert len(repository.runs(project=PROJECT)) == 1
        edges = repository.lineage(later, depth=1)
    assert ("resumed_from", version) in {(edge.relation, edge.source) for edge in edges}

    broken = shutil.copytree(folder, tmp_path / "broken", copy_function=shutil.copyfile)
    (broken / "__1_0.distcp").unlink()
    (broken / "__0_0.distcp").write_bytes(b"")
    with pytest.raises(IntegrityError, match=r"lacks __0_0\.distcp, __1_0\.distcp") as raised:
        check_whole(broken)
    assert raised.value.code == "missing_shards"


def _weights(folder: Path) -> dict[str, Any]:
    from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

    dcp_to_torch_save(folder, folder.parent / "one.pt")
    held: dict[str, Any] = torch.load(folder.parent / "one.pt", weights_only=True)["state_dict"]
    return held
