"""How a catalog's schema is made, upgraded and refused."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

import edversion
from edversion.catalog import Catalog
from edversion.catalog.schema import HEAD, _config, migrate
from edversion.catalog.tables import schema
from edversion.errors import CatalogVersionError, StorageError

from .makers import commit


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.db"


def stamp(path: Path, revision: str | None) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32))")
        connection.execute("DELETE FROM alembic_version")
        if revision is not None:
            connection.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
    connection.close()


def go_back_to_the_first_schema(path: Path) -> None:
    """Make the tables of the first schema, and put in what a catalog of today holds in them."""
    new = path.with_name("new.db")
    path.rename(new)
    engine = create_engine(f"sqlite:///{path}")
    config = _config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with sqlite3.connect(path) as connection:
        connection.execute("ATTACH ? AS new", (str(new),))
        connection.execute("DELETE FROM chain")
        (*tables,) = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables:
            if table != "alembic_version":
                (*columns,) = connection.execute(f"PRAGMA table_info({table})")
                names = ", ".join(f'"{column[1]}"' for column in columns)
                connection.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM new.{table}")
    connection.close()


def described(path: Path) -> dict[str, object]:
    """Everything that SQLite knows of the tables, but for the order of what is a set."""
    engine = create_engine(f"sqlite:///{path}")
    inspector = inspect(engine)
    tables: dict[str, object] = {}
    for name in inspector.get_table_names():
        columns = [(c["name"], repr(c["type"]), c["nullable"]) for c in inspector.get_columns(name)]
        tables[name] = (
            columns,
            inspector.get_pk_constraint(name)["constrained_columns"],
            sorted(map(repr, inspector.get_foreign_keys(name))),
            sorted(map(repr, inspector.get_unique_constraints(name))),
        )
    with engine.connect() as connection:
        made = connection.execute(text("SELECT sql FROM sqlite_master WHERE type = 'index'"))
        without = "SELECT name FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%' ORDER BY name"
        tables["without rowid"] = connection.scalars(text(without)).all()
        tables["indexes"] = sorted(" ".join(sql.split()) for (sql,) in made if sql is not None)
    engine.dispose()
    return tables


def test_migrations_lead_to_the_tables(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/migrated.db")
    with engine.begin() as connection:
        migrate(connection)
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, schema) == []
    engine.dispose()
    Catalog.open(f"sqlite:///{tmp_path}/made.db").close()
    assert described(tmp_path / "migrated.db") == described(tmp_path / "made.db")


def test_the_head_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(_config()).get_current_head() == HEAD


def test_an_older_catalog_upgrades_itself(path: Path) -> None:
    stamp(path, None)
    with Catalog.open(f"sqlite:///{path}") as catalog:
        assert commit(catalog).number == 0
        assert catalog.verify_events() == 2
    with Catalog.open(f"sqlite:///{path}") as catalog:
        assert len(catalog.versions("dropout", "knn")) == 1


def test_an_upgrade_keeps_the_moves_that_events_tell(path: Path) -> None:
    """Of a catalog of the first schema, with an alias that was moved, removed and set again."""
    with Catalog.open(f"sqlite:///{path}") as catalog:
        for content in range(3):
            commit(catalog, content)
        catalog.set_alias("dropout", "knn", "best", 0, actor="ada")
        catalog.set_alias("dropout", "knn", "best", 2, actor="bob", reason="lower loss")
        catalog.remove_alias("dropout", "knn", "best", actor="cy")
        catalog.set_alias("dropout", "knn", "best", 1, actor="ada")
        moves = catalog.alias_moves("dropout", "knn", "best")
        events = catalog.events()
    go_back_to_the_first_schema(path)
    assert "moves" not in described(path)
    with Catalog.open(f"sqlite:///{path}") as catalog:
        assert catalog.alias_moves("dropout", "knn", "best") == moves
        assert len(moves) == 4
        assert catalog.events() == events
        assert catalog.verify_events() == len(events)
        assert catalog.alias_moves("dropout", "knn", "latest") == ()
        catalog.set_alias("dropout", "knn", "best", 0, actor="ada")
        assert catalog.alias_moves("dropout", "knn", "best")[0].revision == 5


def test_a_newer_catalog_is_refused_by_name(path: Path) -> None:
    Catalog.open(f"sqlite:///{path}").close()
    stamp(path, "9999")
    with pytest.raises(CatalogVersionError, match=rf"9999.*{HEAD}.*upgrade edversion") as caught:
        Catalog.open(f"sqlite:///{path}")
    assert (caught.value.found, caught.value.known) == ("9999", HEAD)


def test_a_strangers_database_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE pupils (name TEXT)")
    connection.close()
    with pytest.raises(StorageError) as caught:
        Catalog.open(f"sqlite:///{path}")
    assert caught.value.code == "not_a_catalog"
    assert described(path).keys() == {"pupils", "indexes", "without rowid"}


def test_opening_needs_neither_alembic_nor_lark(path: Path) -> None:
    program = (
        "import sys; from edversion.catalog import Catalog\n"
        f"for _ in range(2): Catalog.open('sqlite:///{path}').close()\n"
        "print([name for name in ('alembic', 'lark', 'mako') if name in sys.modules])"
    )
    root = str(Path(edversion.__path__[0]).parent)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "[]\n"
