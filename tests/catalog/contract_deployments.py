"""What a catalog must do for deployments: who follows what, and what each instance reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, update

from edversion.catalog import Catalog, InstanceReport, Kept, NewDeployment
from edversion.catalog.deployment_tables import instances
from edversion.catalog.kept import write_kept
from edversion.errors import ConflictError, InvalidInputError, NotFoundError, RefusedError
from edversion.model import Deployment, DeploymentInstance

from .makers import START, commit

PLACE = ("dropout", "knn")
API = ("dropout", "grader-api")


def add(catalog: Catalog, **changes: Any) -> Deployment:
    fields: dict[str, Any] = {
        "name": API[1], "alias": "champion", "poll": 5.0, "silent_after": 60.0,
        "actor": "ada", "reason": "for the tutors",
    }  # fmt: skip
    return catalog.add_deployment(*PLACE, NewDeployment(**(fields | changes)))


def report(catalog: Catalog, number: int | None = None, **changes: Any) -> DeploymentInstance:
    """Let an instance report, and give what is known of it then."""
    fields: dict[str, Any] = {
        "id": "a", "host": "web-1", "pid": 7, "actor": "svc", "started_at": START,
        "silent_after": 60.0,
    }  # fmt: skip
    if number is not None:
        revision = catalog.alias(*PLACE, "champion").revision
        reference = f"dropout/knn:v{number}"
        fields |= {"version": reference, "revision": revision, "since": START}
    told = InstanceReport(**(fields | changes))
    catalog.report_instance(*API, told)
    (found,) = [one for one in catalog.deployment(*API).instances if one.id == told.id]
    return found


def news(catalog: Catalog) -> list[tuple[str, str, Any, Any]]:
    """What the chain tells of the deployment, oldest first: who, what, before and after."""
    events = catalog.events(subject="deployment dropout/grader-api")[::-1]
    return [(e.actor, e.action.removeprefix("deployment."), e.before, e.after) for e in events]


def age(catalog: Catalog, **span: float) -> None:
    """Let the last word of every instance be so old."""
    with catalog._database.write() as transaction:
        old = {"heard_at": datetime.now(UTC) - timedelta(**span)}
        transaction.execute(update(instances).values(old))


class DeploymentContract:
    def test_a_deployment_is_added_once_and_comes_back(self, catalog: Catalog) -> None:
        commit(catalog, aliases=("champion",))
        made = add(catalog)
        assert (made.reference, made.follows, made.version) == (
            "dropout/grader-api", "dropout/knn:champion", "dropout/knn:v0",
        )  # fmt: skip
        assert (made.created_by, made.reason, made.removed_at) == ("ada", "for the tutors", None)
        assert add(catalog, actor="bob", reason="again") == made
        with pytest.raises(ConflictError, match="follows knn:champion") as caught:
            add(catalog, alias="best")
        assert caught.value.code == "deployment_exists"
        gone = catalog.remove_deployment(*API, actor="bob", reason="the course has ended")
        assert gone.removed_at is not None
        assert catalog.deployments() == ()
        back = add(catalog, alias="best", actor="bob")
        assert (back.follows, back.version, back.removed_at) == ("dropout/knn:best", None, None)
        assert [(who, what) for who, what, *_ in news(catalog)] == [
            ("ada", "added"),
            ("bob", "removed"),
            ("bob", "added"),
        ]

    def test_what_is_not_there_is_said_with_what_is(self, catalog: Catalog) -> None:
        commit(catalog)
        add(catalog)
        for ask in (
            lambda: catalog.deployment("dropout", "grader"),
            lambda: catalog.remove_deployment("dropout", "grader", actor="ada", reason=None),
            lambda: catalog.forget_silent("dropout", "grader", actor="ada", reason=None),
            lambda: catalog.find_deployment("grader", project=None),
        ):
            with pytest.raises(NotFoundError, match="there are: dropout/grader-api") as caught:
                ask()
            assert caught.value.code == "no_deployment"
        assert catalog.followed("dropout", "grader") is None
        with pytest.raises(NotFoundError, match="no collection"):
            catalog.add_deployment("dropout", "none", NewDeployment("x", "a", 1, 2, "ada", None))

    def test_a_deployment_is_found_without_its_project(self, catalog: Catalog) -> None:
        commit(catalog)
        add(catalog)
        assert catalog.find_deployment("grader-api", project=None) == "dropout"
        assert catalog.find_deployment("grader-api", project="other") == "dropout"
        commit(catalog, project="other", name="net")
        catalog.add_deployment(
            "other", "net", NewDeployment("grader-api", "best", 1, 2, "ada", None)
        )
        assert catalog.find_deployment("grader-api", project="other") == "other"
        with pytest.raises(InvalidInputError, match="dropout, other"):
            catalog.find_deployment("grader-api", project=None)
        assert [each.reference for each in catalog.deployments()] == [
            "dropout/grader-api",
            "other/grader-api",
        ]
        assert len(catalog.deployments(project="other")) == 1

    def test_a_look_is_one_query(self, catalog: Catalog) -> None:
        commit(catalog, aliases=("champion",))
        commit(catalog, 1)
        add(catalog)
        asked: list[str] = []
        event.listen(
            catalog._database.engine,
            "before_cursor_execute",
            lambda _c, _u, statement, *_: asked.append(statement),
        )
        first = catalog.followed(*API)
        assert [text.split()[0] for text in asked if not text.startswith("BEGIN")] == ["SELECT"]
        assert first is not None
        assert (first.collection, first.alias, first.revision, first.number) == (
            "knn", "champion", 1, 0,
        )  # fmt: skip
        catalog.set_alias(*PLACE, "champion", 1, actor="ada")
        moved = catalog.followed(*API)
        assert moved is not None
        assert (moved.revision, moved.number) == (2, 1)
        catalog.remove_alias(*PLACE, "champion", actor="ada")
        gone = catalog.followed(*API)
        assert gone is not None
        assert (gone.revision, gone.number, gone.removed) == (3, None, False)

    def test_an_instance_reports_and_only_news_are_events(self, catalog: Catalog) -> None:
        commit(catalog, aliases=("champion",))
        second = commit(catalog, 1)
        add(catalog)
        begun = report(catalog)
        assert (begun.state, begun.version, begun.host, begun.pid) == ("loading", None, "web-1", 7)
        serving = report(catalog, 0)
        assert (serving.state, serving.version, serving.since) == (
            "serving", "dropout/knn:v0", START,
        )  # fmt: skip
        assert serving.digest == catalog.versions(*PLACE)[1].digest
        heard = report(catalog, 0)
        assert heard.heard_at > serving.heard_at
        catalog.set_alias(*PLACE, "champion", 1, actor="ada")
        report(catalog, 1)
        trouble = report(catalog, 1, problem="no such layer", problem_version=second.reference)
        assert (trouble.state, trouble.problem_version) == ("failed", second.reference)
        ended = report(catalog, 1, ended=True)
        assert ended.state == "ended"
        assert report(catalog, 1, ended=True).ended_at is not None
        here = {"instance": "a", "host": "web-1", "pid": 7}
        since = {"since": START.isoformat()}
        first, then = ({"version": f"dropout/knn:v{number}"} for number in (0, 1))
        assert news(catalog)[1:] == [
            ("svc", "serving", None, {**here, **first, **since}),
            ("svc", "serving", first["version"], {**here, **then, **since}),
            ("svc", "failed", then["version"], {**here, **then}),
            ("svc", "ended", then["version"], {**here, "version": None}),
        ]

    def test_behind_is_counted_in_moves_and_time(self, catalog: Catalog) -> None:
        for content in range(3):
            commit(catalog, content)
        catalog.set_alias(*PLACE, "champion", 0, actor="ada")
        add(catalog)
        report(catalog, 0)
        moves = [catalog.set_alias(*PLACE, "champion", number, actor="ada") for number in (1, 2)]
        (late,) = catalog.deployment(*API).instances
        assert (late.state, late.behind, late.behind_since) == ("behind", 2, moves[0].moved_at)
        catalog.set_alias(*PLACE, "champion", 0, actor="ada")
        (back,) = catalog.deployment(*API).instances
        assert (back.state, back.behind, back.behind_since) == ("serving", 0, None)

    def test_behind_latest_is_counted_too(self, catalog: Catalog) -> None:
        commit(catalog)
        add(catalog, alias="latest")
        told = {"version": "dropout/knn:v0", "revision": 1, "since": START}
        report(catalog, **told)
        commit(catalog, 1)
        (late,) = catalog.deployment(*API).instances
        assert (late.state, late.behind) == ("behind", 1)
        assert late.behind_since == catalog.alias(*PLACE, "latest").moved_at

    def test_who_says_nothing_is_silent_and_forgotten_in_the_end(self, catalog: Catalog) -> None:
        commit(catalog, aliases=("champion",))
        add(catalog)
        report(catalog, 0)
        age(catalog, seconds=59)
        assert [one.state for one in catalog.deployment(*API).instances] == ["serving"]
        age(catalog, seconds=61)
        assert [one.state for one in catalog.deployment(*API).instances] == ["silent"]
        age(catalog, days=7)
        assert catalog.deployment(*API).instances == ()
        report(catalog, 0, id="b")
        with catalog._database.read() as connection:
            kept = connection.exec_driver_sql("SELECT id FROM deployment_instances").all()
        assert kept == [("b",)]

    def test_silent_instances_can_be_forgotten_at_once(self, catalog: Catalog) -> None:
        commit(catalog, aliases=("champion",))
        add(catalog)
        report(catalog, 0)
        age(catalog, minutes=2)
        report(catalog, 0, id="b")
        report(catalog, 0, id="c", ended=True)
        age(catalog, minutes=2)
        report(catalog, 0, id="b")
        assert catalog.forget_silent(*API, actor="ada", reason="host gone") == ("a",)
        assert catalog.forget_silent(*API, actor="ada", reason="host gone") == ()
        assert [one.id for one in catalog.deployment(*API).instances] == ["b", "c"]
        (gone,) = [each for each in news(catalog) if each[1] == "forgotten"]
        assert gone[2] == [{"instance": "a", "version": "dropout/knn:v0"}]
        assert report(catalog, 0).state == "serving"

    def test_what_an_instance_serves_is_not_deleted(self, catalog: Catalog) -> None:
        first = commit(catalog, aliases=("champion",))
        commit(catalog, 1)
        commit(catalog, 2)
        add(catalog)
        report(catalog, 0)
        catalog.set_alias(*PLACE, "champion", 1, actor="ada")
        with pytest.raises(RefusedError, match="deployment dropout/grader-api serves it") as caught:
            catalog.delete(first, actor="ada", reason="old")
        assert caught.value.code == "served"
        assert catalog.kept_for(first) == caught.value.reasons
        serves, follows = (
            catalog.needed()["dropout", "knn", 0],
            catalog.needed()["dropout", "knn", 1],
        )
        assert serves == caught.value.reasons[0]
        assert follows == "deployment dropout/grader-api follows 'champion', which names it"
        age(catalog, days=1)  # silent, but nobody knows that it is gone
        assert catalog.kept_for(first)
        report(catalog, 0, ended=True)
        assert catalog.kept_for(first) == ()
        assert set(catalog.needed()) == {("dropout", "knn", 1)}
        catalog.delete(first, actor="ada", reason="old")

    def test_what_a_removed_deployment_serves_is_not_protected(self, catalog: Catalog) -> None:
        first = commit(catalog, aliases=("champion",))
        commit(catalog, 1)
        add(catalog)
        report(catalog, 0)
        catalog.set_alias(*PLACE, "champion", 1, actor="ada")
        catalog.remove_deployment(*API, actor="ada", reason=None)
        assert catalog.kept_for(first) == ()
        assert catalog.needed() == {}
        with pytest.raises(NotFoundError, match=r"there are: none\. Add it with") as caught:
            report(catalog, 0)
        assert caught.value.code == "no_deployment"
        catalog.delete(first, actor="ada", reason="old")

    def test_what_a_deployment_follows_as_latest_is_not_deleted(self, catalog: Catalog) -> None:
        commit(catalog)
        newest = commit(catalog, 1)
        add(catalog, alias="latest")
        with pytest.raises(RefusedError, match="follows 'latest', which names it"):
            catalog.delete(newest, actor="ada", reason="old")

    def test_deployments_come_back_from_their_records(self, catalog: Catalog) -> None:
        commit(catalog, aliases=("champion",))
        made = add(catalog)
        record = catalog.deployment_record(*API)
        gone = {**record, "name": "old-api", "removed_at": record["created_at"]}
        strange = {**record, "collection": "none", "name": "x"}
        with catalog._database.write() as transaction:
            transaction.connection.exec_driver_sql("DELETE FROM deployments")
            write_kept(transaction, Kept(deployments=[record, gone, strange]))
        assert catalog.deployments() == (made,)
        old = catalog.followed("dropout", "old-api")
        assert old is not None
        assert old.removed
