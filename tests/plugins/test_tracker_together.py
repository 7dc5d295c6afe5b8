"""Checkpoints of which every rank logs a part: one version, once, whoever comes last."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion import AdapterWarning
from edversion.pace import Pace
from edversion_plugins.tracking import Tracker
from edversion_plugins.tracking import lifecycle as lifecycle_module
from edversion_plugins.tracking.checkpoints import Part
from tests.plugins.tracked import FAIR, Desk, desk, report, score

__all__ = ["desk"]


class Job:
    """Two ranks of one training, each a tracker; the files of each are its own."""

    def __init__(self, desk: Desk, name: str, **settings: Any) -> None:
        self.desk, self.name = desk, name
        self.resume: Any = settings.pop("resume", None)
        self.ranks = [desk.tracker(**settings) for _ in range(2)]
        self.first.start({}, resume=self.resume)
        assert self.first.run is not None
        self.run = self.first.run.id
        self.ranks[1].start({"rank": 1, "of": self.run})

    @property
    def first(self) -> Tracker:
        return self.ranks[0]

    def save(self, rank: int, step: int, state: str, rest: str = "") -> edversion.Version | None:
        """Let one rank log its part of a checkpoint; only rank zero's holds the rest."""
        shard = self.desk.folder / f"shard-{rank}"
        shard.write_text(f"{state}, rank {rank}")
        files = {f"__{rank}_0.distcp": shard}
        if rank == 0:
            files["meta.pt"] = self.desk.folder / "rest"
            files["meta.pt"].write_text(rest or secrets.token_hex(4))  # paths, times
        part = Part(self.name, self.run, rank, 2, (f"__{rank}_0.distcp",))
        return self.ranks[rank].checkpoint(
            files, step=step, identity=f"{state}{rank}", metadata={"kind": "full"}, part=part
        )

    def finish(self, error: BaseException | None = None) -> None:
        for each in self.ranks:
            each.finish(error=error)


def seen(desk: Desk) -> tuple[edversion.CollectionInfo, ...]:
    with edversion.open(desk.store) as repository:
        return repository.collections()


@pytest.mark.parametrize("last", [0, 1])
def test_it_has_scores_groups_and_aliases_whoever_comes_last(desk: Desk, last: int) -> None:
    job = Job(desk, "a", fairness=FAIR, aliases=["nightly"], tags=["big"])
    job.first.measure({"loss": 0.5}, step=1, split="val")
    job.first.measure_groups(report(fair=True), step=1, split="val")
    assert job.save(1 - last, 1, "one") is None
    assert not seen(desk)
    version = job.save(last, 1, "one")
    assert version is not None
    job.first.complete()
    named = {"nightly", "best", "candidate", "latest"}
    assert set(desk.aliases()) == named
    job.finish()
    assert desk.aliases() == dict.fromkeys(named | {"final"}, 1)
    found = desk.version("scorer")
    assert score(found)["value"] == 0.5
    assert "big" in found.tags
    assert found.metadata["ranks"] == 2
    assert ("loss", 0.5, "val", None) in desk.rows("scorer:v0")
    assert {run.status for run in desk.runs()} == {"finished"}


def test_the_best_is_named_also_where_rank_zero_is_gone(desk: Desk) -> None:
    job = Job(desk, "a")
    for step, loss in ((1, 0.9), (2, 0.4)):
        job.first.measure({"loss": loss}, step=step)
        job.save(0, step, str(step))
    job.save(1, 1, "1")
    job.first.complete()
    with pytest.warns(AdapterWarning, match="step 2"):
        job.ranks[0].finish(error=RuntimeError("gone"))
    job.save(1, 2, "2")
    job.ranks[1].finish()
    assert {name: step for name, step in desk.aliases().items() if name != "interrupted"} == {
        "best": 2, "latest": 2
    }  # fmt: skip


def test_the_same_state_is_one_version_in_this_session_and_the_next(desk: Desk) -> None:
    job = Job(desk, "a")
    for _ in range(2):  # the second is last.ckpt, with the same shards and another rest
        for rank in range(2):
            job.save(rank, 1, "one")
    job.save(0, 1, "one")
    state = job.first.state()
    job.finish()
    again = Job(desk, "b", resume=state)
    assert again.run == job.run
    for rank in range(2):
        assert str(again.save(rank, 1, "one")) == "test/scorer:v0"
    for rank in range(2):
        again.save(rank, 1, "another")
    again.finish()
    assert desk.steps() == [1, 1]
    with edversion.open(desk.store) as repository:
        assert repository.distributed_drafts() == ()
        assert repository.doctor() == ()


def test_what_a_rank_never_sent_is_told_and_not_seen(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle_module, "PATIENCE", 0.01)
    job = Job(desk, "a")
    for rank in range(2):
        job.save(rank, 1, "one")
    job.save(0, 2, "two")
    with pytest.warns(AdapterWarning, match=r"other ranks did not log their parts of .* step 2,"):
        job.finish()
    assert (desk.steps(), desk.aliases()) == ([1], {"latest": 1, "final": 1})
    assert any("step 2" in line for line in desk.notes())


def test_where_the_training_failed_nobody_waits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(desk, "a")
    job.save(0, 2, "two")
    monkeypatch.setattr(Pace, "wait", lambda *_: pytest.fail("it waits for a rank that is dead"))
    with pytest.warns(AdapterWarning, match="step 2,"):
        job.finish(error=RuntimeError("a rank died"))
    assert not seen(desk)


def test_another_attempt_does_not_mix_with_the_first(desk: Desk) -> None:
    first = Job(desk, "a")
    first.save(0, 1, "first")
    with pytest.warns(AdapterWarning, match="step 1"):
        first.finish(error=RuntimeError("died"))
    second = Job(desk, "b")
    second.save(1, 1, "second")
    second.save(0, 1, "second")
    second.finish()
    with edversion.open(desk.store, project="test") as repository:
        (version,) = repository.versions("scorer")
        assert version.read_bytes("__0_0.distcp") == b"second, rank 0"


def test_keep_takes_the_ranks_of_a_run_for_one(desk: Desk) -> None:
    job = Job(desk, "a", keep="best+latest")
    for step, loss in enumerate((0.5, 0.6, 0.7), 1):
        job.first.measure({"loss": loss}, step=step)
        for rank in range(2):
            job.save(rank, step, str(step))
        job.first.complete()
    job.finish()
    assert desk.steps() == [1, 3]


def test_a_remote_store_takes_parts_behind_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDVERSION_CACHE", str(tmp_path / "cache"))
    desk = Desk(tmp_path)
    desk.store = f"memory://{secrets.token_hex(8)}"
    monkeypatch.setenv("EDVERSION_CATALOG", f"sqlite:///{tmp_path / 'catalog.db'}")
    job = Job(desk, "a")
    job.first.measure({"loss": 0.5}, step=1)
    for rank in range(2):
        assert job.save(rank, 1, "one") is None
    job.ranks[1].finish()
    job.ranks[0].finish()
    assert desk.aliases() == {"best": 1, "latest": 1, "final": 1}
