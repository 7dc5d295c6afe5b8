"""Sources that change between adding and logging: seen, whatever their stat, and refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import edversion
import edversion.contents
import edversion.known
import edversion.scanning
import edversion.sources
import edversion.store.cache
import edversion.testing.files
from edversion.errors import ConflictError, InvalidInputError
from edversion.run import Run
from edversion.store import Stat, stats
from edversion.testing import settle, write_file

LARGE = 2 << 20
CLOCKS = (
    edversion.contents,
    edversion.known,
    edversion.scanning,
    edversion.sources,
    edversion.store,
    edversion.store.cache,
    edversion.testing.files,
)


def overwrite(path: Path) -> None:
    path.write_bytes(b"changed longer")


def same_size(path: Path) -> None:
    path.write_bytes(b"2" * path.stat().st_size)


def same_size_and_time(path: Path) -> None:
    before = path.stat()
    same_size(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path) -> None:
    other = write_file(path.with_name("other"), b"2" * path.stat().st_size)
    before = path.stat()
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def truncate(path: Path) -> None:
    os.truncate(path, 0)


def delete(path: Path) -> None:
    path.unlink()


CHANGES = [overwrite, same_size, same_size_and_time, replace, truncate, delete]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("size", [10, LARGE])
@pytest.mark.parametrize("young", [True, False])
def test_a_change_after_adding_is_never_logged(
    run: Run, tmp_path: Path, change, size: int, young: bool
) -> None:
    path = write_file(tmp_path / "in" / "a.bin", b"1" * size)
    write_file(tmp_path / "in" / "b.bin", b"b" * size)
    if not young:
        settle(path)
    draft = edversion.Artifact("data", "dataset")
    draft.add_dir(tmp_path / "in")
    change(path)
    with pytest.raises(ConflictError, match=r"a\.bin changed since it was added") as caught:
        run.log_artifact(draft)
    assert caught.value.code == "source_changed"
    assert run.repository.search() == ()
    assert list(run.repository.store.packs()) == []
    assert list(run.repository.store.leftovers()) == []
    if change is not delete:
        draft.add_file(path, overwrite=True)
        version = run.log_artifact(draft)
        assert version.read_bytes("a.bin") == path.read_bytes()


@pytest.fixture
def slow_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files be stamped by a clock that ticks every 20 ms, as on older kernels.

    Since Linux 6.13 a file that was looked at gets a finer stamp when it is written again,
    and no two writes can look alike.
    """
    tick = 20_000_000
    now, fields = stats.coarse_now, stats._FIELDS

    def ticking_fields(result: os.stat_result) -> tuple[int, ...]:
        *place, mtime, ctime = fields(result)
        return *place, mtime // tick * tick, ctime // tick * tick

    monkeypatch.setattr(stats, "_FIELDS", ticking_fields)
    for module in CLOCKS:
        monkeypatch.setattr(module, "coarse_now", lambda: now() // tick * tick)


@pytest.mark.parametrize("size", [10, LARGE])
@pytest.mark.usefixtures("slow_clock")
def test_a_write_within_one_tick_of_the_clock_is_seen(run: Run, tmp_path: Path, size: int) -> None:
    """Same size, same stat: only reading at once can tell."""
    for attempt in range(10):
        path = write_file(tmp_path / f"{attempt}.bin", b"1" * size)
        draft = edversion.Artifact("data", "dataset")
        draft.add_file(path, "a.bin")
        with open(path, "r+b") as file:
            file.write(b"2" * size)
        with pytest.raises(ConflictError, match="changed since it was added"):
            run.log_artifact(draft)


@pytest.mark.usefixtures("slow_clock")
def test_a_write_within_one_tick_is_seen_by_the_next_version_too(run: Run, tmp_path: Path) -> None:
    """A digest of when the file was added must not be remembered for what it holds now."""
    old, new, path = b"1" * LARGE, b"2" * LARGE, tmp_path / "in" / "a"
    stored = edversion.Artifact("data", "dataset")
    stored.add_bytes(old, "a")  # so that the file need not be read when it is logged
    run.log_artifact(stored)
    write_file(path.with_name("b"), b"unknown")
    within_a_tick = False
    while not within_a_tick:
        draft = edversion.Artifact("data", "dataset")
        draft.add_dir(write_file(path, old).parent)
        added = Stat.of(path.stat())
        with open(path, "r+b") as file:
            file.write(new)
        within_a_tick = added == Stat.of(path.stat())
    settle(path)
    assert run.log_artifact(draft).read_bytes("a") == old  # as it was added
    assert run.log_artifact(path, name="data").read_bytes("a") == new


@pytest.mark.usefixtures("slow_clock")
def test_logging_again_within_one_tick_reads_again(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    for attempt in range(10):
        write_file(path, b"%06d" % attempt)
        assert run.log_artifact(path, name="data").read_bytes("a.bin") == b"%06d" % attempt


def test_a_change_is_seen_by_the_manifest_too(tmp_path: Path) -> None:
    draft = edversion.Artifact("data", "dataset")
    path = settle(write_file(tmp_path / "a"))
    draft.add_file(path)
    overwrite(path)
    with pytest.raises(ConflictError, match="changed since it was added"):
        _ = draft.manifest


@pytest.mark.parametrize("young", [True, False])
def test_touching_without_changing_is_a_change_to_add_again(
    run: Run, tmp_path: Path, young: bool
) -> None:
    """The stat is all there is to go by: better to refuse than to guess."""
    path = write_file(tmp_path / "a")
    draft = edversion.Artifact("data", "dataset")
    draft.add_file(path if young else settle(path))
    os.utime(path, (1, 1))
    with pytest.raises(ConflictError, match="Add it again, with overwrite=True"):
        run.log_artifact(draft)
    draft.add_file(path, overwrite=True)
    assert run.log_artifact(draft).read_bytes("a") == b"1"


def test_adding_a_touched_file_again_takes_its_new_stat(run: Run, tmp_path: Path) -> None:
    path = write_file(tmp_path / "a")
    draft = edversion.Artifact("data", "dataset")
    draft.add_file(path)
    assert draft.manifest.file_count == 1  # by now its bytes are known
    os.utime(path, (1, 1))
    draft.add_file(path)
    assert run.log_artifact(draft).read_bytes("a") == b"1"


def test_adding_a_changed_file_again_takes_overwrite(run: Run, tmp_path: Path) -> None:
    path = settle(write_file(tmp_path / "a"))
    draft = edversion.Artifact("data", "dataset")
    draft.add_file(path)
    same_size(path)
    with pytest.raises(InvalidInputError, match="overwrite=True"):
        draft.add_file(path)
    draft.add_file(path, overwrite=True)
    assert run.log_artifact(draft).read_bytes("a") == b"2"


def test_a_mutable_buffer_is_copied_when_it_is_added(run: Run) -> None:
    for size in (10, LARGE):
        buffer = bytearray(b"1" * size)
        draft = edversion.Artifact(f"data{size}", "dataset")
        draft.add_bytes(buffer, "a")
        buffer[0] = 0
        assert run.log_artifact(draft).read_bytes("a") == b"1" * size
