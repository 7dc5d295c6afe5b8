"""An evaluation of `evaluate`, groups and gaps and all, comes out equal when it is run again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import edversion
from edversion_plugins.evaluation import evaluate

EVALUATE = """
import json, os, pathlib
import edversion
from edversion_plugins.evaluation import evaluate

rows = json.loads((pathlib.Path(os.environ["EDVERSION_INPUT_PUPILS"]) / "rows.json").read_text())
with edversion.init("again") as run:
    model = run.log_artifact(os.environ["EDVERSION_INPUT_DROPOUT"], name="dropout", type="model")
    evaluate(
        model, y_true=rows["y"], y_score=rows["p"], groups={"sex": rows["sex"]}, run=run, draws=100,
        SEED
    )
"""


@pytest.fixture
def evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 200)
    rows = {
        "y": truth.tolist(),
        "p": np.clip(truth * 0.3 + rng.uniform(0, 0.7, 200), 0, 1).tolist(),
        "sex": rng.choice(["f", "m"], 200).tolist(),
    }
    with edversion.init("school") as run:
        pupils = edversion.Artifact("pupils", type="dataset")
        pupils.add_bytes(json.dumps(rows).encode(), "rows.json")
        data = run.log_artifact(pupils)
        dropout = edversion.Artifact("dropout", type="model")
        dropout.add_bytes(b"weights", "model.bin")
        model = run.log_artifact(dropout)
    evaluate(
        model, data, y_true=rows["y"], y_score=rows["p"], groups={"sex": rows["sex"]}, draws=100
    )
    return tmp_path


@pytest.mark.parametrize(("seed", "code"), [("seed=0", 0), ("threshold=0.6", 1)])
def test_every_metric_of_every_group_is_compared(evaluated: Path, seed: str, code: int) -> None:
    (evaluated / "evaluate.py").write_text(EVALUATE.replace("SEED", seed))
    program = [sys.executable, "-c", "from edversion.cli import main; main()"]
    arguments = ["dropout-evaluation", "--with", f"{sys.executable} evaluate.py", "--json"]
    done = subprocess.run(
        [*program, "reproduce", *arguments], capture_output=True, check=False, timeout=120
    )
    assert done.returncode == code, done.stderr.decode()
    metrics = json.loads(done.stdout)["metrics"]
    assert {each["slice"] for each in metrics} == {None, "sex=f", "sex=m"}
    assert len(metrics) > 20
    outcomes = {each["outcome"] for each in metrics}
    assert outcomes == ({"equal"} if code == 0 else {"equal", "differs"})
