"""What differs between versions, as the HTML report shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response

import edversion
from edversion import InvalidInputError
from edversion_plugins.dashboard.rendering import query
from edversion_plugins.dashboard.visit import Visit
from edversion_plugins.reporting import find_evaluations, html_report, report_content
from edversion_plugins.reporting.rendering import prepare

if TYPE_CHECKING:
    from edversion_plugins.evaluation import Evaluation

__all__ = ["export_comparison", "show_comparison"]

_MOST = 8


def show_comparison(visit: Visit) -> Response:
    """Show the comparison of the versions that the address names; the first is the baseline."""
    names = list(dict.fromkeys(filter(None, visit.texts("v"))))
    if len(names) < 2:
        return visit.page("choose.html", names=names)
    if visit.text("sort") == "oldest":
        return RedirectResponse(_oldest_first(visit, names), 303)
    found, evaluations = _compared(visit, names)
    content = prepare(report_content(found, evaluations=evaluations))
    return visit.page(
        "compare.html",
        **content,
        versions=found.versions,
        link={"v": [version.reference for version in found.versions]},
    )


def _oldest_first(visit: Visit, names: list[str]) -> str:
    """Give the address of a comparison with the oldest version, as readers expect it."""
    versions = [visit.repository.version(name) for name in names[:_MOST]]
    versions.sort(key=lambda each: (each.created_at, each.number))
    return "/compare" + query({"v": [version.reference for version in versions]})


def export_comparison(visit: Visit) -> Response:
    """Give the comparison as a file: a page that opens offline, Markdown, CSV or JSON."""
    kind = visit.text("as") or "html"
    if kind not in _EXPORTS:
        raise InvalidInputError(
            f"there is no export as {kind!r}; there are {', '.join(_EXPORTS)}", code="bad_argument"
        )
    found, evaluations = _compared(visit, list(dict.fromkeys(filter(None, visit.texts("v")))))
    media, ending, write = _EXPORTS[kind]
    headers = {"content-disposition": f'attachment; filename="comparison.{ending}"'}
    # what cannot be encoded came in by a surrogate in a name
    content = write(found, evaluations).encode(errors="backslashreplace")
    return Response(content, media_type=media, headers=headers)


_Evaluations = tuple["Evaluation", ...]


def _page(found: edversion.Comparison, evaluations: _Evaluations) -> str:
    return html_report(found, evaluations=evaluations, made=datetime.now(UTC))


def _markdown(found: edversion.Comparison, _evaluations: _Evaluations) -> str:
    return edversion.markdown_of(found)


def _csv(found: edversion.Comparison, _evaluations: _Evaluations) -> str:
    return f"\ufeff{edversion.csv_of(found)}"  # by which spreadsheets know UTF-8


def _json(found: edversion.Comparison, _evaluations: _Evaluations) -> str:
    return json.dumps(found.as_json(), ensure_ascii=False)


_EXPORTS: dict[str, tuple[str, str, Callable[[edversion.Comparison, _Evaluations], str]]] = {
    "html": ("text/html", "html", _page),
    "markdown": ("text/markdown", "md", _markdown),
    "csv": ("text/csv", "csv", _csv),
    "json": ("application/json", "json", _json),
}


def _compared(
    visit: Visit, names: list[str]
) -> tuple[edversion.Comparison, tuple[Evaluation, ...]]:
    if len(names) > _MOST:
        raise InvalidInputError(
            f"{len(names)} versions do not fit beside each other; choose {_MOST} at most",
            code="too_many_versions",
        )
    found = visit.repository.compare(*names)
    return found, find_evaluations(visit.repository, found.versions)
