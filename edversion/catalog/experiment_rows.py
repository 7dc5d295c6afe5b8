"""Rows to experiments: definitions, what open ones protect, and what is said of none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select

from edversion.catalog.area import batches
from edversion.catalog.experiment_tables import experiments, variants
from edversion.catalog.reading import keys_of, subject_of
from edversion.catalog.tables import projects
from edversion.errors import NotFoundError, RefusedError
from edversion.model import ExperimentDefinition, Json, Namespace, Pinned

__all__ = [
    "EXPERIMENTS",
    "ONE_EXPERIMENT",
    "existing_experiment",
    "experiment_subject",
    "missing_experiment",
    "protected_by_experiments",
    "read_definition",
    "refuse_compared",
    "stored_definition",
    "to_definitions",
    "why_protected",
]

EXPERIMENTS = select(experiments, projects.c.name.label("project")).join(
    projects, projects.c.id == experiments.c.project_id
)
"""Every experiment, with its project."""

ONE_EXPERIMENT = EXPERIMENTS.where(
    projects.c.name == bindparam("project"), experiments.c.name == bindparam("name")
)

_VARIANTS = (
    select(variants)
    .where(variants.c.experiment_id.in_(bindparam("ids", expanding=True)))
    .order_by(variants.c.experiment_id, variants.c.position)
)
# A stopped one serves its first variant, and what came of it is still to be analyzed.
_OPEN = ("running", "stopped")
_COMPARED: Select[Any] = (
    select(
        projects.c.name.label("project"),
        experiments.c.name,
        experiments.c.state,
        variants.c.version_id,
    )
    .select_from(variants)
    .join(experiments, experiments.c.id == variants.c.experiment_id)
    .join(projects, projects.c.id == experiments.c.project_id)
    .where(experiments.c.state.in_(_OPEN), variants.c.version_id.is_not(None))
    .order_by(projects.c.name, experiments.c.name)
)
_COMPARED_ONE = _COMPARED.where(variants.c.version_id == bindparam("version"))

_STORED = (
    "salt", "unit", "cluster", "outcomes", "primary", "guardrails", "consistency", "alpha",
    "margins", "covariates", "outliers", "groups", "lower_is_better",
)  # fmt: skip
_TUPLES = ("covariates", "groups", "lower_is_better")
_LATER: dict[str, Any] = {"lower_is_better": ()}  # what definitions of before do not say
_PLAIN = ("project", "name", "state", "ramp", "key_id", "created_by")
_TIMES = ("created_at", "started_at", "stopped_at", "archived_at")


def stored_definition(definition: ExperimentDefinition) -> dict[str, Json]:
    """Give what the column ``definition`` holds: all that has no column of its own."""
    stored = {field: getattr(definition, field) for field in _STORED}
    return stored | {field: list(stored[field]) for field in _TUPLES}


def read_definition(record: Mapping[str, Any]) -> dict[str, Any]:
    """Read what `stored_definition` gave, also before it knew of all fields."""
    known = {**_LATER, **record}
    stored = {field: known[field] for field in _STORED}
    return stored | {field: tuple(stored[field]) for field in _TUPLES}


def to_definitions(
    connection: Connection, rows: Sequence[Row[Any]]
) -> tuple[ExperimentDefinition, ...]:
    """Make definitions of rows of `EXPERIMENTS`."""
    found: dict[int, list[Row[Any]]] = {row.id: [] for row in rows}
    for batch in batches(found):
        for row in connection.execute(_VARIANTS, {"ids": batch}):
            found[row.experiment_id].append(row)
    ids = {one.version_id for all_of in found.values() for one in all_of}
    names = {id: "{}/{}:v{}".format(*key) for id, key in keys_of(connection, ids - {None}).items()}
    return tuple(_definition(row, found[row.id], names) for row in rows)


def _definition(
    row: Row[Any], parts: Sequence[Row[Any]], names: Mapping[int, str]
) -> ExperimentDefinition:
    return ExperimentDefinition(
        **read_definition(row.definition),
        **{field: getattr(row, field) for field in _PLAIN + _TIMES},
        weights={one.name: one.weight for one in parts},
        variants={
            one.name: Pinned(names.get(one.version_id, one.asked), one.digest) for one in parts
        },
        asked={one.name: one.asked for one in parts},
        namespace=None if row.namespace is None else Namespace(row.namespace, row.low, row.high),
        reweighed=any(one.started_weight not in (None, one.weight) for one in parts),
    )


def existing_experiment(connection: Connection, project: str, name: str) -> Row[Any]:
    """Find the row of an experiment.

    Raises
    ------
    NotFoundError
        There is none; the message says which there are.
    """
    row = connection.execute(ONE_EXPERIMENT, {"project": project, "name": name}).one_or_none()
    if row is None:
        raise missing_experiment(connection, f"{project}/{name}")
    return row


def missing_experiment(connection: Connection, name: str) -> NotFoundError:
    """Say that there is no such experiment, and which there are."""
    rows = connection.execute(EXPERIMENTS.order_by(projects.c.name, experiments.c.name))
    names = ", ".join(f"{row.project}/{row.name}" for row in rows) or "none"
    return NotFoundError(
        f"there is no experiment {name}; there are: {names}. Define it with "
        f"repository.experiment({name.rpartition('/')[2]!r}, variants=…)",
        code="no_experiment",
        experiment=name,
    )


def experiment_subject(project: str, name: str) -> str:
    """Give what events call an experiment: a collection may have its name."""
    return f"experiment {project}/{name}"


def why_protected(connection: Connection, version_id: int) -> tuple[str, ...]:
    """Say which open experiments serve a version: those that run or are stopped."""
    return tuple(map(_serves, connection.execute(_COMPARED_ONE, {"version": version_id})))


def protected_by_experiments(connection: Connection) -> dict[int, str]:
    """Give the ids of all versions that open experiments serve, and which does."""
    return {row.version_id: _serves(row) for row in connection.execute(_COMPARED)}


def refuse_compared(connection: Connection, row: Row[Any]) -> None:
    """Refuse to remove the version of a row of `VERSIONS` while an experiment serves it.

    Raises
    ------
    RefusedError
        One that is not archived does (code ``in_experiment``).
    """
    reasons = why_protected(connection, row.id)
    if reasons:
        raise RefusedError(
            f"{subject_of(row)} cannot be removed: {'; '.join(reasons)}. Analyze and archive the "
            "experiment first",
            code="in_experiment",
            reference=subject_of(row),
            reasons=reasons,
        )


def _serves(row: Row[Any]) -> str:
    return f"experiment {row.project}/{row.name} is {row.state} and serves it"
