"""Following from other processes: side by side, killed, ended, forked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from edversion.catalog.deployment_tables import instances
from edversion.model import DeploymentInstance
from edversion.repository import Repository
from edversion.run import Run
from edversion.testing import run_python, wait_until

from .test_gc import logged, packed

FOLLOW = """
import edversion, sys
for version in edversion.follow("dropout:champion", as_="grader-api", poll=0.05):
    print(version.version, version.path("a"), flush=True)
"""
FORK = """
import edversion, os, sys
with edversion.follow("dropout:champion", as_="grader-api", poll=0.01) as versions:
    next(versions)
    versions._settle()
    if (child := os.fork()) == 0:
        sys.exit()  # which says nothing of its parent
    assert os.waitpid(child, 0)[1] == 0
    with edversion.open() as repository:
        print(*(one.state for one in repository.deployment("test/grader-api").instances))
    if (child := os.fork()) == 0:
        try:
            versions._look()
            versions._settle()
        finally:
            versions._leave(None)
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.fixture
def school(run: Run) -> Repository:
    for number in range(2):
        logged(run, "dropout", a=packed(number))
    repository = run.repository
    repository.set_alias("dropout:v0", "champion")
    repository.add_deployment("grader-api", "dropout:champion", poll=1)
    return repository


@contextmanager
def consumer(school: Repository, actor: str) -> Iterator[subprocess.Popen[str]]:
    """Follow in a process of its own."""
    given = {"EDVERSION_STORE": school.location.store, "EDVERSION_ACTOR": actor}
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", FOLLOW],
        env={**os.environ, **given},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def heard(school: Repository) -> tuple[DeploymentInstance, ...]:
    return school.deployment("test/grader-api").instances


def line(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().split()


def pass_by(school: Repository, **span: float) -> None:
    """Let so much time pass since the last word of every instance."""
    with school.catalog._database.write() as transaction:
        for row in transaction.execute(instances.select()).all():
            earlier = {"heard_at": row.heard_at - timedelta(**span)}
            transaction.execute(update(instances).where(instances.c.id == row.id).values(earlier))


@pytest.mark.slow
def test_two_processes_follow_and_one_is_killed(school: Repository) -> None:
    with consumer(school, "one") as first, consumer(school, "two") as second:
        for process in (first, second):
            version, path = line(process)
            assert (version, Path(path).read_bytes()) == ("v0", packed(0))
        school.set_alias("dropout:v1", "champion")
        assert [line(process)[0] for process in (first, second)] == ["v1", "v1"]
        wait_until(
            lambda: {"test/dropout:v1"} == {one.version for one in heard(school)}, "both serve v1"
        )
        first.send_signal(signal.SIGKILL)
        first.wait(30)
        second.send_signal(signal.SIGINT)
        second.wait(30)
    pass_by(school, seconds=13)  # a poll of a second: twelve of silence
    told = {one.actor: one for one in heard(school)}
    assert {actor: one.state for actor, one in told.items()} == {"one": "silent", "two": "ended"}
    assert told["two"].version == "test/dropout:v1"
    assert {told["one"].pid, told["two"].pid} == {first.pid, second.pid}


def test_a_fork_is_an_instance_of_its_own(school: Repository) -> None:
    given = {"EDVERSION_STORE": school.location.store}
    assert run_python(FORK, environment=given) == "serving\n"
    told = heard(school)
    assert len({one.pid for one in told}) == 2
    assert {one.version for one in told} == {"test/dropout:v0"}
    assert {one.state for one in told} == {"ended"}
