"""Large manifests as changes to a base, through all that may become of versions and packs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import zstandard

import edversion
from edversion.catalog.copying import copy_catalog
from edversion.digests import manifest_of
from edversion.errors import IntegrityError
from edversion.model import Version
from edversion.repository import Repository, open_repository
from edversion.run import Run
from edversion.starting import start_run
from edversion.store import StoredManifest, changing, pack_key
from edversion.testing import flip_bit, object_keys, remove, write_file

from .hazards import Crash, Fuse

NOW, DAY = timedelta(0), timedelta(days=1)
WHY = {"reason": "asked", "legal_basis": "GDPR Art. 17"}
ANNA = "anna-born-2011"
MANIFEST_BYTES = 4_000  # what 40 files take


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let manifests of twenty files be large."""
    monkeypatch.setattr(changing, "MANY", 20)


def data(number: int, size: int = 600) -> bytes:
    return random.Random(number).randbytes(size)


TREE = {f"{number:02}.bin": data(number) for number in range(40)}


def tree_of(name: str = "tree", **changed: bytes | None) -> edversion.Artifact:
    """Give the forty files, with some of them changed, added or (None) left out."""
    draft = edversion.Artifact(name, "dataset")
    for path, content in {**TREE, **changed}.items():
        if content is not None:
            draft.add_bytes(content, path)
    return draft


def logged(run: Run, name: str = "tree", **changed: bytes | None) -> Version:
    return run.log_artifact(tree_of(name, **changed))


def stored(repository: Repository, version: Version) -> StoredManifest:
    now = repository.version(version.reference)
    return repository.store.read_manifest(now.digest, now.generation)


def base_of(repository: Repository, version: Version) -> str:
    base = stored(repository, version).base
    assert base is not None
    return base.pack


def check(version: Version, **changed: bytes | None) -> None:
    """Read a version anew, by a process that has read nothing yet."""
    source = version._source
    assert isinstance(source, Repository)
    with open_repository(source.store.url, source.location.catalog) as repository:
        fresh = repository.version(version.reference)
        expected = {path: content for path, content in {**TREE, **changed}.items() if content}
        assert {entry.path: fresh.read_bytes(entry.path) for entry in fresh.files()} == expected
        assert manifest_of(fresh.files()).digest == fresh.digest == version.digest


def everything(repository: Repository) -> bytes:
    """Give all that can be read in the store by whoever has it."""
    store, found = repository.store, []
    for folder in ("packs", "manifests"):
        for key in object_keys(store, folder):
            content = store.backend.read(key)
            magic = content.startswith(b"\x28\xb5\x2f\xfd")
            found.append(zstandard.ZstdDecompressor().decompress(content) if magic else content)
    return b"".join(found)


# Writing


def test_what_changed_alone_is_written(run: Run) -> None:
    repository = run.repository
    first = logged(run)
    before = object_keys(repository.store)
    changes = {"07.bin": data(107), "40.bin": data(40), "12.bin": None}
    second = logged(run, **changes)
    check(first)
    check(second, **changes)
    assert base_of(repository, first) == base_of(repository, second)
    assert object_keys(repository.store) == before  # the bytes of two files lie in the manifest
    sizes = [repository.store.manifest_size(v.digest, v.generation) for v in (first, second)]
    assert sizes[0] < MANIFEST_BYTES / 8
    assert sizes[1] < MANIFEST_BYTES / 8 + 2 * 600 * 4 / 3 + 2 * 200  # in base64; the two entries
    assert len(stored(repository, second).changes.added) == 2
    assert len(stored(repository, second).changes.removed) == 2


def test_what_differs_in_more_than_a_tenth_is_the_next_base(run: Run) -> None:
    repository = run.repository
    first = logged(run)
    changes = {f"{number:02}.bin": data(number + 100, 9_000) for number in range(5)}
    second = logged(run, **changes)
    third = logged(run, **changes, more=data(7))
    check(second, **changes)
    check(third, **changes, more=data(7))
    assert base_of(repository, second) != base_of(repository, first)
    assert base_of(repository, third) == base_of(repository, second)


def test_few_files_and_bytes_in_the_manifest_make_no_base(run: Run) -> None:
    repository = run.repository
    draft = edversion.Artifact("few", "dataset")
    for number in range(19):
        draft.add_bytes(data(number, 2_000), f"{number}")
    assert stored(repository, run.log_artifact(draft)).base is None
    draft = edversion.Artifact("inline", "dataset")
    for number in range(30):
        draft.add_bytes(data(number, 20), f"{number}")
    assert stored(repository, run.log_artifact(draft)).base is None


def test_what_is_known_besides_the_content_goes_along(run: Run, tmp_path: Path) -> None:
    """Who may be executed, and what another store said of a reference."""
    elsewhere = tmp_path / "elsewhere.csv"
    elsewhere.write_bytes(b"a,b")
    folder = tmp_path / "tree"
    folder.mkdir()
    for path, content in TREE.items():
        (folder / path).write_bytes(content)
    (folder / "05.bin").chmod(0o755)

    def log(*references: str) -> Version:
        draft = edversion.Artifact("tree", "dataset")
        draft.add_dir(folder)
        for path in references:
            draft.add_reference(elsewhere.as_uri(), path)
        return run.log_artifact(draft)

    def marked(version: Version) -> tuple[list[str], list[str]]:
        entries = run.repository.version(version.reference).files()
        assert all(e.reference.mtime or e.reference.etag for e in entries if e.reference)
        return [e.path for e in entries if e.executable], [e.path for e in entries if e.reference]

    first = log("a-reference")
    (folder / "05.bin").chmod(0o644)
    (folder / "06.bin").chmod(0o755)
    (folder / "00.bin").unlink()
    second = log("a-reference", "b-reference")
    assert base_of(run.repository, first) == base_of(run.repository, second)
    run.repository.forget_manifests()
    assert marked(first) == (["05.bin"], ["a-reference"])
    assert marked(second) == (["06.bin"], ["a-reference", "b-reference"])


def test_a_part_of_many_ranks_stands_by_itself(run: Run) -> None:
    """Its manifest goes once the version is there."""
    parts: list[dict[str, bytes]] = [{}, {}]
    for number, (path, content) in enumerate(TREE.items()):
        parts[number % 2][path] = content
    for number, draft in enumerate(parts):
        with run.log_distributed("sharded", "model", 2, part=number, key="step-1") as part:
            for path, content in draft.items():
                part.add_bytes(content, path)
    version = part.logged
    assert version is not None
    assert stored(run.repository, version).base is None
    again = version.new_draft()
    again.add_bytes(data(70), "more")
    following = run.log_artifact(again)
    assert stored(run.repository, following).base is None  # its new bytes lie in the manifest
    again = following.new_draft()
    again.add_bytes(data(71, 20_000), "much more")
    assert stored(run.repository, run.log_artifact(again)).base is not None
    assert run.repository.verify() == ()


# What goes, and what stays


def test_a_base_stays_as_long_as_somebody_needs_it(run: Run) -> None:
    repository = run.repository
    first, second = logged(run), logged(run, more=data(50))
    base = base_of(repository, second)
    repository.delete(first, reason="old")
    for _ in range(2):
        repository.gc(grace=NOW)
    check(second, more=data(50))
    assert repository.doctor() == repository.verify() == ()
    assert pack_key(base) in object_keys(repository.store)
    repository.delete(second, reason="old")
    repository.gc(grace=DAY)
    check(repository.restore(second), more=data(50))
    repository.delete(second, reason="old")
    repository.gc(grace=NOW)
    assert object_keys(repository.store) == object_keys(repository.store, "manifests") == []


def test_a_base_that_went_is_not_built_upon(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody removes all of it after it was read, and before the next version is committed."""
    repository = run.repository
    first = logged(run)
    base, commit = base_of(repository, first), repository.catalog.commit

    def late(request):
        monkeypatch.undo()
        monkeypatch.setattr(changing, "MANY", 20)
        repository.delete(first, reason="old")
        repository.gc(grace=NOW)
        return commit(request)

    monkeypatch.setattr(repository.catalog, "commit", late)
    second = logged(run, more=data(50))
    assert base_of(repository, second) != base
    check(second, more=data(50))
    assert repository.doctor() == repository.verify() == ()


def test_who_is_moved_by_a_repack_gets_another_base(run: Run) -> None:
    repository = run.repository
    gone = logged(run, large=data(60, 300_000))  # with which the forty lie in one pack
    first = logged(run)
    second = logged(run, more=data(50))
    old = base_of(repository, first)
    assert base_of(repository, gone) == old == base_of(repository, second)
    repository.delete(gone, reason="old")
    said = repository.gc(grace=NOW, dry_run=True)
    done = repository.gc(grace=NOW)
    assert (done.repacked, done.size) == (said.repacked, said.size) == (1, done.size)
    assert base_of(repository, first) == base_of(repository, second) != old
    check(first)
    check(second, more=data(50))
    assert len(stored(repository, second).changes.added) == 1
    repository.gc(grace=NOW)  # which finds the old ones gone, and the new ones needed
    assert len(object_keys(repository.store)) == 2  # the forty files, and the base
    check(second, more=data(50))
    assert repository.doctor() == repository.verify() == ()
    third = logged(run, other=data(51))
    assert base_of(repository, third) == base_of(repository, second)


def test_who_reads_by_the_old_base_goes_on(run: Run) -> None:
    repository = run.repository
    gone = logged(run, large=data(60, 300_000))
    version = logged(run, more=data(50))
    repository.delete(gone, reason="old")
    with open_repository(repository.store.url) as other:
        held = other.version(version.reference)
        assert repository.gc(grace=NOW).repacked == 1
        assert held.read_bytes("more") == data(50)
        assert held.read_bytes("00.bin") == TREE["00.bin"]


def test_nothing_wears_a_base(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds no files, and all of it is needed."""
    monkeypatch.setattr("edversion.compact._WORTH", 0)
    repository = run.repository
    first, second = logged(run), logged(run, more=data(50))
    base = base_of(repository, first)
    repository.delete(first, reason="old")
    assert repository.gc(grace=NOW).repacked == 0
    assert repository.catalog.worn_packs() == ()
    assert base_of(repository, second) == base


@pytest.mark.parametrize("before", ["erase", "gc"])
def test_an_erased_manifest_is_in_no_base(run: Run, before: str) -> None:
    repository = run.repository
    first = logged(run, **{ANNA: data(60, 30_000)})
    second = logged(run)
    third = logged(run, more=data(50))
    if before == "gc":  # it was gone already, but for what others needed of it
        repository.delete(first, reason="old")
        repository.gc(grace=NOW)
    assert ANNA.encode() in everything(repository)
    said = repository.erase(first, **WHY, dry_run=True)
    done = repository.erase(first, **WHY)
    assert (said.freed, said.packs_removed, said.packs_rewritten) == (
        done.freed, done.packs_removed, done.packs_rewritten,
    )  # fmt: skip
    assert ANNA.encode() not in everything(repository)
    assert base_of(repository, second) == base_of(repository, third)
    check(second)
    check(third, more=data(50))
    assert repository.doctor() == repository.verify() == ()


def test_a_base_stays_while_who_it_was_made_of_does(run: Run) -> None:
    """What the erased one had for itself was in its changes alone."""
    repository = run.repository
    first = logged(run)
    erased = logged(run, **{ANNA: data(60, 30_000)})
    third = logged(run, more=data(50))
    base = base_of(repository, first)
    repository.erase(erased, **WHY)
    assert ANNA.encode() not in everything(repository)
    assert base_of(repository, first) == base_of(repository, third) == base
    check(third, more=data(50))
    assert repository.doctor() == repository.verify() == ()


def test_whoever_has_the_base_of_who_moves_goes_along(run: Run) -> None:
    repository = run.repository
    first = logged(run)
    erased = logged(run, shared=data(61, 30_000), **{ANNA: data(60, 30_000)})
    third = logged(run, shared=data(61, 30_000))
    assert repository.erase(erased, **WHY).packs_rewritten == 1
    for version in (first, third):
        now = repository.version(version.reference)
        assert repository.catalog.packs_of(now) == stored(repository, now).packs
    assert base_of(repository, first) == base_of(repository, third)
    repository.gc(grace=NOW)
    check(first)
    check(third, shared=data(61, 30_000))
    assert repository.doctor() == repository.verify() == ()


def test_the_base_of_before_it_was_mended_goes_too(run: Run) -> None:
    repository = run.repository
    first = logged(run, **{ANNA: data(60, 30_000)})
    second = logged(run)
    now = repository.version(first.reference)
    repository.store.delete_manifest(now.digest, now.generation)
    mended = run.log_artifact(tree_of(**{ANNA: data(60, 30_000)}), rehash=True)
    assert mended.number == first.number
    assert base_of(repository, mended) != base_of(repository, second)
    repository.erase(mended, **WHY)
    assert ANNA.encode() not in everything(repository)
    check(second)
    assert repository.doctor() == repository.verify() == ()


def test_the_last_one_takes_its_base_along(run: Run) -> None:
    repository = run.repository
    erased = logged(run, **{ANNA: data(60, 30_000)})
    repository.erase(erased, **WHY)
    assert object_keys(repository.store) == object_keys(repository.store, "manifests") == []


# Trouble


def test_damage_of_a_base_names_it_and_all_who_hang_on_it(run: Run, tmp_path: Path) -> None:
    repository = run.repository
    versions = [logged(run, more=data(number)) for number in range(50, 53)]
    held = [stored(repository, version) for version in versions]  # by who reads meanwhile
    base = base_of(repository, versions[0])
    flip_bit(repository.store, pack_key(base), 2_000)
    found = repository.verify()
    assert {damage.version for damage in found} == {each.reference for each in versions}
    assert all(base in damage.message for damage in found)
    assert all(one.base is not None for one in held)
    with open_repository(repository.store.url) as other, pytest.raises(IntegrityError, match=base):
        other.version(versions[0].reference).read_bytes("00.bin")
    for path, content in {**TREE, "more": data(51)}.items():
        write_file(tmp_path / "tree" / path, content)
    mended = run.log_artifact(tmp_path / "tree", name="tree", type="dataset", rehash=True)
    assert mended.number == versions[1].number
    check(mended, more=data(51))


def test_a_lost_base_is_told_with_all_who_hang_on_it(run: Run) -> None:
    repository = run.repository
    versions = [logged(run, more=data(number)) for number in range(50, 52)]
    base = base_of(repository, versions[0])
    remove(repository.store, pack_key(base))
    (finding,) = repository.doctor()
    assert (finding.kind, finding.subject) == ("missing-pack", base)
    assert all(version.reference in finding.message for version in versions)
    found = repository.verify()
    assert {damage.version for damage in found} == {each.reference for each in versions}
    mended = logged(run, more=data(50))
    assert mended.number == versions[0].number
    check(mended, more=data(50))


def test_a_lost_catalog_knows_it_again(run: Run, tmp_path: Path) -> None:
    repository = run.repository
    first, second = logged(run), logged(run, more=data(50))
    run.finish()
    url = Path(repository.store.url)
    repository.close()
    for name in url.glob("catalog.db*"):
        name.unlink()
    with open_repository(url, lost_catalog=True) as rebuilt:
        rebuilt.doctor(mend=True)
        rebuilt.delete(first.reference, reason="old")
        rebuilt.gc(grace=NOW)
        check(rebuilt.version(second.reference), more=data(50))
        assert rebuilt.doctor() == rebuilt.verify() == ()


def test_a_copied_catalog_knows_it_too(run: Run, tmp_path: Path) -> None:
    repository = run.repository
    first, second = logged(run), logged(run, more=data(50))
    run.finish()
    copied = f"sqlite:///{tmp_path / 'copied.db'}"
    copy_catalog(repository.location.catalog, copied)
    with open_repository(repository.store.url, copied) as there:
        there.delete(first.reference, reason="old")
        there.gc(grace=NOW)
        check(there.version(second.reference), more=data(50))
        assert there.doctor() == there.verify() == ()


@pytest.mark.parametrize("left", range(6))
def test_a_crash_leaves_nothing_or_a_version(tmp_path: Path, left: int) -> None:
    with open_repository(tmp_path / "store", create=True) as repository:
        run = start_run(repository, project="p")
        logged(run)
        fuse = Fuse(repository)
        for version in (1, 2):  # as changes, and as a base
            fuse.left = left
            changes = {f"{n:02}.bin": data(n + 70, 9_000) for n in range(1 + 8 * (version - 1))}
            try:
                logged(run, **changes)
            except Crash:
                break
    with open_repository(tmp_path / "store") as again:
        again.doctor(mend=True)
        assert again.doctor() == again.verify() == ()
        named = {pack for v in again.versions("p/tree") for pack in stored(again, v).packs}
        assert {pack for pack, _ in again.store.packs()} == named


# Elsewhere


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Repository]:
    with open_repository(tmp_path / "other", create=True) as repository:
        yield repository


def test_it_travels(run: Run, other: Repository, tmp_path: Path) -> None:
    versions = [logged(run, more=data(number)) for number in range(50, 53)]
    run.repository.push(other)
    for number, version in enumerate(versions, 50):
        there = other.version(version.reference)
        check(there, more=data(number))
        assert base_of(other, there) == base_of(other, versions[0])
    run.repository.export(tmp_path / "bundle.tar")
    with open_repository(tmp_path / "third", create=True) as third:
        third.import_bundle(tmp_path / "bundle.tar")
        check(third.version(versions[2].reference), more=data(52))
        assert base_of(third, versions[0]) == base_of(third, versions[2])
        assert [finding.kind for finding in third.doctor()] == ["crashed-run"]  # it still runs here
        assert third.verify() == ()
