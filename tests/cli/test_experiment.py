"""edversion experiments and trace, as people type them."""

from __future__ import annotations

import json

import pytest

import edversion
from edversion import assign
from edversion.testing import run_python

HALVES = {"control": 1, "new": 1}


@pytest.fixture
def school(work, call):
    """The small repository with a second model, a key, and a draft that compares the two."""
    with edversion.init("school", store=work / ".edversion") as run:
        run.use_artifact("scores:v1")
        draft = edversion.Artifact("model", type="model")
        draft.add_bytes(b"second", "weights.bin")
        run.log_artifact(draft, aliases=["candidate"])
        run.repository.approve("model:v1", "champion", reason="fair")
    assert call("experiments", "list").err.startswith("no experiments; define one")
    made = call("experiments", "key", "create")
    assert made.code == 0
    with edversion.open(project="school") as repository:
        repository.experiment(
            "rec-test", variants={"control": "model:champion", "new": "model:candidate"},
            outcomes={"completed": "proportion", "minutes": "mean", "errors": "mean"},
            primary="completed", guardrails=["minutes", "errors"], margins={"errors": 2},
            lower_is_better=["errors"], groups=["gender"], covariates=["before"], salt="exp-1",
        )  # fmt: skip
        yield repository


def serve(repository, *learners):
    with repository.experiment("rec-test") as experiment:
        for learner in learners:
            experiment.serve(learner)


def test_from_a_draft_to_the_archive(school, call):
    rows = call("experiments", "list").lines
    assert rows[0].split()[:3] == ["experiment", "state", "variants"]
    assert rows[1].split()[:2] == ["school/rec-test", "draft"]
    started = call("experiments", "start", "rec-test", "--reason", "as planned")
    assert started.lines == [
        "school/rec-test is running, 100% take part: control school/model:v0, new school/model:v1"
    ]
    again = call("experiments", "start", "rec-test")
    assert (again.code, "for that it must be draft" in again.err) == (1, True)
    serve(school, "learner-0", "learner-1")
    shown = call("experiments", "show", "rec-test")
    assert "each learner is assigned, 100% take part" in shown.lines[0]
    assert "minutes (no margin, so never held), errors (2 less good allowed)" in shown.text
    assert [line.split() for line in shown.lines[-2:]] == [
        ["control", "school/model:v0", "1", "1", "1"],
        ["new", "school/model:v1", "1", "1", "1"],
    ]
    assert call("experiments", "ramp", "rec-test", "0.5").code == 1
    words = " ".join(shown.text.split())
    assert "lower is better of errors groups gender covariates before" in words
    counts = call("experiments", "show", "rec-test", "--json").json["counts"]
    assert counts["units"] == {"control": 1, "new": 1}
    assert "is stopped" in call("experiments", "stop", "rec-test").lines[0]
    frozen = call("experiments", "freeze", "rec-test")
    assert frozen.lines == ["school/rec-test-data:v0: 4 files"]
    assert "is archived" in call("experiments", "archive", "rec-test").lines[0]
    (listed,) = call("experiments", "list", "--json").json
    assert (listed["state"], listed["variants"]["new"]["version"]) == (
        "archived",
        "school/model:v1",
    )


def test_a_ramp_goes_up(school, call):
    with edversion.open(project="school") as repository:
        repository.experiment(
            "slow", variants={"control": "model:v0", "new": "model:v1"},
            outcomes={"completed": "proportion"}, ramp=0.1,
        ).start()  # fmt: skip
    assert "25% take part" in call("experiments", "ramp", "slow", "0.25").lines[0]


def test_the_key_is_told_by_its_id_and_never_shown(school, call, tmp_path):
    shown = call("experiments", "key", "show-id", "--json").json
    path = school.experiment_key_path()
    assert shown == {"id": school.experiment_key().id, "path": str(path)}
    assert path.read_text().split()[1] not in call("experiments", "key", "show-id").text
    again = call("experiments", "key", "create")
    assert (again.code, "there is a key at" in again.err) == (1, True)
    path.unlink()
    assert "copy it from a machine" in call("experiments", "key", "create").err


def test_an_exposure_is_traced_to_its_data_and_to_who_answers_for_it(school, call):
    call("experiments", "start", "rec-test")
    learner = next(
        f"l-{i}" for i in range(99) if assign(f"l-{i}", salt="exp-1", weights=HALVES) == "new"
    )
    serve(school, learner)
    pseudonym = call("experiments", "pseudonym", "rec-test", input=f"{learner}\n").lines[0]
    found = call("trace", "--experiment", "rec-test", "--exposure", pseudonym, "--json").json
    assert (found["variant"], found["version"]) == ("new", "school/model:v1")
    assert found["digest"] == found["pinned"] == school.version("model:v1").digest
    assert [one["reference"] for one in found["datasets"]] == ["school/scores:v1"]
    assert [one["actor"] for one in found["approvals"]] == ["ada"]
    assert found["people"] == ["ada"]
    by_id = call("trace", "--experiment", "rec-test", "--learner", "--json", input=learner)
    assert by_id.json == found
    text = call("trace", "--experiment", "rec-test", "--exposure", pseudonym)
    assert text.lines[0].endswith("the variant 'new': school/model:v1")
    words = " ".join(text.text.split())
    assert "made from school/scores:v1" in words
    assert "approved by ada for champion: fair" in words
    assert "alias moved by ada set school/model:candidate" in words


def test_a_time_says_which_exposure(school, call):
    call("experiments", "start", "rec-test")
    serve(school, "learner-0")
    pseudonym = call("experiments", "pseudonym", "rec-test", input="learner-0").lines[0]
    ask = ("trace", "--experiment", "rec-test", "--exposure", pseudonym, "--at")
    early = call(*ask, "2020-01-01T00:00")
    assert (early.code, "nothing up to 2020-01-01" in early.err) == (1, True)
    assert call(*ask, "2120-01-01T00:00+02:00").code == 0
    assert call(*ask, "yesterday").code == 2
    day = call(*ask[:-1], "--json").json["at"][:10]
    assert call(*ask, day).code == 0  # a day is meant whole
    assert call("trace", "--experiment", "rec-test").code == 2
    wrong = call("trace", "--experiment", "rec-test", "--exposure", "learner-0")
    assert (wrong.code, "32 hexadecimal characters" in wrong.err) == (1, True)


def test_a_learner_is_forgotten_by_an_id_that_is_no_argument(school, call):
    call("experiments", "start", "rec-test")
    serve(school, "anna.lindqvist")
    call("experiments", "freeze", "rec-test")
    gone = call("experiments", "forget", "rec-test", "--reason", "asked", input="anna.lindqvist\n")
    assert gone.lines == ["2 rows erased"]
    assert "school/rec-test-data:v0" in gone.err
    assert "lindqvist" not in call("events", "--json").text
    assert call("experiments", "forget", "rec-test", input="").code == 2


def test_analyze_says_what_to_install_where_nobody_judges(school, call, monkeypatch):
    monkeypatch.setenv("EDVERSION_DISABLE_PLUGINS", "experiments")
    draft = call("experiments", "analyze", "rec-test")
    assert (draft.code, "is a draft" in draft.err) == (1, True)
    call("experiments", "start", "rec-test")
    answer = call("experiments", "analyze", "rec-test")
    assert (answer.code, "edversion[experiments]" in answer.err) == (1, True)


REPORT = """
import sys
import edversion
from edversion.cli import cli

class Report:
    def __str__(self):
        return "no difference"
    def as_json(self):
        return {"verdict": "no difference"}
    def html(self):
        return "<p>no difference"

class Judge:
    @edversion.hookimpl
    def edversion_analyze_experiment(self, experiment, learners):
        assert set(experiment.tables()) == {"assignments", "exposures", "outcomes"}
        if learners is not None:
            assert set(learners) == {"unit", "gender", "before"}, learners
            assert learners["unit"] == [experiment.pseudonym("anna")], learners
        return Report()

from edversion import plugins
load = plugins.Plugins._load_entry_points
plugins.Plugins._load_entry_points = lambda self: self._manager.register(Judge(), "judge")
cli.main(["experiments", "analyze", "rec-test", *sys.argv[1:]])
"""


def test_analyze_prints_the_report_of_a_plugin(school, call, work):
    call("experiments", "start", "rec-test")
    assert run_python(REPORT, "--html", "page.html") == "no difference\n"
    assert (work / "page.html").read_text() == "<p>no difference"
    assert json.loads(run_python(REPORT, "--json")) == {"verdict": "no difference"}


def test_analyze_takes_what_is_known_of_learners(school, call, work):
    call("experiments", "start", "rec-test")
    table = work / "learners.csv"
    table.write_text("unit,gender,before,name\nanna,f,1.5,Anna Lindqvist\n")
    assert run_python(REPORT, "--learners", "learners.csv", "--raw") == "no difference\n"
    ask = ("experiments", "analyze", "rec-test")
    no_ids = call(*ask, "--learners", "learners.csv")
    assert (no_ids.code, "--raw" in no_ids.err, "anna" in no_ids.err) == (1, True, False)
    assert call(*ask, "--raw").code == 2
    assert call(*ask, "--learners", "none.csv").code == 2
