"""Metrics: values measured for a version, on a dataset version, for a slice."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select

from edversion.catalog.area import Area
from edversion.catalog.database import Transaction, VersionKey
from edversion.catalog.finding import collection_place
from edversion.catalog.reading import keys_of, located, referenced
from edversion.catalog.runs import run_id_of
from edversion.catalog.tables import metrics, versions
from edversion.errors import InvalidInputError
from edversion.model import Metric, Version

__all__ = ["Metrics", "metrics_of", "write_metrics"]

_ADD = insert(metrics)


class Metrics(Area):
    """Everything about metrics."""

    def log_metrics(self, logged: Sequence[Metric]) -> None:
        """Record metrics; all of them, or none.

        Raises
        ------
        InvalidInputError
            A value is not finite, or a reference names no number.
        NotFoundError
            A version, dataset or run does not exist.
        """
        for metric in logged:
            _check(metric)
        with self._database.write() as transaction:
            for version_id, key in write_metrics(transaction, logged).items():
                transaction.changed(version_id, key)

    def metrics(
        self, *, version: Version | None = None, run: str | None = None, key: str | None = None
    ) -> tuple[Metric, ...]:
        """Give metrics, oldest first, of a version, a run and a key where these are given."""
        query = select(metrics)
        with self._database.read() as connection:
            if version is not None:
                row = located(connection, version, deleted=True)
                query = query.where(metrics.c.version_id == row.id)
            if run is not None:
                query = query.where(metrics.c.run_id == run_id_of(connection, run))
            if key is not None:
                query = query.where(metrics.c.key == key)
            return metrics_of(connection, query)

    def metrics_by_version(self, of: Collection[Version]) -> dict[str, tuple[Metric, ...]]:
        """Give the metrics of versions, oldest first, by full reference; one query a collection."""
        numbers: dict[tuple[str, str], list[int]] = {}
        for version in of:
            numbers.setdefault((version.project, version.name), []).append(version.number)
        found: dict[str, list[Metric]] = {version.reference: [] for version in of}
        with self._database.read() as connection:
            for place, wanted in numbers.items():
                query = (
                    select(metrics)
                    .join(versions, versions.c.id == metrics.c.version_id)
                    .where(
                        versions.c.collection_id == collection_place(connection, *place).id,
                        versions.c.number.in_(wanted),
                    )
                )
                for metric in metrics_of(connection, query):
                    if metric.version is not None:
                        found[metric.version].append(metric)
        return {reference: tuple(each) for reference, each in found.items()}

    def metrics_since(
        self, project: str, name: str, number: int, *, keys: Collection[str]
    ) -> tuple[Metric, ...]:
        """Give some metrics of a collection's versions from a number on, oldest first."""
        with self._database.read() as connection:
            place = collection_place(connection, project, name)
            query = (
                select(metrics)
                .join(versions, versions.c.id == metrics.c.version_id)
                .where(
                    versions.c.collection_id == place.id,
                    versions.c.number >= number,
                    metrics.c.key.in_(keys),
                )
            )
            return metrics_of(connection, query)


def metrics_of(connection: Connection, query: Select[Any]) -> tuple[Metric, ...]:
    """Run a query over `metrics` and give what it finds, oldest first."""
    rows = connection.execute(query.order_by(metrics.c.id)).all()
    ids = {id for row in rows for id in (row.version_id, row.dataset_id) if id is not None}
    references = {id: "{}/{}:v{}".format(*key) for id, key in keys_of(connection, ids).items()}
    return tuple(_metric(row, references) for row in rows)


def write_metrics(transaction: Transaction, logged: Sequence[Metric]) -> dict[int, VersionKey]:
    """Write metrics whose values are finite; give the versions they are of."""
    named = {text for metric in logged for text in (metric.version, metric.dataset)}
    found = {text: referenced(transaction.connection, text) for text in named if text is not None}
    known = {
        run: run_id_of(transaction.connection, run)
        for run in {metric.run for metric in logged}
        if run is not None
    }
    rows = []
    for metric in logged:
        fields = asdict(metric)
        version, dataset, run = (fields.pop(name) for name in ("version", "dataset", "run"))
        fields["version_id"] = found[version][0] if version is not None else None
        fields["dataset_id"] = found[dataset][0] if dataset is not None else None
        fields["run_id"] = known[run] if run is not None else None
        rows.append(fields)
    if rows:
        transaction.execute(_ADD, rows)
    return dict(found[metric.version] for metric in logged if metric.version is not None)


def _check(metric: Metric) -> None:
    for name in ("value", "low", "high"):
        value = getattr(metric, name)
        if value is not None and not math.isfinite(value):
            raise InvalidInputError(
                f"metric {metric.key!r}: {name} is {value}; only finite numbers are kept",
                code="not_finite",
                key=metric.key,
            )


def _metric(row: Row[Any], references: dict[int, str]) -> Metric:
    return Metric(
        key=row.key,
        value=row.value,
        version=references.get(row.version_id),
        dataset=references.get(row.dataset_id),
        split=row.split,
        slice=row.slice,
        n=row.n,
        low=row.low,
        high=row.high,
        step=row.step,
        run=row.run_id,
        at=row.at,
    )
