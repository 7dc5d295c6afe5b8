"""Experiments as plain JSON, for the store to keep, and back; and how their rows are written."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, update

from edversion.catalog.database import Transaction
from edversion.catalog.experiment_rows import read_definition, stored_definition
from edversion.catalog.experiment_tables import experiments, variants
from edversion.catalog.reading import referenced
from edversion.catalog.runs import project_id
from edversion.catalog.tables import dump_instant
from edversion.errors import NotFoundError
from edversion.model import ExperimentDefinition, Namespace, Pinned

__all__ = [
    "columns_of",
    "definition_of",
    "experiment_record",
    "insert_experiment",
    "insert_variants",
    "restore_experiment",
]

_PINNED = update(variants).where(
    variants.c.experiment_id == bindparam("experiment"), variants.c.name == bindparam("variant")
)
_TIMES = ("created_at", "started_at", "stopped_at", "archived_at")


def experiment_record(definition: ExperimentDefinition) -> dict[str, Any]:
    """Give an experiment as plain JSON."""
    times = {field: getattr(definition, field) for field in _TIMES}
    slice = definition.namespace
    return {
        **stored_definition(definition),
        "project": definition.project,
        "name": definition.name,
        "state": definition.state,
        "namespace": None if slice is None else [*slice],
        "ramp": definition.ramp,
        "key_id": definition.key_id,
        "created_by": definition.created_by,
        **{field: None if at is None else dump_instant(at) for field, at in times.items()},
        "variants": [
            {
                "name": name,
                "asked": definition.asked[name],
                "weight": definition.weights[name],
                "version": None if pinned.digest is None else pinned.reference,
                "digest": pinned.digest,
            }
            for name, pinned in definition.variants.items()
        ],
    }


def definition_of(record: Mapping[str, Any]) -> ExperimentDefinition:
    """Read an experiment out of what `experiment_record` gave."""
    parts, slice = record["variants"], record["namespace"]
    when: dict[str, Any] = {
        field: record[field] and datetime.fromisoformat(record[field]) for field in _TIMES
    }
    plain = ("project", "name", "ramp", "state", "key_id", "created_by")
    return ExperimentDefinition(
        **read_definition(record),
        **{field: record[field] for field in plain},
        **when,
        weights={one["name"]: one["weight"] for one in parts},
        variants={
            one["name"]: Pinned(one["version"] or one["asked"], one["digest"]) for one in parts
        },
        asked={one["name"]: one["asked"] for one in parts},
        namespace=None if slice is None else Namespace(*slice),
    )


def restore_experiment(transaction: Transaction, record: Mapping[str, Any]) -> None:
    """Write an experiment of a rebuilt catalog."""
    definition = definition_of(record)
    fields = (*_TIMES, "state", "key_id", "created_by")
    id = insert_experiment(
        transaction, definition, {field: getattr(definition, field) for field in fields}
    )
    for one in record["variants"]:
        if one["version"] is not None:
            pin = {"digest": one["digest"], "started_weight": one["weight"]}
            with suppress(NotFoundError):  # its receipt was lost
                pin["version_id"] = referenced(transaction.connection, one["version"])[0]
            key = {"experiment": id, "variant": one["name"]}
            transaction.execute(_PINNED.values(**pin), key)


def insert_experiment(
    transaction: Transaction, definition: ExperimentDefinition, made: Mapping[str, Any]
) -> int:
    """Write an experiment and its variants; give its id."""
    row = columns_of(definition) | {
        "project_id": project_id(transaction, definition.project),
        "name": definition.name,
        **made,
    }
    key = transaction.execute(insert(experiments), row).inserted_primary_key
    assert key is not None
    insert_variants(transaction, int(key[0]), definition)
    return int(key[0])


def insert_variants(transaction: Transaction, id: int, definition: ExperimentDefinition) -> None:
    """Write the variants of an experiment; their versions are pinned when it starts."""
    rows = [
        {
            "experiment_id": id,
            "position": position,
            "name": name,
            "asked": definition.asked[name],
            "weight": definition.weights[name],
        }
        for position, name in enumerate(definition.variants)
    ]
    transaction.execute(insert(variants), rows)


def columns_of(definition: ExperimentDefinition) -> dict[str, Any]:
    """Give what a draft may change."""
    name, low, high = definition.namespace or (None, None, None)
    return {
        "definition": stored_definition(definition),
        "namespace": name,
        "low": low,
        "high": high,
        "ramp": definition.ramp,
    }
