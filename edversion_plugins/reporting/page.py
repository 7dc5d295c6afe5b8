"""The page: what was found, put into the template."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

import edversion
from edversion_plugins.reporting.charts import Chart
from edversion_plugins.reporting.curves import calibration_charts, roc_charts
from edversion_plugins.reporting.dots import change_charts, group_charts, version_charts
from edversion_plugins.reporting.findings import Findings
from edversion_plugins.reporting.rendering import Content, Part, render
from edversion_plugins.reporting.sentences import plain_sentences
from edversion_plugins.reporting.tables import section_table
from edversion_plugins.reporting.technical import technical_tables
from edversion_plugins.reporting.words import listed, visible

if TYPE_CHECKING:
    from edversion_plugins.evaluation import Evaluation

__all__ = ["html_report", "report_content"]

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
    return render(report_content(comparison, evaluations=evaluations), made)


def report_content(
    comparison: edversion.Comparison, *, evaluations: Sequence[Evaluation] = ()
) -> Content:
    """Give what the page of a comparison says, for pages that show it among other things.

    Parameters
    ----------
    comparison, evaluations
        As of `html_report`.
    """
    findings = Findings(comparison, tuple(evaluations))
    return Content(
        title=_title(findings),
        project=", ".join(dict.fromkeys(each.project for each in comparison.versions)),
        sentences=plain_sentences(findings),
        charts=_charts(findings),
        first=_first(findings),
        summary=comparison.summary,
        more=_more(findings),
        technical=technical_tables(findings),
        command="edversion compare --json",
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


def _charts(findings: Findings) -> Iterator[Chart]:
    makers = (version_charts, change_charts, group_charts, roc_charts, calibration_charts)
    for make in makers:
        yield from islice(make(findings), _CHARTS)


def _first(findings: Findings) -> Iterator[Part]:
    """Give the tables of the first layer."""
    for name, about in _FIRST.items():
        section = findings.comparison.section(name)
        if section is not None:
            only = _trimmed(findings, section)
            shown = section_table(section, findings.labels, only=only)
            yield Part(visible(section.title), about, shown)


def _trimmed(findings: Findings, section: edversion.Section) -> list[str] | None:
    """Give the metrics to show of a long table of groups; None for all."""
    if section.name != "groups" or len(section.rows) <= _MANY:
        return None
    return [each.metric for each in findings.plainest(_PLAINEST)]


def _more(findings: Findings) -> Iterator[Part]:
    """Give the tables of the second layer, those in which something stands first."""
    sections = findings.comparison.sections
    for section in sorted(sections, key=lambda each: not each.rows):
        if section.name not in _FIRST:
            yield Part(visible(section.title), "", section_table(section, findings.labels))
        elif _trimmed(findings, section) is not None:
            shown = section_table(section, findings.labels, note="")
            yield Part(f"{visible(section.title)}, all metrics", "", shown)
