"""What every catalog does with aliases, tags, metadata, deletions and metrics."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from edversion.catalog import Catalog
from edversion.errors import ConflictError, InvalidInputError, NotFoundError, RefusedError

from .makers import START, actions, commit, metric, new_run, resolve


class AliasContract:
    def test_an_alias_moves_and_counts(self, catalog: Catalog) -> None:
        for content in range(3):
            commit(catalog, content)
        first = catalog.set_alias("dropout", "knn", "best", 0, actor="ada", reason="start")
        second = catalog.set_alias("dropout", "knn", "best", 1, actor="bo")
        assert (first.number, first.revision) == (0, 1)
        assert (second.number, second.revision, second.moved_by) == (1, 2, "bo")
        assert catalog.alias("dropout", "knn", "best") == second
        assert [a.name for a in catalog.aliases("dropout", "knn")] == ["best", "latest"]
        newest, older = catalog.events(subject="dropout/knn:best")
        assert (newest.before, newest.after, newest.reason) == ("v0", "v1", None)
        assert (older.before, older.after, older.reason) == (None, "v0", "start")

    def test_to_set_it_where_it_is_changes_nothing(self, catalog: Catalog) -> None:
        commit(catalog)
        first = catalog.set_alias("dropout", "knn", "best", 0, actor="ada")
        events = catalog.events()
        assert catalog.set_alias("dropout", "knn", "best", 0, actor="bo") == first
        assert catalog.events() == events
        assert catalog.events(before=events[0].sequence, limit=1) == events[1:2]
        assert catalog.events(before=1) == ()

    def test_a_lost_race_is_a_conflict(self, catalog: Catalog) -> None:
        commit(catalog, 1)
        commit(catalog, 2)
        catalog.set_alias("dropout", "knn", "best", 0, actor="ada", expected_revision=0)
        for expected in (0, 2):
            with pytest.raises(ConflictError, match=r"it points at v0 \(revision 1") as caught:
                catalog.set_alias(
                    "dropout", "knn", "best", 1, actor="bo", expected_revision=expected
                )
            assert caught.value.code == "alias_moved"
            assert caught.value.revision == 1
        moved = catalog.set_alias("dropout", "knn", "best", 1, actor="bo", expected_revision=1)
        assert (moved.number, moved.revision) == (1, 2)

    def test_a_removed_alias_never_restarts(self, catalog: Catalog) -> None:
        version = commit(catalog, aliases=("best",))
        catalog.remove_alias("dropout", "knn", "best", actor="ada", reason="wrong")
        assert [a.name for a in catalog.aliases("dropout", "knn")] == ["latest"]
        for use in (
            lambda: catalog.alias("dropout", "knn", "best"),
            lambda: catalog.remove_alias("dropout", "knn", "best", actor="ada"),
            lambda: resolve(catalog, "knn:best"),
        ):
            with pytest.raises(NotFoundError):
                use()
        assert resolve(catalog, "knn").aliases == ("latest",)
        event = catalog.events(limit=1)[0]
        assert (event.action, event.before, event.after) == ("alias.removed", "v0", None)
        with pytest.raises(ConflictError, match="there is none"):
            catalog.set_alias("dropout", "knn", "best", 0, actor="ada", expected_revision=1)
        again = catalog.set_alias("dropout", "knn", "best", 0, actor="ada", expected_revision=0)
        assert again.revision == 3
        assert resolve(catalog, "knn:best") == version

    def test_latest_stays(self, catalog: Catalog) -> None:
        commit(catalog)
        with pytest.raises(InvalidInputError) as caught:
            catalog.remove_alias("dropout", "knn", "latest", actor="ada")
        assert caught.value.code == "latest_stays"

    def test_an_alias_needs_a_legal_name_and_a_live_version(self, catalog: Catalog) -> None:
        version = commit(catalog)
        commit(catalog, 2)
        with pytest.raises(InvalidInputError):
            catalog.set_alias("dropout", "knn", "v7", 0, actor="ada")
        with pytest.raises(NotFoundError):
            catalog.set_alias("dropout", "knn", "best", 7, actor="ada")
        catalog.delete(version, actor="ada", reason="bad")
        with pytest.raises(NotFoundError, match="was deleted"):
            catalog.set_alias("dropout", "knn", "best", 0, actor="ada")

    def test_who_needs_a_new_receipt(self, catalog: Catalog) -> None:
        commit(catalog, 1, aliases=("best",))
        assert catalog.take_changed() == (("dropout", "knn", 0),)
        commit(catalog, 2)
        assert catalog.take_changed() == (("dropout", "knn", 1),)
        catalog.set_alias("dropout", "knn", "best", 1, actor="ada")
        assert set(catalog.take_changed()) == {("dropout", "knn", 0), ("dropout", "knn", 1)}
        catalog.remove_alias("dropout", "knn", "best", actor="ada")
        assert catalog.take_changed() == (("dropout", "knn", 1),)
        assert catalog.take_changed() == ()


class EditContract:
    def test_tags_come_and_go(self, catalog: Catalog) -> None:
        version = commit(catalog, tags=("a", "b"))
        changed = catalog.change_tags(version, add=("c", "a"), remove=("b", "x"), actor="bo")
        assert changed.tags == ("a", "c")
        assert resolve(catalog, "knn").tags == ("a", "c")
        event = catalog.events(limit=1)[0]
        assert (event.action, event.before, event.after) == (
            "tags.changed",
            ["a", "b"],
            ["a", "c"],
        )
        catalog.change_tags(version, add=("a",), actor="bo")
        assert catalog.events(limit=1)[0] == event
        with pytest.raises(InvalidInputError):
            catalog.change_tags(version, add=("no good",), actor="bo")

    def test_edits_are_revisions(self, catalog: Catalog) -> None:
        version = commit(catalog, metadata={"auc": 0.5}, description="draft")
        edited = catalog.edit(version, metadata={"auc": 0.9}, actor="bo", reason="remeasured")
        assert (edited.metadata, edited.description) == ({"auc": 0.9}, "draft")
        catalog.edit(version, description="final", actor="cy")
        past = catalog.revisions(version)
        assert [(r.actor, r.metadata, r.description, r.reason) for r in past] == [
            ("ada", {"auc": 0.5}, "draft", None),
            ("bo", {"auc": 0.9}, "draft", "remeasured"),
            ("cy", {"auc": 0.9}, "final", None),
        ]
        assert past[0].at == version.created_at
        assert past[0].at <= past[1].at <= past[2].at
        metadata, description = reversed(catalog.events(subject="dropout/knn:v0")[:2])
        assert (metadata.action, metadata.before, metadata.after, metadata.reason) == (
            "metadata.edited",
            {"auc": 0.5},
            {"auc": 0.9},
            "remeasured",
        )
        assert (description.action, description.before, description.after) == (
            "description.edited",
            "draft",
            "final",
        )

    def test_an_edit_that_says_the_same_is_none(self, catalog: Catalog) -> None:
        version = commit(catalog, metadata={"a": 1, "b": 2}, description="d")
        catalog.edit(version, metadata={"b": 2, "a": 1}, description="d", actor="bo")
        assert len(catalog.revisions(version)) == 1
        assert all(event.actor == "ada" for event in catalog.events())

    def test_a_search_sees_the_edited_metadata_only(self, catalog: Catalog) -> None:
        version = commit(catalog, metadata={"old": 1})
        catalog.edit(version, metadata={"new": {"deep": ["x", "y"]}}, actor="bo")
        assert not catalog.search(where="metadata.old exists")
        assert catalog.search(where="metadata.new.deep = 'y'")
        catalog.edit(version, metadata={}, actor="bo")
        assert not catalog.search(where="metadata.new.deep exists")

    def test_metadata_that_is_no_json_is_refused(self, catalog: Catalog) -> None:
        version = commit(catalog)
        with pytest.raises(InvalidInputError):
            catalog.edit(version, metadata={"x": math.inf}, actor="bo")
        with pytest.raises(InvalidInputError):
            catalog.edit(version, description="\udcff", actor="bo")
        assert len(catalog.revisions(version)) == 1

    def test_what_is_deleted_stays_known(self, catalog: Catalog) -> None:
        first, second = commit(catalog, 1), commit(catalog, 2)
        catalog.delete(second, actor="ada", reason="leaked names")
        assert resolve(catalog, "knn") == first
        assert catalog.collection("dropout", "knn").version_count == 1
        with pytest.raises(
            NotFoundError, match=r"deleted on .* UTC by ada: leaked names"
        ) as caught:
            resolve(catalog, "knn:v1")
        assert (caught.value.code, caught.value.reason) == ("version_deleted", "leaked names")
        assert caught.value.deleted_at >= second.created_at
        for use in (
            lambda: resolve(catalog, f"knn@{second.digest}"),
            lambda: catalog.delete(second, actor="ada", reason="again"),
            lambda: catalog.edit(second, description="x", actor="ada"),
            lambda: catalog.change_tags(second, add=("x",), actor="ada"),
        ):
            with pytest.raises(NotFoundError, match="was deleted"):
                use()
        assert actions(catalog)[-2:] == [
            ("version.deleted", "dropout/knn:v1"),
            ("alias.moved", "dropout/knn:latest"),
        ]
        assert set(catalog.take_changed()) == {("dropout", "knn", 0), ("dropout", "knn", 1)}

    def test_deleted_numbers_are_not_used_again(self, catalog: Catalog) -> None:
        catalog.delete(commit(catalog), actor="ada", reason="bad")
        assert catalog.versions("dropout", "knn") == ()
        assert catalog.collection("dropout", "knn").latest is None
        with pytest.raises(NotFoundError):
            resolve(catalog, "knn")
        again = commit(catalog)
        assert (again.number, again.aliases) == (1, ("latest",))
        assert resolve(catalog, f"knn@{again.digest}") == again

    def test_an_alias_protects(self, catalog: Catalog) -> None:
        version = commit(catalog, aliases=("best", "served"))
        with pytest.raises(RefusedError, match="best, served") as caught:
            catalog.delete(version, actor="ada", reason="bad")
        assert (caught.value.code, caught.value.aliases) == ("aliased", ("best", "served"))
        assert resolve(catalog, "knn:best") == version

    def test_a_version_of_another_catalog_is_unknown(self, catalog: Catalog) -> None:
        stranger = replace(commit(catalog), number=5)
        with pytest.raises(NotFoundError, match="no version dropout/knn:v5"):
            catalog.delete(stranger, actor="ada", reason="bad")


class MetricContract:
    def test_metrics_come_back_as_logged(self, catalog: Catalog) -> None:
        catalog.start_run(new_run())
        model, data = commit(catalog), commit(catalog, "raw", name="raw")
        full = metric(
            "auc",
            0.91,
            model,
            dataset=data.reference,
            split="test",
            slice="sex=female",
            n=120,
            low=0.88,
            high=0.94,
            step=3,
            run="run-0001",
        )
        loss = metric("loss", -1e-300, run="run-0001")
        catalog.log_metrics([full, loss])
        catalog.log_metrics([metric("auc", 0.5, model)])
        assert catalog.metrics() == (full, loss, metric("auc", 0.5, model))
        assert catalog.metrics(version=model) == (full, metric("auc", 0.5, model))
        assert catalog.metrics(run="run-0001", key="auc") == (full,)
        assert catalog.metrics(version=data) == ()
        assert catalog.metrics(key="auc")[0].at == START

    def test_metrics_by_version(self, catalog: Catalog) -> None:
        first, second, elsewhere = (
            commit(catalog), commit(catalog, "other"), commit(catalog, "raw", name="raw")
        )  # fmt: skip
        catalog.log_metrics([
            metric("auc", 0.3, elsewhere), metric("auc", 0.1, first), metric("loss", 0.2, first),
        ])  # fmt: skip
        found = catalog.metrics_by_version([second, elsewhere, first])
        assert found == {each.reference: catalog.metrics(version=each) for each in
                         (second, elsewhere, first)}  # fmt: skip
        assert [len(each) for each in found.values()] == [0, 1, 2]
        assert catalog.metrics_by_version([]) == {}

    def test_metrics_of_a_collection_from_a_number_on(self, catalog: Catalog) -> None:
        first, second = commit(catalog), commit(catalog, "other")
        elsewhere = commit(catalog, "raw", name="raw")
        logged = [
            metric(key, value, version)
            for version, value in ((first, 0.1), (second, 0.2), (elsewhere, 0.3))
            for key in ("auc", "loss", "mae")
        ]
        catalog.log_metrics(logged)
        place = (second.project, second.name)
        found = catalog.metrics_since(*place, second.number, keys=("auc", "loss"))
        assert [(each.key, each.version) for each in found] == [
            ("auc", second.reference), ("loss", second.reference),
        ]  # fmt: skip
        assert len(catalog.metrics_since(*place, 0, keys=("mae",))) == 2

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"value": math.nan}, InvalidInputError),
            ({"high": math.inf}, InvalidInputError),
            ({"version": "knn:v0"}, InvalidInputError),
            ({"version": "dropout/knn:latest"}, InvalidInputError),
            ({"version": "dropout/knn:v9"}, NotFoundError),
            ({"dataset": "dropout/none:v0"}, NotFoundError),
            ({"run": "nobody"}, NotFoundError),
        ],
        ids=str,
    )
    def test_all_metrics_are_kept_or_none(
        self, catalog: Catalog, changes: dict, error: type[Exception]
    ) -> None:
        good = metric("auc", 0.5, commit(catalog))
        with pytest.raises(error):
            catalog.log_metrics([good, replace(good, **changes)])
        assert catalog.metrics() == ()

    def test_measured_versions_need_a_new_receipt(self, catalog: Catalog) -> None:
        version = commit(catalog)
        catalog.take_changed()
        catalog.log_metrics([metric("auc", 0.5, version), metric("loss", 1.0)])
        assert catalog.take_changed() == (("dropout", "knn", 0),)
