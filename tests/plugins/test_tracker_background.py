"""Tracking with a store that is not local: copied at once, logged behind training."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion import AdapterWarning
from edversion.testing import run_python
from edversion_plugins.tracking import Tracker
from edversion_plugins.tracking.spool import Spool
from tests.plugins.tracked import FAIR, Desk, report, score


class Gate:
    """A plugin that lets nothing be logged before it is opened, or refuses what it is told."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()
        self.refused: set[int] = set()

    @edversion.hookimpl
    def edversion_before_log(self, draft: edversion.Artifact, run: edversion.Run) -> None:
        self.reached.set()
        assert self.opened.wait(60)
        if draft.metadata.get("step") in self.refused:
            raise edversion.RefusedError("not this one")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDVERSION_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def run(tmp_path: Path, cache: Path, gate: Gate) -> Iterator[edversion.Run]:
    """Give a run on a store in memory, guarded by the gate."""
    url = f"memory://{secrets.token_hex(8)}"
    catalog = f"sqlite:///{tmp_path / 'catalog.db'}"
    with edversion.init("test", store=url, catalog=catalog, plugins={"gate": gate}) as opened:
        yield opened
        gate.opened.set()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def _begun(desk: Desk, run: edversion.Run, **settings: Any) -> Tracker:
    tracker = desk.tracker(**settings)
    tracker.start({}, run=run)
    return tracker


def test_training_goes_on_while_a_checkpoint_is_logged(
    desk: Desk, run: edversion.Run, gate: Gate, cache: Path
) -> None:
    tracker = _begun(desk, run, fairness=FAIR)
    for step, loss in ((1, 0.5), (2, 0.3), (3, 0.4)):
        tracker.measure({"loss": loss}, step=step)
        assert desk.save(tracker, step) is None  # the file is gone when this returns
        tracker.measure_groups(report(fair=step != 2), step=step)
    assert gate.reached.wait(60)
    assert run.repository.collections() == ()
    assert len(list((cache / "spool").glob("*/*/model.bin"))) == 3
    gate.opened.set()
    tracker.finish()
    found = {alias: each.metadata["step"] for each in _versions(run) for alias in each.aliases}
    assert found == {"best": 2, "candidate": 3, "latest": 3, "final": 3}
    assert [each.read_bytes("model.bin") for each in _versions(run)] == [
        f"weights of step {step}".encode() for step in (1, 2, 3)
    ]
    assert score(_versions(run)[1])["value"] == 0.3
    assert list((cache / "spool").iterdir()) == []


def test_what_failed_behind_training_is_told_at_the_end(
    desk: Desk, run: edversion.Run, gate: Gate, cache: Path
) -> None:
    gate.refused = {2, 3}
    gate.opened.set()
    tracker = _begun(desk, run)
    for step in (1, 2):
        desk.save(tracker, step)
    with pytest.warns(AdapterWarning, match="checkpoint of step 2: RefusedError: not this one"):
        assert tracker.version_at(2) is None  # waits, and tells what failed until now
    desk.save(tracker, 3)
    with pytest.warns(AdapterWarning, match="checkpoint of step 3: RefusedError: not this one"):
        tracker.finish()
    assert [each.metadata["step"] for each in _versions(run)] == [1]
    assert [event.after for event in run.repository.events(subject=f"run {run.id}")] == [
        f"could not log the checkpoint of step {step}: RefusedError: not this one"
        for step in (3, 2)
    ]
    assert list((cache / "spool").iterdir()) == []


def test_the_strict_are_told_by_an_error(desk: Desk, run: edversion.Run, gate: Gate) -> None:
    gate.refused = {1, 2}
    gate.opened.set()
    tracker = _begun(desk, run, on_error="raise")
    desk.save(tracker, 1)
    tracker.measure({"loss": 1.0}, step=1)
    with pytest.raises(edversion.RefusedError) as caught:
        tracker.finish()
    assert str(caught.value) == "not this one"
    assert tracker.run is None
    assert threading.active_count() == _threads_without_ours()


def test_no_thread_lives_before_the_start_nor_after_the_end(
    desk: Desk, run: edversion.Run, gate: Gate
) -> None:
    gate.opened.set()
    tracker = desk.tracker()
    assert threading.active_count() == _threads_without_ours()
    tracker.start({}, run=run)
    desk.save(tracker, 1)
    tracker.finish()
    assert threading.active_count() == _threads_without_ours()


_SCRIPT = """
import pathlib, sys
from edversion_plugins.tracking import Monitor, Settings, Tracker
folder = pathlib.Path(sys.argv[1])
tracker = Tracker(Settings(name="scorer", project="test", store=sys.argv[2],
                           catalog=f"sqlite:///{folder / 'catalog.db'}"),
                  framework="own", monitors=[Monitor("loss", "min")])
tracker.start({})
path = folder / "model.bin"
for step in range(3):
    path.write_bytes(bytes([step]) * (3 << 20))  # large enough for the store's own threads
    tracker.measure({"loss": 1 / (step + 1)}, step=step)
    tracker.checkpoint(path, step=step)
"""


@pytest.mark.parametrize("local", [True, False])
def test_a_framework_that_says_nothing_loses_nothing(tmp_path: Path, local: bool) -> None:
    """The Trainer of transformers tells no callback of an exception."""
    store = str(tmp_path / "store") if local else "memory://exit"
    look = (
        "import atexit, weakref\n"
        "def look(repository, run):\n"
        "    print(repository.run(run).status, *[v.metadata['step'] for v in"
        " repository.versions('test/scorer')], repository.run(run).error.splitlines()[-1])\n"
        "    print(repository.version('test/scorer:interrupted').metadata['step'])\n"
    )
    held = (  # registered first, so called last: after the tracker's and the run's own
        "import edversion\n"
        f"other = edversion.init('test', store={store!r}, "
        f"catalog='sqlite:///{tmp_path / 'catalog.db'}')\n"
        "runs = []\n"
        "atexit.register(lambda: look(other.repository, runs[0]))\n"
    )
    tail = "runs.append(tracker.run.id)\nraise ValueError('the batch is odd')\n"
    printed = run_python(
        look + held + _SCRIPT + tail,
        str(tmp_path),
        store,
        environment={"EDVERSION_CACHE": str(tmp_path / "cache")},
        check=False,
    )
    assert "failed 2 1 0 ValueError: the batch is odd\n2\n" in printed, printed
    spool = tmp_path / "cache" / "spool"
    assert local or list(spool.iterdir()) == []


def test_a_fork_that_ends_ends_nothing(tmp_path: Path) -> None:
    printed = run_python(
        _SCRIPT
        + """
import os, sys
child = os.fork()
if child == 0:
    sys.exit()  # runs what is registered for the end of Python
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(tracker.run.repository.run(tracker.run.id).status)
tracker.finish()
""",
        str(tmp_path),
        str(tmp_path / "store"),
    )
    assert printed.split() == ["0", "running"]


def test_the_spool_of_a_killed_process_is_removed_by_the_next(tmp_path: Path) -> None:
    code = """
import os, pathlib, sys
from edversion_plugins.tracking.spool import Spool
root = pathlib.Path(sys.argv[1])
source = root.parent / "source.bin"
source.write_bytes(b"x" * 100)
Spool(root).take({"model.bin": source})
os._exit(9)
"""
    root = tmp_path / "spool"
    run_python(code, str(root), check=False)
    assert len(list(root.glob("*/*/model.bin"))) == 1
    living = Spool(root)
    source = tmp_path / "source.bin"
    kept = living.take({"model.bin": source})
    assert [path.parent.parent for path in root.glob("*/*/model.bin")] == [living.folder]
    other = Spool(root)
    assert (kept / "model.bin").read_bytes() == b"x" * 100
    other.close()
    living.close()
    assert list(root.iterdir()) == []


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    source = tmp_path / "source.bin"
    source.write_bytes(b"x")
    with pytest.raises(FileNotFoundError):
        spool.take({"a.bin": source, "b.bin": tmp_path / "missing"})
    assert [path.name for path in spool.folder.iterdir()] == ["lock"]
    spool.close()


def test_a_copy_is_whole_whatever_happens_to_the_source(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    folder = tmp_path / "checkpoint-1"
    (folder / "sub").mkdir(parents=True)
    for path, content in (("a.bin", b"a" * 70_000), ("sub/b.sh", b"#!"), ("empty", b"")):
        (folder / path).write_bytes(content)
    (folder / "sub" / "b.sh").chmod(0o755)
    copied = spool.take({"": folder})
    (folder / "a.bin").write_bytes(b"rewritten in place")
    assert (copied / "a.bin").read_bytes() == b"a" * 70_000
    assert (copied / "empty").read_bytes() == b""
    assert os.access(copied / "sub" / "b.sh", os.X_OK)
    spool.drop(copied)
    assert not copied.exists()
    spool.close()


def _versions(run: edversion.Run) -> list[edversion.Version]:
    return sorted(run.repository.versions("test/scorer"), key=lambda each: each.number)


def _threads_without_ours() -> int:
    return len([t for t in threading.enumerate() if t.name != "edversion-background"])
