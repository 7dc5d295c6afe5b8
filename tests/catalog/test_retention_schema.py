"""A catalog of the first release goes on living under the schema of today."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine

import edversion
from edversion.catalog import Catalog
from edversion.catalog.schema import _config


def first_release(path: Path, full: Path) -> None:
    """Make a catalog as the first release did, with what another one holds."""
    config = _config()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ATTACH ? AS full", (str(full),))
        connection.execute("DELETE FROM chain")
        names = "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name <> ?"
        for (table,) in connection.execute(names, ("alembic_version",)).fetchall():
            columns = connection.execute(f"PRAGMA main.table_info({table})").fetchall()
            named = ", ".join(column[1] for column in columns)
            connection.execute(f"INSERT INTO {table} ({named}) SELECT {named} FROM full.{table}")
        connection.commit()


def test_an_upgraded_catalog_collects_what_was_deleted_before(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with edversion.init("p", store=store) as run:
        for data in (b"1", b"2", b"3"):
            draft = edversion.Artifact("data", "dataset")
            draft.add_bytes(data, "a")
            run.log_artifact(draft)
        run.repository.delete("data:v0", reason="old")
        run.repository.delete("data:v1", reason="old")
    for path in store.glob("catalog.db*"):
        path.rename(tmp_path / path.name)
    with sqlite3.connect(tmp_path / "catalog.db") as full:
        full.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    full.close()
    first_release(store / "catalog.db", tmp_path / "catalog.db")
    Catalog.open(f"sqlite:///{store / 'catalog.db'}").close()
    with edversion.open(store) as repository:
        assert repository.restore("data:v1").read_bytes("a") == b"2"
        assert repository.gc(grace=timedelta(0)).removed == ("p/data:v0",)
        assert [version.number for version in repository.versions("data")] == [2, 1]
        assert repository.verify() == ()
        assert repository.doctor() == ()
