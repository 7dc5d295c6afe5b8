"""Who was assigned, what was served, and what came of it: rows by the thousand, by pseudonym.

Rows come in batches, each in one transaction. None of them is an event: the chain would be
as long as the tables, and nothing could be erased from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Table, bindparam, delete, func, select

from edversion.catalog.area import Area, batches
from edversion.catalog.database import Transaction
from edversion.catalog.experiment_rows import existing_experiment, experiment_subject
from edversion.catalog.experiment_tables import assignments, exposures, outcomes, variants
from edversion.catalog.tables import dump_instant, events
from edversion.model import Json

__all__ = ["Assigned", "Exposed", "Exposing", "Outcome", "ServedRows"]


class Assigned(NamedTuple):
    """An assignment: pseudonyms, the place of the variant, seconds since the epoch, the rule."""

    unit: str
    cluster: str
    variant: int
    at: float
    rule: str


class Exposed(NamedTuple):
    """An exposure: pseudonyms, the place of the variant, and what was served when, and why."""

    unit: str
    cluster: str
    variant: int
    digest: str
    at: float
    request: str | None
    fallback: str | None


class Outcome(NamedTuple):
    """A value measured for a unit, at some seconds since the epoch."""

    unit: str
    name: str
    value: float
    at: float


@dataclass(slots=True)
class ServedRows:
    """What is to be written together."""

    assignments: list[Assigned] = field(default_factory=list)
    exposures: list[Exposed] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.assignments) + len(self.exposures) + len(self.outcomes)


_TABLES = (assignments, exposures, outcomes)
_HERE = assignments.c.experiment_id == bindparam("experiment")
_RECORDED = select(assignments.c.unit, assignments.c.cluster, assignments.c.variant).where(
    _HERE, assignments.c.unit.in_(bindparam("units", expanding=True))
)
_OF_UNIT = (
    select(assignments.c.cluster, assignments.c.variant)
    .where(_HERE, assignments.c.unit == bindparam("unit"))
    .order_by(assignments.c.at, assignments.c.cluster)
    .limit(1)
)
_OF_CLUSTER = (
    select(assignments.c.variant)
    .where(_HERE, assignments.c.cluster == bindparam("cluster"), assignments.c.rule == "cluster")
    .order_by(assignments.c.at, assignments.c.unit)
    .limit(1)
)
_NAMES = (
    select(variants.c.position, variants.c.name)
    .where(variants.c.experiment_id == bindparam("experiment"))
    .order_by(variants.c.position)
)
_FORGOT = "experiment.forgot_one"
_EVENT = (
    select(events.c.sequence)
    .where(events.c.subject == bindparam("subject"), events.c.action == bindparam("action"))
    .limit(1)
)
_EXPOSURES_OF = (
    select(exposures)
    .where(
        exposures.c.experiment_id == bindparam("experiment"),
        exposures.c.unit == bindparam("unit"),
    )
    .order_by(exposures.c.at.desc(), exposures.c.id.desc())
)


class Exposing(Area):
    """Write and read what experiments do to learners."""

    def write_served(
        self, project: str, name: str, rows: ServedRows, *, each_cluster: bool = False
    ) -> dict[str, int]:
        """Write assignments, exposures and outcomes; of a unit's assignments the first one holds.

        Parameters
        ----------
        each_cluster : bool
            Whether a unit has an assignment in each cluster, and not one for good.

        Returns
        -------
        dict of str to int
            By unit, the variant that was recorded before, where it is another one.
        """

        def work(again: bool) -> dict[str, int]:
            with self._database.write() as transaction:
                id = existing_experiment(transaction.connection, project, name).id
                forgot = _forgot_one(transaction.connection, project, name)
                if again and _is_written(
                    transaction.connection, id, _known_rows(transaction, id, rows, check=forgot)
                ):
                    return {}
                others = _assign(transaction, id, rows.assignments, each_cluster=each_cluster)
                kept = _known_rows(transaction, id, rows, check=forgot)
                _fill(transaction, exposures, id, kept.exposures)
                _fill(transaction, outcomes, id, rows.outcomes)
                return others

        return self._steadily(work)

    def recorded_assignment(
        self, project: str, name: str, unit: str, cluster: str
    ) -> tuple[tuple[str, int] | None, int | None]:
        """Give the first cluster and variant of a unit, and the variant of a cluster."""
        with self._database.read() as connection:
            key = {"experiment": existing_experiment(connection, project, name).id}
            row = connection.execute(_OF_UNIT, key | {"unit": unit}).one_or_none()
            of_cluster = connection.execute(_OF_CLUSTER, key | {"cluster": cluster}).scalar()
            return None if row is None else (row.cluster, row.variant), of_cluster

    def served_columns(self, project: str, name: str) -> dict[str, dict[str, list[Any]]]:
        """Give assignments, exposures and outcomes as columns, all of one moment, oldest first."""
        with self._database.read() as connection:
            id = existing_experiment(connection, project, name).id
            names = _pairs(connection, _NAMES, experiment=id)
            return {table.name: _columns(connection, table, id, names) for table in _TABLES}

    def served_counts(self, project: str, name: str) -> dict[str, dict[str, int]]:
        """Count by variant its ``units`` and ``exposures``, and by outcome the ``values``."""
        with self._database.read() as connection:
            id = existing_experiment(connection, project, name).id
            names = _pairs(connection, _NAMES, experiment=id)
            units = _pairs(connection, _counted(assignments, id, "variant"))
            shown = _pairs(connection, _counted(exposures, id, "variant"))
            values = _pairs(connection, _counted(outcomes, id, "name"))
            return {
                "units": {one: units.get(at, 0) for at, one in names.items()},
                "exposures": {one: shown.get(at, 0) for at, one in names.items()},
                "values": values,
            }

    def exposures_of(self, project: str, name: str, unit: str) -> tuple[dict[str, Any], ...]:
        """Give what a unit was served, the newest first."""
        with self._database.read() as connection:
            id = existing_experiment(connection, project, name).id
            names = _pairs(connection, _NAMES, experiment=id)
            rows = connection.execute(_EXPOSURES_OF, {"experiment": id, "unit": unit})
            return tuple(
                {
                    "variant": names[row.variant],
                    **{field: getattr(row, field) for field in _SHOWN},
                }
                for row in rows
            )

    def forget_unit(
        self, project: str, name: str, unit: str, *, actor: str, reason: str | None
    ) -> dict[str, int]:
        """Erase all rows of a unit; the event counts them, and does not name it."""
        with self._database.write() as transaction:
            id = existing_experiment(transaction.connection, project, name).id
            counts: dict[str, int] = {}
            for table in _TABLES:
                gone = delete(table).where(table.c.experiment_id == id, table.c.unit == unit)
                counts[table.name] = transaction.execute(gone).rowcount
            told: Json = dict(counts)
            transaction.tell(
                _FORGOT,
                experiment_subject(project, name),
                actor=actor,
                after=told,
                reason=reason,
            )
            return counts


_SHOWN = ("digest", "at", "request", "fallback", "cluster")


def _assign(
    transaction: Transaction, id: int, rows: Sequence[Assigned], *, each_cluster: bool
) -> dict[str, int]:
    """Write the assignments that are new; give the variants of units that have another one."""
    known: dict[tuple[str, str], int] = {}
    for batch in batches(dict.fromkeys(row.unit for row in rows)):
        found = transaction.execute(_RECORDED, {"experiment": id, "units": batch})
        known |= {(row.unit, row.cluster if each_cluster else ""): row.variant for row in found}
    new: list[Assigned] = []
    others: dict[str, int] = {}
    for row in rows:
        key = (row.unit, row.cluster if each_cluster else "")
        before = known.get(key)
        if before is None:
            known[key] = row.variant
            new.append(row)
        elif before != row.variant:
            others[row.unit] = before
    _fill(transaction, assignments, id, new)
    return others


def _forgot_one(connection: Connection, project: str, name: str) -> bool:
    """Tell whether a unit was ever forgotten."""
    key = {"subject": experiment_subject(project, name), "action": _FORGOT}
    return connection.execute(_EVENT, key).first() is not None


def _known_rows(transaction: Transaction, id: int, rows: ServedRows, *, check: bool) -> ServedRows:
    """Leave out exposures of units without an assignment, where units were forgotten.

    Another process may hold some of theirs, or serve them on as it knows them; an exposure
    without its assignment would be taken for a fault of the experiment.
    """
    if not check:
        return rows
    found: set[str] = set()
    for batch in batches(dict.fromkeys(row.unit for row in rows.exposures)):
        known = transaction.execute(_RECORDED, {"experiment": id, "units": batch})
        found.update(row.unit for row in known)
    return replace(rows, exposures=[row for row in rows.exposures if row.unit in found])


def _fill(transaction: Transaction, table: Table, id: int, rows: Sequence[Any]) -> None:
    """Write rows; seconds become what the catalog keeps as a time."""
    if rows:
        fields = rows[0]._fields
        at = fields.index("at")
        texts = _Texts()
        filled = [(*row[:at], texts[row[at]], *row[at + 1 :], id) for row in rows]
        transaction.fill(table, (*fields, "experiment_id"), filled)


class _Texts(dict[float, str]):
    """Times as the catalog keeps them; of one second all but the last digits are the same."""

    def __init__(self) -> None:
        super().__init__()
        self._second, self._head = -1, ""

    def __missing__(self, seconds: float) -> str:
        micros = round(seconds * 1_000_000)
        second, rest = divmod(micros, 1_000_000)
        if second != self._second:
            head = dump_instant(datetime.fromtimestamp(second, UTC))
            self._second, self._head = second, head.partition(".")[0]
        return f"{self._head}.{rest:06d}Z"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds * 1_000_000) // 1_000_000, UTC).replace(
        microsecond=round(seconds * 1_000_000) % 1_000_000
    )


def _is_written(connection: Connection, id: int, rows: ServedRows) -> bool:
    """Tell whether a batch was committed: its answer was lost, and it must not come twice.

    Assignments need no asking, for they are never written twice.
    """
    for table, first in ((exposures, rows.exposures[:1]), (outcomes, rows.outcomes[:1])):
        for row in first:
            fields = {**row._asdict(), "at": _moment(row.at)}
            same = [table.c[field] == value for field, value in fields.items() if value is not None]
            found = select(table.c.id).where(table.c.experiment_id == id, *same).limit(1)
            return connection.execute(found).first() is not None
    return False


def _columns(
    connection: Connection, table: Table, id: int, names: dict[int, str]
) -> dict[str, list[Any]]:
    """Read one table: lists by the names that an analysis knows."""
    wanted = _READ[table.name]
    order = [table.c.at, table.c.id if "id" in table.c else table.c.unit]
    query = select(*(table.c[column] for column in wanted.values()))
    rows = connection.execute(query.where(table.c.experiment_id == id).order_by(*order)).all()
    found = dict(zip(wanted, map(list, zip(*rows, strict=True)), strict=True)) if rows else {}
    columns: dict[str, list[Any]] = {name: found.get(name, []) for name in wanted}
    if "variant" in columns:
        columns["variant"] = [names[at] for at in columns["variant"]]
    if "cluster" in columns:
        columns["cluster"] = [one or None for one in columns["cluster"]]
    return columns


_READ: dict[str, dict[str, str]] = {
    "assignments": {
        "unit": "unit", "cluster": "cluster", "variant": "variant", "assigned_at": "at",
        "rule": "rule",
    },
    "exposures": {
        "unit": "unit", "cluster": "cluster", "variant": "variant", "digest": "digest",
        "at": "at", "request": "request", "fallback": "fallback",
    },
    "outcomes": {"unit": "unit", "name": "name", "value": "value", "at": "at"},
}  # fmt: skip


def _pairs(connection: Connection, query: Select[Any], **values: int) -> dict[Any, Any]:
    return dict(map(tuple, connection.execute(query, values)))


def _counted(table: Table, id: int, by: str) -> Select[Any]:
    column = table.c[by]
    what = func.count(table.c.unit.distinct()) if table is assignments else func.count()
    return select(column, what).where(table.c.experiment_id == id).group_by(column).order_by(column)
