"""What every catalog does with commits, references and listings."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from edversion.catalog import Catalog, LargeFile, Origin, PackRow
from edversion.catalog.tables import packs
from edversion.errors import ConflictError, InvalidInputError, NotFoundError
from edversion.reference import parse_reference

from .makers import actions, commit, digest, new_run, numbers, request, resolve


class CommitContract:
    def test_a_first_commit_makes_project_collection_and_version(self, catalog: Catalog) -> None:
        before = datetime.now(UTC)
        result = catalog.commit(
            request(
                size=12,
                file_count=3,
                generation=2,
                aliases=("best",),
                tags=("fair", "audited"),
                metadata={"z": [1, {"ä": None}], "a": True},
                description="knn, k = 5",
                facts={"rows": 649},
            )
        )
        version = result.version
        assert result.created
        assert (version.reference, version.type) == ("dropout/knn:v0", "model")
        assert (version.size, version.file_count, version.generation) == (12, 3, 2)
        assert version.aliases == ("best", "latest")
        assert version.tags == ("audited", "fair")
        assert version.metadata == {"z": [1, {"ä": None}], "a": True}
        assert list(version.metadata) == ["z", "a"]  # as the author wrote it
        assert (version.description, version.facts) == ("knn, k = 5", {"rows": 649})
        assert before <= version.created_at <= datetime.now(UTC)
        assert resolve(catalog, "dropout/knn").created_at == version.created_at
        assert catalog.projects() == ("dropout",)

    def test_numbers_count_and_latest_follows(self, catalog: Catalog) -> None:
        for content in range(3):
            commit(catalog, content)
        assert numbers(catalog.versions("dropout", "knn")) == [2, 1, 0]
        assert resolve(catalog, "knn").number == 2
        assert resolve(catalog, "knn:v0").aliases == ()

    def test_same_content_gives_the_same_version(self, catalog: Catalog) -> None:
        for run in ("run-0001", "run-0002"):
            catalog.start_run(new_run(run))
        first = commit(
            catalog, "x", run="run-0001", tags=("a",), metadata={"k": 1, "old": 1}, description="d"
        )
        commit(catalog, "y")
        again = catalog.commit(
            request("x", run="run-0002", tags=("b",), aliases=("best",), metadata={"k": 2})
        )
        assert not again.created
        assert again.version == first
        assert again.version.tags == ("a", "b")
        assert again.version.aliases == ("best",)
        assert again.version.metadata == {"k": 2, "old": 1}
        assert again.version.description == "d"
        assert resolve(catalog, "knn").number == 1
        assert [run.id for run in catalog.runs_of(first, "logged")] == ["run-0001", "run-0002"]
        assert [r.metadata for r in catalog.revisions(first)] == [
            {"k": 1, "old": 1},
            {"k": 2, "old": 1},
        ]
        assert actions(catalog)[4:] == [
            ("alias.moved", "dropout/knn:best"),
            ("tags.changed", "dropout/knn:v0"),
            ("metadata.edited", "dropout/knn:v0"),
        ]

    def test_logging_the_very_same_again_changes_nothing(self, catalog: Catalog) -> None:
        catalog.start_run(new_run())
        same = request(run="run-0001", tags=("a",), aliases=("best",), metadata={"k": 1})
        catalog.commit(same)
        events = catalog.events()
        catalog.take_changed()
        assert not catalog.commit(same).created
        assert catalog.events() == events
        assert catalog.take_changed() == ()
        assert len(catalog.revisions(resolve(catalog, "knn"))) == 1

    def test_other_collections_may_hold_the_same_content(self, catalog: Catalog) -> None:
        assert catalog.commit(request("x")).created
        assert catalog.commit(request("x", name="tree")).created
        assert catalog.commit(request("x", project="other")).created

    def test_a_collection_has_one_type(self, catalog: Catalog) -> None:
        commit(catalog)
        with pytest.raises(ConflictError, match="'model', not 'dataset'") as caught:
            commit(catalog, "x", type="dataset")
        assert caught.value.code == "other_type"

    def test_content_that_must_exist_is_never_made(self, catalog: Catalog) -> None:
        with pytest.raises(ConflictError) as caught:
            commit(catalog, must_exist=True)
        assert caught.value.code == "version_gone"
        commit(catalog)
        assert not catalog.commit(request(must_exist=True)).created

    @pytest.mark.parametrize(
        "changes",
        [
            {"run": "nobody"},
            {"origins": (Origin(("dropout", "raw", 7)),)},
            {"reused_packs": ("nowhere",)},
        ],
        ids=["run", "source", "pack"],
    )
    def test_a_refused_commit_leaves_nothing(self, catalog: Catalog, changes: dict) -> None:
        with pytest.raises((NotFoundError, ConflictError)):
            commit(catalog, packs=(PackRow("p", 1),), **changes)
        assert catalog.projects() == ()
        assert catalog.pack_sizes() == {}
        assert catalog.events() == ()
        assert catalog.take_changed() == ()
        assert commit(catalog).number == 0

    @pytest.mark.parametrize(
        "changes",
        [
            {"project": "../x"},
            {"name": ""},
            {"type": "a b"},
            {"aliases": ("v3",)},
            {"tags": ("a/b",)},
            {"metadata": {"loss": float("nan")}},
            {"metadata": {"text": "\ud800"}},
            {"facts": {"x": {1, 2}}},
            {"description": "\ud800"},
            {"size": 1 << 70},
        ],
        ids=str,
    )
    def test_what_cannot_be_kept_is_refused(self, catalog: Catalog, changes: dict) -> None:
        with pytest.raises(InvalidInputError):
            commit(catalog, **changes)
        assert catalog.projects() == ()

    def test_numbers_beyond_floats_are_kept_exactly(self, catalog: Catalog) -> None:
        version = commit(catalog, metadata={"big": 10**400, "small": -(10**400)})
        assert resolve(catalog, "knn").metadata == version.metadata
        assert catalog.search(where="metadata.big > 1e300 and metadata.small < -1e300")

    def test_it_derives_from_other_versions(self, catalog: Catalog) -> None:
        raw = commit(catalog, "raw", name="raw")
        old = commit(catalog, "old")
        key, other = ("dropout", "raw", 0), ("dropout", "knn", 0)
        new = commit(catalog, "new", origins=(Origin(key), Origin(other), Origin(key)))
        assert catalog.origins(new) == ((raw, "derived_from"), (old, "derived_from"))
        assert catalog.products(raw) == ((new, "derived_from"),)
        assert catalog.products(new) == ()


class PackContract:
    def test_packs_are_known_shared_and_unused(self, catalog: Catalog) -> None:
        first = commit(catalog, 1, packs=(PackRow("p1", 5), PackRow("p2", 7)))
        commit(catalog, 2, packs=(PackRow("p3", 9),), reused_packs=("p2", "p3"))
        assert catalog.pack_sizes() == {"p1": 5, "p2": 7, "p3": 9}
        assert catalog.unused_packs() == {}
        catalog.delete(first, actor="ada", reason="old")
        assert catalog.unused_packs() == {"p1": 5}

    def test_a_removed_pack_is_refused_until_it_is_stored_again(self, catalog: Catalog) -> None:
        commit(catalog, 1, packs=(PackRow("p1", 5),))
        self._set(catalog, "removed_at")
        with pytest.raises(ConflictError, match="stored again") as caught:
            commit(catalog, 2, reused_packs=("p1",))
        assert (caught.value.code, caught.value.pack) == ("pack_gone", "p1")
        commit(catalog, 2, packs=(PackRow("p1", 6),))
        commit(catalog, 3, reused_packs=("p1",))
        assert catalog.pack_sizes() == {"p1": 6}

    def _set(self, catalog: Catalog, state: str) -> None:
        with catalog._database.write() as transaction:
            transaction.execute(update(packs).values({state: transaction.at}))

    def test_more_packs_than_one_statement_takes(self, catalog: Catalog) -> None:
        many = tuple(PackRow(f"p{number}", 1) for number in range(1201))
        commit(catalog, 1, packs=many)
        commit(catalog, 2, reused_packs=tuple(pack.id for pack in many))
        assert len(catalog.pack_sizes()) == 1201

    def test_large_files_lead_to_the_newest_live_manifest(self, catalog: Catalog) -> None:
        file = LargeFile(digest("weights"), 2_000_000)
        first = commit(catalog, 1, large_files=(file, file))
        second = commit(catalog, 2, generation=3, large_files=(file,))
        wanted = [file.digest, digest("unknown")]
        assert catalog.large_files(wanted) == {file.digest: (second.digest, 3)}
        assert catalog.known_sizes([1, 2_000_000]) == {2_000_000}
        catalog.delete(second, actor="ada", reason="bad")
        assert catalog.large_files(wanted) == {file.digest: (first.digest, 1)}
        catalog.delete(first, actor="ada", reason="bad")
        assert catalog.large_files(wanted) == {}
        assert catalog.known_sizes([2_000_000]) == set()

    def test_manifests_of_live_versions(self, catalog: Catalog) -> None:
        catalog.start_run(new_run())
        versions = [commit(catalog, content) for content in range(3)]
        commit(catalog, 0, name="tree", generation=4)
        catalog.delete(versions[1], actor="ada", reason="bad")
        assert catalog.recent_manifests("dropout", "knn", limit=5) == (
            (digest(2), 1),
            (digest(0), 1),
        )
        assert catalog.recent_manifests("dropout", "knn", limit=1) == ((digest(2), 1),)
        assert catalog.recent_manifests("dropout", "none", limit=1) == ()
        assert catalog.live_manifests() == {(digest(0), 1), (digest(2), 1), (digest(0), 4)}
        for version in (versions[0], versions[2]):
            catalog.record_use("run-0001", version)
        assert catalog.run_inputs("run-0001", limit=5) == ((digest(2), 1), (digest(0), 1))
        assert catalog.run_inputs("run-0001", limit=1) == ((digest(2), 1),)


class FindingContract:
    def test_every_kind_of_reference(self, catalog: Catalog) -> None:
        first = commit(catalog, 1, aliases=("best",))
        second = commit(catalog, 2)
        for text in ("knn:v0", "dropout/knn:best", f"knn@{first.digest}"):
            assert resolve(catalog, text) == first
        for text in ("knn", "knn:latest", "dropout/knn:v1"):
            assert resolve(catalog, text) == second
        assert catalog.find_by_digest("dropout", "knn", first.digest) == first
        assert catalog.find_by_digest("dropout", "knn", digest("?")) is None

    def test_which_project_a_name_means(self, catalog: Catalog) -> None:
        here = commit(catalog, 1)
        name = parse_reference("knn")
        assert catalog.resolve(name, project="elsewhere") == here
        other = commit(catalog, 1, project="other")
        assert catalog.resolve(name, project="other") == other
        with pytest.raises(InvalidInputError, match="dropout/knn, other/knn") as caught:
            catalog.resolve(name, project="elsewhere")
        assert caught.value.code == "ambiguous_reference"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("kmn", "did you mean 'knn'"),
            ("zzz", "the collections are forest, knn"),
            ("dropuot/knn", "did you mean 'dropout'"),
            ("dropout/zzz", "in project 'dropout'"),
            ("knn:bset", "its aliases are: best, latest"),
            ("knn:v9", "it has versions v0 to v1"),
            ("forest:v9", "it has 1 version, v0;"),
            (f"knn@{digest('?')}", "there is no"),
        ],
    )
    def test_what_is_not_there_says_what_is(self, catalog: Catalog, text: str, said: str) -> None:
        commit(catalog, 1, aliases=("best",))
        commit(catalog, 2)
        commit(catalog, 1, name="forest")
        with pytest.raises(NotFoundError) as caught:
            resolve(catalog, text)
        assert said in str(caught.value)

    def test_an_empty_catalog_says_so(self, catalog: Catalog) -> None:
        with pytest.raises(NotFoundError, match="there are no collections yet"):
            resolve(catalog, "knn")
        with pytest.raises(NotFoundError, match="there are no projects yet"):
            catalog.collection("dropout", "knn")

    def test_pages_of_versions(self, catalog: Catalog) -> None:
        for content in range(5):
            commit(catalog, content)
        catalog.delete(resolve(catalog, "knn:v3"), actor="ada", reason="bad")
        assert numbers(catalog.versions("dropout", "knn", limit=2)) == [4, 2]
        assert numbers(catalog.versions("dropout", "knn", limit=2, before=2)) == [1, 0]
        assert catalog.versions("dropout", "knn", before=0) == ()

    def test_collections(self, catalog: Catalog) -> None:
        commit(catalog, 1)
        second = commit(catalog, 2)
        commit(catalog, 3, name="raw", type="dataset")
        commit(catalog, 4, project="other")
        catalog.delete(second, actor="ada", reason="bad")
        assert [(c.project, c.name) for c in catalog.collections()] == [
            ("dropout", "knn"),
            ("dropout", "raw"),
            ("other", "knn"),
        ]
        assert [c.name for c in catalog.collections(project="dropout", type="dataset")] == ["raw"]
        knn = catalog.collection("dropout", "knn")
        assert (knn.type, knn.version_count, knn.latest) == ("model", 1, 0)
        assert knn.created_at <= second.created_at

    def test_all_versions_are_streamed_while_others_write(
        self, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("edversion.catalog.finding._STREAM", 3)
        for content in range(7):
            commit(catalog, content)
        stream = catalog.all_versions()
        assert next(stream).number == 0
        catalog.delete(resolve(catalog, "knn:v4"), actor="ada", reason="bad")
        commit(catalog, "later")
        assert numbers(list(stream)) == [1, 2, 3, 5, 6, 7]

    def test_every_version_carries_the_source(self, catalog: Catalog) -> None:
        source = object()
        catalog.source = source  # type: ignore[assignment]
        version = commit(catalog)
        found = [version, resolve(catalog, "knn"), *catalog.versions("dropout", "knn")]
        found += [*catalog.search(), *catalog.all_versions()]
        assert all(one.source is source for one in found)
