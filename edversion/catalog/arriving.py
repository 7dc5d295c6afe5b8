"""Versions that come from another repository: which is which, and what is known of them.

A version arrives in one transaction, as a logged one does. It keeps its number where that is
free; what was known of it there is joined to what is known here, as often as it comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update

from edversion.catalog.aliases import move_aliases
from edversion.catalog.arrival_tables import ARRIVALS_OF, arrivals
from edversion.catalog.committing import (
    Commits,
    check_request,
    check_stored,
    is_made_by,
    known_content,
    mend,
    place_of,
    write_packs,
)
from edversion.catalog.database import Transaction, VersionKey
from edversion.catalog.editing import add_tags, change_tags, revise
from edversion.catalog.finding import collection_place
from edversion.catalog.joining import changed_since, join_metrics, join_runs
from edversion.catalog.leaves import write_leaves
from edversion.catalog.origins import join_origins, write_origins
from edversion.catalog.reading import Place, located, numbered, subject_of, to_version
from edversion.catalog.requests import CommitRequest, Origin
from edversion.catalog.tables import collections, files, revisions, versions
from edversion.errors import RefusedError
from edversion.model import Json, Version
from edversion.reference import LATEST

__all__ = ["Arrival", "Arrived", "Arriving", "Landing", "number_for"]

_HERE = (
    arrivals.c.origin == bindparam("origin"),
    arrivals.c.project == bindparam("project"),
    arrivals.c.collection == bindparam("collection"),
    arrivals.c.number == bindparam("number"),
)
_FROM = (
    select(
        arrivals,
        versions.c.number.label("here"),
        versions.c.digest,
        versions.c.deleted_at,
    )
    .join(versions, versions.c.id == arrivals.c.version_id)
    .where(arrivals.c.origin == bindparam("origin"))
)
_ONE_ID = select(arrivals.c.version_id).where(*_HERE)
_NUMBERS = select(versions.c.number).where(
    versions.c.collection_id == bindparam("place"), versions.c.number == bindparam("wanted")
)
_NEWER = select(versions.c.id).where(
    versions.c.collection_id == bindparam("place"),
    versions.c.number > bindparam("wanted"),
    versions.c.deleted_at.is_(None),
)
_LATER = 1_000_000  # numbers that a collection leaves out at most, for those that may come


@dataclass(frozen=True, slots=True)
class Arrival:
    """A version of another repository.

    Attributes
    ----------
    origin : str
        Id of the store there.
    record : str
        Digest of the record of what is known of it there.
    facts : mapping
        What that record says of the version; the fields are those of a receipt.
    runs : mapping
        The records of the runs that these facts name, by id.
    before : mapping or None
        The facts when the two repositories last agreed.
    also : tuple of (origin, key, record)
        What it was called in the repositories that it came through before.
    aliases : tuple of str
        To set here as well, as far as no policy protects them.
    """

    origin: str
    record: str
    facts: Mapping[str, Any]
    runs: Mapping[str, Mapping[str, Any]]
    before: Mapping[str, Any] | None = None
    also: tuple[tuple[str, VersionKey, str], ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def key(self) -> VersionKey:
        """Project, collection and number there."""
        return self.facts["project"], self.facts["collection"], self.facts["number"]


@dataclass(frozen=True, slots=True)
class Arrived:
    """A version here that came from another repository.

    Attributes
    ----------
    number : int
        Its number here; project and collection are the same.
    digest : str
        Its digest, which tells it from one that was given the same number there later.
    live : bool
        Whether it was not deleted here since.
    record : str
        Digest of the record that was joined last.
    complete : bool
        Whether all versions that the record names were here by then.
    """

    number: int
    digest: str
    live: bool
    record: str
    complete: bool


@dataclass(frozen=True, slots=True)
class Landing:
    """What came of an arrival.

    Attributes
    ----------
    version : Version
        The version here.
    created : bool
        Whether it is new here.
    changed : bool
        Whether anything is new here.
    complete : bool
        Whether all versions that the record names are here.
    protected : tuple of str
        Aliases that stay where they are, since a policy protects them.
    """

    version: Version
    created: bool
    changed: bool
    complete: bool
    protected: tuple[str, ...]


class Arriving(Commits):
    """Everything about versions that came from other repositories."""

    def arrived_from(self, origin: str) -> dict[VersionKey, Arrived]:
        """Give what came from a store, by what it is called there; deleted versions too."""
        with self._database.read() as connection:
            return {
                (row.project, row.collection, row.number): Arrived(
                    row.here, row.digest, row.deleted_at is None, row.record, row.complete
                )
                for row in connection.execute(_FROM, {"origin": origin})
            }

    def arrivals_of(self, version: Version) -> tuple[tuple[str, VersionKey, str], ...]:
        """Give the stores that a version came from, what it is called there, and the record."""
        with self._database.read() as connection:
            row = located(connection, version, deleted=True)
            return tuple(
                (came.origin, (came.project, came.collection, came.number), came.record)
                for came in connection.execute(ARRIVALS_OF, {"version": row.id})
            )

    def arrive(self, request: CommitRequest, arrival: Arrival) -> Landing:
        """Make a version of another repository exist here, in one transaction.

        It has the number that it has there, or the next one where that is taken. Where the
        collection holds the content already, that version is given back, and what is known
        of it there is joined to it.

        Raises
        ------
        ConflictError
            As `commit`.
        """
        check_request(request)
        return self._for_run(request.run, lambda again: self._arrive(request, arrival, again=again))

    def _arrive(self, request: CommitRequest, arrival: Arrival, *, again: bool) -> Landing:
        with self._database.write() as transaction:
            place, known = place_of(transaction, request)
            self._run(transaction, request)  # by whose lock the packs were kept until now
            if known:
                row = known_content(transaction, request)
                if request.mends:
                    mend(transaction, row, request)
            else:
                check_stored(request)
                row = _create(transaction, place, request, arrival)
            landing = self._joined(transaction, place, row, arrival, request.actor, not known)
            made = again and known and is_made_by(request, row)
            return replace(landing, created=True, changed=True) if made else landing

    def join(self, number: int, arrival: Arrival, *, actor: str) -> Landing:
        """Join what is known of a version in another repository to one that is here.

        Raises
        ------
        NotFoundError
            It was deleted here.
        """
        return self._steadily(lambda _: self._join(number, arrival, actor))

    def _join(self, number: int, arrival: Arrival, actor: str) -> Landing:
        project, name, _ = arrival.key
        with self._database.write() as transaction:
            place = collection_place(transaction.connection, project, name)
            row = numbered(transaction.connection, place.key(number))
            return self._joined(transaction, place, row, arrival, actor, False)

    def _joined(
        self,
        transaction: Transaction,
        place: Place,
        row: Row[Any],
        arrival: Arrival,
        actor: str,
        created: bool,
    ) -> Landing:
        facts, known = arrival.facts, _names(transaction, arrival.origin)
        news = join_runs(transaction, row, facts["runs"], arrival.runs)
        if not created:
            _join_words(transaction, row, arrival, actor)
        origins = [(known((p, c, n)), how) for p, c, n, how in facts["origins"]]
        here = [Origin(key, how) for key, how in origins if key is not None]
        if created:
            write_origins(transaction, row.id, here)
        else:
            join_origins(transaction, row, here, actor)
        whole = join_metrics(transaction, row, facts["metrics"], known)
        complete = whole and len(here) == len(origins)
        fresh, touched = _remember(transaction, row, arrival, complete=complete)
        if fresh or news:
            _tell(transaction, row, arrival, actor, created=created)
        moved, protected = _point(transaction, place, row, arrival.aliases, actor)
        changed = bool(created or fresh or touched or news or moved)
        if changed:
            transaction.changed(row.id, place.key(row.number))
        row = numbered(transaction.connection, place.key(row.number))
        version = to_version(transaction.connection, row, self.source)
        return Landing(version, created, changed, complete, protected)


def _create(
    transaction: Transaction, place: Place, request: CommitRequest, arrival: Arrival
) -> Row[Any]:
    """Write a version with its history."""
    facts, number = arrival.facts, number_for(transaction, place, arrival.key[2])
    past = [{**state, "at": _time(state["at"])} for state in facts["revisions"]]
    stated = past.pop()
    values = {
        "collection_id": place.id,
        "number": number,
        "digest": request.digest,
        "generation": request.generation,
        "size": request.size,
        "file_count": request.file_count,
        "actor": facts["actor"],
        "created_at": _time(facts["created_at"]),
        "facts": dict(facts["facts"]),
        "metadata": dict(stated["metadata"]),
        "description": stated["description"],
        "revised_at": stated["at"],
        "revised_by": stated["actor"],
        "revised_reason": stated["reason"],
        "receipt_generation": 1,
    }
    made = transaction.execute(insert(versions), values).inserted_primary_key
    assert made is not None
    id = int(made[0])
    counts = {"next_number": max(place.next_number, number + 1)}
    transaction.execute(
        update(collections)
        .where(collections.c.id == place.id)
        .values(version_count=collections.c.version_count + 1, **counts)
    )
    write_packs(transaction, id, request)
    _write_all(transaction, files, id, [asdict(file) for file in request.large_files])
    _write_all(transaction, revisions, id, past)
    add_tags(transaction, id, set(facts["tags"]))
    write_leaves(transaction, id, stated["metadata"])
    if transaction.execute(_NEWER, {"place": place.id, "wanted": number}).first() is None:
        move_aliases(transaction, place, [LATEST], (id, number), request.actor)
    return numbered(transaction.connection, place.key(number))


def number_for(transaction: Transaction, place: Place, wanted: int) -> int:
    """Give the number that a version shall have here: its own, or the next where that is taken."""
    taken = transaction.execute(_NUMBERS, {"place": place.id, "wanted": wanted}).first()
    near = wanted < place.next_number + _LATER
    return wanted if taken is None and near else place.next_number


def _write_all(
    transaction: Transaction, table: Any, version_id: int, rows: Iterable[Mapping[str, Any]]
) -> None:
    owned = [{**row, "version_id": version_id} for row in rows]
    if owned:
        transaction.execute(insert(table), owned)


def _names(transaction: Transaction, origin: str) -> Any:
    """Give what says how a version of a store is called here, or None where it is not here."""

    def known(key: VersionKey) -> VersionKey | None:
        values = dict(zip(("project", "collection", "number"), key, strict=True))
        id = transaction.execute(_ONE_ID, values | {"origin": origin}).scalar()
        if id is None:
            return None
        number = transaction.execute(select(versions.c.number).where(versions.c.id == id)).scalar()
        assert number is not None
        return key[0], key[1], int(number)

    return known


def _join_words(transaction: Transaction, row: Row[Any], arrival: Arrival, actor: str) -> None:
    """Change tags, metadata and description as they were changed there."""
    facts, before = arrival.facts, arrival.before or {}
    tags, old = set(facts["tags"]), set(before.get("tags", ()))
    change_tags(transaction, row, tags - old, old - tags, actor)
    metadata: dict[str, Json] = changed_since(
        before.get("metadata", {}), facts["metadata"], row.metadata
    )
    said = facts["description"]
    description = said if said != before.get("description") else None
    revise(transaction, row, metadata, description, actor, f"as in {arrival.origin[:8]}")


def _remember(
    transaction: Transaction, row: Row[Any], arrival: Arrival, *, complete: bool
) -> tuple[bool, bool]:
    """Write which version this is elsewhere; tell whether it, or what lacks of it, is new."""
    fresh = touched = False
    own = (arrival.origin, arrival.key, arrival.record, complete)
    for origin, key, record, whole in (own, *((*each, True) for each in arrival.also)):
        values = dict(zip(("project", "collection", "number"), key, strict=True))
        here = select(arrivals).where(*_HERE)
        found = transaction.execute(here, values | {"origin": origin}).one_or_none()
        new = {"version_id": row.id, "record": record, "complete": whole}
        if found is None or (found.version_id, found.record) != (row.id, record):
            fresh = True
        elif found.complete == whole:
            continue
        touched = True
        transaction.execute(delete(arrivals).where(*_HERE), values | {"origin": origin})
        transaction.execute(insert(arrivals), values | {"origin": origin} | new)
    return fresh, touched


def _tell(
    transaction: Transaction, row: Row[Any], arrival: Arrival, actor: str, *, created: bool
) -> None:
    told = {
        "origin": arrival.origin,
        "version": "{}/{}:v{}".format(*arrival.key),
        "digest": row.digest,
        "record": arrival.record,
    }
    action = "version.imported" if created else "version.joined"
    transaction.tell(action, subject_of(row), actor=actor, after=told)


def _point(
    transaction: Transaction, place: Place, row: Row[Any], names: Iterable[str], actor: str
) -> tuple[bool, tuple[str, ...]]:
    """Point aliases at a version; tell whether one moved, and which a policy protects."""
    moved, protected = False, []
    for name in names:
        target = (row.id, row.number)
        try:
            moved |= bool(move_aliases(transaction, place, [name], target, actor, "as imported"))
        except RefusedError:
            protected.append(name)
    return moved, tuple(protected)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
