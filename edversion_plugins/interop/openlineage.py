"""Runs as events of OpenLineage 2-0-2: https://openlineage.io/spec/2-0-2/OpenLineage.json.

A run is one run of a job that is named after its kind, in a namespace that is its project; a
collection is a data set, in the namespace of its repository's store.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import edversion
from edversion import RunInfo, Version

if TYPE_CHECKING:
    from edversion import Repository

__all__ = ["run_events"]

_SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs"
_FACETS = "https://openlineage.io/spec/facets/1-0-0"
_PRODUCER = f"pkg:pypi/edversion@{edversion.__version__}"
_ENDS = {"finished": "COMPLETE", "failed": "FAIL", "crashed": "ABORT"}

Json = dict[str, Any]


def run_events(repository: Repository, run: RunInfo) -> Iterator[Json]:
    """Give the events of a run: that it started and, unless it still runs, how it ended.

    Nobody knows when a crashed run ended; its last event has the time of its start.

    Parameters
    ----------
    repository : Repository
        Where the run is recorded.
    run : RunInfo
        The run.

    Yields
    ------
    dict
        A ``RunEvent``. Its run's id is made of the store's and the run's, so that it is the
        same each time; inputs and outputs have their digest as their version.
    """
    catalog = repository.catalog
    relations: dict[Version, list[str]] = {}
    for version, relation in catalog.uses_of_run(run.id):
        relations.setdefault(version, []).extend(filter(None, [relation]))
    place = repository.store.id
    inputs = [_dataset(version, place, said) for version, said in relations.items()]
    logged = catalog.versions_of_run(run.id, "logged")
    yield _event("START", run.started_at, run, place) | {"inputs": inputs, "outputs": []}
    if run.status in _ENDS:
        end = _event(_ENDS[run.status], run.ended_at or run.started_at, run, place)
        yield end | {"inputs": inputs, "outputs": [_dataset(each, place) for each in logged]}


def _event(kind: str, at: datetime, run: RunInfo, place: str) -> Json:
    return {
        "eventType": kind,
        "eventTime": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "producer": _PRODUCER,
        "schemaURL": f"{_SPEC}/RunEvent",
        "run": {
            "runId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"edversion:{place}/{run.id}")),
            "facets": _run_facets(run) if kind != "START" else {},
        },
        "job": {"namespace": run.project, "name": run.job_type or "run", "facets": {}},
    }


def _run_facets(run: RunInfo) -> Json:
    """Tell of a failed run what failed: the last line of its traceback."""
    if run.error is None:
        return {}
    lines = run.error.strip().splitlines()
    error = _facet(f"{_FACETS}/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet") | {
        "message": lines[-1] if lines else "",
        "programmingLanguage": "Python",
        "stackTrace": run.error,
    }
    return {"errorMessage": error}


def _dataset(version: Version, place: str, relations: list[str] | None = None) -> Json:
    facts = {
        "reference": version.reference,
        "type": version.type,
        "size": version.size,
        "fileCount": version.file_count,
    }
    if relations is not None:
        facts["relations"] = relations
    facets = {
        "version": _facet(
            f"{_FACETS}/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet"
        )
        | {"datasetVersion": version.digest},
        "edversion_version": _facet(f"{_SPEC}/DatasetFacet") | facts,
    }
    return {
        "namespace": f"edversion://{place}",
        "name": f"{version.project}/{version.name}",
        "facets": facets,
    }


def _facet(schema: str) -> Json:
    return {"_producer": _PRODUCER, "_schemaURL": schema}
