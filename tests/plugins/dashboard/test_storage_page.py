"""Storage: what takes room, for whom it is told, and what gc would free."""

from __future__ import annotations

import random
import re
import types
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

import edversion
from edversion_plugins.dashboard.admission.reach import Reach
from edversion_plugins.dashboard.pages import storage
from tests.plugins.reports import Page

from .showing import Known, client_of


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[edversion.Repository]:
    store = tmp_path_factory.mktemp("storage") / "store"
    for project, name in (("school", "exams"), ("school", "marks"), ("lab", "exams")):
        with edversion.init(project, store=store) as run:
            for content in ("first", "second", f"{project} {name}"):
                draft = edversion.Artifact(name, type="dataset")
                draft.add_bytes(random.Random(content).randbytes(1_200_000 + len(content)), "rows")
                run.log_artifact(draft)
    with edversion.open(store) as opened:
        opened.delete("school/exams:v2", reason="by mistake")
        opened.gc(grace=timedelta(days=1))
        opened.delete("school/marks:v2", reason="too old")
        opened.gc(grace=timedelta(0))
        opened.delete("lab/exams:v0", reason="not needed")
        opened.delete("lab/exams:v2", reason="not needed either")
        yield opened


def read(client: TestClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return " ".join(Page(answer.text).text.split())


def test_it_says_what_takes_room(client: TestClient, repository: edversion.Repository) -> None:
    text = read(client, "/storage")
    assert "The store takes" in text
    assert "school/exams" in text.partition("What takes room")[2]
    told = client.get("/api/v1/storage").json()
    assert told["stored"] == repository.stored_bytes()
    sizes = {(each["project"], each["name"]): each for each in told["collections"]}
    assert sizes["school", "exams"]["shared"] > 0
    (largest,) = repository.search(order_by="-size", limit=1)
    assert text.partition("The largest versions")[2].startswith(f" {largest.reference} ")


def test_gc_is_foreseen_only_where_it_is_asked_for_and_nothing_is_done(
    client: TestClient, repository: edversion.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = len(repository.events())
    text = read(client, "/storage?gc=1")
    assert "It would free" in text
    assert "Nothing was done" in text
    assert len(repository.events()) == events
    monkeypatch.setattr(repository, "gc", None)
    assert "Work it out" in read(client, "/storage")


def test_deleted_versions_say_until_when_they_can_come_back(client: TestClient) -> None:
    text = read(client, "/storage").partition("Deleted versions")[2]
    assert "lab/exams:v0" in text
    assert "yes, until a gc, and a day longer" in text
    assert "no: its bytes went on" in text
    assert text.index("lab/exams:v0") < text.index("school/marks:v2")  # what can be mended first


def test_a_version_that_waits_for_gc_says_when_it_goes() -> None:
    known = {"erased_at": None, "purged_at": None, "condemned_at": None}
    at = datetime(2026, 9, 1, 8, tzinfo=UTC)
    waits = types.SimpleNamespace(**{**known, "condemned_at": at})
    assert storage._until(waits) == "yes, until a gc after 2026-09-02 08:00 UTC"
    assert "by law" in storage._until(types.SimpleNamespace(**{**known, "erased_at": at}))


def test_the_list_is_paged(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_PER_PAGE", 3)
    first, second = (read(client, f"/storage?page={page}") for page in (1, 2))
    count = [
        len(re.findall(r"(?:exams|marks):v\d", each.partition("Can it come back?")[2]))
        for each in (first, second)
    ]
    assert count == [3, 1]
    assert ("Next" in first, "Next" in second) == (True, False)
    assert "ends before this page" in read(client, "/storage?page=9")


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_who_sees_one_project_sees_its_room_and_not_what_others_share(
    repository: edversion.Repository, role: Any
) -> None:
    client = client_of(repository, entrance=Known(edversion.Grant(role, "lab")))
    text = read(client, "/storage")
    assert "lab/exams" in text
    assert "school" not in text
    for word in ("Shared", "The store takes", "What gc would free"):
        assert word not in text
    told = client.get("/api/v1/storage").json()
    assert [each["project"] for each in told["collections"]] == ["lab"]
    assert (told["stored"], told["collections"][0]["shared"]) == (None, None)
    assert client.get("/storage?gc=1").status_code == 403
    access = edversion.Access("ada", (edversion.Grant(role, "lab"),))
    assert [each.shared for each in Reach(repository, access).sizes()] == [0]
    assert max(each.shared for each in repository.sizes() if each.project == "lab") > 0


def test_who_rules_nothing_is_told_nothing_of_gc(repository: edversion.Repository) -> None:
    client = client_of(repository, entrance=Known(edversion.Grant("viewer")))
    text = read(client, "/storage")
    assert "Shared" in text
    assert "What gc would free" not in text
    assert client.get("/storage?gc=1").status_code == 403
