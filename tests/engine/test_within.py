"""Looking at some projects alone, as who may not see the others does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import edversion

NAMES = ("school", "school-2", "schoolX", "s_hool", "SCHOOL", "store", "accounts")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[edversion.Repository]:
    store = tmp_path_factory.mktemp("within") / "store"
    for name in NAMES:
        with edversion.init(name, name=f"of {name}", store=store) as run:
            run.log_artifact(edversion.Artifact("dropout", type="model"))
            run.note("noted")
            run.repository.add_deployment("api", follows=f"{name}/dropout:latest")
    with edversion.open(store) as opened:
        opened.catalog.note_failure(None)
        yield opened


@pytest.mark.parametrize("names", [("school",), ("s_hool",), ("school", "schoolX"), ()])
def test_searches_find_what_lies_within(
    repository: edversion.Repository, names: tuple[str, ...]
) -> None:
    found = repository.search("name = 'dropout' or name = 'x'", within=names)
    assert sorted({each.project for each in found}) == sorted(names)
    assert not repository.search(project="school-2", within=names)


@pytest.mark.parametrize("names", [("school",), ("s_hool",), ("school", "schoolX"), ()])
def test_runs_are_those_of_the_projects(
    repository: edversion.Repository, names: tuple[str, ...]
) -> None:
    assert sorted(run.project for run in repository.runs(within=names)) == sorted(names)
    assert not repository.runs(project="school-2", within=names)
    for name in names:
        assert [run.project for run in repository.runs(project=name, within=names)] == [name]


@pytest.mark.parametrize("names", [("school",), ("s_hool",), ("school", "schoolX"), ()])
def test_events_are_about_what_lies_or_ran_within(
    repository: edversion.Repository, names: tuple[str, ...]
) -> None:
    runs = {f"run {run.id}": run.project for run in repository.runs()}
    events = repository.events(within=names)
    assert {place(each, runs) for each in events} == set(names)
    assert len([each for each in events if each.action == "deployment.added"]) == len(names)
    assert len([each for each in events if each.action == "run.noted"]) == len(names)
    expected = [each.sequence for each in repository.events() if place(each, runs) in names]
    assert [each.sequence for each in events] == expected


def place(event: edversion.Event, runs: dict[str, str]) -> str:
    """Give the project that an event is about."""
    return runs.get(event.subject) or event.subject.split()[-1].partition("/")[0]


def test_a_project_that_is_called_as_a_part_of_the_catalog_sees_nothing_of_that(
    repository: edversion.Repository,
) -> None:
    assert repository.events(subject="accounts") != ()
    assert repository.events(subject="accounts", within=NAMES) == ()


def test_pages_of_runs(repository: edversion.Repository) -> None:
    every = repository.runs()
    assert [*repository.runs(limit=4), *repository.runs(limit=4, offset=4)] == list(every)


def test_one_text_is_no_list_of_projects(repository: edversion.Repository) -> None:
    with pytest.raises(edversion.InvalidInputError, match="within"):
        repository.search(within="school")
