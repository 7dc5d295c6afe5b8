"""The dashboard as a team has it: PostgreSQL, a bucket, and people with accounts."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import cast

import pytest
from starlette.testclient import TestClient

import edversion
from edversion import Grant
from edversion_plugins.dashboard import create_app
from edversion_plugins.dashboard.admission.accounts import Accounts

from .addresses import EXAMPLES
from .showing import FILES, KNOWN, fill

pytestmark = pytest.mark.slow
URL = "https://versions.school.example"
WORDS = "a cat on a keyboard"
TOLD = {"/runs/none": 404, "/p/course/pasing": 404, "/search?where=nonsense": 400}
"""Addresses of what is not there."""

OTHERS = ("school/", "{digest}", "gc=1")  # of other repositories, or for admins


def addresses() -> list[str]:
    every = [address for route in EXAMPLES.values() for address in route]
    mine = [each for each in every if not any(other in each for other in OTHERS)]
    return [each.format(run=KNOWN["run"][0]) for each in mine]


def test_every_page_over_postgresql_and_a_bucket(
    s3_url: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDVERSION_CATALOG", postgres_url)
    fill(cast("Path", s3_url))
    with edversion.open(s3_url) as repository:
        repository.add_account("ada", password=WORDS, grants=[Grant("editor", "course")])
        app = create_app(repository, entrance=Accounts(repository, secure=True), url=URL)
        client = TestClient(app, base_url=URL, headers={"origin": URL})
        assert client.get("/").url.path == "/sign-in"
        client.post("/sign-in", data={"name": "ada", "password": WORDS})
        for address in addresses():
            answer = client.get(address)
            assert answer.status_code == TOLD.get(address, 200), (address, answer.text)
            assert "cannot be shown" not in answer.text, address
        _read_files(client)
        _promote(client)
        alias = repository.alias("course/passing:champion")
        assert (alias.number, alias.moved_by) == (0, "ada")
        assert repository.verify() == ()


def _read_files(client: TestClient) -> None:
    content = client.get("/p/course/notes/v0/archive").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
    one = client.get("/p/course/notes/v0/download?path=weights.bin")
    assert one.content == FILES["weights.bin"]


def _promote(client: TestClient) -> None:
    page = client.get("/p/course/passing/v0/promote?to=champion").text
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    form["reason"] = "as it was"
    done = client.post("/p/course/passing/v0/promote", data=form)
    assert done.status_code == 200
    assert done.url.path == "/aliases/course/passing/champion"
