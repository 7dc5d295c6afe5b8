"""Analyses as versions: metrics of what was served, comparisons, and the gate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import edversion
from edversion import InvalidInputError, RefusedError
from edversion.testing import GateContract
from edversion_plugins.experiments import Plan, analyze, analyze_tables, plugin, repeat
from edversion_plugins.experiments.recording import frozen_tables

DEFINITION: dict[str, Any] = {
    "variants": {"control": "rec:v0", "new": "rec:v1"},
    "outcomes": {"completed": "proportion", "minutes": "mean"},
    "primary": "completed",
    "guardrails": {"minutes": 0.5},
    "salt": "exp-1",
}


def serve(experiment: Any, effect: float, *, learners: int = 400, seed: int = 0) -> None:
    """Serve learners, of whom a share completes, more of them with the new version."""
    rng = np.random.default_rng(seed)
    for place in range(learners):
        served = experiment.serve(f"learner-{place}")
        is_new = served.variant == "new"
        experiment.outcome(
            f"learner-{place}",
            completed=bool(rng.random() < 0.5 + effect * is_new),
            minutes=float(rng.normal(30, 1)),
        )
    experiment.flush()


@pytest.fixture
def school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("EDVERSION_DISABLE_PLUGINS", "experiments")  # that of the installation
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    where = {"store": tmp_path / "store", "plugins": {"analysis": plugin}}
    with edversion.init("school", **where) as run:
        for content in (b"old", b"new"):
            draft = edversion.Artifact("rec", type="model")
            draft.add_bytes(content, "model.bin")
            run.log_artifact(draft)
    with edversion.open(tmp_path / "store", project="school", plugins=where["plugins"]) as opened:
        opened.create_experiment_key()
        yield opened


@pytest.fixture
def won(school: Any) -> Any:
    experiment = school.experiment("rec-test", **DEFINITION).start()
    serve(experiment, 0.25)
    experiment.stop()
    return experiment


def test_the_report_is_a_version_on_frozen_data(school: Any, won: Any) -> None:
    report = won.analyze()
    assert report.trusted
    (found,) = report.outcome("completed").comparisons
    assert found.registered.low > 0
    version = school.version(report.version)
    assert (version.reference, version.type) == ("school/rec-test-analysis:v0", "evaluation")
    assert version.metadata["experiment"] == "school/rec-test"
    sources = {(edge.source.reference, edge.relation) for edge in school.lineage(version, depth=1)}
    assert {
        ("school/rec:v0", "evaluates"), ("school/rec:v1", "evaluates"),
        ("school/rec-test-data:v0", "evaluated_on"),
    } <= sources  # fmt: skip
    content = json.loads(version.read_bytes("experiment.json"))
    assert content == json.loads(json.dumps(report.as_json()))


ANALYZE = """
import sys
from edversion import plugins
from edversion.cli import cli
from edversion_plugins.experiments import plugin
plugins.Plugins._load_entry_points = lambda self: self._manager.register(plugin, "experiments")
cli.main(["experiments", "analyze", "rec-test", *sys.argv[1:]])
"""


def _analyzed(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    place = {"EDVERSION_STORE": str(folder / "store"), "EDVERSION_PROJECT": "school"}
    paths = os.pathsep.join(filter(None, sys.path))
    return subprocess.run(
        [sys.executable, "-c", ANALYZE, *options], cwd=folder,
        env={**os.environ, **place, "PYTHONPATH": paths, "EDVERSION_DISABLE_PLUGINS": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_from_the_command_line(school: Any, won: Any, tmp_path: Path) -> None:
    pytest.importorskip("vl_convert")
    page = tmp_path / "report.html"
    done = _analyzed(tmp_path, "--json", "--html", str(page))
    assert (done.returncode, f"wrote {page}" in done.stderr) == (0, True), done.stderr
    told = json.loads(done.stdout)
    found = told["outcomes"][0]["comparisons"][0]
    assert (found["role"], found["registered"]["low"] > 0) == ("primary", True)
    assert "Of 1,000 learners" in page.read_text("utf-8")
    assert school.version("rec-test-analysis:v0").metadata["trusted"] is True


def test_by_group_from_the_command_line(school: Any, tmp_path: Path) -> None:
    pytest.importorskip("vl_convert")
    experiment = school.experiment("rec-test", **DEFINITION, groups=["gender"]).start()
    serve(experiment, 0.25)
    experiment.stop()
    table = tmp_path / "learners.csv"
    rows = "".join(f"learner-{place},{'fm'[place % 2]}\n" for place in range(400))
    table.write_text(f"unit,gender\n{rows}", "utf-8-sig")
    done = _analyzed(tmp_path, "--json", "--learners", str(table), "--raw")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told["outcomes"][0]["slices"]) == {"gender=f", "gender=m"}
    assert repeat(school.version(told["dataset"])).as_json() == told


def test_the_page_alone_on_the_standard_output_or_an_error_in_words(
    school: Any, won: Any, tmp_path: Path
) -> None:
    pytest.importorskip("vl_convert")
    straight = _analyzed(tmp_path, "--html", "-")
    assert straight.stdout.lstrip().lower().startswith("<!doctype html>")
    assert straight.stdout.rstrip().endswith("</html>")
    nowhere = _analyzed(tmp_path, "--html", str(tmp_path / "none" / "report.html"))
    assert (nowhere.returncode, "fault of edversion" in nowhere.stderr) == (1, False)
    assert "No such file or directory" in nowhere.stderr
    assert _analyzed(tmp_path, "--html", "-", "--json").returncode == 2


def test_it_can_be_repeated(school: Any, won: Any) -> None:
    report = won.analyze()
    assert won.analyze().version == report.version  # equal data and equal code: one version
    tables = frozen_tables(school.version(report.dataset))
    again = analyze_tables(Plan.of(won.definition), tables)
    assert [each.comparisons for each in again.outcomes] == [
        each.comparisons for each in report.outcomes
    ]


def test_metrics_of_the_versions_that_were_served(school: Any, won: Any) -> None:
    report = won.analyze()
    levels = report.outcome("completed").levels
    for variant, reference in (("control", "rec:v0"), ("new", "rec:v1")):
        known = {each.key: each for each in school.metrics(reference)}
        metric = known["engagement/completed"]
        assert metric.value == levels[variant].value
        assert (metric.low, metric.high, metric.n) == (
            levels[variant].low, levels[variant].high, levels[variant].n,
        )  # fmt: skip
        assert (metric.dataset, metric.split) == ("school/rec-test-data:v0", "rec-test")
        assert ("engagement/completed_effect" in known) == (variant == "new")
    section = school.compare("rec:v0", "rec:v1").section("engagement")
    assert "completed" in {row[0] for row in section.rows}


def test_to_analyse_again_records_no_number_twice(school: Any, won: Any) -> None:
    won.analyze()
    known = school.metrics("rec:v1")
    won.analyze()
    assert school.metrics("rec:v1") == known
    won.outcome("learner-0", minutes=99.0)
    won.flush()
    won.analyze()
    added = school.metrics("rec:v0") + school.metrics("rec:v1")
    assert {each.dataset for each in added} == {
        "school/rec-test-data:v0", "school/rec-test-data:v1",
    }  # fmt: skip


def test_by_group_too(school: Any) -> None:
    experiment = school.experiment("rec-test", **DEFINITION, groups=["gender"]).start()
    serve(experiment, 0.25)
    experiment.stop()
    ids = [f"learner-{place}" for place in range(400)]
    learners = {"unit": ids, "gender": ["f", "m"] * 200}
    report = analyze(experiment, learners=learners, raw=True)
    assert set(report.outcome("completed").slices) == {"gender=f", "gender=m"}
    metrics = school.metrics("rec:v1")
    slices = {each.slice for each in metrics if each.key == "engagement/completed"}
    assert slices == {None, "gender=f", "gender=m"}
    with pytest.raises(InvalidInputError, match="give learners="):
        experiment.analyze()


def test_from_the_frozen_version_alone_anybody_repeats_an_analysis_by_group(
    school: Any, tmp_path: Path
) -> None:
    wanted = {
        "groups": ["gender", "grade"],
        "covariates": ["before"],
        "lower_is_better": ["minutes"],
    }
    experiment = school.experiment("rec-test", **DEFINITION, **wanted).start()
    serve(experiment, 0.25)
    experiment.stop()
    learners = pd.DataFrame({
        "unit": [f"learner-{place}" for place in range(400)],
        "gender": ["f", None, "m", "m"] * 100,
        "grade": [7, 8] * 200,
        "before": np.random.default_rng(1).normal(size=400),
        "name": ["Ada"] * 400,
    })  # fmt: skip
    report = experiment.analyze(learners=learners, raw=True)
    assert set(report.outcome("completed").slices) >= {"gender=f", "gender=m", "grade=7", "grade=8"}
    assert "adjusted" in report.outcome("completed").comparisons[0].how
    key = school.experiment_key_path()
    key.rename(tmp_path / "elsewhere.key")  # whoever repeats it has no key
    again = repeat(school.version(report.dataset))
    assert again.as_json() == report.as_json()
    assert again.outcomes == report.outcomes
    assert again.version is None
    recorded = school.version(report.version).read_bytes("experiment.json")
    assert json.loads(recorded) == json.loads(json.dumps(again.as_json()))


def test_without_pyarrow_the_same_is_repeated(school: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = school.experiment(
        "rec-test", **DEFINITION, groups=["at"], covariates=["b"]
    ).start()
    serve(experiment, 0.25)
    learners = {
        "unit": [f"learner-{place}" for place in range(400)],
        "at": ["1", "2"] * 200,
        "b": [0.1, None, 3, "4.5"] * 100,
    }
    arrow = repeat(experiment.freeze(learners=learners, raw=True))
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "pyarrow", None)
        lines = experiment.freeze(learners=learners, raw=True)
    assert "learners.jsonl" in {file.path for file in lines.files()}
    assert repeat(lines).outcomes == arrow.outcomes
    assert set(arrow.outcome("completed").slices) == {"at=1", "at=2"}


def test_what_is_no_frozen_experiment_cannot_be_repeated(school: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"give what experiment\.freeze\(\) made") as caught:
        repeat(school.version("rec:v0"))
    assert caught.value.code == "not_frozen"
    draft = school.experiment("rec-test", **DEFINITION)
    with pytest.raises(InvalidInputError, match="is a draft"):
        repeat(draft.freeze())


def test_that_less_is_better_was_registered(school: Any) -> None:
    fewer = {**DEFINITION, "lower_is_better": ["completed"]}
    experiment = school.experiment("rec-test", **fewer).start()
    serve(experiment, 0.25)
    report = experiment.stop().analyze()
    assert [report.outcome(name).better for name in DEFINITION["outcomes"]] == ["lower", "higher"]
    assert report.as_json()["plan"]["lower"] == ["completed"]
    (win,) = _verdicts(school, want="win")
    assert not win.passed  # more of what there should be less of


def test_a_comparison_shows_the_difference(school: Any, won: Any) -> None:
    assert school.compare("rec:v0", "rec:v1").section("experiments") is None
    report = won.analyze()
    section = school.compare("rec:v0", "rec:v1").section("experiments")
    (first, second) = section.rows
    assert first[:3] == ("school/rec-test", "completed (primary)", "new less control")
    assert first[3] == report.outcome("completed").comparisons[0].registered.value
    assert second[1] == "minutes (secondary)"
    assert "chance hardly explains it" in section.note


def test_where_a_check_failed_no_number_is_kept(school: Any) -> None:
    experiment = school.experiment("rec-test", **DEFINITION).start()
    serve(experiment, 0.25)
    for place in range(400, 420):
        experiment.expose(f"learner-{place}", digest="blake3:" + "0" * 64)
    experiment.stop()
    report = experiment.analyze()
    assert not report.trusted
    assert school.metrics("rec:v1") == ()
    section = school.compare("rec:v0", "rec:v1").section("experiments")
    assert "no effect is shown" in section.rows[0][2]
    verdicts = plugin.edversion_check_promotion(school.version("rec:v1"), _policy(want="win"))
    assert [each.passed for each in verdicts] == [False]
    assert "tells nothing" in verdicts[0].message


def test_an_experiment_of_one_version_keeps_both_numbers(school: Any) -> None:
    same = {**DEFINITION, "variants": {"a": "rec:v0", "b": "rec:v0"}}
    experiment = school.experiment("a-a", **same).start()
    serve(experiment, 0.0)
    experiment.stop().analyze()
    splits = {each.split for each in school.metrics("rec:v0") if each.key == "engagement/minutes"}
    assert splits == {"a-a:a", "a-a:b"}


# -- the gate


def _policy(**rule: Any) -> dict[str, Any]:
    return {"gates": {"experiment": [{"name": "rec-test", **rule}]}}


def _verdicts(school: Any, reference: str = "rec:v1", **rule: Any) -> list[Any]:
    return plugin.edversion_check_promotion(school.version(reference), _policy(**rule))


def test_a_win_lets_a_version_be_promoted(school: Any, won: Any) -> None:
    school.set_policy("rec:champion", '[[gates.experiment]]\nname = "rec-test"\nwant = "win"')
    with pytest.raises(RefusedError, match="no analysis of school/rec-test"):
        school.promote("rec:v1", "champion")
    report = won.analyze()
    made = school.promote("rec:v1", "champion")
    (verdict,) = (each for each in made.report.verdicts if each.gate == "experiment")
    found = report.outcome("completed").comparisons[0].registered
    assert verdict.evidence["value"] == found.value
    assert verdict.evidence["low"] == found.low
    assert verdict.evidence["evaluation"] == report.version
    with pytest.raises(RefusedError, match="was the control"):
        school.promote("rec:v0", "champion")


def test_no_win_may_still_be_harmless(school: Any) -> None:
    experiment = school.experiment("rec-test", **DEFINITION).start()
    serve(experiment, 0.0, seed=3)
    experiment.stop().analyze()
    (win,) = _verdicts(school, want="win")
    assert not win.passed
    completed, minutes = _verdicts(school, margin=0.3)
    assert (completed.passed, minutes.passed) == (True, True)
    tight, _ = _verdicts(school, margin=0.0001)
    assert not tight.passed
    bare, _ = _verdicts(school)
    assert (bare.passed, "no margin was registered" in bare.message) == (False, True)
    assert not _verdicts(school, want="win", min_n=10_000)[0].passed


def test_the_difference_that_would_matter_is_the_margin_of_the_primary_outcome(school: Any) -> None:
    known = {**DEFINITION, "margins": {"completed": 0.3}}
    experiment = school.experiment("rec-test", **known).start()
    serve(experiment, 0.0, seed=3)
    experiment.stop().analyze()
    completed, _ = _verdicts(school)
    assert (completed.passed, completed.evidence["margin"]) == (True, 0.3)
    assert not _verdicts(school, margin=0.0001)[0].passed


def test_a_guardrail_of_which_nothing_is_known_is_not_held(school: Any) -> None:
    experiment = school.experiment("rec-test", **DEFINITION).start()
    for place in range(400):
        experiment.serve(f"learner-{place}")
        experiment.outcome(f"learner-{place}", completed=place % 3 > 0)
    report = experiment.stop().analyze()
    assert any("Of the guardrail minutes nothing is known" in each for each in report.sentences)
    completed, minutes = _verdicts(school, margin=0.5)
    assert (completed.passed, minutes.passed) == (True, False)
    assert (minutes.evidence["outcome"], minutes.evidence["verdict"]) == ("minutes", "not shown")


def test_a_win_that_harms_a_guardrail_is_no_harmless_one(school: Any) -> None:
    strict = {**DEFINITION, "guardrails": {"minutes": 0.01}}
    experiment = school.experiment("rec-test", **strict).start()
    serve(experiment, 0.25)
    experiment.stop().analyze()
    completed, minutes = _verdicts(school)
    assert (completed.passed, minutes.passed) == (True, False)


def test_a_guardrail_without_a_margin_refuses_and_says_what_to_do(school: Any) -> None:
    bare = {**DEFINITION, "guardrails": ["minutes"]}
    experiment = school.experiment("rec-test", **bare).start()
    serve(experiment, 0.25)
    experiment.stop().analyze()
    school.set_policy("rec:champion", '[[gates.experiment]]\nname = "rec-test"')
    with pytest.raises(RefusedError, match=r"guardrails=\{'minutes': …\}\. See 'edversion policy"):
        school.promote("rec:v1", "champion")


def test_while_it_runs_only_the_interval_for_every_look_decides(school: Any) -> None:
    experiment = school.experiment("rec-test", **DEFINITION).start()
    serve(experiment, 0.16)
    report = experiment.analyze()
    found = report.outcome("completed").comparisons[0]
    assert found.registered.low > 0 > found.sequence[0]
    (early,) = _verdicts(school, want="win")
    assert (early.passed, early.evidence["method"]) == (False, "always valid")
    experiment.stop().analyze()
    (late,) = _verdicts(school, want="win")
    assert late.passed


@pytest.mark.parametrize(
    "rule",
    [{"want": "luck"}, {"margin": -1}, {"margin": "a"}, {"level": 1}, {"name": ""}, {"name": 3}],
)
def test_rules_that_mean_nothing_are_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=r"gates\.experiment"):
        plugin.edversion_gates(_policy(**rule))
    with pytest.raises(InvalidInputError, match="must be written as"):
        plugin.edversion_gates({"gates": {"experiment": {"name": "x"}}})
    assert plugin.edversion_gates({}) == ("experiment",)


class TestExperimentGate(GateContract):
    name, gate = "experiment", plugin
    settings = ({"name": "rec-test", "want": "win"},)

    @pytest.fixture(autouse=True)
    def _home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EDVERSION_DISABLE_PLUGINS", "experiments")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def make(self, run: Any, *, good: bool) -> Any:
        repository = run.repository
        draft = edversion.Artifact("rec", type="model")
        draft.add_bytes(b"old", "model.bin")
        old = run.log_artifact(draft)
        draft = edversion.Artifact("rec", type="model")
        draft.add_bytes(b"good" if good else b"bad", "model.bin")
        version = run.log_artifact(draft)
        if good and not any(each.name == "rec-test" for each in repository.experiments()):
            repository.create_experiment_key()
            experiment = repository.experiment(
                "rec-test",
                **{**DEFINITION, "variants": {"control": old.reference, "new": version.reference}},
            ).start()
            serve(experiment, 0.25)
            experiment.stop().analyze()
        return version
