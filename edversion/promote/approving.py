"""Approve promotions, and list those that wait for approval."""

from __future__ import annotations

from collections.abc import Mapping

from edversion.catalog import Catalog
from edversion.errors import ConflictError, RefusedError
from edversion.model import Approval, PendingPromotion, Version
from edversion.plugins import Plugins
from edversion.promote.promoting import ask_gates, governing_policy
from edversion.promote.weighing import APPROVALS, not_entitled

__all__ = ["approve_version", "pending_promotions"]


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
    policy = governing_policy(catalog, version, alias)
    rules = {} if policy is None else policy.rules
    rule = rules.get(APPROVALS)
    if isinstance(rule, Mapping):
        why = not_entitled(actor, rule, catalog.author_of(version))
        if why is not None:
            raise RefusedError(
                f"{actor} cannot approve {version.reference} for {alias!r}: {why}",
                code="may_not_approve",
                version=version.reference,
                alias=alias,
            )
    report = ask_gates(version, alias, catalog=catalog, plugins=plugins, policy=policy)
    if evidence is not None and evidence != report.digest:
        raise ConflictError(
            f"the evidence on {version.reference} changed since it was shown: its report is now "
            f"{report.digest}. Look at it again with 'edversion policy check'",
            code="evidence_changed",
            digest=report.digest,
            expected=evidence,
        )
    shown = report.as_json()
    return catalog.approve(version, alias, actor=actor, reason=reason, evidence=shown)


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
