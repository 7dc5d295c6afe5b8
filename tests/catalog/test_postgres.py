"""PostgreSQL: the contract, how a catalog is set up there, and how it fails."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

import edversion
from edversion.catalog import Catalog
from edversion.catalog.database import Database
from edversion.catalog.dialect import dialect_of
from edversion.catalog.schema import HEAD, _config, upgrade
from edversion.catalog.tables import schema
from edversion.errors import CatalogVersionError, InvalidInputError, StorageError
from edversion.testing.postgres import PostgresServer

from .contract import CatalogContract
from .makers import commit, numbers


class TestPostgres(CatalogContract):
    @pytest.fixture
    def catalog_url(self, postgres_url: str) -> str:
        return postgres_url


@pytest.fixture
def catalog(postgres_url: str) -> Iterator[Catalog]:
    with Catalog.open(postgres_url) as catalog:
        yield catalog


@pytest.fixture
def database(empty_url: str) -> Iterator[Database]:
    database = Database(dialect_of(empty_url))
    yield database
    database.close()


def ask(catalog: Catalog, statement: str) -> list[tuple[object, ...]]:
    with catalog._database.read() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


class TestSchema:
    def test_an_empty_database_is_filled(self, empty_url: str) -> None:
        with Catalog.open(empty_url) as catalog:
            assert commit(catalog).number == 0
        with Catalog.open(empty_url) as catalog:
            assert numbers(catalog.versions("dropout", "knn")) == [0]
            assert catalog.verify_events() == 2

    def test_it_has_the_tables_that_are_declared(self, catalog: Catalog) -> None:
        with catalog._database.read() as connection:
            context = MigrationContext.configure(connection, opts={"compare_server_default": True})
            differences = compare_metadata(context, schema)
            assert [one for one in differences if "SequenceClause" not in repr(one)] == []
            assert inspect(connection).get_table_names()

    def test_every_text_is_ordered_by_code_point(self, catalog: Catalog) -> None:
        texts = ask(
            catalog,
            "SELECT table_name || '.' || column_name, collation_name FROM "
            "information_schema.columns WHERE table_schema = current_schema() "
            "AND data_type IN ('text', 'character varying') AND table_name <> 'alembic_version'",
        )
        assert len(texts) > 50
        assert {collation for _, collation in texts} == {"C"}

    def test_content_is_unique_among_live_versions_alone(self, catalog: Catalog) -> None:
        ((definition,),) = ask(
            catalog, "SELECT indexdef FROM pg_indexes WHERE indexname = 'uq_versions_live_digest'"
        )
        assert str(definition).startswith("CREATE UNIQUE INDEX")
        assert str(definition).endswith("WHERE (deleted_at IS NULL)")

    @pytest.mark.parametrize("start", ["0001", "0002", "0003"])
    def test_an_older_catalog_waits_for_somebody_to_upgrade_it(
        self, database: Database, empty_url: str, start: str
    ) -> None:
        config = _config()
        with database.altering() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, start)
        with pytest.raises(CatalogVersionError, match="edversion catalog upgrade") as caught:
            Catalog.open(empty_url)
        assert (caught.value.code, caught.value.found) == ("catalog_too_old", start)
        assert upgrade(database) == start
        assert upgrade(database) == HEAD
        with Catalog.open(empty_url) as catalog:
            assert commit(catalog).number == 0
            self.test_it_has_the_tables_that_are_declared(catalog)
            self.test_every_text_is_ordered_by_code_point(catalog)

    def test_a_newer_catalog_is_refused_by_name(self, catalog: Catalog, postgres_url: str) -> None:
        with catalog._database.altering() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(
            CatalogVersionError, match=rf"9999.*{HEAD}.*upgrade edversion"
        ) as caught:
            Catalog.open(postgres_url)
        assert caught.value.code == "catalog_too_new"
        with pytest.raises(CatalogVersionError, match="9999"):
            upgrade(catalog._database)

    def test_a_strangers_database_is_left_alone(self, database: Database, empty_url: str) -> None:
        with database.altering() as connection:
            connection.execute(text("CREATE TABLE pupils (name TEXT)"))
        with pytest.raises(StorageError) as caught:
            Catalog.open(empty_url)
        assert caught.value.code == "not_a_catalog"
        with database.altering() as connection:
            connection.execute(text("CREATE SCHEMA versions"))
        with Catalog.open(f"{empty_url}&options=-csearch_path%3Dversions") as catalog:
            assert commit(catalog).number == 0
        with database.read() as connection:
            assert inspect(connection).get_table_names() == ["pupils"]


class TestUrls:
    @pytest.mark.parametrize("protocol", ["postgres", "postgresql", "postgresql+psycopg"])
    def test_ways_to_write_them(self, postgres_url: str, protocol: str) -> None:
        with Catalog.open(protocol + postgres_url.removeprefix("postgresql+psycopg")) as catalog:
            assert catalog.url.startswith("postgresql+psycopg://")

    def test_a_password_is_never_shown(self, postgres: PostgresServer) -> None:
        with postgres.database() as name:
            url = postgres.network_url(name)
            with Catalog.open(url) as catalog:
                assert catalog.url == url.replace(":edversion@", ":***@")
                with catalog._database.altering() as connection:
                    connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
            with pytest.raises(CatalogVersionError) as caught:
                Catalog.open(url)
            assert ":***@" in str(caught.value)
        for wrong in (
            postgres.network_url(name, password="hunter2"),
            postgres.network_url("none", password="hunter2"),
            f"postgresql+psycopg://ada@127.0.0.1:{postgres.port}/x?password=hunter2",
            "postgresql+psycopg://ada:hunter2@127.0.0.1:1/x",
        ):
            with pytest.raises(StorageError) as caught:
                Catalog.open(wrong)
            assert caught.value.code == "catalog_unreachable"
            error: BaseException | None = caught.value
            while error is not None:
                assert "hunter2" not in str(error)
                error = error.__cause__

    def test_our_settings_hold_unless_the_url_has_others(self, postgres_url: str) -> None:
        settings = "SELECT current_setting('lock_timeout'), current_setting('application_name')"
        with Catalog.open(postgres_url) as catalog:
            assert ask(catalog, settings) == [("1min", "edversion")]
        own = f"{postgres_url}&options=-clock_timeout%3D5s&application_name=nightly"
        with Catalog.open(own) as catalog:
            assert ask(catalog, settings) == [("5s", "nightly")]

    def test_prepared_statements_can_be_turned_off(self, postgres_url: str) -> None:
        prepared = "SELECT count(*) > 0 FROM pg_prepared_statements"
        for setting, expected in (("none", False), ("0", True)):
            with Catalog.open(f"{postgres_url}&prepare_threshold={setting}") as catalog:
                for _ in range(3):
                    catalog.setting("x")
                assert ask(catalog, prepared) == [(expected,)]
        with pytest.raises(InvalidInputError, match="'none', not 'often'") as caught:
            Catalog.open(f"{postgres_url}&prepare_threshold=often")
        assert caught.value.code == "catalog_url"

    def test_without_the_driver_it_says_what_to_install(self, postgres_url: str) -> None:
        program = (
            "import sys; sys.modules['psycopg'] = None\n"
            "from edversion.catalog import Catalog\n"
            "try: Catalog.open(sys.argv[1])\n"
            "except OSError as error: print(error.code, error)"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, postgres_url],
            cwd=Path(edversion.__path__[0]).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert done.stdout.startswith("driver_missing ")
        assert "pip install 'edversion[postgres]'" in done.stdout


class TestFailures:
    def test_who_holds_the_lock_too_long_is_not_waited_for(
        self, catalog: Catalog, postgres_url: str
    ) -> None:
        hasty = Catalog.open(f"{postgres_url}&options=-clock_timeout%3D50ms")
        with hasty, catalog._database.write(), pytest.raises(StorageError) as caught:
            commit(hasty)
        assert caught.value.code == "catalog_busy"
        assert commit(catalog).number == 0

    def test_a_reader_waits_for_nobody_and_sees_one_moment(
        self, catalog: Catalog, postgres_url: str
    ) -> None:
        count = text("SELECT count(*) FROM versions")
        with Catalog.open(postgres_url) as other, other._database.read() as connection:
            assert connection.scalar(count) == 0
            commit(catalog)
            assert connection.scalar(count) == 0
            with catalog._database.write():
                assert other.versions("dropout", "knn")[0].number == 0

    def test_reading_changes_nothing(self, catalog: Catalog) -> None:
        with pytest.raises(StorageError) as caught, catalog._database.read() as connection:
            connection.execute(text("INSERT INTO settings VALUES ('a', 'b')"))
        assert caught.value.code == "catalog_readonly"

    def test_a_statement_that_takes_too_long_is_ended(self, postgres_url: str) -> None:
        hasty = Catalog.open(f"{postgres_url}&options=-cstatement_timeout%3D20ms")
        with hasty, pytest.raises(StorageError, match="statement_timeout") as caught:
            ask(hasty, "SELECT pg_sleep(60)")
        assert caught.value.code == "catalog_busy"

    def test_a_value_that_does_not_fit_is_refused(self, catalog: Catalog) -> None:
        with pytest.raises(InvalidInputError, match="too long") as caught:
            catalog.set_setting("k" * 200, "value")
        assert caught.value.code == "illegal_value"

    def test_whoever_may_not_make_tables_is_told_who_may(
        self, postgres: PostgresServer, empty_url: str
    ) -> None:
        postgres.execute("DROP ROLE IF EXISTS pupil", "CREATE ROLE pupil LOGIN")
        with pytest.raises(StorageError, match="edversion catalog upgrade") as caught:
            Catalog.open(empty_url.replace("//edversion@", "//pupil@"))
        assert caught.value.code == "catalog_forbidden"
