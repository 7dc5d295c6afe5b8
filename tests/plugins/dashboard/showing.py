"""A repository with a champion, and the dashboard of it: what the tests of pages share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.testclient import TestClient

import edversion
from edversion_plugins.dashboard import create_app
from edversion_plugins.dashboard.admission.entrance import Visitor
from edversion_plugins.dashboard.serving import listen
from tests.plugins.reports import HOSTILE, build

FORM_KEY = "of this session"
NOTES = b"id,name,mark\n1,Ada,2\n2,Bo,3\n"
FILES = {
    "notes.csv": NOTES,
    "facts.json": b'{"b": [1, null], "a": "\xc3\xa9"}',
    "page.html": b"<script>alert(1)</script>",
    "weights.bin": bytes(range(256)) * 40,
    "dot.gif": b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;",
    "long.txt": b"0123456789abcde\n" * 5000,
}


KNOWN: dict[str, tuple[Any, ...]] = {
    "project": ("course",),
    "collection": ("passing", "notes"),
    "version": ("v0", "latest"),
    "experiment": ("hints",),
    "alias": ("champion",),
    "run": (),  # `fill` says which
    "to": ("champion", "candidate"),
    "reason": ("as agreed",),
    "name": ("passing",),
    "metric": ("accuracy", "auc"),
    "dataset": ("course/exams:v0",),
    "slice": ("gender=female",),
    "v": (["course/passing:v0", "course/passing:v1"],),
    "subject": ("course/passing:champion",),
    "where": ("type = 'model'",),
    "order": ("-created",),
}
"""What parts of addresses and parameters may be, by their names, to find something there."""


def fill(store: Path) -> None:
    """Log two evaluated models and a data set; make one champion, whom somebody follows.

    And write down an experiment that is still a draft.
    """
    build(store)
    with edversion.init("course", store=store) as run:
        KNOWN["run"] = (run.id,)
        draft = edversion.Artifact("notes", type="dataset", description=HOSTILE)
        for path, content in FILES.items():
            draft.add_bytes(content, path)
        run.log_artifact(draft, tags=["fair"])
        run.repository.set_alias("course/passing:v1", "champion", reason="better for all")
        run.repository.edit("course/passing:v1", metadata={"epochs": 12}, reason="reviewed")
        run.repository.experiment(
            "course/hints", variants={"control": "course/passing:v0", "new": "course/passing:v1"},
            outcomes={"completed": "proportion"},
        )  # fmt: skip
        run.repository.add_deployment("grader-api", follows="course/passing:champion")


class Known:
    """Lets in whoever a test says, as an entrance with accounts does."""

    accounts = True

    def __init__(self, *grants: edversion.Grant, how: Any = "session") -> None:
        self._visitor = Visitor(edversion.Access("ada", grants), how, FORM_KEY)

    def visitor(self, _request: Request) -> Visitor:
        return self._visitor


def client_of(repository: edversion.Repository, **options: Any) -> TestClient:
    return TestClient(
        create_app(repository, **options), base_url="http://127.0.0.1:8765", follow_redirects=False
    )


@contextmanager
def serving(repository: edversion.Repository, **options: Any) -> Iterator[str]:
    """Answer on a port of this machine for the length of a ``with`` block; give its address."""
    with listen("127.0.0.1", 0) as place:
        app = create_app(repository, hosts=[place.host], **options)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place.socket]})
        thread.start()
        try:
            yield place.url.rstrip("/")
        finally:
            server.should_exit = True
            thread.join(60)
