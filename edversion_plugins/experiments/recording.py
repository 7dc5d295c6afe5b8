"""Keep an analysis: a version on the frozen data, and metrics of the versions that were served."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pandas as pd

import edversion
from edversion import InvalidInputError, Repository, Run, Version
from edversion_plugins.experiments.finding import FILE, TYPE, analysis_name
from edversion_plugins.experiments.results import Report

__all__ = ["frozen_tables", "record"]

_TABLES = ("assignments", "exposures", "outcomes")
_TIMES = {"at", "assigned_at"}
_GIVEN = ("learners",)


def frozen_tables(frozen: Version) -> dict[str, Any]:
    """Read the tables that `Experiment.freeze` wrote; ``learners`` where it was given them.

    Raises
    ------
    InvalidInputError
        A table is not there.
    """
    paths = {file.path for file in frozen.files()}
    given = [name for name in _GIVEN if paths & {f"{name}.parquet", f"{name}.jsonl"}]
    return {name: _table(frozen, name, paths) for name in (*_TABLES, *given)}


def _table(frozen: Version, name: str, paths: Collection[str]) -> Any:
    if f"{name}.parquet" in paths:
        return pd.read_parquet(io.BytesIO(frozen.read_bytes(f"{name}.parquet")))
    if f"{name}.jsonl" in paths:
        return _lines(frozen.read_bytes(f"{name}.jsonl"), set() if name in _GIVEN else _TIMES)
    raise InvalidInputError(
        f"{frozen.reference} holds no table {name!r}; give what experiment.freeze() made",
        code="not_frozen",
        version=frozen.reference,
    )


def _lines(content: bytes, times: set[str]) -> Any:
    frame = pd.DataFrame([json.loads(line) for line in content.splitlines()])
    for column in times & set(frame.columns):
        frame[column] = pd.to_datetime(frame[column], format="ISO8601", utc=True)
    return frame


def record(repository: Repository, report: Report, frozen: Version) -> Report:
    """Log the report as an evaluation of the frozen data, and its numbers as metrics.

    Where a check failed, the report is kept and no number is.

    Parameters
    ----------
    repository : Repository
        Where the experiment is.
    report : Report
        What was found.
    frozen : Version
        What it was found in.

    Returns
    -------
    Report
        The same, with the references of both.
    """
    project, _, name = report.plan.experiment.rpartition("/")
    whole = replace(report, dataset=frozen.reference)
    with _run(repository, project) as run:
        data = run.use_artifact(frozen, relation="evaluated_on")
        served = [run.use_artifact(each, relation="evaluates") for each in report.plan.references]
        draft = _draft(whole, name, data, served)
        logged = run.log_artifact(draft)
        _log_metrics(run, whole, served, data, name)
    return replace(whole, version=logged.reference)


@contextmanager
def _run(repository: Repository, project: str) -> Iterator[Run]:
    """Give the run whose block this is, where it is of the same repository; else a new one."""
    joined = edversion.current_run()
    if joined is not None and joined.repository.location.store == repository.location.store:
        yield joined
        return
    with edversion.init(
        project,
        job_type="analyze",
        store=repository.location.store,
        catalog=repository.location.catalog,
    ) as own:
        yield own


def _draft(report: Report, name: str, data: Version, served: list[Version]) -> edversion.Artifact:
    content = json.dumps(report.as_json(), ensure_ascii=False, indent=2, sort_keys=True)
    draft = edversion.Artifact(
        analysis_name(name),
        TYPE,
        description=" ".join(report.sentences),
        metadata={
            "experiment": report.plan.experiment,
            "dataset": data.reference,
            "trusted": report.trusted,
            "variants": dict(zip(report.plan.variants, report.plan.references, strict=True)),
        },
    )
    draft.add_bytes(content.encode() + b"\n", FILE)
    for version in dict.fromkeys(served):
        draft.add_source(version, "evaluates")
    draft.add_source(data, "evaluated_on")
    return draft


def _log_metrics(run: Run, report: Report, served: list[Version], data: Version, name: str) -> None:
    """Record what each variant came out as, and how far from the control, on its version.

    What the newest such metric says already is not said again: people look more than once.
    """
    apart = len(set(report.plan.references)) == len(report.plan.references)
    for variant, version in zip(report.plan.variants, served, strict=True):
        split = name if apart else f"{name}:{variant}"  # in an A/A test they are one version
        last = {  # oldest first, so that the newest stays
            (each.slice or "", each.key): (each.value, each.n, each.low, each.high)
            for each in run.repository.metrics(version)
            if (each.dataset, each.split) == (data.reference, split)
        }
        for slice, metrics in _metrics(report, variant).items():
            new = {
                key: one
                for key, one in metrics.items()
                if last.get((slice, key)) != tuple(map(one.get, ("value", "n", "low", "high")))
            }
            if new:
                run.log_metrics(
                    new, version=version, dataset=data, split=split, slice=slice or None
                )


def _metrics(report: Report, variant: str) -> Mapping[str, dict[str, Any]]:
    """Give the metrics of a variant by slice, and by name in it; all learners are ``""``."""
    found: dict[str, dict[str, Any]] = {}
    for outcome in report.outcomes:
        key = f"engagement/{outcome.name}"
        for slice, levels in {"": outcome.levels, **outcome.slices}.items():
            if variant in levels:
                found.setdefault(slice, {})[key] = levels[variant].metric()
        for each in outcome.comparisons:
            if each.variant == variant and each.registered is not None:
                effects = {"": each.registered, **{one.slice: one.found for one in each.groups}}
                for slice, effect in effects.items():
                    if effect is not None:
                        found.setdefault(slice, {})[f"{key}_effect"] = effect.metric()
    return found
