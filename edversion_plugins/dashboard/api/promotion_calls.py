"""The API's calls about promotions: what gates say, who decided, and deciding."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import edversion
from edversion_plugins.dashboard.api.calls import Call
from edversion_plugins.dashboard.api.schemas import (
    DIGEST,
    NAME,
    REASON,
    REVISION,
    SCHEMAS,
    TO,
    list_of,
    maybe,
    named,
    record,
)
from edversion_plugins.dashboard.pages.version import find_version
from edversion_plugins.dashboard.promotions import acts
from edversion_plugins.dashboard.promotions.outlook import followers_of
from edversion_plugins.dashboard.visit import Visit

__all__ = ["PROMOTION_CALLS"]

_USUAL = "champion"


def _report(visit: Visit, alias: str) -> edversion.PromotionReport:
    return visit.repository.check_promotion(find_version(visit), alias or _USUAL)


def _check(visit: Visit) -> Any:
    return _report(visit, visit.text("to")).as_json()


def _pending(visit: Visit) -> Any:
    found = visit.repository.pending(project=visit.text("project") or None)
    return {
        "pending": [
            {
                "report": each.report.as_json(),
                "at": each.at.isoformat(),
                "actor": each.actor,
                "reason": each.reason,
            }
            for each in found
        ]
    }


def _alias(visit: Visit) -> Any:
    full = _full(visit)
    return {
        "alias": full,
        "moves": [_move(each) for each in visit.repository.history(full)],
        "refusals": [each.as_json() for each in visit.repository.refusals(full)],
        "followers": [
            {"deployment": each.deployment.reference, "state": each.state, "told": each.told}
            for each in followers_of(visit.repository, full)
        ],
    }


def _full(visit: Visit) -> str:
    return f"{visit.part('project')}/{visit.part('collection')}:{visit.part('alias')}"


def _move(move: edversion.AliasMove) -> dict[str, Any]:
    return {**asdict(move), "at": move.at.isoformat(), "evidence": dict(move.evidence)}


def _promote(visit: Visit) -> Any:
    made = acts.promote(visit, _report(visit, visit.field("to")))
    return {
        "alias": made.alias,
        "version": made.version.reference,
        "previous": made.previous.reference if made.previous else None,
        "moved": made.moved,
        "kind": made.kind,
        "revision": made.revision,
        "report": made.report.as_json(),
    }


def _approve(visit: Visit) -> Any:
    return _word(acts.approve(visit, _report(visit, visit.field("to"))))


def _reject(visit: Visit) -> Any:
    return _word(acts.reject(visit, _report(visit, visit.field("to"))))


def _word(given: edversion.Approval | edversion.Rejection) -> dict[str, Any]:
    return {**asdict(given), "at": given.at.isoformat()}


def _withdraw(visit: Visit) -> Any:
    report = _report(visit, visit.field("to"))
    acts.withdraw(visit, report)
    return {"version": report.version.reference, "alias": report.alias}


def _rollback(visit: Visit) -> Any:
    return _move(acts.rollback(visit, _full(visit)))


_VERSION = "/promotions/{project}/{collection}/{version}"
_ALIAS = "/aliases/{project}/{collection}/{alias}"
_STRING = {"type": "string"}
_WORD = {"to": TO, "reason": REASON, "evidence": maybe(DIGEST)}
PROMOTION_CALLS = (
    Call(
        _VERSION, _check, "What the gates would say to a promotion; to champion where left out",
        {"to": TO}, named("Report"),
    ),
    Call(
        "/pending", _pending, "Promotions that wait for approval, the longest first",
        {"project": NAME}, record(pending=list_of(named("Pending"))),
    ),
    Call(
        _ALIAS, _alias, "The history of an alias, and who follows it", {},
        record(
            alias=_STRING, moves=list_of(named("Move")), refusals=list_of(named("Event")),
            followers=list_of(record(deployment=_STRING, state=_STRING, told=_STRING)),
        ),
    ),
    Call(
        f"{_VERSION}/promote", _promote,
        "Move an alias to a version, if every gate lets it; what lacks approvals alone is refused "
        "and waits for them",
        {},
        record(
            alias=_STRING, version=_STRING, previous=maybe(_STRING), moved={"type": "boolean"},
            kind=_STRING, revision={"type": "integer", "minimum": 0}, report=named("Report"),
        ),
        {"to": TO, "reason": maybe(REASON), "evidence": maybe(DIGEST)}, "edit",
    ),
    Call(
        f"{_VERSION}/approve", _approve,
        "Approve that a version takes an alias, on the evidence whose digest was read", {},
        record(**SCHEMAS["Decision"]["properties"]), _WORD, "approve",
    ),
    Call(
        f"{_VERSION}/reject", _reject,
        "Reject it, likewise; nothing promotes it on this evidence until you approve", {},
        record(**SCHEMAS["Decision"]["properties"]), _WORD, "approve",
    ),
    Call(
        f"{_VERSION}/withdraw", _withdraw, "Let a promotion wait for approvals no longer", {},
        record(version=_STRING, alias=NAME), {"to": TO, "reason": maybe(REASON)}, "edit",
    ),
    Call(
        f"{_ALIAS}/rollback", _rollback,
        "Move an alias back to the version before; with its revision, once for who asks twice", {},
        record(**SCHEMAS["Move"]["properties"]),
        {"reason": maybe(REASON), "revision": maybe(REVISION)}, "edit",
    ),
)  # fmt: skip
