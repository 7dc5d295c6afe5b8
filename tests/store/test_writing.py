"""What goes wrong while packs are written by threads, and what must not stay of it."""

from __future__ import annotations

import errno
import os
import secrets
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import edversion
from edversion.artifact import Artifact
from edversion.errors import EdversionError, StorageError
from edversion.run import Run
from edversion.store import LARGE
from edversion.store.backend import write_pieces
from edversion.testing import (
    NoMountError,
    limit_file_size,
    object_keys,
    read_tree,
    settle,
    tiny_disk,
    write_file,
)
from tests.store.conftest import descriptors, threads

KB, MB = 1 << 10, 1 << 20


@pytest.mark.usefixtures("nothing_stays")
@pytest.mark.parametrize("count", [6, 400])
def test_no_room_for_a_pack_leaves_nothing(run: Run, tmp_path: Path, count: int) -> None:
    for i in range(count):
        write_file(tmp_path / "many" / f"{i}.bin", secrets.token_bytes(60 * KB))
    draft = Artifact("data", "dataset")
    draft.add_dir(settle(tmp_path / "many"))
    with limit_file_size(128 * KB), pytest.raises(StorageError) as caught:
        run.log_artifact(draft)
    assert caught.value.code == "store_full"


@pytest.mark.parametrize("sizes", [[3] * 200, [0, 5, 0], [300 * KB] * 5, [1, 700 * KB, 2], []])
def test_pieces_are_written_whole_however_short_the_system_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sizes: list[int]
) -> None:
    pieces = [secrets.token_bytes(size) for size in sizes]
    really = os.writev
    monkeypatch.setattr(os, "writev", lambda to, some: really(to, [b"".join(some)[:7]]))
    with open(tmp_path / "file", "wb", buffering=0) as file:
        write_pieces(file.fileno(), pieces)
    assert (tmp_path / "file").read_bytes() == b"".join(pieces)


def test_a_disk_that_fills_up_under_the_writing_thread(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    for i in range(400):
        write_file(tmp_path / "many" / f"{i}.bin", secrets.token_bytes(60 * KB))
    settle(tmp_path / "many")
    try:
        with tiny_disk(tmp_path / "disk", 8 * MB) as disk, edversion.init("p", store=disk) as run:
            run.log_artifact(Path(__file__), name="first")  # opens what stays open
            before, running = descriptors(), threads()
            with pytest.raises(StorageError, match="the disk is full") as caught:
                run.log_artifact(tmp_path / "many", name="data", type="dataset")
            assert caught.value.errno == errno.ENOSPC
            assert descriptors() == before
            assert threads() <= running
            assert len(object_keys(run.repository.store, "manifests")) == 1
            assert list(run.repository.store.leftovers()) == []
            version = run.log_artifact(tmp_path / "many" / "1.bin", name="data", type="dataset")
            assert version.read_bytes("1.bin") == (tmp_path / "many" / "1.bin").read_bytes()
    except NoMountError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("nothing_stays")
@pytest.mark.parametrize("failing", [1, 2])
def test_a_failed_sync_is_told_although_a_later_one_succeeds(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """The kernel tells of lost pages once: whoever syncs again is told that all is well."""
    for i in range(700):
        write_file(tmp_path / "many" / f"{i}.bin", secrets.token_bytes(60 * KB))
    draft = Artifact("data", "dataset")
    draft.add_dir(settle(tmp_path / "many"))
    really, packs = os.fsync, []

    def fsync(descriptor):
        if not os.readlink(f"/dev/fd/{descriptor}").endswith(run.id):
            return really(descriptor)
        packs.append(descriptor)
        if len(packs) == failing:
            raise OSError(errno.EIO, "Input/output error")
        return really(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StorageError, match=r"writing a pack failed: .*Input/output error"):
        run.log_artifact(draft)
    assert len(packs) >= failing
    monkeypatch.undo()


def test_a_file_that_shares_every_unit_leaves_nothing_under_way(run: Run, tmp_path: Path) -> None:
    data, path = secrets.token_bytes(4 * MB), tmp_path / "w.bin"
    for content in (data, data + b"more"):
        path.write_bytes(content)
        version = run.log_artifact(path, name="m", type="model")
    store, before = run.repository.store, descriptors()
    stored = store.read_manifest(version.digest, version.generation)
    path.write_bytes(data[: sum(segment.length for segment in stored.placement[0][:3])])
    packs = object_keys(store)
    assert run.log_artifact(path, name="m", type="model").read_bytes("w.bin") == path.read_bytes()
    assert object_keys(store) == packs
    assert list(store.leftovers()) == []
    assert descriptors() == before


LAST_WORDS = """
import atexit, sys
import edversion
from pathlib import Path

folder, store, out = map(Path, sys.argv[1:])
edversion.init("p", store=store).finish()

def log():
    with edversion.init("p", store=store) as run:
        run.log_artifact(folder, name="data", type="dataset").download(out)

atexit.register(log)
"""


@pytest.mark.parametrize("size", [20 * KB, LARGE + 5])
def test_a_version_may_be_logged_while_the_interpreter_ends(tmp_path: Path, size: int) -> None:
    """Then no pool of threads takes work any more."""
    for i in range(3):
        write_file(tmp_path / "in" / f"{i}.bin", secrets.token_bytes(size))
    places = [str(tmp_path / name) for name in ("in", "store", "out")]
    command = [sys.executable, "-c", LAST_WORDS, *places]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert read_tree(tmp_path / "out") == read_tree(tmp_path / "in")


def test_an_error_of_the_store_keeps_its_words(run: Run, tmp_path: Path) -> None:
    """Not told as if the file could not be read."""
    path = settle(write_file(tmp_path / "large.bin", secrets.token_bytes(2 * MB)))
    with limit_file_size(MB), pytest.raises(EdversionError) as caught:
        run.log_artifact(path, name="m", type="model")
    assert caught.value.code == "store_full"


class Beginning(threading.Thread):
    """A thread that the system has no room for."""

    def start(self) -> None:
        raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("size", [60 * KB, LARGE + 5])
def test_where_no_thread_may_start_the_work_is_done_all_the_same(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    for i in range(60):
        write_file(tmp_path / "in" / f"{i}.bin", secrets.token_bytes(size))
    settle(tmp_path / "in")
    monkeypatch.setattr(threading, "Thread", Beginning)
    version = run.log_artifact(tmp_path / "in", name="data", type="dataset")
    version.download(tmp_path / "out")
    assert read_tree(tmp_path / "out") == read_tree(tmp_path / "in")
