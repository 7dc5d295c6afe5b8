"""The catalog commands, on a repository that moves from a file to PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import fsspec
import pytest

import edversion
from edversion.catalog.schema import HEAD
from edversion.testing.postgres import PostgresServer
from tests.store.buckets import fresh_s3, server


@pytest.fixture
def empty_url(postgres: PostgresServer) -> Iterator[str]:
    """A database without tables, with a password in its URL."""
    with postgres.database(empty=True) as name:
        yield postgres.network_url(name)


def test_a_repository_moves_to_a_server(work, call, empty_url, monkeypatch):
    before = call("events", "--json").json
    answer = call("catalog", "copy", empty_url)
    assert answer.code == 0, answer.err
    assert "chain unbroken" in answer.text
    assert "EDVERSION_CATALOG" in answer.err
    monkeypatch.setenv("EDVERSION_CATALOG", empty_url)
    assert call("events", "--json").json == before
    assert call("verify").code == 0
    (work / "more.txt").write_text("more")
    assert "v0" in call("log", "more.txt").text
    with edversion.open() as repository:
        assert repository.doctor() == ()
        assert repository.version("model:champion").read_bytes("weights.bin")
    assert call("catalog", "copy", f"sqlite:///{work}/back.db").code == 0
    assert call("status", "--json").json["catalog"].startswith("postgresql+psycopg://")


def test_a_laptop_moves_to_a_server_and_into_a_bucket(
    work, call, empty_url, monkeypatch, tmp_path_factory
):
    """As README says it: the catalog by a command, the store by any program that copies."""
    before = call("events", "--json").json
    url = fresh_s3(monkeypatch, server("s3", tmp_path_factory).url)
    monkeypatch.setenv("EDVERSION_STORE", url)
    monkeypatch.setenv("EDVERSION_CATALOG", empty_url)
    laptop = ["--store", ".edversion", "--catalog", f"sqlite:///{work}/.edversion/catalog.db"]
    assert call("catalog", "copy", empty_url, *laptop).code == 0
    early = call("init")
    assert early.code == 1
    assert "belongs to another store" in early.err
    _copy(work / ".edversion", url)
    assert call("verify").code == 0
    assert call("doctor").text.startswith("nothing is wrong")
    assert call("events", "--json").json == before
    (work / "more.txt").write_text("more")
    assert "v0" in call("log", "more.txt").text


def _copy(store, url):
    """Copy the objects of a store, and not what is of this machine alone."""
    bucket, root = fsspec.core.url_to_fs(url)
    for path in store.rglob("*"):
        key = path.relative_to(store).as_posix()
        if path.is_file() and not key.startswith(("catalog.db", "cache/", "locks/", "tmp/")):
            bucket.pipe_file(f"{root}/{key}", path.read_bytes())


def test_status_and_upgrade_need_no_store(empty, call, empty_url):
    missing = call("catalog", "status", "--catalog", empty_url)
    assert missing.code == 0
    assert "'edversion catalog upgrade'" in missing.text
    made = call("catalog", "upgrade", "--catalog", empty_url)
    assert made.text == f"schema {HEAD}: nothing → {HEAD}\n"
    again = call("catalog", "upgrade", "--catalog", empty_url, "--json").json
    assert again == {"before": HEAD, "after": HEAD, "changed": False}
    status = call("catalog", "status", "--catalog", empty_url, "--json").json
    assert (status["state"], status["counts"]["versions"], status["events"]) == ("current", 0, 0)


@pytest.mark.parametrize(
    "command",
    [
        ["catalog", "status"],
        ["catalog", "upgrade"],
        ["init"],
        ["catalog", "copy", "sqlite:///back.db"],
    ],
)
def test_no_command_shows_the_password(empty, call, empty_url, monkeypatch, command):
    monkeypatch.setenv("EDVERSION_CATALOG", empty_url)
    for flags in ([], ["--json"]):
        (empty / "back.db").unlink(missing_ok=True)
        answer = call(*command, *flags)
        assert answer.code == 0, answer.err
        assert ":edversion@" not in answer.text + answer.err
    wrong = call(*command, "--catalog", empty_url.replace(":edversion@", ":hunter2@"))
    assert wrong.code == 1
    assert "hunter2" not in wrong.text + wrong.err
