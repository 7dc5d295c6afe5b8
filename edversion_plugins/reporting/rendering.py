"""What every page shares: its template, its pictures, and that it loads nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict

import jinja2
from markupsafe import Markup

import edversion
from edversion_plugins.reporting.charts import Chart
from edversion_plugins.reporting.drawing import draw, script
from edversion_plugins.reporting.tables import Table
from edversion_plugins.reporting.words import visible

__all__ = ["Content", "Part", "prepare", "render"]


@dataclass(frozen=True, slots=True)
class _Picture:
    """A drawn chart."""

    id: str
    chart: Chart
    svg: Markup


@dataclass(frozen=True, slots=True)
class Part:
    """A titled table with its explanation."""

    title: str
    about: str
    table: Table


class Content(TypedDict):
    """What stands on a page, from top to bottom.

    ``title`` and ``project``; ``sentences`` in short; ``charts``, of which values stand before
    the tables and curves behind; ``first``, the tables for everybody; ``summary``, sentences of
    the details; ``more`` and ``technical``, the tables of the details; ``command``, which gives
    all digits.
    """

    title: str
    project: str
    sentences: Sequence[str]
    charts: Iterable[Chart]
    first: Iterable[Part]
    summary: Sequence[str]
    more: Iterable[Part]
    technical: Iterable[Table]
    command: str


def render(content: Content, made: datetime | None = None) -> str:
    """Write a page as one HTML file that opens offline; equal content gives equal text."""
    shown = prepare(content)
    code = script() if shown["values"] or shown["curves"] else ""
    return (
        _environment()
        .get_template("report.html")
        .render(
            **shown,
            made="" if made is None else f"{made.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
            edversion=edversion.__version__,
            script=Markup(code),  # noqa: S704 - ours, of the installation
            policy=_policy(code),
        )
    )


def prepare(content: Content) -> dict[str, Any]:
    """Draw the pictures, and give what the template ``main.html`` shows, wherever it stands."""
    pictures = list(_drawn(content["charts"]))
    return {
        "title": visible(content["title"]),
        "project": visible(content["project"]),
        "sentences": [visible(sentence) for sentence in content["sentences"]],
        "values": [each for each in pictures if each.chart.kind in ("values", "change")],
        "curves": [each for each in pictures if each.chart.kind in ("roc", "calibration")],
        "first": list(content["first"]),
        "summary": [visible(sentence) for sentence in content["summary"]],
        "more": list(content["more"]),
        "technical": list(content["technical"]),
        "command": content["command"],
    }


def _drawn(charts: Iterable[Chart]) -> Iterator[_Picture]:
    for place, chart in enumerate(charts, 1):
        name = f"picture-{place}"
        yield _Picture(name, chart, Markup(draw(chart.spec, name)))  # noqa: S704 - escaped SVG


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("edversion_plugins.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _policy(code: str) -> str:
    """Say that the page loads nothing and runs nothing but its own script."""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    scripts = f"'sha256-{digest}'" if code else "'none'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )
