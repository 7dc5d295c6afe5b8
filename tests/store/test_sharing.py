"""What is stored once, what is compressed, and what is not read again."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import edversion
from edversion.commit import CommitOptions
from edversion.model import Version
from edversion.repository import Repository
from edversion.run import Run
from edversion.store import Listing, Stat
from edversion.testing import object_keys, settle, write_file

KB, MB = 1 << 10, 1 << 20


def packed(repository: Repository) -> int:
    """Give the bytes of all packs."""
    return sum(size for _, size in repository.store.packs())


def stored(repository: Repository) -> int:
    """Give the bytes of all packs and manifests."""
    return packed(repository) + sum(size for _, _, size in repository.store.manifests())


def growth(repository: Repository, log: Callable[[], Version]) -> int:
    before = packed(repository)
    log()
    return packed(repository) - before


def log_bytes(run: Run, files: dict[str, bytes], name: str = "data") -> Version:
    draft = edversion.Artifact(name, "dataset")
    for path, data in files.items():
        draft.add_bytes(data, path)
    version = run.log_artifact(draft)
    assert {path: version.read_bytes(path) for path in files} == files
    return version


# Sharing


def test_a_large_file_that_shares_nothing_is_one_pack_byte_for_byte(run: Run) -> None:
    data = secrets.token_bytes(3 * MB)
    log_bytes(run, {"a.bin": data})
    (key,) = object_keys(run.repository.store)
    assert run.repository.store.backend.read(key) == data


def changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def inserted(data: bytes, at: int) -> bytes:
    return data[:at] + b"new" + data[at:]


def removed(data: bytes, at: int) -> bytes:
    return data[:at] + data[at + 1000 :]


@pytest.mark.parametrize("edit", [changed, inserted, removed])
@pytest.mark.parametrize("place", [0, 0.5, 0.999])
def test_a_second_version_stores_only_the_change(
    run: Run, edit: Callable[[bytes, int], bytes], place: float
) -> None:
    data = secrets.token_bytes(12 * MB)
    log_bytes(run, {"a.bin": data})
    new = edit(data, int(place * len(data)))
    grown = growth(run.repository, lambda: log_bytes(run, {"a.bin": new}))
    assert 0 < grown <= 3 * MB  # the unit of the change, and one or two beside it


def test_small_files_that_stay_are_not_stored_again(run: Run) -> None:
    files = {f"{i}.bin": secrets.token_bytes(5 * KB) for i in range(100)}
    log_bytes(run, files)
    files["7.bin"] = secrets.token_bytes(5 * KB)
    files["renamed.bin"] = files.pop("8.bin")
    # little enough to lie in the manifest
    assert growth(run.repository, lambda: log_bytes(run, files)) == 0
    for i in range(10):
        files[f"{i + 20}.bin"] = secrets.token_bytes(5 * KB)
    # and the one more whose bytes lie in the manifest of the version before
    assert growth(run.repository, lambda: log_bytes(run, files)) == 55 * KB


def test_equal_files_of_one_version_are_stored_once(run: Run) -> None:
    small, large = secrets.token_bytes(50 * KB), secrets.token_bytes(2 * MB)
    log_bytes(run, {"a": small, "b": small, "c": large, "d/e": large})
    assert packed(run.repository) == len(small) + len(large)


def test_large_files_are_shared_across_collections(run: Run) -> None:
    large = secrets.token_bytes(2 * MB)
    log_bytes(run, {"a": large}, "one")
    assert growth(run.repository, lambda: log_bytes(run, {"b": large, "c": b"1"}, "two")) <= 1


def test_units_of_what_a_run_used_are_shared(run: Run) -> None:
    large = secrets.token_bytes(8 * MB)
    log_bytes(run, {"base.bin": large}, "base")
    run.use_artifact("base")
    tuned = changed(large, 4 * MB)
    assert growth(run.repository, lambda: log_bytes(run, {"tuned.bin": tuned}, "tuned")) <= 2 * MB


def test_a_draft_shares_with_what_it_began_with(run: Run) -> None:
    files = {f"{i}.bin": secrets.token_bytes(50 * KB) for i in range(10)}
    first = log_bytes(run, files)
    for _ in range(3):  # push it out of the recent versions
        log_bytes(run, {"other": secrets.token_bytes(50 * KB)})
    draft = first.new_draft()
    draft.add_bytes(b"1", "new")
    assert growth(run.repository, lambda: run.log_artifact(draft)) == 0
    assert run.repository.version("data").read_bytes("3.bin") == files["3.bin"]


def test_tensors_that_stay_are_stored_once(run: Run, tmp_path: Path) -> None:
    """Also where a longer header shifts every byte of the file."""
    chance = np.random.default_rng(1)
    tensors = {f"layer{i}": chance.random((256, 512), dtype=np.float32) for i in range(12)}
    path = tmp_path / "model.safetensors"
    save_file(tensors, path)
    run.log_artifact(path, name="model")
    tensors["layer5"] = tensors["layer5"] + 1
    save_file(tensors, path, metadata={"epoch": "1" * 1000})
    grown = growth(run.repository, lambda: run.log_artifact(path, name="model"))
    assert tensors["layer5"].nbytes <= grown <= tensors["layer5"].nbytes + 64 * KB
    assert run.repository.version("model").read_bytes("model.safetensors") == path.read_bytes()


def test_a_training_that_changes_all_tensors_is_copied_and_still_shared_later(
    run: Run, tmp_path: Path
) -> None:
    """What lies in one piece is given without a copy; its units can be shared all the same."""
    path = tmp_path / "model.safetensors"
    tensors = {name: np.random.default_rng(0).bytes(2 * MB) for name in "abcdef"}

    def save(names: str) -> Version:
        for name in names:
            tensors[name] = secrets.token_bytes(2 * MB)
        save_file({k: np.frombuffer(v, dtype=np.uint8) for k, v in tensors.items()}, path)
        return run.log_artifact(path, type="model")

    save("")
    second = save("abcdef")
    assert second.path("model.safetensors").parent.parent.name == "packs"
    assert 2 * MB <= growth(run.repository, lambda: save("c")) < 2 * MB + 100 * KB
    assert growth(run.repository, lambda: save("abdef")) < 10 * MB + 100 * KB


def test_a_checkpoint_of_the_same_content_under_its_own_name_is_stored_once(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": np.random.default_rng(0).random((1024, 1024))}, path)
    first = run.log_artifact(path, type="model")
    other = tmp_path / "again" / path.name
    write_file(other, path.read_bytes())
    assert growth(run.repository, lambda: run.log_artifact(other, name="model")) == 0
    assert run.repository.version("model") == first


def test_a_crafted_checksum_shares_nothing_it_should_not(run: Run, monkeypatch) -> None:
    """xxh3 can be made to collide; on a local store the bytes themselves decide."""
    monkeypatch.setattr("edversion.store.ingest.checksum", lambda data: "0" * 32)
    units = [secrets.token_bytes(2 * MB) for _ in range(2)]
    monkeypatch.setattr(run.repository.plugins, "split", lambda path, size: [MB])
    for unit in units:
        draft = edversion.Artifact("data", "dataset")
        draft.add_bytes(unit, "a")
        run.log_artifact(draft)
    assert packed(run.repository) == 4 * MB


# Compression and inline bytes


def text(size: int) -> bytes:
    chance = random.Random(1)
    return "".join(f"{i},{chance.randrange(5)},f\n" for i in range(size // 6)).encode()[:size]


@pytest.mark.parametrize("size", [50 * KB, 3 * MB])
def test_text_is_compressed(run: Run, size: int) -> None:
    log_bytes(run, {"a.csv": text(size)})
    assert packed(run.repository) < size // 2


@pytest.mark.parametrize("size", [50 * KB, 3 * MB])
def test_what_does_not_shrink_is_kept_as_it_is(run: Run, size: int) -> None:
    log_bytes(run, {"a.bin": secrets.token_bytes(size)})
    assert packed(run.repository) == size


def test_weights_are_never_compressed(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"w": np.zeros((1024, 1024), dtype=np.float32)}, path)
    run.log_artifact(path)
    assert packed(run.repository) == path.stat().st_size


def test_a_misleading_suffix_costs_only_space(run: Run) -> None:
    """The probe looks at the first files of a suffix; the rest must still come back."""
    files = {f"{i}.csv": text(5 * KB) for i in range(5)}
    files |= {f"{i + 5}.csv": secrets.token_bytes(5 * KB) for i in range(5)}
    log_bytes(run, files)


def test_tiny_versions_need_no_pack(run: Run) -> None:
    log_bytes(run, {"a.txt": b"1", "b.json": b"{}", "empty": b""})
    assert list(run.repository.store.packs()) == []
    assert stored(run.repository) < 2 * KB
    log_bytes(run, {"a.bin": secrets.token_bytes(16 * KB)})
    assert list(run.repository.store.packs()) == []
    log_bytes(run, {"a.bin": secrets.token_bytes(16 * KB + 1)})
    assert packed(run.repository) == 16 * KB + 1


def test_small_files_fill_one_pack_after_the_other(run: Run, monkeypatch) -> None:
    monkeypatch.setattr("edversion.store.ingest.PACK_SIZE", 100 * KB)
    log_bytes(run, {f"{i}.bin": secrets.token_bytes(30 * KB) for i in range(10)})
    sizes = [size for _, size in run.repository.store.packs()]
    assert sorted(sizes) == [60 * KB, 120 * KB, 120 * KB]


# The stat cache


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder whose files are older than the tick of the clock."""
    made = tmp_path / "in"
    made.mkdir()
    for i in range(5):
        (made / f"{i}.bin").write_bytes(secrets.token_bytes(50 * KB))
    return settle(made)


@pytest.fixture
def bytes_read(monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[str]:
    """Note which of the folder's files are opened."""
    opened: list[str] = []
    really = os.open

    def noting(path, *arguments, **named):
        file = folder / str(path) if "dir_fd" in named else Path(str(path))
        if file.parent == folder and file.is_file():
            opened.append(file.name)
        return really(path, *arguments, **named)

    monkeypatch.setattr(os, "open", noting)
    return opened


def test_digests_are_remembered_folder_by_folder(run: Run, folder: Path) -> None:
    run.log_artifact(folder, name="data")
    listing = run.repository.store.state.known([str(folder), "/nowhere"])[str(folder)]
    files = run.repository.version("data").files()
    digests, stats = listing.read()
    assert digests == {entry.path: entry.digest for entry in files}
    now = {path.name: Stat.of(path.stat()) for path in sorted(folder.iterdir())}
    assert stats == {name: tuple(stat) for name, stat in now.items()}
    assert Listing.of(digests, stats) == listing
    assert listing.unchanged(list(now), list(now.values())) == list(digests.values())


def test_a_folder_is_unchanged_only_where_every_stat_and_name_is(run: Run, folder: Path) -> None:
    run.log_artifact(folder, name="data")
    (listing,) = run.repository.store.state.known([str(folder)]).values()
    digests, stats = listing.read()
    names, fields = list(stats), list(stats.values())
    assert listing.unchanged(names, fields) == list(digests.values())
    assert listing.unchanged(names[1:], fields[1:]) is None
    assert listing.unchanged(["other", *names[1:]], fields) is None
    for place in range(5):
        first = [*fields[0]]
        first[place] += 1
        assert listing.unchanged(names, [tuple(first), *fields[1:]]) is None


def test_folders_between_files_do_not_hide_what_is_known(
    run: Run, folder: Path, bytes_read: list[str]
) -> None:
    """Sorted by path, the files of a folder and those of the folders in it take turns."""
    write_file(folder / "1" / "x.txt", b"x")
    write_file(folder / "3" / "4" / "y.txt", b"y")
    settle(folder)
    first = run.log_artifact(folder, name="data")
    assert sorted(bytes_read) == [f"{i}.bin" for i in range(5)]
    bytes_read.clear()
    write_file(folder / "3" / "4" / "y.txt", b"changed")
    settle(folder)
    second = run.log_artifact(folder, name="data")
    assert bytes_read == []
    assert second.read_bytes("3/4/y.txt") == b"changed"
    assert second.read_bytes("4.bin") == first.read_bytes("4.bin")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
def test_a_folder_whose_name_is_no_text_is_logged_and_only_not_remembered(
    run: Run, tmp_path: Path
) -> None:
    folder = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(folder)
    with open(folder + b"/a.txt", "wb") as file:
        file.write(b"a")
    settle(Path(os.fsdecode(folder)))
    first = run.log_artifact(os.fsdecode(folder), name="data")
    assert run.log_artifact(os.fsdecode(folder), name="data") == first
    assert first.read_bytes("a.txt") == b"a"


def test_a_time_that_cannot_be_remembered_is_no_trouble(run: Run, folder: Path) -> None:
    state, beyond = run.repository.store.state, 1 << 70
    listing = Listing.of({"x": "d"}, {"x": (1, 2, 3, 4, 5)})
    state.remember({"/b": listing}, 0)
    assert state.known(["/a", "/b"]) == {"/b": listing}
    assert listing.unchanged(["x"], [(1, 2, 3, beyond, 5)]) is None
    with pytest.raises(struct.error):
        Listing.of({"x": "d"}, {"x": (1, 2, 3, beyond, 5)})


def test_an_unchanged_folder_is_not_read_again(
    run: Run, folder: Path, bytes_read: list[str]
) -> None:
    first = run.log_artifact(folder, name="data")
    assert sorted(bytes_read) == [f"{i}.bin" for i in range(5)]
    bytes_read.clear()
    assert run.log_artifact(folder, name="data") == first
    assert bytes_read == []
    (folder / "3.bin").write_bytes(b"changed")
    settle(folder)
    assert run.log_artifact(folder, name="data").number == 1
    assert bytes_read == ["3.bin"]


def test_rehash_reads_everything(run: Run, folder: Path, bytes_read: list[str]) -> None:
    first = run.log_artifact(folder, name="data")
    bytes_read.clear()
    draft = edversion.Artifact("data", first.type)
    draft.add_dir(folder)
    options = CommitOptions(run.project, run.id, "me", rehash=True)
    assert run.repository.commit(draft, options).version == first
    assert sorted(bytes_read) == [f"{i}.bin" for i in range(5)]


def test_young_files_are_never_trusted(run: Run, folder: Path, bytes_read: list[str]) -> None:
    """Written within the same tick of the clock, with the same size."""
    for turn in range(10):
        path = folder / "0.bin"
        path.write_bytes(struct.pack("<Q", turn) * 100)
        assert run.log_artifact(folder, name="data").read_bytes("0.bin") == path.read_bytes()


def test_a_changed_file_is_read_whatever_its_mtime(run: Run, folder: Path) -> None:
    run.log_artifact(folder, name="data")
    path = folder / "2.bin"
    before = path.stat()
    new = bytes(before.st_size)
    path.write_bytes(new)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    settle(folder)
    assert run.log_artifact(folder, name="data").read_bytes("2.bin") == new


def test_a_moved_file_is_not_taken_for_the_one_before(run: Run, folder: Path) -> None:
    run.log_artifact(folder, name="data")
    (folder / "0.bin").replace(folder / "keep")
    (folder / "1.bin").replace(folder / "0.bin")
    (folder / "keep").replace(folder / "1.bin")
    settle(folder)
    version = run.log_artifact(folder, name="data")
    for name in ("0.bin", "1.bin"):
        assert version.read_bytes(name) == (folder / name).read_bytes()


@pytest.mark.parametrize("harm", ["removed", "damaged", "empty", "read-only"])
def test_the_cache_may_go_at_any_time(tmp_path: Path, folder: Path, harm: str) -> None:
    store = tmp_path / "store"
    with edversion.init("p", store=store) as run:
        first = run.log_artifact(folder, name="data")
        first.path("0.bin")
    state = store / "cache" / "state.db"
    assert state.exists()
    for suffix in ("-wal", "-shm"):
        Path(f"{state}{suffix}").unlink(missing_ok=True)
    if harm == "removed":
        shutil.rmtree(store / "cache")
    elif harm == "read-only":
        state.chmod(0o400)
    else:
        state.write_bytes(b"" if harm == "empty" else b"no database" * 1000)
    with edversion.init("p", store=store) as run:
        assert run.log_artifact(folder, name="data") == first
        assert run.repository.version("data").path("0.bin").exists()
        (folder / "0.bin").write_bytes(b"new")
        assert run.log_artifact(folder, name="data").read_bytes("0.bin") == b"new"
