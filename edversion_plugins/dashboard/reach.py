"""The repository as far as somebody may reach into it.

Pages read and act through this alone, so that no page can forget whom it answers: lists hold
what lies in projects that the visitor may look at, and what lies elsewhere is not there. Only
what a version that may be seen was made from is named wherever it lies: that is a fact of the
version.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import edversion
from edversion import InvalidInputError, NotFoundError, RefusedError
from edversion_plugins.dashboard.routes import ROLES, Permission

if TYPE_CHECKING:
    from edversion.model import Role

__all__ = ["Reach"]

T = TypeVar("T")
Subject = str | edversion.Version


class Reach:
    """A repository, and who asks.

    Its methods do what those of `edversion.Repository` of the same names do.

    Parameters
    ----------
    repository : Repository
        All there is.
    access : Access
        Who asks.
    """

    def __init__(self, repository: edversion.Repository, access: edversion.Access) -> None:
        self._all, self.access = repository, access

    @property
    def location(self) -> Any:
        """Where store and catalog are."""
        return self._all.location

    @cached_property
    def within(self) -> tuple[str, ...] | None:
        """The projects that may be looked at; None where all may."""
        if self.access.may_everywhere("viewer"):
            return None
        return self.access.visible(self._all.projects())

    def sees(self, project: str) -> bool:
        """Say whether a project may be looked at."""
        return self.within is None or project in self.within

    # What there is.

    def projects(self) -> tuple[str, ...]:
        """Give the projects that may be looked at."""
        return self._all.projects() if self.within is None else self.within

    def collections(
        self, *, project: str | None = None, type: str | None = None
    ) -> tuple[edversion.CollectionInfo, ...]:
        """Give the collections in them."""
        found = self._all.collections(project=project, type=type)
        return tuple(each for each in found if self.sees(each.project))

    def versions(self, name: str, **limits: Any) -> tuple[edversion.Version, ...]:
        """Give a collection's versions, newest first."""
        return self._at(name, lambda place: self._all.versions(place, **limits))

    def version(self, reference: Subject) -> edversion.Version:
        """Find a version."""
        return self._at(reference, self._all.version)

    def search(self, where: str | None = None, **options: Any) -> tuple[edversion.Version, ...]:
        """Search versions."""
        return self._all.search(where, within=self.within, **options)

    def aliases(self, name: str) -> tuple[edversion.Alias, ...]:
        """Give the aliases of a collection."""
        return self._at(name, self._all.aliases)

    def alias(self, reference: str) -> edversion.Alias:
        """Give an alias."""
        return self._at(reference, self._all.alias)

    def revisions(self, reference: Subject) -> Sequence[Any]:
        """Give what was said of a version, and when."""
        return self._at(reference, self._all.revisions)

    def metrics(
        self, reference: Subject, *, key: str | None = None
    ) -> tuple[edversion.Metric, ...]:
        """Give what was measured of a version."""
        return self._at(reference, lambda each: self._all.metrics(each, key=key))

    def compare(
        self, *references: Subject, only: Collection[str] | None = None
    ) -> edversion.Comparison:
        """Say what differs between versions."""
        return self._all.compare(*map(self._met, references), only=only)

    def leaderboard(self, name: str, metric: str, **options: Any) -> edversion.Leaderboard:
        """Rank a collection's versions."""
        data = options.pop("dataset", None)
        options |= {"dataset": data if data is None else self.version(data)}
        return self._at(name, lambda place: self._all.leaderboard(place, metric, **options))

    def lineage(
        self,
        reference: Subject,
        direction: Literal["up", "down"] = "up",
        *,
        depth: int | None = None,
    ) -> tuple[edversion.LineageEdge, ...]:
        """Give what a version came from, or what went into what one may look at."""
        found = self._at(reference, lambda each: self._all.lineage(each, direction, depth=depth))
        return found if direction == "up" else tuple(filter(self._shows, found))

    def ancestors(
        self, version: edversion.Version, *, depth: int | None = None
    ) -> edversion.Lineage:
        """Give what a version came from, as `Version.ancestors`, wherever that lies."""
        return self._met(version).ancestors(depth=depth)

    def descendants(
        self, version: edversion.Version, *, depth: int | None = None
    ) -> edversion.Lineage:
        """Give what came of a version, as `Version.descendants`, where one may look."""
        found = self._met(version).descendants(depth=depth)
        return replace(
            found,
            versions=tuple(each for each in found.versions if self.sees(each.project)),
            runs=tuple(each for each in found.runs if self.sees(each.project)),
            edges=tuple(filter(self._shows, found.edges)),
        )

    def run(self, run: str) -> edversion.RunInfo:
        """Find a run."""
        try:
            found = self._all.run(run)
        except (InvalidInputError, NotFoundError):
            if self.within is None:
                raise
            raise self._missing(f"run {run}") from None
        if not self.sees(found.project):
            raise self._missing(f"run {run}")
        return found

    def runs(self, **options: Any) -> tuple[edversion.RunInfo, ...]:
        """Give runs, newest first."""
        return self._all.runs(within=self.within, **options)

    def used_in(self, run: str) -> tuple[tuple[edversion.Version, str | None], ...]:
        """Give what a run used, wherever that lies, and what for."""
        return self._all.used_in(self.run(run).id)

    def logged_in(self, run: str) -> tuple[edversion.Version, ...]:
        """Give what a run logged, where one may look."""
        found = self._all.logged_in(self.run(run).id)
        return tuple(each for each in found if self.sees(each.project))

    def events(self, **options: Any) -> tuple[edversion.Event, ...]:
        """Give events, newest first; what is of no project, as accounts are, is for its admins."""
        within = None if self.access.may_everywhere("admin") else self.projects()
        return self._all.events(within=within, **options)

    def deleted(self, name: str | None = None, **options: Any) -> Sequence[Any]:
        """Give deleted versions."""
        if name is not None:
            return self._at(name, lambda place: self._all.deleted(place, **options))
        found = self._all.deleted(**options)
        return tuple(each for each in found if self.sees(each.version.project))

    def stored_bytes(self) -> int:
        """Give how many bytes the packs take, for who may look at all projects."""
        self.need_everywhere("viewer")
        return self._all.stored_bytes()

    def cached_bytes(self) -> int:
        """Give how many bytes this machine keeps of a store far away, for whoever rules all."""
        self.need_everywhere("admin")
        return self._all.cached_bytes()

    def sizes(self) -> Sequence[Any]:
        """Give how much room collections take; what they share only to who may look at all.

        Else whoever logs a file would see whether a hidden project has the same one.
        """
        found = self._all.sizes()
        if self.within is None:
            return found
        return tuple(replace(each, shared=0) for each in found if self.sees(each.project))

    def foresee_gc(self) -> Any:
        """Say what gc would free, for whoever rules all; nothing is done."""
        self.need_everywhere("admin")
        return self._all.gc(dry_run=True)

    # Who serves what, and what is tried.

    def deployment(self, name: str) -> edversion.Deployment:
        """Give a deployment."""
        return self._at(name, self._all.deployment)

    def deployments(self, *, project: str | None = None) -> tuple[edversion.Deployment, ...]:
        """Give deployments."""
        found = self._all.deployments(project=project)
        return tuple(each for each in found if self.sees(each.project))

    def experiments(
        self, *, project: str | None = None
    ) -> tuple[edversion.ExperimentDefinition, ...]:
        """Give experiments."""
        found = self._all.experiments(project=project)
        return tuple(each for each in found if self.sees(each.project))

    def counts(self, experiment: str) -> dict[str, dict[str, int]]:
        """Count who takes part in an experiment, as `Experiment.counts`."""
        return self._at(experiment, lambda name: self._all.experiment(name).counts())

    # How versions are promoted.

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

    # What is asked of the visitor.

    def need(self, permission: Permission, project: str) -> None:
        """Refuse who may not do something in a project.

        Raises
        ------
        RefusedError
            The role is too weak (code ``role_too_weak``).
        """
        if not self.access.may(ROLES[permission], project):
            held = self.access.role_in(project)
            raise RefusedError(
                f"{self.access.name} is {held or 'nothing'} in {project}; this takes the role "
                f"{ROLES[permission]}",
                code="role_too_weak",
            )

    def check_project(self, name: str) -> None:
        """Refuse a project that may not be looked at, as if there were none of that name.

        Raises
        ------
        NotFoundError
            It may not, or there is none.
        """
        if self.within is not None and name not in self.within:
            raise self._missing(name)

    def need_everywhere(self, role: Role) -> None:
        """Refuse who has a role in some projects only.

        Raises
        ------
        RefusedError
            As `need`.
        """
        if not self.access.may_everywhere(role):
            raise RefusedError(
                f"this is about all projects, and takes the role {role} in every one",
                code="role_too_weak",
            )

    def _met(self, named: Subject) -> edversion.Version:
        """Give a version that is at hand already, if it may be looked at; else find it."""
        if isinstance(named, edversion.Version) and self.sees(named.project):
            return named
        return self.version(named)

    def _shows(self, edge: edversion.LineageEdge) -> bool:
        return self.sees(edge.target.project)

    def _acting(
        self, permission: Permission, reference: Subject, act: Callable[[edversion.Version], T]
    ) -> T:
        version = self.version(reference)
        self.need(permission, version.project)
        return act(version)

    def _at(self, named: Any, ask: Callable[[Any], T]) -> T:
        """Ask for what a reference names, once it is known to lie where one may look."""
        if self.within is None:
            return ask(named)
        if not isinstance(named, str):
            if not self.sees(named.project):
                raise self._missing(named.reference)
            return ask(named)
        return ask(self._full(named))

    def _full(self, reference: str) -> str:
        """Give a reference with its project; what may not be seen is not found."""
        project, slash, _ = reference.partition("/")
        if slash:
            if not self.sees(project):
                raise self._missing(reference)
            return reference
        name = reference.partition(":")[0].partition("@")[0]
        places = [each.project for each in self.collections() if each.name == name]
        if len(places) > 1:
            raise InvalidInputError(
                f"{name!r} is in several projects: {', '.join(places)}; name one of them",
                code="ambiguous_reference",
            )
        if not places:
            raise self._missing(reference)
        return f"{places[0]}/{reference}"

    def _missing(self, what: str) -> NotFoundError:
        return NotFoundError(
            f"there is no {what!r} among what you may look at; whoever rules this dashboard may "
            "let you in",
            code="not_found",
        )
