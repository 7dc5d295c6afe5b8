"""Create the catalog's schema, upgrade it, and refuse one that is too new.

A new catalog is made from the tables in one step, because alembic takes half a second to
import; the migrations in ``migrations/`` lead older catalogs to the same place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, inspect, select

from edversion.catalog import chain
from edversion.catalog.database import Database
from edversion.catalog.tables import revision_table, schema
from edversion.errors import CatalogVersionError, StorageError

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["HEAD", "migrate", "prepare"]

HEAD = "0005"
"""The revision of the schema that this edversion writes."""

_NONE = "none"  # stamped by nothing: older than the first revision


def prepare(database: Database) -> None:
    """Make sure that the database has this edversion's schema.

    Raises
    ------
    CatalogVersionError
        A newer edversion wrote the catalog.
    StorageError
        It cannot be opened, or is somebody else's database.
    """
    if _found(database) == HEAD:
        return
    with database.upgrading():
        found = _found(database)
        if found is None:
            _create(database)
        elif found != HEAD:
            _upgrade(database, found)


def _found(database: Database) -> str | None:
    """Give the catalog's revision, None where nothing is there yet."""
    with database.read() as connection:
        inspector = inspect(connection)
        if inspector.has_table(revision_table.name):
            return connection.scalar(select(revision_table.c.version_num)) or _NONE
        if inspector.get_table_names():
            raise StorageError(
                f"{database.engine.url.render_as_string()} holds tables, but no edversion "
                "catalog; give another place for the catalog",
                code="not_a_catalog",
            )
        return None


def _create(database: Database) -> None:
    with database.write() as transaction:
        schema.create_all(transaction.connection, checkfirst=False)
        revision_table.create(transaction.connection, checkfirst=False)
        transaction.execute(insert(revision_table), {"version_num": HEAD})
        chain.start(transaction.connection)


def _upgrade(database: Database, found: str) -> None:
    """Run the migrations that lead from the revision found to this one."""
    from alembic.script import ScriptDirectory

    config = _config()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found not in known | {_NONE}:
        raise CatalogVersionError(
            f"{database.engine.url.render_as_string()} has schema {found}; this edversion knows "
            f"{HEAD}. A newer edversion wrote it: upgrade edversion (pip install -U edversion)",
            code="catalog_too_new",
            found=found,
            known=HEAD,
        )
    with database.write() as transaction:
        migrate(transaction.connection)


def migrate(connection: Connection) -> None:
    """Bring the schema to `HEAD` in the transaction of a connection."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "edversion.catalog:migrations")
    config.set_main_option("path_separator", "os")
    return config
