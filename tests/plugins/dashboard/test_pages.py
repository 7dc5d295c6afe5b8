"""What each page shows, and that nothing of it is markup of others."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import edversion
from edversion_plugins.dashboard.deeds import change_of
from tests.plugins.reports import HOSTILE, Page

from .showing import FILES, NOTES, client_of

PATHS = (
    "/",
    "/collections",
    "/p/course/passing/leaderboard",
    "/p/course/passing",
    "/p/course/passing/v1",
    "/p/course/notes/v0",
    "/p/course/notes/v0/file?path=page.html",
    "/compare",
    "/promotions",
    "/p/course/passing/v0/promote",
    "/aliases/course/passing/champion",
    "/experiments",
    "/runs",
    "/storage",
    "/experiments/course/hints",
    "/events",
    "/search?q=pass",
)


def read(client: TestClient, path: str, status: int = 200) -> Page:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return Page(answer.text)


@pytest.mark.parametrize("path", PATHS)
def test_pages_have_one_title_and_no_inline_code(client: TestClient, path: str) -> None:
    page = read(client, path)
    names = [name for name, _ in page.tags]
    assert names.count("h1") == names.count("main") == names.count("title") == 1
    assert page.raw == []
    assert page.having("style") == []
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]


@pytest.mark.parametrize("path", PATHS)
def test_links_lead_somewhere(client: TestClient, path: str) -> None:
    links = {link for link in read(client, path).having("href") if link.startswith("/")}
    assert links
    for link in links:
        assert client.get(link).status_code in (200, 307), link


def test_home_says_what_is_where(client: TestClient) -> None:
    text = " ".join(read(client, "/").text.split())
    counts = "project1 collections4 versions6"
    for part in ("course/passing", "grader-api", "nobody serves it", "Nothing waits", counts):
        assert part in text
    assert "/p/course/passing/v1" in read(client, "/").having("href")


def test_home_passes_over_sign_ins_and_latest(tmp_path: Path) -> None:
    with edversion.init("quiet", store=tmp_path / "store") as run:
        draft = edversion.Artifact("model", type="model")
        draft.add_bytes(b"1", "weights")
        run.log_artifact(draft)
        phrase = "four words are long"
        run.repository.add_account("ada", password=phrase)
        run.repository.sign_in("ada", phrase)
        text = read(client_of(run.repository), "/").text
    assert "account added" in text
    assert "version logged" in text
    assert "signed in" not in text
    assert "quiet/model:latest" not in text


def test_an_empty_repository_says_how_to_begin(tmp_path: Any) -> None:
    edversion.init("empty", store=tmp_path / "store").finish()
    with edversion.open(tmp_path / "store") as repository:
        assert "Nothing is here yet" in read(client_of(repository), "/").text


def test_a_part_of_home_that_fails_leaves_the_others(
    repository: edversion.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise edversion.HookError("the gate 'x' broke", plugin="x", hook="y")

    monkeypatch.setattr(repository, "proposals", fail)
    text = read(client_of(repository), "/").text
    assert "cannot be shown: the gate 'x' broke" in text
    assert "grader-api" in text


def rows(page: Page) -> list[str]:
    return [value for value in page.having("value") if value.startswith("course/passing:")]


def test_a_collection_is_sorted_and_filtered_by_the_catalog(client: TestClient) -> None:
    place = "/p/course/passing"
    assert rows(read(client, place)) == ["course/passing:v1", "course/passing:v0"]
    assert rows(read(client, f"{place}?order=metrics.accuracy"))[0] == "course/passing:v0"
    assert rows(read(client, f"{place}?where=alias='champion'")) == ["course/passing:v1"]
    assert "No version is like that" in read(client, f"{place}?where=tag='none'").text
    assert "The list ends" in read(client, f"{place}?page=2").text


def test_a_table_has_no_more_columns_than_somebody_reads(client: TestClient) -> None:
    address = "/p/course/passing?" + "&".join(f"m=made-up-{place}" for place in range(21))
    refused = client.get(address)
    assert refused.status_code == 400
    assert "choose 20 at most" in refused.text
    assert client.get(address.rpartition("&")[0]).status_code == 200
    once = client.get("/p/course/passing?" + "&".join(["m=auc"] * 2000))
    assert once.text.count('scope="col"') == client.get("/p/course/passing?m=auc").text.count(
        'scope="col"'
    )


def test_a_collection_shows_metrics_and_the_worst_group(client: TestClient) -> None:
    text = read(client, "/p/course/passing").text
    assert "accuracy" in text
    assert "gender=" in text
    chosen = read(client, "/p/course/passing?m=fnr")
    heads = [attrs for name, attrs in chosen.tags if name == "a" and "order=" in attrs["href"]]
    assert any("metrics.fnr" in attrs["href"] for attrs in heads)
    assert not any("metrics.auc" in attrs["href"] for attrs in heads)


def test_a_collection_has_pages(store: Any, tmp_path: Any) -> None:
    with edversion.init("many", store=tmp_path / "store") as run:
        for step in range(30):
            draft = edversion.Artifact("line", type="model")
            draft.add_bytes(bytes([step]), "x")
            run.log_artifact(draft)
        client = client_of(run.repository)
        first, second = (read(client, f"/p/many/line?page={page}") for page in (1, 2))
        shown = [
            value
            for page in (first, second)
            for value in page.having("value")
            if value.startswith("many/line:v")
        ]
        assert shown == [f"many/line:v{number}" for number in range(29, -1, -1)]
        assert "?page=2" in first.having("href")
        assert "?page=1" in second.having("href")


def test_a_version_is_told_in_sentences_first(client: TestClient) -> None:
    text = " ".join(read(client, "/p/course/passing/v1").text.split())
    first = text.partition("In numbers")[0]
    assert "passing v1 is a version of type model with 1 file" in first
    assert "Of 1,000 learners, it judges" in first
    assert "It does worst for" in first
    assert "It is champion since" in first
    assert ": “better for all”. History of champion" in first
    for part in ("reviewed", "course/exams:v0", "version logged", "edversion.open()", "epochs"):
        assert part in text
    other = read(client, "/p/course/passing/v0").text
    assert "No alias names it; champion is v1." in other


def test_an_alias_leads_to_its_version(client: TestClient) -> None:
    answer = client.get("/p/course/passing/champion")
    assert (answer.status_code, answer.headers["location"]) == (307, "/p/course/passing/v1")


def test_files_are_shown_as_text(client: TestClient) -> None:
    place = "/p/course/notes/v0/file?path="
    table = read(client, f"{place}notes.csv")
    assert {"Ada", "Bo", "mark"} <= set(table.text.split())
    assert '"a": "é"' in read(client, f"{place}facts.json").text
    page = read(client, f"{place}page.html")
    assert "<script>alert(1)</script>" in page.text
    assert "script" not in page.names()
    assert "is no text" in read(client, f"{place}weights.bin").text
    long = read(client, f"{place}long.txt").text
    assert "Only the first 65,536 bytes" in long
    assert long.count("0123456789abcde") == 65536 // 16


@pytest.mark.parametrize("path", FILES)
def test_downloads_are_attachments_that_run_nothing(client: TestClient, path: str) -> None:
    answer = client.get("/p/course/notes/v0/download", params={"path": path})
    assert answer.content == FILES[path]
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f'attachment; filename="{path}"'
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/etc/passwd", "../notes.csv", "./notes.csv", "", "NOTES.csv"])
@pytest.mark.parametrize("what", ["file", "download"])
def test_only_files_of_the_version_are_given(client: TestClient, what: str, path: str) -> None:
    answer = client.get(f"/p/course/notes/v0/{what}", params={"path": path})
    assert answer.status_code == 404
    assert "no_such_file" in answer.text


def test_what_lies_elsewhere_is_not_fetched(tmp_path: Any) -> None:
    (tmp_path / "away.txt").write_text("secret")
    with edversion.init("p", store=tmp_path / "store") as run:
        draft = edversion.Artifact("far", type="dataset")
        draft.add_reference((tmp_path / "away.txt").as_uri(), "away.txt")
        run.log_artifact(draft)
        client = client_of(run.repository)
        shown = client.get("/p/p/far/v0/file?path=away.txt")
        assert "fetches nothing from there" in shown.text
        given = client.get("/p/p/far/v0/download?path=away.txt")
        assert given.status_code == 403
        assert "secret" not in shown.text + given.text


def test_versions_are_compared_as_in_the_report(client: TestClient) -> None:
    page = read(client, "/compare?v=course/passing:v0&v=course/passing:champion")
    assert "passing:v1 compared with passing:v0" in page.text
    for part in ("In short", "In pictures", "In numbers", "Technical details", "Of 1,000 learners"):
        assert part in page.text
    link = "/compare?v=course%2Fpassing%3Av0&v=course%2Fpassing%3Av1"
    assert link in page.having("href")
    assert page.having("style") == []


def test_ticked_versions_are_compared_with_the_oldest(client: TestClient) -> None:
    answer = client.get("/compare?sort=oldest&v=course/passing:v1&v=course/passing:v0")
    assert answer.status_code == 303
    assert answer.headers["location"].endswith("v=course%2Fpassing%3Av0&v=course%2Fpassing%3Av1")


def test_a_comparison_is_exported(client: TestClient, repository: edversion.Repository) -> None:
    names = "v=course/passing:v0&v=course/passing:v1"
    given = client.get(f"/compare/export?{names}&as=json")
    assert given.headers["content-disposition"] == 'attachment; filename="comparison.json"'
    known = repository.compare("course/passing:v0", "course/passing:v1")
    assert given.json()["summary"] == list(known.summary)
    markdown = client.get(f"/compare/export?{names}&as=markdown")
    assert markdown.text == edversion.markdown_of(known)
    assert markdown.headers["content-disposition"] == 'attachment; filename="comparison.md"'
    assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
    table = client.get(f"/compare/export?{names}&as=csv")
    assert table.text == f"\ufeff{edversion.csv_of(known)}"
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert table.headers["content-disposition"] == 'attachment; filename="comparison.csv"'
    assert client.get(f"/compare/export?{names}&as=exe").status_code == 400
    assert client.get("/compare?" + "&".join(f"v=n{i}" for i in range(9))).status_code == 400


def test_of_many_tags_lists_show_few_and_the_version_all(tmp_path: Path) -> None:
    tags = [f"fairness:ethnicity:{number}" for number in range(9)]
    with edversion.init("tagged", store=tmp_path / "store") as run:
        draft = edversion.Artifact("model", type="model")
        draft.add_bytes(b"1", "weights")
        run.log_artifact(draft, tags=tags)
        client = client_of(run.repository)
        listed = read(client, "/p/tagged/model").text
        assert [tag in listed for tag in tags] == [True] * 2 + [False] * 7
        assert "and 7 more tags" in listed
        assert ", ".join(tags) in read(client, "/p/tagged/model/v0").text


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("v0", "v1", "v0 → v1"),
        (None, "v1", "to v1"),
        ("v0", None, "from v0"),
        (None, {"version": "v2", "evidence": "blake3:0"}, "to v2"),
        ({"version": "v2"}, {"version": "v1"}, "v2 → v1"),
        (None, {"type": "model"}, ""),
    ],
)
def test_a_move_says_from_what_to_what(before: Any, after: Any, said: str) -> None:
    at = datetime(2026, 9, 1, tzinfo=UTC)
    event = edversion.Event(1, at, "ana", "alias.moved", "a/b:c", before, after, None, "")
    assert change_of(event) == said


def test_events_are_paged_and_by_subject(client: TestClient, repository: edversion.Repository):
    every = repository.events()
    text = read(client, "/events").text
    assert text.count("version logged") == sum(e.action == "version.logged" for e in every)
    assert "version.logged" not in text
    older = read(client, f"/events?before={every[2].sequence}").text
    assert "deployment added" in text
    assert "deployment added" not in older
    about = read(client, "/events?subject=course/passing:champion").text
    assert "better for all" in about
    assert "version logged" not in about
    assert "alias moved to v1" in " ".join(about.split())


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=pass", ["passing:v0", "passing:v1", "passing-evaluation:v0"]),
        ("q=FAIR", ["notes:v0"]),
        ("q=pass+champion", ["passing:v1"]),
        ("q=it's+%25", []),
        ("where=size>9000", ["notes:v0"]),
    ],
)
def test_search_finds_words_and_conditions(
    client: TestClient, query: str, found: list[str]
) -> None:
    text = read(client, f"/search?{query}").text
    assert all(f"course/{each}" in text for each in found)
    assert ("Nothing is like that" in text) == (not found)


@pytest.mark.parametrize("path", ["/p/course/notes/v0", "/search?q=notes", "/"])
def test_hostile_words_are_only_text(client: TestClient, path: str) -> None:
    page = read(client, path)
    assert {"b", "i", "script"}.isdisjoint(page.names())
    assert all("onerror" not in attrs for _, attrs in page.tags)
    if path != "/":
        assert HOSTILE in page.text


def test_the_csv_is_what_was_logged(client: TestClient) -> None:
    assert client.get("/p/course/notes/v0/download?path=notes.csv").content == NOTES
