"""kill -9 in the middle of a push: versions are whole or not there, and it goes on."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from edversion.repository import Repository
from edversion.testing import Victims
from tests.moving.conftest import Opens, facts, log

WORK = """
from edversion.repository import open_repository

def main(laptop, team):
    with open_repository(laptop) as source, open_repository(team) as target:
        ready()
        source.push(target)
"""
STEPS = [
    "write_import", "publish", "write_manifest", "arrive", "_remember", "finish",
    "write_receipt", "write_run",
]  # fmt: skip


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    with Victims(WORK) as victims:
        yield victims


@pytest.fixture
def work(laptop: Repository, team: Repository) -> tuple[str, str]:
    """Give a laptop with three versions, and an empty repository of the team."""
    data = log(laptop, "marks", {"big.bin": random.Random(2).randbytes(2 << 20), "a": b"1"})
    log(laptop, "marks", {"big.bin": random.Random(3).randbytes(2 << 20), "a": b"1"})
    log(laptop, "knn", b"w" * 20_000, type="model", sources=((data, "trained_on"),))
    return laptop.location.store, team.location.store


def check(laptop: Repository, team: Repository) -> None:
    """Whatever is there is whole; the next push brings the rest, and doctor finds it well."""
    assert team.verify() == ()
    here = facts(team)
    there = facts(laptop)
    assert {name: known[0] for name, known in here.items()}.items() <= {
        name: known[0] for name, known in there.items()
    }.items()
    for path in (Path(team.location.store) / "tmp").glob("*"):
        os.utime(path, (0, 0))  # what is young may be under way
    mended = team.doctor(mend=True)
    assert all(finding.mended for finding in mended), mended
    laptop.push(team)
    assert facts(team) == there
    assert {each.state for each in laptop.push(team).versions} == {"same"}
    assert team.doctor() == ()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("count", [0, 2])
def test_a_kill_before_each_step(
    victims: Victims,
    laptop: Repository,
    team: Repository,
    work: tuple[str, str],
    step: str,
    count: int,
) -> None:
    assert victims.kill_at_call(step, count, *work)
    check(laptop, team)


@pytest.mark.slow
def test_kills_at_random_lines(
    victims: Victims, place: Opens, laptop: Repository, work: tuple[str, str]
) -> None:
    moments, hits = random.Random(5), 0
    for number in range(25):
        team = place(f"team{number}")
        hits += victims.kill_at_line(moments.randrange(9000), work[0], team.location.store)
        check(laptop, team)
    assert hits > 20, "most were at work"
