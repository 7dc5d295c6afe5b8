"""Deployments of a repository: what they keep from removal, and what a rebuild keeps of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import edversion
from edversion.catalog import InstanceReport
from edversion.errors import InvalidInputError, NotFoundError, RefusedError
from edversion.repository import Repository, open_repository
from edversion.run import Run

from .test_erase import WHY
from .test_gc import NOW, logged, packed

API = ("test", "grader-api")


@pytest.fixture
def school(run: Run) -> Repository:
    """Three versions of a model; an instance serves the first, the champion is the second."""
    for number in range(3):
        logged(run, "dropout", a=packed(number))
    repository = run.repository
    repository.set_alias("dropout:v1", "champion")
    repository.add_deployment("grader-api", "dropout:champion", poll=2, reason="for the tutors")
    serve(repository, "test/dropout:v0")
    return repository


def serve(repository: Repository, reference: str | None, **changes: object) -> None:
    """Report as an instance would."""
    started = datetime(2026, 3, 1, tzinfo=UTC)
    told = InstanceReport("a", "web-1", 7, "svc", started, 24.0, reference, **changes)  # type: ignore[arg-type]
    repository.catalog.report_instance(*API, told)


def test_what_is_served_is_neither_deleted_nor_retained_away_nor_erased(school: Repository) -> None:
    why = "deployment test/grader-api serves it (process 7 on web-1, last heard "
    school.set_retention("dropout", "keep_last = 1")
    for dry_run in (True, False):
        kept = {one.version.version: one for one in school.retain(dry_run=dry_run).decisions}
        assert not kept["v0"].goes
        assert kept["v0"].why.startswith(why)
    for remove in (
        lambda: school.delete("dropout:v0"),
        lambda: school.erase("dropout:v0", **WHY),
        lambda: school.erase("dropout:v0", **WHY, dry_run=True),
    ):
        with pytest.raises(RefusedError) as caught:
            remove()
        assert why in str(caught.value)
    serve(school, "test/dropout:v1")
    assert [one.version.version for one in school.retain().decisions if one.goes] == ["v0"]


def test_gc_spares_what_an_instance_serves_although_it_was_deleted(school: Repository) -> None:
    """One that started while the catalog was away goes on with what it remembers."""
    serve(school, None)
    school.delete("dropout:v0", reason="old")
    serve(school, "test/dropout:v0")
    report = school.gc(grace=NOW)
    assert report.removed == ()
    assert "deployment test/grader-api serves it" in report.kept["test/dropout:v0"]
    with pytest.raises(RefusedError, match="deployment test/grader-api serves it"):
        school.erase("dropout:v0", **WHY)
    assert school.restore("dropout:v0").read_bytes("a") == packed(0)
    school.remove_deployment("grader-api")
    school.delete("dropout:v0", reason="old")
    assert school.gc(grace=NOW).removed == ("test/dropout:v0",)


def test_a_lost_catalog_knows_its_deployments_again(school: Repository, tmp_path: Path) -> None:
    school.add_deployment("old-api", "dropout:best")
    school.remove_deployment("old-api", reason="the course has ended")
    (before,) = school.deployments()
    school.close()
    for path in (tmp_path / "store").glob("catalog.db*"):
        path.unlink()
    with open_repository(tmp_path / "store", lost_catalog=True) as rebuilt:
        rebuilt.doctor(mend=True)
        (after,) = rebuilt.deployments()
        assert (after.follows, after.version, after.poll, after.created_at, after.reason) == (
            before.follows, before.version, before.poll, before.created_at, before.reason,
        )  # fmt: skip
        old = rebuilt.catalog.followed("test", "old-api")
        assert old is not None
        assert old.removed
        assert rebuilt.doctor() == ()


def test_settings_must_make_sense(school: Repository) -> None:
    for wrong in ({"poll": 0}, {"poll": -1.0}, {"poll": True}, {"poll": 5, "silent_after": 5}):
        with pytest.raises(InvalidInputError) as caught:
            school.add_deployment("other", "dropout:champion", **wrong)
        assert caught.value.code == "illegal_span"
    with pytest.raises(InvalidInputError):
        school.add_deployment("no/name", "dropout:champion")
    with pytest.raises(NotFoundError):
        school.add_deployment("other", "nothing:champion")
    with pytest.raises(InvalidInputError, match="names no alias"):
        school.add_deployment("other", "dropout:v1")
    assert school.deployment("test/grader-api") == school.deployment("grader-api")


def test_an_actor_is_whom_the_environment_names(
    school: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDVERSION_ACTOR", "grace")
    assert school.add_deployment("nightly", "dropout:champion").created_by == "grace"
    school.remove_deployment("nightly", reason="enough")
    (removed, added) = school.events(subject="deployment test/nightly")
    assert (removed.actor, removed.reason, added.actor) == ("grace", "enough", "grace")
    assert edversion.open(school.location.store).verify(events=True) == ()
