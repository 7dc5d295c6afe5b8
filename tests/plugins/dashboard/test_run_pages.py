"""Runs: listed by project and status, and told one by one."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

import edversion
from edversion_plugins.dashboard.pages import runs
from tests.plugins.reports import HOSTILE, Page

from .showing import Known, client_of

SECRET = "hunter2"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Run what finishes, what fails and what still runs, in two projects; keep their ids."""
    store = tmp_path_factory.mktemp("runs") / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["train.py", "--password", SECRET, HOSTILE])
        with edversion.init("school", job_type="prepare", store=store) as data:
            exams = data.log_artifact(_draft("exams", "dataset"))
            with data.repository.working("quiet", "analyze") as bare:  # records no surroundings
                pass
        config = {"k": 5, "why": HOSTILE}
        with edversion.init("lab", job_type="train", config=config, store=store) as train:
            train.use_artifact(exams, relation="trained_on")
            train.log_artifact(_draft("grader", "model"))
            train.note(f"half of it is missing {HOSTILE}")
        with (
            pytest.raises(ZeroDivisionError),
            edversion.init("school", job_type="broken", store=store) as broken,
        ):
            1 / 0  # noqa: B018
        with edversion.init("school", job_type="open", store=store) as still:
            named = {"data": data, "train": train, "broken": broken, "open": still}
            ids = {name: each.id for name, each in named.items()}
            yield {**ids, "bare": bare, "repository": still.repository}


def _draft(name: str, type: str) -> edversion.Artifact:
    draft = edversion.Artifact(name, type=type)
    draft.add_bytes(name.encode(), "content")
    return draft


@pytest.fixture
def repository(ran: dict[str, Any]) -> edversion.Repository:
    found: edversion.Repository = ran["repository"]
    return found


def read(client: TestClient, path: str, status: int = 200) -> Page:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return Page(answer.text)


def ids(page: Page) -> list[str]:
    found = (re.fullmatch("/runs/([^/?]+)", each) for each in page.having("href"))
    return [each[1] for each in found if each]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["open", "broken", "train", "bare", "data"]),
        ("project=school", ["open", "broken", "data"]),
        ("status=failed", ["broken"]),
        ("status=finished&project=lab", ["train"]),
        ("project=none", []),
        ("project=quiet", ["bare"]),
        ("page=2", []),
    ],
)
def test_the_list_is_newest_first_and_filtered(
    client: TestClient, ran: dict[str, Any], query: str, names: list[str]
) -> None:
    wanted = [ran[name] for name in names]
    assert ids(read(client, f"/runs?{query}")) == wanted
    told = client.get(f"/api/v1/runs?{query}").json()["runs"]
    assert [each["id"] for each in told] == wanted


def test_pages_of_the_list_follow_each_other(
    client: TestClient, ran: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "RUNS_PER_PAGE", 4)
    assert len(ids(read(client, "/runs"))) == 4
    assert ids(read(client, "/runs?page=2")) == [ran["data"]]
    told = [client.get(f"/api/v1/runs?page={page}").json()["next"] for page in (1, 2)]
    assert told == [2, None]


def test_a_run_says_what_it_used_made_and_noted(client: TestClient, ran: dict[str, Any]) -> None:
    page = read(client, f"/runs/{ran['train']}")
    text = " ".join(page.text.split())
    for part in ("It finished after", "used 1 version and logged 1 version", "trained_on",
                 "half of it is missing", "lab/grader:v0", "Python package"):  # fmt: skip
        assert part in text
    assert {"/p/school/exams/v0", "/p/lab/grader/v0"} <= set(page.having("href"))
    assert {"b", "script"}.isdisjoint(page.names())
    assert page.having("onerror") == []
    told = client.get(f"/api/v1/runs/{ran['train']}").json()
    assert told["used"] == [{"version": "school/exams:v0", "relation": "trained_on"}]
    assert told["logged"] == ["lab/grader:v0"]
    assert told["config"] == {"k": 5, "why": HOSTILE}


def test_secrets_on_the_command_line_stay_hidden(client: TestClient, ran: dict[str, Any]) -> None:
    text = read(client, f"/runs/{ran['train']}").text
    assert "train.py --password" in text
    assert "***" in text
    assert SECRET not in text


@pytest.mark.parametrize(
    ("name", "told"),
    [("broken", "division by zero"), ("open", "still running"), ("data", "logged 1 version")],
)
def test_every_end_is_told(client: TestClient, ran: dict[str, Any], name: str, told: str) -> None:
    assert told in read(client, f"/runs/{ran[name]}").text


def test_a_crash_is_told(repository: edversion.Repository, ran: dict[str, Any]) -> None:
    found = dataclasses.replace(repository.run(ran["data"]), status="crashed", ended_at=None)
    assert "ended without a word" in " ".join(runs._sentences(found, 0, 0))
    assert runs._took(found) == ""


def test_a_deleted_version_is_named_and_not_linked(repository: edversion.Repository) -> None:
    with edversion.init("lab", store=repository.location.store) as run:
        for content in (b"0", b"1"):
            draft = edversion.Artifact("gone", type="model")
            draft.add_bytes(content, "content")
            run.log_artifact(draft)
    repository.delete("lab/gone:v0", reason="a test")
    page = read(client_of(repository), f"/runs/{run.id}")
    assert "lab/gone:v0" in page.text
    assert "/p/lab/gone/v0" not in page.having("href")
    assert "/p/lab/gone/v1" in page.having("href")


@pytest.mark.parametrize("path", ["/runs?status=odd", "/runs?page=0", "/api/v1/runs?status=odd"])
def test_what_means_nothing_is_told(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 400


def test_runs_of_hidden_projects_are_not_there(
    repository: edversion.Repository, ran: dict[str, Any]
) -> None:
    client = client_of(repository, entrance=Known(edversion.Grant("viewer", "lab")))
    for path in (f"/runs/{ran['data']}", f"/api/v1/runs/{ran['data']}"):
        assert client.get(path).status_code == 404
    assert ran["data"] not in client.get("/runs").text
    assert client.get("/api/v1/runs?project=school").json()["runs"] == []
    page = read(client, f"/runs/{ran['train']}")
    assert "school/exams:v0" in page.text  # what it was made from is a fact of it
    assert "/p/school/exams/v0" not in page.having("href")
