"""Packs that are mostly dead are written anew, and nobody who reads or writes loses a byte."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion.digests import digest_of_bytes
from edversion.errors import IntegrityError, NotFoundError
from edversion.extents import needed_extents
from edversion.model import FileEntry
from edversion.repository import Repository, open_repository
from edversion.run import Run
from edversion.starting import start_run
from edversion.store import PackWriter, Reader, Segment, StoredFile, StoredManifest
from edversion.store.fetching import Packs
from edversion.testing import flip_bit, object_keys, remove, truncate

from .test_erase import WHY, holds
from .test_gc import DAY, NOW, draft_of, logged, objects

BIG = 200_000  # bytes: so many dead ones are worth a new pack


def filler(number: int) -> bytes:
    return random.Random(number).randbytes(BIG)


def worn(run: Run, name: str = "data") -> edversion.Version:
    """Log a version that needs a quarter of a pack whose other parts belong to a dead one."""
    first = logged(run, name, a=filler(1), b=filler(2), c=filler(3), d=filler(4))
    second = logged(run, name, a=filler(1))
    run.repository.delete(first, reason="old")
    return second


def pack_bytes(repository: Repository) -> int:
    return sum(size for _, size in repository.store.packs())


def tidy(run: Run) -> None:
    repository = run.repository
    assert repository.verify() == ()
    run.finish()
    assert repository.doctor() == ()


def test_a_pack_that_is_mostly_dead_is_written_anew(run: Run) -> None:
    repository = run.repository
    second = worn(run)
    before = objects(repository), pack_bytes(repository)
    said = repository.gc(grace=NOW, dry_run=True)
    assert (objects(repository), pack_bytes(repository)) == before
    done = repository.gc(grace=NOW)
    assert (done.repacked, done.repacked_size) == (said.repacked, said.repacked_size)
    assert (done.repacked, done.repacked_size) == (1, 3 * BIG)
    assert done.packs == said.packs == 1
    assert done.size == said.size > 3 * BIG
    assert pack_bytes(repository) == BIG
    assert objects(repository) == {"packs": 1, "manifests": 1}
    assert not holds(repository, filler(2)[:1_000])
    assert second.read_bytes("a") == filler(1)
    event = repository.events(subject="store")[0]
    assert (event.action, event.after) == (
        "gc.repacked",
        {"packs": 1, "versions": 1, "size": 3 * BIG},
    )
    assert repository.gc(grace=NOW).repacked == 0
    tidy(run)


def test_the_old_pack_stays_for_the_time_of_grace(run: Run) -> None:
    repository = run.repository
    second = worn(run)
    assert repository.gc(grace=NOW, repack=False).repacked == 0
    done = repository.gc(grace=DAY)
    assert (done.repacked, done.packs, done.size) == (1, 0, 0)
    assert done.waiting_size == 4 * BIG
    assert objects(repository) == {"packs": 2, "manifests": 2}
    assert repository.doctor() == ()  # what waits is no leftover
    again = repository.gc(grace=DAY)
    assert (again.repacked, again.leftovers, again.waiting_size) == (0, 0, 4 * BIG)
    last = repository.gc(grace=NOW)
    assert last.packs == 1
    assert last.size > 4 * BIG  # with the manifest that was replaced
    assert objects(repository) == {"packs": 1, "manifests": 1}
    assert second.read_bytes("a") == filler(1)
    tidy(run)


def test_what_does_not_pay_is_left_until_more_of_it_dies(run: Run) -> None:
    repository = run.repository
    first = logged(run, a=filler(1), b=filler(2), c=filler(3), d=filler(4))
    second = logged(run, a=filler(1), b=filler(2), c=filler(3))
    third = logged(run, a=filler(1))
    repository.delete(first, reason="old")
    reads, read = [], repository.store.read_manifest
    repository.store.read_manifest = lambda *key, **how: (reads.append(key), read(*key, **how))[1]
    assert repository.gc(grace=NOW).repacked == 0  # three of four parts are needed
    assert len(reads) == 2
    assert repository.gc(grace=NOW).repacked == 0
    assert len(reads) == 2  # it is not looked at again for nothing
    repository.delete(second, reason="old")
    assert repository.gc(grace=DAY).repacked == 0  # it can still be restored
    done = repository.gc(grace=NOW)
    assert (done.repacked, done.repacked_size) == (1, 3 * BIG)
    assert third.read_bytes("a") == filler(1)
    tidy(run)


def test_few_dead_bytes_and_many_manifests_do_not_pay(run: Run) -> None:
    repository = run.repository
    small = random.Random(9).randbytes(40_000)
    first = logged(run, a=small, b=small[::-1])
    logged(run, a=small)
    repository.delete(first, reason="old")
    many = {f"f{number}": number.to_bytes(4) * 5 for number in range(3_000)}
    big = logged(run, "other", a=filler(1), b=filler(2))
    logged(run, "other", b=filler(2)[:0], a=filler(1)[:100_000], **many)
    sharer = big.new_draft()
    sharer.remove("b")
    for path, data in many.items():
        sharer.add_bytes(data, path)
    run.log_artifact(sharer)
    repository.delete(big, reason="old")
    assert repository.gc(grace=NOW).repacked == 0
    tidy(run)


def test_what_is_left_of_several_packs_comes_together(run: Run) -> None:
    repository = run.repository
    kept = [worn(run, name) for name in ("one", "two", "three")]
    large = random.Random(5).randbytes(3 << 20)
    first = logged(run, "net", w=large)
    cut = logged(run, "net", w=large[: 1 << 20] + filler(7) + large[-(1 << 18) :])
    repository.delete(first, reason="old")
    done = repository.gc(grace=NOW)
    assert done.repacked >= 3
    assert objects(repository)["packs"] <= 3  # one new, and what the last version brought
    for version in kept:
        assert version.read_bytes("a") == filler(1)
    assert cut.read_bytes("w").startswith(large[: 1 << 20])
    tidy(run)


def test_a_deleted_version_that_can_be_restored_moves_too(run: Run) -> None:
    repository = run.repository
    first = logged(run, a=filler(1), b=filler(2), c=filler(3), d=filler(4))
    second, third = logged(run, a=filler(1)), logged(run, b=filler(2)[: BIG // 2], a=b"")
    repository.delete(first, reason="old")
    repository.gc(grace=NOW, repack=False)
    repository.delete(third, reason="mistake")
    assert repository.gc(grace=DAY).repacked == 1
    repository.gc(grace=DAY)
    assert repository.restore(third).read_bytes("b") == filler(2)[: BIG // 2]
    assert repository.restore is not None
    assert second.read_bytes("a") == filler(1)
    tidy(run)


# Readers


def test_who_read_by_the_old_manifest_finds_the_new_place(run: Run, tmp_path: Path) -> None:
    repository = run.repository
    second = worn(run)
    repository.gc(grace=NOW, repack=False)
    with edversion.open(repository.location.store) as reader:
        held = reader.version(second.reference)
        assert held.read_bytes("a") == filler(1)
        with held.open("a") as stream:
            assert repository.gc(grace=DAY).repacked == 1
            assert held.read_bytes("a") == filler(1)  # from the old pack
            repository.gc(grace=NOW, repack=False)
            assert objects(repository)["packs"] == 1
            assert stream.read() == filler(1)
        held.download(tmp_path / "copy")
        assert (tmp_path / "copy" / "a").read_bytes() == filler(1)
        held.verify()
        assert reader.verify(held) == ()


def test_an_open_file_goes_on_where_its_bytes_are_now(run: Run) -> None:
    repository = run.repository
    large = random.Random(5).randbytes(3 << 20)
    first = logged(run, "net", w=large)
    changed = large[: 1 << 20] + filler(7)
    second = logged(run, "net", w=changed)
    repository.delete(first, reason="old")
    repository.gc(grace=NOW, repack=False)
    with second.open("w") as stream:
        raw = stream.raw
        assert raw.read(100) == changed[:100]
        assert repository.gc(grace=NOW).repacked == 1
        raw.seek(900_000)
        assert raw.read(100) == changed[900_000:900_100]
        raw.seek(100)
        assert raw.readall() == changed[100:]
        raw.seek(0)
        assert raw.readall() == changed
    tidy(run)


def test_an_open_file_may_be_cut_otherwise_where_it_is_now(run: Run) -> None:
    """As where the version was logged again because its bytes were damaged."""
    store, data = run.repository.store, filler(1)
    placed = []
    for parts in ([data[:1_000], data[1_000:]], [data[:150_000], data[150_000:]]):
        writer = PackWriter(store.backend, store.scratch, run.id)
        placed.append(tuple(writer.add_plain(parts)))
        writer.close()
    entry = FileEntry("a", len(data), digest_of_bytes(data))
    reader, asked = Reader(Packs(store.backend), b""), []
    stream = StoredFile(reader, entry, placed[0], lambda: asked.append(1) or (reader, placed[1]))
    assert stream.read(10) == data[:10]
    store.delete_pack(placed[0][0].pack)
    assert stream.read(2_000) == data[10:1_000]  # no further than the segment that it held
    assert stream.readall() == data[1_000:]
    assert asked == [1]
    stream.seek(140_000)
    assert stream.read(20_000) == data[140_000:150_000]


def test_a_manifest_that_is_there_and_names_a_pack_that_is_gone(run: Run) -> None:
    """Deletion is under way: the pack went first, the old manifest can still be read."""
    repository = run.repository
    second = worn(run)
    second.read_bytes("a")
    old = object_keys(repository.store, "packs")
    repository.gc(grace=NOW, repack=False)
    repository.gc(grace=DAY)
    for key in old:
        remove(repository.store, key)
    with edversion.open(repository.location.store) as reader:
        reader._manifests[second.digest, second.generation] = reader.store.read_manifest(
            second.digest, second.generation
        )
        assert reader.path_of(second, "a").read_bytes() == filler(1)
    with second.open("a") as stream:
        assert stream.read() == filler(1)
    second.verify()


def test_a_reader_is_told_where_the_pack_is_lost_for_good(run: Run) -> None:
    second = worn(run)
    with second.open("a") as stream:
        for key in object_keys(run.repository.store, "packs"):
            remove(run.repository.store, key)
        with pytest.raises(IntegrityError, match="is missing from the store") as caught:
            stream.read()
        assert caught.value.code == "pack_missing"
        run.repository.delete(second, reason="gone")
        with pytest.raises(NotFoundError, match="was deleted"):
            stream.read()


# Writers


def test_who_reuses_the_old_pack_rescues_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit found the pack before it was replaced, and comes in its time of grace."""
    repository = run.repository
    second = worn(run)
    repository.gc(grace=NOW, repack=False)
    commit, calls = repository.catalog.commit, []

    def late(request):
        if not calls:
            calls.append(request.reused_packs)
            assert repository.gc(grace=DAY).repacked == 1
        return commit(request)

    monkeypatch.setattr(repository.catalog, "commit", late)
    third = logged(run, a=filler(1), e=b"new")
    assert calls[0]
    repository.gc(grace=NOW, repack=False)
    assert third.read_bytes("a") == second.read_bytes("a") == filler(1)
    done = repository.gc(grace=NOW)  # the pack that was rescued is as worn as before
    assert done.repacked == 1
    assert third.read_bytes("a") == second.read_bytes("a") == filler(1)
    tidy(run)


def test_who_comes_too_late_stores_the_bytes_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = run.repository
    second = worn(run)
    commit, calls = repository.catalog.commit, []

    def late(request):
        calls.append(request.reused_packs)
        if len(calls) == 1:
            assert repository.gc(grace=NOW).repacked == 1
        return commit(request)

    monkeypatch.setattr(repository.catalog, "commit", late)
    third = logged(run, a=filler(1), e=b"new")
    assert [bool(reused) for reused in calls] == [True, False]
    assert third.read_bytes("a") == second.read_bytes("a") == filler(1)
    tidy(run)


@pytest.mark.parametrize("other", ["log", "gc", "erase"])
def test_who_changes_sharers_meanwhile_puts_it_off(
    run: Run, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    repository = run.repository
    second = worn(run)
    repository.gc(grace=NOW, repack=False)
    third = logged(run, a=filler(1), e=b"new") if other == "erase" else None
    replace, calls, added = repository.catalog.replace_packs, [], []

    def late(swap, **how):
        calls.append(swap)
        if len(calls) == 1:
            if other == "log":
                added.append(logged(run, a=filler(1), f=filler(4)))
            elif other == "gc":
                assert repository.gc(grace=NOW).repacked == 1
            else:
                repository.erase(third, **WHY)
        return replace(swap, **how)

    monkeypatch.setattr(repository.catalog, "replace_packs", late)
    assert repository.gc(grace=NOW).repacked == 0
    for version in (second, *added):
        assert version.read_bytes("a") == filler(1)
    repository.gc(grace=NOW)
    for version in (second, *added):
        assert version.read_bytes("a") == filler(1)
    tidy(run)


def test_erasure_destroys_what_waits_after_a_repack(run: Run) -> None:
    """The old pack holds the bytes still, and the old manifest its small files and names."""
    repository = run.repository
    worn(run)
    person = logged(run, a=filler(1), b=filler(2)[: BIG // 2], c=b"Jane Doe, failed")
    assert repository.gc(grace=NOW, repack=False).removed
    assert repository.gc(grace=DAY).repacked == 1
    assert holds(repository, filler(4)[:1_000])
    repository.erase(person, **WHY)
    for data in (filler(2)[:1_000], filler(4)[:1_000]):
        assert not holds(repository, data)
    names = {key.rpartition("/")[2].partition(".")[0] for key in object_keys(
        repository.store, "manifests"
    )}  # fmt: skip
    assert person.digest.partition(":")[2] not in names
    tidy(run)


# Crashes and damage


def dying_after(repository: Repository, count: int) -> None:
    """Let so many more objects be written or deleted."""
    backend, left = repository.store.backend, [count]

    def guarded(method):
        def call(*given):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return method(*given)

        return call

    for name in ("create", "publish", "replace", "delete"):
        setattr(backend, name, guarded(getattr(backend, name)))


@pytest.mark.slow
@pytest.mark.parametrize("grace", [NOW, DAY])
def test_a_crash_at_any_point_costs_nothing(tmp_path: Path, grace: timedelta) -> None:
    died = True
    count = 0
    while died:
        store = tmp_path / str(count)
        with edversion.init("p", store=store) as run:
            second = worn(run)
            person = logged(run, a=filler(1), e=b"x")
            run.repository.gc(grace=NOW, repack=False)
        with open_repository(store) as repository:
            dying_after(repository, count)
            try:
                died = False
                repository.gc(grace=grace)
            except KeyboardInterrupt:
                died = True
        with open_repository(store) as repository:
            for version in (second, person):
                assert repository.version(version).read_bytes("a") == filler(1)
            repository.doctor(mend=True)
            repository.gc(grace=NOW)
            repository.gc(grace=NOW)
            assert repository.verify() == ()
            assert repository.doctor() == ()
            assert pack_bytes(repository) == BIG
            assert objects(repository) == {"packs": 1, "manifests": 2}
        count += 1
    assert count > 4


def test_receipts_name_the_new_place_before_the_old_one_goes(run: Run) -> None:
    """Else a catalog that is lost in between would be rebuilt without a way to the bytes."""
    repository = run.repository
    second = worn(run)
    repository.gc(grace=NOW, repack=False)
    catalog, backend, seen = repository.catalog, repository.store.backend, []
    delete = backend.delete

    def watched(key: str) -> None:
        if key.startswith(("manifests/", "packs/")):
            receipt = catalog.receipt_by_key((second.project, second.name, second.number))
            seen.append(repository.store.records.has_receipt(receipt))
        delete(key)

    backend.delete = watched
    assert repository.gc(grace=NOW).repacked == 1
    assert seen == [True, True]


@pytest.mark.parametrize("grace", [NOW, DAY])
def test_a_catalog_rebuilt_after_a_repack_knows_the_new_place(
    tmp_path: Path, grace: timedelta
) -> None:
    store = tmp_path / "store"
    with edversion.init("p", store=store) as run:
        second = worn(run)
        first = worn(run, "later")
        run.repository.gc(grace=NOW, repack=False)
        assert run.repository.gc(grace=grace).repacked == 2
    for path in store.glob("catalog.db*"):
        path.unlink()
    with open_repository(store, lost_catalog=True) as repository:
        repository.doctor(mend=True)
        repository.gc(grace=NOW)
        assert pack_bytes(repository) <= 2 * BIG
        for version in (first, second):
            assert repository.version(version).read_bytes("a") == filler(1)
        assert repository.verify() == ()


def test_a_rebuilt_catalog_finds_worn_packs_again(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with edversion.init("p", store=store) as run:
        second = worn(run)
        run.repository.gc(grace=NOW, repack=False)
    for path in store.glob("catalog.db*"):
        path.unlink()
    with open_repository(store, lost_catalog=True) as repository:
        repository.doctor(mend=True)
        assert repository.gc(grace=NOW).repacked == 1
        assert repository.version(second).read_bytes("a") == filler(1)
        assert pack_bytes(repository) == BIG
        assert repository.verify() == ()


def test_a_pack_that_is_too_short_is_left_as_it_is(run: Run) -> None:
    repository = run.repository
    worn(run)
    repository.gc(grace=NOW, repack=False)
    (key,) = object_keys(repository.store, "packs")
    truncate(repository.store, key, BIG // 2)
    done = repository.gc(grace=NOW)
    assert done.repacked == 0
    assert "is shorter than the versions that need it say" in "".join(done.unread.values())
    assert object_keys(repository.store, "packs") == [key]


def test_stretches_that_overlap_are_one(run: Run) -> None:
    """As where two versions cut a file that they share otherwise."""

    def cut(*parts: tuple[int, int]) -> StoredManifest:
        segments = tuple(Segment("p", at, size, "", None, size, "") for at, size in parts)
        return StoredManifest("blake3:", b"[]", [segments], {"p": 500})

    found = needed_extents(["p", "q"], [cut((0, 100), (300, 10)), cut((10, 20), (100, 50))])
    assert found == {"p": [(0, 150), (300, 310)], "q": []}


def test_a_pack_that_wore_since_it_was_looked_at_is_looked_at_again(run: Run) -> None:
    repository = run.repository
    first = logged(run, a=filler(1), b=filler(2))
    second = logged(run, a=filler(1), c=b"c")
    logged(run, a=filler(1))
    repository.delete(first, reason="old")
    repository.gc(grace=NOW, repack=False)
    seen = repository.catalog.worn_packs()
    assert len(seen) == 1
    repository.delete(second, reason="old")
    repository.gc(grace=NOW, repack=False)
    repository.catalog.accept_wear(seen)
    again = repository.catalog.worn_packs()
    assert [pack.id for pack in again] == [pack.id for pack in seen]
    repository.catalog.accept_wear(again)
    assert repository.catalog.worn_packs() == ()


def test_damage_stops_one_pack_and_no_other(run: Run) -> None:
    repository = run.repository
    lost, whole = worn(run, "lost"), worn(run, "whole")
    repository.gc(grace=NOW, repack=False)
    found = repository.store.read_manifest(lost.digest, lost.generation)
    (pack,) = found.packs
    key = next(key for key in object_keys(repository.store, "packs") if key.endswith(pack))
    remove(repository.store, key)
    said = repository.gc(grace=NOW, dry_run=True)
    done = repository.gc(grace=NOW)
    assert (said.repacked, done.repacked) == (2, 1)  # a rehearsal reads no pack
    assert list(done.unread) == [pack]
    assert "is missing" in done.unread[pack]
    assert whole.read_bytes("a") == filler(1)
    third = worn(run, "third")
    repository.gc(grace=NOW, repack=False)
    manifest = object_keys(repository.store, "manifests")
    key = next(k for k in manifest if third.digest.partition(":")[2] in k)
    flip_bit(repository.store, key)
    said = repository.gc(grace=NOW, dry_run=True)
    assert said.repacked == 1
    assert any("damaged" in why for why in said.unread.values())


def test_what_is_read_amiss_is_not_kept_in_place_of_what_is_whole(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bit flips on its way, once; the pack itself is whole."""
    repository = run.repository
    version = worn(run)
    store: Any = repository.store
    read = store.read_pack

    def amiss(*place: Any) -> bytes:
        monkeypatch.setattr(store, "read_pack", read)
        return bytes([read(*place)[0] ^ 1]) + read(*place)[1:]

    monkeypatch.setattr(store, "read_pack", amiss)
    done = repository.gc(grace=NOW)
    assert done.repacked == 0
    assert ["read amiss" in why for why in done.unread.values()] == [True]
    assert version.read_bytes("a") == filler(1)
    assert repository.gc(grace=NOW).repacked == 1
    assert version.read_bytes("a") == filler(1)
    tidy(run)


def test_repacking_works_on_stores_of_objects(memory_repository: Repository) -> None:
    with start_run(memory_repository, project="p") as run:
        second = worn(run)
        assert memory_repository.gc(grace=NOW).repacked == 1
        assert second.read_bytes("a") == filler(1)
        assert memory_repository.verify() == ()


def test_logging_again_what_was_mended_wears_the_old_pack(run: Run) -> None:
    repository = run.repository
    first = logged(run, a=filler(1), b=filler(2), c=filler(3))
    second = logged(run, a=filler(1))
    remove(repository.store, next(
        key for key in object_keys(repository.store, "manifests")
        if first.digest.partition(":")[2] in key
    ))  # fmt: skip
    run.log_artifact(draft_of("data", a=filler(1), b=filler(2), c=filler(3)))
    assert repository.gc(grace=NOW).repacked == 1
    assert second.read_bytes("a") == filler(1)
    assert repository.version(first).read_bytes("c") == filler(3)
    tidy(run)
