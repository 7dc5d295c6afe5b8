"""Runs that ended, and are opened once more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import edversion
from edversion.errors import ConflictError, InvalidInputError, NotFoundError
from edversion.repository import Repository, open_repository
from edversion.run import Run
from edversion.starting import start_run
from edversion.testing import run_python


def log(run: Run, data: bytes = b"1") -> edversion.Version:
    draft = edversion.Artifact("data", "dataset")
    draft.add_bytes(data, "a")
    return run.log_artifact(draft)


def test_a_finished_run_goes_on(repository: Repository) -> None:
    with start_run(repository, project="p", name="n", config={"k": 5, "lr": 1}, tags=["a"]) as run:
        first = log(run)
    ended = repository.run(run.id)
    again = start_run(repository, config={"k": 7}, tags=["b", "a"], resume=run.id)
    info = repository.run(run.id)
    assert info == again.info
    assert (info.status, info.ended_at, info.started_at) == ("running", None, ended.started_at)
    assert (info.name, info.config, info.tags) == ("n", {"k": 7, "lr": 1}, ("a", "b"))
    second = log(again, b"2")
    again.finish()
    assert repository.run(run.id).status == "finished"
    assert repository.catalog.versions_of_run(run.id, "logged") == (first, second)
    assert len(repository.runs()) == 1
    assert log_refused(run)


def log_refused(run: Run) -> bool:
    """Tell whether the object of before it ended still refuses."""
    with pytest.raises(ConflictError) as caught:
        log(run)
    return caught.value.code == "run_ended"


def test_how_it_had_ended_is_an_event(repository: Repository) -> None:
    with pytest.raises(ZeroDivisionError), start_run(repository, project="p") as run:
        _ = 1 / 0
    failed = repository.run(run.id)
    start_run(repository, config={"k": 1}, resume=run.id)
    (event,) = repository.events(subject=f"run {run.id}")
    assert failed.ended_at is not None
    assert event.action == "run.resumed"
    assert event.before == {
        "status": "failed",
        "error": failed.error,
        "ended_at": failed.ended_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "config": {},
    }
    assert event.after == {"status": "running", "error": None, "ended_at": None, "config": {"k": 1}}
    assert repository.run(run.id).error is None


def test_the_record_in_the_store_follows(tmp_path: Path) -> None:
    with edversion.init("p", store=tmp_path / "store") as run:
        log(run)
    with edversion.init(store=tmp_path / "store", config={"k": 2}, resume=run.id) as again:
        assert again.project == "p"
        with open_repository(tmp_path / "store", "sqlite://", lost_catalog=True) as other:
            other.doctor(mend=True)
            assert (other.run(run.id).status, other.run(run.id).config) == ("crashed", {"k": 2})
    with open_repository(tmp_path / "store", "sqlite://", lost_catalog=True) as other:
        other.doctor(mend=True)
        assert other.run(run.id).status == "finished"


def test_an_open_run_is_not_resumed(tmp_path: Path) -> None:
    with edversion.init("p", store=tmp_path / "store") as run:
        code = (
            "import edversion, sys\n"
            "try: edversion.init(store='store', resume=sys.argv[1])\n"
            "except edversion.ConflictError as error: print(error.code)"
        )
        assert run_python(code, run.id, cwd=tmp_path) == "run_open\n"
        with pytest.raises(ConflictError, match="is open already") as caught:
            edversion.init(store=tmp_path / "store", resume=run.id)
        assert caught.value.code == "run_open"
        assert run.repository.run(run.id).status == "running"
        log(run)
    assert edversion.open(tmp_path / "store").run(run.id).status == "finished"


KILLED = """
import os, sys, edversion
run = edversion.init("p", store="store", config={"k": 1})
draft = edversion.Artifact("data", "dataset")
draft.add_bytes(b"1", "a")
run.log_artifact(draft)
print(run.id, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("marked", [False, True])
def test_a_run_whose_process_was_killed(tmp_path: Path, marked: bool) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout is not None
        run_id = child.stdout.readline().decode().strip()
        with pytest.raises(ConflictError) as caught:
            edversion.init(store=tmp_path / "store", resume=run_id)
        assert caught.value.code == "run_open"
        os.kill(child.pid, signal.SIGKILL)
    with edversion.open(tmp_path / "store") as repository:
        assert repository.run(run_id).status == "crashed"
        if marked:
            repository.doctor(mend=True)
    with edversion.init(store=tmp_path / "store", resume=run_id) as run:
        assert run.config == {"k": 1}
        with edversion.open(tmp_path / "store") as other:
            assert other.run(run_id).status == "running"
            assert other.doctor(mend=True) == ()
            assert other.run(run_id).status == "running"
        assert log(run, b"2").number == 1
        resumed = run.repository.events(subject=f"run {run_id}", limit=1)[0]
    assert resumed.before["status"] == "crashed"
    assert resumed.before["environment"]["pid"] == child.pid
    assert resumed.after["environment"]["pid"] == os.getpid()
    assert "packages" not in resumed.after["environment"]
    with edversion.open(tmp_path / "store") as repository:
        assert repository.run(run_id).status == "finished"
        assert repository.doctor() == ()


@pytest.mark.parametrize(
    "other", [{"project": "q"}, {"name": "another"}, {"job_type": "evaluate"}], ids=str
)
def test_only_the_run_that_is_meant(repository: Repository, other: dict[str, str]) -> None:
    given = {"project": "p", "name": "n", "job_type": "train"}
    run = start_run(repository, **given)
    run.finish()
    ended = repository.run(run.id)
    with pytest.raises(ConflictError, match="leave it out") as caught:
        start_run(repository, **(given | other), resume=run.id)
    assert caught.value.code == "other_run"
    assert repository.run(run.id) == ended
    start_run(repository, **given, resume=run.id).finish()


@pytest.mark.parametrize("unknown", ["nobody", "", "../x"])
def test_a_run_that_is_not_there(tmp_path: Path, unknown: str) -> None:
    edversion.init("p", store=tmp_path / "store").finish()
    with pytest.raises(NotFoundError) as caught:
        edversion.init(store=tmp_path / "store", resume=unknown)
    assert caught.value.code == "no_run"
    with pytest.raises(InvalidInputError):
        edversion.init(store=tmp_path / "store", resume=5)  # type: ignore[arg-type]


def test_resuming_makes_no_repository(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        edversion.init(store=tmp_path / "store", resume="0123456789ab")
    assert not (tmp_path / "store").exists()
