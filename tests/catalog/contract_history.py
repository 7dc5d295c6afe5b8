"""What every catalog tells afterwards: settings, events, receipts; and what it restores."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from edversion.catalog import Catalog, LargeFile, Origin, PackRow
from edversion.digests import canonical_json, digest_of_bytes
from edversion.errors import NotFoundError, RefusedError
from edversion.model import Version

from .makers import actions, commit, digest, metric, new_run, numbers, resolve

# What a commit may bring; its first receipt is made of this, without asking the database.
RICH: dict[str, dict[str, Any]] = {
    "nothing": {},
    "another collection": {"name": "Tree", "project": "Other", "type": "pipeline"},
    "a run": {"run": "run-0001"},
    "the beginning of a run": {"run": "run-"},
    "aliases": {"aliases": ("zeta", "best", "zeta", "latest", "other", "alpha")},
    "tags": {"tags": ("b:c", "a", "b", "a")},
    "origins": {
        "origins": (
            Origin(("dropout", "raw", 0), "trained_on"),
            Origin(("dropout", "knn", 0)),
            Origin(("dropout", "raw", 0), "evaluated_on"),
            Origin(("dropout", "raw", 0), "trained_on"),
        )
    },
    "packs": {
        "packs": (PackRow("p3", 3), PackRow("p1", 0), PackRow("p1", 9)),
        "reused_packs": ("p2", "p0", "p2", "p3"),
    },
    "large files": {
        "large_files": (LargeFile(digest(2), 1 << 45), LargeFile(digest(1), 5)) * 2,
        "size": 1 << 46,
        "file_count": 1_000_000,
    },
    "metadata": {
        "metadata": {
            "z": [1, 2.0, -0.0, 1e-300, 10**30, True, None, "ä\0\u2028", (1, (2,))],
            "a": {"k": {}, "": [], "Ü": "\U0001f393"},
        },
        "description": "Zeile 1\nZeile 2 'x'",
        "facts": {"b.csv": {"rows": 3, "columns": ["x", "a"]}, "a.csv": {"mean": 0.1 + 0.2}},
        "generation": 1_795_478_509_821_992,
    },
}
RICH["all"] = {key: value for change in list(RICH.values())[2:] for key, value in change.items()}


class JournalContract:
    def test_what_went_wrong_inside_leaves_nothing(self, catalog: Catalog) -> None:
        with suppress(ZeroDivisionError), catalog._database.write() as transaction:
            transaction.execute(text("INSERT INTO settings VALUES ('a', 'b')"))
            transaction.tell("version.logged", "x", actor="ada")
            raise ZeroDivisionError
        assert catalog.setting("a") is None
        assert catalog.events() == ()

    def test_settings(self, catalog: Catalog) -> None:
        assert catalog.setting("store") is None
        catalog.set_setting("store", "one")
        catalog.set_setting("store", "two")
        assert catalog.setting("store") == "two"

    def test_every_change_is_an_event(self, catalog: Catalog) -> None:
        before = datetime.now(UTC)
        version = commit(catalog, aliases=("best",))
        catalog.remove_alias("dropout", "knn", "best", actor="bo", reason="why not")
        assert actions(catalog) == [
            ("version.logged", "dropout/knn:v0"),
            ("alias.moved", "dropout/knn:best"),
            ("alias.moved", "dropout/knn:latest"),
            ("alias.removed", "dropout/knn:best"),
        ]
        newest = catalog.events(limit=1)[0]
        assert (newest.sequence, newest.actor, newest.reason) == (4, "bo", "why not")
        assert before <= newest.at <= datetime.now(UTC)
        (logged,) = catalog.events(subject="dropout/knn:v0")
        assert logged.before is None
        assert logged.after == {"digest": version.digest, "type": "model", "run": None}
        assert catalog.events(subject="dropout/knn") == ()

    def test_the_chain_can_be_computed_by_anyone(self, catalog: Catalog) -> None:
        version = commit(catalog, metadata={"Ä": [1.5, None]})
        catalog.edit(version, metadata={}, actor="bo", reason="ä\n\0")
        previous = ""
        for event in reversed(catalog.events()):
            fields = {
                "sequence": event.sequence,
                "at": event.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "actor": event.actor,
                "action": event.action,
                "subject": event.subject,
                "before": event.before,
                "after": event.after,
                "reason": event.reason,
            }
            previous = digest_of_bytes(previous.encode() + canonical_json(fields))
            assert event.digest == previous
        assert catalog.verify_events() == 3

    def test_no_events_are_a_whole_chain(self, catalog: Catalog) -> None:
        assert catalog.verify_events() == 0


def receipts_of(catalog: Catalog) -> dict[str, dict]:
    """Receipts of every version, deleted ones too, through JSON as the store keeps them."""
    receipts = {}
    for info in catalog.collections():
        number = 0
        while True:
            try:
                version = resolve(catalog, f"{info.project}/{info.name}:v{number}")
                receipt = catalog.receipt(version)
            except NotFoundError as error:
                if error.code != "version_deleted":
                    break
                receipt = catalog.receipt_by_key((info.project, info.name, number))
            receipts[f"{info.project}/{info.name}:v{number}"] = json.loads(json.dumps(receipt))
            number += 1
    return receipts


def restored(receipts: list[dict], runs: list[dict] = ()) -> Catalog:
    catalog = Catalog.open("sqlite://")
    assert catalog.restore(receipts, runs, actor="doctor") >= 0
    return catalog


class ReceiptContract:
    def make_history(self, catalog: Catalog) -> None:
        catalog.start_run(new_run("run-0001", tags=("x",)))
        raw = commit(catalog, "raw", name="raw", type="dataset", project="source")
        catalog.record_use("run-0001", raw, relation="training")
        catalog.record_use("run-0001", raw, relation="validation")
        first = commit(
            catalog,
            1,
            run="run-0001",
            aliases=("best", "old"),
            tags=("fair",),
            metadata={"k": 3},
            description="first",
            facts={"rows": 3},
            packs=(PackRow("p1", 10), PackRow("p2", 20)),
            large_files=(LargeFile(digest("w"), 1 << 21),),
            origins=(Origin(("source", "raw", 0)), Origin(("source", "raw", 0), "trained_on")),
        )
        commit(catalog, 2, reused_packs=("p1",), aliases=("best",))
        catalog.remove_alias("dropout", "knn", "old", actor="ada")
        catalog.edit(first, metadata={"k": 5}, actor="bo", reason="typo")
        catalog.log_metrics(
            [metric("auc", 0.9, first, dataset=raw.reference, run="run-0001", n=10)]
        )
        gone = commit(catalog, 3)
        catalog.delete(gone, actor="ada", reason="leak")
        catalog.finish_run("run-0001", status="failed", error="boom")

    def test_a_receipt_counts_the_changes(self, catalog: Catalog) -> None:
        version = commit(catalog)
        assert catalog.receipt(version)["generation"] == 1
        catalog.change_tags(version, add=("a",), actor="ada")
        catalog.edit(version, description="x", actor="ada")
        assert catalog.receipt(version)["generation"] == 3
        commit(catalog, 2)
        assert catalog.receipt(version)["generation"] == 3

    def test_a_receipt_holds_everything(self, catalog: Catalog) -> None:
        self.make_history(catalog)
        receipt = receipts_of(catalog)["dropout/knn:v0"]
        assert receipt["removed_aliases"] == {"old": 2}
        assert receipt["aliases"] == {}
        assert receipt["packs"] == [["p1", 10], ["p2", 20]]
        assert receipt["large_files"] == [[digest("w"), 1 << 21]]
        assert receipt["origins"] == [
            ["source", "raw", 0, "derived_from"],
            ["source", "raw", 0, "trained_on"],
        ]
        assert [r["metadata"] for r in receipt["revisions"]] == [{"k": 3}, {"k": 5}]
        assert receipt["metrics"][0]["dataset"] == "source/raw:v0"
        assert receipt["deleted"] is None
        gone = receipts_of(catalog)["dropout/knn:v2"]["deleted"]
        assert (gone["actor"], gone["reason"]) == ("ada", "leak")

    @pytest.mark.parametrize("named", RICH)
    def test_the_first_receipt_is_what_reading_all_back_gives(
        self, catalog: Catalog, named: str
    ) -> None:
        catalog.start_run(new_run())
        commit(catalog, "raw", name="raw", packs=(PackRow("p2", 7), PackRow("p0", 1 << 40)))
        commit(catalog, "old", aliases=("best", "other"))
        catalog.remove_alias("dropout", "knn", "other", actor="ada")
        catalog.take_outdated()
        version = commit(catalog, **RICH[named])
        key = (version.project, version.name, version.number)
        receipt = catalog.take_outdated()[key].receipt
        assert receipt is not None
        assert canonical_json(receipt) == canonical_json(catalog.receipt_by_key(key))
        again = resolve(catalog, version.reference)
        for field in fields(Version):
            assert getattr(version, field.name) == getattr(again, field.name), field.name
        for field in ("metadata", "facts"):  # in the order of their author
            assert json.dumps(getattr(version, field)) == json.dumps(getattr(again, field))

    def test_a_receipt_that_changed_again_is_read_anew(self, catalog: Catalog) -> None:
        version = commit(catalog)
        catalog.change_tags(version, add=("a",), actor="ada")
        outdated = catalog.take_outdated()[("dropout", "knn", 0)]
        assert (outdated.receipt, outdated.replaced) == (None, {1})
        assert catalog.take_outdated() == {}

    def test_a_catalog_comes_back_from_its_receipts(self, catalog: Catalog) -> None:
        self.make_history(catalog)
        receipts = receipts_of(catalog)
        run = json.loads(json.dumps(catalog.run_record("run-0001")))
        with restored([*receipts.values()], [run]) as again:
            assert receipts_of(again) == receipts
            assert again.run_record("run-0001") == run
            assert again.collections() == catalog.collections()
            assert again.pack_sizes() == catalog.pack_sizes()
            assert again.unused_packs() == catalog.unused_packs()
            for name in ("best", "latest"):
                mine, theirs = (c.alias("dropout", "knn", name) for c in (catalog, again))
                assert (mine.number, mine.revision) == (theirs.number, theirs.revision)
            assert again.search(where="metadata.k = 5 and metrics.auc > 0.8 and tag = 'fair'")
            assert again.set_alias("dropout", "knn", "old", 0, actor="ada").revision == 3
            assert commit(again, "new").number == 3
            first, *_, last = reversed(again.events())
            assert (first.action, first.actor, first.after) == (
                "catalog.rebuilt",
                "doctor",
                {"versions": 4},
            )
            assert again.verify_events() == last.sequence

    def test_stale_receipts_lose(self, catalog: Catalog) -> None:
        first = commit(catalog, 1, aliases=("best",))
        stale = catalog.receipt(first)
        commit(catalog, 2, aliases=("best",))
        catalog.edit(first, description="newer", actor="ada")
        now = [*receipts_of(catalog).values()]
        for receipts in ([stale, *now], [*now, stale], [stale, now[1]]):
            with restored(receipts) as again:
                assert again.alias("dropout", "knn", "best").number == 1
                assert resolve(again, "knn").number == 1
                assert len(again.versions("dropout", "knn")) == 2
        with restored([stale, *now]) as again:
            assert resolve(again, "knn:v0").description == "newer"

    def test_lost_receipts_leave_one_consistent_catalog(self, catalog: Catalog) -> None:
        twin = commit(catalog, "x", run=catalog.start_run(new_run()).id)
        before = catalog.receipt(twin)
        catalog.delete(twin, actor="ada", reason="bad")
        commit(catalog, "y")
        commit(catalog, "x", origins=(Origin(("dropout", "knn", 1)),))
        receipts = receipts_of(catalog)
        # v0's deletion and all of v1 were not written; neither was the record of the run.
        with restored([before, receipts["dropout/knn:v2"]]) as again:
            assert numbers(again.versions("dropout", "knn")) == [2]
            with pytest.raises(NotFoundError, match="v2 has its content"):
                resolve(again, "knn:v0")
            assert again.get_run("run-0001").status == "crashed"
            assert commit(again, "z").number == 3
        # The newest receipt is lost: `latest` falls back to what is there.
        with restored([receipts["dropout/knn:v1"] | {"aliases": {}}]) as again:
            assert resolve(again, "knn").number == 1

    def test_only_an_empty_catalog_is_rebuilt(self, catalog: Catalog) -> None:
        commit(catalog)
        with pytest.raises(RefusedError) as caught:
            catalog.restore([], [], actor="ada")
        assert caught.value.code == "not_empty"

    def test_an_unfinished_run_comes_back_as_crashed(self, catalog: Catalog) -> None:
        catalog.start_run(new_run())
        with restored([], [catalog.run_record("run-0001")]) as again:
            assert again.get_run("run-0001").status == "crashed"
            assert [run.id for run in again.list_runs(status="crashed")] == ["run-0001"]
            assert [run.id for run in again.mark_crashed(actor="ada")] == ["run-0001"]
            assert again.mark_crashed(actor="ada") == ()
            assert actions(again)[-1] == ("run.crashed", "run run-0001")
            assert again.run_record("run-0001")["status"] == "crashed"
