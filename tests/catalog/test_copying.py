"""A copy in another database is the same catalog, down to every row; or there is none."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from edversion.catalog import Catalog, MoveRequest, NewPolicy
from edversion.catalog.administration import catalog_status, opened, upgrade_catalog
from edversion.catalog.copying import copy_catalog
from edversion.catalog.schema import HEAD
from edversion.catalog.tables import events, schema
from edversion.errors import (
    CatalogVersionError,
    IntegrityError,
    InvalidInputError,
    RefusedError,
    StorageError,
)
from edversion.testing.postgres import PostgresServer

from .contract_accounts import admit
from .contract_distributed import part
from .contract_history import RICH, ReceiptContract
from .makers import commit, new_run, resolve


@pytest.fixture
def full_url(tmp_path: Path) -> str:
    """A catalog in a file, with something in nearly every table."""
    url = f"sqlite:///{tmp_path}/full.db"
    with Catalog.open(url) as catalog:
        ReceiptContract().make_history(catalog)
        for number, changes in enumerate(RICH.values()):
            if not changes.keys() & {"run", "reused_packs", "origins", "name"}:
                commit(catalog, f"rich {number}", name=f"rich{number}", **changes)
        version = commit(catalog, "last", aliases=("candidate",))
        catalog.set_policy("dropout", "knn", NewPolicy("champion", "x = 1", {"x": 1}, "ada", None))
        policy = catalog.policies("dropout", "knn")[0]
        catalog.approve(version, "champion", actor="bo", reason="ä\0", evidence={"digest": "d"})
        catalog.propose(version, "champion", actor="ada", reason=None)
        request = MoveRequest(
            alias="champion",
            kind="promoted",
            actor="ada",
            reason="best",
            evidence={"digest": "e", "z": 1.5, "a": [None]},
            expected_revision=0,
            expected_policy=(policy.pattern, policy.number),
        )
        catalog.promote(version, request)
        catalog.add_part(part(0, metadata={"step": 1}))
        catalog.set_setting("store_id", "one")
        admit(catalog)
    return url


def rows(url: str) -> dict[str, list[Any]]:
    """Every row of every table, as it is read."""
    with opened(url) as database, database.read() as connection:
        return {
            table.name: [
                repr(tuple(row))
                for row in connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in schema.sorted_tables
            if table.name != "account_sessions"
        }


def test_to_postgresql_and_back(full_url: str, empty_url: str, tmp_path: Path) -> None:
    copied = copy_catalog(full_url, empty_url)
    assert copied.events == copied.counts["events"] > 20
    assert sum(count > 0 for count in copied.counts.values()) >= 18
    assert rows(empty_url) == rows(full_url)
    back = f"sqlite:///{tmp_path}/back.db"
    assert copy_catalog(empty_url, back).counts == copied.counts
    assert rows(back) == rows(full_url)
    with Catalog.open(full_url) as one, Catalog.open(empty_url) as other:
        assert one.events() == other.events()
        assert one.alias("dropout", "knn", "champion") == other.alias("dropout", "knn", "champion")
        assert one.alias_moves("dropout", "knn", "best") == other.alias_moves(
            "dropout", "knn", "best"
        )


def test_who_is_signed_in_to_a_catalog_is_not_to_its_copy(full_url: str, tmp_path: Path) -> None:
    copy = f"sqlite:///{tmp_path}/copy.db"
    assert "account_sessions" not in copy_catalog(full_url, copy).counts
    now = datetime.now(UTC)
    with Catalog.open(full_url) as one, Catalog.open(copy) as other:
        assert one.session_access("session", now=now) is not None
        assert other.session_access("session", now=now) is None
        assert one.token_access("token", now=now) == other.token_access("token", now=now)
        assert other.token_access("token", now=now) is not None


def test_a_copy_counts_on(full_url: str, empty_url: str) -> None:
    with Catalog.open(full_url) as catalog:
        last = resolve(catalog, "knn")
        count = len(catalog.events())
    copy_catalog(full_url, empty_url)
    with Catalog.open(empty_url) as catalog:
        catalog.start_run(new_run("run-0009"))
        version = commit(catalog, "next", run="run-0009", aliases=("candidate",))
        assert version.number == last.number + 1
        commit(catalog, "first", project="new", name="new")
        catalog.edit(version, description="x", actor="ada")
        assert catalog.verify_events() > count


def test_only_an_empty_database_is_filled(full_url: str, empty_url: str) -> None:
    copy_catalog(full_url, empty_url)
    before = rows(empty_url)
    with pytest.raises(RefusedError, match=r"it has .*versions.*; copy into a new") as caught:
        copy_catalog(full_url, empty_url)
    assert caught.value.code == "not_empty"
    with pytest.raises(InvalidInputError) as same:
        copy_catalog(full_url, full_url)
    assert same.value.code == "same_catalog"
    with pytest.raises(InvalidInputError, match="memory"):
        copy_catalog(full_url, "sqlite://")
    assert rows(empty_url) == before


def test_runs_that_are_open_would_go_on_elsewhere(full_url: str, empty_url: str) -> None:
    with Catalog.open(full_url) as catalog:
        catalog.start_run(new_run("run-0002"))
        with pytest.raises(RefusedError, match="run-0002") as caught:
            copy_catalog(full_url, empty_url)
        assert caught.value.code == "open_runs"
        catalog.finish_run("run-0002", status="finished")
    assert copy_catalog(full_url, empty_url).counts["runs"] == 2


def test_a_broken_chain_is_not_copied(full_url: str, empty_url: str) -> None:
    with opened(full_url) as database, database.altering() as connection:
        connection.execute(update(events).where(events.c.sequence == 3).values(actor="mallory"))
    with pytest.raises(IntegrityError) as caught:
        copy_catalog(full_url, empty_url)
    assert caught.value.sequence == 3
    assert catalog_status(empty_url).counts["versions"] == 0


def test_whoever_writes_waits_until_it_is_copied(
    full_url: str, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = []
    copying = threading.Event()

    def write() -> None:
        copying.wait(20)
        with Catalog.open(full_url) as catalog:
            commit(catalog, "meanwhile")
        order.append("written")

    writer = threading.Thread(target=write)
    writer.start()
    verify = "edversion.catalog.chain.verify"

    def slow(connection: Any) -> int:
        copying.set()
        writer.join(0.3)
        order.append("copied")
        return 0

    monkeypatch.setattr(verify, slow)
    copy_catalog(full_url, empty_url)
    monkeypatch.undo()
    writer.join()
    assert order == ["copied", "written"]
    assert (
        catalog_status(empty_url).counts["versions"] + 1
        == catalog_status(full_url).counts["versions"]
    )


class TestStatus:
    def test_of_what_is_there(self, full_url: str) -> None:
        status = catalog_status(full_url)
        assert (status.state, status.found, status.needed) == ("current", HEAD, HEAD)
        assert status.counts["collections"] >= 2
        with Catalog.open(full_url) as catalog:
            newest = catalog.events(limit=1)[0]
        assert (status.events, status.digest) == (newest.sequence, newest.digest)

    def test_asking_makes_nothing(self, tmp_path: Path, empty_url: str) -> None:
        assert catalog_status(f"sqlite:///{tmp_path}/none.db").state == "missing"
        assert list(tmp_path.iterdir()) == []
        assert catalog_status(empty_url).state == "missing"
        assert catalog_status(empty_url).database.startswith("postgresql 1")
        assert upgrade_catalog(empty_url) == (None, HEAD)
        assert catalog_status(empty_url).state == "current"
        assert upgrade_catalog(empty_url) == (HEAD, HEAD)

    @pytest.mark.parametrize(("revision", "state"), [("0001", "old"), ("9999", "new")])
    def test_of_other_schemas(self, empty_url: str, revision: str, state: str) -> None:
        upgrade_catalog(empty_url)
        with opened(empty_url) as database, database.altering() as connection:
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))
        status = catalog_status(empty_url)
        assert (status.state, status.found) == (state, revision)
        if state == "new":
            with pytest.raises(CatalogVersionError):
                upgrade_catalog(empty_url)

    def test_of_a_strangers_database(self, postgres: PostgresServer, empty_url: str) -> None:
        with opened(empty_url) as database, database.altering() as connection:
            connection.execute(text("CREATE TABLE pupils (name TEXT)"))
        with pytest.raises(StorageError) as caught:
            catalog_status(empty_url)
        assert caught.value.code == "not_a_catalog"
