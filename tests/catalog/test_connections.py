"""Connections to PostgreSQL that are lost, at every moment, and what becomes of runs meanwhile."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

import edversion
from edversion.catalog import Catalog
from edversion.catalog import database as databases
from edversion.catalog.aliases import move_aliases
from edversion.catalog.finding import collection_place
from edversion.catalog.reading import numbered
from edversion.catalog.sessions import SessionLiveness
from edversion.errors import ConflictError, StorageError
from edversion.reference import parse_reference
from edversion.testing import wait_until
from edversion.testing.postgres import PostgresServer

from .makers import commit, new_run, numbers, request
from .wire import Wire

PLACE = ("dropout", "knn")
WAITS = " AND wait_event_type = 'Lock'"
_NOT_ME = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


class Scene:
    """A catalog at the end of a wire, and a way to its server past the wire."""

    def __init__(self, server: PostgresServer, name: str, wire: Wire) -> None:
        self._server, self._name = server, name
        self.url = server.network_url(name, port=wire.port)
        self.near_url = server.url(name)
        self.wire = wire

    def end_sessions(self, which: str = "") -> None:
        """End sessions on the server's side, as an administrator may."""
        terminate = f"SELECT pg_terminate_backend(pid, 10000) {_NOT_ME}{which}"
        self._server.execute(terminate, database=self._name)

    def count_sessions(self, which: str = "") -> int:
        counted = f"SELECT count(*) {_NOT_ME}{which}"
        ((count,),) = self._server.execute(counted, database=self._name)
        return int(count)


@pytest.fixture
def scene(postgres: PostgresServer) -> Iterator[Scene]:
    with postgres.database() as name, Wire(postgres.port) as wire:
        yield Scene(postgres, name, wire)


@pytest.fixture
def catalog(scene: Scene) -> Iterator[Catalog]:
    with Catalog.open(scene.url) as catalog:
        yield catalog


def at_commit(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, happen: Callable[..., Any]
) -> None:
    """Let something happen, once, in place of a commit of the database."""
    dialect = catalog._database.engine.dialect
    done = []

    def do_commit(connection: Any) -> None:
        if done:
            connection.commit()
        else:
            done.append(1)
            happen(connection)

    monkeypatch.setattr(dialect, "do_commit", do_commit)


class TestTransactions:
    def test_what_was_idle_is_connected_anew(self, catalog: Catalog, scene: Scene) -> None:
        commit(catalog, 0)
        scene.end_sessions()
        assert commit(catalog, 1).number == 1
        scene.end_sessions()
        assert numbers(catalog.versions("dropout", "knn")) == [1, 0]

    def test_so_it_is_where_the_server_itself_ends_what_is_idle(self, scene: Scene) -> None:
        """Many a hosted one does, and gives its own reason."""
        with Catalog.open(f"{scene.url}?options=-cidle_session_timeout=500ms") as catalog:
            commit(catalog, 0)
            wait_until(lambda: scene.count_sessions() == 0, "the server has ended all sessions")
            assert catalog.set_alias(*PLACE, "best", 0, actor="ada").revision == 1
            wait_until(lambda: scene.count_sessions() == 0, "the server has ended all sessions")
            assert catalog.alias(*PLACE, "best").number == 0

    @pytest.mark.parametrize("text", ["knn:best", "dropout/knn", "knn:v0", "knn@{digest}"])
    def test_a_reference_is_resolved_by_one_request(
        self, catalog: Catalog, scene: Scene, text: str
    ) -> None:
        """Over a network each of them takes a while; none is for BEGIN, or to see who is there."""
        first = commit(catalog, 0, aliases=("best",), tags=("fair", "a:b"))
        reference = parse_reference(text.format(digest=first.digest))
        for _ in range(10):  # by then the statement is prepared
            catalog.resolve(reference, project="dropout")
        before = scene.wire.sent
        found = catalog.resolve(reference, project="dropout")
        assert scene.wire.sent == before + 1
        assert (found.number, found.tags) == (0, ("a:b", "fair"))
        scene.end_sessions()
        assert catalog.resolve(reference, project="dropout") == found

    def test_who_is_too_late_for_an_alias_does_not_wait_for_others(
        self, catalog: Catalog, scene: Scene
    ) -> None:
        """Neither where it was moved before the lock was asked for, nor while others had it."""
        commit(catalog, 0, aliases=("best",))
        commit(catalog, 1)
        seen = catalog.alias("dropout", "knn", "best").revision
        late: list[str] = []

        def move() -> None:
            with pytest.raises(ConflictError) as caught:
                catalog.set_alias(*PLACE, "best", 0, actor="bob", expected_revision=seen)
            late.append(caught.value.code)

        waiting = threading.Thread(target=move)
        with Catalog.open(scene.near_url) as other:
            with other._database.write() as transaction:
                waiting.start()
                wait_until(lambda: scene.count_sessions(WAITS), "the other one waits")
                place = collection_place(transaction.connection, *PLACE)
                target = numbered(transaction.connection, place.key(1))
                move_aliases(transaction, place, ["best"], (target.id, 1), "ada")
            with other._database.write():  # as yet another writer, for as long as it likes
                waiting.join(20)
                move()
        assert late == ["alias_moved", "alias_moved"]

    def test_a_server_that_is_away_is_waited_for(self, catalog: Catalog, scene: Scene) -> None:
        commit(catalog, 0)
        pauses: list[float] = []

        def wait(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                scene.wire.mend()

        catalog._database._sleep = wait
        scene.wire.cut()
        assert commit(catalog, 1).number == 1
        assert pauses == [0.05, 0.1, 0.2]

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such limit")
    def test_a_host_that_fell_silent_is_not_waited_for_longer_than_a_minute(
        self, catalog: Catalog
    ) -> None:
        """As in a failover. The kernel would send the statement again for a quarter of an hour."""
        with catalog._database.read() as connection:
            driver: Any = connection.connection.driver_connection
            with socket.socket(fileno=os.dup(driver.fileno())) as wire:
                limit = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert 0 < limit <= 60_000

    def test_but_not_for_ever(
        self, catalog: Catalog, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(databases, "_PATIENCE", 0.3)
        scene.wire.cut()
        with pytest.raises(StorageError, match="Check that the server runs") as caught:
            commit(catalog)
        assert caught.value.code == "catalog_unreachable"
        scene.wire.mend()
        assert commit(catalog).number == 0

    def test_one_that_was_never_there_is_not_waited_for(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits"))
        scene.wire.cut()
        with pytest.raises(StorageError) as caught:
            Catalog.open(scene.url)
        assert caught.value.code == "catalog_unreachable"
        scene.wire.mend()

    def test_a_commit_that_was_cut_off_is_made_again(
        self, catalog: Catalog, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        at_commit(catalog, monkeypatch, lambda connection: lose(scene, connection))
        result = catalog.commit(request())
        assert (result.version.number, result.created) == (0, True)
        assert numbers(catalog.versions("dropout", "knn")) == [0]
        assert catalog.verify_events() == 2
        assert list(catalog.take_outdated()) == [("dropout", "knn", 0)]

    def test_a_commit_whose_answer_was_lost_is_known_again(
        self, catalog: Catalog, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else the writer would take its version for somebody else's, and remove its own bytes."""

        def lose_answer(connection: Any) -> None:
            connection.commit()
            lose(scene, connection)

        at_commit(catalog, monkeypatch, lose_answer)
        result = catalog.commit(request(generation=7, tags=("a",)))
        assert (result.version.number, result.created) == (0, True)
        assert result.version.tags == ("a",)
        assert numbers(catalog.versions("dropout", "knn")) == [0]
        assert catalog.verify_events() == 2
        assert list(catalog.take_outdated()) == [("dropout", "knn", 0)]
        assert not catalog.commit(request(generation=7)).created

    def test_what_may_not_be_done_twice_says_that_it_may_have_been(
        self, catalog: Catalog, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commit(catalog)
        at_commit(catalog, monkeypatch, lambda connection: lose(scene, connection))
        with pytest.raises(StorageError, match="look, and try again") as caught:
            catalog.set_alias("dropout", "knn", "best", 0, actor="ada")
        assert caught.value.code == "catalog_lost"
        assert catalog.set_alias("dropout", "knn", "best", 0, actor="ada").revision == 1

    def test_a_connection_lost_between_two_statements(self, catalog: Catalog, scene: Scene) -> None:
        def read() -> None:
            with catalog._database.read() as connection:
                connection.execute(text("SELECT 1"))
                scene.end_sessions()
                connection.execute(text("SELECT 1"))

        with pytest.raises(StorageError) as caught:
            read()
        assert caught.value.code == "catalog_lost"
        assert catalog.setting("x") is None


def lose(scene: Scene, connection: psycopg.Connection[Any]) -> None:
    scene.end_sessions()
    connection.execute("SELECT 1")


class TestRuns:
    def test_a_lock_that_was_lost_is_taken_anew(self, catalog: Catalog, scene: Scene) -> None:
        catalog.start_run(new_run("run-0001"))
        catalog.start_run(new_run("run-0002"))
        before = catalog.tenure("run-0001")
        scene.end_sessions()
        wait_until(
            lambda: catalog.tenure("run-0002") not in (None, before), "the lock is taken anew"
        )
        with Catalog.open(scene.near_url) as other:
            assert other.live_runs() == {"run-0001", "run-0002"}
            catalog.finish_run("run-0001", status="finished")
            assert other.live_runs() == {"run-0002"}

    def test_so_it_is_where_the_server_was_away(self, catalog: Catalog, scene: Scene) -> None:
        catalog.start_run(new_run())
        scene.wire.cut()
        with Catalog.open(scene.near_url) as other:
            wait_until(lambda: other.live_runs() == frozenset(), "no run is alive")
            assert other.get_run("run-0001").status == "crashed"
            scene.wire.mend()
            wait_until(lambda: other.live_runs() == {"run-0001"}, "the run is alive again")
            assert other.get_run("run-0001").status == "running"

    def test_a_session_ends_with_its_catalog(self, catalog: Catalog, scene: Scene) -> None:
        catalog.start_run(new_run())
        assert "edversion-runs" in {thread.name for thread in threading.enumerate()}
        catalog.close()
        assert "edversion-runs" not in {thread.name for thread in threading.enumerate()}
        wait_until(lambda: scene.count_sessions() == 0, "all sessions have ended")

    def test_the_end_of_the_server_does_not_keep_a_catalog_from_closing(
        self, catalog: Catalog, scene: Scene
    ) -> None:
        catalog.start_run(new_run())
        scene.wire.cut()
        catalog.close()
        assert "edversion-runs" not in {thread.name for thread in threading.enumerate()}
        scene.wire.mend()

    def test_what_was_written_before_the_loss_is_not_committed(
        self, catalog: Catalog, scene: Scene
    ) -> None:
        catalog.start_run(new_run())
        tenure = catalog.tenure("run-0001")
        scene.end_sessions()
        wait_until(lambda: catalog.tenure("run-0001") != tenure, "the lock is lost or taken anew")
        with pytest.raises(ConflictError, match="log it again") as caught:
            commit(catalog, run="run-0001", tenure=tenure)
        assert caught.value.code == "run_lost"
        assert catalog.projects() == ("dropout",)
        assert catalog.collections() == ()
        assert commit(catalog, run="run-0001", tenure=catalog.tenure("run-0001")).number == 0

    def test_a_lost_lock_is_taken_anew_when_the_transaction_is_over(
        self, catalog: Catalog, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """To connect and to wait for locks takes seconds, for which nobody else could write."""
        monkeypatch.setattr(SessionLiveness, "_lost", lambda *_: None)
        catalog.start_run(new_run())
        tenure = catalog.tenure("run-0001")
        writing: list[int] = []
        new = SessionLiveness._new

        def connect(liveness: SessionLiveness, *, patient: bool) -> Any:
            writing.append(scene.count_sessions(" AND state LIKE 'idle in transaction%'"))
            return new(liveness, patient=patient)

        monkeypatch.setattr(SessionLiveness, "_new", connect)
        scene.end_sessions()
        with pytest.raises(ConflictError, match="log it again") as caught:
            commit(catalog, run="run-0001", tenure=tenure)
        assert (caught.value.code, writing) == ("run_lost", [0])
        assert catalog.tenure("run-0001") != tenure
        assert commit(catalog, run="run-0001", tenure=catalog.tenure("run-0001")).number == 0
        assert writing == [0]

    def test_a_run_that_somebody_else_resumed_is_not_taken_back(
        self, catalog: Catalog, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(SessionLiveness, "_lost", lambda *_: None)
        catalog.start_run(new_run())
        scene.end_sessions()
        with Catalog.open(scene.near_url) as other:
            other._liveness.hold("run-0001")
            with pytest.raises(ConflictError) as caught:
                commit(catalog, run="run-0001", tenure=catalog.tenure("run-0001"))
            assert caught.value.code == "run_open"

    def test_a_run_is_alive_while_it_commits(
        self, catalog: Catalog, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever looks for leftovers asks for runs that live, and then for what is committed."""
        monkeypatch.setattr(SessionLiveness, "_lost", lambda *_: None)
        catalog.start_run(new_run())
        locks = " AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)"
        with Catalog.open(scene.near_url) as other, catalog._database.write() as transaction:
            vouch = partial(catalog._liveness.vouch, transaction.connection, "run-0001", None)
            assert vouch()
            scene.end_sessions(f"{locks} AND state = 'idle'")
            assert other.is_alive("run-0001")
            with pytest.raises(ConflictError):
                vouch()

    def test_a_log_whose_bytes_were_swept_away_stores_them_again(
        self, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The run loses its lock while it writes, and somebody collects garbage just then."""
        monkeypatch.setattr(SessionLiveness, "_lost", lambda *_: None)
        swept: list[int] = []

        class Sweeper:
            @edversion.hookimpl
            def edversion_describe(self, path: Path) -> None:
                """Called when the bytes are stored, and the version is not yet committed."""
                if not swept:
                    scene.end_sessions()
                    with edversion.open(tmp_path / "store", scene.near_url) as other:
                        wait_until(
                            lambda: other.catalog.live_runs() == frozenset(), "no run is alive"
                        )
                        swept.append(other.gc(grace=timedelta(0)).leftovers)

        source = tmp_path / "weights.bin"
        source.write_bytes(bytes(range(256)) * 1000)
        plugins = {"sweeper": Sweeper()}
        with edversion.init(
            "p", store=tmp_path / "store", catalog=scene.url, plugins=plugins
        ) as run:
            version = run.log_artifact(source, type="model")
            assert swept == [2]  # a pack and a manifest
            assert version.read_bytes("weights.bin") == source.read_bytes()
            assert run.repository.verify() == ()
            assert run.repository.doctor() == ()
