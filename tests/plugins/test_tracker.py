"""The rules of the tracker: versions, scores, aliases, fairness, keeping, resuming."""

from __future__ import annotations

import copy
import logging
import math
import pickle
from pathlib import Path

import numpy as np
import pytest

import edversion
from edversion.testing import run_python
from edversion_plugins.evaluation import Fairness
from edversion_plugins.tracking import Monitor, plain
from tests.plugins.tracked import FAIR, LOSS, Desk, desk, report, score

__all__ = ["desk"]

NAN = math.nan


def _train(desk: Desk, scores: dict[int, float], **settings: object) -> None:
    tracker = desk.started(**settings)
    for step, value in scores.items():
        tracker.measure({"loss": value}, step=step)
        desk.save(tracker, step, f"{tracker.state()['run']} {step}")
    tracker.finish()


# Exactly once


def test_the_same_content_at_the_same_step_is_one_version(desk: Desk) -> None:
    tracker = desk.started()
    first = desk.save(tracker, 4, metadata={"file": "epoch=1.ckpt"})
    again = desk.save(tracker, 4, aliases=["kept"], metadata={"last": True})
    tracker.finish()
    assert first == again
    found = desk.version("scorer:kept")
    assert desk.steps() == [4]
    assert (found.metadata["file"], found.metadata["last"]) == ("epoch=1.ckpt", True)


def test_one_identity_at_one_step_is_one_version_whatever_the_file(desk: Desk) -> None:
    tracker = desk.started()
    first = desk.save(tracker, 4, "weights, saved at noon", identity="w4")
    desk.save(
        tracker, 4, "weights, saved later", identity="w4", aliases=["kept"], metadata={"b": 2}
    )
    other = desk.save(tracker, 4, "other weights", identity="w5")
    tracker.finish()
    assert first != other
    found = desk.version("scorer:kept")
    assert found == first
    assert (found.metadata["weights"], found.metadata["b"]) == ("w4", 2)
    assert desk.steps() == [4, 4]


def test_one_identity_is_one_version_across_a_resumption(desk: Desk) -> None:
    tracker = desk.started()
    tracker.measure({"loss": 0.5}, step=4)
    first = desk.save(tracker, 4, "a", identity="w4")
    state = tracker.state()
    tracker.finish(error=ValueError("odd"))
    tracker = desk.tracker()
    tracker.start({}, resume=state)
    assert desk.save(tracker, 4, "b", identity="w4") == first
    tracker.measure({"loss": 0.5}, step=4)  # measured again: the row is there already
    tracker.finish()
    assert desk.steps() == [4]
    assert desk.rows("scorer:v0") == [("loss", 0.5, None, None)]


def test_each_version_is_one_log_line(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    tracker = desk.started()
    with caplog.at_level(logging.INFO, "edversion.tracking"):
        for step in (1, 1, 2):
            desk.save(tracker, step)
    tracker.finish()
    assert caplog.messages == [
        "logged test/scorer:v0 (step 1)",
        "logged test/scorer:v1 (step 2)",
    ]


def test_folders_and_several_files_keep_their_paths(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint-3"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.bin").write_text("a")
    tracker = desk.started()
    whole = tracker.checkpoint(folder, step=3)
    parts = tracker.checkpoint({"x/model.bin": folder / "sub" / "a.bin", "all": folder}, step=4)
    assert whole is not None
    assert parts is not None
    assert [entry.path for entry in whole.files()] == ["sub/a.bin"]
    assert [entry.path for entry in parts.files()] == ["all/sub/a.bin", "x/model.bin"]
    tracker.finish()


# Metadata and metrics


def test_a_version_says_what_made_it_and_can_be_searched(desk: Desk) -> None:
    tracker = desk.tracker(
        metadata={"team": "blue", "step": "no"}, tags=["nightly"], aliases=["dev"]
    )
    tracker.start({"optimizer": dict, "layers": (3, 4), "limit": math.inf, "path": Path("a")})
    tracker.measure({"loss": 0.25}, step=7)
    desk.save(tracker, 7, epoch=1.5)
    assert tracker.run is not None
    (found,) = tracker.run.repository.search(
        "metadata.scores.loss.value < 0.3 and metadata.config.optimizer = 'builtins.dict' "
        "and metadata.step = 7 and tag = 'nightly' and alias = 'dev'"
    )
    tracker.finish()
    facts = found.metadata
    assert (facts["framework"], facts["step"], facts["epoch"]) == ("own", 7, 1.5)
    assert facts["config"] == {
        "optimizer": "builtins.dict", "layers": [3, 4], "limit": "inf", "path": "a",
    }  # fmt: skip
    assert (facts["team"], facts["libraries"]["numpy"]) == ("blue", np.__version__)  # type: ignore[index,call-overload]


@pytest.mark.parametrize("late", [False, True])
def test_values_reach_the_version_of_their_step(desk: Desk, late: bool) -> None:
    tracker = desk.started()
    for step in (1, 2):
        if late:
            desk.save(tracker, step)
        tracker.measure({"loss": step / 10, "note": "text", "odd": NAN}, step=step, split="val")
        tracker.measure_groups(report(fair=True), step=step)
        if not late:
            desk.save(tracker, step)
    tracker.finish()
    for step in (1, 2):
        rows = desk.rows(f"scorer:v{step - 1}")
        assert ("loss", step / 10, "val", None) in rows
        assert ("accuracy", 1.0, None, "g=a") in rows
        assert ("fair/g/accuracy_difference", 0.0, None, None) in rows
        assert len(rows) == len(set(rows))
        found = desk.version(f"scorer:v{step - 1}")
        assert score(found) == {"value": step / 10, "mode": "min", "step": step, "data": None}
        assert {"fairness:checked", "fairness:g:accuracy_difference"} <= set(found.tags)
        assert found.metadata["fairness"]["passes"] is True  # type: ignore[index,call-overload]


def test_values_without_a_version_are_recorded_of_the_run(desk: Desk) -> None:
    tracker = desk.started()
    tracker.measure({"loss": 0.5}, step=1)
    desk.save(tracker, 2)
    tracker.finish()
    with edversion.open(desk.store) as repository:
        (row,) = repository.metrics(key="loss")
    assert (row.version, row.step, row.value) == (None, 1, 0.5)


def test_a_test_of_one_version_decides_nothing(desk: Desk) -> None:
    tracker = desk.started()
    tracker.measure({"loss": 0.5}, step=1)
    first = desk.save(tracker, 1)
    desk.save(tracker, 2)
    tracker.measure({"loss": 0.1}, step=2, split="test", version=first)
    tracker.finish()
    assert ("loss", 0.1, "test", None) in desk.rows("scorer:v0")
    assert desk.aliases()["best"] == 1
    assert "scores" not in desk.version("scorer:v1").metadata


# Data


def test_scores_know_their_data_and_the_run_its_lineage(desk: Desk) -> None:
    tracker = desk.started()
    train = tracker.dataset(np.arange(9.0), "trained_on", split="train")
    held = tracker.dataset(np.arange(3.0), "evaluated_on", split="val")
    tracker.measure({"loss": 0.5}, step=1, split="val")
    version = desk.save(tracker, 1)
    assert train is not None
    assert held is not None
    assert version is not None
    assert (train.name, held.name) == ("scorer-train", "scorer-val")
    assert score(version)["data"] == held.reference
    assert tracker.run is not None
    edges = tracker.run.repository.lineage(version, depth=1)
    assert {(edge.source, edge.relation) for edge in edges} == {
        (train, "trained_on"),
        (held, "evaluated_on"),
    }
    tracker.finish()


def test_data_are_not_looked_at_where_that_is_off(desk: Desk) -> None:
    tracker = desk.started(datasets="off")
    assert tracker.dataset(np.arange(9.0), "trained_on") is None
    tracker.finish()


# latest


def test_latest_is_the_highest_step_whatever_the_order(desk: Desk) -> None:
    tracker = desk.started()
    for step in (3, 1, 2):
        desk.save(tracker, step)
    tracker.finish()
    assert desk.aliases() == {"latest": 3, "final": 3}


def test_latest_stays_with_the_newest_run(desk: Desk) -> None:
    older, newer = desk.started(), desk.started()
    desk.save(older, 1, "older 1")
    desk.save(newer, 10, "newer 10")
    desk.save(older, 20, "older 20")
    assert desk.aliases()["latest"] == 10
    desk.save(newer, 11, "newer 11")
    assert desk.aliases()["latest"] == 11
    older.finish()
    newer.finish()


def test_content_of_an_earlier_run_becomes_latest_again(desk: Desk) -> None:
    _train(desk, {})
    for _ in range(2):  # a rerun with the same seed: the same bytes
        tracker = desk.started()
        for step in (1, 2):
            desk.save(tracker, step)
            assert desk.aliases()["latest"] == step
        tracker.finish()
    assert desk.steps() == [1, 2]


# best


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ({1: 0.5, 2: 0.3, 3: 0.4}, 2),
        ({1: 0.3, 2: 0.3}, 1),
        ({1: NAN, 2: 0.9, 3: NAN}, 2),
        ({1: math.inf, 2: -math.inf, 3: 0.9}, 3),
        ({1: NAN}, None),
    ],
)
def test_the_best_score_wins(desk: Desk, scores: dict[int, float], best: int | None) -> None:
    _train(desk, scores)
    assert desk.aliases().get("best") == best


def test_a_score_of_another_step_never_decides(desk: Desk) -> None:
    tracker = desk.started()
    tracker.measure({"loss": 0.5}, step=1)
    desk.save(tracker, 1)
    tracker.measure({"loss": 0.1}, step=2)
    desk.save(tracker, 3)
    tracker.finish()
    assert desk.aliases()["best"] == 1


def test_a_late_score_moves_the_best(desk: Desk) -> None:
    tracker = desk.started()
    desk.save(tracker, 1)
    desk.save(tracker, 2)
    tracker.measure({"loss": 0.5}, step=1)
    assert desk.aliases()["best"] == 1
    tracker.measure({"loss": 0.4}, step=2)
    assert desk.aliases()["best"] == 2
    tracker.finish()


def test_several_monitors_have_a_best_each(desk: Desk) -> None:
    tracker = desk.started(LOSS, Monitor("fair/g gap", "max"))
    for step, loss, gap in ((1, 0.5, 0.9), (2, 0.3, 0.8)):
        tracker.measure({"loss": loss, "fair/g gap": gap}, step=step)
        desk.save(tracker, step)
    tracker.finish()
    found = desk.aliases()
    assert (found["best"], found["best-loss"], found["best-fair-g-gap"]) == (2, 2, 1)


def test_the_best_of_earlier_runs_has_to_be_beaten(desk: Desk) -> None:
    _train(desk, {1: 0.3})
    _train(desk, {5: 0.4})
    assert desk.aliases()["best"] == 1
    _train(desk, {6: 0.2})
    assert desk.aliases()["best"] == 6


@pytest.mark.parametrize("change", ["data", "mode"])
def test_the_newest_run_starts_anew_where_scores_cannot_be_compared(
    desk: Desk, change: str
) -> None:
    older = desk.started()
    newer = desk.started(Monitor("loss", "max") if change == "mode" else LOSS)
    newer.dataset(np.arange(3.0), "evaluated_on", split="val")
    for tracker, step, value in ((older, 1, 0.3), (newer, 5, 0.9), (older, 2, 0.2)):
        split = "val" if change == "data" else None
        tracker.measure({"loss": value}, step=step, split=split)
        desk.save(tracker, step, f"{tracker.state()['run']} {step}")
        assert desk.aliases()["best"] == (1 if step == 1 else 5)
    older.finish()
    newer.finish()


def test_a_second_training_of_a_run_scores_its_own_versions(desk: Desk) -> None:
    with edversion.init("test", store=desk.store) as run:
        found = []
        for losses in ([0.5, 0.4], [0.3, 0.9]):
            tracker = desk.tracker()
            tracker.start({}, run=run)
            for step, loss in enumerate(losses, 1):
                tracker.measure({"loss": loss}, step=step)
                found.append(desk.save(tracker, step, f"{losses} {step}"))
            tracker.finish()
        scores = [
            run.repository.version(each).metadata["scores"]["loss"]["value"] for each in found
        ]
        assert scores == [0.5, 0.4, 0.3, 0.9]
        assert run.repository.version("scorer:best") == found[2]
        assert run.repository.version("scorer:final") == found[3]


def test_a_step_without_a_version_is_not_named_final(desk: Desk) -> None:
    tracker = desk.started()
    desk.save(tracker, 1)
    tracker.finish(final=7)
    assert "final" not in desk.aliases()


@pytest.mark.parametrize(
    "alias", ["latest", "best", "best-loss", "candidate", "final", "interrupted"]
)
def test_aliases_that_move_by_themselves_cannot_be_asked_for(desk: Desk, alias: str) -> None:
    with pytest.raises(edversion.InvalidInputError, match="kept by edversion"):
        desk.tracker(aliases=[alias])


def test_data_in_a_configuration_is_named_by_its_mark(desk: Desk) -> None:
    names = [f"learner {i}" for i in range(2000)]
    told = plain({"frame": np.array(names), "names": names, "few": [1, 2]})
    assert "learner" not in str(told)
    assert told["few"] == [1, 2]
    changed = plain({"frame": np.array(names[1:]), "names": names[1:], "few": [1, 2]})
    assert told["frame"] != changed["frame"]
    assert told["names"] != changed["names"]


def test_the_framework_may_name_the_best(desk: Desk) -> None:
    tracker = desk.started()
    for step, value in ((1, 0.1), (2, 0.3)):
        tracker.measure({"loss": value}, step=step)
        desk.save(tracker, step)
    tracker.name_best(2)
    tracker.name_best(99)  # no such checkpoint
    tracker.finish()
    assert desk.aliases()["best"] == 2


def test_parallel_trials_agree_on_the_best(desk: Desk) -> None:
    desk.started().finish()
    printed = run_python(
        """
import subprocess, sys
children = [subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2], str(n)])
            for n in range(3)]
print([child.wait() for child in children])
""",
        _TRIAL,
        desk.store,
    )
    assert printed.strip() == "[0, 0, 0]"
    assert len(desk.steps()) == 3 * 8
    with edversion.open(desk.store, project="test") as repository:
        versions = repository.versions("scorer")
        best = min(score(version)["value"] for version in versions)
        assert score(repository.version("scorer:best"))["value"] == best
        newest = max(versions, key=lambda each: str(each.metadata["session"]))
        latest = repository.version("scorer:latest")
        assert (latest.metadata["run"], latest.metadata["step"]) == (newest.metadata["run"], 7)


_TRIAL = """
import pathlib, random, sys, tempfile
from edversion_plugins.tracking import Monitor, plain, Settings, Tracker
store, number = sys.argv[1], int(sys.argv[2])
settings = Settings(name="scorer", project="test", store=store, on_error="raise")
tracker = Tracker(settings, framework="own", monitors=[Monitor("loss", "min")])
tracker.start({"trial": number})
scores = random.Random(number)
with tempfile.TemporaryDirectory() as folder:
    for step in range(8):
        path = pathlib.Path(folder, "model.bin")
        path.write_text(f"{number} {step}")
        tracker.measure({"loss": scores.random()}, step=step)
        tracker.checkpoint(path, step=step)
tracker.finish()
"""


# candidate


def test_candidate_is_the_best_that_passes(desk: Desk) -> None:
    tracker = desk.started(fairness=FAIR)
    for step, loss, fair in ((1, 0.5, True), (2, 0.1, False), (3, 0.4, True), (4, 0.45, True)):
        tracker.measure({"loss": loss}, step=step)
        tracker.measure_groups(report(fair=fair), step=step)
        desk.save(tracker, step)
    tracker.finish()
    found = desk.aliases()
    assert (found["best"], found["candidate"]) == (2, 3)


def test_without_a_monitor_the_newest_that_passes_is_candidate(desk: Desk) -> None:
    tracker = desk.started(fairness=FAIR)
    tracker.monitors = ()
    for step, fair in ((1, True), (2, True), (3, False)):
        tracker.measure_groups(report(fair=fair), step=step)
        desk.save(tracker, step)
    tracker.finish()
    found = desk.aliases()
    assert found["candidate"] == 2
    assert "best" not in found


@pytest.mark.parametrize("bounds", [None, {"accuracy_difference": 0.3}])
def test_there_is_no_candidate_without_bounds_or_unmeasured(
    desk: Desk, bounds: dict[str, float] | None
) -> None:
    tracker = desk.started(fairness=Fairness("g", min_group=1, bounds=bounds))
    tracker.measure({"loss": 0.5}, step=1)
    if bounds is None:
        tracker.measure_groups(report(fair=True), step=1)
    desk.save(tracker, 1)
    tracker.finish()
    assert "candidate" not in desk.aliases()


def test_stricter_bounds_take_the_alias_away(desk: Desk) -> None:
    wide = Fairness("g", min_group=1, bounds={"accuracy_difference": 1.0})
    strict = Fairness("g", min_group=1, bounds={"accuracy_difference": 0.3})
    for fairness, step, expected in ((wide, 1, 1), (wide, 2, 2), (strict, 3, None)):
        tracker = desk.started(fairness=fairness)
        tracker.measure({"loss": 1 / step}, step=step)
        tracker.measure_groups(report(fair=False), step=step)
        desk.save(tracker, step)
        tracker.finish()
        assert desk.aliases().get("candidate") == expected


def test_a_bound_from_below_is_read_as_such(desk: Desk) -> None:
    tracker = desk.started(fairness=Fairness("g", min_group=1, bounds={"worst_accuracy": 0.9}))
    for step, fair in ((1, False), (2, True)):
        tracker.measure({"loss": 0.1 * step}, step=step)
        tracker.measure_groups(
            tracker.settings.fairness[0].measure(
                [0, 1, 0, 1], [0, 1, 0, 1] if fair else [0, 1, 1, 0], groups={"g": list("aabb")}
            ),
            step=step,
        )
        desk.save(tracker, step)
    tracker.finish()
    assert desk.aliases()["candidate"] == 2


# keep


@pytest.mark.parametrize(
    ("keep", "left"),
    [("all", [1, 2, 3, 4, 5]), ("best+latest", [2, 5]), (3, [2, 4, 5]), (9, [1, 2, 3, 4, 5])],
)
def test_what_need_not_stay_is_deleted(desk: Desk, keep: str | int, left: list[int]) -> None:
    _train(desk, {1: 0.5, 2: 0.1, 3: 0.4, 4: 0.3, 5: 0.6}, keep=keep)
    assert desk.steps() == left


def test_aliased_versions_and_those_of_other_runs_stay(desk: Desk) -> None:
    tracker = desk.started(keep=1)
    desk.save(tracker, 1, aliases=["kept"])
    with edversion.init("test", store=desk.store) as other:
        path = desk.folder / "also.bin"
        path.write_text("weights of step 2")
        draft = edversion.Artifact("scorer", "model", metadata={"step": 2})
        draft.add_file(path, "model.bin")
        other.log_artifact(draft)
    for step in (2, 3, 4):
        desk.save(tracker, step)
    tracker.finish()
    assert desk.steps() == [1, 2, 4]


# How it ends


def test_a_failed_run_is_interrupted_and_a_resumed_one_is_not(desk: Desk) -> None:
    tracker = desk.started()
    desk.save(tracker, 1)
    parent = desk.save(tracker, 2)
    state = pickle.loads(pickle.dumps(tracker.state()))
    tracker.finish(interrupted=True)
    assert desk.aliases() == {"latest": 2, "interrupted": 2}
    (run,) = desk.runs()
    assert (run.status, "KeyboardInterrupt" in (run.error or "")) == ("failed", True)
    tracker = desk.tracker()
    tracker.start({"rate": 0.2}, resume=state)
    assert tracker.version_at(2) == parent
    version = desk.save(tracker, 3, resumed_from=tracker.version_at(2))
    assert version is not None
    assert tracker.run is not None
    edges = tracker.run.repository.lineage(version, depth=1)
    assert [(edge.source, edge.relation) for edge in edges] == [(parent, "resumed_from")]
    tracker.finish()
    assert desk.aliases() == {"latest": 3, "final": 3}
    assert [(each.id, each.status) for each in desk.runs()] == [(state["run"], "finished")]


def test_a_run_that_is_gone_or_open_is_not_resumed(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    first = desk.started()
    for state in (first.state(), {"run": "0123456789ab"}):
        tracker = desk.tracker()
        tracker.start({}, resume=state)
        assert tracker.run is not None
        assert tracker.run.id not in (state["run"], first.state()["run"])
        assert f"run {state['run']} is not resumed" in caplog.text
        tracker.finish()
    first.finish()
    assert len(desk.runs()) == 3


def test_a_test_after_the_training_changes_no_alias(desk: Desk) -> None:
    tracker = desk.started()
    desk.save(tracker, 1)
    tracker.finish(error=ValueError("odd"))
    tracker.start({}, resume=tracker.state())
    tracker.measure({"loss": 0.3}, step=1, version=tracker.version_at(1), split="test")
    tracker.finish()
    assert desk.aliases() == {"latest": 1, "interrupted": 1}
    assert len(desk.runs()) == 1


def test_a_run_of_the_caller_stays_open(desk: Desk) -> None:
    with edversion.init("test", store=desk.store) as run:
        for step in (1, 2):
            tracker = desk.tracker()
            tracker.start({}, run=run)
            desk.save(tracker, step)
            tracker.finish()
        run.log_metrics({"still": 1})
    assert [each.status for each in desk.runs()] == ["finished"]
    assert desk.aliases() == {"latest": 2, "final": 2}


def test_nothing_happens_before_the_start_nor_after_the_end(desk: Desk, tmp_path: Path) -> None:
    tracker = desk.tracker()
    for _ in range(2):
        assert tracker.checkpoint(tmp_path / "nowhere", step=1) is None
        assert tracker.dataset([1.0], "trained_on") is None
        assert tracker.version_at(1) is None
        assert tracker.find_reusable({}) is None
        tracker.measure({"loss": 1}, step=1)
        tracker.measure_groups(report(fair=True), step=1)
        tracker.name_best(1)
        tracker.finish()
        assert tracker.run is None
        tracker.start({})
        tracker.start({})  # it is under way already
        tracker.finish()
    assert len(desk.runs()) == 2


@pytest.mark.parametrize("started", [False, True])
def test_a_copy_begins_unstarted(desk: Desk, started: bool) -> None:
    tracker = desk.started(fairness=FAIR) if started else desk.tracker(fairness=FAIR)
    for twin in (pickle.loads(pickle.dumps(tracker)), copy.deepcopy(tracker)):
        assert twin.run is None
        assert (twin.settings, twin.monitors) == (tracker.settings, tracker.monitors)
        assert twin.state() == tracker.state()
    tracker.finish()


# reuse


def test_a_model_of_equal_beginnings_is_found(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    key = {"data": "test/data:v0", "rate": 0.1}
    for reuse, error in ((False, None), (True, ValueError("odd"))):
        tracker = desk.started(reuse=reuse)
        assert (tracker.find_reusable(key) is None) == (not reuse)
        assert tracker.find_reusable({**key, "rate": 0.2, "error": str(error)}) is None
        tracker.find_reusable(key)
        desk.save(tracker, 1, f"{reuse}")
        tracker.finish(error=error)
    tracker = desk.started(reuse=True)
    with caplog.at_level(logging.INFO, "edversion.tracking"):
        found = tracker.find_reusable({"rate": 0.1, "data": "test/data:v0"})
    assert found is not None
    assert found.version == "v0"  # the other training failed
    assert "reusing test/scorer:v0" in caplog.text
    tracker.finish()


def test_an_evaluation_of_an_earlier_version_decides(desk: Desk) -> None:
    tracker = desk.started(fairness=FAIR)
    versions = [desk.save(tracker, step) for step in (1, 2)]
    tracker.finish()
    tracker = desk.started(fairness=FAIR)
    data = tracker.dataset(np.arange(3.0), "evaluated_on", split="test")
    for version, loss in zip(versions, (0.5, 0.3), strict=True):
        assert version is not None
        reports = [report(fair=loss == 0.5)]
        judged = tracker.judge(version, {"loss": loss}, reports=reports, split="test")
        assert judged is not None
        assert score(judged)["data"] == data.reference  # type: ignore[union-attr]
    tracker.finish()
    found = desk.aliases()
    assert (found["best"], found["candidate"], found["latest"]) == (2, 1, 2)
    with edversion.open(desk.store, project="test") as repository:
        edges = repository.lineage("scorer:v0", depth=1)
        assert ("evaluated_on", data) in {(edge.relation, edge.source) for edge in edges}


def test_groups_measured_again_after_a_resumption_are_rows_once(desk: Desk) -> None:
    tracker = desk.started()
    for _ in range(2):
        tracker.measure_groups(report(fair=True), step=1)
        desk.save(tracker, 1)
        tracker.finish(error=ValueError("odd"))
        tracker.start({}, resume=tracker.state())
    tracker.finish()
    rows = desk.rows("scorer:v0")
    assert len(rows) == len(set(rows)) > 0


def test_very_many_steps_are_not_all_remembered(desk: Desk) -> None:
    tracker = desk.started()
    for step in range(1100):
        tracker.measure({"train_loss": step / 1000}, step=step)
    assert tracker.run is not None
    recorded = tracker.run.repository.metrics(key="train_loss")
    assert 0 < len(recorded) < 1100
    tracker.finish()
    with edversion.open(desk.store) as repository:
        assert [row.step for row in repository.metrics(key="train_loss")] == list(range(1100))
