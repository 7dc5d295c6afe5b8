"""The page: what was found, put into the template."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

import edversion
from edversion_plugins.reporting.charts import Chart
from edversion_plugins.reporting.curves import calibration_charts, roc_charts
from edversion_plugins.reporting.dots import change_charts, group_charts, version_charts
from edversion_plugins.reporting.drawing import draw, script
from edversion_plugins.reporting.findings import Findings
from edversion_plugins.reporting.sentences import plain_sentences
from edversion_plugins.reporting.tables import Table, section_table
from edversion_plugins.reporting.technical import technical_tables
from edversion_plugins.reporting.words import listed, visible

if TYPE_CHECKING:
    from edversion_plugins.evaluation import Evaluation

__all__ = ["html_report"]

_FIRST = {
    "metrics": "Each value with the range that is likely for it, and the number of learners or "
    "predictions that it rests on (n).",
    "groups": "The same for groups of learners; where it is known what is better, the worst group "
    "of each attribute is marked.",
    "fairness": "How far groups are apart, with the range that is likely. A small gap does not "
    "prove that groups are treated alike.",
    "engagement": "What learners did, as experiments recorded it.",
}
"""Sections of the first layer, and what they hold."""

_PLAINEST = 3
"""Metrics of groups that the first layer shows; the second one has all of them."""
_MANY = 24
_CHARTS = 12
"""Pictures of one kind; a page of hundreds helps nobody."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """A drawn chart."""

    id: str
    chart: Chart
    svg: Markup


@dataclass(frozen=True, slots=True)
class _Part:
    """A titled table with its explanation."""

    title: str
    about: str
    table: Table


def html_report(
    comparison: edversion.Comparison,
    *,
    evaluations: Sequence[Evaluation] = (),
    made: datetime | None = None,
) -> str:
    """Write a comparison as one HTML file that opens offline.

    On top stand three sentences for readers without code, then pictures and tables, then all
    details. Nothing is loaded from elsewhere; without JavaScript the same content is there.

    Parameters
    ----------
    comparison : Comparison
        What `Repository.compare` gave.
    evaluations : sequence of Evaluation, optional
        Evaluations of the versions, as `find_evaluations` gives them: for the curves, and for
        how it was measured.
    made : datetime, optional
        When the page was made, to be told on it. Equal arguments give equal text.

    Returns
    -------
    str
        HTML; about one megabyte where it has pictures, most of it the code that draws them.

    Examples
    --------
    >>> import edversion, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with edversion.init("demo", store=folder.name) as run:
    ...     for k in (3, 5):
    ...         model = edversion.Artifact("knn", type="model", metadata={"k": k})
    ...         model.add_bytes(bytes(k), "model.bin")
    ...         _ = run.log_artifact(model)
    ...     page = html_report(run.repository.compare("knn:v0", "knn:v1"))
    >>> page.startswith("<!doctype html>")
    True
    >>> folder.cleanup()
    """
    findings = Findings(comparison, tuple(evaluations))
    pictures = list(_pictures(findings))
    code = script() if pictures else ""
    return (
        _environment()
        .get_template("report.html")
        .render(
            title=_title(findings),
            project=", ".join(dict.fromkeys(each.project for each in comparison.versions)),
            sentences=[visible(sentence) for sentence in plain_sentences(findings)],
            values=[each for each in pictures if each.chart.kind in ("values", "change")],
            curves=[each for each in pictures if each.chart.kind in ("roc", "calibration")],
            first=list(_first(findings)),
            summary=[visible(sentence) for sentence in comparison.summary],
            more=list(_more(findings)),
            technical=list(technical_tables(findings)),
            made="" if made is None else f"{made.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
            edversion=edversion.__version__,
            script=Markup(code),  # noqa: S704 - ours, of the installation
            policy=_policy(code),
        )
    )


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("edversion_plugins.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _title(findings: Findings) -> str:
    first, *others = findings.comparison.versions
    same = len({(each.project, each.name) for each in findings.comparison.versions}) == 1
    names = (
        findings.labels
        if not same
        else [f"{each.name}:{each.version}" for each in (first, *others)]
    )
    return f"{listed(names[1:])} compared with {names[0]}"


def _policy(code: str) -> str:
    """Say that the page loads nothing and runs nothing but its own script."""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    scripts = f"'sha256-{digest}'" if code else "'none'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )


def _pictures(findings: Findings) -> Iterator[_Picture]:
    makers = (version_charts, change_charts, group_charts, roc_charts, calibration_charts)
    charts: Iterable[Chart] = (
        chart for make in makers for chart in islice(make(findings), _CHARTS)
    )
    for place, chart in enumerate(charts, 1):
        name = f"picture-{place}"
        yield _Picture(name, chart, Markup(draw(chart.spec, name)))  # noqa: S704 - escaped SVG


def _first(findings: Findings) -> Iterator[_Part]:
    """Give the tables of the first layer."""
    for name, about in _FIRST.items():
        section = findings.comparison.section(name)
        if section is not None:
            only = _trimmed(findings, section)
            shown = section_table(section, findings.labels, only=only)
            yield _Part(visible(section.title), about, shown)


def _trimmed(findings: Findings, section: edversion.Section) -> list[str] | None:
    """Give the metrics to show of a long table of groups; None for all."""
    if section.name != "groups" or len(section.rows) <= _MANY:
        return None
    return [each.metric for each in findings.plainest(_PLAINEST)]


def _more(findings: Findings) -> Iterator[_Part]:
    """Give the tables of the second layer, those in which something stands first."""
    sections = findings.comparison.sections
    for section in sorted(sections, key=lambda each: not each.rows):
        if section.name not in _FIRST:
            yield _Part(visible(section.title), "", section_table(section, findings.labels))
        elif _trimmed(findings, section) is not None:
            shown = section_table(section, findings.labels, note="")
            yield _Part(f"{visible(section.title)}, all metrics", "", shown)
