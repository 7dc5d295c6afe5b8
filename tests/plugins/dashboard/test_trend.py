"""A metric over the versions of a collection, drawn and as a leaderboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import edversion
from edversion_plugins.dashboard.admission.reach import Reach
from edversion_plugins.dashboard.versions.plot import Plot
from edversion_plugins.dashboard.versions.trend import NEWEST, trend_of
from tests.plugins.reports import HOSTILE, Page

from .showing import client_of

COUNT = 6
VALUES = {0: 0.70, 1: 0.80, 3: 0.80, 4: 0.75, 5: 0.78}
GROUPS = (("sex=f", 0.05), ("sex=m", 0.01), ("age=10", 0.0), ("age=9", 0.1))
PLACE = "/p/school/net"


def log(run: edversion.Run, name: str, content: int) -> edversion.Version:
    draft = edversion.Artifact(name, type="model")
    draft.add_bytes(content.to_bytes(2), "weights")
    return run.log_artifact(draft)


def everywhere(run: edversion.Run) -> Reach:
    return Reach(run.repository, edversion.Access("ada", (edversion.Grant("viewer"),)))


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[edversion.Repository]:
    """Six versions, of which v2 was never measured, and v1 is champion."""
    folder = tmp_path_factory.mktemp("trend") / "store"
    with edversion.init("school", store=folder) as run:
        for number in range(COUNT):
            version = log(run, "net", number)
            value = VALUES.get(number)
            if value is None:
                continue
            known = {"value": value, "low": value - 0.02, "high": value + 0.01, "n": 90}
            run.log_metrics({"accuracy": known, "clicks": 3.0 * number}, version=version)
            for group, gap in GROUPS:
                run.log_metrics(
                    {"accuracy": value - gap, "clicks": gap}, version=version, slice=group
                )
        log(run, "bare", 0)
        run.repository.set_alias("school/net:v1", "champion", reason="best")
    with edversion.open(folder) as opened:
        yield opened


@pytest.fixture
def asked(lines: edversion.Repository) -> TestClient:
    return client_of(lines)


def read(client: TestClient, path: str) -> Page:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def classes(page: Page) -> list[str]:
    return page.having("class")


def test_every_version_has_its_mark(asked: TestClient) -> None:
    page = read(asked, PLACE)
    drawn = classes(page)
    # each kind has a sample in the legend
    assert (drawn.count("value"), drawn.count("champion"), drawn.count("worst")) == (5, 2, 6)
    assert drawn.count("likely") == len(VALUES) + 1
    assert (drawn.count("overall"), drawn.count("groups")) == (4, 4)
    assert "v1, champion: 0.800 (0.780 to 0.810)" in page.text
    assert "worst for age=9: 0.700" in page.text
    assert "v2: not measured here" in page.text
    assert "1 of them was not measured there." in page.text
    assert "Shown are the newest" not in page.text
    assert {f"{PLACE}/v{number}" for number in range(COUNT)} <= set(page.having("href"))
    assert page.having("style") == []


def test_the_numbers_stand_below_the_picture(asked: TestClient) -> None:
    text = " ".join(read(asked, PLACE).text.split())
    told = text.partition("Right predictions by version, as numbers, newest first")[2]
    rows = told.partition("Draw")[0]
    assert rows.index("v5") < rows.index("v1 0.800 0.780 to 0.810, n 90 age=9 0.700 champion")
    assert "v2 not measured" in rows


def test_a_metric_is_chosen_and_stays_chosen(asked: TestClient) -> None:
    page = read(asked, f"{PLACE}?plot=clicks&where=number>0&m=accuracy")
    assert "clicks by version" in page.text.lower()
    assert "is better" not in page.text.partition("The numbers")[0]
    assert "worst" not in classes(page)  # nobody knows which clicks are worse
    hidden = {
        (attrs["name"], attrs["value"]) for _, attrs in page.tags if attrs.get("type") == "hidden"
    }
    assert {("where", "number>0"), ("m", "accuracy"), ("plot", "clicks")} <= hidden
    assert all("plot=clicks" in link for link in page.having("href") if "order=" in link)


@pytest.mark.parametrize(("count", "named"), [(6, [0, 1, 2, 3, 4, 5]), (7, [0, 3, 6])])
def test_few_versions_are_all_named(tmp_path: Path, count: int, named: list[int]) -> None:
    with edversion.init("p", store=tmp_path / "store") as run:
        for number in range(count):
            run.log_metrics({"auc": 0.5}, version=log(run, "m", number))
        trend = trend_of(everywhere(run), "p/m", "auc", count)
    assert trend is not None
    assert [mark.point.version.number for mark in Plot(trend).named] == named


@pytest.mark.parametrize("query", ["", "?plot=accuracy"])
def test_what_was_not_measured_is_not_drawn(asked: TestClient, query: str) -> None:
    assert "trend" not in classes(read(asked, f"/p/school/bare{query}"))
    assert "there is nothing to draw" in read(asked, f"{PLACE}?plot=auc").text


def test_only_the_newest_are_drawn(tmp_path: Path) -> None:
    with edversion.init("p", store=tmp_path / "store") as run:
        for number in range(NEWEST + 3):
            run.log_metrics({HOSTILE: 0.5}, version=log(run, "long", number))
        page = read(client_of(run.repository), "/p/p/long")
    assert classes(page).count("value") == NEWEST + 1
    assert f"Shown are the newest {NEWEST} of {NEWEST + 3} versions." in page.text
    assert {"b", "img"}.isdisjoint(page.names() - {"img"})
    assert all("onerror" not in attrs for _, attrs in page.tags)


@pytest.mark.parametrize(
    "values",
    [(0.5, 0.5), (0.0, 0.0), (-1e9, 1e9), (5e-324, 0.0), (1e-320, 2e-320), (1e300, 1.0), (-3, -1)],
)
def test_any_values_fit_into_the_picture(tmp_path: Path, values: tuple[float, ...]) -> None:
    with edversion.init("p", store=tmp_path / "store") as run:
        for number, value in enumerate(values):
            run.log_metrics({"auc": value}, version=log(run, "m", number))
        trend = trend_of(everywhere(run), "p/m", "auc", len(values))
    assert trend is not None
    plot = Plot(trend)
    heights = [mark.y for mark in plot.marks if mark.y is not None]
    assert len(heights) == len(values)
    assert all(plot.top <= height <= plot.bottom for height in heights)
    assert (heights[0] > heights[1]) == (values[0] < values[1] and values[1] - values[0] > 1e-300)
    assert all(plot.top <= y <= plot.bottom and text for y, text in plot.ticks)
    assert len({text for _, text in plot.ticks}) == len(plot.ticks) > 0
    assert [mark.x for mark in plot.marks] == [25, 75]


def test_what_is_too_far_apart_is_not_drawn(tmp_path: Path) -> None:
    with edversion.init("p", store=tmp_path / "store") as run:
        for number, value in enumerate((-1.7e308, 1.7e308)):
            run.log_metrics({"auc": value}, version=log(run, "m", number))
        assert trend_of(everywhere(run), "p/m", "auc", 2) is None


def test_a_leaderboard_says_who_is_first_and_what_is_shared(asked: TestClient) -> None:
    text = " ".join(read(asked, f"{PLACE}/leaderboard").text.split())
    for said in (
        "v1 does best for all learners: right predictions 0.800 (likely between 0.780 and 0.810)",
        "It does worst for age=9: right predictions 0.700.",
        "v1 and v3 share rank 1, as their values are equal.",
        "5 versions measured on data that is not named; higher is better.",
        "Not measured there: v2",
    ):
        assert said in text
    assert re.findall(r" (\d+)(?: shared)? v(\d) ", text) == [
        ("1", "1"), ("1", "3"), ("3", "5"), ("4", "4"), ("5", "0"),
    ]  # fmt: skip


def test_a_leaderboard_is_of_the_group_that_is_chosen(asked: TestClient) -> None:
    page = read(asked, f"{PLACE}/leaderboard?slice=sex=f")
    assert "v1 does best for sex=f: right predictions 0.750" in page.text
    offered = [attrs["value"] for name, attrs in page.tags if name == "option"]
    assert {"accuracy", "clicks", "", "age=10", "age=9", "sex=f", "sex=m"} == set(offered)
    assert asked.get(f"{PLACE}/leaderboard?slice=sex=x").status_code == 404


def test_a_leaderboard_asks_which_values_are_better(asked: TestClient) -> None:
    page = read(asked, f"{PLACE}/leaderboard?metric=clicks")
    assert "Nobody said whether a higher or a lower clicks is better" in page.text
    known = read(asked, f"{PLACE}/leaderboard?metric=clicks&better=lower").text
    assert "v0 does best for all learners: clicks 0.000" in known
    assert asked.get(f"{PLACE}/leaderboard?better=up").status_code == 400


def test_a_leaderboard_of_nothing(asked: TestClient) -> None:
    assert "Nothing was measured" in read(asked, "/p/school/bare/leaderboard").text
    assert asked.get("/p/school/nope/leaderboard").status_code == 404


def test_the_table_names_the_worst_of_all_groups(asked: TestClient) -> None:
    rows = read(asked, PLACE).text.partition("Logged on")[2]
    assert " ".join(rows.split()).count("age=9") == len(VALUES)
    assert "It does worst for age=9" in read(asked, f"{PLACE}/v5").text


def test_the_api_ranks_and_lists_in_order(asked: TestClient, lines: edversion.Repository) -> None:
    place = "/api/v1/{}/school/net?metric=accuracy"
    board: Any = asked.get(place.format("leaderboard")).json()
    assert board == lines.leaderboard("school/net", "accuracy").as_json()
    few = asked.get(place.format("leaderboard") + "&limit=2&slice=sex=f").json()
    assert [each["version"] for each in few["standings"]] == ["school/net:v5", "school/net:v4"]
    series = asked.get(place.format("series")).json()
    assert [each["metric"]["value"] for each in series["values"]] == list(VALUES.values())
    assert series["values"][1]["aliases"] == ["champion"]
    assert series["values"][1]["worst"]["slice"] == "age=9"
    assert series["not_measured"] == ["school/net:v2"]
    for call in ("leaderboard", "series"):
        wrong = asked.get(f"/api/v1/{call}/school/net?metric=nope")
        assert (wrong.status_code, wrong.json()["code"]) == (404, "no_such_metric")
        assert asked.get(f"/api/v1/{call}/school/net").json()["metric"] == "accuracy"
        assert asked.get(f"/api/v1/{call}/school/bare").status_code == 404
        assert asked.get(f"/api/v1/{call}/school/net?limit=1001").status_code == 400
