"""Processes that work on one catalog at the same time, die, and fork; in either database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

import edversion
from edversion.catalog import Catalog
from edversion.catalog.tables import settings
from edversion.testing import wait_until

from .makers import commit, new_run, request, resolve


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        found: str = request.getfixturevalue("postgres_url")
        return found
    return f"sqlite:///{tmp_path}/catalog.db"


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    with Catalog.open(url) as catalog:
        yield catalog


def start(work: str, url: str, me: object) -> subprocess.Popen[str]:
    root = str(Path(edversion.__path__[0]).parent)
    worker = Path(__file__).with_name("worker.py")
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(worker), work, url, str(me)],
        env=os.environ | {"PYTHONPATH": root},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def say(worker: subprocess.Popen[str], text: str = "go") -> None:
    assert worker.stdin is not None
    worker.stdin.write(text + "\n")
    worker.stdin.flush()


def hear(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def together(work: str, url: str, count: int) -> list[Any]:
    """Let processes do the same work at once; give what each of them said."""
    workers = [start(work, url, me) for me in range(count)]
    for worker in workers:
        assert hear(worker) == "ready"
    for worker in workers:
        say(worker)
    said = []
    for worker in workers:
        output, complaints = worker.communicate(timeout=120)
        assert (worker.returncode, complaints) == (0, "")
        said.append(json.loads(output))
    return said


def test_eight_processes_commit_to_one_collection(url: str, catalog: Catalog) -> None:
    given = [number for numbers in together("commit_many", url, 8) for number in numbers]
    assert sorted(given) == list(range(64))
    for alias in ("best", "latest"):
        assert catalog.alias("dropout", "knn", alias).revision == 64
        moves = [event.after for event in catalog.events(subject=f"dropout/knn:{alias}")]
        assert sorted(moves) == sorted(f"v{number}" for number in range(64))
    assert resolve(catalog, "knn:latest").number == 63
    assert catalog.verify_events() == 64 * 3


def test_the_same_content_twice_is_one_version(url: str, catalog: Catalog) -> None:
    said = together("commit_same", url, 2)
    assert sorted(said) == [[0, False], [0, True]]
    (version,) = catalog.versions("dropout", "knn")
    runs = catalog.runs_of(version, "logged")
    assert sorted(run.id for run in runs) == ["run-0", "run-1"]


def test_no_move_of_an_alias_is_lost(url: str, catalog: Catalog) -> None:
    commit(catalog, 0, aliases=("best",))
    commit(catalog, 1)
    said = together("swap", url, 4)
    assert sorted(revision for moved in said for revision in moved) == list(range(2, 34))
    events = catalog.events(subject="dropout/knn:best")
    assert all(event.before != event.after for event in events)
    assert len(events) == 33


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_eight_processes_make_one_catalog(kind: str, request: Any, tmp_path: Path) -> None:
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path}/catalog.db"
        if kind == "postgresql":
            server = request.getfixturevalue("postgres")
            url = server.url(stack.enter_context(server.database(empty=True)))
        assert together("open_only", url, 8) == [None] * 8
        with Catalog.open(url) as catalog:
            assert catalog.verify_events() == 0


def test_a_killed_run_shows_as_crashed(url: str, catalog: Catalog) -> None:
    worker = start("die", url, 1)
    say(worker)
    assert (hear(worker), hear(worker)) == ("ready", "started")
    assert catalog.get_run("run-1").status == "running"
    assert catalog.is_alive("run-1")
    assert catalog.mark_crashed(actor="ada") == ()
    say(worker)
    worker.communicate(timeout=60)
    assert worker.returncode == -signal.SIGKILL
    # a PostgreSQL server learns of it from the broken connection, a moment later
    wait_until(lambda: not catalog.is_alive("run-1"), "the killed run is not alive")
    assert catalog.get_run("run-1").status == "crashed"
    assert [run.id for run in catalog.list_runs(status="crashed")] == ["run-1"]
    assert catalog.list_runs(status="running") == ()
    assert catalog.run_record("run-1")["status"] == "running"  # nobody has recorded it yet
    assert [run.id for run in catalog.mark_crashed(actor="ada")] == ["run-1"]
    assert catalog.run_record("run-1")["status"] == "crashed"
    assert catalog.events(limit=1)[0].subject == "run run-1"


def test_a_run_lives_in_another_catalog_object(url: str, catalog: Catalog) -> None:
    with Catalog.open(url) as other:
        other.start_run(new_run())
        assert catalog.is_alive("run-0001")
        assert catalog.get_run("run-0001").status == "running"
    assert catalog.get_run("run-0001").status == "crashed"


def test_finishing_leaves_no_lock_file_behind(tmp_path: Path) -> None:
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog:
        catalog.start_run(new_run())
        assert [path.name for path in (tmp_path / "locks").iterdir()] == ["run-0001.lock"]
        catalog.finish_run("run-0001", status="finished")
        assert list((tmp_path / "locks").iterdir()) == []


def in_child(work: Any) -> None:
    """Do work in a forked child and wait for it; the child says 0 where it went well."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
class TestFork:
    def test_parent_and_child_both_go_on(self, catalog: Catalog) -> None:
        commit(catalog, 0)
        for turn in range(1, 6):
            in_child(lambda turn=turn: commit(catalog, f"child {turn}"))
            commit(catalog, f"parent {turn}")
        assert len(catalog.versions("dropout", "knn")) == 11
        assert catalog.verify_events() == 22

    def test_no_connection_crosses_a_fork(self, catalog: Catalog) -> None:
        commit(catalog)
        pool = catalog._database.engine.pool
        in_child(lambda: None)
        assert catalog._database.engine.pool is not pool

    def test_a_fork_waits_for_a_transaction(self, catalog: Catalog) -> None:
        """A child that inherited a connection at work could not write for a minute."""
        inside, forking, order = threading.Event(), threading.Event(), []

        def work() -> None:
            with catalog._database.write() as transaction:
                inside.set()
                forking.wait(20)
                for number in range(300):
                    row = {"key": str(number), "value": "x"}
                    transaction.execute(insert(settings), row)
                order.append("committed")

        thread = threading.Thread(target=work)
        thread.start()
        inside.wait(20)
        forking.set()
        in_child(lambda: commit(catalog, "child"))
        order.append("forked")
        thread.join()
        assert order == ["committed", "forked"]
        assert catalog.setting("299") == "x"
        assert resolve(catalog, "knn").number == 0

    def test_the_parents_runs_stay_alive(self, catalog: Catalog) -> None:
        catalog.start_run(new_run())

        def look() -> None:
            assert catalog.is_alive("run-0001")

        in_child(look)
        with Catalog.open(catalog.url) as other:
            assert other.is_alive("run-0001")
            catalog.finish_run("run-0001", status="finished")
            assert not other.is_alive("run-0001")

    def test_a_catalog_in_memory_is_copied(self) -> None:
        with Catalog.open("sqlite://") as catalog:
            commit(catalog)
            in_child(lambda: commit(catalog, "child"))
            assert len(catalog.versions("dropout", "knn")) == 1


def test_threads_share_a_catalog(url: str) -> None:
    check_threads(url)


def test_threads_share_a_catalog_in_memory() -> None:
    check_threads("sqlite://")


def check_threads(url: str) -> None:
    with Catalog.open(url) as catalog:
        changed: list[tuple[object, ...]] = []

        def work(me: int) -> None:
            for turn in range(6):
                version = catalog.commit(request(f"{me} {turn}")).version
                assert version.number in {v.number for v in catalog.versions("dropout", "knn")}
            changed.append(catalog.take_changed())

        threads = [threading.Thread(target=work, args=(me,)) for me in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # Each thread is told of what it changed itself, and of nothing else.
        assert [len(keys) for keys in changed] == [6] * 6
        assert len({key for keys in changed for key in keys}) == 36
        assert catalog.take_changed() == ()
        assert catalog.verify_events() == 72
