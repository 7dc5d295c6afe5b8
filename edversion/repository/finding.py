"""Find versions, collections, runs, metrics, lineage and events."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from edversion.catalog import CollectionSize
from edversion.metadata import check_limit, check_names, check_text, check_whole
from edversion.model import (
    CollectionInfo,
    Direction,
    DistributedDraft,
    Event,
    LineageEdge,
    Metric,
    RunInfo,
    RunStatus,
    Version,
)
from edversion.reference import parse_reference
from edversion.repository.parts import Area, Subject
from edversion.store import collector_paused

__all__ = ["Finding"]


class Finding(Area):
    """What can be asked of a repository."""

    def projects(self) -> tuple[str, ...]:
        """Give the names of all projects, sorted."""
        return self.catalog.projects()

    def collections(
        self, *, project: str | None = None, type: str | None = None
    ) -> tuple[CollectionInfo, ...]:
        """Give the collections, of one project or type if named."""
        return self.catalog.collections(project=project, type=type)

    def versions(
        self, name: str, *, project: str | None = None, limit: int | None = None
    ) -> tuple[Version, ...]:
        """Give a collection's versions, newest first.

        Parameters
        ----------
        name : str
            ``name`` or ``project/name``.
        project : str, optional
            Where to look first for a name without a project.
        limit : int, optional
            How many at most.
        """
        found = self._collection(parse_reference(name), project)
        return self.catalog.versions(found.project, found.name, limit=check_limit(limit))

    def distributed_drafts(self) -> tuple[DistributedDraft, ...]:
        """Give the versions that many ranks are logging, and which parts are missing.

        Oldest first; those whose time is over are there until `gc` has dropped them.
        """
        return self.catalog.open_drafts()

    def search(
        self,
        where: str | None = None,
        *,
        type: str | None = None,
        project: str | None = None,
        name: str | None = None,
        within: Collection[str] | None = None,
        order_by: str | None = None,
        limit: int | None = 50,
        offset: int = 0,
    ) -> tuple[Version, ...]:
        """Search versions by facts, metadata, metrics, tags and aliases.

        Parameters
        ----------
        where : str, optional
            For instance ``"metadata.accuracy > 0.9 and tag = 'fair'"``, or
            ``"metadata.reviewer is null"`` for versions that lack it.
        type, project, name : str, optional
            Only versions of these.
        within : collection of str, optional
            Only versions in these projects.
        order_by : str, optional
            Fields, separated by commas; ``-`` before one means descending. Newest first
            where left out.
        limit : int or None
            How many at most; None for all.
        offset : int
            How many of the first ones to pass over: the next page after `limit` of them.

        Raises
        ------
        InvalidInputError
            `where` or `order_by` cannot be read; the message points at the place.
        """
        return self.catalog.search(
            project=check_text(project, "project"),
            name=check_text(name, "name"),
            within=_checked(within),
            type=check_text(type, "type"),
            where=check_text(where, "where"),
            order_by=check_text(order_by, "order_by"),
            limit=check_limit(limit),
            offset=max(check_whole(offset, "offset") or 0, 0),
        )

    def run(self, run: str) -> RunInfo:
        """Find a run by its id, or the beginning of it."""
        return self.catalog.get_run(run)

    def runs(
        self,
        *,
        project: str | None = None,
        within: Collection[str] | None = None,
        status: RunStatus | None = None,
        limit: int | None = 50,
        offset: int = 0,
    ) -> tuple[RunInfo, ...]:
        """Give runs, newest first.

        Parameters
        ----------
        project : str, optional
            Only runs of this one.
        within : collection of str, optional
            Only runs of these projects.
        status : str, optional
            Only runs that are so.
        limit : int or None
            How many at most; None for all.
        offset : int
            How many of the first ones to pass over.
        """
        return self.catalog.list_runs(
            project=check_text(project, "project"),
            within=_checked(within),
            status=status,
            limit=check_limit(limit),
            offset=max(check_whole(offset, "offset") or 0, 0),
        )

    def used_in(self, run: str) -> tuple[tuple[Version, str | None], ...]:
        """Give the versions that a run used, in order, each with what it was used for.

        Parameters
        ----------
        run : str
            Its id, or the beginning of one.

        Returns
        -------
        tuple of (Version, str or None)
            Once for each relation; deleted versions too.
        """
        return self.catalog.uses_of_run(self.run(run).id)

    def logged_in(self, run: str) -> tuple[Version, ...]:
        """Give the versions that a run logged, in order; deleted ones too."""
        return self.catalog.versions_of_run(self.run(run).id, "logged")

    def metrics(
        self, reference: Subject | None = None, *, key: str | None = None
    ) -> tuple[Metric, ...]:
        """Give logged metrics, oldest first, of one version or of all."""
        version = None if reference is None else self.version(reference)
        return self.catalog.metrics(version=version, key=check_text(key, "key"))

    def metrics_by_version(self, of: Collection[Version]) -> dict[str, tuple[Metric, ...]]:
        """Give logged metrics of versions, in one query for each collection.

        Parameters
        ----------
        of : collection of Version
            Which ones.

        Returns
        -------
        dict
            By the full reference of each version its metrics, oldest first.

        Raises
        ------
        NotFoundError
            A collection does not exist.

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     model = edversion.Artifact("knn", type="model")
        ...     version = run.log_artifact(model)
        ...     run.log_metrics({"auc": 0.8}, version=version)
        ...     found = run.repository.metrics_by_version([version])
        >>> [each.value for each in found["demo/knn:v0"]]
        [0.8]
        >>> folder.cleanup()
        """
        return self.catalog.metrics_by_version(of)

    def lineage(
        self,
        reference: Subject,
        direction: Direction = "up",
        *,
        depth: int | None = None,
    ) -> tuple[LineageEdge, ...]:
        """Give what a version was made from (``up``), or what was made from it (``down``).

        `Version.ancestors` and `Version.descendants` give the versions and runs as well.

        Parameters
        ----------
        reference : str or Version
            Where to start.
        direction : {"up", "down"}
            Where to look.
        depth : int, optional
            How many steps at most; all of them where left out.
        """
        steps = check_whole(depth, "depth")
        with collector_paused():
            return self.catalog.lineage(self.version(reference), direction, depth=steps).edges

    def events(
        self,
        *,
        subject: str | None = None,
        limit: int | None = None,
        before: int | None = None,
        within: Collection[str] | None = None,
    ) -> tuple[Event, ...]:
        """Give what changed, newest first.

        Parameters
        ----------
        subject : str, optional
            Only what changed about this: a full reference.
        limit : int, optional
            How many at most.
        before : int, optional
            Only events with a lower `Event.sequence`: the next page after that one.
        within : collection of str, optional
            Only events about these projects, and about what lies in them or ran there.
        """
        return self.catalog.events(
            subject=check_text(subject, "subject"),
            limit=check_limit(limit),
            before=check_whole(before, "before"),
            within=_checked(within),
        )

    def stored_bytes(self) -> int:
        """Give how many bytes the packs of the store take, shared ones counted once.

        Versions of at most 16 KiB of new content lie in their manifests, and are not counted.
        """
        return sum(self.catalog.pack_sizes().values())

    def cached_bytes(self) -> int:
        """Give how many bytes of a store far away this machine keeps, to fetch them once."""
        return sum(copy.size for copy in self.store.room.copies())

    def sizes(self) -> tuple[CollectionSize, ...]:
        """Give how much room each collection takes, by project and name.

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     for part in (b"a", b"b"):
        ...         draft = edversion.Artifact("notes", type="dataset")
        ...         draft.add_bytes(part * 50_000, "notes.txt")
        ...         _ = run.log_artifact(draft)
        ...     (found,) = run.repository.sizes()
        >>> found.name, found.version_count, found.size, found.shared
        ('notes', 2, 100000, 0)
        >>> folder.cleanup()
        """
        return self.catalog.collection_sizes()

    def each_event(self) -> Iterator[Event]:
        """Give every event of the repository, oldest first, without holding them all.

        Examples
        --------
        >>> import edversion, json, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     _ = run.log_artifact(edversion.Artifact("pupils", type="dataset"))
        ...     lines = [json.dumps(event.as_json()) for event in run.repository.each_event()]
        >>> len(lines), json.loads(lines[0])["action"]
        (2, 'version.logged')
        >>> folder.cleanup()
        """
        return self.catalog.each_event()


def _checked(names: Collection[str] | None) -> tuple[str, ...] | None:
    return None if names is None else check_names(names, "within")
