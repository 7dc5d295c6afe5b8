"""Analyse an experiment of a repository, and keep the answer as a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from edversion import Repository
from edversion_plugins.experiments.analysing import analyze_tables
from edversion_plugins.experiments.plan import Plan
from edversion_plugins.experiments.recording import frozen_tables, record
from edversion_plugins.experiments.results import Report

if TYPE_CHECKING:
    from edversion import Experiment

__all__ = ["analyze"]


def analyze(
    experiment: Experiment,
    *,
    learners: Any = None,
    raw: bool = False,
    min_group: int = 10,
    draws: int = 1000,
    seed: int = 0,
) -> Report:
    """Judge an experiment: the checks first, then each outcome.

    What is recorded is frozen, and the report is a version of type ``evaluation`` on it; what
    each variant came out as is a metric ``engagement/<outcome>`` of its version, and the
    difference from the control ``engagement/<outcome>_effect``. Where a check fails, no effect
    is computed, shown or recorded.

    Parameters
    ----------
    experiment : Experiment
        Running, stopped or archived.
    learners : DataFrame, mapping or Table, optional
        One row a learner: ``unit``, and columns of the covariates and groups that were
        registered. It is used and not kept.
    raw : bool
        Whether its column ``unit`` holds ids, which are turned into pseudonyms here.
    min_group : int
        Learners that a group must have under each variant to be shown.
    draws, seed : int
        Of assignments that are drawn again, where clusters are few.

    Raises
    ------
    InvalidInputError
        It is a draft, or what was registered is not known of the learners.
    """
    definition = experiment.refresh()
    plan = Plan.of(definition)
    frozen = experiment.freeze()
    known = None if learners is None else _frame(experiment, learners, raw=raw)
    tables = frozen_tables(frozen)
    report = analyze_tables(
        plan, tables, learners=known, min_group=min_group, draws=draws, seed=seed
    )
    repository = experiment.home
    assert isinstance(repository, Repository)
    return record(repository, report, frozen)


def _frame(experiment: Experiment, learners: Any, *, raw: bool) -> Any:
    columns = learners.to_pandas() if hasattr(learners, "to_pandas") else learners
    frame = pd.DataFrame(columns)
    if raw and "unit" in frame:
        frame = frame.assign(unit=[experiment.pseudonym(each) for each in frame["unit"]])
    return frame
