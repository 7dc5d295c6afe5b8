"""Fixtures for pytest: repositories that are thrown away after the test.

Put ``pytest_plugins = ["edversion.testing.fixtures"]`` into ``conftest.py``.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from edversion.repository import Repository, open_repository
from edversion.run import Run
from edversion.starting import start_run
from edversion.testing.postgres import NoPostgresError, PostgresServer, postgres_server

__all__ = ["memory_repository", "postgres", "postgres_url", "repository", "run"]

PROJECT = "test"


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """Give a repository in ``tmp_path / "store"``."""
    with open_repository(tmp_path / "store", create=True) as opened:
        yield opened


@pytest.fixture
def memory_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """Give a repository on ``memory://`` and ``sqlite://``; only its cache is on the disk."""
    monkeypatch.setenv("EDVERSION_CACHE", str(tmp_path / "cache"))
    url = f"memory://{secrets.token_hex(8)}"
    with open_repository(url, "sqlite://", create=True) as opened:
        yield opened
        for key, _ in list(opened.store.backend.list("")):
            opened.store.backend.delete(key)


@pytest.fixture
def run(repository: Repository) -> Iterator[Run]:
    """Give a run in `repository`, in the project ``test``; it finishes after the test."""
    started = start_run(repository, project=PROJECT)
    yield started
    started.finish()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """Give a PostgreSQL server, one for all the workers of a session; skip where there is none."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    try:
        with postgres_server(shared) as server:
            yield server
    except NoPostgresError as error:
        pytest.skip(str(error))


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """Give the URL of a catalog without facts in PostgreSQL, which goes with the test."""
    with postgres.database() as name:
        yield postgres.url(name)
