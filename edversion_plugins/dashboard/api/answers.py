"""The same as JSON under ``/api/v1``, and its description, from one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from starlette.responses import JSONResponse, Response

import edversion
from edversion_plugins.dashboard.api.asked import check_asked, check_sent
from edversion_plugins.dashboard.api.calls import Call
from edversion_plugins.dashboard.api.openapi import describe
from edversion_plugins.dashboard.api.promotion_calls import PROMOTION_CALLS
from edversion_plugins.dashboard.api.schemas import (
    AFTER,
    CONDITION,
    DIRECTION,
    LINEAGE,
    NAME,
    NUMBER,
    ORDER,
    PROGRESS,
    RAN,
    REFERENCE,
    SCHEMAS,
    STATUS,
    STORAGE,
    TEXT,
    Schema,
    list_of,
    maybe,
    named,
    record,
)
from edversion_plugins.dashboard.pages.experiments import (
    definition_facts,
    experiment_facts,
    find_definition,
)
from edversion_plugins.dashboard.pages.leaderboard import MOST, board_of, metrics_of
from edversion_plugins.dashboard.pages.lineage import asked_map
from edversion_plugins.dashboard.pages.runs import find_runs, run_facts, summary_of
from edversion_plugins.dashboard.pages.storage import storage_facts
from edversion_plugins.dashboard.routes import Page
from edversion_plugins.dashboard.trials.progress import progress_of
from edversion_plugins.dashboard.visit import Visit

__all__ = ["API", "CALLS", "description"]

_PREFIX = "/api/v1"
_PER_PAGE = 50
_FILES_PER_PAGE = 1_000
_Item = TypeVar("_Item")
_MOST = 8


def _projects(visit: Visit) -> Any:
    return {"projects": list(visit.repository.projects())}


def _collections(visit: Visit) -> Any:
    found = visit.repository.collections(project=visit.text("project") or None)
    shown, number, after = _paged(visit, found, _PER_PAGE)
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
            for each in shown
        ],
        "page": number,
        "next": after,
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
    shown, number, after = _paged(visit, version.files(), _FILES_PER_PAGE)
    files = [{"path": each.path, "size": each.size, "digest": each.digest} for each in shown]
    return {**_facts(version), "files": files, "page": number, "next": after}


def _paged(
    visit: Visit, found: Sequence[_Item], size: int
) -> tuple[Sequence[_Item], int, int | None]:
    """Give the part of a list that a page holds, its number, and that of the next one."""
    number = visit.whole("page", 1)
    end = number * size
    return found[end - size : end], number, number + 1 if len(found) > end else None


def _parts(visit: Visit) -> dict[str, str]:
    return {name: visit.part(name) for name in ("project", "collection", "version")}


def _facts(version: edversion.Version) -> dict[str, Any]:
    return {**version.as_json(), "created_by": version.created_by}


def _comparison(visit: Visit) -> Any:
    return visit.repository.compare(*visit.texts("v")).as_json()


def _lineage(visit: Visit) -> Any:
    version, found, against = asked_map(visit)
    return {
        "version": version.reference,
        "against": against and against.reference,
        "boxes": [box.as_json() for box in found.boxes],
        "arrows": [
            {
                "source": found.boxes[each.source].key,
                "target": found.boxes[each.target].key,
                "said": each.said,
            }
            for each in found.arrows
        ],
        "left_out": {"boxes": found.cut, "more_steps": found.beyond},
    }


def _leaderboard(visit: Visit) -> Any:
    return _board(visit).as_json()


def _series(visit: Visit) -> Any:
    board = _board(visit)
    told = {each["version"]: each for each in board.as_json()["standings"]}
    measured = sorted(board.standings, key=lambda each: each.version.number)
    return {
        **{key: getattr(board, key) for key in _BOARD},
        "values": [
            {
                "version": each.version.reference,
                "created_at": each.version.created_at.isoformat(),
                "aliases": list(each.version.aliases),
                **{key: told[each.version.reference][key] for key in ("metric", "worst")},
            }
            for each in measured
        ],
        "not_measured": [version.reference for version in board.unranked],
    }


def _board(visit: Visit) -> edversion.Leaderboard:
    """Rank as is asked for; by the plainest metric where none is named."""
    known = next(iter(metrics_of(visit)), "") if not visit.text("metric") else ""
    return board_of(visit, visit.text("metric") or known)


def _events(visit: Visit) -> Any:
    before = visit.whole("before", 0) or None
    found = visit.repository.events(
        subject=visit.text("subject") or None, before=before, limit=_PER_PAGE + 1
    )
    shown = found[:_PER_PAGE]
    after = shown[-1].sequence if len(found) > _PER_PAGE else None
    return {"events": [each.as_json() for each in shown], "next": after}


def _experiments(visit: Visit) -> Any:
    found = visit.repository.experiments(project=visit.text("project") or None)
    shown, number, after = _paged(visit, found, _PER_PAGE)
    return {"experiments": list(map(definition_facts, shown)), "page": number, "next": after}


def _experiment(visit: Visit) -> Any:
    definition = find_definition(visit)
    return experiment_facts(progress_of(visit.repository, definition, visit.text("analysis")))


def _runs(visit: Visit) -> Any:
    number = visit.whole("page", 1)
    found, more = find_runs(visit)
    runs = [summary_of(each) for each in found]
    return {"runs": runs, "page": number, "next": number + 1 if more else None}


def _run(visit: Visit) -> Any:
    return run_facts(visit, visit.repository.run(visit.part("run")))


_SEARCHED = {
    "where": CONDITION, "order": ORDER, "project": NAME, "name": NAME, "page": NUMBER,
}  # fmt: skip
_COMPARED = {"v": list_of(REFERENCE) | {"minItems": 2, "maxItems": _MOST}}
_FILES = {"files": list_of(named("File")), "page": NUMBER, "next": AFTER}
_RANKED: dict[str, Schema] = {
    "metric": TEXT | {"description": "What they are ranked by; the plainest where left out."},
    "slice": TEXT | {"description": "Group of learners, such as gender=female."},
    "dataset": REFERENCE, "split": TEXT,
    "better": {"type": "string", "enum": ["higher", "lower"]},
    "limit": NUMBER | {"maximum": MOST, "description": "How many of the newest versions."},
}  # fmt: skip
_BOARD = {
    **{key: {"type": "string"} for key in ("collection", "metric", "better")},
    **{key: maybe({"type": "string"}) for key in ("dataset", "split", "slice")},
}
CALLS = (
    Call("/projects", _projects, "Names of the projects", {}, record(projects=list_of(NAME))),
    Call(
        "/collections", _collections, "Collections", {"project": NAME, "page": NUMBER},
        record(collections=list_of(named("Collection")), page=NUMBER, next=AFTER),
    ),
    Call(
        "/versions", _versions, "Versions that a search finds", _SEARCHED,
        record(versions=list_of(named("Version")), page=NUMBER, next=AFTER),
    ),
    Call(
        "/versions/{project}/{collection}/{version}", _version,
        "A version with its files, a thousand at a time", {"page": NUMBER},
        record(**SCHEMAS["Version"]["properties"], **_FILES),
    ),
    Call(
        "/comparison", _comparison, "What differs between versions; the first is the baseline",
        _COMPARED,
        record(
            versions=list_of(REFERENCE), identical={"type": "boolean"},
            summary=list_of({"type": "string"}), sections=list_of(named("Section")),
        ),
    ),
    Call(
        "/events", _events, "Events, newest first", {"subject": TEXT, "before": NUMBER},
        record(events=list_of(named("Event")), next=AFTER),
    ),
    Call("/storage", storage_facts, "What takes room", {}, STORAGE),
    Call(
        "/runs", _runs, "Runs, newest first", {"project": NAME, "status": STATUS, "page": NUMBER},
        record(runs=list_of(named("Run")), page=NUMBER, next=AFTER),
    ),
    Call(
        "/runs/{run}", _run, "A run, with what it used and logged", {},
        record(**SCHEMAS["Run"]["properties"], **RAN),
    ),
    Call(
        "/experiments", _experiments, "Experiments", {"project": NAME, "page": NUMBER},
        record(experiments=list_of(named("Experiment")), page=NUMBER, next=AFTER),
    ),
    Call(
        "/experiments/{project}/{experiment}", _experiment,
        "An experiment: who takes part, what must hold, and what was found in sentences",
        {"analysis": NAME},
        record(**SCHEMAS["Experiment"]["properties"], **PROGRESS),
    ),
    Call(
        "/lineage/{project}/{collection}/{version}", _lineage,
        "What a version was made from and what came of it, or what is behind two",
        {"direction": DIRECTION, "depth": NUMBER, "against": REFERENCE},
        LINEAGE,
    ),
    Call(
        "/leaderboard/{project}/{collection}", _leaderboard,
        "The newest versions of a collection, best first", _RANKED,
        record(
            **_BOARD, groups=list_of({"type": "string"}), standings=list_of(named("Standing")),
            unranked=list_of(REFERENCE),
        ),
    ),
    Call(
        "/series/{project}/{collection}", _series,
        "A metric over the newest versions of a collection, oldest first", _RANKED,
        record(**_BOARD, values=list_of(named("Reading")), not_measured=list_of(REFERENCE)),
    ),
    *PROMOTION_CALLS,
)  # fmt: skip


def description() -> dict[str, Any]:
    """Describe the API as OpenAPI has it."""
    return describe(_PREFIX, CALLS)


def _page(call: Call) -> Page:
    def respond(visit: Visit) -> Response:
        check_asked(visit, call.query)
        check_sent(visit, call)
        return JSONResponse(call.answer(visit))

    return Page(_PREFIX + call.path, respond, call.permission, (call.method,))


def _describe(_visit: Visit) -> Response:
    return JSONResponse(description())


API = (*map(_page, CALLS), Page(f"{_PREFIX}/openapi.json", _describe, "view"))
