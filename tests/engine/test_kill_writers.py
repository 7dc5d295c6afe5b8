"""Many writers on one PostgreSQL, killed at random, beside a folder and a bucket; and a server
that crashes under them."""

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
from edversion.catalog import CommitRequest
from edversion.errors import ConflictError
from edversion.repository import Repository
from edversion.testing import wait_until
from edversion.testing.postgres import PostgresServer, postgres_server

WRITERS, KILLS, DOOMED = 16, 24, 4
SURE = 4  # every so manieth is killed once its run has begun; others before that, maybe
ALIASES = ("best", "candidate", "latest")


class Scene:
    """A repository, the journal of what writers were told, and the sign that they are to stop."""

    def __init__(self, folder: Path, store: str, catalog: str) -> None:
        self.store, self.catalog = store, catalog
        self.environment = dict(os.environ)  # the server of forks has that of the first test
        self.journal, self.stop = folder / "journal", folder / "stop"
        self.begun, self.stored = folder / "begun", folder / "stored"
        self.begun.mkdir()
        self.stored.mkdir()
        self.kills = 0
        self.killed: set[str] = set()
        edversion.init("p", store=self.store, catalog=catalog).finish()

    def told(self) -> list[tuple[str, str, int | None]]:
        """Give each version that a writer was told of, and the revision of the move it made."""
        return [tuple(json.loads(line)) for line in self.journal.read_text().splitlines()]

    def note(self, seed: int) -> Path:
        """Where a writer notes that its run has begun."""
        return self.begun / str(seed)

    def count_kill(self, seed: int) -> None:
        """Count a writer that is dead, and its run if that had begun."""
        self.kills += 1
        with suppress(FileNotFoundError):
            self.killed.add(self.note(seed).read_text())

    def uncommitted(self) -> set[str]:
        """Give the packs of writers that died before their transaction."""
        return {pack for file in self.stored.iterdir() for pack in file.read_text().split()}


def write(scene: Scene, seed: int, death: str | None = None) -> None:
    """Log contents that nobody else has, move aliases of all, and note what was told."""
    os.environ.update(scene.environment)
    contents = random.Random(seed)
    with edversion.init("p", store=scene.store, catalog=scene.catalog) as run:
        note = scene.note(seed)
        note.with_suffix(".new").write_text(run.id)
        note.with_suffix(".new").rename(note)  # so there is a whole note, or none
        if death is not None:
            doom(scene, run.repository, seed, death)
        for turn in count():
            if scene.stop.exists():
                return
            draft = edversion.Artifact("shared", "dataset", metadata={"turn": turn})
            draft.add_bytes(contents.randbytes(20_000), "a")
            version = run.log_artifact(draft, aliases=["best"], tags=[f"w{seed}"])
            revision = move(run.repository, version.reference)
            told = json.dumps([version.reference, version.digest, revision])
            with scene.journal.open("ab", buffering=0) as file:
                file.write(told.encode() + b"\n")


def doom(scene: Scene, repository: Repository, seed: int, death: str) -> None:
    """Let this process die at its first commit: before the transaction, or right after it."""
    catalog: Any = repository.catalog
    commit = catalog.commit

    def die(request: CommitRequest) -> None:
        if death == "after":
            commit(request)
        else:
            packs = "\n".join(pack.id for pack in request.packs)
            (scene.stored / str(seed)).write_text(packs)
        os.kill(os.getpid(), signal.SIGKILL)

    catalog.commit = die


def move(repository: Repository, reference: str) -> int | None:
    """Move an alias from the revision that was seen, or leave it to whoever was faster."""
    try:
        seen = repository.alias("p/shared:candidate").revision
    except LookupError:
        seen = 0
    try:
        return repository.set_alias(reference, "candidate", expected_revision=seen).revision
    except ConflictError as error:
        if error.code != "alias_moved":
            raise
    return None


def check(scene: Scene) -> None:
    """Hold the repository to all that must be true, whoever was killed when."""
    with edversion.open(scene.store, scene.catalog) as repository:
        check_facts(scene, repository)
        check_bytes(scene, repository)


def check_facts(scene: Scene, repository: Repository) -> None:
    """Numbers have no gap, no move is lost, and what was told is true."""
    told = scene.told()
    versions = repository.versions("shared", limit=None)
    assert [version.number for version in versions] == list(reversed(range(len(versions))))
    digests = {version.reference: version.digest for version in versions}
    assert all(digests[reference] == digest for reference, digest, _ in told)
    for alias in ALIASES:
        moves = repository.alias_history(f"shared:{alias}")[::-1]
        assert len(moves) == repository.alias(f"shared:{alias}").revision
        assert all(later.before == earlier.after for earlier, later in pairwise(moves))
    made = {one.revision: one.after for one in repository.history("shared:candidate")}
    assert all(made[revision] == reference for reference, _, revision in told if revision)
    assert repository.alias("shared:latest").number == len(versions) - 1
    assert repository.catalog.verify_events() == len(repository.events(limit=None))
    crashed = {run.id for run in repository.runs(status="crashed", limit=None)}
    assert scene.killed <= crashed
    # a writer may have died between the beginning of its run and its note of that
    assert len(crashed) <= scene.kills
    # … and between a commit and its note in the journal
    assert len(told) <= len(versions) <= len(told) + len(crashed)


def check_bytes(scene: Scene, repository: Repository) -> None:
    """Every version is whole, and after gc there is nothing but versions."""
    assert repository.verify() == ()
    store, catalog = repository.store, repository.catalog
    assert scene.uncommitted() <= {pack for pack, _ in store.packs()} - catalog.pack_sizes().keys()
    for path in store.leftovers():
        os.utime(path, (0, 0))  # what is young may be under way
    repository.gc()
    assert {pack for pack, _ in store.packs()} == catalog.pack_sizes().keys()
    manifests = {(digest, generation) for digest, generation, _ in store.manifests()}
    assert manifests == catalog.live_manifests()
    repository.doctor(mend=True)
    assert repository.doctor() == ()
    assert repository.verify() == ()


@pytest.fixture(scope="module")
def context() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["edversion.run", "sqlalchemy.dialects.postgresql.psycopg", "s3fs"]
    )
    return context


def started(context: Any, scene: Scene, seed: int, death: str | None = None) -> BaseProcess:
    process: BaseProcess = context.Process(target=write, args=(scene, seed, death))
    process.start()
    return process


@pytest.mark.slow
def test_sixteen_writers_killed_at_random(context: Any, tmp_path: Path, postgres_url: str) -> None:
    hold(context, Scene(tmp_path, str(tmp_path / "store"), postgres_url))


@pytest.mark.slow
def test_sixteen_writers_of_a_bucket_killed_at_random(
    context: Any, tmp_path: Path, postgres_url: str, s3_url: str
) -> None:
    hold(context, Scene(tmp_path, s3_url, postgres_url), kills=12)  # all of it takes longer


def hold(context: Any, scene: Scene, kills: int = KILLS) -> None:
    """Let writers write, kill them at random and start others; then look at what is there."""
    seeds = list(range(WRITERS))
    writers = [started(context, scene, seed) for seed in seeds]
    try:
        kill_at_random(context, scene, writers, seeds, kills)
        die_at_a_commit(context, scene)
        scene.stop.touch()
        for writer in writers:
            writer.join(60)
            assert writer.exitcode == 0
    finally:
        for writer in writers:
            writer.kill()  # of a test that failed: they would go on for ever
    assert len(scene.told()) > kills
    assert len(scene.killed) >= kills // SURE + DOOMED
    assert len(scene.uncommitted()) == DOOMED // 2
    check(scene)


def kill_at_random(
    context: Any, scene: Scene, writers: list[BaseProcess], seeds: list[int], kills: int
) -> None:
    """Kill one of the writers now and then, and start another in its place."""
    moments = random.Random(7)
    for kill in range(kills):
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


def die_at_a_commit(context: Any, scene: Scene) -> None:
    """Let further writers die where chance would seldom kill them, beside those at work."""
    deaths = {WRITERS + KILLS + n: ("before", "after")[n % 2] for n in range(DOOMED)}
    doomed = {seed: started(context, scene, seed, death) for seed, death in deaths.items()}
    for seed, writer in doomed.items():
        writer.join(60)
        assert writer.exitcode == -signal.SIGKILL
        scene.count_kill(seed)


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
        scene = Scene(tmp_path, str(tmp_path / "store"), own_server.url(name))
        with edversion.init("p", store=scene.store, catalog=scene.catalog) as run:
            for turn in range(12):
                draft = edversion.Artifact("shared", "dataset")
                draft.add_bytes(os.urandom(20_000), "a")
                version = run.log_artifact(draft, aliases=["best", "candidate"])
                with scene.journal.open("a") as file:
                    file.write(json.dumps([version.reference, version.digest, None]) + "\n")
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
