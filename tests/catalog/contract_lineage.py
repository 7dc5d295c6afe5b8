"""What every catalog does with lineage: by way of runs, and from version to version."""

from __future__ import annotations

import pytest

from edversion.catalog import Catalog, Origin
from edversion.errors import InvalidInputError, NotFoundError

from .makers import actions, commit, new_run, resolve


class LineageContract:
    def test_runs_use_and_log_versions(self, catalog: Catalog) -> None:
        for run in ("run-0001", "run-0002"):
            catalog.start_run(new_run(run))
        raw = commit(catalog, "raw", name="raw", type="dataset")
        catalog.record_use("run-0001", raw)
        catalog.record_use("run-0001", raw, relation="training")
        catalog.record_use("run-0001", raw)
        catalog.record_use("run-0002", raw)
        model = commit(catalog, run="run-0001")
        assert catalog.versions_of_run("run-0001", "used") == (raw,)
        assert catalog.versions_of_run("run-0001", "logged") == (model,)
        assert [run.id for run in catalog.runs_of(raw, "used")] == ["run-0001", "run-0002"]
        assert catalog.runs_of(raw, "logged") == ()
        edges = catalog.receipt(raw)["runs"]
        assert [(e["run"], e["relation"]) for e in edges] == [
            ("run-0001", "training"),
            ("run-0002", None),
        ]

    def test_a_use_is_recorded_once(self, catalog: Catalog) -> None:
        catalog.start_run(new_run())
        version = commit(catalog)
        catalog.take_changed()
        catalog.record_use("run-0001", version)
        assert catalog.take_changed() == (("dropout", "knn", 0),)
        catalog.record_use("run-0001", version)
        assert catalog.take_changed() == ()
        with pytest.raises(NotFoundError):
            catalog.record_use("nobody", version)

    def test_lineage_outlives_a_deletion(self, catalog: Catalog) -> None:
        catalog.start_run(new_run())
        raw = commit(catalog, "raw", name="raw", run="run-0001")
        model = commit(catalog, origins=(Origin(("dropout", "raw", 0)),))
        catalog.record_use("run-0001", raw)
        catalog.delete(raw, actor="ada", reason="consent withdrawn")
        assert catalog.origins(model) == ((raw, "derived_from"),)
        assert catalog.products(raw) == ((model, "derived_from"),)
        assert catalog.versions_of_run("run-0001", "logged") == (raw,)
        assert [run.id for run in catalog.runs_of(raw, "used")] == ["run-0001"]
        assert catalog.run_inputs("run-0001", limit=5) == ()

    def test_one_run_may_use_a_version_in_several_relations(self, catalog: Catalog) -> None:
        catalog.start_run(new_run())
        raw, other = (commit(catalog, name, name=name) for name in ("raw", "other"))
        for version, relation in (
            (raw, "trained_on"),
            (other, None),
            (raw, "evaluated_on"),
            (raw, "trained_on"),
            (raw, None),
        ):
            catalog.record_use("run-0001", version, relation=relation)
        used = [(version.name, relation) for version, relation in catalog.uses_of_run("run-0001")]
        assert used == [("raw", "trained_on"), ("raw", "evaluated_on"), ("other", None)]
        assert catalog.versions_of_run("run-0001", "used") == (raw, other)
        assert {(run.id, relation) for run, relation in catalog.uses_of(raw)} == {
            ("run-0001", "trained_on"),
            ("run-0001", "evaluated_on"),
        }
        assert [run.id for run in catalog.runs_of(raw, "used")] == ["run-0001"]
        assert len(catalog.run_inputs("run-0001", limit=2)) == 2

    @pytest.mark.parametrize("relation", ["", "trained on", "a:b", "x" * 129, 5])
    def test_a_relation_is_a_legal_name(self, catalog: Catalog, relation: str) -> None:
        catalog.start_run(new_run())
        raw, model = commit(catalog, "raw", name="raw"), commit(catalog)
        calls = [
            lambda: catalog.record_use("run-0001", raw, relation=relation),
            lambda: catalog.relate(model, raw, relation, actor="ada"),
            lambda: commit(catalog, "x", origins=(Origin(("dropout", "raw", 0), relation),)),
        ]
        for call in calls:
            with pytest.raises(InvalidInputError, match=r"illegal relation|relation must be text"):
                call()
        assert (catalog.uses_of(raw), catalog.origins(model)) == ((), ())

    def test_versions_are_related_afterwards(self, catalog: Catalog) -> None:
        raw, model = commit(catalog, "raw", name="raw"), commit(catalog)
        catalog.take_changed()
        catalog.relate(model, raw, "trained_on", actor="ada", reason="forgotten")
        assert catalog.take_changed() == (("dropout", "knn", 0),)
        (event,) = catalog.events(limit=1)
        assert (event.action, event.subject) == ("version.related", "dropout/knn:v0")
        assert (event.actor, event.reason) == ("ada", "forgotten")
        assert event.after == {"relation": "trained_on", "source": "dropout/raw:v0"}
        catalog.relate(model, raw, "trained_on", actor="bo")
        assert catalog.events(limit=1) == (event,)
        assert catalog.take_changed() == ()
        catalog.relate(model, raw, "evaluated_on", actor="bo")
        assert catalog.origins(model) == ((raw, "evaluated_on"), (raw, "trained_on"))
        assert catalog.products(raw) == ((model, "evaluated_on"), (model, "trained_on"))
        receipt = catalog.receipt(model)
        assert (len(receipt["origins"]), receipt["generation"]) == (2, 3)

    def test_lineage_never_leads_in_a_circle(self, catalog: Catalog) -> None:
        line = [commit(catalog, number) for number in range(4)]
        for child, parent in ((1, 0), (2, 0), (3, 1), (3, 2)):
            catalog.relate(line[child], line[parent], "derived_from", actor="ada")
        events = catalog.events()
        for version, source in ((0, 0), (0, 1), (0, 3), (2, 3)):
            with pytest.raises(InvalidInputError, match="cannot be made from") as caught:
                catalog.relate(line[version], line[source], "other", actor="ada")
            assert caught.value.code == "lineage_circle"
        assert catalog.events() == events
        catalog.relate(line[2], line[1], "other", actor="ada")

    def test_only_versions_that_are_there_are_related(self, catalog: Catalog) -> None:
        raw, model = commit(catalog, "raw", name="raw"), commit(catalog)
        catalog.delete(raw, actor="ada", reason="consent withdrawn")
        for pair in ((model, raw), (raw, model)):
            with pytest.raises(NotFoundError):
                catalog.relate(*pair, "trained_on", actor="ada")

    def test_content_that_is_there_gains_origins(self, catalog: Catalog) -> None:
        raw, model = commit(catalog, "raw", name="raw"), commit(catalog)
        trained = Origin(("dropout", "raw", 0), "trained_on")
        catalog.take_changed()
        for _ in range(2):
            assert commit(catalog, origins=(trained,)) == model
        assert catalog.origins(model) == ((raw, "trained_on"),)
        assert actions(catalog)[-1] == ("version.related", "dropout/knn:v0")
        assert catalog.take_changed() == (("dropout", "knn", 0),)
        assert catalog.receipt(model)["generation"] == 2

    def test_content_that_comes_back_closes_no_circle(self, catalog: Catalog) -> None:
        first = commit(catalog, "x")
        second = commit(catalog, "y", origins=(Origin(("dropout", "knn", 0)),))
        back = commit(
            catalog,
            "x",
            origins=(Origin(("dropout", "knn", 0)), Origin(("dropout", "knn", 1))),
        )
        assert back == first == resolve(catalog, "knn:v0")
        assert catalog.origins(first) == ()
        assert catalog.origins(second) == ((first, "derived_from"),)
