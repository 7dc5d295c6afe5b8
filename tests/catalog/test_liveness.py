"""The locks of open runs, also where several look at one at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import ANY

import pytest
from filelock import FileLock

from edversion.catalog import liveness
from edversion.catalog.liveness import FileLiveness
from edversion.errors import ConflictError


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[FileLiveness]:
    locks = FileLiveness(tmp_path / "locks")
    yield locks
    locks.close()


@pytest.fixture
def other(tmp_path: Path) -> FileLiveness:
    """Stands for another process: a lock belongs to whoever opened the file."""
    return FileLiveness(tmp_path / "locks")


def test_only_one_holds_a_run(mine: FileLiveness, other: FileLiveness) -> None:
    mine.hold("run")
    assert (mine.vouch(ANY, "run", None), other.vouch(ANY, "run", None)) == (True, False)
    assert other.is_alive("run")
    for locks in (mine, other):
        with pytest.raises(ConflictError, match="is open already") as caught:
            locks.hold("run")
        assert caught.value.code == "run_open"
    assert mine.is_alive("run")
    mine.release("run")
    assert not other.is_alive("run")
    other.hold("run")
    assert mine.is_alive("run")
    other.close()


def test_a_run_that_was_resumed_is_not_forgotten(mine: FileLiveness, other: FileLiveness) -> None:
    """Whoever found it dead may come to remove its lock when somebody has resumed it."""
    mine.hold("run")
    other.forget("run")
    assert other.is_alive("run")
    mine.close()  # as if the process had died: the file stays
    assert not other.is_alive("run")
    other.forget("run")
    assert list(other._folder.iterdir()) == []
    other.forget("run")


def test_somebody_who_looks_does_not_get_in_the_way(
    mine: FileLiveness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To see whether a run is alive, its lock is taken for a moment."""
    monkeypatch.setattr(liveness, "_PATIENCE", 30)  # a busy machine may make the moment long
    mine.hold("run")
    mine.close()
    glance = FileLock(tmp_path / "locks" / "run.lock", thread_local=False)
    glance.acquire()
    end = threading.Timer(0.02, glance.release)
    end.start()
    mine.hold("run")
    assert mine.vouch(ANY, "run", None)
    end.join()
