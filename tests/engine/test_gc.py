"""gc: what nobody needs goes in the end, and nothing that somebody needs ever does."""

from __future__ import annotations

import random
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

import edversion
from edversion.errors import (
    HookError,
    InvalidInputError,
    NotFoundError,
    RefusedError,
)
from edversion.gc import GcReport
from edversion.repository import Repository, open_repository
from edversion.run import Run
from edversion.starting import start_run
from edversion.testing import object_keys

from .hazards import Crash, Fuse

NOW = timedelta(0)
DAY = timedelta(days=1)
PACKED = 40_000  # bytes: too many to lie in the manifest


def draft_of(name: str, **files: bytes) -> edversion.Artifact:
    draft = edversion.Artifact(name, "dataset")
    for path, data in files.items():
        draft.add_bytes(data, path)
    return draft


def logged(run: Run, name: str = "data", **files: bytes) -> edversion.Version:
    return run.log_artifact(draft_of(name, **files))


def packed(number: int) -> bytes:
    return random.Random(number).randbytes(PACKED)  # which no compression makes fit


def objects(repository: Repository) -> dict[str, int]:
    return {kind: len(object_keys(repository.store, kind)) for kind in ("packs", "manifests")}


@pytest.mark.parametrize("data", [b"small", packed(1)], ids=["inline", "packed"])
def test_a_deleted_version_is_condemned_and_then_removed(run: Run, data: bytes) -> None:
    repository = run.repository
    logged(run, a=packed(0))
    gone = logged(run, a=data)
    before = objects(repository)
    repository.delete(gone, reason="mistake")
    asked = datetime.now(UTC)
    report = repository.gc(grace=DAY)
    assert (report.condemned, report.removed, report.size) == ((gone.reference,), (), 0)
    assert report.waiting[gone.reference] - DAY >= asked
    assert objects(repository) == before
    again = repository.gc(grace=DAY)
    assert (again.condemned, again.removed) == ((), ())
    last = repository.gc(grace=NOW)
    assert last.removed == (gone.reference,)
    assert last.size >= len(data)
    assert objects(repository) == {"packs": 1, "manifests": 1}
    assert repository.gc(grace=NOW) == GcReport(False, (), (), {}, {}, 0, 0, 0, 0)
    assert repository.verify() == ()
    assert repository.doctor() == ()
    assert [event.action for event in repository.events(subject="store")] == [
        "gc.removed",
        "gc.condemned",
    ]


def test_a_dry_run_says_exactly_what_goes(run: Run) -> None:
    repository = run.repository
    versions = [logged(run, a=packed(number)) for number in range(4)]
    logged(run, a=b"inline")
    for version in (*versions[:2], repository.version("data:v4")):
        repository.delete(version, reason="old")
    before, events = objects(repository), repository.events()
    for grace in (DAY, NOW):
        said = repository.gc(grace=grace, dry_run=True)
        assert (objects(repository), repository.events()) == (before, events)
        assert [item.condemned_at for item in repository.deleted()] == [None] * 3
        assert len(said.condemned) == 3
    done = repository.gc(grace=NOW)
    assert (done.removed, done.packs, done.size) == (said.removed, said.packs, said.size)
    assert done.packs == 2
    assert done.size > 2 * PACKED


def test_a_dry_run_counts_once_what_a_dead_process_had_to_delete(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with edversion.init("p", store=store) as run:
        logged(run, a=packed(0))
    with edversion.open(store) as repository:
        fuse = Fuse(repository)
        fuse.left = 2  # the record of the run, and the receipt
        with pytest.raises(Crash):
            repository.erase("data:v0", reason="asked", legal_basis="GDPR Art. 17")
        fuse.left = None
    with edversion.open(store) as repository:
        said, done = repository.gc(grace=NOW, dry_run=True), repository.gc(grace=NOW)
        assert (said.size, said.leftovers) == (done.size, done.leftovers)
        assert objects(repository) == {"packs": 0, "manifests": 0}


def test_bytes_that_others_share_stay(run: Run) -> None:
    repository = run.repository
    first = logged(run, a=packed(1), b=packed(2))
    second = logged(run, a=packed(1), b=packed(3))
    repository.delete(first, reason="old")
    report = repository.gc(grace=NOW)
    assert (report.removed, report.packs) == ((first.reference,), 0)
    assert second.read_bytes("a") == packed(1)
    assert repository.verify() == ()
    repository.delete(second, reason="old")
    assert repository.gc(grace=NOW).packs == 2
    assert objects(repository) == {"packs": 0, "manifests": 0}


def test_a_restored_version_is_as_it_was(run: Run) -> None:
    repository = run.repository
    first = logged(run, a=packed(1))
    second = logged(run, a=packed(2))
    repository.delete(second, reason="mistake")
    assert repository.version("data").number == 0
    repository.gc(grace=DAY)
    back = repository.restore("data:v1", reason="needed")
    assert (back, back.aliases) == (second, ("latest",))
    assert back.read_bytes("a") == packed(2)
    assert repository.collections()[0].version_count == 2
    event = repository.events(subject=second.reference)[0]
    assert (event.action, event.reason) == ("version.restored", "needed")
    repository.delete(first, reason="old")
    repository.restore(first)
    assert repository.alias("data:latest").number == 1  # not the one restored last
    assert repository.gc(grace=NOW).removed == ()
    assert repository.verify() == ()
    assert repository.doctor() == ()


def test_what_cannot_be_restored_says_why(run: Run) -> None:
    repository = run.repository
    version = logged(run, a=packed(1))
    with pytest.raises(InvalidInputError, match="is not deleted"):
        repository.restore(version)
    repository.delete(version, reason="mistake")
    twin = logged(run, a=packed(1))
    with pytest.raises(RefusedError, match="v1 has the same content") as caught:
        repository.restore("data:v0")
    assert caught.value.code == "content_is_live"
    repository.gc(grace=NOW)
    repository.delete(twin, reason="mistake")
    with pytest.raises(RefusedError, match="gc has removed its bytes") as caught:
        repository.restore("data:v0")
    assert caught.value.code == "bytes_gone"
    assert repository.restore("data:v1") == twin
    with pytest.raises(NotFoundError):
        repository.restore("data:v7")


def test_a_condemned_pack_is_rescued_by_whoever_needs_it(run: Run) -> None:
    """The commit found the pack while its version lived, and comes after the condemnation."""
    repository = run.repository
    first = logged(run, a=packed(1), b=b"1")
    draft = first.new_draft()
    draft.add_bytes(b"2", "c")
    repository.delete(first, reason="old")
    assert repository.gc(grace=DAY).condemned == (first.reference,)
    second = run.log_artifact(draft)
    assert len(object_keys(repository.store)) == 1  # nothing was stored twice
    assert repository.gc(grace=NOW).removed == (first.reference,)
    assert second.read_bytes("a") == packed(1)
    assert repository.verify() == ()


def test_who_reuses_a_removed_pack_stores_it_again(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gc comes between the moment a commit finds a pack and its transaction."""
    repository = run.repository
    first = logged(run, a=packed(1), b=b"1")
    draft = edversion.Artifact("data", "dataset")
    draft.add_bytes(packed(1), "a")
    draft.add_bytes(b"2", "c")
    commit, calls = repository.catalog.commit, []

    def late(request):
        if not calls:
            repository.delete(first, reason="old")
            repository.gc(grace=NOW)
        calls.append(request.reused_packs)
        return commit(request)

    monkeypatch.setattr(repository.catalog, "commit", late)
    second = run.log_artifact(draft)
    assert [bool(reused) for reused in calls] == [True, False]
    assert second.read_bytes("a") == packed(1)
    assert repository.verify() == ()


def test_a_known_content_that_is_deleted_meanwhile_is_stored_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = run.repository
    first = logged(run, a=packed(1))
    find = repository.catalog.find_by_digest

    def late(*key):
        found = find(*key)
        if found is not None:
            repository.delete(found, reason="old")
            repository.gc(grace=NOW)
        return found

    monkeypatch.setattr(repository.catalog, "find_by_digest", late)
    second = logged(run, a=packed(1))
    assert (first.number, second.number) == (0, 1)
    assert second.read_bytes("a") == packed(1)
    assert repository.verify() == ()


def test_an_open_runs_unfinished_work_is_left_alone(repository: Repository) -> None:
    run = start_run(repository, project="p")
    logged(run, a=packed(1))
    repository.store.backend.create(f"packs/aa/aabb-{run.id}", b"pack")
    repository.store.backend.create("packs/aa/aabb-deadrun", b"pack")
    said = repository.gc(grace=NOW, dry_run=True)
    assert (said.leftovers, said.size) == (1, 4)
    assert repository.gc(grace=NOW).leftovers == 1
    assert f"packs/aa/aabb-{run.id}" in object_keys(repository.store)
    assert "packs/aa/aabb-deadrun" not in object_keys(repository.store)
    run.finish()
    assert repository.gc(grace=NOW).leftovers == 1
    assert objects(repository) == {"packs": 1, "manifests": 1}


class Keeps:
    """A plugin that needs one version, and breaks on another."""

    def __init__(self) -> None:
        self.needed, self.breaks = "", False

    @edversion.hookimpl
    def edversion_retain(self, version):
        if self.breaks:
            raise ZeroDivisionError
        return "an experiment is open" if version.reference == self.needed else None


def test_a_plugin_keeps_bytes_and_stops_gc_where_it_breaks(tmp_path: Path) -> None:
    plugin = Keeps()
    with edversion.init("p", store=tmp_path / "store", plugins={"keeps": plugin}) as run:
        repository = run.repository
        first, second = (logged(run, a=packed(number)) for number in range(2))
        for version in (first, second):
            repository.delete(version, reason="old")
        assert repository.gc(grace=DAY).condemned == (first.reference, second.reference)
        plugin.breaks = True
        with pytest.raises(HookError, match="nothing was removed"):
            repository.gc(grace=NOW)
        assert objects(repository) == {"packs": 2, "manifests": 2}
        plugin.needed, plugin.breaks = first.reference, False
        report = repository.gc(grace=NOW)
        assert report.kept == {first.reference: "keeps: an experiment is open"}
        assert report.removed == (second.reference,)
        assert repository.deleted()[-1].condemned_at is None  # its grace begins anew
        assert repository.restore(first).read_bytes("a") == packed(0)
        assert repository.verify() == ()


def test_a_crash_while_objects_go_is_made_good_by_the_next(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = run.repository
    for number in range(3):
        repository.delete(logged(run, a=packed(number)), reason="old")
    delete, left = repository.store.backend.delete, [2]

    def dying(key: str) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        delete(key)

    monkeypatch.setattr(repository.store.backend, "delete", dying)
    with pytest.raises(KeyboardInterrupt):
        repository.gc(grace=NOW)
    assert sum(objects(repository).values()) == 4
    monkeypatch.undo()
    with pytest.raises(RefusedError):
        repository.restore("data:v0")
    repository.gc(grace=DAY)
    assert objects(repository) == {"packs": 0, "manifests": 0}


def test_an_old_catalog_removes_nothing(tmp_path: Path) -> None:
    """It does not know the version that shares a pack with one that it holds for deleted."""
    store = tmp_path / "store"
    with edversion.init("p", store=store) as run:
        first = logged(run, a=packed(1), b=b"1")
        run.repository.delete(first, reason="old")
        with sqlite3.connect(tmp_path / "old.db") as old:
            sqlite3.connect(store / "catalog.db").backup(old)
        old.close()
        second = first.new_draft()
        second.add_bytes(b"2", "c")
        run.log_artifact(second)
    for path in store.glob("catalog.db*"):
        path.unlink()
    (tmp_path / "old.db").rename(store / "catalog.db")
    with edversion.open(store) as repository:
        with pytest.raises(RefusedError, match="older than the store") as caught:
            repository.gc(grace=NOW)
        assert caught.value.code == "old_catalog"
        assert objects(repository)["packs"] == 1


def test_a_rebuilt_catalog_knows_what_is_gone(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with edversion.init("p", store=store) as run:
        for number in range(2):
            run.repository.delete(logged(run, a=packed(number)), reason="old")
            run.repository.gc(grace=DAY if number else NOW)
        logged(run, a=packed(3))
    for path in store.glob("catalog.db*"):
        path.unlink()
    with open_repository(store, lost_catalog=True) as repository:
        repository.doctor(mend=True)
        assert [item.purged_at is None for item in repository.deleted()] == [True, False]
        with pytest.raises(RefusedError):
            repository.restore("data:v0")
        assert repository.restore("data:v1").read_bytes("a") == packed(1)
        report = repository.gc(grace=NOW)
        assert (report.removed, report.packs, report.size) == ((), 0, 0)
        assert repository.doctor() == ()
        assert repository.verify() == ()


def test_reading_a_version_that_went_says_so(run: Run) -> None:
    version = logged(run, a=packed(1))
    run.repository.delete(version, reason="a mistake")
    run.repository.gc(grace=NOW)
    with pytest.raises(NotFoundError, match=r"was deleted on .*: a mistake"):
        version.read_bytes("a")


def test_a_negative_grace_is_refused(repository: Repository) -> None:
    with pytest.raises(InvalidInputError, match="must not be negative"):
        repository.gc(grace=-DAY)


def test_gc_of_many_versions_asks_few_questions(tmp_path: Path) -> None:
    """The small sister of the benchmark: no query and no listing for each version."""
    from benchmarks.garbage import dying

    asked = []
    for count in (40, 400):
        with dying(tmp_path / str(count), count) as repository:
            engine, statements = repository.catalog._database.engine, []
            event.listen(
                engine, "before_cursor_execute", lambda *seen, into=statements: into.append(seen[2])
            )
            report = repository.gc(grace=NOW)
            assert len(report.removed) == report.packs == count // 2
            assert objects(repository) == {"packs": count // 2, "manifests": count // 2}
            asked.append(len(statements))
    assert asked[0] == asked[1]
