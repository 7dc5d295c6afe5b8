"""Measure a version on data, overall and by group of learners, and record what comes out."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

import edversion
from edversion_plugins.evaluation import Fairness, FairnessReport
from edversion_plugins.sklearn.keeping import keeper
from edversion_plugins.sklearn.recording import FRAMEWORK, joined_run
from edversion_plugins.sklearn.scoring import deciding, measure, predictions_of
from edversion_plugins.tracking import Monitor, Settings, Tracker

__all__ = ["Evaluation", "evaluate"]

_log = logging.getLogger("edversion.tracking")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well a model does on data.

    Attributes
    ----------
    metrics : mapping of str to float
        Overall values, by name.
    reports : tuple of FairnessReport
        By group; empty where no group was named.
    split : str
        What the data are.
    version, dataset : str or None
        References of what was measured, and on what; None where they are no versions.
    predictions : str or None
        Reference of the evaluation that holds them; None where none was asked for.
    """

    metrics: Mapping[str, float]
    reports: tuple[FairnessReport, ...]
    split: str
    version: str | None
    dataset: str | None
    predictions: str | None = None

    @property
    def passes(self) -> bool | None:
        """Whether all fairness bounds hold; None where there are none."""
        answers = [answer for each in self.reports if (answer := each.passes()) is not None]
        return all(answers) if answers else None

    @property
    def failures(self) -> tuple[str, ...]:
        """A sentence for each bound that does not hold, or could not be tested."""
        return tuple(sentence for each in self.reports for sentence in each.failures())

    def __str__(self) -> str:
        about = self.version or "a model that is no version"
        lines = [f"{about} on {self.dataset or self.split}"]
        rows = [(name, f"{value:.4f}") for name, value in self.metrics.items()]
        for report in self.reports:
            rows += [(name, f"{each['value']:.4f}") for name, each in report.metrics().items()]
        width = max((len(name) for name, _ in rows), default=0)
        lines += [f"  {name:<{width}}  {value}" for name, value in rows]
        if self.predictions is not None:
            lines.append(f"  intervals, tests and predictions: {self.predictions}")
        lines += [line for report in self.reports for line in _groups_of(report)]
        if self.passes is not None:
            lines.append("  all fairness bounds hold" if self.passes else "  not a candidate:")
        return "\n".join([*lines, *(f"    {each}" for each in self.failures)])


def _groups_of(report: FairnessReport) -> Iterator[str]:
    """Say which groups were measured, which are not shown, and why."""
    for each in report.attributes:
        sizes = (f"{group.label} ({group.n:,})" for group in each.groups)
        yield f"  {each.name}: {', '.join(sizes) or 'no group is shown'}"
        if each.skipped:
            yield f"    not shown, too small or giving away a small one: {len(each.skipped)}"
        if each.unknown:
            yield f"    {each.unknown:,} of unknown group"


def evaluate(
    estimator: Any,
    settings: Settings,
    reference: str | None,
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    sample_weight: Any = None,
    split: str = "test",
    dataset: str | edversion.Version | None = None,
    monitor: str | Monitor | None = None,
    keep_predictions: bool = False,
) -> Evaluation:
    """Measure a fitted estimator, and record it for the version that it became.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    settings : Settings
        Where the version is, and the fairness that is asked for.
    reference : str or None
        The version; None where there is none, and nothing is recorded.
    X, y, groups, sample_weight, split, dataset, keep_predictions
        As for `Versioned.evaluate`.
    monitor
        As for `Versioned`.

    Raises
    ------
    InvalidInputError
        y has missing values, a column of groups does not exist, lengths differ, the rows of a
        frame of groups are in another order than the data's, or predictions cannot be kept.
        Nothing is recorded then.
    """
    monitors = deciding(monitor)
    _check_known(y)
    predictions = predictions_of(estimator, X)
    overall = measure(estimator, predictions, X, y, sample_weight)
    columns = _columns(groups, X, settings.fairness)
    _check_rows(groups, X if hasattr(X, "iloc") else y)
    keep = None
    if keep_predictions:
        keep = keeper(predictions, X, y, sample_weight, columns, settings.fairness)
    score = predictions.scores if predictions.kind == "classifier" else None
    reports = tuple(
        each.measure(y, predictions.predicted, score, groups=columns)
        for each in _fairness(settings.fairness, columns)
    )
    version, data, kept = reference, None, None
    if reference is None:
        _log.warning("what was measured is recorded nowhere: the model became no version")
    else:
        given = {"X": X, "y": y, "groups": columns, "sample_weight": sample_weight}
        parts = {name: value for name, value in given.items() if value is not None}
        data, kept = _record(
            settings, reference, monitors, overall, reports, split, dataset or parts, keep
        )
    values = {name: float(each["value"]) for name, each in overall.items()}
    return Evaluation(values, reports, split, version, data, kept)


def _record(
    settings: Settings,
    reference: str,
    monitors: tuple[Monitor, ...],
    overall: Mapping[str, Any],
    reports: tuple[FairnessReport, ...],
    split: str,
    data: Any,
    keep: Callable[..., str] | None,
) -> tuple[str | None, str | None]:
    """Record an evaluation; give the references of the data and of the predictions."""
    kept = None
    measured = {*overall, *(name for each in reports for name in each.metrics())}
    decides = [monitor for monitor in monitors if monitor.name in measured][:1]
    tracker = Tracker(settings, framework=FRAMEWORK, monitors=decides)
    about = {"evaluated": reference, "split": split}
    with tracker.guarded("record the evaluation"), _run(settings, about) as run:
        tracker.start(about, run=run)
        version = run.repository.version(reference)
        measured_on = tracker.dataset(data, "evaluated_on", split=split)
        tracker.judge(version, overall, reports=reports, split=split, dataset=measured_on)
        if keep is not None:
            with tracker.guarded("keep the predictions"):
                kept = keep(run=run, version=version, dataset=measured_on, split=split)
        tracker.finish()
        return (None if measured_on is None else measured_on.reference), kept
    return None, kept


@contextmanager
def _run(settings: Settings, about: Mapping[str, str]) -> Iterator[edversion.Run]:
    """Give the run whose block the caller is in, or one of its own."""
    joined = joined_run(settings)
    if joined is not None:
        yield joined
        return
    with edversion.init(
        settings.project or about["evaluated"].partition("/")[0],
        config=about,
        job_type="evaluate",
        store=settings.store,
        catalog=settings.catalog,
    ) as run:
        yield run


def _fairness(given: tuple[Fairness, ...], columns: Any) -> tuple[Fairness, ...]:
    if columns is None:
        return ()
    return given or (Fairness(list(columns)),)


def _columns(groups: Any, X: Any, fairness: tuple[Fairness, ...]) -> dict[str, Any] | None:
    """Give the columns that tell the groups, by name; None where nobody named any."""
    wanted = list(dict.fromkeys(name for each in fairness for name in each.attributes))
    if groups is None:
        if not wanted or not hasattr(X, "columns") or not set(wanted) <= set(X.columns):
            _miss(wanted)
            return None
        groups = X[wanted]
    if hasattr(groups, "to_frame"):  # one column
        groups = groups.to_frame()
    if not isinstance(groups, Mapping) and not hasattr(groups, "columns"):
        raise edversion.InvalidInputError(
            "groups must be a data frame or a mapping of columns by name, such as "
            f"df[['gender', 'ses']], not {type(groups).__name__}",
            code="bad_argument",
            argument="groups",
        )
    names = list(groups) if isinstance(groups, Mapping) else list(groups.columns)
    if not set(wanted) <= set(map(str, names)):
        wanted = []  # whoever measures says which column is missing, and which there are
    return {str(name): groups[name] for name in names if not wanted or name in wanted}


def _check_known(y: Any) -> None:
    """Refuse outcomes that nobody knows: scikit-learn's own message is about sorting them."""
    import pandas as pd

    unknown = int(np.sum(pd.isna(np.asarray(y))))
    if unknown:
        raise edversion.InvalidInputError(
            f"y has {unknown} missing values; leave out those rows, of X and of groups too",
            code="missing_outcome",
        )


def _check_rows(groups: Any, data: Any) -> None:
    """Refuse groups whose rows are those of the data in another order: they go by position."""
    own: Any = getattr(groups, "index", None)
    known: Any = getattr(data, "index", None)
    if not hasattr(own, "equals") or not hasattr(known, "equals") or own.equals(known):
        return
    if len(own) == len(known) and known.is_unique and known.isin(own).all():
        raise edversion.InvalidInputError(
            "groups has the rows of the data in another order, and learners would be taken for "
            "members of the wrong group; give groups.loc[X.index]",
            code="rows_unknown",
        )


def _miss(wanted: list[str]) -> None:
    if wanted:
        warnings.warn(
            f"fairness by {', '.join(wanted)} was not measured: give groups=, as X has no such "
            "columns",
            edversion.AdapterWarning,
            stacklevel=5,
        )
