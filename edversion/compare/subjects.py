"""The versions that are compared, with what the repository knows of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

from edversion.model import Metric, RunInfo, Version
from edversion.store import StoredManifest

if TYPE_CHECKING:
    from edversion.model import LineageEdge

__all__ = ["Place", "Source", "Subjects", "labels_of", "newest"]


class Source(Protocol):
    """What a comparison asks of the repository."""

    def metrics_by_version(self, of: Collection[Version], /) -> Mapping[str, tuple[Metric, ...]]:
        """Give all metrics of versions, oldest first, by full reference."""

    def lineage(self, reference: Version, /) -> tuple[LineageEdge, ...]:
        """Give what a version was made from, nearest first."""

    def stored(self, version: Version, /) -> StoredManifest:
        """Give a version's manifest with the places of its bytes."""


class Place(NamedTuple):
    """Where a value was measured: values of one place can be set side by side.

    A missing dataset, split or slice is the empty text, so that places can be sorted.
    """

    key: str
    split: str
    dataset: str
    slice: str


@dataclass(frozen=True)
class Subjects:
    """Two or more versions; the first is what the others are compared with.

    Attributes
    ----------
    versions : tuple of Version
        In the order of the columns.
    source : Source
        The repository.
    paired : bool
        Whether a plugin compared the same samples in pairs.
    """

    versions: tuple[Version, ...]
    source: Source
    paired: bool = False

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The shortest names that tell the versions apart, for the heads of columns."""
        return labels_of(self.versions)

    @cached_property
    def measured(self) -> tuple[Mapping[Place, Metric], ...]:
        """For each version its metrics by place; where measured again, the newest."""
        found = self.source.metrics_by_version(self.versions)
        return tuple(newest(found[version.reference]) for version in self.versions)

    @cached_property
    def runs(self) -> tuple[RunInfo | None, ...]:
        """For each version the run that made it; None where no run is recorded."""
        return tuple(next(iter(version.logged_by()), None) for version in self.versions)

    @cached_property
    def upstream(self) -> tuple[tuple[LineageEdge, ...], ...]:
        """For each version what it was made from, however far up."""
        return tuple(self.source.lineage(version) for version in self.versions)

    @property
    def identical(self) -> bool:
        """Whether all have the same content."""
        return len({version.digest for version in self.versions}) == 1


def newest(metrics: Sequence[Metric]) -> dict[Place, Metric]:
    """Give metrics by place; the later one wins."""
    return {
        Place(each.key, each.split or "", each.dataset or "", each.slice or ""): each
        for each in metrics
    }


def labels_of(versions: Sequence[Version]) -> tuple[str, ...]:
    """Give each version the shortest name that tells it from the others.

    ``v3`` within a collection, ``name:v3`` within a project, else the full reference.
    """
    if len({(version.project, version.name) for version in versions}) == 1:
        return tuple(version.version for version in versions)
    if len({version.project for version in versions}) == 1:
        return tuple(f"{version.name}:{version.version}" for version in versions)
    return tuple(version.reference for version in versions)
