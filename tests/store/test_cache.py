"""The cache of local copies: what is promised of a path that was given, and what is removed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from edversion.digests import digest_of_bytes
from edversion.store.cache import FileCache
from edversion.store.local_state import LocalState
from edversion.store.room import Room
from edversion.store.stats import Stat, coarse_now

SIZE = 1000


@pytest.fixture
def cache(tmp_path: Path) -> FileCache:
    """Give a cache that holds two copies and a half."""
    state = LocalState(tmp_path / "state.db")
    return FileCache(
        tmp_path / "files", state, Room(state, tmp_path / "files", limit=SIZE * 5 // 2)
    )


def ask(cache: FileCache, number: int) -> Path:
    data = bytes([number]) * SIZE
    digest = digest_of_bytes(data)

    def fill(descriptor: int) -> None:
        os.write(descriptor, data)

    path = cache.get(digest.partition(":")[2], ".bin", SIZE, fill, digest=digest)
    assert path.read_bytes() == data
    return path


def later(monkeypatch: pytest.MonkeyPatch, minutes: float) -> None:
    """Let the clock go on, for everything that asks what time it is."""
    before = time.time
    monkeypatch.setattr(time, "time", lambda: before() + 60 * minutes)


def test_a_path_stays_while_its_caller_opens_it(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [ask(cache, number) for number in range(5)]
    assert all(path.exists() for path in paths)  # the limit waits
    later(monkeypatch, 9.9)
    ask(cache, 5)
    assert all(path.exists() for path in paths)


def test_asking_again_keeps_it_for_longer(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [ask(cache, number) for number in range(3)]
    later(monkeypatch, 8)
    assert ask(cache, 0) == paths[0]
    later(monkeypatch, 8)
    ask(cache, 3)
    assert paths[0].exists()
    assert not all(path.exists() for path in paths)


def test_the_least_recently_used_goes_first_and_an_open_file_stays_readable(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(cache, 0)
    later(monkeypatch, 12)
    second = ask(cache, 1)
    with open(first, "rb") as file:
        third = ask(cache, 2)
        assert [path.exists() for path in (first, second, third)] == [False, True, True]
        assert file.read() == bytes(SIZE)
    assert ask(cache, 0) == first


def test_another_process_keeps_it_too(cache: FileCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows what was asked for from the memory of this machine."""
    paths = [ask(cache, number) for number in range(2)]
    while not all(Stat.of(path.stat()).settled(coarse_now()) for path in paths):
        pass  # some milliseconds: until then the memory does not take them
    later(monkeypatch, 8)
    ask(cache, 0)
    later(monkeypatch, 8)
    room = Room(cache._state, cache._folder, limit=SIZE)
    other = FileCache(cache._folder, cache._state, room)
    ask(other, 2)
    assert [path.exists() for path in paths] == [True, False]


def test_what_a_killed_process_left_counts_and_goes_first(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = ask(cache, 0)
    left, under_way = kept.with_name(".0123456789abcdef"), kept.with_name(".fedcba9876543210")
    left.write_bytes(bytes(2 * SIZE))
    later(monkeypatch, 61)
    under_way.write_bytes(b"")
    os.utime(under_way, (time.time(), time.time()))
    ask(cache, 1)
    assert [path.exists() for path in (left, under_way, kept)] == [False, True, True]


def test_clear_leaves_nothing_of_a_killed_process(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = ask(cache, 0).with_name(".0123456789abcdef")
    left.write_bytes(bytes(SIZE))
    later(monkeypatch, 61)
    assert len(cache._room.clear()) == 1
    assert not left.exists()
