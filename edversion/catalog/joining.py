"""Join facts of another repository to those that are here, none of them twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from edversion.catalog.database import Transaction, VersionKey
from edversion.catalog.edges import NO_RELATION
from edversion.catalog.metrics import metrics_of, write_metrics
from edversion.catalog.reading import subject_of
from edversion.catalog.rebuild import run_values
from edversion.catalog.runs import project_id
from edversion.catalog.tables import metrics, run_versions, runs
from edversion.digests import canonical_json
from edversion.model import Json, Metric
from edversion.reference import parse_reference

__all__ = ["changed_since", "join_metrics", "join_runs"]

Known = Callable[[VersionKey], VersionKey | None]


def changed_since(
    before: Mapping[str, Json], there: Mapping[str, Json], here: Mapping[str, Json]
) -> dict[str, Json]:
    """Give what is here, with what was changed there since the two agreed.

    Examples
    --------
    >>> changed_since({"a": 1, "b": 1}, {"a": 2}, {"a": 1, "b": 1, "c": 5})
    {'a': 2, 'c': 5}
    """
    joined = dict(here)
    for key in {**before, **there}:
        was, now = before.get(key), there.get(key)
        if (key in before) == (key in there) and canonical_json(was) == canonical_json(now):
            continue
        if key in there:
            joined[key] = now
        else:
            joined.pop(key, None)
    return joined


def join_runs(
    transaction: Transaction,
    row: Row[Any],
    edges: Iterable[Mapping[str, Any]],
    records: Mapping[str, Mapping[str, Any]],
) -> bool:
    """Write runs, and how they are connected with a version; tell whether something was new."""
    news = False
    for record in records.values():
        news |= _join_run(transaction, record)
    query = select(run_versions).where(run_versions.c.version_id == row.id)
    known = {(e.run_id, e.direction, e.relation) for e in transaction.execute(query)}
    for edge in edges:
        key = (edge["run"], edge["direction"], edge["relation"] or NO_RELATION)
        if key not in known:
            values = dict(zip(("run_id", "direction", "relation"), key, strict=True))
            at = {"version_id": row.id, "at": datetime.fromisoformat(edge["at"])}
            transaction.execute(insert(run_versions), values | at)
            known.add(key)
            news = True
    return news


def _join_run(transaction: Transaction, record: Mapping[str, Any]) -> bool:
    """Write a run that is not here, or how one ended that was under way when it came."""
    found = transaction.execute(select(runs).where(runs.c.id == record["id"])).one_or_none()
    values = run_values(record)
    if found is None:
        place = {"project_id": project_id(transaction, record["project"])}
        transaction.execute(insert(runs), values | place)
        return True
    if found.ended_at is not None or values["ended_at"] is None:
        return False
    if found.started_at != values["started_at"]:  # another run of the same id
        return False
    transaction.execute(update(runs).where(runs.c.id == record["id"]).values(values))
    return True


def join_metrics(
    transaction: Transaction, row: Row[Any], measured: Iterable[Mapping[str, Any]], known: Known
) -> bool:
    """Write metrics that are not here yet; tell whether all their datasets are here.

    One whose dataset comes later is told without it until then.
    """
    query = select(metrics).where(metrics.c.version_id == row.id)
    there = metrics_of(transaction.connection, query)
    here = {_facts(metric): metric.dataset for metric in there}
    complete, fresh = True, []
    for fields in measured:
        dataset = _renamed(fields["dataset"], known)
        complete &= fields["dataset"] is None or dataset is not None
        metric = Metric(**{
            **fields, "version": subject_of(row), "dataset": dataset,
            "at": datetime.fromisoformat(fields["at"]),
        })  # fmt: skip
        key = _facts(metric)
        if key in here and (here[key] is not None or dataset is None):
            continue
        if key in here:
            _forget(transaction, row, metric)
        here[key] = dataset
        fresh.append(metric)
    write_metrics(transaction, fresh)
    return complete


def _facts(metric: Metric) -> Metric:
    return replace(metric, dataset=None)


def _forget(transaction: Transaction, row: Row[Any], metric: Metric) -> None:
    """Remove a metric that is about to be written with its dataset."""
    columns = ("key", "value", "split", "slice", "step", "at")
    same = [metrics.c[name] == getattr(metric, name) for name in columns]
    mine = (metrics.c.version_id == row.id, metrics.c.dataset_id.is_(None))
    transaction.execute(metrics.delete().where(*mine, *same))


def _renamed(reference: str | None, known: Known) -> str | None:
    """Give what a dataset version there is called here, or None where it is not here."""
    if reference is None:
        return None
    parsed = parse_reference(reference)
    if parsed.project is None or parsed.number is None:
        return None
    key = known((parsed.project, parsed.name, parsed.number))
    return None if key is None else "{}/{}:v{}".format(*key)
