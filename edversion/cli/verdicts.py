"""What gates say, as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from edversion.telling.values import counted

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.model import Policy, PromotionReport, Verdict

__all__ = ["show_report", "show_verdicts"]


def show_report(screen: Screen, report: PromotionReport) -> None:
    """Show what is to be promoted, under which policy, and what the gates say."""
    policy, current = report.policy, report.current
    screen.facts(
        {
            "version": report.version.reference,
            "to": report.alias,
            "instead of": "nothing" if current is None else current.reference,
            "policy": "none" if policy is None else f"{policy.subject} {_which(policy)}",
            "evidence": report.digest,
        }
    )
    show_verdicts(screen, report.verdicts)
    screen.line(_outcome(report))


def _outcome(report: PromotionReport) -> str:
    """Say what stands in the way; approvals that are still to come are no refusal."""
    from edversion.promote import APPROVALS

    if report.passed:
        return "every gate lets it"
    missing = [_missing(each) for each in report.refused if each.gate == APPROVALS]
    gates = dict.fromkeys(each.gate for each in report.refused if each.gate != APPROVALS)
    parts = [f"refused by {', '.join(gates)}"] if gates else []
    return "; ".join(parts + [f"still missing: {each}" for each in missing])


def _missing(verdict: Verdict) -> str:
    """Say how many approvals are missing, or whose, or who rejected it."""
    evidence: Mapping[str, Any] = verdict.evidence
    if evidence.get("rejected_by"):
        return verdict.message
    short = evidence["count"] - len(evidence["approved_by"])
    return f"{counted(short, 'approval')} of {evidence['count']}" if short > 0 else verdict.message


def _which(policy: Policy) -> str:
    return f"#{policy.number}" if policy.number else "on trial"


def show_verdicts(screen: Screen, verdicts: Iterable[Verdict]) -> None:
    """Show each answer with its number and interval."""
    rows = [
        (
            verdict.gate,
            "passed" if verdict.passed else "REFUSED",
            _number(screen, verdict.evidence.get("value")),
            _interval(screen, verdict.evidence),
            verdict.message,
        )
        for verdict in verdicts
    ]
    if rows:
        screen.table(("gate", "verdict", "value", "interval", "says"), rows, right=("value",))


def _number(screen: Screen, value: Any) -> str:
    return screen.number(value) if isinstance(value, int | float) else ""


def _interval(screen: Screen, evidence: Mapping[str, Any]) -> str:
    ends = [_number(screen, evidence.get(key)) for key in ("low", "high")]
    return f"[{ends[0]}, {ends[1]}]" if all(ends) else ""
