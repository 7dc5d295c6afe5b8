"""The commit: the one transaction that makes a version exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Row, and_, bindparam, delete, insert, literal, select, update

from edversion.catalog.aliases import move_aliases
from edversion.catalog.area import Area
from edversion.catalog.bringing import record_packs
from edversion.catalog.database import Transaction
from edversion.catalog.distributed_rows import close_draft, completed
from edversion.catalog.edges import add_edge, write_edge
from edversion.catalog.editing import add_tags, change_tags, revise
from edversion.catalog.fresh import Fresh
from edversion.catalog.leaves import write_leaves
from edversion.catalog.origins import join_origins, write_origins
from edversion.catalog.reading import LIVE, VERSIONS, Place, key_of, subject_of, to_version
from edversion.catalog.requests import CommitRequest, CommitResult
from edversion.catalog.runs import project_id, run_id_of
from edversion.catalog.tables import (
    collections,
    files,
    projects,
    version_packs,
    versions,
)
from edversion.catalog.wear import note_former, note_worn
from edversion.digests import canonical_json
from edversion.errors import ConflictError
from edversion.model import Version
from edversion.reference import LATEST, check_alias, check_name, check_tag

__all__ = [
    "Commits",
    "check_request",
    "check_stored",
    "is_made_by",
    "known_content",
    "mend",
    "other_type",
    "place_of",
    "write_packs",
]

T = TypeVar("T")

# With the id of the live version that has a content, if one does: one statement for both.
_COLLECTION = (
    select(collections, versions.c.id.label("known"))
    .join(projects)
    .outerjoin(
        versions,
        and_(
            versions.c.collection_id == collections.c.id,
            versions.c.digest == bindparam("digest"),
            LIVE,
        ),
    )
    .where(projects.c.name == bindparam("project"), collections.c.name == bindparam("name"))
)
_BY_DIGEST = VERSIONS.where(
    LIVE,
    projects.c.name == bindparam("project"),
    collections.c.name == bindparam("name"),
    versions.c.digest == bindparam("digest"),
)
_NEXT_NUMBER = (
    update(collections)
    .where(collections.c.id == bindparam("place"))
    .values(
        next_number=collections.c.next_number + 1,
        version_count=collections.c.version_count + 1,
    )
    .returning(collections.c.next_number - literal(1))
)
_ADD_VERSION = insert(versions)
_ADD_VERSION_PACKS = insert(version_packs)
_ADD_FILES = insert(files)


class Commits(Area):
    """Commit versions, and find those that hold the same content."""

    def find_by_digest(self, project: str, name: str, digest: str) -> Version | None:
        """Find the live version of a collection that has a content."""
        key = {"project": project, "name": name, "digest": digest}
        with self._database.read() as connection:
            row = connection.execute(_BY_DIGEST, key).one_or_none()
            return None if row is None else to_version(connection, row, self.source)

    def commit(self, request: CommitRequest) -> CommitResult:
        """Make a version exist, in one transaction.

        Where the collection holds the same content already, that version is given back
        with the run's edge, its origins, the aliases and the tags added, and with new metadata and
        description as a revision; ``latest`` stays where it is.

        Raises
        ------
        ConflictError
            The collection has another type (code ``other_type``), or a reused pack is
            unknown or was removed (code ``pack_gone``, attribute ``pack``), or the
            content had to exist and does not (code ``version_gone``), or the draft that it
            completes has other parts by now (code ``draft_changed``).
        NotFoundError
            There is no such run, or a version it derives from does not exist.
        """
        check_request(request)
        return self._for_run(request.run, lambda again: self._commit(request, again=again))

    def _commit(self, request: CommitRequest, *, again: bool) -> CommitResult:
        with self._database.write() as transaction:
            done = completed(transaction, request.completes)
            if done is not None and not request.mends:
                return self._known(transaction, request, done, again=again)
            place, known = place_of(transaction, request)
            run = self._run(transaction, request)
            runs = _runs(request, run)
            if not known:
                check_stored(request)
                fresh, made = _create(transaction, place, request, runs)
                close_draft(transaction, request, made, place.subject(f"v{fresh.number}"))
                return CommitResult(fresh.version(self.source), created=True)
            row = known_content(transaction, request)
            if again and is_made_by(request, row):
                return self._known(transaction, request, row, again=True)
            _enrich(transaction, place, row, request, runs)
            close_draft(transaction, request, row.id, subject_of(row))
            row = known_content(transaction, request)
            version = to_version(transaction.connection, row, self.source)
        return CommitResult(version, created=False)

    def _known(
        self, transaction: Transaction, request: CommitRequest, row: Row[Any], *, again: bool
    ) -> CommitResult:
        """Give a version that is there; perhaps this very request made it, and was not told."""
        mine = again and is_made_by(request, row)
        if mine:
            transaction.changed(row.id, key_of(row))
        return CommitResult(to_version(transaction.connection, row, self.source), mine)

    def tenure(self, run_id: str) -> int | None:
        """Give what a request of this run has to carry whose bytes are written from now on."""
        return self._liveness.tenure(run_id)

    def _for_run(self, run: str | None, work: Callable[[bool], T]) -> T:
        """Do steadily what vouches for a run; where its lock is lost, take it for the next try."""
        try:
            return self._steadily(work)
        except ConflictError as error:
            if run is not None and error.code == "run_lost":
                self._liveness.regain(run)
            raise

    def _run(self, transaction: Transaction, request: CommitRequest) -> str | None:
        """Give the whole id of the run; one that this process has open is known to be there."""
        run, connection = request.run, transaction.connection
        if run is None or self._liveness.vouch(connection, run, request.tenure):
            return run
        return run_id_of(connection, run)


def is_made_by(request: CommitRequest, row: Row[Any]) -> bool:
    """Tell whether a request was committed, though the connection was lost before it was told.

    Nobody else writes a manifest of this generation.
    """
    return not request.must_exist and row.generation == request.generation


def check_stored(request: CommitRequest) -> None:
    """Refuse to make a version of content that was found stored, but was deleted since."""
    if request.must_exist:
        raise ConflictError(
            f"the version of {request.project}/{request.name} with this content was deleted "
            "meanwhile; log it again",
            code="version_gone",
            digest=request.digest,
        )


def check_request(request: CommitRequest) -> None:
    """Refuse what must not enter the catalog, before the write lock is taken."""
    check_name(request.project, "project")
    check_name(request.name)
    check_name(request.type, "type")
    for alias in request.aliases:
        check_alias(alias)
    for tag in request.tags:
        check_tag(tag)
    for origin in request.origins:
        check_name(origin.relation, "relation")
    canonical_json([request.metadata, request.facts])


def known_content(transaction: Transaction, request: CommitRequest) -> Row[Any]:
    """Give the row of the live version that has the content already."""
    return transaction.execute(_BY_DIGEST, _content(request)).one()


def _content(request: CommitRequest) -> dict[str, str]:
    return {"project": request.project, "name": request.name, "digest": request.digest}


def place_of(transaction: Transaction, request: CommitRequest) -> tuple[Place, bool]:
    """Find the collection, or make it; tell whether it has the content."""
    row = transaction.execute(_COLLECTION, _content(request)).one_or_none()
    known = row is not None and row.known is not None
    if row is None:
        row = _new_collection(transaction, request)
    if row.type != request.type:
        raise other_type(request, row.type)
    return Place(row.id, request.project, request.name, row.type, row.next_number), known


def other_type(request: CommitRequest, own: str) -> ConflictError:
    """Say that a collection has another type."""
    return ConflictError(
        f"{request.project}/{request.name} is a collection of type {own!r}, not "
        f"{request.type!r}. Log it as {own!r}, or under another name",
        code="other_type",
        expected=own,
        given=request.type,
    )


def _runs(request: CommitRequest, run: str | None) -> tuple[str, ...]:
    """Give the runs that a version comes from, each once."""
    others = () if request.completes is None else request.completes.runs
    return tuple(dict.fromkeys([*([] if run is None else [run]), *others]))


def _new_collection(transaction: Transaction, request: CommitRequest) -> Row[Any]:
    values = {
        "project_id": project_id(transaction, request.project),
        "name": request.name,
        "type": request.type,
        "next_number": 0,
        "version_count": 0,
        "created_at": transaction.at,
    }
    return transaction.execute(insert(collections).returning(*collections.c), values).one()


def _create(
    transaction: Transaction, place: Place, request: CommitRequest, runs: tuple[str, ...]
) -> tuple[Fresh, int]:
    """Write a new version and all that belongs to it; give its id, too."""
    number = transaction.execute(_NEXT_NUMBER, {"place": place.id}).scalar_one()
    version_id = _insert(transaction, place, number, request)
    transaction.tell(
        "version.logged",
        place.subject(f"v{number}"),
        actor=request.actor,
        after={"digest": request.digest, "type": request.type, "run": request.run},
    )
    sizes = write_packs(transaction, version_id, request)
    if request.large_files:
        large = {file.digest: file.size for file in request.large_files}
        rows = [{"version_id": version_id, "digest": d, "size": s} for d, s in large.items()]
        transaction.execute(_ADD_FILES, rows)
    add_tags(transaction, version_id, set(request.tags))
    write_leaves(transaction, version_id, request.metadata)
    write_origins(transaction, version_id, request.origins)
    for run in runs:
        write_edge(transaction, run, version_id, "logged")
    names = dict.fromkeys([*request.aliases, LATEST])
    moved = move_aliases(transaction, place, names, (version_id, number), request.actor)
    fresh = Fresh(request, number, transaction.at, runs, moved, sizes)
    transaction.created(version_id, place.key(number), fresh.receipt())
    return fresh, version_id


def _insert(transaction: Transaction, place: Place, number: int, request: CommitRequest) -> int:
    values = {
        "collection_id": place.id,
        "number": number,
        "digest": request.digest,
        "generation": request.generation,
        "size": request.size,
        "file_count": request.file_count,
        "actor": request.actor,
        "created_at": transaction.at,
        "facts": dict(request.facts),
        "metadata": dict(request.metadata),
        "description": request.description,
        "revised_at": transaction.at,
        "revised_by": request.actor,
        "receipt_generation": 1,
    }
    made = transaction.execute(_ADD_VERSION, values).inserted_primary_key
    assert made is not None
    return int(made[0])


def write_packs(
    transaction: Transaction, version_id: int, request: CommitRequest
) -> dict[str, int]:
    """Connect a version with its packs; give the stored bytes of each."""
    sizes = record_packs(transaction, request)
    if sizes:
        named = [{"version_id": version_id, "pack_id": pack} for pack in sizes]
        transaction.execute(_ADD_VERSION_PACKS, named)
    return sizes


def _enrich(
    transaction: Transaction,
    place: Place,
    row: Row[Any],
    request: CommitRequest,
    runs: tuple[str, ...],
) -> None:
    """Add to a version that has this content already what its logging brings."""
    names = [name for name in dict.fromkeys(request.aliases) if name != LATEST]
    if names:
        move_aliases(transaction, place, names, (row.id, row.number), request.actor)
    if request.tags:
        change_tags(transaction, row, request.tags, (), request.actor)
    metadata = {**row.metadata, **request.metadata} if request.metadata else None
    revise(transaction, row, metadata, request.description, request.actor)
    join_origins(transaction, row, request.origins, request.actor)
    if request.mends:
        mend(transaction, row, request)
    for run in runs:
        if add_edge(transaction, run, row.id, "logged"):
            transaction.changed(row.id, key_of(row))


def mend(transaction: Transaction, row: Row[Any], request: CommitRequest) -> None:
    """Let a version be read from bytes that were stored anew; its identity stays."""
    transaction.execute(
        update(versions).where(versions.c.id == row.id).values(generation=request.generation)
    )
    its = version_packs.c.version_id == row.id
    former = transaction.execute(select(version_packs.c.pack_id).where(its)).scalars().all()
    note_worn(transaction, former)  # others may need some of them still
    note_former(transaction, row.id, former)
    transaction.execute(delete(version_packs).where(its))
    write_packs(transaction, row.id, request)
    transaction.changed(row.id, key_of(row))
    transaction.tell(
        "version.mended",
        subject_of(row),
        actor=request.actor,
        before=row.generation,
        after=request.generation,
        reason="its stored bytes were gone or damaged, and were logged again",
    )
