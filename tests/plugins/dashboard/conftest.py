"""The dashboard of a repository with a champion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import edversion

pytest.importorskip("starlette")
pytest.importorskip("vl_convert")

from starlette.testclient import TestClient

from .showing import client_of, fill


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dashboard") / "store"
    fill(folder)
    return folder


@pytest.fixture
def repository(store: Path) -> Iterator[edversion.Repository]:
    with edversion.open(store) as opened:
        yield opened


@pytest.fixture
def client(repository: edversion.Repository) -> TestClient:
    return client_of(repository)
