"""Small files that are read, packed and written by the folder: what may happen in between."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from edversion.artifact import Artifact
from edversion.errors import ConflictError, StorageError
from edversion.known import KnownDigests
from edversion.model import Version
from edversion.run import Run
from edversion.sources import read_together
from edversion.store import LARGE, Listing, Stat
from edversion.testing import (
    read_tree,
    settle,
    write_file,
)

KB, MB = 1 << 10, 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(6):
        write_file(tmp_path / "source" / f"{i}.bin", secrets.token_bytes(20 * KB))
    return settle(tmp_path / "source")


# What changes while it is read


def grown(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"more")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def rewritten(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[::-1])
    settle(path)


def gone(path: Path) -> None:
    path.unlink()


def made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def made_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def linked_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def another_of_the_same_bytes(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)


def folder_gone(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


def folder_made_a_file(path: Path) -> None:
    folder_gone(path)
    path.parent.write_bytes(b"no folder")


CHANGES = [
    grown, emptied, rewritten, gone, made_a_folder, made_a_pipe, linked_to_itself,
    another_of_the_same_bytes, folder_gone, folder_made_a_file,
]  # fmt: skip


@pytest.mark.parametrize("size", [3 * KB, LARGE + 5])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.usefixtures("nothing_stays")
def test_what_changes_between_the_look_and_the_reading_is_refused(
    run: Run,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], None],
    size: int,
) -> None:
    """The last look at the stats is over when the change comes."""
    victim = settle(write_file(folder / "4.bin", secrets.token_bytes(size)))
    draft = Artifact("data", "dataset")
    draft.add_dir(folder)
    really = KnownDigests.look_up

    def looked_up(*arguments, **named):
        found = really(*arguments, **named)
        change(victim)
        return found

    monkeypatch.setattr(KnownDigests, "look_up", looked_up)
    with pytest.raises(ConflictError, match="nothing was logged") as caught:
        run.log_artifact(draft)
    assert caught.value.code == "source_changed"


@pytest.mark.usefixtures("nothing_stays")
def test_what_changes_while_its_neighbours_are_read_is_refused(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = Artifact("data", "dataset")
    draft.add_dir(folder)
    really = os.open

    def opening(path, *arguments, **named):
        if path == "2.bin":
            rewritten(folder / "3.bin")
        return really(path, *arguments, **named)

    monkeypatch.setattr(os, "open", opening)
    with pytest.raises(ConflictError, match=r"3\.bin changed"):
        run.log_artifact(draft)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_file_that_cannot_be_read_is_named() -> None:
    """A page that was never mapped fails as a bad sector does: the system names no file."""
    stat = Stat.of(os.stat("/proc/self/mem"))
    with pytest.raises(StorageError, match=r"reading /proc/self/mem failed.*Input/output error"):
        read_together("/proc/self", ["mem"], [stat])


def test_a_folder_that_may_be_entered_but_not_listed(tmp_path: Path) -> None:
    """As those are into which everybody hands in work, each knowing the name of theirs alone."""
    box = tmp_path / "box"
    for name in "ab":
        write_file(box / name, b"work").chmod(0o644)
    box.chmod(0o711)
    code = (
        "import os, sys\n"
        "from edversion.sources import file_source, read_together\n"
        "if os.getuid() == 0:\n    os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "stats = [file_source(os.path.join(sys.argv[1], name)).stat for name in 'ab']\n"
        "print(read_together(sys.argv[1], 'ab', stats))\n"
    )
    for above in (box, *box.parents):
        if os.stat(above).st_uid == os.getuid():
            above.chmod(os.stat(above).st_mode | 0o011)
    command = [sys.executable, "-c", code, str(box)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "[b'work', b'work']\n", done.stderr


# What comes together


def test_one_folder_under_two_names_and_equal_files(run: Run, folder: Path) -> None:
    write_file(folder / "same.txt", (folder / "0.bin").read_bytes())
    (folder / "link.bin").symlink_to("1.bin")
    write_file(folder / "empty")
    write_file(folder / "void.bin")
    settle(folder)
    expected = read_tree(folder)
    for _ in range(2):  # the second time from memory
        draft = Artifact("data", "dataset")
        draft.add_dir(folder, "a")
        draft.add_dir(folder, "b/c")
        version = run.log_artifact(draft)
        both = {f"{at}/{path}": data for at in ("a", "b/c") for path, data in expected.items()}
        assert {entry.path: version.read_bytes(entry.path) for entry in version.files()} == both
    assert version.number == 0
    packed = sum(size for _, size in run.repository.store.packs())
    assert packed == sum(len(data) for data in set(expected.values()))


@pytest.mark.parametrize("count", [1, 255, 256, 257, 512, 700])
def test_a_listing_is_read_as_it_was_written(count: int) -> None:
    digests = {f"{i:04}": f"blake3:{i}" for i in range(count)}
    stats = {name: (-i, 2**64 - 1 - i, i, -i, 2**62 + i) for i, name in enumerate(digests)}
    packed = Listing.pack(list(stats.values()))
    listing = Listing.of(digests, digests.values(), packed)
    assert listing.read() == (digests, stats)
    names, all_digests = list(digests), list(digests.values())
    assert listing.proved(names, packed) == all_digests
    assert listing.proved(names[:-1], Listing.pack(list(stats.values())[:-1])) is None
    changed = [*list(stats.values())[:-1], (1, 2, 3, 4, 5)]
    assert listing.proved(names, Listing.pack(changed)) == [*all_digests[:-1], None]
    assert listing.proved(names, None) is None


def test_folders_of_many_sizes_leave_no_memory_behind() -> None:
    """Python keeps a hundred formats of `struct`, however long."""
    stats = [(1, 2, 3, 4, 5)] * 20_000
    tracemalloc.start()
    try:
        for _ in range(20):
            stats.pop()
            Listing.pack(stats)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < MB


def test_memory_stays_bounded_however_much_is_logged(run: Run, tmp_path: Path) -> None:
    for i in range(150):
        write_file(tmp_path / "many" / f"{i}.bin", secrets.token_bytes(MB - 1))
    settle(tmp_path / "many")
    tracemalloc.start()
    try:
        version = run.log_artifact(tmp_path / "many", name="data", type="dataset")
        _, logging = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        version.download(tmp_path / "out")
        _, reading = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert logging < 48 * MB
    assert reading < 24 * MB


def test_memory_stays_bounded_however_well_files_are_compressed(run: Run, tmp_path: Path) -> None:
    draft = Artifact("data", "dataset")
    for i in range(150):
        draft.add_bytes(b"%06d" % i + bytes(MB - 10), f"{i}.log")
    version = run.log_artifact(draft)
    assert sum(size for _, size in run.repository.store.packs()) < MB
    tracemalloc.start()
    try:
        version.download(tmp_path / "out")
        _, reading = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        assert run.repository.verify() == ()
        _, verifying = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reading < 24 * MB
    assert verifying < 24 * MB


def compressed(run: Run, version: Version) -> dict[str, str | None]:
    """Give each file's codec."""
    stored = run.repository.store.read_manifest(version.digest, version.generation)
    return {row[0]: s[0].codec for row, s in zip(stored.rows, stored.placement, strict=True) if s}


def test_files_of_one_folder_are_compressed_as_they_would_be_one_by_one(
    run: Run, tmp_path: Path
) -> None:
    text, noise = (lambda i: b"%d," % i * 6000), (lambda _: secrets.token_bytes(20 * KB))
    same = secrets.token_bytes(20 * KB)
    contents = {
        **{f"{i}.csv": text(i) for i in range(5)},
        **{f"{i}.bin": noise(i) for i in range(5)},
        **{f"a{i}.mix": (text, noise)[i % 2](i) for i in range(6)},
        ".hidden": text(7), "no-suffix": text(8), "small.csv": b"1,2\n" * 10,
        **{f"tiny{i}.csv": b"1,2\n" * i for i in range(100, 140)},
        "dup.bin": same, "dup.csv": same, "dup.zzz": same,
    }  # fmt: skip
    together, alone = Artifact("together", "dataset"), Artifact("alone", "dataset")
    for name, data in contents.items():
        write_file(tmp_path / "in" / name, data)
        alone.add_bytes(data, name)
    together.add_dir(settle(tmp_path / "in"))
    expected = compressed(run, run.log_artifact(alone))
    assert compressed(run, run.log_artifact(together)) == expected
    assert {expected[f"{i}.csv"] for i in range(5)} == {"zstd"}
    assert {expected[f"{i}.bin"] for i in range(5)} == {None}


def test_a_dot_in_a_folder_is_no_suffix(run: Run) -> None:
    draft = Artifact("data", "dataset")
    for i in range(8):  # after three that do not shrink the rest are trusted not to
        draft.add_bytes(secrets.token_bytes(20 * KB) if i < 4 else bytes(20 * KB), f"v1.0/{i}")
    codecs = compressed(run, run.log_artifact(draft))
    assert set(codecs.values()) == {None}
