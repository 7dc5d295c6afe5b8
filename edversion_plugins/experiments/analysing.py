"""The way from the tables of an experiment to a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

import edversion
from edversion_plugins.evaluation.arguments import checked_min_group
from edversion_plugins.evaluation.groups import Grouping
from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.evaluation.significance import holm
from edversion_plugins.experiments.balance import ALARM
from edversion_plugins.experiments.checks import check_all, missing
from edversion_plugins.experiments.estimating import (
    deciding,
    estimable,
    level_of,
    naive,
    registered,
    secondary,
    sequence,
)
from edversion_plugins.experiments.grouped import effects, interaction, shown_groups, slices
from edversion_plugins.experiments.guarding import guarded
from edversion_plugins.experiments.observing import Observed, Tables, read_tables
from edversion_plugins.experiments.outliers import check_outliers
from edversion_plugins.experiments.plan import Plan
from edversion_plugins.experiments.results import Comparison, OutcomeReport, Report
from edversion_plugins.experiments.samples import Sample
from edversion_plugins.experiments.wording import (
    adjusts,
    sentence_of,
    sentences_of,
    warning_of,
)

__all__ = ["analyze_tables"]

_MIN_GROUP = 10


def analyze_tables(
    plan: Plan,
    tables: Tables,
    *,
    learners: Any = None,
    min_group: int = _MIN_GROUP,
    draws: int = 1000,
    seed: int = 0,
) -> Report:
    """Check the tables of an experiment and, where all checks hold, say what differs.

    Parameters
    ----------
    plan : Plan
        What was registered.
    tables : mapping
        ``assignments``, ``exposures`` and ``outcomes``, as `Experiment.tables` gives them.
    learners : DataFrame or mapping, optional
        One row a learner: ``unit``, and columns of the covariates and groups registered.
    min_group : int
        Learners that a group must have under each variant to be shown.
    draws, seed : int
        Of assignments that are drawn again.

    Raises
    ------
    InvalidInputError
        A table or column is missing, or the outlier policy means nothing.
    """
    least = checked_min_group(min_group)
    check_outliers(plan.outliers)
    uncertainty = Uncertainty(round(1 - plan.alpha, 12), draws, seed)
    frames = read_tables(tables)
    observed = Observed.of(plan, frames, learners)
    checks = check_all(plan, frames, observed)
    settings = {
        "level": uncertainty.level,
        "draws": draws,
        "seed": seed,
        "min_group": least,
        "outliers": plan.outliers,
        "edversion": edversion.__version__,
    }
    units, clusters = _counts(observed)
    report = Report(plan, units, clusters, checks, (), settings)
    if report.trusted:
        found = [_outcome(observed, name, least, uncertainty) for name in _ordered(plan, observed)]
        report = replace(report, outcomes=_told(_corrected(found), plan.alpha))
    return replace(report, sentences=tuple(sentences_of(report)))


def _counts(observed: Observed) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Count learners, and clusters where these were assigned, by variant."""
    masks = [observed.arm == arm for arm in range(len(observed.plan.variants))]
    units = tuple(int(np.count_nonzero(rows)) for rows in masks)
    if observed.cluster is None:
        return units, None
    return units, tuple(len(np.unique(observed.cluster[rows])) for rows in masks)


def _ordered(plan: Plan, observed: Observed) -> Iterator[str]:
    """Give the primary outcome, then the others of which something was measured."""
    yield plan.primary
    for name in plan.outcomes:
        if name != plan.primary and observed.has(name).any():
            yield name


def _outcome(observed: Observed, name: str, least: int, uncertainty: Uncertainty) -> OutcomeReport:
    plan = observed.plan
    kind, rows = plan.outcomes[name], observed.has(name)
    sample, outliers = observed.sample(name)
    arms = [arm for arm in range(len(plan.variants)) if sample.size(arm) >= least]
    attributes = {key: values[rows] for key, values in observed.groups.items()}
    groupings, hidden = shown_groups(attributes, sample.arm, plan.variants, least)
    report = OutcomeReport(
        name=name,
        kind=kind,
        unit=plan.unit,
        cluster=plan.cluster,
        better="lower" if name in plan.lower else "higher",
        levels=_levels(sample, kind, plan, arms, uncertainty),
        slices={
            group: _levels(sample.only(of), kind, plan, arms, uncertainty)
            for grouping in groupings
            for group, of in slices(grouping)
        },
        hidden=hidden,
        outliers=outliers,
    )
    comparisons = tuple(
        _comparison(report, plan, sample, arm, groupings, uncertainty, shown=arms)
        for arm in range(1, len(plan.variants))
    )
    if name in plan.guardrails and missing(plan, observed, name)[1] < ALARM:
        comparisons = tuple(map(partial(_unjudged, name), comparisons))
    return replace(report, comparisons=comparisons)


def _unjudged(name: str, each: Comparison) -> Comparison:
    """Let a guardrail tell nothing: those whom a variant harms may be those who are missing."""
    if each.guardrail is None or each.guardrail.verdict == "harmed":
        return each
    text = (
        f"{name} under {each.variant}: of whom it is known depends on the variant, so that nobody "
        "can tell whether it holds."
    )
    return replace(each, guardrail=replace(each.guardrail, verdict="not shown", message=text))


def _levels(
    sample: Sample, kind: str, plan: Plan, arms: Sequence[int], uncertainty: Uncertainty
) -> dict[str, Any]:
    return {plan.variants[arm]: level_of(sample, kind, arm, uncertainty) for arm in arms}


def _comparison(
    report: OutcomeReport,
    plan: Plan,
    sample: Sample,
    arm: int,
    groupings: Sequence[Grouping],
    uncertainty: Uncertainty,
    *,
    shown: Sequence[int],
) -> Comparison:
    empty = Comparison(
        variant=plan.variants[arm],
        control=plan.variants[0],
        role="primary" if report.name == plan.primary else "secondary",
        registered=None,
    )
    reason = estimable(sample, arm)
    if not {0, arm} <= set(shown):
        reason = "too few learners of a variant were measured to show anything of them"
    if reason is not None:
        return replace(empty, reason=reason)
    found = registered(sample, report.kind, arm, uncertainty)
    groups = effects(sample, report.kind, arm, groupings, uncertainty)
    guardrail = None
    if report.name in plan.guardrails:
        decides = partial(deciding, running=plan.state == "running", uncertainty=uncertainty)
        guardrail = guarded(
            report.name, empty.variant, plan.guardrails[report.name], report.better,
            decides(found),
            [replace(one, found=one.found and decides(one.found)) for one in groups],
            report.hidden,
        )  # fmt: skip
    return replace(
        empty,
        registered=found,
        secondary=secondary(sample, report.kind, arm, uncertainty),
        sequence=sequence(found, uncertainty),
        naive=None if plan.cluster is None else naive(sample, report.kind, arm, uncertainty),
        how=adjusts(found.method),
        groups=groups,
        interactions=tuple(interaction(sample, arm, grouping) for grouping in groupings),
        guardrail=guardrail,
    )


def _corrected(outcomes: Sequence[OutcomeReport]) -> list[OutcomeReport]:
    """Correct the tests of groups, and those of interactions, for how many there are."""
    every = [each for outcome in outcomes for each in outcome.comparisons]
    of_groups = [
        one.found.p
        for each in every
        for one in each.groups
        if one.found and one.found.p is not None
    ]
    of_both = [one.p for each in every for one in each.interactions if one.p is not None]
    groups, both = iter(holm(of_groups)), iter(holm(of_both))

    def corrected(each: Comparison) -> Comparison:
        return replace(
            each,
            groups=tuple(
                replace(one, adjusted=next(groups))
                if one.found and one.found.p is not None
                else one
                for one in each.groups
            ),
            interactions=tuple(
                one if one.p is None else replace(one, adjusted=next(both))
                for one in each.interactions
            ),
        )

    return [
        replace(outcome, comparisons=_by_variant(tuple(map(corrected, outcome.comparisons))))
        for outcome in outcomes
    ]


def _by_variant(comparisons: tuple[Comparison, ...]) -> tuple[Comparison, ...]:
    """Correct the tests of one outcome for the number of variants."""
    p_values = [each.registered.p if each.registered else None for each in comparisons]
    known = [p for p in p_values if p is not None]
    if len(comparisons) < 2:
        return comparisons
    adjusted = iter(holm(known))
    return tuple(
        each if p is None else replace(each, adjusted=next(adjusted))
        for each, p in zip(comparisons, p_values, strict=True)
    )


def _told(outcomes: Sequence[OutcomeReport], alpha: float) -> tuple[OutcomeReport, ...]:
    """Put what was found into words."""
    return tuple(
        replace(
            outcome,
            comparisons=tuple(
                replace(
                    each,
                    sentence=sentence_of(outcome, each, alpha),
                    warning=warning_of(outcome, each) or "",
                )
                for each in outcome.comparisons
            ),
        )
        for outcome in outcomes
    )
