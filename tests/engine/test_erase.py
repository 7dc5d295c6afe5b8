"""Erasure: bytes are destroyed at once, what they were stays, and nobody else loses any."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import edversion
from edversion.errors import ConflictError, InvalidInputError, NotFoundError, RefusedError
from edversion.repository import Repository, open_repository
from edversion.run import Run
from edversion.starting import start_run
from edversion.testing import object_keys, remove

from .test_gc import NOW, Keeps, logged, objects, packed

WHY = {"reason": "a family asked", "legal_basis": "GDPR Art. 17"}
LARGE = random.Random(7).randbytes(2_400_000)  # a pack by itself


def holds(repository: Repository, data: bytes) -> bool:
    """Tell whether any object or cached copy holds some bytes."""
    root = Path(repository.store.url)
    files = [path for path in root.rglob("*") if path.is_file() and "catalog.db" not in path.name]
    return any(data in path.read_bytes() for path in files)


@pytest.mark.parametrize("data", [b"Jane Doe, failed", packed(1), LARGE])
def test_bytes_are_destroyed_at_once_and_the_rest_stays(run: Run, data: bytes) -> None:
    repository = run.repository
    version = logged(run, "pupils", a=data)
    later = logged(run, "pupils", a=packed(2))
    version.path("a")  # leaves a copy in the cache where it is no file by itself
    proof = data if len(data) < 100 else data[1_000:2_000]
    assert len(data) < 100 or holds(repository, proof)
    said = repository.erase(version, **WHY, dry_run=True)
    assert repository.version(version) == version
    done = repository.erase(version, **WHY)
    assert done.freed == said.freed == (0 if len(data) < 100 else len(data))
    assert (done.files, done.size, done.held_by) == (1, len(data), {})
    assert not holds(repository, proof)
    for look in (lambda: repository.version("pupils:v0"), lambda: version.read_bytes("a")):
        with pytest.raises(NotFoundError, match=r"erased on .* a family asked .*GDPR Art. 17"):
            look()
    event = repository.events(subject=version.reference)[0]
    assert (event.action, event.reason) == ("version.erased", "a family asked")
    assert event.before["digest"] == version.digest
    assert repository.versions("pupils") == (later,)
    assert version.logged_by()[0].id == run.id
    assert repository.verify() == ()
    assert repository.doctor() == ()
    assert repository.deleted()[0].legal_basis == "GDPR Art. 17"


def test_shared_packs_are_written_anew_for_the_others(run: Run) -> None:
    repository = run.repository
    first = logged(run, a=packed(1), b=packed(2), c=packed(3))
    second = logged(run, a=packed(1), c=packed(3), d=packed(4))
    third = second.new_draft()
    third.add_bytes(packed(5), "e")
    third = run.log_artifact(third)
    logged(run, "other", x=packed(6))
    repository.delete(second, reason="old")  # deleted, but it may come back
    said = repository.erase(first, **WHY, dry_run=True)
    done = repository.erase(first, **WHY)
    assert done.freed == said.freed == len(packed(2))
    assert (done.packs_removed, done.packs_rewritten) == (0, 1)
    assert done.held_by == {second.reference: 2, third.reference: 2}
    assert not holds(repository, packed(2))
    assert repository.restore(second).read_bytes("a") == packed(1)
    assert [third.read_bytes(path) for path in "acde"] == [packed(n) for n in (1, 3, 4, 5)]
    assert repository.verify() == ()
    assert repository.doctor() == ()
    again = logged(run, b=packed(2))  # it is a new version, and not the erased one
    assert again.number == 3
    assert again.read_bytes("b") == packed(2)


def test_tensors_of_a_large_file_are_cut_out(run: Run, tmp_path: Path) -> None:
    """A large file whose parts are shared: what lies between stays where it is needed."""
    repository = run.repository
    first = logged(run, "net", w=LARGE)
    changed = LARGE[:1_000_000] + packed(9) + LARGE[1_000_000:]
    second = logged(run, "net", w=changed)
    done = repository.erase(first, **WHY)
    assert done.packs_rewritten == 1
    assert 0 < done.freed < len(changed)
    assert second.read_bytes("w") == changed
    assert second.path("w").read_bytes() == changed
    assert repository.verify() == ()
    assert repository.doctor() == ()


def test_a_file_that_others_hold_stays_and_is_told(run: Run) -> None:
    repository = run.repository
    first = logged(run, w=LARGE)
    second = logged(run, "copy", w=LARGE)
    inline = logged(run, "third", w=packed(1)[:50])
    fourth = logged(run, "fourth", w=packed(1)[:50], x=b"")
    done = repository.erase(first, **WHY)
    assert (done.freed, done.held_by) == (0, {second.reference: 1})
    assert second.read_bytes("w") == LARGE
    assert repository.erase(inline, **WHY).held_by == {fourth.reference: 1}
    assert repository.erase(second, **WHY).freed == len(LARGE)
    assert not holds(repository, LARGE[:100])


def test_all_that_came_of_it_is_listed_and_flagged(run: Run) -> None:
    repository = run.repository
    pupils = logged(run, "pupils", a=b"1")
    others = logged(run, "others", a=b"2")
    model = edversion.Artifact("net", "model")
    model.add_bytes(b"w", "w")
    model.add_source(pupils, "trained_on")
    model.add_source(others, "trained_on")
    model = run.log_artifact(model)
    tuned = model.new_draft()
    tuned.add_bytes(b"v", "v")
    tuned = run.log_artifact(tuned)
    said = repository.erase(pupils, **WHY, dry_run=True)
    assert repository.erased_origins(tuned) == ()
    done = repository.erase(pupils, **WHY)
    assert set(done.descendants) == set(said.descendants) == {model.reference, tuned.reference}
    assert done.trained_on_since_erased == 2
    for version in (model, tuned):
        event = repository.events(subject=version.reference)[0]
        assert event.action == "origin.erased"
        assert event.after == {"erased": pupils.reference, "legal_basis": "GDPR Art. 17"}
        assert repository.erased_origins(version) == (pupils,)
        assert version.read_bytes("w") == b"w"
    late = tuned.new_draft()
    late.add_bytes(b"x", "x")
    assert repository.erased_origins(run.log_artifact(late)) == (pupils,)
    repository.erase(others, **WHY)
    assert set(repository.erased_origins(model)) == {pupils, others}


def test_what_keeps_a_version_keeps_it_from_erasure(tmp_path: Path) -> None:
    plugin = Keeps()
    with edversion.init("p", store=tmp_path / "store", plugins={"keeps": plugin}) as run:
        repository = run.repository
        version = logged(run, a=packed(1))
        repository.set_alias(version, "current")
        with pytest.raises(RefusedError, match="aliases point at it") as caught:
            repository.erase(version, **WHY)
        assert caught.value.code == "aliased"
        repository.remove_alias("data:current")
        repository.set_retention("data", 'legal_hold = "case 17"')
        with pytest.raises(RefusedError, match="legal hold: case 17"):
            repository.erase(version, **WHY)
        repository.set_retention("data", None)
        plugin.needed = version.reference
        with pytest.raises(RefusedError, match="an experiment is open"):
            repository.erase(version, **WHY, dry_run=True)
        plugin.needed = ""
        for missing in ({"reason": " "}, {"legal_basis": ""}):
            with pytest.raises(InvalidInputError, match="a reason and a legal basis"):
                repository.erase(version, **(WHY | missing))
        assert version.read_bytes("a") == packed(1)
        repository.erase(version, **WHY)
        with pytest.raises(NotFoundError, match="was erased"):
            repository.erase(version, **WHY)
        with pytest.raises(RefusedError, match="it cannot be restored"):
            repository.restore(version)


def test_deleted_and_collected_versions_can_be_erased(run: Run) -> None:
    """What gc left in a pack that others share is destroyed then."""
    repository = run.repository
    first = logged(run, a=packed(1), b=packed(2))
    second = logged(run, b=packed(2), c=packed(3))
    repository.delete(first, reason="old")
    repository.gc(grace=NOW)
    assert holds(repository, packed(1))
    assert repository.erase(first, **WHY).freed == len(packed(1))
    assert not holds(repository, packed(1))
    third = logged(run, "net", a=packed(4))
    repository.delete(third, reason="old")
    repository.erase(third, **WHY)
    assert second.read_bytes("b") == packed(2)
    assert repository.verify() == ()
    assert repository.doctor() == ()


def test_bytes_of_before_a_mend_are_destroyed_too(run: Run) -> None:
    repository = run.repository
    logged(run, a=b"inline and old")
    key = object_keys(repository.store, "manifests")[0]
    data = repository.store.backend.read(key)
    remove(repository.store, key)
    version = logged(run, a=b"inline and old")
    repository.store.backend.create(key, data)  # it was put back from a backup
    run.finish()
    repository.erase(version, **WHY)
    assert objects(repository) == {"packs": 0, "manifests": 0}


def test_who_shares_meanwhile_is_not_forgotten(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version is logged between the copying of a pack and the transaction."""
    repository = run.repository
    first = logged(run, a=packed(1), b=packed(2))
    second = logged(run, b=packed(2), c=packed(3))
    erase, tries, added = repository.catalog.erase, [], []

    def late(*order):
        if not tries:
            added.append(logged(run, a=packed(1), d=packed(4)))
        tries.append(order)
        return erase(*order)

    monkeypatch.setattr(repository.catalog, "erase", late)
    done = repository.erase(first, **WHY)
    assert len(tries) == 2
    assert done.held_by == {second.reference: 1, added[0].reference: 1}
    assert added[0].read_bytes("a") == packed(1)
    assert second.read_bytes("b") == packed(2)
    assert repository.verify() == ()
    run.finish()
    assert repository.doctor() == ()

    def never(*order):
        raise ConflictError("again", code="repack_raced")

    monkeypatch.setattr(repository.catalog, "erase", never)
    before = objects(repository)
    with pytest.raises(ConflictError):
        repository.erase(second, **WHY)
    assert objects(repository) == before
    assert second.read_bytes("b") == packed(2)


def test_two_erasures_at_once_forget_nobody(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one has moved what both share to a new pack, between copy and transaction."""
    repository = run.repository
    first = logged(run, a=packed(1), c=packed(3))
    second = logged(run, b=packed(2), a=packed(1), c=packed(3))
    third = logged(run, c=packed(3), d=packed(4))
    erase, tries = repository.catalog.erase, []

    def late(*order):
        tries.append(order)
        if len(tries) == 1:
            repository.erase(second, **WHY)
        return erase(*order)

    monkeypatch.setattr(repository.catalog, "erase", late)
    repository.erase(first, **WHY)
    assert len(tries) == 3
    assert not holds(repository, packed(1))
    repository.gc(grace=NOW)
    assert third.read_bytes("c") == packed(3)
    assert repository.verify() == ()
    run.finish()
    assert repository.doctor() == ()


def test_gc_may_doom_the_same_pack_meanwhile(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = run.repository
    first = logged(run, a=packed(1))
    dead = logged(run, a=packed(2))
    mended = logged(run, "other", x=packed(3))
    remove(repository.store, object_keys(repository.store, "manifests")[0])
    logged(run, a=packed(1))
    logged(run, a=packed(2))
    logged(run, "other", x=packed(3))  # one of them lies in a new pack; nobody names the old one
    repository.delete(dead, reason="old")
    erase, delete = repository.catalog.erase, repository.store.backend.delete

    def dying(key: str) -> None:
        raise KeyboardInterrupt

    def late(*order):
        repository.store.backend.delete = dying
        with pytest.raises(KeyboardInterrupt):
            repository.gc(grace=NOW)
        repository.store.backend.delete = delete
        return erase(*order)

    monkeypatch.setattr(repository.catalog, "erase", late)
    repository.erase(first, **WHY)
    repository.gc(grace=NOW)
    assert objects(repository) == {"packs": 1, "manifests": 1}
    assert mended.read_bytes("x") == packed(3)
    assert repository.verify() == ()


def test_what_may_be_committed_is_not_undone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is interrupted in the moment after the transaction."""
    repository = run.repository
    first = logged(run, a=packed(1), b=packed(2))
    second = logged(run, b=packed(2), c=packed(3))
    erase = repository.catalog.erase

    def interrupted(*order):
        erase(*order)
        raise KeyboardInterrupt

    monkeypatch.setattr(repository.catalog, "erase", interrupted)
    with pytest.raises(KeyboardInterrupt):
        repository.erase(first, **WHY)
    assert second.read_bytes("b") == packed(2)
    repository.gc(grace=NOW)
    assert not holds(repository, packed(1))
    assert repository.verify() == ()


def test_who_reuses_meanwhile_stores_it_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = run.repository
    first = logged(run, a=packed(1), b=packed(2))
    commit, calls = repository.catalog.commit, []

    def late(request):
        if not calls:
            calls.append(request.reused_packs)
            repository.erase(first, **WHY)
        return commit(request)

    monkeypatch.setattr(repository.catalog, "commit", late)
    second = logged(run, a=packed(1), c=packed(3))
    assert calls[0]
    assert second.read_bytes("a") == packed(1)
    assert repository.verify() == ()


def test_another_process_finds_bytes_that_were_moved(run: Run, tmp_path: Path) -> None:
    first = logged(run, a=packed(1), b=packed(2))
    logged(run, b=packed(2), c=packed(3))
    with edversion.open(run.repository.location.store) as reader:
        held = reader.version("data:v1")
        assert held.read_bytes("c") == packed(3)
        run.repository.erase(first, **WHY)
        assert held.path("b").read_bytes() == packed(2)
        held.download(tmp_path / "copy")
        assert held.read_bytes("b") == packed(2)
        assert reader.verify(held) == ()


def test_who_reads_many_files_goes_on_where_they_were_moved(run: Run) -> None:
    first = logged(run, a=packed(1), b=packed(2))
    logged(run, b=packed(2), c=packed(3), d=packed(4))
    with edversion.open(run.repository.location.store) as reader:
        held = reader.version("data:v1")
        assert held.read_bytes("c") == packed(3)
        run.repository.erase(first, **WHY)
        groups = list(held.source.contents_of(held, ["b", "c", "d"]))
    assert sum(map(len, groups)) == 3, "none twice"
    assert dict(pair for group in groups for pair in group) == {
        "b": packed(2),
        "c": packed(3),
        "d": packed(4),
    }


def test_a_crash_between_the_catalog_and_the_store_is_made_good(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = run.repository
    first = logged(run, a=packed(1), b=packed(2))
    second = logged(run, b=packed(2), c=packed(3))

    def dying(key: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(repository.store.backend, "delete", dying)
    with pytest.raises(KeyboardInterrupt):
        repository.erase(first, **WHY)
    monkeypatch.undo()
    assert holds(repository, packed(1))
    repository.gc()
    assert not holds(repository, packed(1))
    assert second.read_bytes("b") == packed(2)
    assert repository.verify() == ()
    assert repository.doctor(mend=True) is not None
    assert repository.doctor() == ()


def test_a_rebuilt_catalog_knows_what_was_erased(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with edversion.init("p", store=store) as run:
        first = logged(run, a=packed(1), b=packed(2))
        second = logged(run, b=packed(2), c=packed(3))
        run.repository.erase(first, **WHY)
    for path in store.glob("catalog.db*"):
        path.unlink()
    with open_repository(store, lost_catalog=True) as repository:
        repository.doctor(mend=True)
        with pytest.raises(NotFoundError, match=r"erased on .*GDPR Art. 17"):
            repository.version("data:v0")
        assert repository.version(second).read_bytes("b") == packed(2)
        assert repository.doctor() == ()
        assert repository.verify() == ()


def test_references_elsewhere_are_told(run: Run, tmp_path: Path) -> None:
    there = tmp_path / "there.csv"
    there.write_bytes(packed(1))
    draft = edversion.Artifact("data", "dataset")
    draft.add_reference(there.as_uri(), "there.csv")
    version = run.log_artifact(draft)
    copy = version.path("there.csv")
    done = run.repository.erase(version, **WHY)
    assert done.references == (there.as_uri(),)
    assert there.exists()
    assert not copy.exists()


def test_erasing_works_on_stores_of_objects(memory_repository: Repository) -> None:
    with start_run(memory_repository, project="p") as run:
        first = logged(run, a=packed(1), b=packed(2))
        second = logged(run, b=packed(2), c=packed(3))
        done = memory_repository.erase(first, **WHY)
        assert (done.freed, done.packs_rewritten) == (len(packed(1)), 1)
        assert second.read_bytes("b") == packed(2)
        assert memory_repository.verify() == ()


def test_what_lay_elsewhere_before_it_was_mended_goes_too(run: Run) -> None:
    """In a pack that it names no longer, and that another one needs."""
    repository, proof = run.repository, packed(1)[1_000:2_000]
    first = logged(run, "pupils", a=packed(1), b=packed(2))
    second = logged(run, "pupils", b=packed(2))
    for _ in range(2):
        now = repository.version(first.reference)
        repository.store.delete_manifest(now.digest, now.generation)
        draft = edversion.Artifact("pupils", "dataset")
        draft.add_bytes(packed(1), "a")
        draft.add_bytes(packed(2), "b")
        assert run.log_artifact(draft, rehash=True).number == first.number
    assert holds(repository, proof)
    repository.erase(first, **WHY)
    assert not holds(repository, proof)
    assert repository.version(second.reference).read_bytes("b") == packed(2)
    assert repository.doctor() == repository.verify() == ()
