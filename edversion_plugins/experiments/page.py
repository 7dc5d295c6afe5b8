"""A report as one HTML file that opens offline, with the parts that comparisons have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from edversion_plugins.experiments.estimates import Estimate, finite
from edversion_plugins.experiments.results import Comparison, OutcomeReport, Report
from edversion_plugins.experiments.wording import several
from edversion_plugins.reporting.charts import Chart
from edversion_plugins.reporting.dots import change_spec, datum
from edversion_plugins.reporting.findings import Value
from edversion_plugins.reporting.rendering import Content, Part, render
from edversion_plugins.reporting.tables import Table, table

__all__ = ["content_of", "report_page"]

_GROUPS = 20


def report_page(report: Report, made: datetime | None = None) -> str:
    """Write a report on an experiment as a page.

    Parameters
    ----------
    report : Report
        What was found.
    made : datetime, optional
        When the page was made, to be told on it. Equal arguments give equal text.
    """
    return render(content_of(report), made)


def content_of(report: Report) -> Content:
    """Give what stands on the page of a report, wherever it is shown."""
    return Content(
        title=f"What the experiment {report.plan.experiment.rpartition('/')[2]} found",
        project=report.plan.experiment.rpartition("/")[0],
        sentences=report.sentences,
        charts=_charts(report),
        first=_first(report),
        summary=[each.sentence for _, each in _pairs(report)],
        more=(),
        technical=_technical(report),
        command=f"edversion experiments analyze {report.plan.experiment} --json",
    )


def _pairs(report: Report) -> Iterator[tuple[OutcomeReport, Comparison]]:
    for outcome in report.outcomes:
        for each in outcome.comparisons:
            yield outcome, each


# -- pictures


def _charts(report: Report) -> Iterator[Chart]:
    """Draw each outcome's difference, over all learners and by group."""
    several_variants = len(report.plan.variants) > 2
    for outcome, each in _pairs(report):
        if each.registered is None:
            continue
        rows = {f"all {several(outcome.unit)}": each.registered}
        rows |= {one.slice: one.found for one in each.groups if one.found is not None}
        title = f"{outcome.name}: {each.variant} less {each.control}"
        reading = (
            f"Right of zero: more of {outcome.name} with {each.variant}; left of it, less. The dot "
            "is the measured difference, the line the range that is likely. Where it holds zero, "
            f"chance may explain the difference. {outcome.better.capitalize()} is better."
        )
        values = [datum(name, "", _value(found)) for name, found in list(rows.items())[:_GROUPS]]
        yield Chart(
            title=f"{title} ({each.role} outcome)" if not several_variants else title,
            reading=reading,
            spec=change_spec(values, f"{each.variant} less {each.control}"),
            table=table(
                f"{title}, as numbers",
                [("learners", "text"), ("difference", "difference"), ("likely from", "difference"),
                 ("to", "difference"), ("n", "number")],
                [(name, found.value, found.low, found.high, sum(found.n))
                 for name, found in rows.items()],
            ),
            kind="change",
        )  # fmt: skip


def _value(found: Estimate) -> Value:
    return Value(found.value, found.low, found.high, sum(found.n))


# -- tables for everybody


def _first(report: Report) -> Iterator[Part]:
    if not report.trusted:
        about = "Where one of them fails, what variants differ in means nothing, and is not shown."
        yield Part("What must hold first", about, _checks(report, "What must hold first"))
        return
    yield Part(
        "Outcomes",
        "What each outcome came out as, with the range that is likely for it and the number of "
        f"{several(report.plan.unit)} (n). The experiment was registered to be decided by "
        f"{report.plan.primary}; all else is secondary.",
        _outcomes(report),
    )
    groups = list(_groups(report))
    if groups:
        yield Part(
            "Groups",
            f"How far variants are apart for groups of {several(report.plan.unit)}. Small groups "
            "are not shown, nor those that would give a small one away.",
            table(
                "Differences by group",
                [("group", "text"), ("outcome", "text"), ("compared", "text"),
                 ("difference", "measure"), ("more than chance", "text")],
                groups,
            ),
        )  # fmt: skip
    guards = [
        (outcome.name, each.variant, each.guardrail.verdict, each.guardrail.message)
        for outcome, each in _pairs(report)
        if each.guardrail is not None
    ]
    if guards:
        yield Part(
            "Guardrails",
            "What must not get worse by more than was agreed, for all and for every group shown.",
            table(
                "Guardrails",
                [("outcome", "text"), ("variant", "text"), ("verdict", "text"), ("why", "text")],
                guards,
            ),
        )


def _outcomes(report: Report) -> Table:
    rows = []
    for outcome, each in _pairs(report):
        levels = [outcome.levels.get(variant) for variant in (each.control, each.variant)]
        cells = [None if level is None else level.metric() for level in levels]
        found = each.registered
        difference = {"value": None, "reason": each.reason} if found is None else found.metric()
        rows.append((outcome.name, each.role, f"{each.variant} and {each.control}", *cells,
                     difference, _said(found)))  # fmt: skip
    return table(
        "Outcomes of the variants",
        [("outcome", "text"), ("role", "text"), ("compared", "text"), ("control", "measure"),
         ("variant", "measure"), ("difference", "measure"), ("more than chance", "text")],
        rows,
    )  # fmt: skip


def _said(found: Estimate | None, adjusted: float | None = None, alpha: float = 0.05) -> str:
    if found is None or found.low is None or found.high is None:
        return "not known"
    clear = not found.low <= 0 <= found.high
    if adjusted is not None and clear and adjusted >= alpha:
        return "not certain among so many groups"
    return "yes" if clear else "cannot tell"


def _groups(report: Report) -> Iterator[tuple[Any, ...]]:
    for outcome, each in _pairs(report):
        for one in each.groups:
            cell = {"value": None, "reason": one.reason}
            if one.found is not None:
                cell = one.found.metric()
            yield (one.slice, outcome.name, f"{each.variant} less {each.control}", cell,
                   _said(one.found, one.adjusted, report.plan.alpha))  # fmt: skip


# -- tables of the details


def _technical(report: Report) -> Iterator[Table]:
    if report.trusted:
        yield _checks(report, "Checks that must hold first")
        yield _estimators(report)
        yield from _sequences(report)
        yield from _interactions(report)
        yield from _by_group(report)
    yield _settings(report)


def _checks(report: Report, title: str) -> Table:
    rows = [(each.name.replace("_", " "), "holds" if each.passed else "fails", each.message)
            for each in report.checks]  # fmt: skip
    return table(title, [("check", "text"), ("result", "text"), ("what was found", "text")], rows)


_NUMBERS = [
    ("estimator", "text"), ("use", "text"), ("difference", "difference"), ("error", "number"),
    ("from", "difference"), ("to", "difference"), ("p", "number"),
    ("df", "number"), ("n", "text"), ("clusters", "text"), ("besides", "text"),
]  # fmt: skip


def _estimators(report: Report) -> Table:
    rows = []
    for outcome, each in _pairs(report):
        what = f"{outcome.name}, {each.variant} less {each.control}"
        if each.registered is not None:
            use = f"registered, of the {each.role} outcome"
            holm = {} if each.adjusted is None else {"p_by_Holm": each.adjusted}
            rows.append((what, *_numbers(each.registered, use, **holm)))
        rows += [(what, *_numbers(found, "secondary")) for found in each.secondary]
        if each.naive is not None:
            rows.append((what, *_numbers(each.naive, "wrong: as if learners had been assigned")))
    return table("Estimators", [("outcome", "text"), *_NUMBERS], rows)


def _numbers(found: Estimate, use: str, **more: float) -> tuple[Any, ...]:
    clusters = "" if found.clusters is None else _pair(found.clusters)
    besides = ", ".join(
        f"{name.replace('_', ' ')} {value:.4g}" for name, value in {**found.facts, **more}.items()
    )
    return (found.method, use, found.value, finite(found.se), found.low, found.high, found.p,
            found.df, _pair(found.n), clusters, besides)  # fmt: skip


def _pair(counts: tuple[int, int]) -> str:
    return f"{counts[0]:,}\N{NO-BREAK SPACE}/\N{NO-BREAK SPACE}{counts[1]:,}"


def _sequences(report: Report) -> Iterator[Table]:
    rows = [
        (outcome.name, f"{each.variant} less {each.control}", each.registered.value,
         *each.sequence)
        for outcome, each in _pairs(report)
        if each.sequence is not None and each.registered is not None
    ]  # fmt: skip
    if rows:
        yield table(
            "Intervals that hold at every look",
            [("outcome", "text"), ("compared", "text"), ("difference", "difference"),
             ("from", "difference"), ("to", "difference"), ("tightest at", "number")],
            rows,
        )  # fmt: skip


def _interactions(report: Report) -> Iterator[Table]:
    rows = [
        (one.attribute, outcome.name, f"{each.variant} less {each.control}", one.value, one.se,
         one.p, one.adjusted, one.reason or ", ".join(one.groups))
        for outcome, each in _pairs(report)
        for one in each.interactions
    ]  # fmt: skip
    if rows:
        yield table(
            "Whether effects differ between groups",
            [("attribute", "text"), ("outcome", "text"), ("compared", "text"),
             ("second less first", "difference"), ("error", "number"), ("p", "number"),
             ("p by Holm", "number"), ("groups", "text")],
            rows,
        )  # fmt: skip


def _by_group(report: Report) -> Iterator[Table]:
    rows = [
        (one.slice, f"{outcome.name}, {each.variant} less {each.control}", one.adjusted,
         *_numbers(one.found, each.role))
        for outcome, each in _pairs(report)
        for one in each.groups
        if one.found is not None
    ]  # fmt: skip
    if rows:
        heads = [("group", "text"), ("outcome", "text"), ("p by Holm", "number"), *_NUMBERS]
        yield table("Estimators by group", heads, rows)


def _settings(report: Report) -> Table:
    plan = report.plan
    known: dict[str, Any] = {
        "state": plan.state,
        "assigned": plan.cluster or plan.unit,
        "variants": ", ".join(
            f"{variant}: {reference}"
            for variant, reference in zip(plan.variants, plan.references, strict=True)
        ),
        "covariates": ", ".join(plan.covariates),
        "groups": ", ".join(plan.groups),
        "lower is better of": ", ".join(sorted(plan.lower)),
        "data": report.dataset,
        **report.settings,
    }
    known |= {
        f"outliers of {outcome.name}": outcome.outliers
        for outcome in report.outcomes
        if outcome.outliers is not None
    }
    rows = [(name, _text(value)) for name, value in known.items() if value not in (None, "", ())]
    return table("Settings of the analysis", [("setting", "text"), ("value", "text")], rows)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
