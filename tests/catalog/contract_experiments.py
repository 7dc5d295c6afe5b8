"""What a catalog must do for experiments: their states, their pins, and rows by pseudonym."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from edversion.catalog import (
    Assigned,
    Catalog,
    Exposed,
    Kept,
    Outcome,
    ServedRows,
    experiment_record,
)
from edversion.catalog.experiment_rows import read_definition, stored_definition
from edversion.catalog.experiment_tables import variants as variant_table
from edversion.catalog.kept import write_kept
from edversion.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    RefusedError,
    StorageError,
)
from edversion.model import ExperimentDefinition, Namespace, Pinned

from .makers import commit, digest

TEST = ("dropout", "rec-test")
AT = datetime(2026, 3, 2, 8, tzinfo=UTC).timestamp()


def definition(**changes: Any) -> ExperimentDefinition:
    asked = {"control": "knn:v0", "new": "knn:v1"}
    fields: dict[str, Any] = {
        "name": TEST[1], "project": TEST[0], "salt": "exp-1", "unit": "learner", "cluster": None,
        "weights": {"control": 1.0, "new": 2.0}, "asked": asked,
        "variants": {name: Pinned(text, None) for name, text in asked.items()},
        "outcomes": {"completed": "proportion"}, "primary": "completed",
        "margins": {"completed": 0.1}, "covariates": ("before",), "groups": ("gender",),
        "lower_is_better": ("completed",),
        "outliers": {"winsorize": 0.99}, "namespace": Namespace("home", 0.25, 0.5),
    }  # fmt: skip
    return ExperimentDefinition(**(fields | changes))


def define(catalog: Catalog, **changes: Any) -> ExperimentDefinition:
    return catalog.define_experiment(definition(**changes), actor="ada")


def start(catalog: Catalog, name: str = TEST[1]) -> ExperimentDefinition:
    pins = dict(zip(("control", "new"), catalog.versions("dropout", "knn")[::-1], strict=True))
    return catalog.start_experiment(
        TEST[0], name, pins, key_id="k1", actor="bob", reason="as planned"
    )


def running(catalog: Catalog, **changes: Any) -> ExperimentDefinition:
    for content in range(2):
        commit(catalog, content)
    define(catalog, **changes)
    return start(catalog)


def rows(*units: str, variant: int = 0, cluster: str = "", at: float = AT) -> ServedRows:
    """An assignment and an exposure of each unit."""
    return ServedRows(
        [Assigned(unit, cluster, variant, at, "unit") for unit in units],
        [Exposed(unit, cluster, variant, digest(variant), at, None, None) for unit in units],
    )


def news(catalog: Catalog) -> list[tuple[str, str, Any, Any]]:
    events = catalog.events(subject="experiment dropout/rec-test")[::-1]
    return [(e.actor, e.action.removeprefix("experiment."), e.before, e.after) for e in events]


class ExperimentContract:
    def test_a_definition_comes_back_whole(self, catalog: Catalog) -> None:
        made = define(catalog)
        assert made.created_at is not None
        wanted = definition(created_at=made.created_at, created_by="ada")
        assert made == wanted
        assert list(made.variants) == ["control", "new"]
        assert catalog.experiments() == (made,)
        assert catalog.experiments(project="other") == ()
        assert catalog.experiment(*TEST) == made

    def test_what_was_stored_before_it_could_say_so_has_no_outcome_of_which_less_is_better(
        self, catalog: Catalog
    ) -> None:
        stored = stored_definition(definition())
        assert read_definition(stored)["lower_is_better"] == ("completed",)
        del stored["lower_is_better"]
        assert read_definition(stored)["lower_is_better"] == ()

    def test_a_draft_may_change_and_each_change_is_an_event(self, catalog: Catalog) -> None:
        define(catalog)
        changed = catalog.define_experiment(definition(ramp=0.5), actor="bob")
        assert (changed.ramp, changed.created_by) == (0.5, "ada")
        assert catalog.define_experiment(definition(ramp=0.5), actor="cy") == changed
        (_, first, before, after), *rest = news(catalog)
        assert (first, before, after["ramp"], after["salt"]) == ("defined", None, 1.0, "exp-1")
        assert rest == [("bob", "changed", {"ramp": 1.0}, {"ramp": 0.5})]

    def test_a_start_pins_versions_for_good(self, catalog: Catalog) -> None:
        made = running(catalog)
        assert (made.state, made.key_id, made.reweighed) == ("running", "k1", False)
        assert made.started_at is not None
        assert dict(made.variants) == {
            "control": Pinned("dropout/knn:v0", digest(0)),
            "new": Pinned("dropout/knn:v1", digest(1)),
        }
        who, what, before, after = news(catalog)[-1]
        assert (who, what, before["state"], after["state"]) == (
            "bob",
            "started",
            "draft",
            "running",
        )
        assert after["pinned"]["new"] == ["dropout/knn:v1", digest(1)]

    def test_what_runs_cannot_be_changed(self, catalog: Catalog) -> None:
        made = running(catalog)
        assert catalog.define_experiment(definition(), actor="ada") == made
        with pytest.raises(
            ConflictError, match=r"running and cannot be changed.*margins"
        ) as caught:
            define(catalog, margins={"completed": 0.2})
        assert caught.value.code == "experiment_exists"
        with pytest.raises(ConflictError, match="variants"):
            define(catalog, weights={"control": 2.0, "new": 2.0})
        assert catalog.experiment(*TEST) == made

    def test_states_go_one_way(self, catalog: Catalog) -> None:
        running(catalog)
        with pytest.raises(ConflictError, match="is running; for that it must be draft"):
            start(catalog)
        with pytest.raises(ConflictError) as caught:
            catalog.archive_experiment(*TEST, actor="bob", reason=None)
        assert (caught.value.code, caught.value.state) == ("experiment_state", "running")
        assert catalog.stop_experiment(*TEST, actor="bob", reason="done").state == "stopped"
        with pytest.raises(ConflictError):
            catalog.stop_experiment(*TEST, actor="bob", reason=None)
        away = catalog.archive_experiment(*TEST, actor="bob", reason=None)
        assert away.archived_at is not None
        assert [what for _, what, *_ in news(catalog)] == [
            "defined", "started", "stopped", "archived",
        ]  # fmt: skip
        assert catalog.verify_events() == len(catalog.events())

    def test_a_ramp_only_grows(self, catalog: Catalog) -> None:
        running(catalog, ramp=0.1)
        grown = catalog.ramp_experiment(*TEST, 0.4, actor="bob", reason="it went well")
        assert (grown.ramp, grown.state) == (0.4, "running")
        with pytest.raises(ConflictError) as caught:
            catalog.ramp_experiment(*TEST, 0.3, actor="bob", reason=None)
        assert caught.value.code == "ramp_falls"
        assert news(catalog)[-1] == ("bob", "ramped", {"ramp": 0.1}, {"ramp": 0.4})

    def test_slices_of_a_namespace_do_not_overlap_while_they_run(self, catalog: Catalog) -> None:
        running(catalog)
        define(catalog, name="beside", namespace=Namespace("home", 0.5, 0.75))
        assert start(catalog, "beside").state == "running"
        define(catalog, name="over", namespace=Namespace("home", 0.4, 0.6))
        with pytest.raises(ConflictError, match="rec-test in the namespace") as caught:
            start(catalog, "over")
        assert caught.value.code == "namespace_taken"
        assert catalog.experiment(TEST[0], "over").variants["new"].digest is None
        define(catalog, name="classes", namespace=Namespace("home", 0.9, 1.0), cluster="classroom")
        with pytest.raises(ConflictError, match="assigns each learner, this one each classroom"):
            start(catalog, "classes")
        catalog.stop_experiment(*TEST, actor="bob", reason=None)
        catalog.stop_experiment(TEST[0], "beside", actor="bob", reason=None)
        assert start(catalog, "over").state == "running"

    def test_what_is_compared_is_kept(self, catalog: Catalog) -> None:
        running(catalog)
        first, second = catalog.versions("dropout", "knn")[::-1]
        with pytest.raises(RefusedError, match="rec-test is running and serves it") as caught:
            catalog.delete(first, actor="ada", reason=None)
        assert caught.value.code == "in_experiment"
        assert len(catalog.kept_for(second)) == 1
        assert set(catalog.needed()) == {("dropout", "knn", 0), ("dropout", "knn", 1)}
        catalog.stop_experiment(*TEST, actor="bob", reason=None)
        with pytest.raises(RefusedError, match="rec-test is stopped and serves it"):
            catalog.delete(first, actor="ada", reason=None)
        assert set(catalog.needed()) == {("dropout", "knn", 0), ("dropout", "knn", 1)}
        catalog.archive_experiment(*TEST, actor="bob", reason=None)
        assert catalog.needed() == {}
        catalog.delete(first, actor="ada", reason=None)

    def test_a_deleted_version_cannot_be_pinned(self, catalog: Catalog) -> None:
        gone, kept = commit(catalog, 0), commit(catalog, 1)
        define(catalog)
        catalog.delete(gone, actor="ada", reason=None)
        with pytest.raises(NotFoundError):
            catalog.start_experiment(
                *TEST, {"control": gone, "new": kept}, key_id="k1", actor="ada", reason=None
            )
        assert catalog.experiment(*TEST).state == "draft"

    def test_names_lead_to_their_project(self, catalog: Catalog) -> None:
        define(catalog)
        assert catalog.find_experiment("rec-test", project=None) == "dropout"
        define(catalog, project="other")
        assert catalog.find_experiment("rec-test", project="other") == "other"
        with pytest.raises(InvalidInputError, match="dropout/rec-test"):
            catalog.find_experiment("rec-test", project=None)
        with pytest.raises(NotFoundError, match="there are: dropout/rec-test, other/") as caught:
            catalog.find_experiment("rec", project=None)
        assert caught.value.code == "no_experiment"

    def test_rows_come_back_as_columns(self, catalog: Catalog) -> None:
        running(catalog)
        batch = rows("b", "a", at=AT)
        batch.exposures.append(Exposed("a", "c9", 1, digest(0), AT + 1, "r-7", "pack_missing"))
        batch.outcomes.append(Outcome("a", "completed", 1.0, AT + 2))
        assert catalog.write_served(*TEST, batch) == {}
        tables = catalog.served_columns(*TEST)
        moment = datetime.fromtimestamp(AT, UTC)
        assert tables["assignments"] == {
            "unit": ["a", "b"], "cluster": [None, None], "variant": ["control", "control"],
            "assigned_at": [moment, moment], "rule": ["unit", "unit"],
        }  # fmt: skip
        assert tables["exposures"]["variant"] == ["control", "control", "new"]
        last = {name: column[-1] for name, column in tables["exposures"].items()}
        assert last == {
            "unit": "a", "cluster": "c9", "variant": "new", "digest": digest(0),
            "at": datetime.fromtimestamp(AT + 1, UTC), "request": "r-7",
            "fallback": "pack_missing",
        }  # fmt: skip
        assert tables["outcomes"]["value"] == [1.0]
        assert catalog.exposures_of(*TEST, "a")[0]["fallback"] == "pack_missing"
        assert catalog.served_counts(*TEST) == {
            "units": {"control": 2, "new": 0},
            "exposures": {"control": 2, "new": 1},
            "values": {"completed": 1},
        }

    def test_texts_of_callers_come_back_whole(self, catalog: Catalog) -> None:
        running(catalog)
        texts = ["tab\tand\nline", "\\N", "back\\slash", "nul\0and\1", "Zoë 😀", ""]
        shown = [
            Exposed("a", "", 0, digest(0), AT + at, text, None) for at, text in enumerate(texts)
        ]
        catalog.write_served(*TEST, ServedRows([], shown))
        assert catalog.served_columns(*TEST)["exposures"]["request"] == texts

    def test_times_keep_their_microseconds(self, catalog: Catalog) -> None:
        running(catalog)
        times = [AT + 0.000001, AT + 0.999999, AT + 1.5, AT + 60]
        shown = [Exposed("a", "", 0, digest(0), at, None, None) for at in times]
        catalog.write_served(*TEST, ServedRows([], shown))
        found = [at.timestamp() for at in catalog.served_columns(*TEST)["exposures"]["at"]]
        assert found == [pytest.approx(at, abs=1e-9) for at in times]

    def test_a_batch_that_fails_leaves_nothing(self, catalog: Catalog) -> None:
        running(catalog)
        batch = rows("a")
        batch.outcomes.append(Outcome("a", "completed", None, AT))  # type: ignore[arg-type]
        with pytest.raises((StorageError, InvalidInputError)):
            catalog.write_served(*TEST, batch)
        assert catalog.served_counts(*TEST)["units"] == {"control": 0, "new": 0}
        assert catalog.write_served(*TEST, rows("a")) == {}

    def test_empty_tables_have_their_columns(self, catalog: Catalog) -> None:
        running(catalog)
        assert catalog.served_columns(*TEST)["outcomes"] == {
            "unit": [], "name": [], "value": [], "at": [],
        }  # fmt: skip

    def test_the_first_assignment_of_a_unit_holds(self, catalog: Catalog) -> None:
        running(catalog)
        catalog.write_served(*TEST, rows("a", "b", variant=0))
        assert catalog.write_served(*TEST, rows("b", "c", variant=1, at=AT + 1)) == {"b": 0}
        found = catalog.served_columns(*TEST)["assignments"]
        assert dict(zip(found["unit"], found["variant"], strict=True)) == {
            "a": "control", "b": "control", "c": "new",
        }  # fmt: skip
        assert catalog.recorded_assignment(*TEST, "b", "") == (("", 0), None)
        assert catalog.recorded_assignment(*TEST, "z", "") == (None, None)

    def test_a_unit_may_have_an_assignment_in_each_cluster(self, catalog: Catalog) -> None:
        running(catalog, cluster="classroom", consistency="group")
        catalog.write_served(*TEST, rows("a", variant=0, cluster="c1"), each_cluster=True)
        moved = rows("a", variant=1, cluster="c2", at=AT + 1)
        assert catalog.write_served(*TEST, moved, each_cluster=True) == {}
        assert catalog.served_columns(*TEST)["assignments"]["cluster"] == ["c1", "c2"]
        assert catalog.recorded_assignment(*TEST, "a", "c2")[0] == ("c1", 0)

    def test_the_first_variant_of_a_cluster_is_known(self, catalog: Catalog) -> None:
        running(catalog, cluster="classroom")
        first = ServedRows([Assigned("a", "c1", 1, AT, "cluster")])
        kept = ServedRows([Assigned("b", "c1", 0, AT - 1, "kept")])
        for batch in (first, kept):
            catalog.write_served(*TEST, batch)
        assert catalog.recorded_assignment(*TEST, "z", "c1") == (None, 1)

    def test_weights_that_somebody_changed_show(self, catalog: Catalog) -> None:
        running(catalog)
        with catalog._database.write() as transaction:
            transaction.execute(update(variant_table).values(weight=5.0))
        assert catalog.experiment(*TEST).reweighed

    def test_a_batch_whose_answer_was_lost_is_not_written_twice(
        self, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        running(catalog)
        write, lost = catalog._database.write, []

        def losing() -> Any:
            done = write()
            if not lost:
                lost.append(True)
                return _Lost(done)
            return done

        monkeypatch.setattr(catalog._database, "write", losing)
        batch = rows("a", "b")
        batch.outcomes.append(Outcome("a", "completed", 1.0, AT))
        catalog.write_served(*TEST, batch)
        assert lost
        monkeypatch.undo()
        assert catalog.served_counts(*TEST)["exposures"] == {"control": 2, "new": 0}
        assert catalog.served_counts(*TEST)["values"] == {"completed": 1}

    def test_a_unit_is_erased_and_the_counts_are_right(self, catalog: Catalog) -> None:
        running(catalog)
        batch = rows("a", "b")
        batch.outcomes += [Outcome(unit, "completed", 1.0, AT) for unit in ("a", "a", "b")]
        catalog.write_served(*TEST, batch)
        gone = catalog.forget_unit(*TEST, "a", actor="bob", reason="asked")
        assert gone == {"assignments": 1, "exposures": 1, "outcomes": 2}
        assert catalog.served_counts(*TEST) == {
            "units": {"control": 1, "new": 0},
            "exposures": {"control": 1, "new": 0},
            "values": {"completed": 1},
        }
        event = catalog.events(subject="experiment dropout/rec-test")[0]
        assert (event.action, event.after) == ("experiment.forgot_one", gone)

    def test_an_experiment_is_restored_without_its_learners(
        self, catalog: Catalog, catalog_url: str
    ) -> None:
        made = running(catalog)
        catalog.write_served(*TEST, rows("a"))
        record = experiment_record(made)
        with Catalog.open("sqlite://") as other:
            for content in range(2):
                commit(other, content)
            with other._database.write() as transaction:
                write_kept(transaction, Kept(experiments=[record]))
            assert other.experiment(*TEST) == made
            assert other.served_counts(*TEST)["units"] == {"control": 0, "new": 0}
            assert len(other.needed()) == 2


class _Lost:
    """A transaction that commits, and whose answer is lost."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __enter__(self) -> Any:
        return self._inner.__enter__()

    def __exit__(self, *exc: Any) -> None:
        self._inner.__exit__(*exc)
        raise StorageError("the connection was lost", code="catalog_lost")
