"""Lineage, and file systems in threads, forks, other processes and other repositories."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points
from pathlib import Path

import fsspec
import pytest

import edversion
from edversion.catalog import Catalog
from edversion.filesystem import EdversionFileSystem
from edversion.filesystem.opened import opened
from edversion.repository import Repository
from edversion.run import Run
from tests.filesystem.conftest import FILES, log

PATH = "test/marks:latest/readme.txt"


def users(version: edversion.Version) -> list[str]:
    return [run.id for run in version.used_by()]


def test_a_run_has_used_what_is_opened_in_it_once(
    repository: Repository,
    marks: edversion.Version,
    files: EdversionFileSystem,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, asked = repository.location.store, []
    of = Run.use_artifact
    monkeypatch.setattr(
        Run, "use_artifact", lambda *args, **options: (asked.append(args[1]), of(*args, **options))
    )
    files.cat(PATH)
    assert users(marks) == []
    with edversion.init("test", store=store) as run:
        files.find("test/marks:latest")
        files.info(PATH)
        files.exists(PATH)
        assert users(marks) == [], "looking is not using"
        for _ in range(3):
            files.cat(PATH)
        files.open("marks:v0/2025/a.csv").close()
        assert users(marks) == [run.id]
        model = log(run, "model", {"m": b"1"})
    assert asked == [marks]
    assert [each.reference for each in model.ancestors().versions] == [marks.reference]
    files.cat(PATH)
    assert users(marks) == [run.id]


def test_what_threads_read_counts_for_the_run_that_made_the_file_system(
    repository: Repository, marks: edversion.Version
) -> None:
    """Arrow and others call from threads of their own, which are in no run."""
    store = repository.location.store
    with edversion.init("test", store=store) as run, ThreadPoolExecutor(1) as pool:
        pool.submit(EdversionFileSystem(store=store).cat, PATH).result()
        assert users(marks) == [run.id]
        files = EdversionFileSystem(store=store)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(files.cat, PATH).result()
    assert users(marks) == [run.id]


def test_lineage_can_be_left_out_and_say_a_relation(
    repository: Repository, marks: edversion.Version
) -> None:
    store = repository.location.store
    with edversion.init("test", store=store) as run:
        EdversionFileSystem(store=store, lineage=False).cat(PATH)
        assert users(marks) == []
        EdversionFileSystem(store=store, relation="trained_on").cat(PATH)
        model = log(run, "model", {"m": b"1"})
    assert "trained_on" in {edge.relation for edge in repository.lineage(model)}


def test_a_run_of_another_repository_is_told(
    repository: Repository, marks: edversion.Version, tmp_path: Path
) -> None:
    files = EdversionFileSystem(store=repository.location.store)
    with edversion.init("test", store=tmp_path / "elsewhere"):
        with pytest.warns(edversion.EdversionWarning, match="lineage lacks this version"):
            files.cat(PATH)
        files.cat(PATH)  # told once


def test_names_are_looked_for_in_the_project_of_the_run_first(
    repository: Repository, marks: edversion.Version
) -> None:
    store = repository.location.store
    with edversion.init("other", store=store) as run:
        log(run, "marks", {"readme.txt": b"of another project"})
        files = EdversionFileSystem(store=store)
        assert files.cat("marks:latest/readme.txt") == b"of another project"
        named = EdversionFileSystem(store=store, project="test")
        assert named.cat("marks:latest/readme.txt") == FILES["readme.txt"]


def test_threads_share_one_open_repository(
    repository: Repository, marks: edversion.Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = repository.location.store
    made: list[str] = []
    of = Catalog.open
    monkeypatch.setattr(Catalog, "open", lambda url: (made.append(url), of(url))[1])

    def read(path: str) -> bytes:
        return bytes(EdversionFileSystem(store=store).cat(f"marks:latest/{path}"))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, list(FILES) * 20))
    assert found == list(FILES.values()) * 20
    assert len(made) == 1


def test_what_nobody_holds_is_closed(tmp_path: Path) -> None:
    places = []
    for number in range(6):
        with edversion.init("test", store=tmp_path / str(number)) as run:
            log(run, "marks", FILES)
        files = EdversionFileSystem(store=tmp_path / str(number))
        files.cat(PATH)
        places.append(weakref.ref(opened(files.location)))
    del files
    gc.collect()
    assert [place() is None for place in places] == [True] * 2 + [False] * 4


def test_a_store_that_was_made_anew_is_read_anew(tmp_path: Path) -> None:
    for text in (b"first", b"second"):
        with edversion.init("test", store=tmp_path / "store") as run:
            log(run, "marks", {"readme.txt": text})
        assert EdversionFileSystem(store=tmp_path / "store").cat(PATH) == text
        shutil.rmtree(tmp_path / "store")


def test_a_pickle_leads_to_the_same_repository(
    repository: Repository,
    marks: edversion.Version,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDVERSION_STORE", repository.location.store)
    files = fsspec.filesystem("edversion", lineage=False)
    data = pickle.dumps(files)
    monkeypatch.delenv("EDVERSION_STORE")
    monkeypatch.chdir(tmp_path)
    back = pickle.loads(data)
    assert back == files
    assert hash(back) == hash(files)
    assert back.fsid == files.fsid
    assert back.lineage is False
    assert back.cat(PATH) == FILES["readme.txt"]
    assert back != EdversionFileSystem(store=tmp_path / "other")


def _read(files: EdversionFileSystem, queue: multiprocessing.Queue[tuple[int, bytes]]) -> None:
    queue.put((os.getpid(), files.cat(PATH)))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_read_too(
    repository: Repository, marks: edversion.Version, method: str
) -> None:
    context = multiprocessing.get_context(method)
    with edversion.init("test", store=repository.location.store) as run:
        files = EdversionFileSystem(store=repository.location.store)
        assert files.cat("marks:latest/2025/a.csv") == FILES["2025/a.csv"]
        queue: multiprocessing.Queue[tuple[int, bytes]] = context.Queue()
        children = [context.Process(target=_read, args=(files, queue)) for _ in range(2)]
        for child in children:
            child.start()
        found = [queue.get(timeout=60) for _ in children]
        for child in children:
            child.join(60)
            assert child.exitcode == 0
        assert files.cat(PATH) == FILES["readme.txt"]
    assert {data for _, data in found} == {FILES["readme.txt"]}
    assert len({pid for pid, _ in found} | {os.getpid()}) == 3
    assert users(marks) == [run.id]


def test_fsspec_knows_the_protocol_without_edversion_being_imported(
    repository: Repository, marks: edversion.Version
) -> None:
    code = (
        "import sys, fsspec\n"
        "assert not any(name.startswith('edversion') for name in sys.modules)\n"
        "with fsspec.open(sys.argv[1]) as file: print(file.read().decode())"
    )
    (entry,) = entry_points(group="fsspec.specs", name="edversion")
    assert entry.load() is EdversionFileSystem
    environment = {**os.environ, "EDVERSION_STORE": repository.location.store}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, f"edversion://{PATH}"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == FILES["readme.txt"].decode() + "\n", done.stderr
