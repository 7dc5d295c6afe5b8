"""What people and programs do about promotions: one way for forms and for the API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import edversion
from edversion import ConflictError
from edversion_plugins.dashboard.visit import Visit

__all__ = [
    "approve",
    "changes_since",
    "check_seen",
    "promote",
    "reject",
    "rollback",
    "snapshot",
    "withdraw",
]

_ANSWERS = 40
_LONGEST = 300


def promote(visit: Visit, report: edversion.PromotionReport) -> edversion.Promotion:
    """Promote, if the report is still the one that was read."""
    check_seen(visit, report)
    reason = visit.field("reason") or None
    return visit.repository.promote(report.version, report.alias, reason=reason)


def approve(visit: Visit, report: edversion.PromotionReport) -> edversion.Approval:
    """Approve what was read; once more by the same person on the same evidence changes nothing."""
    check_seen(visit, report)
    given = [each for each in report.approvals if each.actor == visit.access.name]
    taken_back = any(each.actor == visit.access.name for each in report.rejections)
    if given and not taken_back:
        return given[-1]
    return visit.repository.approve(
        report.version, report.alias, reason=visit.field("reason"), evidence=report.digest
    )


def reject(visit: Visit, report: edversion.PromotionReport) -> edversion.Rejection:
    """Reject what was read; likewise."""
    check_seen(visit, report)
    given = [each for each in report.rejections if each.actor == visit.access.name]
    if given:
        return given[-1]
    return visit.repository.reject(
        report.version, report.alias, reason=visit.field("reason"), evidence=report.digest
    )


def withdraw(visit: Visit, report: edversion.PromotionReport) -> None:
    """Let a promotion wait no longer."""
    reason = visit.field("reason") or None
    visit.repository.withdraw(report.version, report.alias, reason=reason)


def rollback(visit: Visit, alias: str) -> edversion.AliasMove:
    """Move an alias back, if it is where it was when that was asked for."""
    revision = visit.field_whole("revision", 0) or None
    reason = visit.field("reason") or None
    return visit.repository.rollback(alias, reason=reason, expected_revision=revision)


def check_seen(visit: Visit, report: edversion.PromotionReport) -> None:
    """Refuse to act on a report that is another than the one that was read.

    Raises
    ------
    ConflictError
        It is (code ``evidence_changed``).
    """
    seen = visit.field("evidence")
    if seen and seen != report.digest:
        raise ConflictError(
            f"the evidence on {report.version.reference} for {report.alias!r} changed since it "
            f"was shown to you: its report is now {report.digest}",
            code="evidence_changed",
            digest=report.digest,
            expected=seen,
        )


def snapshot(report: edversion.PromotionReport) -> str:
    """Give what a form brings back of the report, so that we can say what changed since."""
    return json.dumps(_facts(report), ensure_ascii=False)


def _facts(report: edversion.PromotionReport) -> dict[str, Any]:
    policy = report.policy
    return {
        "current": report.current.version if report.current else "none",
        "policy": f"{policy.pattern} #{policy.number}" if policy else "none",
        "gates": [
            [each.gate, each.passed, each.message[:_LONGEST]]
            for each in report.verdicts[:_ANSWERS]
            if each.gate not in ("approvals", "evidence")
        ],
    }


def changes_since(shown: str, report: edversion.PromotionReport) -> list[str]:
    """Say what of a report differs from the one that a form brought back."""
    try:
        before = json.loads(shown)
    except (ValueError, RecursionError):
        return []
    return list(_differences(before, _facts(report))) if _is_snapshot(before) else []


def _is_snapshot(found: Any) -> bool:
    """Say whether a form brought back what we gave it; anybody can send a form."""
    return (
        isinstance(found, Mapping)
        and all(isinstance(found.get(key), str) for key in ("current", "policy"))
        and isinstance(found.get("gates"), list)
        and all(isinstance(each, list) and len(each) == 3 for each in found["gates"])
    )


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if before["current"] != now["current"]:
        yield f"The version that has the alias is {now['current']}, and was {before['current']}."
    if before["policy"] != now["policy"]:
        yield f"The policy is {now['policy']}, and was {before['policy']}."
    for gate, passed, message in now["gates"]:
        if [gate, passed, message] not in before["gates"]:
            yield f"New: {gate} {'lets it pass' if passed else 'refuses'}: {message}"
    for gate, passed, message in before["gates"]:
        if [gate, passed, message] not in now["gates"]:
            yield f"No longer: {gate} {'let it pass' if passed else 'refused'}: {message}"
