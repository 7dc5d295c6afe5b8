"""What an analysis found, in sentences for readers without code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from edversion_plugins.reporting.words import OF, frequency, listed, number

if TYPE_CHECKING:
    from edversion_plugins.experiments.results import Comparison, OutcomeReport, Report

__all__ = ["adjusts", "sentence_of", "sentences_of", "several", "warning_of"]

_HOW = {"Lin": "adjusted for what was known before"}


def adjusts(method: str) -> str:
    """Say how an estimator adjusts; empty where it does not."""
    return next((how for word, how in _HOW.items() if word in method), "")


def several(noun: str) -> str:
    """Give the plural of a unit or cluster.

    Examples
    --------
    >>> several("learner"), several("class"), several("party"), several("day")
    ('learners', 'classes', 'parties', 'days')
    """
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def sentences_of(report: Report) -> Iterator[str]:
    """Tell what the experiment compared, whether it may be read, and what came out."""
    plan = report.plan
    yield _assigned(report)
    if not report.trusted:
        failed = [check for check in report.checks if not check.passed]
        yield (
            "No effect is shown, since a check failed that must hold first: "
            + " ".join(check.message for check in failed)
        )
        return
    yield f"All {len(report.checks)} checks hold that must hold before variants are compared."
    primary = report.outcome(plan.primary)
    yield from (each.sentence for each in primary.comparisons)
    yield from (each.warning for each in primary.comparisons if each.warning)
    yield from _guardrails(report)
    if plan.state == "running":
        yield (
            "The experiment still runs: until it is stopped, only the interval that holds at every "
            "look may decide anything."
        )


def _assigned(report: Report) -> str:
    plan = report.plan
    counts = listed(
        [
            f"{count:,} to {variant}"
            for variant, count in zip(plan.variants, report.units, strict=True)
        ]
    )
    if plan.cluster is None:
        return f"{several(plan.unit).capitalize()} were assigned one by one: {counts}."
    total = sum(report.clusters or ())
    return (
        f"Whole {several(plan.cluster)} were assigned, {total:,} of them; of the "
        f"{several(plan.unit)} in them, {counts}. It is the number of {several(plan.cluster)} "
        f"that tells how sure the result is."
    )


def sentence_of(report: OutcomeReport, each: Comparison, alpha: float) -> str:
    """Tell one difference: number, comparison, doubt; by Holm's p, where there are several."""
    found = each.registered
    control, variant = each.control, each.variant
    if found is None:
        return f"{report.name} of {variant} and {control} cannot be compared: {each.reason}."
    share = report.kind == "proportion"
    show = frequency if share else number
    levels = report.levels[control].value, report.levels[variant].value
    apart = show(abs(found.value))
    words = ("fewer", "more") if share else ("lower", "higher")
    far = "no difference" if apart == show(0.0) else f"{apart} {words[found.value > 0]}"
    if share:
        said = (
            f"Of {OF:,} {several(report.unit)}, {show(levels[1])} have {report.name} with "
            f"{variant} and {show(levels[0])} with {control}: {far}"
        )
    else:
        said = (
            f"{report.name} is {show(levels[1])} with {variant} and {show(levels[0])} with "
            f"{control}: {far}"
        )
    if "adjust" in each.how:
        said += f", {each.how}"
    return f"{said}; {_doubt(report, each, alpha)}."


def _doubt(report: OutcomeReport, each: Comparison, alpha: float) -> str:
    found = each.registered
    assert found is not None
    if found.low is None or found.high is None:
        what = several(report.cluster or report.unit)
        return f"there are too few {what} to say how sure that is"
    show = frequency if report.kind == "proportion" else number
    words = ("fewer", "more") if report.kind == "proportion" else ("lower", "higher")
    ends = [f"{show(abs(end))} {words[end > 0]}" for end in (found.low, found.high)]
    likely = f"likely is anything from {ends[0]} to {ends[1]}"
    if found.low <= 0 <= found.high:
        return f"{likely}, so that chance may explain it, which does not mean that nothing differs"
    if each.adjusted is not None and each.adjusted >= alpha:
        return f"{likely}; of {len(report.comparisons)} variants, one may look like that by chance"
    return f"{likely}, so that chance hardly explains it"


def warning_of(report: OutcomeReport, each: Comparison) -> str | None:
    """Tell what errors that ignore the clusters would have claimed; None where none were."""
    found, naive = each.registered, each.naive
    if found is None or naive is None or report.cluster is None:
        return None
    what = several(report.cluster)
    text = (
        f"Since {what} were assigned, the error of {report.name} is {number(found.se)}, by "
        f"{report.cluster}. Counting {several(report.unit)} as if each had been assigned alone "
        f"would have given {number(naive.se)}"
    )
    if naive.se < found.se:
        return f"{text}, and made chance look like an effect too often."
    return f"{text}."


def _guardrails(report: Report) -> Iterator[str]:
    for name in report.plan.guardrails:
        found = {
            each.variant: each.guardrail.message
            for outcome in report.outcomes
            if outcome.name == name
            for each in outcome.comparisons
            if each.guardrail is not None
        }
        for variant in report.plan.variants[1:]:
            unknown = f"Of the guardrail {name} nothing is known under {variant}: it does not hold."
            yield found.get(variant, unknown)
