"""Promote versions, under policies that people set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from edversion import promote
from edversion.environment import actor
from edversion.errors import InvalidInputError
from edversion.metadata import check_text
from edversion.model import (
    AliasMove,
    Approval,
    Event,
    Json,
    PendingPromotion,
    Promotion,
    PromotionReport,
    Proposal,
    Rejection,
    Version,
)
from edversion.policy import read_policy
from edversion.reference import LATEST, check_alias
from edversion.repository.parts import Area, Subject

__all__ = ["Promoting"]

D = TypeVar("D", Approval, Rejection)


class Promoting(Area):
    """How an alias moves through gates, and who decides on it."""

    def promote(
        self, reference: Subject, to: str, *, reason: str | None = None, force: bool = False
    ) -> Promotion:
        """Let every gate judge a version, and move an alias to it if none refuses.

        Parameters
        ----------
        reference : str or Version
            The version.
        to : str
            The alias, e.g. ``"champion"``.
        reason : str, optional
            Why; kept for ever.
        force : bool
            Whether to move it although gates refuse. That takes a reason, and the policy must
            name the actor under ``force``; the move shows as an override for ever.

        Returns
        -------
        Promotion
            What the gates said. Nothing moves where the version has the alias already.

        Raises
        ------
        RefusedError
            A gate refused: `verdicts` has every answer, and `refusals` tells of it from now
            on. Where approvals are all that is missing, the promotion waits for them (`pending`).
        ConflictError
            Somebody moved the alias or changed the policy while the gates were asked.

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     model = run.log_artifact(edversion.Artifact("dropout", type="model"))
        ...     repository = run.repository
        ...     _ = repository.set_policy("dropout:champion", "tags = {require = ['fair']}")
        ...     try:
        ...         repository.promote("dropout:v0", "champion")
        ...     except edversion.RefusedError as error:
        ...         print([verdict.message for verdict in error.verdicts])
        ...     _ = repository.tag("dropout:v0", add=["fair"])
        ...     repository.promote("dropout:v0", "champion").alias
        ["tag 'fair' is missing"]
        'demo/dropout:champion'
        >>> folder.cleanup()
        """
        made = promote.promote_version(
            self.version(reference),
            _movable(to),
            actor=actor(),
            reason=check_text(reason, "reason"),
            force=force,
            catalog=self.catalog,
            plugins=self.plugins,
        )
        self.write_receipts()
        return made

    def check_promotion(
        self, reference: Subject, to: str, *, policy: str | None = None
    ) -> PromotionReport:
        """Give what the gates would say to a promotion; nothing changes.

        Parameters
        ----------
        reference : str or Version
            The version.
        to : str
            The alias.
        policy : str, optional
            A policy in TOML to try, instead of the one that holds.
        """
        version, alias = self.version(reference), _movable(to)
        held = promote.governing_policy(self.catalog, version, alias)
        if policy is not None:
            held = promote.trial_policy(version, alias, read_policy(policy), policy)
        return promote.ask_gates(
            version, alias, catalog=self.catalog, plugins=self.plugins, policy=held
        )

    def approve(
        self, reference: Subject, alias: str, *, reason: str, evidence: str | None = None
    ) -> Approval:
        """Approve that a version takes an alias, on the evidence as it is now.

        An approval counts for exactly this evidence: measure again, or move the alias, and it
        has to be given again.

        Parameters
        ----------
        reference : str or Version
            The version.
        alias : str
            The alias that it may take.
        reason : str
            Why.
        evidence : str, optional
            Digest of the report that was read (`check_promotion`); refused if it is another now.

        Raises
        ------
        RefusedError
            The actor's approval cannot count (code ``may_not_approve``).
        ConflictError
            The evidence changed since it was read (code ``evidence_changed``).
        """
        return self._decided(
            promote.approve_version, reference, alias, _reason(reason, "an approval"), evidence
        )

    def reject(
        self, reference: Subject, alias: str, *, reason: str, evidence: str | None = None
    ) -> Rejection:
        """Reject that a version takes an alias, on the evidence as it is now.

        A promotion that waits does so no longer, and none passes on this evidence, however many
        approve: until whoever rejected it approves it, or the evidence changes.

        Parameters
        ----------
        reference : str or Version
            The version.
        alias : str
            The alias that it may not take.
        reason : str
            Why.
        evidence : str, optional
            Digest of the report that was read (`check_promotion`); refused if it is another now.

        Raises
        ------
        RefusedError
            The actor's approval could not count (code ``may_not_reject``), or the policy asks
            for none (``no_approvals_asked``).
        ConflictError
            The evidence changed since it was read (code ``evidence_changed``).

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     model = run.log_artifact(edversion.Artifact("dropout", type="model"))
        ...     repository = run.repository
        ...     _ = repository.set_policy("dropout:champion", "approvals = {count = 1}")
        ...     with edversion.acting_as("bo"):
        ...         _ = repository.reject("dropout:v0", "champion", reason="too few pupils")
        ...     repository.check_promotion("dropout:v0", "champion").rejections[0].reason
        'too few pupils'
        >>> folder.cleanup()
        """
        return self._decided(
            promote.reject_version, reference, alias, _reason(reason, "a rejection"), evidence
        )

    def _decided(
        self,
        decide: Callable[..., D],
        reference: Subject,
        alias: str,
        reason: str,
        evidence: str | None,
    ) -> D:
        """Record what the actor says of a promotion."""
        given = decide(
            self.version(reference),
            _movable(alias),
            actor=actor(),
            reason=reason,
            evidence=check_text(evidence, "evidence"),
            catalog=self.catalog,
            plugins=self.plugins,
        )
        self.write_receipts()
        return given

    def cannot_approve(self, reference: Subject, alias: str) -> str | None:
        """Say why an approval or a rejection of the actor would not count; None where it would."""
        version = self.version(reference)
        return promote.cannot_approve(version, _movable(alias), actor(), self.catalog)

    def approvals(self, reference: Subject, alias: str | None = None) -> tuple[Approval, ...]:
        """Give the approvals that a version was given, oldest first."""
        return self.catalog.approvals(self.version(reference), alias)

    def rejections(self, reference: Subject, alias: str | None = None) -> tuple[Rejection, ...]:
        """Give the rejections that a version met with, oldest first."""
        return self.catalog.rejections(self.version(reference), alias)

    def evidence(self, reference: Subject, digest: str) -> Mapping[str, Json]:
        """Give the report on a version that somebody approved or rejected, by its digest.

        Raises
        ------
        NotFoundError
            Nobody decided on the version by such a report.
        """
        return self.catalog.shown_evidence(self.version(reference), digest)

    def pending(self, *, project: str | None = None) -> tuple[PendingPromotion, ...]:
        """Give the promotions that only wait for approvals, or did, the longest first."""
        return promote.pending_promotions(self.catalog, self.plugins, project=project)

    def proposals(self, *, project: str | None = None) -> tuple[Proposal, ...]:
        """Give what `pending` gives without asking the gates: what waits since when, and who asked.

        Gates may take long, as those that compare rows do.
        """
        found = self.catalog.proposals()
        return tuple(each for each in found if project in (None, each.version.project))

    def withdraw(self, reference: Subject, alias: str, *, reason: str | None = None) -> None:
        """Let a promotion wait for approvals no longer.

        Raises
        ------
        NotFoundError
            It does not wait.
        """
        self.catalog.withdraw(
            self.version(reference),
            check_alias(alias),
            actor=actor(),
            reason=check_text(reason, "reason"),
        )

    def rollback(
        self, reference: str, *, reason: str | None = None, expected_revision: int | None = None
    ) -> AliasMove:
        """Move an alias back to the version that had it before, in one action; asks no gate.

        One rollback after the other leads further into the past. Deleted versions are passed
        over.

        Parameters
        ----------
        reference : str
            The alias, as ``dropout:champion``.
        reason : str, optional
            Why; kept for ever.
        expected_revision : int, optional
            Move it only if this is its revision, so that who asks twice goes back once.

        Raises
        ------
        NotFoundError
            No earlier version is left (code ``no_earlier_version``).
        ConflictError
            Somebody moved the alias meanwhile (code ``alias_moved``).
        """
        found, named = self._aliased(reference)
        alias, revision = _movable(named), expected_revision
        if revision is None:
            _, revision = self.catalog.alias_target(found.project, found.name, alias)
        moved = self.catalog.rollback(
            found.project,
            found.name,
            alias,
            actor=actor(),
            reason=check_text(reason, "reason"),
            expected_revision=revision,
        )
        self.write_receipts()
        return moved

    def earlier_version(self, reference: str) -> Version | None:
        """Give the version that a rollback of an alias would lead to; None where there is none."""
        found, alias = self._aliased(reference)
        return self.catalog.earlier_version(found.project, found.name, _movable(alias))

    def history(self, reference: str) -> tuple[AliasMove, ...]:
        """Give every move of an alias, newest first: who, when, why, from, to, on what evidence."""
        found, alias = self._aliased(reference)
        return self.catalog.alias_moves(found.project, found.name, alias)

    def refusals(self, reference: str) -> tuple[Event, ...]:
        """Give the attempts to promote to an alias that were refused, newest first.

        Each is an event: who, when, which version (``after["version"]``), and what the gates
        that refused said, in brief. What only waits for approvals was not refused.

        Parameters
        ----------
        reference : str
            The alias, as ``dropout:champion``.
        """
        found, alias = self._aliased(reference)
        return self.catalog.refusals(found.project, found.name, alias)


def _reason(text: str, what: str) -> str:
    """Refuse a decision that says nothing of why."""
    why = check_text(text, "reason") or ""
    if not why.strip():
        raise InvalidInputError(f"{what} takes a reason", code="no_reason")
    return why


def _movable(alias: str) -> str:
    """Refuse ``latest``, which moves by itself."""
    if alias == LATEST:
        raise InvalidInputError(
            "alias 'latest' follows the newest version; promote to another alias",
            code="latest_stays",
        )
    return check_alias(alias)
