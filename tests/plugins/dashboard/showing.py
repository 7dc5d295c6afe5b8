"""A repository with a champion, and the dashboard of it: what the tests of pages share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

import edversion
from edversion_plugins.dashboard import create_app
from tests.plugins.reports import HOSTILE, build

NOTES = b"id,name,mark\n1,Ada,2\n2,Bo,3\n"
FILES = {
    "notes.csv": NOTES,
    "facts.json": b'{"b": [1, null], "a": "\xc3\xa9"}',
    "page.html": b"<script>alert(1)</script>",
    "weights.bin": bytes(range(256)) * 40,
    "long.txt": b"0123456789abcde\n" * 5000,
}


def fill(store: Path) -> None:
    """Log two evaluated models and a data set; make one champion, whom somebody follows."""
    build(store)
    with edversion.init("course", store=store) as run:
        draft = edversion.Artifact("notes", type="dataset", description=HOSTILE)
        for path, content in FILES.items():
            draft.add_bytes(content, path)
        run.log_artifact(draft, tags=["fair"])
        run.repository.set_alias("course/passing:v1", "champion", reason="better for all")
        run.repository.edit("course/passing:v1", metadata={"epochs": 12}, reason="reviewed")
        run.repository.add_deployment("grader-api", follows="course/passing:champion")


def client_of(repository: edversion.Repository, **options: Any) -> TestClient:
    return TestClient(
        create_app(repository, **options), base_url="http://127.0.0.1:8765", follow_redirects=False
    )
