"""The map of lineage: what is on it, what is not, and what the list says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import edversion
from edversion_plugins.dashboard.admission.reach import Reach
from edversion_plugins.dashboard.lineage import Box, Map, building, draw, fold, map_of
from edversion_plugins.dashboard.lineage.folding import nearest
from edversion_plugins.dashboard.lineage.listing import entries_of, parts_of
from edversion_plugins.dashboard.lineage.values import Arrow
from tests.plugins.reports import HOSTILE, Page

from .showing import Known, client_of
from .tracing import LONG, fill_chain, fill_lineage

MODEL = "/p/course/dropout/v1/lineage"


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[edversion.Repository]:
    store = tmp_path_factory.mktemp("lineage") / "store"
    fill_lineage(store)
    fill_chain(store)
    with edversion.open(store) as repository:
        yield repository


@pytest.fixture(scope="module")
def client(traced: edversion.Repository) -> TestClient:
    return client_of(traced)


def reach(repository: edversion.Repository, *projects: str | None) -> Reach:
    """Give the repository to somebody who may look at some projects, or at all."""
    grants = tuple(edversion.Grant("viewer", each) for each in projects or (None,))
    return Reach(repository, edversion.Access("ada", grants))


def around(repository: edversion.Repository, *place: Any, **options: Any) -> Map:
    """Make a map of a version, for somebody who may look at all projects."""
    reference, *more = place
    options.setdefault("depth", 10)
    return map_of(reach(repository), repository.version(reference), *more, **options)


def arrows(found: Map) -> set[tuple[str, str, str]]:
    """Give the arrows by what stands in the boxes; runs by their names alone."""
    return {
        (found.boxes[each.source].name, found.boxes[each.target].name, each.said)
        for each in found.arrows
    }


def entry(page: str, name: str) -> str:
    """Give the text of a box in the list."""
    found = re.findall(r'<li id="i\d+">(.*?)</li>', page, re.S)
    texts = [" ".join(Page(each).text.split()) for each in found]
    return next(each for each in texts if each.split(" ", 1)[1].startswith(name))


def test_the_map_leads_from_data_to_who_is_served(traced: edversion.Repository) -> None:
    found = around(traced, "course/dropout:v1")
    assert arrows(found) == {
        ("pupils v0", "prepare", ""),
        ("survey v0", "prepare", ""),
        ("roster v0", "export", ""),
        ("export", "census v0", ""),
        ("census v0", "prepare", ""),
        ("prepare", "features v0", ""),
        ("prepare", "table v0", ""),
        ("table v0", "train-1", "trained on"),
        ("features v0", "train-1", ""),
        ("exams v0", "train-1", "evaluated on"),
        ("train-1", "dropout v1", ""),
        ("dropout v1", "train-1", "evaluates"),
        ("train-1", "dropout-evaluation v1", ""),
        ("dropout v1", "reuse", ""),
        ("reuse", "borrowed v0", ""),
        ("dropout v1", "as champion", ""),
        ("as champion", "counsel", "champion"),
    }
    kinds = {box.name: box.kind for box in found.boxes}
    assert kinds["census v0"] == "dataset"
    assert kinds["features v0"] == "pipeline"
    assert kinds["counsel"] == "deployment"
    assert kinds["as champion"] == "approval"
    assert kinds["dropout-evaluation v1"] == "evaluation"


def test_a_run_that_evaluates_what_it_trained_is_a_box_for_each(
    traced: edversion.Repository,
) -> None:
    found = around(traced, "course/dropout:v1")
    places = [place for place, box in enumerate(found.boxes) if box.name == "train-1"]
    assert len(places) == 2
    (address,) = {found.boxes[place].address for place in places}
    assert client_of(traced).get(address).status_code == 200
    assert address.startswith("/runs/")
    behind = {found.boxes[place].name for place in found.up(0)}
    assert "dropout-evaluation v1" not in behind
    assert not set(found.up(0)) & set(found.down(0))


@pytest.mark.parametrize(
    ("direction", "has", "has_not"),
    [("up", "pupils v0", "counsel"), ("down", "counsel", "pupils v0")],
)
def test_one_direction_has_nothing_of_the_other(
    traced: edversion.Repository, direction: Any, has: str, has_not: str
) -> None:
    found = around(traced, "course/dropout:v1", direction)
    names = {box.name for box in found.boxes}
    assert has in names
    assert has_not not in names


def test_fewer_steps_say_that_there_are_more(
    traced: edversion.Repository, client: TestClient
) -> None:
    found = around(traced, "course/dropout:v1", "up", depth=1)
    assert {box.name for box in found.boxes[1:]} == {
        "train-1", "table v0", "features v0", "exams v0",
    }  # fmt: skip
    assert found.beyond
    assert "More lies beyond 1 step." in client.get(f"{MODEL}?depth=1").text
    assert "More lies beyond" not in client.get(MODEL).text


def test_instances_of_a_deployment_are_told_as_numbers(tmp_path: Path) -> None:
    with edversion.init("course", store=tmp_path) as run:
        repository = run.repository
        for number in range(2):
            draft = edversion.Artifact("marks", type="model")
            draft.add_bytes(bytes([number]), "weights")
            run.log_artifact(draft)
        repository.set_alias("course/marks:v0", "champion")
        repository.add_deployment("api", follows="course/marks:champion")
        with edversion.follow(
            "course/marks:champion", as_="api", store=tmp_path, poll=0.1
        ) as serving:
            versions = iter(serving)
            assert next(versions).version == "v0"
            repository.set_alias("course/marks:v1", "champion")
            assert next(versions).version == "v1"  # v0 counts as served until the next is asked for
            page = client_of(repository).get("/p/course/marks/v0/lineage").text
            old = around(repository, "course/marks:v0")
    assert ("marks v0", "api", "still served by 1") in arrows(old)
    assert "course/api follows course/marks:champion. Now 1 instance of it serves marks v0." in page


def test_of_other_projects_only_what_visible_versions_were_made_from_is_named(
    traced: edversion.Repository,
) -> None:
    entrance = Known(edversion.Grant("viewer", "course"))
    page = client_of(traced, entrance=entrance).get(MODEL).text
    told = entry(page, "census v0")
    assert told.startswith(
        "Dataset census v0 census v0 is a dataset in district, a project that you may not see. "
        "Comes from a run in district. Leads to prepare."
    )
    assert not [each for each in Page(page).having("href") if each.startswith("/p/district")]
    assert entry(page, "a run in district").startswith(
        "Run a run in district A run in district, a project that you may not see. "
        "Comes from roster v0."
    )
    assert {"borrowed", "reuse", "export"}.isdisjoint(re.findall(r"\w+", Page(page).text))
    assert "What came of it in projects that you may not see is left out." in page
    assert "may not see" not in client_of(traced).get(MODEL).text


def test_what_is_gone_is_marked_in_words_and_has_no_page(client: TestClient) -> None:
    page = client.get(MODEL).text
    told = entry(page, "survey v0")
    assert "no longer there" in told
    assert "It was erased: its files are destroyed; this record of it stays." in told
    assert "/p/course/survey/v0" not in page
    assert '<a href="/p/course/pupils/v0">' in page


def test_each_entry_has_a_sentence_a_day_and_a_person(
    client: TestClient, traced: edversion.Repository
) -> None:
    page = client.get(MODEL).text
    person = str(traced.version("course/dropout:v1").created_by)
    for name in ("pupils v0", "features v0", "dropout v1", "as champion", "counsel"):
        assert re.search(rf" on \d{{4}}-\d\d-\d\d \d\d:\d\d UTC by {person}\. ", entry(page, name))
    assert "The run prepare (prepare) in course finished. Started on " in entry(page, "prepare")
    told = entry(page, "as champion")
    assert f"{person} approved dropout v1 as champion: “better for all groups”." in told
    assert "Comes from dropout v1. Leads to counsel (champion)." in told


def test_list_and_map_have_the_same_boxes(client: TestClient) -> None:
    page = client.get(MODEL).text
    on_map, in_list = re.findall(r'<a id="b(\d+)"', page), re.findall(r'<li id="i(\d+)"', page)
    assert sorted(on_map, key=int) == sorted(in_list, key=int)
    assert len(on_map) == len(client.get(f"/api/v1/lineage{MODEL[2:-8]}").json()["boxes"]) == 17


def test_focus_marks_what_leads_there_and_what_came_of_it(client: TestClient) -> None:
    page = client.get(f"{MODEL}?focus=course/table:v0").text
    boxes = re.findall(r'<a id="b.*? class="(.*?)".*? aria-label="(.*?)"', page)
    near = {label for words, label in boxes if "near" in words.split()}
    assert "Dataset table v0" in near
    assert "Dataset pupils v0" in near
    assert "Deployment counsel" in near
    assert "Pipeline features v0" not in near
    assert "Dataset exams v0" not in near
    assert Page(page).text.count("Out of focus") == 1
    lost = client.get(f"{MODEL}?focus=course/nothing:v0").text
    assert "course/nothing:v0 is not on this map" in lost


def test_two_upstreams_are_told_apart_in_map_and_list(
    client: TestClient, traced: edversion.Repository
) -> None:
    pair = [traced.version(f"course/dropout:v{number}") for number in (1, 0)]
    found = around(traced, "course/dropout:v1", against=pair[1])
    sides = {(box.name, box.side) for box in found.boxes}
    assert {("train-1", "this"), ("train-0", "other"), ("table v0", "both")} <= sides
    assert {("dropout v1", "this"), ("dropout v0", "other"), ("census v0", "both")} <= sides
    page = client.get(f"{MODEL}?against=course/dropout:v0").text
    text = " ".join(Page(page).text.split())
    assert "Behind only v1 Run train-1 only v1 The run" in text
    assert "Behind only v0 Run train-0 only v0 The run" in text
    assert "Behind both (9) Dataset" in text
    assert 'aria-label="Run · only v0 train-0"' in page
    assert 'aria-label="Dataset · both table v0"' in page
    assert str(traced.compare(*pair, only=("lineage",)).section("lineage").note) in text  # type: ignore[union-attr]


def test_a_long_chain_is_folded_on_the_map_and_whole_in_the_list(client: TestClient) -> None:
    path = f"/p/chain/tuned/v{LONG - 1}/lineage?depth=50"
    page = client.get(path).text
    hidden = LONG - 2 - 4
    assert f'aria-label="Folded {hidden} steps"' in page
    assert f"{hidden} steps of long chains are folded on the map" in page
    assert len(re.findall(r'<a id="b-?\d+"', page)) == LONG - hidden + 1
    assert len(re.findall(r'<li id="i', page)) == LONG
    whole = client.get(f"{path}&chains=whole").text
    assert len(re.findall(r'<a id="b', whole)) == LONG
    assert "Folded" not in whole
    # what is in focus stays in sight
    assert 'aria-label="Model tuned v6"' in client.get(f"{path}&focus=chain/tuned:v6").text
    assert 'aria-label="Model tuned v6"' not in page


def test_boxes_far_off_are_left_out_and_counted() -> None:
    boxes = tuple(Box(str(n), "model", str(n), "Model", "") for n in range(9))
    chain = tuple(Arrow(n + 1, n) for n in range(4)) + tuple(Arrow(n, n + 1) for n in range(5, 8))
    found = nearest(Map(boxes, (*chain, Arrow(0, 5))), most=5)
    assert [box.key for box in found.boxes] == ["0", "1", "5", "2", "6"]
    assert (found.cut, len(found.arrows)) == (4, 4)


def test_of_a_thousand_and_more_the_nearest_are_kept(tmp_path: Path) -> None:
    with edversion.init("wide", store=tmp_path) as run:
        versions = []
        for number in range(4):
            draft = edversion.Artifact("data", type="dataset")
            draft.add_bytes(bytes([number]), "rows")
            versions.append(run.log_artifact(draft))
    edges = tuple(edversion.LineageEdge(each, versions[0], None, None) for each in versions[1:])
    found = edversion.Lineage(versions[0], "up", tuple(versions[1:]), (), edges)
    assert building._near(found) == (list(edges), 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "MOST", 3)
        assert building._near(found) == (list(edges[:2]), 1)


def test_folding_keeps_short_chains_and_what_is_to_stay() -> None:
    boxes = tuple(Box(str(n), "model", str(n), "Model", "") for n in range(12))
    whole = Map(boxes, tuple(Arrow(n + 1, n) for n in range(11)))
    folded, places = fold(whole, {0})
    assert [box.key for box in folded.boxes] == ["0", "1", "2", "9", "10", "11", "gap 1"]
    assert {(folded.boxes[a.source].key, folded.boxes[a.target].key) for a in folded.arrows} == {
        ("1", "0"), ("2", "1"), ("gap 1", "2"), ("9", "gap 1"), ("10", "9"), ("11", "10"),
    }  # fmt: skip
    assert places[9] == 3
    assert fold(whole, {0, 6})[0] == whole


def test_who_is_served_stands_in_the_last_column() -> None:
    kinds: tuple[Any, ...] = ("model", "run", "model", "evaluation", "deployment")
    boxes = tuple(Box(kind, kind, str(n), "", "") for n, kind in enumerate(kinds))
    whole = Map(boxes, (Arrow(0, 1), Arrow(1, 2), Arrow(2, 3), Arrow(0, 4)))
    names = {place: place for place in range(5)}
    page = draw(whole, label="Map", address=lambda box: box.key, names=names, sides={})
    assert re.findall(r'data-column="(\d)"', page) == ["0", "1", "2", "3", "3"]


def test_an_approval_of_the_version_itself_is_shown_before_it_has_an_alias(tmp_path: Path) -> None:
    with edversion.init("course", store=tmp_path) as run:
        draft = edversion.Artifact("marks", type="model")
        draft.add_bytes(b"1", "weights")
        run.log_artifact(draft)
        run.repository.approve("course/marks:v0", "champion", reason="fair")
        assert ("marks v0", "as champion", "") in arrows(around(run.repository, "course/marks:v0"))


def test_what_goes_in_a_circle_is_listed_once() -> None:
    boxes = tuple(Box(str(n), "model", str(n), "Model", "") for n in range(3))
    whole = Map(boxes, (Arrow(0, 1), Arrow(1, 0), Arrow(0, 2)))
    parts = parts_of(whole, entries_of(whole), {})
    assert [[each.box.key for each in part.entries] for part in parts] == [["0"], ["1"], ["2"]]


def test_a_version_is_chosen_by_name_or_from_the_collections(client: TestClient) -> None:
    page = client.get("/lineage").text
    assert '<a href="/p/course/dropout/v1/lineage">' in page
    assert re.search(r'<a href="/lineage" aria-current="page">Lineage</a>', page)
    answer = client.get("/lineage?version=course/dropout:champion")
    assert (answer.status_code, answer.headers["location"]) == (303, MODEL)
    moved = client.get("/p/course/dropout/champion/lineage?depth=3")
    assert (moved.status_code, moved.headers["location"]) == (307, f"{MODEL}?depth=3")
    assert f'href="{MODEL}"' in client.get(MODEL.removesuffix("/lineage")).text


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("direction=sideways", 400),
        ("depth=none", 400),
        ("against=course/dropout:v1", 400),
        ("against=course/dropout:v99", 404),
        ("against=course/survey:v0", 410),
    ],
)
def test_what_cannot_be_drawn_is_a_problem(client: TestClient, asked: str, status: int) -> None:
    assert client.get(f"{MODEL}?{asked}").status_code == status
    answer = client.get(f"/api/v1/lineage/course/dropout/v1?{asked}")
    assert (answer.status_code, answer.json()["status"]) == (status, status)


def test_the_api_gives_boxes_arrows_and_what_is_left_out(client: TestClient) -> None:
    given = client.get("/api/v1/lineage/course/dropout/v1?direction=up&depth=1").json()
    keys = {box["key"]: box for box in given["boxes"]}
    assert keys["course/table:v0"]["kind"] == "dataset"
    run = next(key for key, box in keys.items() if box["name"] == "train-1")
    arrow = {"source": "course/table:v0", "target": run, "said": "trained on"}
    assert arrow in given["arrows"]
    assert given["left_out"] == {"boxes": 0, "more_steps": True}
    both = client.get("/api/v1/lineage/course/dropout/v1?against=course/dropout:v0").json()
    assert both["against"] == "course/dropout:v0"
    assert {box["side"] for box in both["boxes"]} == {"this", "other", "both"}


def test_names_and_reasons_of_others_cannot_write_into_the_page(tmp_path: Path) -> None:
    with edversion.init("course", HOSTILE, store=tmp_path) as run:
        draft = edversion.Artifact("marks", type="model")
        draft.add_bytes(b"1", "weights")
        data = edversion.Artifact("data", type="dataset")
        data.add_bytes(b"2", "rows")
        run.use_artifact(run.log_artifact(data))
        run.log_artifact(draft)
        run.repository.approve("course/marks:v0", "champion", reason=HOSTILE)
        answer = client_of(run.repository).get("/p/course/marks/v0/lineage")
    page = Page(answer.text)
    assert answer.status_code == 200
    assert HOSTILE in page.text
    assert "b" not in page.names()
    assert [attrs["src"] for tag, attrs in page.tags if tag == "img"] == ["/static/icon.svg"]
    assert all(not raw.strip() for _, raw in page.raw)
    assert not page.having("style")
