"""What is remembered of files, so that unchanged ones are not read again."""

from __future__ import annotations

import os
import secrets
import shutil
import struct
import sys
from pathlib import Path

import pytest

import edversion
from edversion import known
from edversion.artifact import Artifact
from edversion.commit import CommitOptions
from edversion.folders import FolderFiles
from edversion.known import KnownDigests
from edversion.run import Run
from edversion.store import Listing, Stat, coarse_now
from edversion.testing import settle, write_file

KB = 1 << 10


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
    packed = Listing.pack(list(stats.values()))
    assert Listing.of(digests, digests.values(), packed) == listing
    assert listing.proved(list(now), packed) == list(digests.values())


def test_a_folder_is_unchanged_only_where_every_stat_and_name_is(run: Run, folder: Path) -> None:
    run.log_artifact(folder, name="data")
    (listing,) = run.repository.store.state.known([str(folder)]).values()
    digests, stats = listing.read()
    names, fields, known = list(stats), list(stats.values()), list(digests.values())
    assert listing.proved(names, Listing.pack(fields)) == known
    assert listing.proved(names[1:], Listing.pack(fields[1:])) is None
    assert listing.proved(["other", *names[1:]], Listing.pack(fields)) is None
    for place in range(5):
        first = [*fields[0]]
        first[place] += 1
        changed = Listing.pack([tuple(first), *fields[1:]])
        assert listing.proved(names, changed) == [None, *known[1:]]


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
    listing = Listing.of(["x"], ["d"], Listing.pack([(1, 2, 3, 4, 5)]))
    state.remember({"/b": listing}, 0)
    assert state.known(["/a", "/b"]) == {"/b": listing}
    with pytest.raises(struct.error):
        Listing.pack([(1, 2, 3, beyond, 5)])
    late = FolderFiles("/b", ["x"], ["x"], [(1, 2, 3, beyond, 5)], set(), {})
    assert late.packed is None
    digests = KnownDigests(run.repository.store, rehash=False)
    assert digests.look_up([late], check=False) == [[None]]
    digests.learn(late, ["e"], coarse_now())
    digests.remember()
    assert state.known(["/b"]) == {"/b": listing}


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


def test_a_file_read_in_the_tick_of_its_last_change_is_not_remembered(
    run: Run, tmp_path: Path
) -> None:
    """Written once more in that tick, its stat would be the same."""
    changed = coarse_now() | 1
    young = FolderFiles(str(tmp_path), ["a"], ["a"], [(1, 2, 3, 4, changed)], set(), {})
    digests = KnownDigests(run.repository.store, rehash=False)
    digests.learn(young, ["blake3:" + "0" * 64], changed)
    while coarse_now() <= changed:
        pass
    digests.remember()
    assert run.repository.store.state.known([str(tmp_path)]) == {}


def test_of_a_folder_of_too_many_names_the_present_ones_stay_remembered(
    run: Run, folder: Path, bytes_read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "_MAX_NAMES", 4)
    run.log_artifact(folder, name="data")
    for turn in range(2):
        (folder / f"{turn}.bin").unlink()
        settle(write_file(folder / f"new{turn}", secrets.token_bytes(20 * KB)))
        bytes_read.clear()
        run.log_artifact(folder, name="data")
        assert bytes_read == [f"new{turn}"]
        (listing,) = run.repository.store.state.known([str(folder)]).values()
        assert set(listing.read()[0]) == {path.name for path in folder.iterdir()}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
def test_a_folder_whose_name_is_no_text_does_not_hide_the_others(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    strange = tmp_path / os.fsdecode(b"b\xff")
    settle(write_file(strange / "a.bin", secrets.token_bytes(20 * KB)))
    draft = Artifact("data", "dataset")
    draft.add_dir(strange, "strange")
    draft.add_dir(folder, "usual")
    run.log_artifact(draft)
    assert run.repository.store.state.known([str(strange), str(folder)]).keys() == {str(folder)}
