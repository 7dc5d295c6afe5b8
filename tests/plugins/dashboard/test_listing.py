"""Many projects and collections: by pages, by words, by project."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

import edversion
from edversion_plugins.dashboard.pages.collections import PER_PAGE
from tests.plugins.reports import Page

from .showing import client_of

COUNT = PER_PAGE + 10
HERE = "north"
METADATA = {"share": 0.1 + 0.2, "deep": {"rates": [1 / 3, 1e-7 / 3]}, "rows": 123456.75, "n": 7}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[edversion.Repository]:
    store = tmp_path_factory.mktemp("listing") / "store"
    for project, count in ((HERE, COUNT - 2), ("south", 2)):
        with edversion.init(project, store=store) as run:
            for number in range(count):
                kind = "dataset" if number == 1 else "model"
                draft = edversion.Artifact(f"c{number:03}", type=kind, metadata=METADATA)
                draft.add_bytes(b"same", "x")
                run.log_artifact(draft)
    with edversion.open(store) as opened:
        yield opened


@pytest.fixture
def listed(many: edversion.Repository) -> TestClient:
    return client_of(many)


def names(client: TestClient, address: str) -> list[str]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    found = [link for link in Page(answer.text).having("href") if link.startswith("/p/")]
    return [link[3:] for link in dict.fromkeys(found) if link.count("/") == 3]


def test_home_shows_the_first_and_leads_to_the_others(listed: TestClient) -> None:
    page = Page(listed.get("/").text)
    shown = names(listed, "/")
    assert shown[:2] == [f"{HERE}/c000", f"{HERE}/c001"]
    assert len(shown) == 20
    assert f"All {COUNT} collections" in page.text
    assert "/collections" in page.having("href")
    assert f"collections{COUNT}" in " ".join(page.text.split())


def test_pages_follow_each_other(listed: TestClient) -> None:
    first, second = names(listed, "/collections"), names(listed, "/collections?page=2")
    assert (len(first), len(second)) == (PER_PAGE, 10)
    assert [*first, *second] == [
        *(f"{HERE}/c{number:03}" for number in range(COUNT - 2)), "south/c000", "south/c001",
    ]  # fmt: skip
    assert "The list ends" in listed.get("/collections?page=3").text
    assert "?page=3" not in Page(listed.get("/collections?page=2").text).having("href")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=SOUTH", ["south/c000", "south/c001"]),
        ("q=dataset+north", [f"{HERE}/c001"]),
        ("q=c001&project=south", ["south/c001"]),
        ("project=south", ["south/c000", "south/c001"]),
        ("q=%25", []),
    ],
)
def test_collections_are_found_by_words_and_project(
    listed: TestClient, query: str, found: list[str]
) -> None:
    assert names(listed, f"/collections?{query}") == found
    text = listed.get(f"/collections?{query}").text
    assert ("No collection is like that" in text) == (not found)


def test_a_project_without_collections_is_not_there(listed: TestClient) -> None:
    answer = listed.get("/collections?project=sou")
    assert (answer.status_code, "has no collections" in answer.text) == (404, True)


def test_words_stay_while_pages_are_turned(listed: TestClient) -> None:
    page = Page(listed.get(f"/collections?q=c&project={HERE}").text)
    assert f"?q=c&project={HERE}&page=2" in page.having("href")


def test_the_project_of_a_page_leads_to_its_collections(listed: TestClient) -> None:
    for place in ("/p/south/c000", "/p/south/c000/v0", "/p/south/c000/leaderboard"):
        assert "/collections?project=south" in Page(listed.get(place).text).having("href")


def test_metadata_is_rounded_and_says_so(listed: TestClient, many: edversion.Repository) -> None:
    text = listed.get("/p/south/c000/v0").text
    shown = Page(text).text.partition("What its author says")[2].partition("Reference")[0]
    assert '{"rates": [0.3333, 3.333e-08]}' in shown
    assert ("0.3\n" in shown, "123457.0" in shown, "0.30000" in shown) == (True, True, False)
    assert "Numbers are rounded" in shown
    assert listed.get("/api/v1/versions/south/c000/v0").json()["metadata"] == METADATA
    many.edit("south/c001", metadata={"share": 0.5, "deep": None, "rows": 3})
    assert "Numbers are rounded" not in listed.get("/p/south/c001/v0").text
