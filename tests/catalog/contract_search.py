"""What every catalog finds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import pytest

from edversion.catalog import Catalog
from edversion.errors import InvalidInputError
from edversion.model import Version

from .makers import START, commit, metric, new_run

CONDITIONS = {
    "name = 'knn'": "knn:v1 knn:v0",
    "name in ('knn', \"raw\")": "knn:v1 knn:v0 raw:v0",
    "name != 'knn'": "tree:v0 raw:v0",
    "name ~ 'RE'": "tree:v0",
    "project = 'dropout' and type = 'dataset'": "raw:v0",
    "number >= 1": "knn:v1",
    "number in (1)": "knn:v1",
    "size > 99.5 and size <= 2e2": "knn:v1 knn:v0",
    "file_count = 9": "tree:v0",
    "tag = 'fair'": "knn:v0",
    "tag exists": "tree:v0 knn:v0",
    "not tag exists": "knn:v1 raw:v0",
    "tag is null": "knn:v1 raw:v0",
    "tag IS NOT null": "tree:v0 knn:v0",
    "description is null": "tree:v0 knn:v1 raw:v0",
    "not description is null": "knn:v0",
    "run is null and size > 0": "tree:v0 knn:v1 raw:v0",
    "metadata.k is null": "raw:v0",
    "metadata.k is not null and not metadata.k is null": "tree:v0 knn:v1 knn:v0",
    "metadata.nothing is null": "tree:v0 knn:v1 knn:v0 raw:v0",
    "tag ~ '_'": "tree:v0",
    "tag in ('small', 'big_1')": "tree:v0 knn:v0",
    "alias = 'best'": "knn:v1",
    "alias != 'latest'": "knn:v0",
    "description ~ 'ärzte' or description ~ 'Ärzte'": "knn:v0",
    "description ~ 'ärzte'": "",
    "description ~ 'ÄRZTE'": "knn:v0",
    "description ~ '0% M'": "knn:v0",
    "description ~ '%z%'": "",
    "description = 'Ärzte''s 100% model'": "knn:v0",
    "description exists": "knn:v0",
    "description != 'x'": "tree:v0 knn:v1 knn:v0 raw:v0",
    "run = 'run-0001'": "knn:v0",
    "run = 'nightly'": "knn:v0",
    "run in ('nightly', 'x')": "knn:v0",
    "not run exists": "tree:v0 knn:v1 raw:v0",
    "metadata.k > 3": "knn:v1",
    "metadata.k = '5'": "tree:v0",
    "metadata.k in (3, '5')": "tree:v0 knn:v0",
    "metadata.k exists": "tree:v0 knn:v1 knn:v0",
    "metadata.k != 3": "tree:v0 knn:v1 raw:v0",
    "metadata.ok = true": "knn:v0",
    "metadata.ok = FALSE": "knn:v1",
    "metadata.ok in (true, false)": "knn:v1 knn:v0",
    "metadata.kind = true": "",
    "metadata.kind = 'true'": "knn:v1",
    "metadata.groups = 'race'": "knn:v0",
    "metadata.groups ~ 'ra'": "knn:v0",
    "metadata.'val/auc' = 0.5": "knn:v0",
    "metadata.val/auc = 0.5": "knn:v0",
    "metrics.auc > 0.8": "knn:v1 knn:v0",
    "metrics.auc > 0.92": "knn:v1",
    "metrics.auc < 0.8": "",
    "metrics.auc[sex=female] < 0.5": "knn:v1",
    "metrics.auc[ sex=female ] exists": "knn:v1",
    "metrics.auc[sex=male] exists": "",
    "metrics.'val/auc' = 0.2": "tree:v0",
    "metrics.'val/auc' = 0.1": "",
    "not (name = 'knn' or type = 'dataset')": "tree:v0",
    "name = 'knn' AND NOT number = 0": "knn:v1",
    "name = 'knn' or name = 'tree' and number = 1": "knn:v1 knn:v0",
    "created > '2020-01-01' and created < '2999-12-31T23:59'": "tree:v0 knn:v1 knn:v0 raw:v0",
    "created < '2020-01-01T00:00:00+02:00'": "",
    "name = 'knn'' or 1=1 --'": "",
}  # fmt: skip

ORDERS = {
    None: "tree:v0 knn:v1 knn:v0 raw:v0",
    "created": "raw:v0 knn:v0 knn:v1 tree:v0",
    "name": "knn:v1 knn:v0 raw:v0 tree:v0",
    "-size, name": "raw:v0 knn:v1 knn:v0 tree:v0",
    "metadata.k": "knn:v0 knn:v1 tree:v0 raw:v0",
    "-metadata.k": "knn:v1 knn:v0 tree:v0 raw:v0",
    "metrics.auc": "knn:v0 knn:v1 tree:v0 raw:v0",
    "-metrics.auc": "knn:v1 knn:v0 tree:v0 raw:v0",
    "metrics.auc[sex=female], number, -name": "knn:v1 tree:v0 raw:v0 knn:v0",
    "tag": "tree:v0 knn:v0 knn:v1 raw:v0",
    "-tag": "knn:v0 tree:v0 knn:v1 raw:v0",
    "run": "knn:v0 tree:v0 knn:v1 raw:v0",
    "alias, name": "knn:v1 raw:v0 tree:v0 knn:v0",
    "description": "knn:v0 tree:v0 knn:v1 raw:v0",
}  # fmt: skip

LONGEST = [
    "size in (" + ",".join(["1"] * 1990) + ")",
    " or ".join(["tag='x'"] * 360),
    " and ".join(["run~'x'"] * 330),
    "(" * 49 + "size=1" + ")" * 49,
    "not " * 49 + "size=1",
    "".join(f"size=1 {word} (" for word in ["or", "and"] * 12) + "tag='x'" + ")" * 24,
    " or ".join(["metadata.k in (1,'a',true)"] * 130),
    " or ".join(["metrics.a>1"] * 260),
    f"name = '{'x' * 3900}'",
    f"metadata.{'k' * 3900} ~ '%'",
]


def shown(versions: Sequence[Version]) -> str:
    return " ".join(f"{version.name}:{version.version}" for version in versions)


class SearchContract:
    @pytest.fixture
    def searched(self, catalog: Catalog) -> Catalog:
        """Four versions: knn:v0, knn:v1 and tree:v0 of models, and a dataset raw:v0."""
        catalog.start_run(new_run("run-0001", name="nightly"))
        raw = commit(catalog, "raw", name="raw", type="dataset", size=5000)
        first = commit(
            catalog,
            1,
            tags=("fair", "small"),
            metadata={"k": 3, "ok": True, "groups": ["sex", "race"], "val/auc": 0.5},
            description="Ärzte's 100% model",
            run="run-0001",
            size=100,
        )
        second = commit(
            catalog, 2, aliases=("best",), metadata={"k": 5, "ok": False, "kind": "true"}, size=200
        )
        tree = commit(catalog, 3, name="tree", file_count=9, metadata={"k": "5"}, tags=("big_1",))
        late = START.replace(hour=20)
        catalog.log_metrics(
            [
                metric("auc", 0.70, first),
                metric("auc", 0.90, first, at=late),
                metric("auc", 0.95, second, at=late),
                metric("auc", 0.60, second),
                metric("auc", 0.40, second, slice="sex=female"),
                metric("val/auc", 0.10, tree, dataset=raw.reference),
                metric("val/auc", 0.20, tree),
            ]
        )
        gone = commit(catalog, 4, metadata={"k": 3}, tags=("fair",))
        catalog.delete(gone, actor="ada", reason="bad")
        return catalog

    def test_what_conditions_find(self, searched: Catalog) -> None:
        found = {where: shown(searched.search(where=where)) for where in CONDITIONS}
        assert found == CONDITIONS

    def test_digest_and_day(self, searched: Catalog) -> None:
        version = searched.search(name="tree")[0]
        assert searched.search(where=f"digest = '{version.digest}'") == (version,)
        day, instant = version.created_at.date(), version.created_at.isoformat()
        for where, found in [
            (f"created = '{day}'", True),
            (f"created <= '{day}'", True),
            (f"created >= '{day}'", True),
            (f"created > '{day}'", False),
            (f"created < '{day}'", False),
            (f"created = '{instant}'", True),
            (f"created > '{instant}'", False),
            (f"created in ('1999-01-01', '{day}')", True),
            (f"created != '{day}'", False),
        ]:
            assert (version in searched.search(where=where)) is found, where

    def test_orders(self, searched: Catalog) -> None:
        found = {order: shown(searched.search(order_by=order)) for order in ORDERS}
        assert found == ORDERS

    def test_exact_arguments_and_limit(self, searched: Catalog) -> None:
        assert len(searched.search(project="dropout", name="knn", type="model")) == 2
        assert searched.search(project="other") == ()
        assert len(searched.search(limit=1)) == 1
        assert len(searched.search(limit=None)) == 4

    def test_pages_are_the_whole_in_parts(self, searched: Catalog) -> None:
        pages = [searched.search(order_by="-size", limit=2, offset=start) for start in (0, 2, 4)]
        assert [len(page) for page in pages] == [2, 2, 0]
        assert pages[0] + pages[1] == searched.search(order_by="-size")

    def test_a_version_comes_with_its_labels(self, searched: Catalog) -> None:
        versions = {f"{v.name}:{v.version}": v for v in searched.search()}
        assert versions["knn:v0"].tags == ("fair", "small")
        assert {version.created_by for version in versions.values()} == {"ada"}
        assert versions["knn:v1"].aliases == ("best", "latest")

    def test_the_longest_conditions_run(self, searched: Catalog) -> None:
        for where in LONGEST:
            assert len(where) <= 4000
            searched.search(where=where)

    def test_a_bad_query_points_at_the_place(self, searched: Catalog) -> None:
        with pytest.raises(InvalidInputError) as caught:
            searched.search(where="name = 'knn' and\n  sise > 3")
        assert caught.value.code == "bad_query"
        assert str(caught.value).splitlines()[1:] == ["    sise > 3", "    ^"]
        with pytest.raises(InvalidInputError):
            searched.search(order_by="-")

    def test_texts_are_ordered_by_code_point(self, catalog: Catalog) -> None:
        """As Python and SQLite sort them, whatever language the database speaks."""
        names = ["Z", "a", "B", "a_b", "a-b", "ab", "aB", "a.b", "10", "9"]
        texts = [
            "z",
            "Z",
            "ä",
            "a b",
            "_",
            "~",
            "\uffff",
            "\U0001f393",
            "\0",
            "\1",
            "\1a",
            "\2",
            "",
        ]
        for name, text in zip_longest(names, texts):
            commit(catalog, (name, text), name=name or "Z", metadata={"text": text}, tags=("t",))
        assert [info.name for info in catalog.collections()] == sorted(names)
        found = catalog.search(order_by="metadata.text")
        assert [version.metadata["text"] for version in found] == sorted(texts)
        for text in texts:
            later = catalog.search(where=f"metadata.text > '{text}'")
            assert len(later) == sum(other > text for other in texts)

    def test_every_character_is_kept_and_found(self, catalog: Catalog) -> None:
        text = "a\0b\1\1c\1\0\1\2d%_\\"
        version = commit(catalog, description=text, metadata={"k\0": text, text: 1})
        catalog.edit(version, description="x", actor=text, reason=text)
        (found,) = catalog.search(where=f"metadata.'k\0' = '{text}' and metadata.'k\0' ~ '{text}'")
        assert found.metadata == {"k\0": text, text: 1}
        assert catalog.revisions(found)[0].description == text
        assert catalog.events(limit=1)[0].reason == text
        assert catalog.events(subject=found.reference, limit=1)[0].actor == text
        assert catalog.search(where=f"metadata.'{text}' = 1") == (found,)
        assert catalog.verify_events() == 3

    def test_keys_are_found_by_their_beginning(self, catalog: Catalog) -> None:
        wide = "\U0001f393" * 700  # of four bytes each
        commit(catalog, metadata={wide: "\U0001f393" * 700})
        assert catalog.search(where=f"metadata.'{wide}' exists", order_by=f"metadata.'{wide}'")

    def test_texts_are_found_by_their_beginning(self, catalog: Catalog) -> None:
        long = "x" * 300
        commit(catalog, metadata={"note": long, "many": list(range(2000))})
        assert catalog.search(where=f"metadata.note = '{long}'")
        assert catalog.search(where="metadata.many = 998")
        assert not catalog.search(where="metadata.many = 1500")  # a thousand leaves are kept
