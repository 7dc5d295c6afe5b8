"""Several processes: every checkpoint is logged once, by one of them, and whole."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from edversion.repository import open_repository

ROOT = Path(__file__).parents[3]

PROGRAM = """
    import sys
    import threading
    from pathlib import Path

    import torch.distributed as dist
    from transformers import Trainer

    from edversion_plugins.evaluation import Fairness
    from edversion_plugins.huggingface import EdVersionCallback, track
    from tests.plugins.huggingface import tiny


    class Slow(Trainer):
        def _save_rng_state(self, output_dir):
            if dist.get_rank() == 1:
                threading.Event().wait(1.0)  # a slow disk: rank 0 is at its event long before
            super()._save_rng_state(output_dir)


    folder, store, how = sys.argv[1:]
    given = {"project": "test", "store": store, "on_error": "raise"}
    made = tiny.trainer(
        Path(folder),
        kind=Slow,
        callbacks=[EdVersionCallback("scorer", **given)] if how == "callback" else [],
        eval_strategy="steps",
        eval_steps=1,
        max_steps=2,
        ddp_backend="gloo",
        save_steps=1 if how == "callback" else 2,
    )
    if how == "track":
        made = track(made, "scorer", **given, fairness=Fairness("group", min_group=1))
    made.train()
    made.evaluate()
    dist.destroy_process_group()
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["callback", "track"])
def test_each_checkpoint_is_logged_once_and_whole(tmp_path: Path, how: str) -> None:
    _launch(str(tmp_path / "own"), str(tmp_path / "store"), how)
    with open_repository(tmp_path / "store", project="test") as repository:
        versions = repository.versions("scorer")
        expected = [1, 2] if how == "callback" else [2]
        assert sorted(int(str(each.metadata["step"])) for each in versions) == expected
        for version in versions:
            names = {each.path for each in version.files()}
            assert {"rng_state_0.pth", "rng_state_1.pth"} <= names
            assert "missing" not in version.metadata
        (run,) = repository.runs(project="test")
        assert run.status == "finished"
        if how == "track":
            rows = repository.metrics(versions[0])
            gaps = [row.n for row in rows if row.key == "fair/group/accuracy_difference"]
            assert set(gaps) == {20}  # what the sampler pads is not counted twice


def _launch(*arguments: str) -> None:
    """Start two processes that know of each other, and wait for both."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    running = [
        subprocess.Popen(
            [sys.executable, "-c", dedent(PROGRAM), *arguments],
            cwd=ROOT,
            env={**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    told = [each.communicate(timeout=240)[0] for each in running]
    assert [each.returncode for each in running] == [0, 0], "\n".join(told)
