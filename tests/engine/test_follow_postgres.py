"""Following with the catalog in PostgreSQL, which goes away and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from edversion.catalog import database
from edversion.deploy import start_following
from edversion.repository import Repository, open_repository
from edversion.starting import start_run
from edversion.testing.postgres import PostgresServer

from .test_follow import ALIAS, API, Script, Step, moves, names
from .test_gc import logged, packed


@pytest.fixture
def school(tmp_path: Path, postgres_url: str) -> Iterator[Repository]:
    """Two versions of a model, the first one champion, and a deployment that follows it."""
    with open_repository(tmp_path / "store", postgres_url, create=True) as repository:
        with start_run(repository, project="test") as run:
            for number in range(2):
                logged(run, "dropout", a=packed(number))
        repository.set_alias("dropout:v0", "champion")
        repository.add_deployment(API, ALIAS, poll=5)
        yield repository


def opened(server: PostgresServer, url: str, yes: bool) -> Step:
    """A step that opens a database to everyone, or closes it and throws everyone out."""
    name = make_url(url).database
    allow = f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {yes}'
    throw_out = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    return lambda: server.execute(allow, *(() if yes else (throw_out,)))


def test_a_database_may_be_away_for_a_while(
    school: Repository,
    postgres: PostgresServer,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "_PATIENCE", 1.0)  # of the seconds that one question waits
    troubles: list[str | None] = []
    script = Script(
        opened(postgres, postgres_url, False),
        lambda: troubles.append(follower.trouble),
        opened(postgres, postgres_url, True),
        moves(school, 1),
    )
    wish = {"store": school.location.store, "catalog": postgres_url, "project": "test"}
    with start_following(ALIAS, as_=API, pace=script, **wish) as follower:
        assert names(follower) == ["v0", "v1"]
    assert troubles[0] is not None
    assert follower.trouble is None
    (told,) = school.deployment(API).instances
    assert (told.version, told.state) == ("test/dropout:v1", "ended")
    assert told.unseen_from is not None
    assert told.unseen_until is not None


def test_a_start_while_the_database_is_away_gives_what_was_served_last(
    school: Repository, postgres: PostgresServer, postgres_url: str
) -> None:
    wish = {"store": school.location.store, "catalog": postgres_url, "project": "test"}
    with start_following(ALIAS, as_=API, pace=Script(), **wish) as follower:
        assert names(follower) == ["v0"]
    opened(postgres, postgres_url, False)()
    follower = start_following(ALIAS, as_=API, pace=Script(), **wish)
    version = next(follower)
    assert (version.number, version.read_bytes("a")) == (0, packed(0))
    opened(postgres, postgres_url, True)()
