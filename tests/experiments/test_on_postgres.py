"""Experiments with the catalog in PostgreSQL, by several processes, and through an outage."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import make_url

from edversion.experiments.experiment import Experiment
from edversion.repository import open_repository
from edversion.testing import run_python
from edversion.testing.postgres import PostgresServer

from .conftest import logged
from .makers import DEFINITION, named


@pytest.fixture
def running(tmp_path: Path, postgres_url: str) -> Iterator[Experiment]:
    with open_repository(tmp_path / "store", postgres_url, create=True, project="school") as school:
        logged(school, b"old", b"new")
        school.set_alias("rec:v0", "champion")
        school.set_alias("rec:v1", "candidate")
        school.create_experiment_key()
        yield school.experiment("rec-test", **DEFINITION).start()


def _allow(server: PostgresServer, url: str, *, yes: bool) -> None:
    """Open a database to everyone, or close it and throw everyone out."""
    name = make_url(url).database
    throw_out = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    allow = f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {yes}'
    server.execute(allow, *(() if yes else (throw_out,)))


def test_serving_goes_on_while_the_catalog_is_away(
    running: Experiment, postgres: PostgresServer, postgres_url: str
) -> None:
    running.serve(named("control"))
    running.flush()
    _allow(postgres, postgres_url, yes=False)
    try:
        for number in range(6_000):  # more than wait for others to come
            assert running.serve(f"learner-{number}").variant is not None
    finally:
        _allow(postgres, postgres_url, yes=True)
    counts = running.counts()
    assert sum(counts["exposures"].values()) == 6_001


SERVE = """
import sys
from edversion.repository import open_repository

with open_repository(sys.argv[1], sys.argv[2]) as repository:
    experiment = repository.experiment("rec-test")
    for number in range(2_000):
        experiment.serve(f"learner-{number % 500}", request=str(number))
"""


def test_processes_agree_on_who_has_what(
    running: Experiment, postgres_url: str, tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: run_python(SERVE, store, postgres_url), range(3)))
    counts = running.counts()
    assert sum(counts["exposures"].values()) == 6_000
    assert sum(counts["units"].values()) == 500
    tables = running.tables()
    pairs = set(zip(tables["exposures"]["unit"], tables["exposures"]["variant"], strict=True))
    assert pairs == set(
        zip(tables["assignments"]["unit"], tables["assignments"]["variant"], strict=True)
    )
