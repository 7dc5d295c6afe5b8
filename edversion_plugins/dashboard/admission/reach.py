"""The repository as far as somebody may reach into it.

Pages read and act through this alone, so that no page can forget whom it answers: lists hold
what lies in projects that the visitor may look at, and what lies elsewhere is not there. Only
what a version that may be seen was made from is named wherever it lies: that is a fact of the
version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import edversion
from edversion_plugins.dashboard.admission.bounds import Subject
from edversion_plugins.dashboard.admission.looking import Looking

if TYPE_CHECKING:
    pass

__all__ = ["Reach"]


class Reach(Looking):
    """A repository, and who asks.

    Its methods do what those of `edversion.Repository` of the same names do; those that change
    something need more than to look.
    """

    def check_promotion(self, reference: Subject, to: str) -> edversion.PromotionReport:
        """Give what the gates would say."""
        return self._at(reference, lambda each: self._all.check_promotion(each, to))

    def approvals(
        self, reference: Subject, alias: str | None = None
    ) -> tuple[edversion.Approval, ...]:
        """Give the approvals of a version."""
        return self._at(reference, lambda each: self._all.approvals(each, alias))

    def rejections(
        self, reference: Subject, alias: str | None = None
    ) -> tuple[edversion.Rejection, ...]:
        """Give the rejections of a version."""
        return self._at(reference, lambda each: self._all.rejections(each, alias))

    def cannot_approve(self, reference: Subject, alias: str) -> str | None:
        """Say why an approval of the visitor would not count."""
        return self._at(reference, lambda each: self._all.cannot_approve(each, alias))

    def evidence(self, reference: Subject, digest: str) -> Any:
        """Give what somebody approved."""
        return self._at(reference, lambda each: self._all.evidence(each, digest))

    def pending(self, *, project: str | None = None) -> tuple[edversion.PendingPromotion, ...]:
        """Give the promotions that wait for approvals."""
        if self.within is None:
            return self._all.pending(project=project)
        places = [each for each in self.within if project in (None, each)]
        found = [each for place in places for each in self._all.pending(project=place)]
        return tuple(sorted(found, key=lambda each: each.at))

    def proposals(self) -> tuple[edversion.Proposal, ...]:
        """Give the same without asking the gates."""
        return tuple(each for each in self._all.proposals() if self.sees(each.version.project))

    def history(self, reference: str) -> tuple[edversion.AliasMove, ...]:
        """Give the moves of an alias."""
        return self._at(reference, self._all.history)

    def earlier_version(self, reference: str) -> edversion.Version | None:
        """Give the version that a rollback would lead to."""
        return self._at(reference, self._all.earlier_version)

    def refusals(self, reference: str) -> tuple[edversion.Event, ...]:
        """Give the promotions to an alias that were refused."""
        return self._at(reference, self._all.refusals)

    def policies(self, name: str, *, history: bool = False) -> tuple[edversion.Policy, ...]:
        """Give the policies of a collection."""
        return self._at(name, lambda place: self._all.policies(place, history=history))

    def policy(self, reference: str) -> edversion.Policy | None:
        """Give the policy of an alias."""
        return self._at(reference, self._all.policy)

    # What changes something; each needs more than to look.

    def promote(
        self, reference: Subject, to: str, *, reason: str | None = None
    ) -> edversion.Promotion:
        """Let the gates judge a version, and move an alias to it."""
        return self._acting(
            "edit", reference, lambda each: self._all.promote(each, to, reason=reason)
        )

    def approve(
        self, reference: Subject, alias: str, *, reason: str, evidence: str | None = None
    ) -> edversion.Approval:
        """Approve that a version takes an alias."""

        def approve(each: edversion.Version) -> edversion.Approval:
            return self._all.approve(each, alias, reason=reason, evidence=evidence)

        return self._acting("approve", reference, approve)

    def reject(
        self, reference: Subject, alias: str, *, reason: str, evidence: str | None = None
    ) -> edversion.Rejection:
        """Reject that a version takes an alias."""

        def reject(each: edversion.Version) -> edversion.Rejection:
            return self._all.reject(each, alias, reason=reason, evidence=evidence)

        return self._acting("approve", reference, reject)

    def withdraw(self, reference: Subject, alias: str, *, reason: str | None = None) -> None:
        """Let a promotion wait no longer."""
        self._acting("edit", reference, lambda each: self._all.withdraw(each, alias, reason=reason))

    def rollback(
        self, reference: str, *, reason: str | None = None, expected_revision: int | None = None
    ) -> edversion.AliasMove:
        """Move an alias back."""
        project, name, alias = self._at(reference, self._all.alias_place)
        self.need("edit", project)
        place = f"{project}/{name}:{alias}"
        return self._all.rollback(place, reason=reason, expected_revision=expected_revision)
