"""Experiments: sentences first, no effect after a failed check, and no peeking."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import edversion
from edversion_plugins.dashboard.admission.reach import Reach
from edversion_plugins.dashboard.api import answers
from tests.plugins.reports import Page

from .school import fill_school
from .showing import Known, client_of


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("school")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        fill_school(folder / "store")
        yield folder / "store"


def read(client: TestClient, path: str, status: int = 200) -> Page:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return Page(answer.text)


def first_layer(page: Page) -> str:
    return " ".join(page.text.rpartition("Technical details")[0].split())


def test_the_list_has_every_experiment_and_those_that_run_first(client: TestClient) -> None:
    page = read(client, "/experiments")
    links = [each for each in page.having("href") if re.fullmatch("/experiments/school/.+", each)]
    names = [each.rpartition("/")[2] for each in links]
    assert set(names[:2]) == {"hints", "fresh"}
    assert set(names) == {"hints", "fresh", "steps", "broken", "idea"}


@pytest.mark.parametrize(
    ("query", "names"),
    [("state=stopped", {"steps", "broken"}), ("project=school&state=draft", {"idea"}),
     ("project=other", set()), ("page=2", set())],
)  # fmt: skip
def test_the_list_is_filtered_and_paged(client: TestClient, query: str, names: set[str]) -> None:
    page = read(client, f"/experiments?{query}")
    places = [each.split("/") for each in page.having("href")]
    found = {each[-1] for each in places if each[1:3] == ["experiments", "school"]}
    assert found == names
    assert bool(names) != ('class="empty"' in client.get(f"/experiments?{query}").text)


def test_what_was_found_is_told_as_the_report_tells_it(client: TestClient) -> None:
    page = read(client, "/experiments/school/steps")
    text = first_layer(page)
    for part in ("The experiment compares new (school/rec:v1) with control (school/rec:v0)",
                 "Everybody is served control", "Learners were assigned one by one",
                 "Of 1,000 learners", "chance hardly explains it", "gender=female", "Guardrails",
                 "by more than 0.5"):  # fmt: skip
        assert part.lower() in text.lower()
    assert not re.search(r"\bp\b (by|[0-9<])", text)
    assert "Estimators" in page.text
    assert "How it was registered" in page.text
    assert "experiment started" in page.text
    assert {"/p/school/rec/v0", "/p/school/rec/v1", "/p/school/steps-data/v0"} <= set(
        page.having("href")
    )


def test_while_it_runs_nothing_is_shown_that_looking_often_would_spoil(client: TestClient) -> None:
    page = read(client, "/experiments/school/hints")
    assert "That fits the shares that were planned" in page.text
    assert "still runs" in page.text
    assert "chance may explain it" in page.text  # the usual interval is clear of zero
    for word in ("hardly explains", ", secondary", "Whether effects differ"):
        assert word not in page.text


@pytest.mark.parametrize("name", ["fresh", "idea"])
def test_without_an_analysis_it_says_so(client: TestClient, name: str) -> None:
    text = first_layer(read(client, f"/experiments/school/{name}"))
    assert ("Nobody has analysed it yet" in text) == (name == "fresh")
    assert ("it was never started" in text) == (name == "idea")
    assert "0 learners were assigned" in text or name == "idea"


def test_a_failed_check_hides_every_effect(client: TestClient) -> None:
    text = client.get("/experiments/school/broken").text
    page = Page(text)
    assert "a check failed" in page.text
    assert "No effect is shown" in page.text
    assert "<svg" not in text
    assert "Of 1,000" not in page.text
    assert "more than chance" not in page.text


def test_shares_that_are_lost_now_hide_an_older_analysis(
    repository: edversion.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"units": {"control": 40, "new": 260}, "exposures": {"control": 0, "new": 0},
              "values": {}}  # fmt: skip
    monkeypatch.setattr(edversion.Experiment, "counts", lambda self: counts)
    client = client_of(repository)
    text = client.get("/experiments/school/hints").text
    assert "does not fit the shares" in text
    assert "a check failed" in text
    assert "Of 1,000" not in text
    assert "<svg" not in text
    told = client.get("/api/v1/experiments/school/hints").json()
    assert any("chance hardly ever" in each for each in told["failed_checks"])
    assert not any("Of 1,000" in each for each in told["sentences"])


def test_without_what_computes_sentences_are_left_and_none_of_a_running_one(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("looking", "restoring", "checks"):
        monkeypatch.setitem(sys.modules, f"edversion_plugins.experiments.{name}", None)
    text = first_layer(read(client, "/experiments/school/steps"))
    assert "Of 1,000 learners" in text
    assert "edversion[experiments]" in text
    running = first_layer(read(client, "/experiments/school/hints"))
    assert "Of 1,000 learners" not in running
    assert "edversion[experiments]" in running


def test_an_analysis_is_chosen_and_a_wrong_one_told(client: TestClient) -> None:
    page = read(client, "/experiments/school/steps?analysis=v0")
    assert "v0 is shown here" in page.text
    for path in ("steps?analysis=v9", "nothing"):
        assert client.get(f"/experiments/school/{path}").status_code == 404
        assert client.get(f"/api/v1/experiments/school/{path}").status_code == 404


def test_the_api_says_what_the_page_says(client: TestClient) -> None:
    every = client.get("/api/v1/experiments").json()["experiments"]
    assert {each["reference"]: each["state"] for each in every}["school/hints"] == "running"
    told = client.get("/api/v1/experiments/school/steps").json()
    assert (told["state"], told["failed_checks"]) == ("stopped", [])
    assert told["analyses"] == ["school/steps-analysis:v0"]
    assert sum(each["units"] for each in told["variants"]) == 300
    page = read(client, "/experiments/school/steps").text
    assert all(sentence in page for sentence in told["sentences"])


def test_the_api_lists_them_in_pages(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = client.get("/api/v1/experiments").json()
    assert (whole["page"], whole["next"]) == (1, None)
    monkeypatch.setattr(answers, "_PER_PAGE", len(whole["experiments"]) - 1)
    first, second = (client.get(f"/api/v1/experiments?page={page}").json() for page in (1, 2))
    assert (first["next"], second["next"]) == (2, None)
    assert first["experiments"] + second["experiments"] == whole["experiments"]


def test_events_lead_to_experiments(client: TestClient) -> None:
    links = read(client, "/events").having("href")
    assert "/experiments/school/idea" in links


def test_home_leads_to_what_runs(client: TestClient) -> None:
    links = read(client, "/").having("href")
    assert {"/experiments/school/hints", "/experiments/school/fresh"} <= set(links)
    assert "/experiments/school/steps" not in links


def test_who_may_not_see_the_project_sees_nothing_of_it(repository: edversion.Repository) -> None:
    other = client_of(repository, entrance=Known(edversion.Grant("viewer", "elsewhere")))
    assert other.get("/experiments/school/steps").status_code == 404
    assert other.get("/api/v1/experiments/school/steps").status_code == 404
    for path in ("/experiments", "/api/v1/experiments", "/experiments?project=school"):
        assert "steps" not in other.get(path).text
    own = client_of(repository, entrance=Known(edversion.Grant("viewer", "school")))
    assert "Of 1,000 learners" in own.get("/experiments/school/steps").text


def test_a_version_of_a_hidden_project_is_named_and_not_linked(
    repository: edversion.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(self: Reach, project: str) -> bool:
        return project == "school"

    definition = next(each for each in repository.experiments() if each.name == "idea")
    pins = {**definition.variants, "new": definition.variants["new"]._replace(reference="far/m:v1")}
    changed = dataclasses.replace(definition, variants=pins)
    monkeypatch.setattr(Reach, "experiments", lambda self, project=None: (changed,))
    monkeypatch.setattr(Reach, "sees", elsewhere)
    for path in ("/experiments", "/experiments/school/idea"):
        page = read(client_of(repository), path)
        assert "far/m:v1" in page.text
        assert "/p/far/m/v1" not in page.having("href")
        assert "/p/school/rec/v0" in page.having("href")
