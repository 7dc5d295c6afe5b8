"""Lineage: which run logged or used a version, and which version came from which."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from sqlalchemy import bindparam, insert, select, update

from edversion.catalog.area import Area
from edversion.catalog.database import Transaction, VersionKey
from edversion.catalog.reading import VERSIONS, key_of, located, numbered, to_versions
from edversion.catalog.runs import RUNS, run_id_of, shown_run
from edversion.catalog.tables import run_versions, runs, version_sources, versions
from edversion.model import RunInfo, Version

__all__ = ["Direction", "Edges", "add_edge", "add_sources", "write_edge"]

Direction = Literal["logged", "used"]

_EDGE = select(run_versions.c.relation).where(
    run_versions.c.run_id == bindparam("run"),
    run_versions.c.version_id == bindparam("version"),
    run_versions.c.direction == bindparam("way"),
)
_RELATE = update(run_versions).where(
    run_versions.c.run_id == bindparam("run"),
    run_versions.c.version_id == bindparam("version"),
    run_versions.c.direction == bindparam("way"),
)
_ADD_EDGE = insert(run_versions)
_ADD_SOURCES = insert(version_sources)


class Edges(Area):
    """Everything about lineage. Deleted versions stay in it."""

    def record_use(self, run_id: str, version: Version, *, relation: str | None = None) -> None:
        """Record that a run used a version; once is enough.

        Parameters
        ----------
        relation : str, optional
            What the run used it for.
        """
        with self._database.write() as transaction:
            row = located(transaction.connection, version)
            run = run_id_of(transaction.connection, run_id)
            if add_edge(transaction, run, row.id, "used", relation):
                transaction.changed(row.id, key_of(row))

    def runs_of(self, version: Version, direction: Direction) -> tuple[RunInfo, ...]:
        """Give the runs that logged or used a version, oldest first."""
        with self._database.read() as connection:
            row = located(connection, version, deleted=True)
            query = (
                RUNS.join(run_versions, run_versions.c.run_id == runs.c.id)
                .where(run_versions.c.version_id == row.id, run_versions.c.direction == direction)
                .order_by(runs.c.started_at, runs.c.id)
            )
            return tuple(shown_run(row, self._liveness) for row in connection.execute(query))

    def versions_of_run(self, run_id: str, direction: Direction) -> tuple[Version, ...]:
        """Give the versions that a run logged or used, in the order in which it did."""
        with self._database.read() as connection:
            run = run_id_of(connection, run_id)
            query = (
                VERSIONS.join(run_versions, run_versions.c.version_id == versions.c.id)
                .where(run_versions.c.run_id == run, run_versions.c.direction == direction)
                .order_by(run_versions.c.at, versions.c.id)
            )
            return to_versions(connection, connection.execute(query).all(), self.source)

    def derived_from(self, version: Version) -> tuple[Version, ...]:
        """Give the versions whose content this one started from, oldest first."""
        return self._related(version, version_sources.c.version_id, version_sources.c.source_id)

    def derived(self, version: Version) -> tuple[Version, ...]:
        """Give the versions that started from this one's content, oldest first."""
        return self._related(version, version_sources.c.source_id, version_sources.c.version_id)

    def _related(self, version: Version, here: Any, there: Any) -> tuple[Version, ...]:
        with self._database.read() as connection:
            row = located(connection, version, deleted=True)
            query = (
                VERSIONS.join(version_sources, there == versions.c.id)
                .where(here == row.id)
                .order_by(versions.c.id)
            )
            return to_versions(connection, connection.execute(query).all(), self.source)


def add_edge(
    transaction: Transaction,
    run_id: str,
    version_id: int,
    direction: Direction,
    relation: str | None = None,
) -> bool:
    """Connect a run and a version; tell whether that is new."""
    key = {"run": run_id, "version": version_id, "way": direction}
    known = transaction.execute(_EDGE, key).one_or_none()
    if known is None:
        write_edge(transaction, run_id, version_id, direction, relation)
        return True
    if relation in (None, known.relation):
        return False
    transaction.execute(_RELATE, key | {"relation": relation})
    return True


def write_edge(
    transaction: Transaction,
    run_id: str,
    version_id: int,
    direction: Direction,
    relation: str | None = None,
) -> None:
    """Connect a run and a version that are not connected yet."""
    row = {"run_id": run_id, "version_id": version_id, "direction": direction}
    transaction.execute(_ADD_EDGE, row | {"relation": relation, "at": transaction.at})


def add_sources(transaction: Transaction, version_id: int, sources: Iterable[VersionKey]) -> None:
    """Record which versions a new one started from; deleted ones count too."""
    rows = [
        {
            "version_id": version_id,
            "source_id": numbered(transaction.connection, key, deleted=True).id,
        }
        for key in dict.fromkeys(sources)
    ]
    if rows:
        transaction.execute(_ADD_SOURCES, rows)
