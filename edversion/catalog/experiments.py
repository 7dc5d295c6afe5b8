"""Experiments: define, start, ramp up, stop and archive them; each change is an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, update

from edversion.catalog.area import Area
from edversion.catalog.database import Transaction
from edversion.catalog.experiment_records import (
    columns_of,
    experiment_record,
    insert_experiment,
    insert_variants,
)
from edversion.catalog.experiment_rows import (
    EXPERIMENTS,
    ONE_EXPERIMENT,
    existing_experiment,
    experiment_subject,
    missing_experiment,
    to_definitions,
)
from edversion.catalog.experiment_tables import experiments, variants
from edversion.catalog.reading import located
from edversion.catalog.tables import projects
from edversion.errors import ConflictError, InvalidInputError
from edversion.model import ExperimentDefinition, ExperimentState, Version

__all__ = ["Experiments"]

_WRITE = update(experiments).where(experiments.c.id == bindparam("experiment"))
_CLEAR = delete(variants).where(variants.c.experiment_id == bindparam("experiment"))
_PIN = update(variants).where(
    variants.c.experiment_id == bindparam("experiment"), variants.c.name == bindparam("variant")
)
_SHARING = EXPERIMENTS.where(
    experiments.c.state == "running",
    experiments.c.namespace == bindparam("namespace"),
    projects.c.name == bindparam("project"),
)
_UNTOLD = {
    "state", "key_id", "created_by", "created_at", "started_at", "stopped_at", "archived_at",
}  # fmt: skip
_NEXT: Mapping[ExperimentState, tuple[ExperimentState, ...]] = {
    "running": ("draft",),
    "stopped": ("running",),
    "archived": ("draft", "stopped"),
}


class Experiments(Area):
    """Define experiments, and lead them from one state to the next."""

    def define_experiment(
        self, definition: ExperimentDefinition, *, actor: str
    ) -> ExperimentDefinition:
        """Add a draft, or change the one that is there; the same once more changes nothing.

        Raises
        ------
        ConflictError
            One of that name is no draft any more, and another one (code ``experiment_exists``).
        """
        key = {"project": definition.project, "name": definition.name}
        with self._database.write() as transaction:
            row = transaction.execute(ONE_EXPERIMENT, key).one_or_none()
            if row is None:
                _add(transaction, definition, actor)
                return _one(transaction.connection, **key)
            before = _one(transaction.connection, **key)
            if _told(before) == _told(definition):
                return before
            if before.state != "draft":
                raise _exists(before, definition)
            _change(transaction, row, definition)
            _tell(transaction, "changed", before, definition, actor=actor)
            return _one(transaction.connection, **key)

    def start_experiment(
        self,
        project: str,
        name: str,
        pins: Mapping[str, Version],
        *,
        key_id: str,
        actor: str,
        reason: str | None,
    ) -> ExperimentDefinition:
        """Let a draft run, and pin the versions of its variants for good.

        Raises
        ------
        ConflictError
            It is no draft (code ``experiment_state``), or a running experiment has units of its
            slice (code ``namespace_taken``).
        NotFoundError
            One of the versions was deleted.
        """
        with self._database.write() as transaction:
            row = _in_state(transaction.connection, project, name, "running")
            _check_namespace(transaction.connection, row)
            before = _one(transaction.connection, project, name)
            for variant, version in pins.items():
                found = located(transaction.connection, version)
                pin = {"version_id": found.id, "digest": found.digest}
                pinned = _PIN.values(started_weight=variants.c.weight, **pin)
                transaction.execute(pinned, {"experiment": row.id, "variant": variant})
            return _move(transaction, row, before, "running", actor, reason, key_id=key_id)

    def stop_experiment(
        self, project: str, name: str, *, actor: str, reason: str | None
    ) -> ExperimentDefinition:
        """Assign nobody any more; outcomes may still come. Its versions are protected no longer.

        Raises
        ------
        ConflictError
            It is not running (code ``experiment_state``).
        """
        with self._database.write() as transaction:
            row = _in_state(transaction.connection, project, name, "stopped")
            before = _one(transaction.connection, project, name)
            return _move(transaction, row, before, "stopped", actor, reason)

    def archive_experiment(
        self, project: str, name: str, *, actor: str, reason: str | None
    ) -> ExperimentDefinition:
        """Put an experiment away that is not running; nothing is written to it any more.

        Raises
        ------
        ConflictError
            It is running, or archived already (code ``experiment_state``).
        """
        with self._database.write() as transaction:
            row = _in_state(transaction.connection, project, name, "archived")
            before = _one(transaction.connection, project, name)
            return _move(transaction, row, before, "archived", actor, reason)

    def ramp_experiment(
        self, project: str, name: str, ramp: float, *, actor: str, reason: str | None
    ) -> ExperimentDefinition:
        """Let more units take part in a running experiment.

        Raises
        ------
        ConflictError
            It is not running (code ``experiment_state``), or fewer would (code ``ramp_falls``).
        """
        with self._database.write() as transaction:
            row = _in_state(transaction.connection, project, name, "stopped")
            if ramp < row.ramp:
                raise ConflictError(
                    f"{experiment_subject(project, name)} has a ramp of {row.ramp:g}, which only "
                    "ever grows: who takes part goes on taking part. Stop it to end it",
                    code="ramp_falls",
                    experiment=f"{project}/{name}",
                )
            before = _one(transaction.connection, project, name)
            transaction.execute(_WRITE.values(ramp=ramp), {"experiment": row.id})
            after = _one(transaction.connection, project, name)
            _tell(transaction, "ramped", before, after, actor=actor, reason=reason)
            return after

    def experiment(self, project: str, name: str) -> ExperimentDefinition:
        """Give one experiment.

        Raises
        ------
        NotFoundError
            There is none of that name.
        """
        with self._database.read() as connection:
            existing_experiment(connection, project, name)
            return _one(connection, project, name)

    def find_experiment(self, name: str, *, project: str | None) -> str:
        """Give the project that has an experiment of that name; `project` is looked at first.

        Raises
        ------
        NotFoundError
            None has; the message says which experiments there are.
        InvalidInputError
            Several have (code ``ambiguous_reference``).
        """
        with self._database.read() as connection:
            named = EXPERIMENTS.where(experiments.c.name == name).order_by(projects.c.name)
            found = [row.project for row in connection.execute(named)]
            if project is not None and project in found:
                return project
            if len(found) == 1:
                return str(found[0])
            if not found:
                raise missing_experiment(connection, name)
            raise InvalidInputError(
                f"several projects have an experiment {name!r}: {', '.join(found)}; write it as "
                f"{found[0]}/{name}",
                code="ambiguous_reference",
                name=name,
            )

    def experiments(self, *, project: str | None = None) -> tuple[ExperimentDefinition, ...]:
        """Give the experiments, by project and name."""
        query = EXPERIMENTS if project is None else EXPERIMENTS.where(projects.c.name == project)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(projects.c.name, experiments.c.name)).all()
            return to_definitions(connection, rows)


def _one(connection: Connection, project: str, name: str) -> ExperimentDefinition:
    rows = connection.execute(ONE_EXPERIMENT, {"project": project, "name": name}).all()
    return to_definitions(connection, rows)[0]


def _add(transaction: Transaction, definition: ExperimentDefinition, actor: str) -> None:
    made = {"state": "draft", "created_at": transaction.at, "created_by": actor}
    insert_experiment(transaction, definition, made)
    _tell(transaction, "defined", None, definition, actor=actor)


def _change(transaction: Transaction, row: Row[Any], definition: ExperimentDefinition) -> None:
    """Write a draft anew; its name, its time and who defined it stay."""
    key = {"experiment": row.id}
    transaction.execute(_WRITE.values(**columns_of(definition)), key)
    transaction.execute(_CLEAR, key)
    insert_variants(transaction, row.id, definition)


def _in_state(connection: Connection, project: str, name: str, to: ExperimentState) -> Row[Any]:
    """Find an experiment that may go on to a state.

    Raises
    ------
    ConflictError
        It may not (code ``experiment_state``).
    """
    row = existing_experiment(connection, project, name)
    if row.state not in _NEXT[to]:
        wanted = " or ".join(_NEXT[to])
        raise ConflictError(
            f"{experiment_subject(project, name)} is {row.state}; for that it must be {wanted}",
            code="experiment_state",
            experiment=f"{project}/{name}",
            state=row.state,
        )
    return row


def _move(
    transaction: Transaction,
    row: Row[Any],
    before: ExperimentDefinition,
    state: ExperimentState,
    actor: str,
    reason: str | None,
    **fields: Any,
) -> ExperimentDefinition:
    """Let an experiment go on to its next state."""
    at = {"running": "started_at"}.get(state, f"{state}_at")
    values = {"state": state, at: transaction.at, **fields}
    transaction.execute(_WRITE.values(**values), {"experiment": row.id})
    after = _one(transaction.connection, row.project, row.name)
    action = {"running": "started"}.get(state, state)
    _tell(transaction, action, before, after, actor=actor, reason=reason)
    return after


def _check_namespace(connection: Connection, row: Row[Any]) -> None:
    """Refuse to run beside an experiment of the namespace that has some of the same units.

    Raises
    ------
    ConflictError
        One has (code ``namespace_taken``).
    """
    key = {"namespace": row.namespace, "project": row.project}
    for other in connection.execute(_SHARING, key) if row.namespace is not None else ():
        apart = other.high <= row.low or row.high <= other.low
        alike = _assigned(other) == _assigned(row)
        if not (apart and alike):
            why = (
                f"it has {other.low:g} to {other.high:g} of the namespace"
                if alike
                else f"it assigns each {_assigned(other)}, this one each {_assigned(row)}"
            )
            raise ConflictError(
                f"{experiment_subject(row.project, row.name)} would share learners with "
                f"{other.name} in the namespace {row.namespace!r}: {why}. Take another slice, or "
                "another namespace",
                code="namespace_taken",
                experiment=f"{row.project}/{row.name}",
                other=f"{other.project}/{other.name}",
            )


def _assigned(row: Row[Any]) -> str:
    """Give what an experiment assigns: the slices of a namespace are of these."""
    return str(row.definition["cluster"] or row.definition["unit"])


def _exists(before: ExperimentDefinition, wanted: ExperimentDefinition) -> ConflictError:
    now, then = _told(wanted), _told(before)
    other = ", ".join(field for field, value in now.items() if value != then[field])
    return ConflictError(
        f"{experiment_subject(before.project, before.name)} is {before.state} and cannot be "
        f"changed any more; it has another {other}. Take another name, or leave out what it is "
        "to compare to get it as it is",
        code="experiment_exists",
        experiment=before.reference,
    )


def _told(definition: ExperimentDefinition) -> dict[str, Any]:
    """Give what events say of an experiment, and by what two are the same."""
    record = experiment_record(definition)
    kept = {field: value for field, value in record.items() if field not in _UNTOLD}
    parts = [{key: one[key] for key in ("name", "asked", "weight")} for one in record["variants"]]
    return kept | {"variants": parts}


def _tell(
    transaction: Transaction,
    action: str,
    before: ExperimentDefinition | None,
    after: ExperimentDefinition,
    *,
    actor: str,
    reason: str | None = None,
) -> None:
    """Write an event of what is other than before."""
    now = _news(after)
    then = None if before is None else _news(before)
    if then is not None:
        now, then = (
            {field: value for field, value in one.items() if now[field] != then[field]}
            for one in (now, dict(then))
        )
    transaction.tell(
        f"experiment.{action}",
        experiment_subject(after.project, after.name),
        actor=actor,
        before=then,
        after=now,
        reason=reason,
    )


def _news(definition: ExperimentDefinition) -> dict[str, Any]:
    pins = {name: [*pinned] for name, pinned in definition.variants.items() if pinned.digest}
    return _told(definition) | {
        "state": definition.state, "key_id": definition.key_id, "pinned": pins,
    }  # fmt: skip
