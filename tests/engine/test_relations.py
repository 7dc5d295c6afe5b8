"""What versions are to each other and to runs, from drafts to a rebuilt catalog."""

from __future__ import annotations

import pytest

import edversion
from edversion.errors import ConflictError, InvalidInputError, NotFoundError
from edversion.repository import Repository, open_repository
from edversion.run import Run
from edversion.starting import start_run


def draft_of(name: str, data: bytes = b"1") -> edversion.Artifact:
    draft = edversion.Artifact(name, "dataset")
    draft.add_bytes(data, "a")
    return draft


def told(repository: Repository, version: edversion.Version, **options) -> list[tuple]:
    return [
        (edge.source.name, edge.target.name, edge.run is not None, edge.relation)
        for edge in repository.lineage(version, **options)
    ]


@pytest.fixture
def data(run: Run) -> edversion.Version:
    return run.log_artifact(draft_of("data"))


def test_runs_say_what_they_use_a_version_for(repository: Repository) -> None:
    with start_run(repository, project="p") as run:
        data = run.log_artifact(draft_of("data"))
    with start_run(repository, project="p") as run:
        run.use_artifact("data", relation="trained_on")
        run.use_artifact("data", "dataset", relation="evaluated_on")
        run.use_artifact("data")
        model = run.log_artifact(draft_of("model"))
    expected = [("data", "model", True, "trained_on"), ("data", "model", True, "evaluated_on")]
    assert told(repository, model) == expected
    assert told(repository, data, direction="down") == expected
    assert [user.id for user in data.used_by()] == [run.id]


def test_data_that_a_run_logs_and_trains_on_was_not_made_from_its_other_data(
    repository: Repository,
) -> None:
    with start_run(repository, project="p") as run:
        raw = run.log_artifact(draft_of("raw"))
    with start_run(repository, project="p") as run:
        run.use_artifact(raw)
        train, test = (run.log_artifact(draft_of(name)) for name in ("train", "test"))
        run.use_artifact(train, relation="trained_on")
        run.use_artifact(test, relation="evaluated_on")
        model = run.log_artifact(draft_of("model"))
    assert told(repository, train) == [("raw", "train", True, None)]
    assert told(repository, test, direction="down") == [("test", "model", True, "evaluated_on")]
    assert sorted(told(repository, model, depth=1)) == sorted([
        ("raw", "model", True, None),
        ("train", "model", True, "trained_on"),
        ("test", "model", True, "evaluated_on"),
    ])  # fmt: skip


def test_what_a_run_evaluates_leads_to_evaluations_alone(repository: Repository) -> None:
    with start_run(repository, project="p") as run:
        first, second = (run.log_artifact(draft_of(name)) for name in ("first", "second"))
        for model in (first, second):
            run.use_artifact(model, relation="evaluates")
        judged = edversion.Artifact("judged", "evaluation")
        judged.add_bytes(b"{}", "evaluation.json")
        evaluation = run.log_artifact(judged)
    assert told(repository, first) == []
    assert told(repository, first, direction="down") == [("first", "judged", True, "evaluates")]
    assert {edge[0] for edge in told(repository, evaluation)} == {"first", "second"}


def test_data_that_one_version_was_measured_on_are_not_of_all_that_the_run_made(
    repository: Repository,
) -> None:
    with start_run(repository, project="p") as run:
        train, test = (run.log_artifact(draft_of(name)) for name in ("train", "test"))
        run.use_artifact(train, relation="trained_on")
        models = [run.log_artifact(draft_of("model", each)) for each in (b"1", b"2")]
        run.use_artifact(test, relation="measured_on")
        repository.relate(models[1], test, "evaluated_on")
    trained = ("train", "model", True, "trained_on")
    assert told(repository, models[0]) == [trained]
    assert told(repository, models[1]) == [trained, ("test", "model", False, "evaluated_on")]
    assert told(repository, test) == []
    assert told(repository, test, direction="down") == [("test", "model", False, "evaluated_on")]
    assert {edge[1] for edge in told(repository, train, direction="down")} == {"model"}


def test_an_illegal_relation_records_nothing(run: Run, data: edversion.Version) -> None:
    for relation in ("trained on", "", 5):
        with pytest.raises(InvalidInputError, match="relation"):
            run.use_artifact(data, relation=relation)  # type: ignore[arg-type]
        with pytest.raises(InvalidInputError, match="relation"):
            draft_of("model").add_source(data, relation)  # type: ignore[arg-type]
        with pytest.raises(InvalidInputError, match="relation"):
            run.repository.relate(data, data, relation)  # type: ignore[arg-type]
    assert data.used_by() == ()


def test_drafts_say_what_they_were_made_from(run: Run, data: edversion.Version) -> None:
    draft = draft_of("model")
    draft.add_source(data, "trained_on")
    draft.add_source(data, relation="evaluated_on")
    draft.add_source(data)
    draft.add_source(data)
    assert draft.origins == ((data, "trained_on"), (data, "evaluated_on"), (data, "derived_from"))
    model = run.log_artifact(draft)
    relations = ("derived_from", "evaluated_on", "trained_on")
    assert told(run.repository, model) == [
        ("data", "model", False, relation) for relation in relations
    ]
    with pytest.raises(ConflictError) as caught:
        draft.add_source(data)
    assert caught.value.code == "draft_logged"


@pytest.mark.parametrize("source", ["data", None, 5])
def test_only_versions_are_sources(source: object) -> None:
    with pytest.raises(InvalidInputError, match="must be a Version") as caught:
        draft_of("model").add_source(source)  # type: ignore[arg-type]
    assert caught.value.code == "bad_argument"


def test_a_draft_of_a_version_derives_from_it(run: Run, data: edversion.Version) -> None:
    draft = data.new_draft()
    draft.add_bytes(b"2", "b")
    assert draft.derived_from == (data,)
    assert told(run.repository, run.log_artifact(draft)) == [
        ("data", "data", False, "derived_from")
    ]
    unchanged = data.new_draft()
    assert run.log_artifact(unchanged) == data
    assert told(run.repository, data) == []


def test_the_same_is_shown_once(repository: Repository) -> None:
    with start_run(repository, project="p") as run:
        data = run.log_artifact(draft_of("data"))
    with start_run(repository, project="p") as run:
        run.use_artifact("data", relation="trained_on")
        draft = draft_of("model")
        draft.add_source(data, "trained_on")
        draft.add_source(data, "distilled_from")
        model = run.log_artifact(draft)
    for version, direction in ((model, "up"), (data, "down")):
        assert told(repository, version, direction=direction) == [
            ("data", "model", True, "trained_on"),
            ("data", "model", False, "distilled_from"),
        ]


def test_lineage_ends_after_some_steps(run: Run, data: edversion.Version) -> None:
    above = data
    for number in range(3):
        draft = draft_of(f"step{number}")
        draft.add_source(above)
        above = run.log_artifact(draft)
    names = [edge.source.name for edge in run.repository.lineage(above)]
    assert names == ["step1", "step0", "data"]
    for depth in range(4):
        found = run.repository.lineage(above, depth=depth)
        assert [edge.source.name for edge in found] == names[:depth]


def test_versions_are_related_later(run: Run, data: edversion.Version) -> None:
    model = run.log_artifact(draft_of("model"))
    run.repository.relate("model", "data:v0", "trained_on", reason="forgotten")
    run.repository.relate(model, data, "trained_on")
    assert told(run.repository, model) == [("data", "model", False, "trained_on")]
    (event,) = (e for e in run.repository.events() if e.action == "version.related")
    assert (event.subject, event.reason) == (model.reference, "forgotten")
    with pytest.raises(InvalidInputError, match="was itself made from") as caught:
        run.repository.relate(data, model, "trained_on")
    assert caught.value.code == "lineage_circle"
    with pytest.raises(InvalidInputError, match="cannot be made from itself"):
        run.repository.relate(data, "data")
    with pytest.raises(NotFoundError):
        run.repository.relate(model, "nothing")
    assert run.repository.doctor() == ()


def test_relations_outlive_the_catalog(tmp_path) -> None:
    with edversion.init("p", store=tmp_path / "store") as run:
        data = run.log_artifact(draft_of("data"), tags=["fairness:gender:abroca"])
        for relation in ("trained_on", "evaluated_on"):
            run.use_artifact(data, relation=relation)
        draft = draft_of("model")
        draft.add_source(data, "trained_on")
        model = run.log_artifact(draft)
        again = draft_of("model")
        again.add_source(data, "tuned_on")
        assert run.log_artifact(again) == model
        run.repository.relate(model, data, "checked_on")
        before = told(run.repository, model)
    with open_repository(tmp_path / "store", "sqlite://", lost_catalog=True) as other:
        other.doctor(mend=True)
        assert told(other, other.version("model")) == before
        assert {relation for *_, relation in before} == {
            "trained_on", "evaluated_on", "tuned_on", "checked_on",
        }  # fmt: skip
        assert other.search("tag = 'fairness:gender:abroca'") == (data,)
        assert other.doctor() == ()
