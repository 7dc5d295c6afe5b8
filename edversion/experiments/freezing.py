"""Freeze what an experiment recorded: a dataset version, made from the versions it served."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from edversion.artifact import Artifact
from edversion.catalog import definition_of, experiment_record
from edversion.commit import CommitOptions
from edversion.digests import canonical_json
from edversion.environment import actor
from edversion.errors import InvalidInputError, NotFoundError
from edversion.experiments.home import Home
from edversion.experiments.learners import LEARNERS
from edversion.model import ExperimentDefinition, Version

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "SERVED_IN",
    "draft_of_tables",
    "freeze",
    "frozen_definition",
    "frozen_name",
    "frozen_versions",
]

SERVED_IN = "served_in"
"""The relation of a frozen experiment to the versions that it served."""

Tables = Mapping[str, Mapping[str, list[Any]]]

_NUMBERS = {"value"}
_TIMES = {"at", "assigned_at"}
_DEFINITION = "definition.json"


def frozen_name(name: str) -> str:
    """Give the collection of the frozen data of an experiment."""
    return f"{name}-data"


def frozen_versions(home: Home, definition: ExperimentDefinition) -> tuple[Version, ...]:
    """Give the versions that hold rows of an experiment, the newest first."""
    try:
        return home.catalog.versions(definition.project, frozen_name(definition.name))
    except NotFoundError:
        return ()


def frozen_definition(version: Version) -> ExperimentDefinition:
    """Give what an experiment was when `Experiment.freeze` made a version of its rows.

    Parameters
    ----------
    version : Version
        Of a collection ``<name>-data``.

    Raises
    ------
    InvalidInputError
        It holds no experiment (code ``not_frozen``).

    Examples
    --------
    >>> import edversion, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with edversion.init("demo", store=folder.name) as run:
    ...     for content in (b"old", b"new"):
    ...         draft = edversion.Artifact("rec", type="model")
    ...         draft.add_bytes(content, "model.bin")
    ...         _ = run.log_artifact(draft)
    ...     made = run.repository.experiment(
    ...         "rec-test", variants={"control": "rec:v0", "new": "rec:v1"},
    ...         outcomes={"errors": "mean"}, lower_is_better=["errors"],
    ...     )
    ...     frozen = made.freeze()
    >>> edversion.frozen_definition(frozen).lower_is_better
    ('errors',)
    >>> folder.cleanup()
    """
    try:
        return definition_of(json.loads(version.read_bytes(_DEFINITION)))
    except (NotFoundError, KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{version.reference} holds no experiment; give what experiment.freeze() made",
            code="not_frozen",
            version=version.reference,
        ) from error


def freeze(home: Home, definition: ExperimentDefinition, tables: Tables) -> Version:
    """Log the tables as a dataset version, in a run of our own."""
    draft = draft_of_tables(home, definition, tables)
    with home.working(definition.project, "freeze") as run:
        options = CommitOptions(project=definition.project, run=run, actor=actor(), noted_now=True)
        return home.commit(draft, options).version


def draft_of_tables(home: Home, definition: ExperimentDefinition, tables: Tables) -> Artifact:
    """Make a draft of the tables and the definition; its sources are what was served."""
    draft = Artifact(
        frozen_name(definition.name),
        type="dataset",
        description=f"What experiment {definition.reference} assigned, served and measured",
        metadata={
            "experiment": definition.reference,
            "rows": {name: len(columns["unit"]) for name, columns in tables.items()},
        },
    )
    for name, columns in tables.items():
        of_learners = name == LEARNERS
        numbers = set(definition.covariates) if of_learners else _NUMBERS
        suffix, content = _encoded(columns, numbers, set() if of_learners else _TIMES)
        draft.add_bytes(content, f"{name}.{suffix}")
    draft.add_bytes(canonical_json(experiment_record(definition)) + b"\n", _DEFINITION)
    for reference in _served(definition):
        draft.add_source(home.version(reference), SERVED_IN)
    return draft


def _served(definition: ExperimentDefinition) -> Iterator[str]:
    """Give the versions that were pinned; two variants may have the same."""
    found = (pinned.reference for pinned in definition.variants.values() if pinned.digest)
    yield from dict.fromkeys(found)


def _encoded(
    columns: Mapping[str, list[Any]], numbers: set[str], times: set[str]
) -> tuple[str, bytes]:
    """Write a table: Parquet where pyarrow is there, else JSON lines."""
    try:
        import pyarrow as pa
    except ImportError:
        return "jsonl", _lines(columns)
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(_arrow(pa, columns, numbers, times), out)
    return "parquet", out.getvalue()


def _arrow(
    pa: Any, columns: Mapping[str, list[Any]], numbers: set[str], times: set[str]
) -> pa.Table:
    """Give an Arrow table whose types do not depend on what is in it."""
    kinds = {
        name: pa.float64()
        if name in numbers
        else pa.timestamp("us", tz="UTC")
        if name in times
        else pa.string()
        for name in columns
    }
    return pa.table(dict(columns), schema=pa.schema(kinds))


def _lines(columns: Mapping[str, list[Any]]) -> bytes:
    rows = zip(*columns.values(), strict=True)
    lines = (json.dumps(dict(zip(columns, map(_plain, row), strict=True))) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
