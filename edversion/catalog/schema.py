"""Create the catalog's schema, upgrade it, and refuse one that is too new.

A new catalog in SQLite is made from the tables in one step, because alembic takes half a second
to import; the migrations in ``migrations/`` lead older catalogs to the same place.
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

__all__ = ["HEAD", "found_revision", "is_known", "migrate", "prepare", "upgrade"]

HEAD = "0011"
"""The revision of the schema that this edversion writes."""

_NONE = "none"  # stamped by nothing: older than the first revision


def prepare(database: Database) -> None:
    """Make sure that the database has this edversion's schema.

    Raises
    ------
    CatalogVersionError
        A newer edversion wrote the catalog, or an older one and the database does not upgrade
        itself.
    StorageError
        It cannot be opened, or is somebody else's database.
    """
    found = found_revision(database)
    if found == HEAD:
        return
    if found is None or database.dialect.upgrades_itself:
        upgrade(database)
    else:
        _refuse_unknown(database, found)
        raise CatalogVersionError(
            f"{database.shown_url} has schema {found}; this edversion needs {HEAD}. Upgrade it "
            "with 'edversion catalog upgrade', once everybody who uses it has this edversion: "
            "an older one will not open it any more",
            code="catalog_too_old",
            found=found,
            known=HEAD,
        )


def upgrade(database: Database) -> str | None:
    """Make the tables, or bring them to this edversion's schema; two at once do it once.

    Returns
    -------
    str or None
        The revision that was there before.
    """
    with database.upgrading():
        found = found_revision(database)
        if found == HEAD:
            return found
        if found is not None:
            _refuse_unknown(database, found)
        with database.altering() as connection:
            if found is None and connection.dialect.name == "sqlite":
                _create(connection)
            else:
                migrate(connection)
        return found


def found_revision(database: Database) -> str | None:
    """Give the catalog's revision, None where nothing is there yet."""
    with database.read() as connection:
        inspector = inspect(connection)
        if inspector.has_table(revision_table.name):
            return connection.scalar(select(revision_table.c.version_num)) or _NONE
        if inspector.get_table_names():
            raise StorageError(
                f"{database.shown_url} holds tables, but no edversion catalog; give another "
                "place for the catalog",
                code="not_a_catalog",
            )
        return None


def _create(connection: Connection) -> None:
    """Make all tables at once; what PostgreSQL needs besides, the migrations alone say."""
    schema.create_all(connection, checkfirst=False)
    revision_table.create(connection, checkfirst=False)
    connection.execute(insert(revision_table), {"version_num": HEAD})
    chain.start(connection)


def _refuse_unknown(database: Database, found: str) -> None:
    """Refuse a schema that none of the migrations made."""
    if not is_known(found):
        raise CatalogVersionError(
            f"{database.shown_url} has schema {found}; this edversion knows {HEAD}. A newer "
            "edversion wrote it: upgrade edversion (pip install -U edversion)",
            code="catalog_too_new",
            found=found,
            known=HEAD,
        )


def is_known(revision: str) -> bool:
    """Tell whether one of the migrations made a schema, or leads on from it."""
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    return revision in known | {_NONE}


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
