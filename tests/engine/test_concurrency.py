"""Many processes and threads on one repository: gapless numbers, and no lost move."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

import edversion
from edversion.errors import ConflictError
from edversion.repository import Repository
from edversion.starting import start_run

PROCESSES, VERSIONS = 8, 3


def log_own(arguments: tuple[str, int]) -> list[int]:
    """Log contents that nobody else has; move an alias of one's own and one of all."""
    store, worker = arguments
    numbers = []
    with edversion.init("p", store=store) as run:
        for turn in range(VERSIONS):
            draft = edversion.Artifact("shared", "dataset")
            draft.add_bytes(b"%d %d" % (worker, turn), "a")
            draft.add_bytes(os.urandom(20_000), "b")
            aliases = [f"mine-{worker}", "best"]
            version = run.log_artifact(draft, aliases=aliases, tags=[f"w{worker}"])
            assert version.read_bytes("a") == b"%d %d" % (worker, turn)
            run.repository.set_alias(version, "candidate")
            numbers.append(version.number)
    return numbers


def log_same(arguments: tuple[str, int]) -> tuple[str, str]:
    store, worker = arguments
    with edversion.init("p", store=store) as run:
        draft = edversion.Artifact("same", "dataset")
        draft.add_bytes(b"x" * 100_000, "a")
        return run.log_artifact(draft, tags=[f"w{worker}"]).reference, run.id


def open_first(arguments: tuple[str, int]) -> str:
    store, _ = arguments
    with edversion.init("p", store=store) as run:
        return run.repository.store.id


def compare_and_swap(arguments: tuple[str, int]) -> int:
    """Move an alias as often as one may, only from a revision that was seen; give how often."""
    store, _ = arguments
    moved = 0
    with edversion.open(store) as repository:
        for _ in range(20):
            alias = repository.alias("shared:counter")
            target = f"shared:v{(alias.number + 1) % 2}"
            try:
                repository.set_alias(target, "counter", expected_revision=alias.revision)
            except ConflictError:
                continue
            moved += 1
    return moved


def in_processes(work: Callable[[tuple[str, int]], object], store: Path) -> list:
    """Run a function in eight processes at once; they share nothing but what is imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["edversion.run"])
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        return list(pool.map(work, [(str(store), i) for i in range(PROCESSES)]))


def check_shared(repository: Repository, numbers: list[list[int]]) -> None:
    count = PROCESSES * VERSIONS
    assert sorted(n for mine in numbers for n in mine) == list(range(count))
    versions = repository.versions("shared")
    assert [version.number for version in versions] == list(reversed(range(count)))
    assert "latest" in versions[0].aliases
    for worker, mine in enumerate(numbers):
        assert mine == sorted(mine)
        assert repository.version(f"shared:mine-{worker}").number == mine[-1]
    # every move of the aliases that all of them move, none lost and in one order
    for alias, first in (("best", None), ("candidate", None), ("latest", None)):
        history = repository.alias_history(f"shared:{alias}")[::-1]
        assert len(history) == repository.alias(f"shared:{alias}").revision == count
        before = first
        for move in history:
            assert move.before == before
            before = move.after
    assert repository.verify() == ()
    assert repository.doctor() == ()


def test_processes_logging_to_one_collection(tmp_path: Path) -> None:
    numbers = in_processes(log_own, tmp_path / "store")
    with edversion.open(tmp_path / "store") as repository:
        check_shared(repository, numbers)
        assert len(repository.runs(status="finished")) == PROCESSES


def test_processes_logging_the_same_content(tmp_path: Path) -> None:
    results = in_processes(log_same, tmp_path / "store")
    assert {reference for reference, _ in results} == {"p/same:v0"}
    with edversion.open(tmp_path / "store") as repository:
        (version,) = repository.versions("same")
        assert {run.id for run in version.logged_by()} == {run for _, run in results}
        assert version.tags == tuple(f"w{i}" for i in range(PROCESSES))
        assert repository.verify() == ()
        assert repository.doctor() == ()  # those who came second left nothing
        assert sum(1 for _ in repository.store.packs()) == 1


def test_processes_making_one_repository(tmp_path: Path) -> None:
    assert len(set(in_processes(open_first, tmp_path / "store"))) == 1


def test_no_move_is_lost_between_reading_and_writing(tmp_path: Path) -> None:
    with edversion.init("p", store=tmp_path / "store") as run:
        for data in (b"0", b"1"):
            draft = edversion.Artifact("shared", "dataset")
            draft.add_bytes(data, "a")
            run.log_artifact(draft, aliases=["counter"])
    moved = in_processes(compare_and_swap, tmp_path / "store")
    with edversion.open(tmp_path / "store") as repository:
        assert repository.alias("shared:counter").revision == 2 + sum(moved)
        assert len(repository.alias_history("shared:counter")) == 2 + sum(moved)


@pytest.mark.parametrize("memory", [True, False])
def test_threads_sharing_one_repository(
    repository: Repository, memory_repository: Repository, memory: bool
) -> None:
    opened = memory_repository if memory else repository
    barrier = threading.Barrier(PROCESSES)

    def work(worker: int) -> list[int]:
        numbers = []
        run = start_run(opened, project="p")
        barrier.wait()
        for turn in range(VERSIONS):
            draft = edversion.Artifact("shared", "dataset")
            draft.add_bytes(b"%d %d" % (worker, turn), "a")
            draft.add_bytes(os.urandom(20_000), "b")
            version = run.log_artifact(draft, aliases=[f"mine-{worker}", "best"])
            opened.set_alias(version, "candidate")
            assert version.read_bytes("a") == b"%d %d" % (worker, turn)
            assert version.path("a").read_bytes() == b"%d %d" % (worker, turn)
            numbers.append(version.number)
        run.finish()
        return numbers

    with ThreadPoolExecutor(PROCESSES) as pool:
        check_shared(opened, list(pool.map(work, range(PROCESSES))))


def test_threads_sharing_one_run(repository: Repository) -> None:
    with start_run(repository, project="p") as run:

        def work(worker: int) -> str:
            draft = edversion.Artifact("same", "dataset")
            draft.add_bytes(b"x" * 100_000, "a")
            run.log_metrics({"m": worker})
            return run.log_artifact(draft).reference

        with ThreadPoolExecutor(PROCESSES) as pool:
            assert set(pool.map(work, range(PROCESSES))) == {"p/same:v0"}
    (version,) = repository.versions("same")
    assert [info.id for info in version.logged_by()] == [run.id]
    assert len(repository.metrics(key="m")) == PROCESSES


def test_a_reader_sees_whole_versions_while_others_log(repository: Repository) -> None:
    stop = threading.Event()

    def write() -> None:
        with start_run(repository, project="p") as run:
            for turn in range(30):
                draft = edversion.Artifact("data", "dataset")
                draft.add_bytes(b"%d" % turn * 5_000, "a")
                run.log_artifact(draft)
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = -1
    while not stop.is_set():
        for version in repository.search(limit=1):
            assert version.read_bytes("a") == b"%d" % version.number * 5_000
            assert version.number >= seen
            seen = version.number
    writer.join()
    assert repository.version("data").number == 29
