"""Lineage by way of runs: which run logged or used a version, and what for."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import bindparam, func, insert, select, update

from edversion.catalog.area import Area
from edversion.catalog.database import Transaction
from edversion.catalog.reading import VERSIONS, key_of, located, to_versions
from edversion.catalog.runs import RUNS, run_id_of, shown_run
from edversion.catalog.tables import run_versions, runs, versions
from edversion.model import RunInfo, Version
from edversion.reference import check_name

__all__ = ["NO_RELATION", "Direction", "Edges", "add_edge", "write_edge"]

Direction = Literal["logged", "used"]

NO_RELATION = ""
"""What the tables hold where nobody said what a run used a version for."""

_RELATION = run_versions.c.relation
_EDGES = (
    select(_RELATION)
    .where(
        run_versions.c.run_id == bindparam("run"),
        run_versions.c.version_id == bindparam("version"),
        run_versions.c.direction == bindparam("way"),
    )
    .order_by(_RELATION)
)
_SAY = (
    update(run_versions)
    .where(
        run_versions.c.run_id == bindparam("run"),
        run_versions.c.version_id == bindparam("version"),
        run_versions.c.direction == bindparam("way"),
        _RELATION == NO_RELATION,
    )
    .values(relation=bindparam("said"))
)
_ADD_EDGE = insert(run_versions)

# One row for each relation that a run and a version have.
_RUNS = (
    RUNS.add_columns(_RELATION)
    .join(run_versions, run_versions.c.run_id == runs.c.id)
    .where(
        run_versions.c.version_id == bindparam("version"),
        run_versions.c.direction == bindparam("way"),
    )
    .order_by(runs.c.started_at, runs.c.id, run_versions.c.at, _RELATION)
)
_USED = (
    VERSIONS.add_columns(_RELATION)
    .join(run_versions, run_versions.c.version_id == versions.c.id)
    .where(run_versions.c.run_id == bindparam("run"), run_versions.c.direction == bindparam("way"))
)
_FIRST_TIME = func.min(run_versions.c.at).over(partition_by=versions.c.id)
_IN_ORDER = _USED.order_by(_FIRST_TIME, versions.c.id, run_versions.c.at, _RELATION)


class Edges(Area):
    """Everything about runs and their versions. Deleted versions stay in it."""

    def record_use(self, run_id: str, version: Version, *, relation: str | None = None) -> None:
        """Record that a run used a version; once in each relation is enough.

        A use that says no relation adds nothing to one that does.

        Parameters
        ----------
        relation : str, optional
            What the run used it for.

        Raises
        ------
        InvalidInputError
            The relation is no legal name.
        """
        if relation is not None:
            check_name(relation, "relation")
        with self._database.write() as transaction:
            row = located(transaction.connection, version)
            run = run_id_of(transaction.connection, run_id)
            if add_edge(transaction, run, row.id, "used", relation):
                transaction.changed(row.id, key_of(row))

    def runs_of(self, version: Version, direction: Direction) -> tuple[RunInfo, ...]:
        """Give the runs that logged or used a version, oldest first."""
        return tuple({run.id: run for run, _ in self._runs_of(version, direction)}.values())

    def uses_of(self, version: Version) -> tuple[tuple[RunInfo, str | None], ...]:
        """Give the runs that used a version, oldest first, once for each relation."""
        return self._runs_of(version, "used")

    def versions_of_run(self, run_id: str, direction: Direction) -> tuple[Version, ...]:
        """Give the versions that a run logged or used, in the order in which it did."""
        return tuple(dict.fromkeys(version for version, _ in self._versions_of(run_id, direction)))

    def uses_of_run(self, run_id: str) -> tuple[tuple[Version, str | None], ...]:
        """Give the versions that a run used, in order, once for each relation."""
        return self._versions_of(run_id, "used")

    def _runs_of(
        self, version: Version, direction: Direction
    ) -> tuple[tuple[RunInfo, str | None], ...]:
        with self._database.read() as connection:
            row = located(connection, version, deleted=True)
            rows = connection.execute(_RUNS, {"version": row.id, "way": direction})
            return tuple((shown_run(row, self._liveness), row.relation or None) for row in rows)

    def _versions_of(
        self, run_id: str, direction: Direction
    ) -> tuple[tuple[Version, str | None], ...]:
        with self._database.read() as connection:
            run = run_id_of(connection, run_id)
            rows = connection.execute(_IN_ORDER, {"run": run, "way": direction}).all()
            found = to_versions(connection, rows, self.source)
            relations = (row.relation or None for row in rows)
            return tuple(zip(found, relations, strict=True))


def add_edge(
    transaction: Transaction,
    run_id: str,
    version_id: int,
    direction: Direction,
    relation: str | None = None,
) -> bool:
    """Connect a run and a version; tell whether that is new."""
    key = {"run": run_id, "version": version_id, "way": direction}
    known = transaction.execute(_EDGES, key).scalars().all()
    if known and (relation is None or relation in known):
        return False
    if NO_RELATION in known:
        transaction.execute(_SAY, key | {"said": relation})
    else:
        write_edge(transaction, run_id, version_id, direction, relation)
    return True


def write_edge(
    transaction: Transaction,
    run_id: str,
    version_id: int,
    direction: Direction,
    relation: str | None = None,
) -> None:
    """Connect a run and a version that are not connected in this relation yet."""
    row = {"run_id": run_id, "version_id": version_id, "direction": direction}
    values = row | {"relation": relation or NO_RELATION, "at": transaction.at}
    transaction.execute(_ADD_EDGE, values)
