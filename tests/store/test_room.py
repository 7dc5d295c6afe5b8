"""All copies on this machine share one limit; what is only read goes by its last use."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from edversion.store.local_state import LocalState
from edversion.store.ranges import RangeCache
from edversion.store.room import Room

SIZE = 1000
NAME = "0123456789abcdef-run"


class Copies:
    """Copies of stretches with a limit of two and a half."""

    def __init__(self, folder: Path, limit: int = SIZE * 5 // 2) -> None:
        state = LocalState(folder / "state.db")
        self.folder = folder / "ranges"
        self.room = Room(state, folder / "files", self.folder, limit=limit)
        self.ranges = RangeCache(self.folder, self.room.make)

    def write(self, number: int) -> None:
        self.ranges.write(NAME, number * SIZE, bytes([number]) * SIZE)

    def has(self, number: int) -> bool:
        data = self.ranges.read(NAME, number * SIZE, SIZE)
        assert data in (None, bytes([number]) * SIZE)
        return data is not None

    def age(self, number: int, seconds: float) -> None:
        path = self.folder / NAME[:2] / NAME / f"{number * SIZE}-{(number + 1) * SIZE}"
        os.utime(path, (0, time.time() - seconds))


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    return Copies(tmp_path)


def test_the_least_recently_read_goes_first(copies: Copies) -> None:
    for number, age in ((0, 3000), (1, 2000)):
        copies.write(number)
        copies.age(number, age)
    assert copies.has(0)  # which is a use
    copies.write(2)
    assert [copies.has(number) for number in range(3)] == [True, False, True]
    assert sum(copy.size for copy in copies.room.copies()) == 2 * SIZE


def test_a_part_of_a_copy_is_read_and_what_it_lacks_is_not(copies: Copies) -> None:
    copies.write(1)
    assert copies.ranges.read(NAME, SIZE + 10, 5) == b"\1" * 5
    assert copies.ranges.read(NAME, SIZE - 1, 5) is None
    assert copies.ranges.read(NAME, 2 * SIZE - 1, 2) is None
    assert copies.ranges.read("fedcba9876543210-run", SIZE, 5) is None


def test_forgetting_takes_what_touches_the_stretch(copies: Copies) -> None:
    copies.write(0)
    copies.write(1)
    copies.ranges.forget(NAME, SIZE - 1, 1)
    assert [copies.has(0), copies.has(1)] == [False, True]
    copies.ranges.forget(NAME)
    assert not copies.has(1)


def test_a_cut_off_copy_is_none(copies: Copies) -> None:
    copies.write(0)
    (path,) = copies.folder.glob("*/*/*-*")
    path.chmod(0o600)
    path.write_bytes(b"short")
    assert copies.ranges.read(NAME, 0, SIZE) is None


def test_a_disk_without_room_costs_the_copy_alone(
    copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edversion.store.ranges.write_fully", full)
    copies.write(0)
    assert not copies.has(0)
    assert not [path for path in copies.folder.rglob("*") if path.is_file()]


def test_one_at_a_time_fetches_a_stretch_and_another_stretch_need_not_wait(
    copies: Copies,
) -> None:
    inside, done = threading.Event(), []

    def fetch() -> None:
        inside.set()
        with copies.ranges.alone(NAME, 0):
            done.append("other")

    other = threading.Thread(target=fetch)
    with copies.ranges.alone(NAME, 0):
        other.start()
        assert inside.wait(10)
        with copies.ranges.alone(NAME, 64 << 20):
            done.append("elsewhere")
        done.append("first")
    other.join()
    assert done == ["elsewhere", "first", "other"]


def test_locks_of_long_ago_go_with_the_copies(copies: Copies) -> None:
    with copies.ranges.alone(NAME, 0):
        copies.write(0)
    locks = list(copies.folder.glob("*/*/.*"))
    assert locks
    for path in (*locks, *copies.folder.glob("*/*/[!.]*")):
        os.utime(path, (0, time.time() - 7200))
    copies.write(1)
    copies.write(2)
    assert [path for path in locks if path.exists()] == []
    assert [copies.has(number) for number in range(3)] == [False, True, True]


def test_clear_removes_everything(copies: Copies) -> None:
    copies.write(0)
    copies.write(1)
    assert sum(copy.size for copy in copies.room.clear()) == 2 * SIZE
    assert list(copies.room.copies()) == []
    assert not copies.folder.exists()
    copies.write(0)
    assert copies.has(0)
