"""Many writers on one PostgreSQL, killed at random; and a server that crashes under them."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, pairwise
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion.errors import ConflictError
from edversion.repository import Repository
from edversion.testing import wait_until
from edversion.testing.postgres import PostgresServer, postgres_server

WRITERS, KILLS = 16, 24
SURE = 4  # every so manieth is killed once its run has begun; others before that, maybe
ALIASES = ("best", "candidate", "latest")


class Scene:
    """A repository, the journal of what writers were told, and the sign that they are to stop."""

    def __init__(self, folder: Path, catalog: str) -> None:
        self.store, self.catalog = str(folder / "store"), catalog
        self.journal, self.stop = folder / "journal", folder / "stop"
        self.begun = folder / "begun"
        self.begun.mkdir()
        self.kills = 0
        self.killed: set[str] = set()
        edversion.init("p", store=self.store, catalog=catalog).finish()

    def told(self) -> list[tuple[str, str]]:
        lines = self.journal.read_text().splitlines()
        return [(reference, digest) for reference, digest in map(json.loads, lines)]

    def note(self, seed: int) -> Path:
        """Where a writer notes that its run has begun."""
        return self.begun / str(seed)

    def count_kill(self, seed: int) -> None:
        """Count a writer that is dead, and its run if that had begun."""
        self.kills += 1
        with suppress(FileNotFoundError):
            self.killed.add(self.note(seed).read_text())


def write(scene: Scene, seed: int) -> None:
    """Log contents that nobody else has, move aliases of all, and note what was told."""
    contents = random.Random(seed)
    with edversion.init("p", store=scene.store, catalog=scene.catalog) as run:
        note = scene.note(seed)
        note.with_suffix(".new").write_text(run.id)
        note.with_suffix(".new").rename(note)  # so there is a whole note, or none
        for turn in count():
            if scene.stop.exists():
                return
            draft = edversion.Artifact("shared", "dataset", metadata={"turn": turn})
            draft.add_bytes(contents.randbytes(20_000), "a")
            version = run.log_artifact(draft, aliases=["best"], tags=[f"w{seed}"])
            move(run.repository, version.reference)
            line = json.dumps([version.reference, version.digest]).encode() + b"\n"
            with scene.journal.open("ab", buffering=0) as file:
                file.write(line)


def move(repository: Repository, reference: str) -> None:
    """Move an alias from the revision that was seen, or leave it to whoever was faster."""
    try:
        seen = repository.alias("p/shared:candidate").revision
    except LookupError:
        seen = 0
    try:
        repository.set_alias(reference, "candidate", expected_revision=seen)
    except ConflictError as error:
        if error.code != "alias_moved":
            raise


def check(scene: Scene) -> None:
    """Hold the repository to all that must be true, whoever was killed when."""
    with edversion.open(scene.store, scene.catalog) as repository:
        told = scene.told()
        versions = repository.versions("shared", limit=None)
        assert [version.number for version in versions] == list(reversed(range(len(versions))))
        digests = {version.reference: version.digest for version in versions}
        assert all(digests[reference] == digest for reference, digest in told)
        for alias in ALIASES:
            moves = repository.alias_history(f"shared:{alias}")[::-1]
            assert len(moves) == repository.alias(f"shared:{alias}").revision
            assert all(later.before == earlier.after for earlier, later in pairwise(moves))
        assert repository.alias("shared:latest").number == len(versions) - 1
        assert repository.catalog.verify_events() == len(repository.events(limit=None))
        assert repository.verify() == ()
        crashed = {run.id for run in repository.runs(status="crashed", limit=None)}
        assert scene.killed <= crashed
        # a writer may have died between the beginning of its run and its note of that
        assert len(crashed) <= scene.kills
        # … and between a commit and its note in the journal
        assert len(told) <= len(versions) <= len(told) + len(crashed)
        repository.gc()
        store, catalog = repository.store, repository.catalog
        assert {pack for pack, _ in store.packs()} == catalog.pack_sizes().keys()
        manifests = {(digest, generation) for digest, generation, _ in store.manifests()}
        assert manifests == catalog.live_manifests()
        repository.doctor(mend=True)
        assert repository.doctor() == ()
        assert repository.verify() == ()


@pytest.fixture(scope="module")
def context() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["edversion.run", "sqlalchemy.dialects.postgresql.psycopg"])
    return context


def started(context: Any, scene: Scene, seed: int) -> BaseProcess:
    process: BaseProcess = context.Process(target=write, args=(scene, seed))
    process.start()
    return process


@pytest.mark.slow
def test_sixteen_writers_killed_at_random(context: Any, tmp_path: Path, postgres_url: str) -> None:
    scene = Scene(tmp_path, postgres_url)
    moments = random.Random(7)
    seeds = list(range(WRITERS))
    writers = [started(context, scene, seed) for seed in seeds]
    for kill in range(KILLS):
        grow(scene, writers, 2 * kill)
        wait([writer.sentinel for writer in writers], timeout=moments.uniform(0, 0.2))
        chosen = moments.randrange(WRITERS)
        if kill % SURE == 0:
            wait_until(scene.note(seeds[chosen]).exists, "the writer's run begins", seconds=60)
        writers[chosen].kill()
        writers[chosen].join()
        scene.count_kill(seeds[chosen])
        seeds[chosen] = WRITERS + kill
        writers[chosen] = started(context, scene, seeds[chosen])
    scene.stop.touch()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert len(scene.told()) > KILLS
    assert len(scene.killed) >= KILLS // SURE
    check(scene)


def grow(scene: Scene, writers: list[BaseProcess], lines: int) -> None:
    """Let the writers write, until the journal has so many lines, but not for ever."""
    for _ in range(1000):
        if not lines or (scene.journal.exists() and len(scene.told()) >= lines):
            return
        ended = wait([writer.sentinel for writer in writers], timeout=0.05)
        assert not ended, "a writer failed by itself"
    raise AssertionError("the writers hang")


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.mark.slow
def test_a_server_that_crashes_keeps_what_was_told(
    tmp_path: Path, postgres: PostgresServer, own_server: PostgresServer
) -> None:
    """One backend dies badly; the server ends all others, and recovers."""
    crashes = random.Random(3)
    with own_server.database() as name:
        scene = Scene(tmp_path, own_server.url(name))
        with edversion.init("p", store=scene.store, catalog=scene.catalog) as run:
            for turn in range(12):
                draft = edversion.Artifact("shared", "dataset")
                draft.add_bytes(os.urandom(20_000), "a")
                version = run.log_artifact(draft, aliases=["best", "candidate"])
                with scene.journal.open("a") as file:
                    file.write(json.dumps([version.reference, version.digest]) + "\n")
                if turn % 4 == 2:
                    crash(own_server, crashes)
            assert len(run.repository.versions("shared")) == 12
        check(scene)


def crash(server: PostgresServer, choice: random.Random) -> None:
    backends = server.execute(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
        "AND pid <> pg_backend_pid()"
    )
    os.kill(choice.choice(backends)[0], signal.SIGKILL)
