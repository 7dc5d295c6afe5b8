"""What there is, as far as somebody may look."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import edversion
from edversion import InvalidInputError, NotFoundError
from edversion_plugins.dashboard.admission.bounds import Bounds, Subject

if TYPE_CHECKING:
    pass

__all__ = ["Looking"]


class Looking(Bounds):
    """Lists hold what lies in projects that the visitor may look at; all else is not there."""

    def versions(self, name: str, **limits: Any) -> tuple[edversion.Version, ...]:
        """Give a collection's versions, newest first."""
        return self._at(name, lambda place: self._all.versions(place, **limits))

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
        """Give how many bytes this machine keeps of a store far away, for admins of all."""
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
        """Say what gc would free, for admins of all; nothing is done."""
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
