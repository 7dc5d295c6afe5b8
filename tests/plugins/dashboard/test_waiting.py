"""A repository that is damaged, locked or of a newer release: what is wrong, and what to do."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import edversion
from edversion.testing import wait_until
from edversion_plugins.dashboard import create_app, waiting
from edversion_plugins.dashboard.waiting import Waiting

from .showing import Known, client_of
from .test_serving import PROGRAM

HOST = "http://127.0.0.1:8765"


@pytest.fixture
def copy(store: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    shutil.copytree(store, folder)
    (folder / "edversion.json").chmod(0o600)
    return folder


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_PAUSE", 0.0)
    monkeypatch.setattr(waiting, "_PATIENCE", 30.0)


@pytest.fixture
def waits(copy: Path) -> Iterator[Callable[..., TestClient]]:
    """Give the dashboard of a store as the command makes it: waiting, where it cannot be opened."""
    with ExitStack() as stack:

        def attempt() -> Any:
            return create_app(stack.enter_context(edversion.open(copy)))

        def client(**options: Any) -> TestClient:
            with pytest.raises(edversion.EdversionError) as caught:
                attempt()
            app = Waiting(caught.value, attempt, hosts=["127.0.0.1"], **options)
            return TestClient(app, base_url=HOST, follow_redirects=False)

        yield client


def told(client: TestClient, path: str = "/") -> str:
    """Ask for a page, and see that it is 503, guarded, and without a trace."""
    answer = client.get(path)
    assert answer.status_code == 503, answer.text
    assert "Traceback" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["retry-after"] == "5"
    return answer.text


def _truncate(folder: Path) -> None:
    path = folder / "catalog.db"
    path.write_bytes(path.read_bytes()[:5000])


def _change(folder: Path, **values: Any) -> None:
    path = folder / "edversion.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def _newer(folder: Path) -> None:
    with sqlite3.connect(folder / "catalog.db") as raw:
        raw.execute("update alembic_version set version_num = '9999'")
    raw.close()


def _lose(folder: Path) -> None:
    for path in folder.glob("catalog.db*"):
        path.unlink()


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "truncated": (_truncate, "edversion doctor --mend"),
    "format": (lambda folder: _change(folder, format=99), "Upgrade edversion"),
    "schema": (_newer, "upgrade edversion"),
    "marker": (lambda folder: (folder / "edversion.json").write_text("{"), "doctor --mend"),
    "no-marker": (lambda folder: (folder / "edversion.json").unlink(), "doctor --mend"),
    "catalog": (_lose, "edversion doctor --rebuild"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_wrong_is_told_with_what_to_do_and_mended_without_a_restart(
    waits: Callable[..., TestClient], copy: Path, store: Path, name: str
) -> None:
    damage, advice = DAMAGES[name]
    damage(copy)
    client = waits()
    text = told(client)
    assert advice in text
    assert "need not be started again" in text
    told(client, "/p/course/passing")
    problem = client.get("/api/v1/versions")
    assert (problem.status_code, problem.json()["status"]) == (503, 503)
    assert problem.headers["content-type"] == "application/problem+json"
    assert client.get("/static/dashboard.css").status_code == 200
    assert client.get("/static/none.css").status_code == 404
    for path in (*copy.glob("catalog.db*"), copy / "edversion.json"):
        path.unlink(missing_ok=True)
    for path in (*store.glob("catalog.db*"), store / "edversion.json"):
        shutil.copy(path, copy)
    answer = client.get("/")
    assert (answer.status_code, "course/passing" in answer.text) == (200, True)


def test_a_catalog_that_another_process_holds_is_waited_for_a_moment(
    waits: Callable[..., TestClient], copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edversion.catalog.sqlite._BUSY_SECONDS", 0.2)
    hold = (
        "import sqlite3, sys\n"
        "raw = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "raw.execute('pragma locking_mode = exclusive')\n"
        "raw.execute('begin exclusive')\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(copy / "catalog.db")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        client = waits()
        assert "another process" in told(client)
        holder.stdin.close()
        holder.wait(60)
    assert client.get("/").status_code == 200


def test_no_request_waits_longer_than_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_PATIENCE", 0.01)
    release, tries = threading.Event(), list[int]()

    def attempt() -> Any:
        tries.append(1)
        release.wait(60)
        raise edversion.StorageError("the second reason")

    app = Waiting(edversion.StorageError("the first reason"), attempt, hosts=["127.0.0.1"])
    client = TestClient(app, base_url=HOST)
    for _ in range(3):
        assert "the first reason" in told(client)
    assert len(tries) == 1  # one at a time
    release.set()
    assert app._done.wait(60)
    monkeypatch.setattr(waiting, "_PAUSE", 1000.0)
    assert "the second reason" in told(client)
    assert len(tries) == 1  # and not at once again


def test_others_are_not_told_what_lies_where(
    waits: Callable[..., TestClient], copy: Path, repository: edversion.Repository
) -> None:
    _truncate(copy)
    text = told(waits(alone=False))
    assert str(copy) not in text
    assert "in its log" in text
    assert str(copy) in told(waits())


def test_while_it_runs_others_are_not_told_either(copy: Path) -> None:
    with edversion.open(copy) as repository:
        viewer = client_of(repository, entrance=Known(edversion.Grant("viewer")))
        assert viewer.get("/").status_code == 200
        shutil.rmtree(copy)
        for path in ("/", "/p/course/passing", "/events", "/storage", "/api/v1/versions"):
            answer = viewer.get(path)
            assert (answer.status_code, str(copy) in answer.text) == (503, False)
        assert str(copy) in client_of(repository).get("/").text


def test_a_mistake_of_ours_is_logged_and_no_trace_is_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def attempt() -> Any:
        raise ZeroDivisionError("secret detail")

    app = Waiting(edversion.StorageError("no"), attempt, hosts=["127.0.0.1"])
    answer = TestClient(app, base_url=HOST).get("/")
    assert (answer.status_code, "secret detail" in answer.text) == (500, False)
    assert "secret detail" in caplog.text


def test_it_is_guarded_as_the_dashboard_is(waits: Callable[..., TestClient], copy: Path) -> None:
    _truncate(copy)
    client = waits()
    answer = client.get("/", headers={"host": "evil.example"})
    assert (answer.status_code, str(copy) in answer.text) == (403, False)
    assert client.post("/", headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/p/course/passing", headers={"origin": HOST}).status_code == 503


@pytest.mark.parametrize("damage", ["trunc", "gone"])
def test_what_breaks_while_it_runs_is_told(copy: Path, damage: str) -> None:
    with edversion.open(copy) as repository:
        client = client_of(repository)
        assert client.get("/").status_code == 200
        if damage == "gone":
            shutil.rmtree(copy)
        else:
            for path in copy.glob("catalog.db*"):
                path.write_bytes(b"garbage" * 3000)
        for path in ("/", "/p/course/passing/v1", "/events", "/runs", "/storage?gc=1",
                     "/experiments/course/hints", "/api/v1/storage"):  # fmt: skip
            answer = client.get(path)
            assert (answer.status_code, "Traceback" in answer.text) == (503, False), path


def test_the_command_says_it_and_comes_alive(copy: Path, store: Path) -> None:
    _truncate(copy)
    command = [
        sys.executable, "-c", PROGRAM, "dashboard", "--store", str(copy), "--port", "0",
        "--no-browser", "--json",
    ]  # fmt: skip
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert "cannot be opened" in process.stderr.readline()
            text = ""
            while "}" not in text:
                text += process.stdout.readline()
            said = json.loads(text)
            assert said["problem"] == "catalog_damaged"
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(said["url"], timeout=60)
            assert caught.value.code == 503
            assert "doctor --mend" in caught.value.read().decode()
            shutil.copy(store / "catalog.db", copy)
            _wait_until_up(said["url"])
        finally:
            process.terminate()
        process.wait(60)


def _wait_until_up(url: str) -> None:
    def is_up() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return b"course/passing" in answer.read()
        except urllib.error.HTTPError:
            return False

    wait_until(is_up, "the dashboard to come alive")
