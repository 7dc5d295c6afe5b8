"""Whether a version takes an alias: what would happen, what gates say, and who decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

import edversion
from edversion import EdversionError, RefusedError
from edversion_plugins.dashboard.details import Problem
from edversion_plugins.dashboard.pages.version import find_version
from edversion_plugins.dashboard.problems import problem_of
from edversion_plugins.dashboard.promotions import acts
from edversion_plugins.dashboard.promotions.outlook import (
    APPROVALS,
    answers_of,
    followers_of,
    lacks_approvals,
    outlook_of,
)
from edversion_plugins.dashboard.promotions.tales import event_of, tale_of
from edversion_plugins.dashboard.rendering import (
    alias_address,
    promotion_address,
    query,
)
from edversion_plugins.dashboard.visit import Visit

__all__ = [
    "approve_promotion",
    "promote_version",
    "reject_promotion",
    "show_evidence",
    "show_promotion",
    "withdraw_promotion",
]

_USUAL = "champion"
_MOVES = 5


def show_promotion(visit: Visit) -> Response:
    """Show what would happen, what the gates say, and the forms that the visitor may use."""
    return _page(visit, _report(visit, visit.text("to")))


def promote_version(visit: Visit) -> Response:
    """Promote a version, or ask for the approvals that are missing."""
    report = _report(visit, visit.field("to"))

    def act() -> str:
        try:
            acts.promote(visit, report)
        except RefusedError as error:
            if error.code == "promotion_refused" and lacks_approvals(report):
                return report.version.reference
            raise
        return _full(report)

    return _done(visit, report, act)


def approve_promotion(visit: Visit) -> Response:
    """Approve that a version takes an alias, on the evidence that was read."""
    return _said(visit, acts.approve)


def reject_promotion(visit: Visit) -> Response:
    """Reject it, likewise."""
    return _said(visit, acts.reject)


def withdraw_promotion(visit: Visit) -> Response:
    """Let a promotion wait for approvals no longer."""
    return _said(visit, acts.withdraw)


def show_evidence(visit: Visit) -> Response:
    """Show the whole report that somebody approved or rejected."""
    version, digest = find_version(visit), visit.text("digest")
    told = visit.repository.evidence(version, digest)
    words = [
        ("approved", each) for each in visit.repository.approvals(version) if each.digest == digest
    ] + [
        ("rejected", each) for each in visit.repository.rejections(version) if each.digest == digest
    ]
    return visit.page(
        "evidence.html",
        version=version,
        told=told,
        answers=answers_of(told["verdicts"]),
        words=sorted(words, key=lambda each: each[1].at),
    )


def _report(visit: Visit, alias: str) -> edversion.PromotionReport:
    return visit.repository.check_promotion(find_version(visit), alias or _USUAL)


def _full(report: edversion.PromotionReport) -> str:
    return f"{report.version.project}/{report.version.name}:{report.alias}"


def _said(visit: Visit, act: Callable[[Visit, edversion.PromotionReport], object]) -> Response:
    """Take somebody's word on a version."""
    report = _report(visit, visit.field("to"))

    def said() -> str:
        act(visit, report)
        return report.version.reference

    return _done(visit, report, said)


def _done(visit: Visit, report: edversion.PromotionReport, act: Callable[[], str]) -> Response:
    """Do something, and lead to a page that says so; or say why not, beside the form as it was."""
    try:
        subject = act()
    except EdversionError as error:
        problem = problem_of(error)
        if problem.status >= 500:
            raise
        return _page(visit, _report(visit, report.alias), problem=problem)
    newest = visit.repository.events(subject=subject, limit=1)
    done = newest[0].sequence if newest else None
    if subject == _full(report):
        address = alias_address(report.version, report.alias)
        return visit.redirect(address + query({"done": done}))
    return visit.redirect(promotion_address(report.version, report.alias) + f"&done={done}")


def _page(
    visit: Visit, report: edversion.PromotionReport, *, problem: Problem | None = None
) -> Response:
    repository, version, alias = visit.repository, report.version, report.alias
    place, full = f"{version.project}/{version.name}", _full(report)
    followers = followers_of(repository, full)
    policies = [each for each in repository.policies(place, history=True) if each.covers(alias)]
    return visit.page(
        "promote.html",
        status=problem.status if problem else 200,
        report=report,
        version=version,
        alias=alias,
        names=_aliases(repository.aliases(place), alias),
        sentences=outlook_of(repository, report, followers),
        answers=answers_of(report.as_json()["verdicts"]),  # type: ignore[arg-type]
        followers=followers,
        past=[each for each in policies if each != report.policy][::-1],
        asked=_asked(report),
        words=_words(visit, report),
        waits=_waiting(visit, report),
        cannot=repository.cannot_approve(version, alias),
        moves=repository.history(full)[:_MOVES],
        refusals=repository.refusals(full)[:_MOVES],
        evidence=report.digest,
        seen=acts.snapshot(report),
        only_approvals=lacks_approvals(report),
        done=_told(visit),
        problem=problem,
        changed=_changed(visit, report, problem),
        reason=visit.field("reason"),
    )


def _aliases(found: tuple[edversion.Alias, ...], alias: str) -> list[str]:
    names = {each.name for each in found} | {alias, _USUAL}
    return sorted(names - {"latest"})


def _asked(report: edversion.PromotionReport) -> dict[str, Any] | None:
    """Give whose approvals the policy asks for; None where it asks for none."""
    rule: Any = report.policy.rules.get(APPROVALS) if report.policy else None
    if rule is None:
        return None
    return {
        "count": rule.get("count", 1),
        "by": list(rule.get("by", ())),
        "roles": {role: list(names) for role, names in rule.get("roles", {}).items()},
        "self": bool(rule.get("self", False)),
        "two_person": bool(rule.get("two_person", False)),
    }


def _words(visit: Visit, report: edversion.PromotionReport) -> list[tuple[str, Any, bool]]:
    """Give approvals and rejections, oldest first, and whether each counts for this evidence."""
    repository, version, alias = visit.repository, report.version, report.alias
    found = [
        ("approved", each, each in report.approvals)
        for each in repository.approvals(version, alias)
    ] + [
        ("rejected", each, each in report.rejections)
        for each in repository.rejections(version, alias)
    ]
    return sorted(found, key=lambda each: each[1].at)


def _waiting(visit: Visit, report: edversion.PromotionReport) -> edversion.Proposal | None:
    asked = report.version, report.alias
    found = visit.repository.proposals()
    return next((each for each in found if (each.version, each.alias) == asked), None)


def _told(visit: Visit) -> dict[str, Any] | None:
    """Give what was done, where the address says by which event."""
    number = visit.whole("done", 0)
    event = event_of(visit.repository, number) if number else None
    return None if event is None else {"event": event, "text": tale_of(event)}


def _changed(visit: Visit, report: edversion.PromotionReport, problem: Problem | None) -> list[str]:
    if problem is None or problem.code != "evidence_changed":
        return []
    return acts.changes_since(visit.sent.get("seen", ""), report)
