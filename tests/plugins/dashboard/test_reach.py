"""Who may look at some projects sees nothing of the others, on no page and in no message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import edversion
from edversion import Access, Grant, NotFoundError, RefusedError
from edversion_plugins.dashboard.admission.reach import Reach

from .showing import Known, client_of

HIDDEN = "clinic"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[edversion.Repository]:
    """A project that may be looked at, and one whose every name begins with its own."""
    store = tmp_path_factory.mktemp("reach") / "store"
    with edversion.init(HIDDEN, name=f"{HIDDEN} run", store=store) as run:
        hidden = run.log_artifact(edversion.Artifact(f"{HIDDEN}-pupils", type="dataset"))
        run.log_artifact(edversion.Artifact("dropout", type="model"))
        run.note(f"{HIDDEN} note")
    with edversion.init("school", store=store) as run:
        run.use_artifact(hidden)
        draft = edversion.Artifact("dropout", type="model")
        draft.add_bytes(b"weights", "model.bin")
        made = run.log_artifact(draft)
        run.repository.promote(made, "champion")
    with edversion.init(HIDDEN, store=store) as run:
        run.use_artifact(made)
        run.log_artifact(edversion.Artifact(f"{HIDDEN}-fork", type="model"))
        run.repository.add_deployment(f"{HIDDEN}-api", follows=f"{HIDDEN}/dropout:latest")
    with edversion.open(store) as opened:
        yield opened


@pytest.fixture
def reach(two: edversion.Repository) -> Reach:
    return Reach(two, Access("ada", (Grant("viewer", "school"),)))


def test_lists_hold_what_may_be_seen(reach: Reach) -> None:
    assert reach.projects() == ("school",)
    assert {each.project for each in reach.collections()} == {"school"}
    assert {each.project for each in reach.search()} == {"school"}
    assert {each.project for each in reach.runs()} == {"school"}
    assert reach.deployments() == ()
    assert all(HIDDEN not in each.subject for each in reach.events())
    assert reach.events(subject=f"{HIDDEN}/dropout:v0") == ()
    assert reach.search(project=HIDDEN) == ()
    assert reach.collections(project=HIDDEN) == ()


@pytest.mark.parametrize(
    "where", ["name = 'x') or (1 = 1", "project = 'clinic'", "name ~ 'clinic'"]
)
def test_no_condition_widens_what_is_seen(reach: Reach, where: str) -> None:
    try:
        found = reach.search(where)
    except edversion.InvalidInputError:
        return
    assert all(each.project == "school" for each in found)


@pytest.mark.parametrize(
    "reference",
    [
        f"{HIDDEN}/dropout:v0",
        f"{HIDDEN}/dropout",
        f"{HIDDEN}/dropou:v0",
        f"{HIDDEN}-pupils:v0",
        "nope/x:v0",
    ],
)
def test_what_is_hidden_is_not_there(reach: Reach, reference: str) -> None:
    asks = (reach.version, reach.metrics, reach.revisions, reach.approvals, reach.lineage)
    asks += (
        reach.rejections,
        reach.earlier_version,
        lambda each: reach.cannot_approve(each, "best"),
    )
    for ask in asks:
        with pytest.raises(NotFoundError) as raised:
            ask(reference)
        assert raised.value.message.replace(reference, "").count(HIDDEN) == 0
        assert raised.value.code == "not_found"


def test_a_name_without_a_project_is_looked_for_where_one_may(reach: Reach) -> None:
    assert reach.version("dropout:v0").project == "school"


def test_runs_of_hidden_projects_are_not_there(two: edversion.Repository, reach: Reach) -> None:
    for run in two.runs():
        if run.project == "school":
            assert reach.run(run.id).id == run.id
            continue
        for text in (run.id, run.id[:8], run.id[:3]):
            with pytest.raises(NotFoundError, match="there is no"):
                reach.run(text)


def test_what_it_was_made_from_is_told_and_what_was_made_of_it_is_not(reach: Reach) -> None:
    version = reach.version("school/dropout:v0")
    assert [each.project for each in reach.ancestors(version).versions] == [HIDDEN]
    down = reach.descendants(version)
    assert (down.versions, down.edges) == ((), ())
    assert all(run.project == "school" for run in down.runs)
    assert reach.lineage(version, "down") == ()
    assert [each.source.project for each in reach.lineage(version)] == [HIDDEN]


def test_of_hidden_runs_between_only_the_project_is_named(tmp_path: Path) -> None:
    def log(run: edversion.Run, name: str, *used: edversion.Version) -> edversion.Version:
        for each in used:
            run.use_artifact(each)
        return run.log_artifact(edversion.Artifact(name, type="model"))

    with edversion.init("school", store=tmp_path) as run:
        first = log(run, "first")
    with edversion.init(HIDDEN, name="secret-study", config={"secret": 1}, store=tmp_path) as run:
        between = log(run, "between", first)
    with edversion.init("school", store=tmp_path) as run:
        last = log(run, "last", between)
        client = client_of(run.repository, entrance=Known(Grant("viewer", "school")))
        page = client.get(f"/p/school/{last.name}/v0").text
        assert f"by a run in {HIDDEN}" in page
        assert f"{HIDDEN}/between:v0" in page
        assert f"/p/{HIDDEN}/" not in page
        for place in ("", "/lineage"):
            assert "secret" not in client.get(f"/p/school/last/v0{place}").text
        assert "secret" not in client.get("/api/v1/lineage/school/last/v0").text
        assert "secret-study" in client_of(run.repository).get("/p/school/last/v0").text


def test_a_viewer_changes_nothing(two: edversion.Repository, reach: Reach) -> None:
    before = two.events(limit=1)[0].sequence
    for act in (
        lambda: reach.promote("school/dropout:v0", "best"),
        lambda: reach.approve("school/dropout:v0", "best", reason="good"),
        lambda: reach.reject("school/dropout:v0", "best", reason="bad"),
        lambda: reach.withdraw("school/dropout:v0", "best"),
        lambda: reach.rollback("school/dropout:champion"),
    ):
        with pytest.raises(RefusedError, match="takes the role") as raised:
            act()
        assert raised.value.code == "role_too_weak"
    with pytest.raises(RefusedError, match="every one"):
        reach.stored_bytes()
    assert two.events(limit=1)[0].sequence == before


def test_an_editor_of_another_project_changes_nothing_here(two: edversion.Repository) -> None:
    reach = Reach(two, Access("bo", (Grant("admin", HIDDEN), Grant("viewer", "school"))))
    with pytest.raises(RefusedError, match="bo is viewer in school"):
        reach.promote("school/dropout:v0", "best")


PLACES = (
    "/",
    "/collections",
    "/collections?project={p}",
    "/events",
    "/events?subject={p}/dropout:v0",
    "/search?q=dropout",
    "/search?where=type='dataset'",
    "/compare?v={p}/dropout:v0&v=school/dropout:v0",
    "/p/{p}/dropout",
    "/p/{p}/dropout/leaderboard",
    "/p/{p}/dropout/v0",
    "/p/{p}/dropout/v0/file?path=x",
    "/p/{p}/dropout/v0/image?path=x",
    "/promotions",
    "/p/{p}/dropout/v0/promote?to=best",
    "/p/{p}/dropout/v0/evidence?digest=x",
    "/p/school/dropout/v0/promote?to=champion",
    "/aliases/{p}/dropout/champion",
    "/aliases/school/dropout/champion",
    "/p/school/nothing",
    "/p/school/dropout/v7",
    "/api/v1/projects",
    "/api/v1/collections",
    "/api/v1/versions",
    "/api/v1/events",
    "/api/v1/versions/{p}/dropout/v0",
    "/api/v1/leaderboard/{p}/dropout",
    "/api/v1/series/{p}/dropout?metric=auc",
    "/api/v1/comparison?v={p}/dropout:v0&v=dropout:v0",
)


@pytest.mark.parametrize("place", PLACES)
def test_no_page_names_it(two: edversion.Repository, place: str) -> None:
    client = client_of(two, entrance=Known(Grant("admin", "school")))
    address = place.format(p=HIDDEN)
    answer = client.get(address)
    asked = f"{HIDDEN}/dropout:v0"
    told = answer.text.replace(asked, "").replace(f"{HIDDEN}%2Fdropout%3Av0", "")
    assert HIDDEN not in told
    if HIDDEN in address and "/events" not in address:
        assert answer.status_code == 404


def test_accounts_are_told_of_to_admins_alone(two: edversion.Repository) -> None:
    two.add_account("zoe")

    def told(grant: Grant) -> bool:
        reach = Reach(two, Access("ada", (grant,)))
        return any(each.subject == "account:zoe" for each in reach.events())

    assert told(Grant("admin"))
    assert not told(Grant("approver"))
    assert not told(Grant("admin", "school"))


def test_its_own_page_does(two: edversion.Repository) -> None:
    client: TestClient = client_of(two, entrance=Known(Grant("viewer")))
    assert HIDDEN in client.get("/").text
