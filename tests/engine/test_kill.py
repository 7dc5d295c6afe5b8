"""kill -9 at any moment: the repository opens, versions are whole, leftovers are accounted for."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import edversion
from edversion.repository import Repository
from edversion.testing import Victims, read_tree, write_file

# What the victim does until it dies; after every log it notes what it was told.
WORK = """
import json, os, random
import edversion
from edversion.starting import start_run
from edversion.repository import open_repository

def small(run, sources, seed):
    for i in range(20):
        (sources / f"{i}.txt").write_bytes(random.Random(seed * 100 + i).randbytes(3000))
    return run.log_artifact(sources, name="small", type="dataset", aliases=["candidate"])

def large(run, sources, seed):
    (sources / "large.bin").write_bytes(random.Random(seed).randbytes(3 << 20))
    return run.log_artifact(sources / "large.bin", name="large", type="model")

def many(run, sources, seed):
    # Manifests as changes; every tenth version differs in more, and is a base.
    from edversion.store import changing
    changing.MANY = 20
    for i in range(25):
        if not (sources / f"{i}.txt").exists() or seed % 10 == 0 or i == 7:
            (sources / f"{i}.txt").write_bytes(random.Random(seed * 100 + i).randbytes(1000))
    return run.log_artifact(sources, name="many", type="dataset")

def again(run, sources, seed):
    (sources / "a.txt").write_bytes(bytes(20_000))
    (sources / "b.txt").write_bytes(random.Random(seed).randbytes(30_000))
    return run.log_artifact(
        sources, name="again", type="dataset", metadata={"seed": seed}, tags=[f"t{seed}"]
    )

def aliases(run, sources, seed):
    draft = edversion.Artifact("named", "model")
    draft.add_bytes(b"%d" % seed, "w")
    version = run.log_artifact(draft, aliases=["best"])
    run.repository.set_alias("named:v0", "best")
    run.repository.tag(version, add=["seen"])
    run.repository.edit(version, description=str(seed))
    run.log_metrics({"auc": 0.5}, version=version)
    return version

def fixed(run, sources, seed):
    return run.log_artifact(sources, name=f"n{seed}", type="dataset")

def main(kind, store, sources, journal, seed):
    import pathlib
    sources, seed = pathlib.Path(sources), int(seed)
    with open_repository(store) as repository:
        run = start_run(repository, project="p")
        ready()
        for turn in range(1000):
            version = globals()[kind](run, sources, seed * 1000 + turn)
            with open(journal, "ab", buffering=0) as file:
                line = [version.reference, version.digest, version.generation]
                file.write(json.dumps(line).encode() + b"\\n")
"""

KINDS = ["small", "large", "many", "again", "aliases"]
# What happens on the way to a version, and after it.
STEPS = [
    "_write_temporary", "_link", "_sync_folder", "write_manifest", "commit", "finish",
    "write_receipts", "write_receipt", "receipt_generation",
]  # fmt: skip
LINES_OF_A_LOG = 6000  # of edversion's own code, roughly; `again` runs most
KILLS_PER_REPOSITORY = 10


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    with Victims(WORK) as victims:
        yield victims


class Scene:
    """A repository, the sources that victims log, and the journal of what they were told."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind = kind
        self.store, self.journal = folder / "store", folder / "journal"
        self.sources = folder / "sources"
        self.kills = 0
        self.sources.mkdir(parents=True)
        edversion.init("p", store=self.store).finish()

    def arguments(self, seed: int) -> tuple[str, ...]:
        return self.kind, str(self.store), str(self.sources), str(self.journal), str(seed)

    def check(self) -> None:
        """Hold the repository to everything that must be true after a kill."""
        with edversion.open(self.store) as repository:
            self._check_versions(repository)
            self._check_leftovers(repository)
            self._check_versions(repository)

    def _check_versions(self, repository: Repository) -> None:
        told = self._told()
        for reference, digest, _ in told:
            assert repository.version(reference).digest == digest
        for collection in repository.collections():
            versions = repository.versions(f"{collection.project}/{collection.name}")
            assert [v.number for v in versions] == list(reversed(range(len(versions))))
            assert "latest" in versions[0].aliases
            # each victim may have died between the commit and its note in the journal
            assert len(versions) <= len({line[0] for line in told}) + self.kills
        assert repository.verify() == ()

    def _told(self) -> list[tuple[str, str, int]]:
        if not self.journal.exists():
            return []
        return [tuple(json.loads(line)) for line in self.journal.read_text().splitlines()]

    def _check_leftovers(self, repository: Repository) -> None:
        """Every file is needed, administrative, or named by `doctor`, which then removes it."""
        grow_old(self.store / "tmp")
        named = {finding.subject for finding in repository.doctor()}
        for path in unexplained(repository, self.store):
            assert names_of(path) & named, f"doctor says nothing of {path}"
        mended = repository.doctor(mend=True)
        assert all(finding.mended for finding in mended), mended
        assert repository.doctor() == ()
        assert unexplained(repository, self.store) == []


def grow_old(folder: Path) -> None:
    """Let files under way look as if nobody had touched them for an hour."""
    then = time.time() - 3600
    for path in folder.glob("*"):
        os.utime(path, (then, then))


def names_of(path: Path) -> set[str]:
    """Give the names by which a finding may call a file."""
    digest, _, generation = path.name.partition(".")
    receipt = "/".join(path.parts[-4:])
    return {path.name, path.stem, f"blake3:{digest}.{generation}", receipt}


def unexplained(repository: Repository, store: Path) -> list[Path]:
    """Give the files of a local store that no version needs and no administration keeps."""
    catalog = repository.catalog
    needed = {"edversion.json", "catalog.db", "catalog.db-wal", "catalog.db-shm", "catalog.db.lock"}
    # SQLite's own files; it plays the journal back when the database is opened next
    needed |= {f"cache/state.db{suffix}" for suffix in ("", "-wal", "-shm", "-journal")}
    packs = catalog.pack_sizes().keys() - catalog.unused_packs().keys()
    needed |= {f"packs/{pack[:2]}/{pack}" for pack in packs}
    for digest, generation in catalog.live_manifests():
        name = digest.removeprefix("blake3:")
        needed.add(f"manifests/{name[:2]}/{name}.{generation}")
    for project, collection, number in catalog.all_keys():
        receipt = catalog.receipt_by_key((project, collection, number))
        needed.add(f"receipts/{project}/{collection}/{number}.{receipt['generation']}.json")
    needed |= {f"runs/{run.id[:2]}/{run.id}.json" for run in repository.runs(limit=10_000)}
    found = [path for path in store.rglob("*") if path.is_file()]
    return [path for path in found if path.relative_to(store).as_posix() not in needed]


def kill_many(victims: Victims, folder: Path, kind: str, kills: int, seed: int) -> None:
    """Kill at random times and at random lines, by turns, and check after each."""
    moments = random.Random(seed)
    hits = 0
    for kill in range(kills):
        if kill % KILLS_PER_REPOSITORY == 0:
            scene = Scene(folder / str(kill), kind)
        arguments = scene.arguments(seed * 10_000 + kill)
        if kill % 2:
            hits += victims.kill_after(moments.uniform(0, 0.08), *arguments)
        else:
            hits += victims.kill_at_line(moments.randrange(LINES_OF_A_LOG), *arguments)
        scene.kills += 1
        scene.check()
    assert hits == kills, "some victims came to their end"


@pytest.mark.parametrize("kind", ["again", "aliases"])
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_before_each_step(victims: Victims, tmp_path: Path, kind: str, step: str) -> None:
    """In the first log and, where the step comes more than once, in a later one."""
    scene = Scene(tmp_path, kind)
    for count in (0, 3):
        assert victims.kill_at_call(step, count, *scene.arguments(count))
        scene.kills += 1
        scene.check()


@pytest.mark.parametrize("step", ["_write_out", "_write", "_let_go", "publish"])
def test_a_kill_while_a_thread_puts_the_pack_on_the_disk(
    victims: Victims, tmp_path: Path, step: str
) -> None:
    """Before the manifest that names it, beside that, or after it."""
    scene = Scene(tmp_path, "again")
    for count in range(3):
        assert victims.kill_at_call(step, 0, *scene.arguments(count))
        scene.kills += 1
        scene.check()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_hundreds_of_kills(victims: Victims, tmp_path: Path, kind: str) -> None:
    kill_many(victims, tmp_path, kind, kills=75, seed=2)


def test_kills_leave_sources_alone(victims: Victims, tmp_path: Path) -> None:
    scene = Scene(tmp_path, "fixed")
    write_file(scene.sources / "small", os.urandom(50_000))
    write_file(scene.sources / "sub" / "large", os.urandom(3 << 20))
    before = read_tree(scene.sources)
    stats = {path: (scene.sources / path).stat() for path in before}
    for delay in (0.0, 0.01, 0.02, 0.04):
        assert victims.kill_after(delay, *scene.arguments(1))
    assert read_tree(scene.sources) == before
    for path, status in stats.items():
        now = (scene.sources / path).stat()
        assert (now.st_ino, now.st_mode, now.st_mtime_ns, now.st_nlink) == (
            status.st_ino, status.st_mode, status.st_mtime_ns, status.st_nlink,
        )  # fmt: skip


def test_a_killed_run_shows_as_crashed(victims: Victims, tmp_path: Path) -> None:
    scene = Scene(tmp_path, "aliases")
    assert victims.kill_after(0.05, *scene.arguments(1))
    with edversion.open(scene.store) as repository:
        crashed = repository.runs(status="crashed")
        assert len(crashed) == 1
        assert crashed[0].ended_at is None
        assert repository.run(crashed[0].id).status == "crashed"
