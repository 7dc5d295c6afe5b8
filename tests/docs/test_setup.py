"""A fresh machine gets the same tools, by the commands that the documents name."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PINS = (ROOT / "requirements" / "constraints.txt").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def needed() -> set[str]:
    """Give all packages that pyproject.toml names, in their one spelling."""
    lists = [PROJECT["project"]["dependencies"], PROJECT["build-system"]["requires"]]
    lists += PROJECT["project"]["optional-dependencies"].values()
    names = {re.split(r"[\[><=~! ;]", line)[0] for packages in lists for line in packages}
    return {spelled(name) for name in names} - {"edversion"}


def spelled(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_pinned() -> None:
    lines = [line for line in PINS.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines), "no paths, no ranges"
    pinned = [spelled(line.partition("==")[0]) for line in lines]
    assert len(pinned) == len(set(pinned))
    assert needed() <= set(pinned)


def test_ci_runs_what_the_documents_name() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/usr/bin/env bash")
    assert re.findall(r"^make .*$", script.read_text(), re.M) == ["make check"]
    assert "`.ci/run` does the same" in (ROOT / "CONTRIBUTING.md").read_text()


@pytest.mark.parametrize(
    ("target", "commands"),
    [
        ("demo", ["examples/student_dropout.py"]),
        ("test", ['pytest -n 2 -m "not slow"', "pytest -n 2 -m slow"]),
        ("lint", ["ruff format --check", "ruff check", "mypy", "lint-imports"]),
        ("bench", ["python -m benchmarks"]),
    ],
)
def test_a_target_sets_itself_up_and_runs(tmp_path: Path, target: str, commands: list[str]) -> None:
    for name in ("Makefile", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/constraints.txt").write_text(PINS)
    plan = subprocess.run(
        ["make", "--dry-run", target], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    steps = ["-m venv", "pip install", *commands]
    places = [plan.index(step) for step in steps]
    assert places == sorted(places)
