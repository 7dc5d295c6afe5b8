"""Compare versions, rank them, and group them by what they were made with."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from edversion.compare import (
    OTHER_NAMES,
    Leaderboard,
    Robustness,
    compare_versions,
    group_versions,
    rank_versions,
)
from edversion.metadata import check_limit, check_text
from edversion.model import CollectionInfo, Comparison, Metric, Version
from edversion.reference import parse_reference
from edversion.repository.finding import Finding
from edversion.repository.parts import Subject
from edversion.repository.serving import Serving

__all__ = ["Comparing"]


class Comparing(Finding, Serving):
    """What differs between versions, and which does best."""

    def compare(self, *references: Subject, only: Collection[str] | None = None) -> Comparison:
        """Say what differs between two or more versions, also of different collections.

        Parameters
        ----------
        *references : str or Version
            The first is what the others are compared with.
        only : collection of str, optional
            Parts that are wanted: ``versions``, ``metrics``, ``groups``, ``fairness``,
            ``engagement``, ``metadata``, ``configuration``, ``files``, ``lineage`` and
            ``plugins``. All of them where left out.

        Returns
        -------
        Comparison
            A summary in sentences, and a section for each part that has something to say.

        Raises
        ------
        InvalidInputError
            Fewer than two versions are named, or a part does not exist.
        NotFoundError
            A version does not exist.

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     for k in (3, 5):
        ...         model = edversion.Artifact("knn", type="model", metadata={"k": k})
        ...         model.add_bytes(bytes(k), "model.bin")
        ...         _ = run.log_artifact(model)
        ...     run.repository.compare("knn:v0", "knn:v1").section("metadata").rows
        (('k', 'changed', 3, 5),)
        >>> folder.cleanup()
        """
        versions = self._as_they_are(references)
        return compare_versions(versions, self, self.plugins, only)

    def _as_they_are(self, subjects: Sequence[Subject]) -> list[Version]:
        """Find versions that are named, and read again those that are at hand, together."""
        known = [each for each in subjects if isinstance(each, Version)]
        fresh = iter(self.catalog.as_they_are(known) if known else ())
        return [
            next(fresh) if isinstance(each, Version) else self.version(each) for each in subjects
        ]

    def leaderboard(
        self,
        name: str,
        metric: str,
        *,
        dataset: Subject | None = None,
        split: str | None = None,
        better: Literal["higher", "lower"] | None = None,
        slice: str | None = None,
        limit: int | None = None,
        project: str | None = None,
    ) -> Leaderboard:
        """Rank a collection's versions by a metric on one dataset version.

        Parameters
        ----------
        name : str
            ``name`` or ``project/name``.
        metric : str
            Key of the metric, e.g. ``"auc"``.
        dataset : str or Version, optional
            The dataset version; where left out, test data goes before other splits, then the
            dataset version that most versions have a value on.
        split : str, optional
            Part of the dataset, e.g. ``"test"``.
        better : {"higher", "lower"}, optional
            Which values are better; needed where neither the name nor the versions say it.
        slice : str, optional
            Group of learners whose values are ranked, e.g. ``"sex=female"``; all learners where
            left out.
        limit : int, optional
            Only so many of the newest versions; all of them where left out.
        project : str, optional
            Where to look first for a name without a project.

        Raises
        ------
        NotFoundError
            There is no such collection, metric, group or dataset, or nothing was measured there.
        InvalidInputError
            It is not known which values are better.
        """
        key = check_text(metric, "metric") or ""
        found = self._collection(parse_reference(name), project)
        versions = self.catalog.versions(found.project, found.name, limit=check_limit(limit))
        data = None if dataset is None else self.version(dataset, project=project).reference
        return rank_versions(
            f"{found.project}/{found.name}",
            versions,
            self._metrics_of(found, versions, key),
            metric=key,
            dataset=data,
            split=check_text(split, "split"),
            better=better,
            slice=check_text(slice, "slice"),
        )

    def compare_by(
        self, type: str, *names: str, metric: str | None = None, project: str | None = None
    ) -> Robustness:
        """Group versions by what they were made with, over seeds and evaluation sets.

        Parameters
        ----------
        type : str
            Type of the upstream versions to group by, e.g. ``"pipeline"``.
        *names : str
            Collections whose versions are grouped: ``name`` or ``project/name``.
        metric : str, optional
            Only this metric.
        project : str, optional
            Where to look first for a name without a project.

        Raises
        ------
        NotFoundError
            No version was made with one of that type, or nothing was measured.
        """
        places = [self._collection(parse_reference(name), project) for name in names]
        versions = [
            version
            for place in places
            for version in self.catalog.versions(place.project, place.name)
        ]
        key = check_text(metric, "metric")
        measured = [each for version in versions for each in self.catalog.metrics(version=version)]
        return group_versions(versions, type, self, measured, metric=key)

    def _metrics_of(
        self, place: CollectionInfo, versions: tuple[Version, ...], key: str
    ) -> tuple[Metric, ...]:
        """Give the values of one metric in one query; of all metrics where nobody has it."""
        if not versions:
            return ()
        keys = {key, OTHER_NAMES.get(key, key)}  # under either groups may have been measured
        found = self.catalog.metrics_since(
            place.project, place.name, versions[-1].number, keys=keys
        )
        wanted = {version.reference for version in versions}
        if any(each.key == key and each.version in wanted for each in found):
            return found
        return tuple(
            each for version in versions[:50] for each in self.catalog.metrics(version=version)
        )
