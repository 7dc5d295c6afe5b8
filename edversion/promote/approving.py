"""Approve and reject promotions, and list those that wait for approval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edversion.catalog import Catalog
from edversion.errors import ConflictError, RefusedError
from edversion.model import (
    Approval,
    Json,
    PendingPromotion,
    Policy,
    Rejection,
    Version,
)
from edversion.plugins import Plugins
from edversion.promote.promoting import ask_gates, governing_policy
from edversion.promote.weighing import APPROVALS, not_entitled

__all__ = ["approve_version", "cannot_approve", "pending_promotions", "reject_version"]


def approve_version(
    version: Version,
    alias: str,
    *,
    actor: str,
    reason: str,
    evidence: str | None,
    catalog: Catalog,
    plugins: Plugins,
) -> Approval:
    """Record that a person approves the evidence as it is now.

    Raises
    ------
    ConflictError
        The evidence is not what they were shown (code ``evidence_changed``).
    RefusedError
        Their approval could not count (code ``may_not_approve``).
    """
    why = cannot_approve(version, alias, actor, catalog)
    if why is not None:
        raise RefusedError(
            f"{actor} cannot approve {version.reference} for {alias!r}: {why}",
            code="may_not_approve",
            version=version.reference,
            alias=alias,
        )
    policy = governing_policy(catalog, version, alias)
    shown = _shown(version, alias, policy, evidence, catalog=catalog, plugins=plugins)
    return catalog.approve(version, alias, actor=actor, reason=reason, evidence=shown)


def cannot_approve(version: Version, alias: str, actor: str, catalog: Catalog) -> str | None:
    """Say why a person's approval, or rejection, would not count; None where it would."""
    rule = _rule(governing_policy(catalog, version, alias))
    return None if rule is None else not_entitled(actor, rule, catalog.author_of(version))


def _rule(policy: Policy | None) -> Mapping[str, Any] | None:
    rule = None if policy is None else policy.rules.get(APPROVALS)
    return rule if isinstance(rule, Mapping) else None


def reject_version(
    version: Version,
    alias: str,
    *,
    actor: str,
    reason: str,
    evidence: str | None,
    catalog: Catalog,
    plugins: Plugins,
) -> Rejection:
    """Record that a person rejects the evidence as it is now; it waits no longer.

    Whoever could approve it may, and nobody else: a rejection is taken back by approving.

    Raises
    ------
    ConflictError
        The evidence is not what they were shown (code ``evidence_changed``).
    RefusedError
        No approvals are asked for, so that nothing would come of it (code
        ``no_approvals_asked``), or others are asked (code ``may_not_reject``).
    """
    policy = governing_policy(catalog, version, alias)
    if _rule(policy) is None:
        raise RefusedError(
            f"no policy asks for approvals of {version.reference} for {alias!r}, so that a "
            "rejection would stop nothing; set a policy with [approvals]",
            code="no_approvals_asked",
            version=version.reference,
            alias=alias,
        )
    why = cannot_approve(version, alias, actor, catalog)
    if why is not None:
        raise RefusedError(
            f"{actor} cannot reject {version.reference} for {alias!r}: whoever could approve it "
            f"may, and {why}",
            code="may_not_reject",
            version=version.reference,
            alias=alias,
        )
    shown = _shown(version, alias, policy, evidence, catalog=catalog, plugins=plugins)
    return catalog.reject(version, alias, actor=actor, reason=reason, evidence=shown)


def _shown(
    version: Version,
    alias: str,
    policy: Policy | None,
    evidence: str | None,
    *,
    catalog: Catalog,
    plugins: Plugins,
) -> dict[str, Json]:
    """Give the report as it is now, which must be what a person was shown."""
    report = ask_gates(version, alias, catalog=catalog, plugins=plugins, policy=policy)
    if evidence is not None and evidence != report.digest:
        raise ConflictError(
            f"the evidence on {version.reference} changed since it was shown: its report is now "
            f"{report.digest}. Look at it again with 'edversion policy check'",
            code="evidence_changed",
            digest=report.digest,
            expected=evidence,
        )
    return report.as_json()


def pending_promotions(
    catalog: Catalog, plugins: Plugins, *, project: str | None = None
) -> tuple[PendingPromotion, ...]:
    """Give the promotions that wait, each with what the gates say today."""
    found = []
    for each in catalog.proposals():
        if project is not None and each.version.project != project:
            continue
        policy = governing_policy(catalog, each.version, each.alias)
        report = ask_gates(
            each.version, each.alias, catalog=catalog, plugins=plugins, policy=policy
        )
        found.append(PendingPromotion(report, each.at, each.actor, each.reason))
    return tuple(found)
