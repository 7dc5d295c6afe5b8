"""What the store's bookkeeping asks: packs, manifests and large files that are in use."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import case, func, select, union_all

from edversion.catalog.area import Area, batches
from edversion.catalog.distributed_tables import draft_parts, drafts
from edversion.catalog.doomed import REPLACED
from edversion.catalog.finding import collection_place
from edversion.catalog.reading import LIVE, located
from edversion.catalog.retention_tables import removals
from edversion.catalog.runs import run_id_of
from edversion.catalog.tables import (
    collections,
    files,
    packs,
    projects,
    run_versions,
    version_packs,
    versions,
)
from edversion.errors import NotFoundError
from edversion.model import Version

__all__ = ["CollectionSize", "Packs"]


@dataclass(frozen=True, slots=True)
class CollectionSize:
    """How much room the live versions of a collection take.

    Attributes
    ----------
    project, name : str
        The collection.
    version_count : int
        Its live versions.
    size : int
        Bytes of all their files, as if each version were stored by itself.
    stored : int
        Bytes of the packs that they name, each counted once.
    shared : int
        Of these, bytes of packs that other collections name too.
    """

    project: str
    name: str
    version_count: int
    size: int
    stored: int
    shared: int


_MANIFEST = select(versions.c.digest, versions.c.generation).where(LIVE)
_SIZES = (
    select(
        versions.c.collection_id.label("place"),
        func.count().label("count"),
        func.sum(versions.c.size).label("size"),
    )
    .where(LIVE)
    .group_by(versions.c.collection_id)
    .subquery("sizes")
)
_NAMED = (
    select(versions.c.collection_id.label("place"), version_packs.c.pack_id)
    .distinct()
    .select_from(version_packs.join(versions))
    .where(LIVE)
    .subquery("named")
)
_SHARES = (
    select(
        _NAMED.c.place,
        packs.c.size,
        func.count().over(partition_by=_NAMED.c.pack_id).label("sharers"),
    )
    .join(packs, packs.c.id == _NAMED.c.pack_id)
    .subquery("shares")
)
_STORED = (
    select(
        _SHARES.c.place,
        func.sum(_SHARES.c.size).label("stored"),
        func.sum(case((_SHARES.c.sharers > 1, _SHARES.c.size), else_=0)).label("shared"),
    )
    .group_by(_SHARES.c.place)
    .subquery("stored")
)


class Packs(Area):
    """What is stored and who needs it; live versions count, deleted ones do not."""

    def recent_manifests(
        self, project: str, name: str, *, limit: int
    ) -> tuple[tuple[str, int], ...]:
        """Give (digest, generation) of a collection's newest versions; none where it is new."""
        with self._database.read() as connection:
            try:
                place = collection_place(connection, project, name)
            except NotFoundError:
                return ()
            query = _MANIFEST.where(versions.c.collection_id == place.id)
            newest = query.order_by(versions.c.number.desc()).limit(limit)
            return tuple((row.digest, row.generation) for row in connection.execute(newest))

    def run_inputs(self, run_id: str, *, limit: int) -> tuple[tuple[str, int], ...]:
        """Give (digest, generation) of the versions that a run used, the latest use first."""
        with self._database.read() as connection:
            run = run_id_of(connection, run_id)
            query = (
                _MANIFEST.join(run_versions, run_versions.c.version_id == versions.c.id)
                .where(run_versions.c.run_id == run, run_versions.c.direction == "used")
                .group_by(versions.c.id)  # one version may be used in several relations
                .order_by(func.max(run_versions.c.at).desc(), versions.c.id.desc())
                .limit(limit)
            )
            return tuple((row.digest, row.generation) for row in connection.execute(query))

    def known_sizes(self, sizes: Collection[int]) -> set[int]:
        """Give those of some sizes (bytes) that a large file of a live version has."""
        query = select(files.c.size).distinct().join(versions).where(LIVE)
        with self._database.read() as connection:
            return {
                size
                for batch in batches(sizes)
                for size in connection.scalars(query.where(files.c.size.in_(batch)))
            }

    def large_files(self, digests: Collection[str]) -> dict[str, tuple[str, int]]:
        """Say, for digests of files, which manifest (digest, generation) tells where they are.

        Files that no live version has are left out; of several versions, the newest counts.
        """
        found: dict[str, tuple[str, int]] = {}
        with self._database.read() as connection:
            for batch in batches(digests):
                newest = (
                    select(files.c.digest, func.max(files.c.version_id).label("version_id"))
                    .join(versions)
                    .where(LIVE, files.c.digest.in_(batch))
                    .group_by(files.c.digest)
                    .subquery()
                )
                query = select(newest.c.digest, versions.c.digest, versions.c.generation).join(
                    newest, newest.c.version_id == versions.c.id
                )
                for file, version, generation in connection.execute(query):
                    found[file] = (version, generation)
        return found

    def packs_of(self, version: Version) -> dict[str, int]:
        """Give the packs that a version's bytes lie in, with their sizes in bytes.

        Of a deleted version too: who logs its content again meanwhile is told so by `commit`.
        """
        query = select(packs.c.id, packs.c.size).join(version_packs)
        with self._database.read() as connection:
            row = located(connection, version, deleted=True)
            named = query.where(version_packs.c.version_id == row.id)
            return {pack.id: pack.size for pack in connection.execute(named)}

    def pack_sizes(self) -> dict[str, int]:
        """Give the stored bytes of every pack that is known and not removed."""
        query = select(packs.c.id, packs.c.size).where(packs.c.removed_at.is_(None))
        with self._database.read() as connection:
            return {row.id: row.size for row in connection.execute(query)}

    def collection_sizes(self) -> tuple[CollectionSize, ...]:
        """Give how much room each collection takes, by project and name."""
        query = (
            select(
                projects.c.name.label("project"),
                collections.c.name,
                _SIZES.c.count,
                _SIZES.c.size,
                func.coalesce(_STORED.c.stored, 0).label("stored"),
                func.coalesce(_STORED.c.shared, 0).label("shared"),
            )
            .select_from(collections)
            .join(projects)
            .join(_SIZES, _SIZES.c.place == collections.c.id)
            .outerjoin(_STORED, _STORED.c.place == collections.c.id)
            .order_by(projects.c.name, collections.c.name)
        )
        with self._database.read() as connection:
            return tuple(
                CollectionSize(row.project, row.name, *map(int, row[2:]))
                for row in connection.execute(query)
            )

    def unused_packs(self) -> dict[str, int]:
        """Give the stored bytes of every known pack that no live version names."""
        named = select(version_packs.c.pack_id).join(versions).where(LIVE)
        query = select(packs.c.id, packs.c.size).where(
            packs.c.removed_at.is_(None), packs.c.id.not_in(named)
        )
        with self._database.read() as connection:
            return {row.id: row.size for row in connection.execute(query)}

    def named_manifests(self) -> set[tuple[str, int]]:
        """Give (digest, generation) of the manifests of all versions, the deleted ones too.

        With those that wait for their removal, as somebody may still read by them, and those
        of parts whose version is not there yet.
        """
        present = select(versions.c.digest, versions.c.generation)
        waiting = select(removals.c.name, removals.c.generation).where(removals.c.kind == REPLACED)
        parts = (
            select(draft_parts.c.digest, draft_parts.c.generation)
            .join(drafts)
            .where(drafts.c.version_id.is_(None))
        )
        with self._database.read() as connection:
            rows = connection.execute(union_all(present, waiting, parts))
            return {(digest, generation) for digest, generation in rows}

    def live_manifests(self) -> set[tuple[str, int]]:
        """Give (digest, generation) of the manifests that live versions need."""
        with self._database.read() as connection:
            return {(row.digest, row.generation) for row in connection.execute(_MANIFEST)}
