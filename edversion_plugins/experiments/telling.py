"""A report in lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from edversion_plugins.experiments.wording import several

if TYPE_CHECKING:
    from edversion_plugins.experiments.estimates import Estimate
    from edversion_plugins.experiments.results import Comparison, OutcomeReport, Report

__all__ = ["told"]


def told(report: Report) -> Iterator[str]:
    """Tell the sentences, then the checks, then the numbers of each outcome."""
    yield from report.sentences
    yield ""
    yield "Checks"
    for check in report.checks:
        yield f"  {'holds' if check.passed else 'FAILS'}  {check.message}"
    for outcome in report.outcomes:
        yield ""
        yield f"{outcome.name} ({outcome.comparisons[0].role} outcome, {outcome.kind})"
        if outcome.name != report.plan.primary:  # whose sentences stand on top
            texts = (text for each in outcome.comparisons for text in (each.sentence, each.warning))
            yield from (f"  {text}" for text in texts if text)
        for variant, level in outcome.levels.items():
            ends = "" if level.low is None else f" ({level.low:.4g} to {level.high:.4g})"
            yield f"  {variant}: {level.value:.4g}{ends}, n {level.n:,}"
        for each in outcome.comparisons:
            yield from _compared(outcome, each, report.plan.cluster or outcome.unit)
    if report.version is not None:
        yield ""
        yield f"Kept as {report.version}, on {report.dataset}."


def _compared(outcome: OutcomeReport, each: Comparison, assigned: str) -> Iterator[str]:
    start = f"{each.variant} less {each.control}"
    if each.registered is None:
        yield f"  {start}: {each.reason}"
        return
    holm = "" if each.adjusted is None else f", by Holm {each.adjusted:.2g}"
    yield f"  {start}: {_numbers(each.registered)}, as registered{holm}"
    yield from (f"    {_numbers(found)}, secondary" for found in each.secondary)
    if each.naive is not None:
        yield f"    {_numbers(each.naive)}, wrong: as if each {outcome.unit} had been assigned"
    if each.sequence is not None:
        low, high, tuned = each.sequence
        yield (
            f"    [{low:+.4g}, {high:+.4g}] at every look, tightest at {tuned:,} "
            f"{several(assigned)}"
        )
    for one in each.groups:
        adjusted = "" if one.adjusted is None else f", by Holm {one.adjusted:.2g}"
        yield f"    {one.slice}: {one.reason or _numbers(one.found)}{adjusted}"
    for both in each.interactions:
        found = both.reason or f"p {both.p:.2g}, by Holm {both.adjusted:.2g}"
        yield f"    whether effects differ by {both.attribute}: {found}"
    if outcome.hidden:
        yield f"    {outcome.hidden:,} groups are not shown: some are too small"


def _numbers(found: Estimate | None) -> str:
    assert found is not None
    ends = "no interval" if found.low is None else f"[{found.low:+.4g}, {found.high:+.4g}]"
    p = "" if found.p is None else f", p {found.p:.2g}"
    return f"{found.value:+.4g} {ends}{p}, {found.method}"
