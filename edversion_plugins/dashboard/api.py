"""The same reads as JSON under ``/api/v1``, and their description, from one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

import edversion
from edversion_plugins.dashboard.routes import Page
from edversion_plugins.dashboard.visit import Visit

__all__ = ["API", "CALLS", "description"]

_PREFIX = "/api/v1"
_PER_PAGE = 50
_TEXT, _WHOLE = {"type": "string"}, {"type": "integer", "minimum": 1}
_PAGED = {"page": _WHOLE}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API.

    Attributes
    ----------
    path : str
        Below ``/api/v1``.
    answer : callable
        Takes the visit, and gives JSON.
    summary : str
        What it gives.
    query : dict
        Parameters, with their schemas.
    """

    path: str
    answer: Callable[[Visit], Any]
    summary: str
    query: dict[str, dict[str, Any]]


def _projects(visit: Visit) -> Any:
    return {"projects": list(visit.repository.projects())}


def _collections(visit: Visit) -> Any:
    found = visit.repository.collections(project=visit.text("project") or None)
    return {
        "collections": [
            {
                "project": each.project,
                "name": each.name,
                "type": each.type,
                "version_count": each.version_count,
                "latest": each.latest,
                "created_at": each.created_at.isoformat(),
            }
            for each in found
        ]
    }


def _versions(visit: Visit) -> Any:
    number = visit.whole("page", 1)
    found = visit.repository.search(
        visit.text("where") or None,
        project=visit.text("project") or None,
        name=visit.text("name") or None,
        order_by=visit.text("order") or None,
        limit=_PER_PAGE + 1,
        offset=(number - 1) * _PER_PAGE,
    )
    more = len(found) > _PER_PAGE
    shown = [_facts(each) for each in found[:_PER_PAGE]]
    return {"versions": shown, "page": number, "next": number + 1 if more else None}


def _version(visit: Visit) -> Any:
    version = visit.repository.version("{project}/{collection}:{version}".format(**_parts(visit)))
    files = [
        {"path": each.path, "size": each.size, "digest": each.digest} for each in version.files()
    ]
    return {**_facts(version), "files": files}


def _parts(visit: Visit) -> dict[str, str]:
    return {name: visit.part(name) for name in ("project", "collection", "version")}


def _facts(version: edversion.Version) -> dict[str, Any]:
    return {**version.as_json(), "created_by": version.created_by}


def _comparison(visit: Visit) -> Any:
    return visit.repository.compare(*filter(None, visit.texts("v"))).as_json()


def _events(visit: Visit) -> Any:
    before = visit.whole("before", 0) or None
    found = visit.repository.events(
        subject=visit.text("subject") or None, before=before, limit=_PER_PAGE + 1
    )
    shown = found[:_PER_PAGE]
    after = shown[-1].sequence if len(found) > _PER_PAGE else None
    return {"events": [each.as_json() for each in shown], "next": after}


_SEARCHED = {"where": _TEXT, "order": _TEXT, "project": _TEXT, "name": _TEXT}
CALLS = (
    Call("/projects", _projects, "Names of the projects", {}),
    Call("/collections", _collections, "Collections", {"project": _TEXT}),
    Call("/versions", _versions, "Versions that a search finds", {**_SEARCHED, **_PAGED}),
    Call("/versions/{project}/{collection}/{version}", _version, "A version with its files", {}),
    Call(
        "/comparison", _comparison, "What differs between versions; the first is the baseline",
        {"v": {"type": "array", "items": _TEXT, "minItems": 2}},
    ),
    Call("/events", _events, "Events, newest first", {"subject": _TEXT, "before": _WHOLE}),
)  # fmt: skip


def description() -> dict[str, Any]:
    """Describe the API as OpenAPI has it."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "edversion", "version": edversion.__version__},
        "paths": {f"{_PREFIX}{call.path}": {"get": _described(call)} for call in CALLS},
    }


def _described(call: Call) -> dict[str, Any]:
    in_path = [part[1:-1] for part in call.path.split("/") if part.startswith("{")]
    problem = {"content": {"application/problem+json": {"schema": {"type": "object"}}}}
    return {
        "summary": call.summary,
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": _TEXT} for name in in_path),
            *({"name": name, "in": "query", "schema": each} for name, each in call.query.items()),
        ],
        "responses": {
            "200": {
                "description": call.summary,
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            "default": {"description": "What is wrong, by RFC 9457", **problem},
        },
    }


def _page(call: Call) -> Page:
    def respond(visit: Visit) -> Response:
        return JSONResponse(call.answer(visit))

    return Page(_PREFIX + call.path, respond, "view")


def _describe(_visit: Visit) -> Response:
    return JSONResponse(description())


API = (*map(_page, CALLS), Page(f"{_PREFIX}/openapi.json", _describe, "view"))
