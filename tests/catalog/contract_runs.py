"""What every catalog does with runs."""

from __future__ import annotations

import math

import pytest

from edversion.catalog import Catalog
from edversion.errors import ConflictError, InvalidInputError, NotFoundError

from .makers import START, commit, new_run


class RunContract:
    def test_a_run_starts_and_ends(self, catalog: Catalog) -> None:
        started = catalog.start_run(new_run(job_type="train", tags=("a",)))
        assert (started.status, started.ended_at, started.started_at) == ("running", None, START)
        assert (started.job_type, started.tags, started.config) == ("train", ("a",), {"k": 5})
        assert catalog.is_alive("run-0001")
        ended = catalog.finish_run("run-0001", status="failed", error="ValueError: k")
        assert (ended.status, ended.error) == ("failed", "ValueError: k")
        assert ended.ended_at is not None
        assert not catalog.is_alive("run-0001")
        assert catalog.finish_run("run-0001", status="finished") == ended
        assert catalog.get_run("run-0001") == ended

    def test_a_run_can_be_changed(self, catalog: Catalog) -> None:
        catalog.start_run(new_run(tags=("a",)))
        assert catalog.update_run("run-0001", config={"k": 7}).config == {"k": 7}
        run = catalog.update_run("run-0001", tags=("b", "c"))
        assert (run.config, run.tags, run.status) == ({"k": 7}, ("b", "c"), "running")
        with pytest.raises(InvalidInputError):
            catalog.update_run("run-0001", config={"k": math.nan})

    def test_the_beginning_of_an_id_is_enough(self, catalog: Catalog) -> None:
        for run in ("abcd-1", "abcd-12", "abce-3"):
            catalog.start_run(new_run(run))
        assert catalog.get_run("abce").id == "abce-3"
        assert catalog.get_run("abcd-1").id == "abcd-1"
        with pytest.raises(InvalidInputError, match="abcd-1, abcd-12") as caught:
            catalog.get_run("abcd")
        assert caught.value.code == "ambiguous_run"
        for unknown in ("abc", "abcd-13", "abc_-1", "ABCE", "%%%%%", ""):
            with pytest.raises(NotFoundError):
                catalog.get_run(unknown)

    def test_an_id_is_used_once(self, catalog: Catalog) -> None:
        catalog.start_run(new_run())
        with pytest.raises(ConflictError):
            catalog.start_run(new_run())
        assert catalog.get_run("run-0001").status == "running"
        catalog.finish_run("run-0001", status="finished")
        with pytest.raises(ConflictError) as caught:
            catalog.start_run(new_run())
        assert caught.value.code == "run_exists"
        assert not catalog.is_alive("run-0001")

    @pytest.mark.parametrize("run", ["../x", "", "a/b", "a\0b"])
    def test_an_id_is_a_legal_name(self, catalog: Catalog, run: str) -> None:
        with pytest.raises(InvalidInputError):
            catalog.start_run(new_run(run))

    def test_events_within_many_projects_are_told_by_whole_names(self, catalog: Catalog) -> None:
        version = commit(catalog, "lower", project="school")
        commit(catalog, "upper", project="SCHOOL")
        catalog.start_run(new_run("run-up", project="SCHOOL"))
        catalog.note_run("run-up", "noted", actor="ada")
        names = ["school", "schoo", *(f"school-{place}" for place in range(5000))]
        told = {event.subject for event in catalog.events(within=names)}
        assert told == {version.reference, f"school/{version.name}:latest"}

    def test_runs_are_listed_newest_first(self, catalog: Catalog) -> None:
        for day in range(1, 5):
            project = "dropout" if day < 4 else "other"
            at = START.replace(day=day)
            catalog.start_run(new_run(f"run-{day}", started_at=at, project=project))
        catalog.finish_run("run-2", status="finished")
        assert [run.id for run in catalog.list_runs(limit=3)] == ["run-4", "run-3", "run-2"]
        assert [run.id for run in catalog.list_runs(project="other")] == ["run-4"]
        assert [run.id for run in catalog.list_runs(within=["other"])] == ["run-4"]
        assert not catalog.list_runs(within=[], limit=None)
        catalog.note_run("run-4", "noted", actor="ada")
        told = [event.subject for event in catalog.events(within=["other"])]
        assert set(told) == {"run run-4"}
        assert not catalog.search(within=["other"])
        assert [run.id for run in catalog.list_runs(status="finished")] == ["run-2"]
        assert [run.id for run in catalog.list_runs(status="running", limit=2)] == [
            "run-4",
            "run-3",
        ]
        assert catalog.list_runs(status="crashed") == ()
        assert len(catalog.list_runs(limit=None)) == 4

    def test_more_runs_than_a_page(self, catalog: Catalog) -> None:
        for number in range(103):
            catalog.start_run(new_run(f"run-{number:04}"))
        listed = [run.id for run in catalog.list_runs(limit=None)]
        assert listed == [f"run-{number:04}" for number in reversed(range(103))]

    def test_nothing_that_runs_is_marked_as_crashed(self, catalog: Catalog) -> None:
        catalog.start_run(new_run())
        assert catalog.mark_crashed(actor="ada") == ()
        assert catalog.get_run("run-0001").status == "running"
        assert catalog.events() == ()
