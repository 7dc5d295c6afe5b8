"""Analyse an experiment of a repository, and keep the answer as a version."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import edversion
from edversion import Repository, Version
from edversion_plugins.experiments.analysing import analyze_tables
from edversion_plugins.experiments.plan import Plan
from edversion_plugins.experiments.recording import frozen_tables, record
from edversion_plugins.experiments.results import Report

if TYPE_CHECKING:
    from edversion import Experiment

__all__ = ["analyze", "repeat"]


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
    learners : DataFrame, mapping, Table or path, optional
        One row a learner: ``unit``, and columns of the covariates and groups that were
        registered, which are frozen with the rest.
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
    frozen = experiment.freeze(learners=learners, raw=raw)
    report = repeat(frozen, min_group=min_group, draws=draws, seed=seed)
    repository = experiment.home
    assert isinstance(repository, Repository)
    return record(repository, report, frozen)


def repeat(frozen: Version, *, min_group: int = 10, draws: int = 1000, seed: int = 0) -> Report:
    """Judge an experiment once more, from what was frozen of it alone; nothing is recorded.

    Parameters
    ----------
    frozen : Version
        What `Experiment.freeze` made; a report names it as its ``dataset``.
    min_group, draws, seed
        As in `analyze`; a report has those of its own in ``settings``.

    Returns
    -------
    Report
        Equal to that of `analyze`, where the code is the same.

    Raises
    ------
    InvalidInputError
        The version is no frozen experiment, or that of a draft.
    """
    plan = Plan.of(edversion.frozen_definition(frozen))
    tables = frozen_tables(frozen)
    report = analyze_tables(
        plan, tables, learners=tables.get("learners"), min_group=min_group, draws=draws, seed=seed
    )
    return replace(report, dataset=frozen.reference)
