"""The doctor: a lost catalog comes back, and nothing that is needed is ever removed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion.doctor import Finding
from edversion.errors import EdversionWarning, StorageError
from edversion.model import RunInfo, Version
from edversion.repository import Repository, open_repository
from edversion.starting import start_run
from edversion.testing import flip_bit, object_keys, remove, rewrite, truncate

LARGE = 2 << 20


def draft_of(data: bytes, name: str = "data") -> edversion.Artifact:
    draft = edversion.Artifact(name, "dataset")
    draft.add_bytes(data, "a")
    return draft


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Give a store in which everything has happened that a receipt must remember."""
    folder = tmp_path / "store"
    with edversion.init("P-1", name="first", config={"k": 5}, tags=["t"], store=folder) as run:
        repository = run.repository
        data = run.log_artifact(draft_of(b"0" * 100_000), metadata={"rows": 1}, tags=["fair"])
        run.log_artifact(draft_of(b"1"), aliases=["champion"])
        run.log_artifact(draft_of(b"2"), description="third")
        repository.set_alias("data:v2", "champion")
        repository.set_alias(data, "old")
        repository.remove_alias("data:old")
        repository.edit(data, metadata={"rows": 2}, reason="counted again")
    with pytest.raises(ZeroDivisionError):
        _failing_run(folder)
    return folder


def _failing_run(folder: Path) -> None:
    with edversion.init("P-1", store=folder) as run:
        run.use_artifact("data:v0")
        model = run.log_artifact(draft_of(b"x" * LARGE, "model"), metadata={"auc": 0.9})
        run.log_metrics(
            {"auc": {"value": 0.9, "n": 10, "low": 0.8, "high": 1.0}},
            version=model, dataset="data:v0", split="test", slice="sex=f", step=2,
        )  # fmt: skip
        derived = model.new_draft()
        derived.add_bytes(b"more", "b")
        run.log_artifact(derived)
        run.repository.delete("data:v1", reason="mistake")
        _ = 1 / 0


def facts(repository: Repository) -> dict[str, Any]:
    """Give everything that a catalog knows, but for its events."""
    catalog = repository.catalog
    versions = [v for c in repository.collections() for v in _versions(repository, c)]
    return {
        "collections": [replace(c, created_at=None) for c in repository.collections()],
        "versions": [_plain(version) for version in versions],
        "aliases": [
            (a.collection, a.name, a.number, a.revision)
            for c in repository.collections()
            for a in repository.aliases(f"{c.project}/{c.name}")
        ],
        "revisions": [repository.revisions(version) for version in versions],
        "metrics": repository.metrics(),
        "runs": repository.runs(),
        "edges": [(v.reference, _ids(v.logged_by()), _ids(v.used_by())) for v in versions],
        "lineage": [
            [(e.source, e.target, e.run and e.run.id) for e in repository.lineage(version)]
            for version in versions
        ],
        "packs": (catalog.pack_sizes(), catalog.unused_packs(), catalog.live_manifests()),
        "large": catalog.known_sizes([LARGE]),
    }


def _versions(repository: Repository, collection: Any) -> tuple[Version, ...]:
    return repository.versions(f"{collection.project}/{collection.name}")


def _plain(version: Version) -> Version:
    return replace(version, _source=None)


def _ids(runs: tuple[RunInfo, ...]) -> list[str]:
    return [run.id for run in runs]


def lose_catalog(store: Path) -> None:
    for path in store.glob("catalog.db*"):
        path.unlink()


def test_a_lost_catalog_comes_back_as_it_was(store: Path) -> None:
    with edversion.open(store) as repository:
        before = facts(repository)
        contents = {v.reference: v.read_bytes("a") for v in repository.search()}
        assert repository.doctor() == ()
    lose_catalog(store)
    with pytest.raises(
        StorageError, match=r"'edversion doctor --rebuild .*' brings back"
    ) as caught:
        edversion.open(store)
    assert caught.value.code == "catalog_lost"
    assert not (store / "catalog.db").exists()  # it may come back
    with open_repository(store, lost_catalog=True) as repository:
        (finding,) = repository.doctor()
        assert (finding.kind, finding.mended) == ("lost-catalog", False)
        (finding,) = repository.doctor(mend=True)
        assert (finding.kind, finding.mended) == ("lost-catalog", True)
    with edversion.open(store) as repository:
        assert facts(repository) == before
        assert {v.reference: v.read_bytes("a") for v in repository.search()} == contents
        assert repository.doctor() == ()
        assert repository.verify() == ()
        (event,) = repository.events()
        assert event.action == "catalog.rebuilt"
    with edversion.init("P-1", store=store) as run:
        assert run.log_artifact(draft_of(b"3")).number == 3  # v1 was deleted, but it was
        moved = run.repository.set_alias("data:v3", "champion")
        assert moved.revision == before["aliases"][0][3] + 1


def test_a_stale_receipt_does_not_win_an_alias(tmp_path: Path) -> None:
    """After a crash the older receipt still claims what another version has by now."""
    store = tmp_path / "store"
    with edversion.init("p", store=store) as run:
        repository = run.repository
        for data in (b"0", b"1"):
            run.log_artifact(draft_of(data), aliases=["champion"])
        repository.set_alias("data:v0", "champion")
        claims = {key: repository.store.backend.read(key) for key in _receipts_of(repository, 0)}
        repository.set_alias("data:v1", "champion")
        for key in _receipts_of(repository, 0):
            remove(repository.store, key)
        for key, content in claims.items():
            repository.store.backend.create(key, content)
    lose_catalog(store)
    with open_repository(store, lost_catalog=True) as repository:
        repository.doctor(mend=True)
        champion = repository.alias("data:champion")
        assert (champion.number, champion.revision) == (1, 4)
        assert repository.doctor() == ()


def _receipts_of(repository: Repository, number: int) -> list[str]:
    keys = object_keys(repository.store, "receipts")
    return [key for key in keys if key.rpartition("/")[2].startswith(f"{number}.")]


def test_a_damaged_catalog_is_told_and_comes_back(store: Path) -> None:
    with edversion.open(store) as repository:
        before = facts(repository)
    lose_catalog(store)
    (store / "catalog.db").write_bytes(b"not a database" * 1_000)
    with pytest.raises(StorageError, match="Run 'edversion doctor --mend'"):
        edversion.open(store)
    lose_catalog(store)
    with open_repository(store, lost_catalog=True) as repository:
        repository.doctor(mend=True)
        assert facts(repository) == before


def test_an_old_copy_of_the_catalog_costs_no_bytes(store: Path, tmp_path: Path) -> None:
    """What an old catalog does not know is not rubbish: its receipts prove it."""
    with edversion.open(store) as repository:
        before = facts(repository)
        with sqlite3.connect(tmp_path / "old.db") as old:
            sqlite3.connect(store / "catalog.db").backup(old)
        old.close()
    with edversion.init("P-1", store=store) as run:
        run.log_artifact(draft_of(b"new" * 100_000), aliases=["champion"])
    packs = object_keys_of(store)
    lose_catalog(store)
    (tmp_path / "old.db").rename(store / "catalog.db")
    with edversion.open(store) as repository:
        assert facts(repository) == before
        found = repository.doctor(mend=True)
        assert {finding.kind for finding in found if not finding.mended} == {"old-catalog"}
        assert "receipts/" in " ".join(finding.subject for finding in found)
    assert object_keys_of(store) == packs
    lose_catalog(store)
    with open_repository(store, lost_catalog=True) as repository:
        repository.doctor(mend=True)
        assert repository.version("data:champion").read_bytes("a") == b"new" * 100_000
        assert repository.verify() == ()


def test_a_damaged_receipt_of_an_unknown_version_is_told_as_that(store: Path) -> None:
    """No newer catalog would help: what the rebuild could not read is what is damaged."""
    packs = object_keys_of(store)
    with edversion.open(store) as repository:
        keys = object_keys(repository.store, "receipts")
        lost = next(key for key in keys if "/model/0." in key)
        whole = repository.store.backend.read(lost)
        truncate(repository.store, lost, 50)
    lose_catalog(store)
    with open_repository(store, lost_catalog=True) as repository:
        found = repository.doctor(mend=True)
        told = [(finding.kind, finding.subject, finding.mended) for finding in found]
        assert ("damaged-receipt", lost, False) in told
        assert "old-catalog" not in {finding.kind for finding in found}
        assert repository.store.backend.read(lost) == whole[:50]
        rewrite(repository.store, lost, whole)
        (finding,) = (one for one in repository.doctor() if one.subject == lost)
        assert finding.kind == "old-catalog"  # now it can be read, and a rebuild would find it
    assert object_keys_of(store) == packs
    lose_catalog(store)
    with open_repository(store, lost_catalog=True) as repository:
        repository.doctor(mend=True)
        assert repository.version("model:v0").read_bytes("a") == b"x" * LARGE


@pytest.mark.parametrize(("folder", "name"), [("receipts", "/model/0."), ("runs", "")])
def test_one_bit_of_a_record_costs_that_record_alone(store: Path, folder: str, name: str) -> None:
    """A key, a time or a brace that is another one must not stop the rebuild of all others."""
    with edversion.open(store) as repository:
        key = next(key for key in object_keys(repository.store, folder) if name in key)
        whole = repository.store.backend.read(key)
        before = live(repository)
    for position in range(1, len(whole), len(whole) // 12):
        lose_catalog(store)
        with open_repository(store, lost_catalog=True) as repository:
            flip_bit(repository.store, key, position)
            kinds = {finding.kind for finding in repository.doctor(mend=True)}
            assert ("damaged-receipt" in kinds) == (folder == "receipts")
            lost = {"P-1/model:v0"} if folder == "receipts" else set()
            assert before - live(repository) == lost
            rewrite(repository.store, key, whole)


def live(repository: Repository) -> set[str]:
    found = repository.collections()
    return {version.reference for c in found for version in repository.versions(c.name)}


def object_keys_of(store: Path) -> list[str]:
    return sorted(p.name for kind in ("packs", "manifests") for p in (store / kind).rglob("*"))


def test_a_catalog_of_another_store_is_refused(store: Path, tmp_path: Path) -> None:
    edversion.init("p", store=tmp_path / "other").finish()
    url = f"sqlite:///{tmp_path / 'other' / 'catalog.db'}"
    for lost in (True, False):
        with pytest.raises(StorageError, match="belongs to another store") as caught:
            open_repository(store, url, lost_catalog=lost)
        assert caught.value.code == "wrong_catalog"


# What is wrong in a store


@pytest.fixture
def opened(store: Path) -> Iterator[Repository]:
    with edversion.open(store) as repository:
        yield repository


def kinds(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.kind for finding in findings}


def test_a_missing_receipt_is_written_again(opened: Repository, store: Path) -> None:
    before = facts(opened)
    keys = object_keys(opened.store, "receipts")
    remove(opened.store, keys[0])
    truncate(opened.store, keys[1], 50)
    found = opened.doctor(mend=True)
    assert sorted((finding.kind, finding.mended) for finding in found) == [
        ("damaged-receipt", True),
        ("missing-receipt", True),
    ]
    assert object_keys(opened.store, "receipts") == keys
    assert opened.doctor() == ()
    opened.close()
    lose_catalog(store)
    with open_repository(store, lost_catalog=True) as again:
        again.doctor(mend=True)
        assert facts(again) == before


def test_a_receipt_that_cannot_be_written_follows_later(repository: Repository) -> None:
    """The version is committed by then: to fail would be a lie."""
    place = Path(repository.store.url, "receipts")
    with start_run(repository, project="p") as run:
        place.write_text("in the way")
        with pytest.warns(EdversionWarning, match=r"p/data:v0 is recorded, but not its receipt"):
            version = run.log_artifact(draft_of(b"1"))
        assert repository.version("data") == version
        place.unlink()
        assert kinds(repository.doctor(mend=True)) == {"missing-receipt"}
    assert repository.doctor() == ()


@pytest.mark.parametrize(
    ("folder", "harm", "kind"),
    [
        ("packs", remove, "missing-pack"),
        ("packs", truncate, "short-pack"),
        ("manifests", remove, "missing-manifest"),
    ],
)
def test_what_cannot_be_mended_is_told(opened: Repository, folder: str, harm, kind: str) -> None:
    """Every object that a version needs, one at a time."""
    needed = object_keys(opened.store, folder)
    for key in needed:
        content = opened.store.backend.read(key)
        harm(opened.store, key)
        found = opened.doctor(mend=True)
        if kinds(found):
            assert kinds(found) == {kind}
            assert not any(finding.mended for finding in found)
            assert all("restore it from a backup" in finding.message for finding in found)
        remove(opened.store, key)
        opened.store.backend.create(key, content)
        assert opened.doctor() == ()


def test_what_nobody_needs_is_removed(opened: Repository) -> None:
    opened.store.backend.create("packs/aa/aabb-deadrun", b"pack")
    manifest = f"manifests/00/{'0' * 64}.1"
    opened.store.backend.create(manifest, b"manifest")
    opened.store.scratch.mkdir(exist_ok=True)
    (opened.store.scratch / "aabb-deadrun").write_bytes(b"under way")
    found = opened.doctor()
    assert {(finding.kind, finding.size) for finding in found} == {
        ("orphan-pack", 4), ("orphan-manifest", 8), ("leftover", 9),
    }  # fmt: skip
    assert "packs/aa/aabb-deadrun" in object_keys(opened.store)  # looking changes nothing
    mended = opened.doctor(mend=True)
    assert all(finding.mended for finding in mended)
    assert opened.doctor() == ()
    assert opened.verify() == ()


def test_work_under_way_is_left_alone(opened: Repository) -> None:
    run = start_run(opened, project="p")
    opened.store.backend.create(f"packs/aa/aabb-{run.id}", b"pack")
    (opened.store.scratch / f"aabb-{run.id}").write_bytes(b"under way")
    (opened.store.scratch / "young.json").write_bytes(b"of nobody known")
    opened.store.backend.create(f"manifests/00/{'0' * 64}.1", b"manifest")
    found = opened.doctor(mend=True)
    assert [(finding.kind, finding.mended) for finding in found] == [("leftover", False)]
    (opened.store.scratch / "young.json").unlink()
    run.finish()
    assert kinds(opened.doctor(mend=True)) == {"orphan-pack", "orphan-manifest", "leftover"}
    assert opened.doctor() == ()


def test_edited_events_are_found(opened: Repository, store: Path) -> None:
    with sqlite3.connect(store / "catalog.db") as database:
        database.execute("UPDATE events SET actor = 'somebody else' WHERE sequence = 3")
    database.close()
    assert kinds(opened.doctor(mend=True)) == {"broken-events"}
    (damage,) = opened.verify()
    assert damage.version == "events"
    assert "broken at event 3" in damage.message
    assert opened.verify(events=False) == ()
