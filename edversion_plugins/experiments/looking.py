"""What may be read of an experiment that still runs."""

from __future__ import annotations

import math
from dataclasses import replace

from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.experiments.estimates import Estimate, Level
from edversion_plugins.experiments.estimating import deciding
from edversion_plugins.experiments.results import Comparison, OutcomeReport, Report
from edversion_plugins.experiments.wording import sentence_of, sentences_of

__all__ = ["early"]


def early(report: Report) -> Report:
    """Leave of a report what holds at every look.

    Whoever looks at a usual interval again and again, until it is clear of zero, finds an effect
    sooner or later where there is none. So every interval becomes the one that holds however
    often one looks, wide enough for as many variants, or groups, as there are; where there is
    none, none is shown. Errors and p-values, of which a usual interval could be made, other
    estimators and tests between groups are left out.

    Parameters
    ----------
    report : Report
        Of an experiment that ran when it was made.
    """
    every = [each for outcome in report.outcomes for each in outcome.comparisons]
    groups = sum(one.found is not None for each in every for one in each.groups)
    alpha = report.plan.alpha
    all_learners = _at(alpha / max(len(report.plan.variants) - 1, 1))
    by_group = _at(alpha / max(groups, 1))

    def looked(outcome: OutcomeReport) -> OutcomeReport:
        comparisons = [_comparison(each, all_learners, by_group) for each in outcome.comparisons]
        levels = {name: Level(each.value, each.n) for name, each in outcome.levels.items()}
        left = replace(outcome, levels=levels, slices={})
        told = (replace(each, sentence=sentence_of(left, each, alpha)) for each in comparisons)
        return replace(left, comparisons=tuple(told))

    left = replace(report, outcomes=tuple(map(looked, report.outcomes)))
    return replace(left, sentences=tuple(sentences_of(left)))


def _at(alpha: float) -> Uncertainty:
    return Uncertainty(round(1 - alpha, 12))


def _comparison(each: Comparison, all_learners: Uncertainty, by_group: Uncertainty) -> Comparison:
    return replace(
        each,
        registered=_held(each.registered, all_learners),
        adjusted=None,
        secondary=(),
        naive=None,
        groups=tuple(
            replace(one, found=_held(one.found, by_group), adjusted=None) for one in each.groups
        ),
        interactions=(),
        warning="",
    )


def _held(found: Estimate | None, uncertainty: Uncertainty) -> Estimate | None:
    if found is None:
        return None
    held = deciding(found, running=True, uncertainty=uncertainty)
    told = f"{found.method}, at every look"
    return replace(held, method=told, se=math.nan, p=None, df=None, facts={})
