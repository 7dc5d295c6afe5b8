"""What arrives when versions are pushed and pulled, and that nothing comes twice."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion.repository import Repository, open_repository
from edversion.starting import start_run
from edversion.store import Store
from edversion.testing import flip_bit, object_keys
from tests.moving.conftest import Opens, facts, log

BIG = random.Random(0).randbytes(3 << 20)


@pytest.fixture
def work(laptop: Repository) -> Repository:
    """Give a laptop with a week of work: data, its next version, a model, what was measured."""
    first = log(laptop, "marks", {"big.bin": BIG, "a/notes.txt": b"1"}, tags=["fair"])
    log(laptop, "marks", {"big.bin": BIG, "a/notes.txt": b"2"}, metadata={"rows": 2})
    model = log(
        laptop, "knn", b"w", type="model", sources=((first, "trained_on"),), aliases=["best"]
    )
    laptop.edit(model, metadata={"k": 5}, description="nearest", reason="said later")
    run = start_run(laptop, project="school", config={"seed": 1})
    run.log_metrics({"auc": {"value": 0.8, "n": 9}}, version=model, dataset=first, split="test")
    run.finish()
    return laptop


def test_everything_arrives(work: Repository, team: Repository) -> None:
    report = work.push(team)
    assert [(each.here, each.state) for each in report.versions] == [
        ("school/marks:v0", "new"),
        ("school/marks:v1", "new"),
        ("school/knn:v0", "new"),
    ]
    assert facts(team) == facts(work)
    for run in work.runs():
        there = team.run(run.id)
        assert (there.config, there.environment) == (run.config, run.environment)
    assert team.verify() == ()
    assert team.doctor() == ()


def test_a_file_that_is_there_does_not_travel(work: Repository, team: Repository) -> None:
    sizes = [each.size for each in work.push(team).versions]
    assert sizes == [len(BIG) + 1, 1, 1]
    log(team, "other", {"copy.bin": BIG})
    more = log(work, "fresh", {"elsewhere.bin": BIG, "new.txt": b"new"})
    (moved,) = work.push(team, more.reference).versions
    assert moved.size == len(b"new")


def test_to_push_once_more_changes_nothing(work: Repository, team: Repository) -> None:
    work.push(team)
    events, objects = team.events(), files_of(team)
    report = work.push(team)
    assert [each.state for each in report.versions] == ["same"] * 3
    assert report.size == 0
    assert team.events() == events
    assert files_of(team) == objects


def test_to_and_fro_comes_to_rest(work: Repository, team: Repository) -> None:
    work.push(team)
    team.push(work)
    before = work.events(), team.events()
    assert {each.state for each in work.push(team).versions} == {"same"}
    assert {each.state for each in work.pull(team).versions} == {"same"}
    assert (work.events(), team.events()) == before


def files_of(repository: Repository) -> dict[str, bytes]:
    root = Path(repository.location.store)
    return {
        str(path): path.read_bytes()
        for folder in ("packs", "manifests", "receipts", "imports", "runs")
        for path in (root / folder).rglob("*")
        if path.is_file()
    }


def test_the_events_of_the_other_side_are_kept_beside_the_chain(
    work: Repository, team: Repository
) -> None:
    work.push(team)
    (event,) = (e for e in team.events(subject="school/knn:v0") if e.action == "version.imported")
    assert event.after["origin"] == work.store.id
    assert event.after["digest"] == work.version("knn").digest
    data = team.store.records.read_import(event.after["record"])
    for told in work.events(subject="school/knn:v0"):
        assert told.digest.encode() in data
    assert team.verify() == (), "the chain here is of its own"


def test_a_number_that_is_taken_is_mapped(place: Opens, team: Repository) -> None:
    ada, bob = place("ada"), place("bob")
    for repository, content in ((ada, b"a"), (bob, b"b")):
        data = log(repository, "marks", content)
        log(repository, "knn", content, type="model", sources=((data, "trained_on"),))
    ada.push(team)
    report = bob.push(team)
    assert report.renamed == {
        "school/marks:v0": "school/marks:v1",
        "school/knn:v0": "school/knn:v1",
    }
    model = team.version("knn:v1")
    assert model.digest == bob.version("knn").digest
    edges = [edge for edge in team.lineage(model) if edge.relation == "trained_on"]
    assert [edge.source.reference for edge in edges] == ["school/marks:v1"]
    (event,) = (e for e in team.events(subject="school/knn:v1") if e.action == "version.imported")
    assert event.after["version"] == "school/knn:v0"
    assert bob.push(team).renamed == report.renamed
    assert {each.state for each in bob.push(team).versions} == {"same"}
    log(bob, "marks", b"c")
    assert bob.push(team).versions[-1].here == "school/marks:v2"
    assert "latest" in team.version("marks:v2").aliases


def test_the_same_content_of_two_is_one_version(place: Opens, team: Repository) -> None:
    ada, bob = place("ada"), place("bob")
    log(ada, "marks", b"same", metadata={"by": "ada"}, tags=["a"])
    log(bob, "marks", b"other")
    log(bob, "marks", b"same", metadata={"seen": True}, tags=["b"])
    ada.push(team)
    states = {each.there: (each.here, each.state) for each in bob.push(team).versions}
    assert states == {
        "school/marks:v0": ("school/marks:v1", "new"),
        "school/marks:v1": ("school/marks:v0", "joined"),
    }
    version = team.version("marks:v0")
    assert version.metadata == {"by": "ada", "seen": True}
    assert version.tags == ("a", "b")
    assert len(version.logged_by()) == 2


def test_what_was_changed_since_is_joined(work: Repository, team: Repository) -> None:
    work.edit("knn", metadata={"k": 5, "draft": True, "seed": 1})
    work.tag("knn", add=["early"])
    work.push(team)
    team.edit("knn", metadata={"k": 5, "draft": True, "seed": 2, "reviewer": "eve"})
    team.tag("knn", add=["read"])
    work.edit("knn", metadata={"k": 7, "seed": 1}, reason="a slip")
    work.tag("knn", add=["late"], remove=["early"])
    run = start_run(work, project="school")
    run.use_artifact("knn:v0", relation="evaluated_on")
    run.log_metrics({"auc": 0.9}, version="knn:v0")
    run.finish()
    states = [each.state for each in work.push(team).versions]
    assert states == ["same", "same", "joined"]
    version = team.version("knn:v0")
    assert version.metadata == {"k": 7, "seed": 2, "reviewer": "eve"}
    assert version.tags == ("late", "read")
    assert sorted(metric.value for metric in team.metrics(version)) == [0.8, 0.9]
    assert run.id in [each.id for each in version.used_by()]
    assert {each.state for each in work.push(team).versions} == {"same"}
    team.push(work)
    assert work.version("knn:v0").metadata == {"k": 7, "seed": 2, "reviewer": "eve"}


def test_what_a_version_was_made_from_may_come_later(work: Repository, team: Repository) -> None:
    work.push(team, "knn")
    model = team.version("knn")
    assert [metric.dataset for metric in team.metrics(model)] == [None]
    assert [edge for edge in team.lineage(model) if edge.relation == "trained_on"] == []
    report = work.push(team, "marks")
    assert [(each.there, each.state) for each in report.versions] == [
        ("school/marks:v0", "new"),
        ("school/marks:v1", "new"),
        ("school/knn:v0", "joined"),
    ]
    assert facts(team) == facts(work)


def test_a_run_that_was_under_way_ends_with_the_next_push(
    laptop: Repository, team: Repository
) -> None:
    run = start_run(laptop, project="school")
    draft = edversion.Artifact("marks", type="dataset")
    draft.add_bytes(b"1", "a")
    run.log_artifact(draft)
    laptop.push(team)
    assert team.run(run.id).status == "crashed", "nobody here holds it"
    run.finish()
    laptop.push(team)
    assert team.run(run.id).status == "finished"


def test_what_was_deleted_does_not_travel_and_does_not_come_back(
    work: Repository, team: Repository
) -> None:
    work.delete("marks:v1")
    work.push(team)
    assert [version.number for version in team.versions("marks")] == [0]
    team.remove_alias("knn:best") if "best" in team.version("knn").aliases else None
    team.delete("knn:v0", reason="not wanted here")
    (moved,) = work.push(team, "knn").versions
    assert (moved.state, moved.why) == ("left", "it was deleted there")
    with pytest.raises(edversion.NotFoundError):
        team.version("knn:v0")


def test_what_was_erased_since_is_told(work: Repository, team: Repository) -> None:
    work.push(team)
    work.erase("marks:v1", reason="asked for", legal_basis="GDPR Art. 17")
    report = work.push(team)
    assert report.erased == ("school/marks:v1",)
    team.erase("marks:v1", reason="asked for", legal_basis="GDPR Art. 17")
    assert work.push(team).erased == ()


def test_aliases_travel_on_request_and_never_over_a_protected_one(
    work: Repository, team: Repository
) -> None:
    work.set_alias("knn:v0", "champion")
    work.push(team)
    assert team.version("knn").aliases == ("latest",)
    team.set_policy("knn:champion", "", reason="the board decides")
    moved = work.push(team, "knn", aliases=True).versions[0]
    assert moved.protected == ("champion",)
    assert team.version("knn").aliases == ("best", "latest")
    assert work.push(team, "knn", aliases=True).versions[0].state == "same"


def test_latest_follows_the_newest_number(place: Opens, team: Repository) -> None:
    laptop = place("laptop")
    for content in (b"0", b"1", b"2"):
        log(laptop, "marks", content)
    laptop.push(team, "marks:v2")
    assert team.version("marks").number == 2
    laptop.push(team, "marks:v0", "marks:v1")
    assert [version.number for version in team.versions("marks")] == [2, 1, 0]
    assert team.version("marks").number == 2
    assert log(team, "marks", b"3").number == 3


def test_damage_is_told_and_the_rest_arrives(work: Repository, team: Repository) -> None:
    flip_bit(work.store, max(object_keys(work.store), key=work.store.backend.size), 100)
    report = work.push(team)
    states = {each.there: each.state for each in report.versions}
    assert states["school/marks:v0"] == "damaged"
    assert states["school/knn:v0"] == "new"
    assert team.verify() == ()


def test_another_type_is_refused(laptop: Repository, team: Repository) -> None:
    log(laptop, "marks", b"1")
    log(team, "marks", b"2", type="model")
    with pytest.raises(edversion.ConflictError) as caught:
        laptop.push(team)
    assert caught.value.code == "other_type"


def test_over_two_repositories_it_is_still_known(
    work: Repository, place: Opens, team: Repository
) -> None:
    hub = place("hub")
    work.push(hub)
    hub.push(team)
    before = facts(team)
    assert {each.state for each in work.push(team).versions} == {"same"}
    assert facts(team) == before == facts(work)


def test_a_record_that_was_lost_holds_up_nothing(
    work: Repository, place: Opens, team: Repository
) -> None:
    hub = place("hub")
    work.push(hub)
    for path in (Path(hub.location.store) / "imports").rglob("*.json"):
        path.unlink()
    assert {each.state for each in hub.push(team).versions} == {"new"}
    work.edit("knn", metadata={"k": 8})
    assert [each.state for each in work.push(hub, "knn").versions] == ["joined"]
    assert hub.version("knn").metadata == {"k": 8}
    assert work.push(team, "knn").versions[0].here == "school/knn:v0"


def test_a_rebuilt_catalog_still_knows_what_came(
    work: Repository, team: Repository, place: Opens
) -> None:
    work.push(team)
    team.edit("knn", metadata={"k": 6})
    team.close()
    root = Path(team.location.store)
    for path in root.glob("catalog.db*"):
        path.unlink()
    with open_repository(root, lost_catalog=True) as again:
        again.doctor(mend=True)
        assert {each.state for each in work.push(again).versions} == {"same"}
        assert again.version("knn").metadata == {"k": 6}
        assert again.doctor() == ()


def test_a_store_of_objects_is_as_good_as_a_folder(work: Repository, tmp_path: Path) -> None:
    url, catalog = f"memory://{tmp_path.name}", f"sqlite:///{tmp_path}/objects.db"
    with open_repository(url, catalog, create=True) as objects:
        work.push(objects)
        assert facts(objects) == facts(work)
        assert objects.verify() == ()
        with open_repository(tmp_path / "back", create=True) as back:
            back.pull(objects)
            assert facts(back) == facts(work)


def test_the_run_of_a_version_outlives_the_catalog(work: Repository, team: Repository) -> None:
    """Its record is written before the version is: a kill in between loses nothing."""
    written: list[str] = []
    of = team.catalog.arrive

    def looking(request: object, arrival: Any) -> object:
        records = {record["id"] for record in team.store.records.runs()}
        written.extend(arrival.runs.keys() - records)
        return of(request, arrival)  # type: ignore[arg-type]

    team.catalog.arrive = looking  # type: ignore[method-assign, assignment]
    work.push(team)
    assert written == []


def test_a_laptop_that_was_set_back_keeps_what_it_logged_since(
    place: Opens, team: Repository, tmp_path: Path
) -> None:
    """Its numbers mean something else now than what the team has of them."""
    laptop = place("laptop")
    log(laptop, "marks", b"0")
    laptop.close()
    shutil.copytree(tmp_path / "laptop", tmp_path / "backup")
    with open_repository(tmp_path / "laptop") as again:
        log(again, "marks", b"lost")
        again.push(team)
    back = place("backup")
    log(back, "marks", b"since")
    assert back.pull(team).renamed == {"school/marks:v1": "school/marks:v2"}
    assert back.version("marks:v1").read_bytes("data.bin") == b"since"
    assert back.version("marks:v2").read_bytes("data.bin") == b"lost"
    for _ in range(2):
        assert back.push(team).renamed == {
            "school/marks:v1": "school/marks:v2",
            "school/marks:v2": "school/marks:v1",
        }
    assert team.version("marks:v2").read_bytes("data.bin") == b"since"
    assert team.version("marks:v1").read_bytes("data.bin") == b"lost"


def test_a_catalog_in_postgresql_takes_and_gives(
    work: Repository, postgres_url: str, tmp_path: Path
) -> None:
    with open_repository(tmp_path / "shared", postgres_url, create=True) as shared:
        work.push(shared)
        assert facts(shared) == facts(work)
        assert {each.state for each in work.push(shared).versions} == {"same"}
        with open_repository(tmp_path / "back", create=True) as back:
            back.pull(shared)
            assert facts(back) == facts(work)


def test_references_and_modes_travel(laptop: Repository, team: Repository, tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_bytes(b"#!/bin/sh")
    script.chmod(0o755)
    run = start_run(laptop, project="school")
    draft = edversion.Artifact("tools", type="pipeline")
    draft.add_file(script)
    draft.add_reference(str(script), "elsewhere.sh")
    version = run.log_artifact(draft)
    run.finish()
    laptop.push(team)
    assert team.version("tools").files() == version.files()


def test_a_push_holds_its_packs_like_a_run(
    work: Repository, team: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`doctor` on another machine must not take what a push writes for a leftover."""
    told: list[tuple[object, ...]] = []
    of = Store.write_manifest

    def looking(store: Store, *arguments: object) -> int:
        generation = of(store, *arguments)  # type: ignore[arg-type]
        told.append(team.doctor())
        return generation

    monkeypatch.setattr(Store, "write_manifest", looking)
    work.push(team, "marks:v0")
    assert told == [()]
