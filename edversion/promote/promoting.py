"""Ask the gates, and move an alias as they allow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from edversion.catalog import Catalog, MoveRequest, governing
from edversion.errors import RefusedError
from edversion.model import (
    Json,
    MoveKind,
    Policy,
    Promotion,
    PromotionReport,
    Rejection,
    Verdict,
    Version,
)
from edversion.plugins import Plugins
from edversion.promote import gates
from edversion.promote.weighing import (
    AGE,
    APPROVALS,
    age,
    approved,
    digest_of_evidence,
    unanswered,
)

__all__ = ["ask_gates", "governing_policy", "promote_version", "trial_policy"]

_TOLD = 20  # verdicts, and characters of each, that the event of a refusal keeps
_BRIEF = 300


def governing_policy(catalog: Catalog, version: Version, alias: str) -> Policy | None:
    """Give the policy that an alias of a version's collection is under."""
    return governing(catalog.policies(version.project, version.name), alias)


def trial_policy(version: Version, alias: str, rules: Mapping[str, Json], text: str) -> Policy:
    """Give a policy that is only tried: its number is 0."""
    now = datetime.now(UTC)
    return Policy(version.project, version.name, alias, 0, text, rules, now, "", None)


def ask_gates(
    version: Version,
    alias: str,
    *,
    catalog: Catalog,
    plugins: Plugins,
    policy: Policy | None,
    promoter: str | None = None,
) -> PromotionReport:
    """Hear every gate; nothing is changed."""
    plugins.add(gates.NAME, gates)
    current, _ = catalog.alias_target(version.project, version.name, alias)
    rules: Mapping[str, Any] = {} if policy is None else policy.rules
    verdicts = list(plugins.check_promotion(version, alias, current, rules))
    verdicts += unanswered(rules, verdicts)
    digest = digest_of_evidence(version, alias, current, policy, verdicts)
    if AGE in rules:
        verdicts.append(age(rules[AGE], verdicts, datetime.now(UTC)))
    given = catalog.approvals(version, alias)
    against: tuple[Rejection, ...] = ()
    if APPROVALS in rules:
        author = catalog.author_of(version)
        against = catalog.standing_rejections(version, alias, digest)
        verdicts.append(
            approved(
                rules[APPROVALS], given, digest, author=author, promoter=promoter, against=against
            )
        )
    valid = tuple(each for each in given if each.digest == digest)
    return PromotionReport(version, alias, current, policy, tuple(verdicts), digest, valid, against)


def promote_version(
    version: Version,
    alias: str,
    *,
    actor: str,
    reason: str | None,
    force: bool,
    catalog: Catalog,
    plugins: Plugins,
) -> Promotion:
    """Move an alias to a version if every gate lets it, or somebody forces it who may.

    Raises
    ------
    RefusedError
        A gate refused (code ``promotion_refused``), or the actor may not force it (code
        ``may_not_force``).
    ConflictError
        Alias or policy changed while the gates were asked.
    """
    _, revision = catalog.alias_target(version.project, version.name, alias)
    policy = governing_policy(catalog, version, alias)
    report = ask_gates(
        version, alias, catalog=catalog, plugins=plugins, policy=policy, promoter=actor
    )
    kind: MoveKind = "promoted"
    if report.current == version:
        return Promotion(report, False, kind, revision, datetime.now(UTC), actor, reason)
    if report.refused:
        _override(report, catalog, actor, reason, force=force)
        kind = "overridden"
    request = MoveRequest(
        alias=alias,
        kind=kind,
        evidence=report.as_json(),
        actor=actor,
        reason=reason,
        expected_revision=revision,
        expected_policy=None if policy is None else (policy.pattern, policy.number),
    )
    moved = catalog.promote(version, request)
    promotion = Promotion(report, True, kind, moved, datetime.now(UTC), actor, reason)
    plugins.after_promote(promotion)
    return promotion


def _override(
    report: PromotionReport, catalog: Catalog, actor: str, reason: str | None, *, force: bool
) -> None:
    """Let a promotion pass that gates refuse, or raise, and put on record that it was tried."""
    version, alias = report.version, report.alias
    lacking = {verdict.gate for verdict in report.refused}
    waits = not force and lacking == {APPROVALS} and not report.rejections
    if waits:
        catalog.propose(version, alias, actor=actor, reason=reason)
    try:
        _demand_force(report, actor, reason, force=force)
    except RefusedError as error:
        if not waits:
            refusal = _in_brief(report, error.code)
            catalog.note_refusal(version, alias, actor=actor, reason=reason, refusal=refusal)
        raise


def _demand_force(report: PromotionReport, actor: str, reason: str | None, *, force: bool) -> None:
    """Refuse unless the promotion is forced by somebody who may, with a reason."""
    refused = report.refused
    name = f"{report.version.reference} to {report.alias!r}"
    if not force:
        raise _refusal(
            f"{name}: {_told(refused)}. See 'edversion policy check {report.version.name}:"
            f"v{report.version.number} --to {report.alias}'",
            "promotion_refused",
            report,
        )
    allowed = () if report.policy is None else report.policy.names("force")
    if actor not in allowed:
        who = f"those who may are: {', '.join(allowed)}" if allowed else "nobody may by its policy"
        raise _refusal(f"{actor} may not force {name}; {who}", "may_not_force", report)
    if not (reason or "").strip():
        raise _refusal(f"to force {name} takes a reason", "no_reason", report)


def _in_brief(report: PromotionReport, code: str) -> dict[str, Json]:
    """Say what is kept for ever of a refusal: not the report, which may be long."""
    told: list[Json] = [
        {"gate": verdict.gate, "message": verdict.message[:_BRIEF]}
        for verdict in report.refused[:_TOLD]
    ]
    return {
        "code": code,
        "digest": report.digest,
        "refused": len(report.refused),
        "verdicts": told,
    }


def _told(refused: tuple[Verdict, ...]) -> str:
    return "; ".join(f"{verdict.gate}: {verdict.message.rstrip('.')}" for verdict in refused)


def _refusal(message: str, code: str, report: PromotionReport) -> RefusedError:
    return RefusedError(
        message,
        code=code,
        verdicts=report.verdicts,
        version=report.version.reference,
        alias=report.alias,
        digest=report.digest,
    )
