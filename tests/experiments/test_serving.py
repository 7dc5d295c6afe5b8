"""Define, start and serve: pinned versions, sticky assignments, fallbacks, states."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

import edversion
from edversion import ConflictError, InvalidInputError, NotFoundError, StorageError
from edversion.catalog.experiment_tables import variants as variant_table
from edversion.experiments.experiment import Experiment
from edversion.repository import Repository, open_repository
from edversion.testing import remove, wait_until

from .conftest import logged
from .makers import DEFINITION, HALVES, column, named


def test_a_learner_is_served_the_version_of_her_variant(running: Experiment) -> None:
    for variant, content in (("control", b"old"), ("new", b"new")):
        served = running.serve(named(variant))
        assert (served.variant, served.reason) == (variant, None)
        assert served.path is not None
        assert served.path.read_bytes() == content
        assert served.version.digest == running.definition.variants[variant].digest
    assert running.counts() == {
        "units": {"control": 1, "new": 1},
        "exposures": {"control": 1, "new": 1},
        "values": {},
    }


def test_everybody_gets_what_the_pure_function_says(running: Experiment) -> None:
    learners = [f"learner-{i}" for i in range(200)]
    found = [running.serve(one).variant for one in learners]
    assert found == [edversion.assign(one, salt="exp-1", weights=HALVES) for one in learners]
    assert sum(running.counts()["units"].values()) == 200


def test_an_alias_that_moves_changes_nothing(running: Experiment, school: Repository) -> None:
    school.set_alias("rec:v1", "champion")
    with open_repository(school.location.store) as other:
        served = other.experiment("rec-test").serve(named("control"))
    assert served.version.reference == "school/rec:v0"
    assert column(running, "exposures", "digest") == [served.version.digest]


def test_the_alias_counts_at_the_start_and_not_at_the_definition(school: Repository) -> None:
    experiment = school.experiment("rec-test", **DEFINITION)
    logged(school, b"newer")
    school.set_alias("rec:v2", "candidate")
    pinned = experiment.start().definition.variants
    assert pinned["new"].reference == "school/rec:v2"
    assert pinned["new"].digest == school.version("rec:v2").digest


def test_a_draft_serves_nobody(school: Repository) -> None:
    experiment = school.experiment("rec-test", **DEFINITION)
    with pytest.raises(ConflictError, match=r"experiment.start\(\)") as caught:
        experiment.serve("learner-0")
    assert caught.value.code == "experiment_draft"
    experiment.start()
    assert experiment.serve("learner-0").variant == "new"


def test_to_define_it_again_changes_nothing(school: Repository) -> None:
    wish = {name: value for name, value in DEFINITION.items() if name != "salt"}
    first = school.experiment("rec-test", **wish)
    assert len(first.definition.salt) == 32
    assert school.experiment("rec-test", **wish).definition == first.definition
    first.start()
    assert school.experiment("rec-test", **wish).state == "running"
    with pytest.raises(ConflictError, match="another primary"):
        school.experiment("rec-test", **wish | {"primary": "time_on_task"})


def test_a_stopped_experiment_serves_the_first_variant_to_all(running: Experiment) -> None:
    learner = named("new")
    running.serve(learner)
    running.stop(reason="enough")
    served = running.serve(learner)
    assert (served.variant, served.reason) == (None, "stopped")
    assert served.path is not None
    assert served.path.read_bytes() == b"old"
    assert sum(running.counts()["exposures"].values()) == 1


def test_other_processes_see_within_moments_that_it_was_stopped(
    running: Experiment, school: Repository
) -> None:
    with open_repository(school.location.store) as other:
        experiment = other.experiment("rec-test")
        experiment.serve("learner-0")
        running.stop()
        wait_until(lambda: experiment.state == "stopped", "the other one sees it", seconds=20)
        assert experiment.serve("learner-0").variant is None


def test_a_ramp_adds_learners_and_keeps_those_who_are_in(school: Repository) -> None:
    learners = [f"learner-{i}" for i in range(300)]
    experiment = school.experiment("rec-test", **DEFINITION, ramp=0.2).start()
    few = {one: experiment.serve(one) for one in learners}
    outside = [one for one in learners if few[one].variant is None]
    assert {few[one].reason for one in outside} == {"ramp"}
    assert {few[one].version.reference for one in outside} == {"school/rec:v0"}
    experiment.ramp_up(0.7, reason="it went well")
    more = {one: experiment.serve(one).variant for one in learners}
    inside = [one for one in learners if one not in outside]
    assert all(more[one] == few[one].variant for one in inside)
    assert len(inside) < sum(one is not None for one in more.values()) < 300
    units = experiment.counts()["units"]
    assert sum(units.values()) == sum(one is not None for one in more.values())


def test_namespaces_keep_experiments_apart(school: Repository) -> None:
    wish = DEFINITION | {"salt": None}
    one = school.experiment("one", **wish, namespace=("home", 0, 0.5)).start()
    two = school.experiment("two", **wish, namespace=("home", 0.5, 1)).start()
    for number in range(200):
        learner = f"learner-{number}"
        variants = [experiment.serve(learner).variant for experiment in (one, two)]
        assert variants.count(None) == 1
    shared = set(column(one, "assignments", "unit")) & set(column(two, "assignments", "unit"))
    assert shared == set()


def test_the_first_assignment_holds_though_weights_were_changed(
    running: Experiment, school: Repository
) -> None:
    learners = [f"learner-{i}" for i in range(40)]
    first = {one: running.serve(one).variant for one in learners}
    running.flush()
    with school.catalog._database.write() as transaction:
        heavier = update(variant_table).where(variant_table.c.name == "new").values(weight=99.0)
        transaction.execute(heavier)
    with open_repository(school.location.store) as other:
        again = other.experiment("rec-test")
        assert {one: again.serve(one).variant for one in learners} == first
        fresh = [again.serve(f"later-{i}").variant for i in range(40)]
    assert fresh.count("new") >= 37
    assert set(first.values()) == {"control", "new"}


def test_what_is_damaged_gives_way_and_the_reason_is_recorded(
    running: Experiment, school: Repository
) -> None:
    gone = school.version("rec:v1")
    hexadecimal = gone.digest.partition(":")[2]
    remove(school.store, f"manifests/{hexadecimal[:2]}/{hexadecimal}.{gone.generation}")
    with open_repository(school.location.store) as other:
        experiment = other.experiment("rec-test")
        served = experiment.serve(named("new"))
        assert (served.variant, served.reason) == ("new", "manifest_missing")
        assert served.version.reference == "school/rec:v0"
        control = experiment.serve(named("control"))
        assert (control.variant, control.reason) == ("control", None)
    shown = running.tables()["exposures"]
    assert shown["fallback"] == ["manifest_missing", None]
    assert set(shown["digest"]) == {school.version("rec:v0").digest}


@pytest.mark.parametrize("call", ["serve", "assign", "expose"])
def test_a_store_that_was_away_for_a_moment_loses_no_assignment(
    running: Experiment, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    learner = named("new")
    with monkeypatch.context() as away:
        away.setattr("edversion.experiments.serving._local", _away)
        with pytest.raises(StorageError):
            getattr(running, call)(learner)
    getattr(running, call)(learner)
    assert column(running, "assignments", "unit") == [running.pseudonym(learner)]


def _away(version: Any) -> None:
    raise StorageError(f"{version} is away", code="away")


def test_assignment_and_exposure_may_be_apart(running: Experiment) -> None:
    learner = named("new")
    assert running.assign(learner).variant == "new"
    assert running.counts()["exposures"] == {"control": 0, "new": 0}
    other = "blake3:" + "0" * 64
    running.expose(learner, digest=other, fallback="out of memory", request="r-1")
    shown = running.tables()["exposures"]
    assert (shown["digest"], shown["fallback"], shown["request"]) == (
        [other], ["out of memory"], ["r-1"],
    )  # fmt: skip
    assert running.counts()["units"] == {"control": 0, "new": 1}


def test_what_could_never_be_written_is_refused_at_once(running: Experiment) -> None:
    """In a batch it would hold up everything that comes after it."""
    for wrong in (
        lambda: running.serve("learner-0", request="\ud800"),
        lambda: running.serve("learner-\ud800"),
        lambda: running.expose("learner-0", digest="blake3:1"),
        lambda: running.expose("learner-0", fallback="\ud800"),
    ):
        with pytest.raises(InvalidInputError):
            wrong()
    running.serve("learner-0")
    assert sum(running.counts()["exposures"].values()) == 1


def test_outcomes_are_recorded_by_pseudonym(running: Experiment) -> None:
    at = datetime(2026, 5, 4, 9, tzinfo=UTC)
    running.serve("learner-0")
    running.outcome("learner-0", completed=True, time_on_task=31.5, at=at)
    found = running.tables()["outcomes"]
    unit = running.pseudonym("learner-0")
    assert found == {
        "unit": [unit, unit], "name": ["completed", "time_on_task"], "value": [1.0, 31.5],
        "at": [at, at],
    }  # fmt: skip
    assert column(running, "assignments", "unit") == [unit]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"completed": 0.5}, "True, False, 0 or 1"),
        ({"time_on_task": float("nan")}, "a number"),
        ({"time_on_task": "long"}, "a number"),
        ({"clicks": 1}, "records no outcome 'clicks'"),
        ({}, "measures: time_on_task, completed"),
    ],
)
def test_what_is_no_outcome_is_refused(
    running: Experiment, values: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidInputError, match=why) as caught:
        running.outcome("learner-0", **values)
    assert caught.value.code == "illegal_outcome"
    assert running.counts()["values"] == {}


def test_a_time_has_a_zone(running: Experiment) -> None:
    with pytest.raises(InvalidInputError, match="time zone"):
        running.outcome("learner-0", completed=1, at=datetime(2026, 5, 4))


def test_nothing_is_stored_of_who_takes_no_part(school: Repository) -> None:
    experiment = school.experiment("rec-test", **DEFINITION, ramp=0.5).start()
    out = next(f"l-{i}" for i in range(99) if experiment.serve(f"l-{i}").variant is None)
    before = experiment.counts()["values"]
    experiment.outcome(out, completed=True)
    assert experiment.counts()["values"] == before == {}


def test_outcomes_come_after_the_stop_and_not_after_the_archive(running: Experiment) -> None:
    running.serve("learner-0")
    running.stop()
    running.outcome("learner-0", completed=False)
    assert running.counts()["values"] == {"completed": 1}
    running.archive()
    with pytest.raises(ConflictError, match="archived"):
        running.outcome("learner-0", completed=False)


@pytest.mark.parametrize("form", ["wide", "long", "pandas", "arrow", "csv", "jsonl", "parquet"])
def test_outcomes_are_joined_from_tables(running: Experiment, tmp_path: Path, form: str) -> None:
    import pandas as pd
    import pyarrow as pa

    units = [running.pseudonym(f"learner-{i}") for i in range(3)]
    wide = {"unit": units, "completed": [1, 0, None], "time_on_task": [3.5, None, 1.0]}
    frame = pd.DataFrame(wide)
    if form == "long":
        table: Any = {
            "unit": [units[0], units[1], units[0], units[2]],
            "name": ["completed", "completed", "time_on_task", "time_on_task"],
            "value": [1, 0, 3.5, 1.0],
        }
    elif form == "pandas":
        table = frame
    elif form == "arrow":
        table = pa.Table.from_pandas(frame)
    elif form == "wide":
        table = wide
    else:
        table = tmp_path / f"outcomes.{form}"
        write = {"csv": frame.to_csv, "parquet": frame.to_parquet}.get(form)
        if write is None:
            frame.to_json(table, orient="records", lines=True)
        else:
            write(table, index=False)
    assert running.add_outcomes(table) == 4
    found = running.tables()["outcomes"]
    rows = set(zip(found["unit"], found["name"], found["value"], strict=True))
    assert rows == {
        (units[0], "completed", 1.0), (units[1], "completed", 0.0),
        (units[0], "time_on_task", 3.5), (units[2], "time_on_task", 1.0),
    }  # fmt: skip


def test_ids_in_a_table_become_pseudonyms_and_are_refused_unless_said(running: Experiment) -> None:
    table = {"pupil": ["learner-0", "learner-1"], "completed": [True, False]}
    with pytest.raises(InvalidInputError, match="raw=True") as caught:
        running.add_outcomes(table, unit="pupil")
    assert "learner-0" not in str(caught.value)
    assert running.add_outcomes(table, unit="pupil", raw=True) == 2
    assert column(running, "outcomes", "unit") == [
        running.pseudonym(f"learner-{i}") for i in (0, 1)
    ]


def test_an_experiment_is_found_again_and_listed(running: Experiment, school: Repository) -> None:
    assert [one.reference for one in school.experiments()] == ["school/rec-test"]
    assert school.experiment("school/rec-test").state == "running"
    with pytest.raises(NotFoundError, match="there are: school/rec-test"):
        school.experiment("rec")


def test_threads_share_an_experiment(running: Experiment) -> None:
    """Also the first moment, in which each of them finds that nobody has begun."""
    together = threading.Barrier(4)

    def work(start: int) -> None:
        together.wait(30)
        for number in range(start, start + 200):
            running.serve(f"learner-{number}")

    threads = [threading.Thread(target=work, args=(100 * turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = running.counts()
    assert sum(counts["units"].values()) == 500
    assert sum(counts["exposures"].values()) == 800


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"variants": {"control": "rec:v0"}}, "two variants"),
        ({"weights": {"control": 1, "other": 1}}, "weights for control, other"),
        ({"weights": {"control": 1}}, "weights for control: give one for each"),
        ({"outcomes": {}}, "one outcome or more"),
        ({"outcomes": {"x": "median"}}, "'ratio:<outcome>/<outcome>'"),
        (
            {"outcomes": {"a": "mean", "r": "ratio:a/b"}, "primary": "a", "guardrails": None},
            "ratio:a/b",
        ),
        ({"outcomes": {"at": "mean"}, "primary": "at"}, "that name is taken"),
        ({"primary": "clicks"}, "no outcome 'clicks'"),
        ({"guardrails": ["clicks"]}, "no outcome 'clicks'"),
        ({"guardrails": {"completed": -1}}, "no number above 0"),
        ({"margins": {"completed": 0}}, "no number above 0"),
        ({"consistency": "class"}, "rules of consistency"),
        ({"namespace": ("home", 0.5, 0.5)}, "slice between 0 and 1"),
        ({"alpha": 1}, "alpha between 0 and 1"),
        ({"ramp": 0}, "ramp"),
        ({"lower_is_better": ["errors"]}, "no outcome 'errors'"),
        ({"lower_is_better": "completed"}, "lower_is_better"),
    ],
)
def test_what_cannot_be_an_experiment_is_refused(
    school: Repository, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidInputError, match=why):
        school.experiment("rec-test", **DEFINITION | changes)
    assert school.experiments() == ()


def test_a_name_leaves_room_for_its_collections(school: Repository) -> None:
    with pytest.raises(InvalidInputError, match=r"112 characters.*has 113"):
        school.experiment("e" * 113, **DEFINITION)
    made = school.experiment("e" * 112, **DEFINITION)
    assert made.freeze().name == f"{'e' * 112}-data"


def test_of_what_less_is_better_is_settled_by_the_start(school: Repository) -> None:
    wanted = DEFINITION | {"lower_is_better": ["time_on_task"]}
    running = school.experiment("rec-test", **wanted).start()
    assert school.experiment("rec-test").definition.lower_is_better == ("time_on_task",)
    frozen = json.loads(running.freeze().read_bytes("definition.json"))
    assert frozen["lower_is_better"] == ["time_on_task"]
    with pytest.raises(ConflictError, match="another lower_is_better"):
        school.experiment("rec-test", **DEFINITION)


def test_a_ratio_is_of_two_outcomes_that_are_recorded(school: Repository) -> None:
    kinds = {"clicks": "mean", "sessions": "mean", "rate": "ratio:clicks/sessions"}
    made = school.experiment(
        "r", **DEFINITION | {"outcomes": kinds, "primary": "rate", "guardrails": None}
    )
    assert made.definition.recorded == ("clicks", "sessions")
    with pytest.raises(InvalidInputError, match="there are: clicks, sessions"):
        made.start().outcome("x", rate=0.5)
