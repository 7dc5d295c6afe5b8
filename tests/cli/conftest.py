"""A small repository for every test, and two ways to call the program: in here, and for real."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import edversion
from edversion.cli import cli

PROGRAM = "from edversion.cli import main; main()"


@dataclass(frozen=True)
class Answer:
    """What a call gave."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Answer]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workplace with a repository: a dataset with two versions, and a model made from it."""
    place = tmp_path_factory.mktemp("template")
    with edversion.init("school", store=place / ".edversion", job_type="prepare") as run:
        draft = edversion.Artifact("scores", type="dataset", metadata={"rows": 2, "by": {"sex": 1}})
        draft.add_bytes(b"id,score\n1,0.5\n", "scores.csv")
        draft.add_bytes("Größe\n".encode(), "notes/größe.txt")
        run.log_artifact(draft, tags=["fair"], description="Scores of [red]all[/red] learners")
        draft = edversion.Artifact("scores", type="dataset", metadata={"rows": 3, "by": {"sex": 1}})
        draft.add_bytes(b"id,score\n1,0.5\n2,0.7\n", "scores.csv")
        second = run.log_artifact(draft)
    with edversion.init("school", store=place / ".edversion", job_type="train") as run:
        run.use_artifact("scores:v1")
        draft = edversion.Artifact("model", type="model")
        draft.add_bytes(bytes(range(256)) * 20, "weights.bin")
        model = run.log_artifact(draft, aliases=["champion"])
        measured = {"auc": {"value": 0.75, "n": 40, "low": 0.7, "high": 0.8}}
        run.log_metrics(measured, version=model, dataset=second, slice="sex=female")
    return place


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: empty, with nothing in the environment that names a repository."""
    for name in [name for name in os.environ if name.startswith(("EDVERSION_", "_EDVERSION_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("EDVERSION_ACTOR", "ada")
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def work(empty: Path, template: Path) -> Path:
    """The current folder, with a copy of the small repository."""
    shutil.copytree(template, empty, dirs_exist_ok=True)
    return empty


@pytest.fixture
def call() -> Call:
    """Call the program in this process."""

    def run(*arguments: str | Path, input: str | None = None) -> Answer:
        result = CliRunner().invoke(cli, [str(item) for item in arguments], input=input)
        return Answer(result.exit_code, result.stdout_bytes, result.stderr)

    return run


@pytest.fixture
def process() -> Callable[..., Answer]:
    """Call the program in a process of its own."""

    def run(*arguments: str | bytes, env: dict[str, str] | None = None, **more: Any) -> Answer:
        command: Sequence[str | bytes] = [sys.executable, "-c", PROGRAM, *arguments]
        more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60} | more
        done = subprocess.run(command, env=os.environ | (env or {}), check=False, **more)
        return Answer(done.returncode, done.stdout or b"", (done.stderr or b"").decode())

    return run
