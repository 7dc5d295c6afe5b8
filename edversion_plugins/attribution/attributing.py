"""From versions to the verdict: load, predict four times, and say what moved the score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

import edversion
from edversion import InvalidInputError, Version
from edversion_plugins.attribution.analysing import Finer, Items, attribute_scores
from edversion_plugins.attribution.models import Predict, model_of
from edversion_plugins.attribution.results import Attribution
from edversion_plugins.attribution.rows import Rows
from edversion_plugins.attribution.scoring import Better, RowMetric, metric_of
from edversion_plugins.attribution.tables import Columns, Table, read_table
from edversion_plugins.attribution.verdicts import Rule, StrataOf
from edversion_plugins.evaluation.arrays import Floats, as_array
from edversion_plugins.evaluation.inputs import Label
from edversion_plugins.evaluation.intervals import Uncertainty

__all__ = ["attribute"]


def attribute(
    old: Any,
    new: Any,
    *,
    old_data: Any,
    new_data: Any,
    target: str | None = None,
    features: Sequence[str] | None = None,
    predict: Predict | None = None,
    metric: Any = "accuracy",
    better: Better | None = None,
    positive: Label | None = None,
    strata: str | Sequence[str] | None = None,
    strata_of: StrataOf = "learners",
    covariates: str | Sequence[str] | None = None,
    cluster: str | None = None,
    items: str | None = None,
    anchors: Sequence[str] | None = None,
    rule: Rule | None = None,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
    trusted: Iterable[str | type] = (),
    repository: edversion.Repository | None = None,
) -> Attribution:
    """Say whether the model or the data moved a score, and what of them.

    Parameters
    ----------
    old, new : str, Version or estimator
        The models. A text is the reference of a version.
    old_data, new_data : str, Version or table
        The data that each model was scored on; see `read_table`.
    target : str, optional
        Column of the truth; not needed where features and target were logged apart.
    features : sequence of str, optional
        Columns that the models see; those that each was fitted to where left out, else all
        but `target` and `cluster`.
    predict : callable, optional
        ``predict(model, frame)`` gives labels, or what the metric needs, for each row. The
        loader of the adapter that logged the version where left out (scikit-learn).
    metric : str or callable
        One of `METRICS`, or a function of the truth and the predictions that gives a value
        for each row. ``auc`` goes without `strata` and `covariates`: it has no mean by part.
    better : {"higher", "lower"}, optional
        Which values of a metric of your own are better.
    positive : str or int, optional
        The positive class; the later one where left out.
    strata : str or sequence of str, optional
        Columns of kinds of learners, to split the data's part into mix and rate.
    strata_of : {"learners", "items"}
        Whether strata are of learners, or of items or tasks such as bands of difficulty.
    covariates : str or sequence of str, optional
        Columns by which learners are alike, to split the data's part into population and
        relationship.
    cluster : str, optional
        Column of the learner, where a learner has several rows or is in both data sets.
    items : str, optional
        Column of the item of each row, to link two tests; needs `cluster`, and a `target`
        that says whether the answer was right. Of several answers the first counts.
    anchors : sequence of str, optional
        Items that are the same in both tests; all of the same name where left out.
    rule : Rule, optional
        Thresholds of the verdict.
    level, draws, seed
        As in `Uncertainty`.
    trusted : iterable of str or type
        Types that the loader may trust.
    repository : Repository, optional
        Where references are looked up; found as by `edversion.open` where left out.

    Returns
    -------
    Attribution
        Print its ``sentences``; its ``verdict`` is one of `VERDICTS`.

    Raises
    ------
    NotFoundError
        There is no such version, or it holds no table.
    InvalidInputError
        A column is missing, the model cannot be loaded, or predictions do not fit the metric.
    """
    wanted = metric_of(metric, better)
    uncertainty = Uncertainty(level, draws, seed)
    columns = Columns(
        target=target,
        features=features,
        strata=_names(strata),
        covariates=_names(covariates),
        cluster=cluster,
        items=items,
    )
    named = {"old": old, "new": new, "old_data": old_data, "new_data": new_data}
    given, references = _found(named, repository)
    tables = read_table(given["old_data"]), read_table(given["new_data"])
    values = [
        _values(model_of(given[name], predict, trusted=trusted), tables, columns, wanted, positive)
        for name in ("old", "new")
    ]
    clusters = None if cluster is None else _pair(columns.learner, tables)
    rows = Rows.of(*values[0], *values[1], clusters=clusters, uncertainty=uncertainty)
    finer = _finer(columns, tables, strata_of, anchors, positive)
    found = attribute_scores(rows, metric=wanted, finer=finer, rule=rule)
    return replace(found, versions=references, settings={**found.settings, **_asked(columns)})


def _names(given: str | Sequence[str] | None) -> tuple[str, ...]:
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


def _found(
    named: dict[str, Any], repository: edversion.Repository | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Look up what is named by a reference; give the references of all that are versions."""
    texts = [name for name, value in named.items() if isinstance(value, str)]
    given = dict(named)
    if texts:
        with nullcontext(repository) if repository is not None else edversion.open() as opened:
            given |= {name: opened.version(named[name]) for name in texts}
    references = {n: value.reference for n, value in given.items() if isinstance(value, Version)}
    return given, references


def _values(
    model: Any,
    tables: tuple[Table, Table],
    columns: Columns,
    metric: RowMetric,
    positive: Label | None,
) -> tuple[Floats, Floats]:
    """Give the values of the rows of both data sets, read as one so that classes agree."""
    truths = [as_array(columns.truth(table), "target") for table in tables]
    guesses = []
    for table, truth in zip(tables, truths, strict=True):
        frame = columns.inputs(table, model.fitted)
        guess = np.asarray(model.predict(frame, metric.wants))
        if len(guess) != len(truth):
            raise InvalidInputError(
                f"the model gave {len(guess)} predictions for {len(truth)} rows",
                code="lengths_differ",
            )
        guesses.append(guess)
    old = len(truths[0])
    values = metric.values(_stacked(truths), _stacked(guesses), positive=positive, old=old)
    return values[:old], values[old:]


def _stacked(parts: list[Any]) -> Any:
    """Put columns below each other; of text and numbers each stays what it is."""
    kinds = {part.dtype.kind for part in parts}
    if len(kinds) > 1 and not kinds <= set("biuf"):
        parts = [part.astype(object) for part in parts]
    return np.concatenate(parts)


def _pair(read: Any, tables: tuple[Table, Table]) -> tuple[Any, Any]:
    return read(tables[0]), read(tables[1])


def _finer(
    columns: Columns,
    tables: tuple[Table, Table],
    strata_of: StrataOf,
    anchors: Sequence[str] | None,
    positive: Label | None,
) -> Finer:
    tests = None
    if columns.items is not None:
        old, new = (_responses(columns, table, positive) for table in tables)
        tests = Items(old, new, anchors)
    return Finer(
        strata=_pair(columns.stratum, tables) if columns.strata else None,
        strata_of=strata_of,
        covariates=_pair(columns.covariate, tables) if columns.covariates else None,
        items=tests,
    )


def _responses(columns: Columns, table: Table, positive: Label | None) -> Any:
    """Give a table of learners by items from rows of answers."""
    if columns.cluster is None or columns.items is None:
        raise InvalidInputError(
            "items can be linked only where cluster= names the learner of each row",
            code="no_cluster",
        )
    right = columns.truth(table)
    if positive is not None:
        named = right == positive
        # what is typed at a terminal is text, also where the column holds numbers
        right = named if named.any() else right.astype(str) == str(positive)
    answers = {
        "learner": columns.learner(table),
        "item": table.column(columns.items, "item").astype(str).to_numpy(),
        "right": right.to_numpy(),
    }
    frame = type(table.frame)(answers).drop_duplicates(["learner", "item"])
    return frame.pivot(index="learner", columns="item", values="right")


def _asked(columns: Columns) -> dict[str, Any]:
    return {
        "strata": list(columns.strata),
        "covariates": list(columns.covariates),
        "cluster": columns.cluster,
        "items": columns.items,
    }
