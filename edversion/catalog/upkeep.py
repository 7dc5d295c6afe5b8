"""What the repository and `doctor` ask besides: who is alive, and receipts by number."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from edversion.catalog.database import VersionKey
from edversion.catalog.finding import Finding, find_place
from edversion.catalog.reading import JOINED, VERSIONS, key_of, numbered
from edversion.catalog.receipts import receipt_of
from edversion.catalog.runs import RUNS, to_run
from edversion.catalog.tables import collections, projects, runs, versions
from edversion.model import CollectionInfo, Json, RunInfo
from edversion.reference import LATEST, Reference

__all__ = ["Upkeep"]

_GENERATION = (
    select(versions.c.receipt_generation)
    .select_from(JOINED)
    .where(
        projects.c.name == bindparam("project"),
        collections.c.name == bindparam("collection"),
        versions.c.number == bindparam("number"),
    )
)
# Of all versions: their metadata would take ten times as long to read.
_GENERATIONS = select(
    projects.c.name, collections.c.name, versions.c.number, versions.c.receipt_generation
).select_from(JOINED)
_RUNNING = RUNS.where(runs.c.status == "running").order_by(runs.c.started_at)


class Upkeep(Finding):
    """Bookkeeping that spans the other areas."""

    @property
    def url(self) -> str:
        """The SQLAlchemy URL, without a password."""
        return self._database.shown_url

    def receipt_by_key(self, key: VersionKey) -> dict[str, Json]:
        """Give the receipt of a version, deleted or not, by project, collection and number."""
        with self._database.read() as connection:
            return receipt_of(connection, numbered(connection, key, deleted=True))

    def all_keys(self) -> tuple[VersionKey, ...]:
        """Give project, collection and number of every version, the deleted ones too."""
        with self._database.read() as connection:
            return tuple(key_of(row) for row in connection.execute(VERSIONS))

    def receipt_generation(self, key: VersionKey) -> int:
        """Give the generation of a version's present receipt."""
        with self._database.read() as connection:
            names = dict(zip(("project", "collection", "number"), key, strict=True))
            found: int | None = connection.execute(_GENERATION, names).scalar()
            return int(numbered(connection, key).receipt_generation) if found is None else found

    def receipt_generations(self) -> tuple[tuple[VersionKey, int], ...]:
        """Give the generation of the present receipt of every version, the deleted ones too."""
        with self._database.read() as connection:
            rows = connection.execute(_GENERATIONS)
            return tuple(((row[0], row[1], row[2]), row[3]) for row in rows)

    def find_collection(self, name: str, *, project: str | None = None) -> CollectionInfo:
        """Find a collection by name alone, in a project that is preferred, or the only one.

        Raises
        ------
        NotFoundError
            No project has it.
        InvalidInputError
            Several have it.
        """
        with self._database.read() as connection:
            place = find_place(connection, Reference(name, alias=LATEST), project)
        return self.collection(place.project, place.name)

    def live_runs(self) -> frozenset[str]:
        """Give the ids of the runs that some process still holds open."""
        return frozenset(run.id for run in self._running() if self._liveness.is_alive(run.id))

    def dead_runs(self) -> tuple[RunInfo, ...]:
        """Give the runs that are recorded as running although their process is gone."""
        return tuple(run for run in self._running() if not self._liveness.is_alive(run.id))

    def _running(self) -> tuple[RunInfo, ...]:
        with self._database.read() as connection:
            return tuple(to_run(row) for row in connection.execute(_RUNNING))
