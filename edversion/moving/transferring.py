"""Bring what one side offers to the other: missing bytes, then one transaction a version.

A version arrives whole or not at all, since it goes through the commit; whoever is cut off
begins again, and what has arrived is passed over. Nothing is ever replaced on the other side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from edversion.artifact import Artifact
from edversion.catalog import Arrival, Arrived, Landing
from edversion.commit import CommitOptions
from edversion.environment import actor
from edversion.errors import IntegrityError, NotFoundError
from edversion.moving.offers import Offer, Reading
from edversion.moving.records import read_record

if TYPE_CHECKING:
    from edversion.repository import Repository

__all__ = ["MoveReport", "Moved", "transfer"]

State = Literal["new", "joined", "same", "left", "damaged"]
Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Moved:
    """What came of one version.

    Attributes
    ----------
    there, here : str and str or None
        What it is called where it comes from, and where it went.
    state : str
        ``new``; ``joined``: its content was there already, and what was said of it is joined;
        ``same``: nothing was new; ``left``: it was deleted there, and stays so; ``damaged``.
    size : int
        Bytes that travelled.
    why : str or None
        What is to be said of it.
    protected : tuple of str
        Aliases that a policy of the other side keeps where they are.
    """

    there: str
    here: str | None
    state: State
    size: int = 0
    why: str | None = None
    protected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MoveReport:
    """What came of a transfer.

    Attributes
    ----------
    versions : tuple of Moved
        In the order in which they were logged.
    erased : tuple of str
        Versions that were erased where they came from, and are still where they went.
    """

    versions: tuple[Moved, ...] = field(default=())
    erased: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes that travelled."""
        return sum(version.size for version in self.versions)

    @property
    def renamed(self) -> dict[str, str]:
        """What is called otherwise now, and how, since its number was taken."""
        return {
            each.there: each.here
            for each in self.versions
            if each.here is not None and each.here != each.there
        }

    def of(self, state: State) -> tuple[Moved, ...]:
        """Give the versions that came out in one way."""
        return tuple(version for version in self.versions if version.state == state)


def transfer(
    offers: Iterable[Offer],
    target: Repository,
    *,
    aliases: bool = False,
    again: Callable[[Key], Offer | None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> MoveReport:
    """Bring versions to a repository.

    Parameters
    ----------
    offers : iterable of Offer
        Those first from which others were made.
    target : Repository
        Where they go.
    aliases : bool
        Whether aliases go along, but for ``latest`` and those that a policy protects there.
    again : callable, optional
        Gives the offer of a version by its key: what came without its dataset or its sources
        is asked for once more when something new has come.
    progress : callable, optional
        Told the bytes of each version that is done.

    Raises
    ------
    ConflictError
        A collection has another type there.
    StorageError
        The disk is full, or the repository cannot be written. What has arrived stays.
    """
    with ExitStack() as stack:
        work = _Transfer(target, stack, aliases=aliases)
        for offer in offers:
            moved = work.take(offer)
            if progress is not None:
                progress(moved.size)
        if any(moved.state == "new" for moved in work.done.values()):
            work.complete(again)
        return MoveReport(tuple(work.done.values()))


class _Transfer:
    """One transfer under way."""

    def __init__(self, target: Repository, stack: ExitStack, *, aliases: bool) -> None:
        self._target, self._stack, self._aliases = target, stack, aliases
        self._known: dict[str, dict[Key, Arrived]] = {}
        self._run: str | None = None
        self._told_runs: set[str] = set()
        self._waiting: dict[tuple[str, Key], Offer] = {}
        self.done: dict[tuple[str, Key], Moved] = {}

    def take(self, offer: Offer) -> Moved:
        """Bring one version, or find that it is there."""
        record = read_record(offer.record)
        arrival = self._arrival(offer, record)
        moved = self._taken(offer, arrival, "{}/{}:v{}".format(*arrival.key))
        self.done[arrival.origin, arrival.key] = moved
        return moved

    def complete(self, again: Callable[[Key], Offer | None] | None) -> None:
        """Join once more what lacked a version that may be here now."""
        for origin in [*self._known]:
            del self._known[origin]
            for key, known in self._from(origin).items():
                if known.complete or not known.live:
                    continue
                offer = self._waiting.get((origin, key)) or (again and again(key))
                if offer is None:
                    continue
                arrival = self._arrival(offer, read_record(offer.record))
                same = (arrival.origin, arrival.key, arrival.facts["digest"])
                if same == (origin, key, known.digest):
                    moved = self._join(offer, arrival, known, "{}/{}:v{}".format(*key))
                    if moved.state != "same":
                        self.done.setdefault((origin, key), moved)

    def _taken(self, offer: Offer, arrival: Arrival, there: str) -> Moved:
        known = self._find(arrival, offer)
        if known is None:
            try:
                return self._land(offer, arrival, there)
            except IntegrityError as error:
                return Moved(there, None, "damaged", why=str(error))
        here = "{}/{}:v{}".format(*arrival.key[:2], known.number)
        if not known.live:
            return Moved(there, here, "left", why="it was deleted there")
        if known.record == arrival.record and known.complete and not arrival.aliases:
            return Moved(there, here, "same")
        return self._join(offer, arrival, known, there)

    def _arrival(self, offer: Offer, record: dict[str, Any]) -> Arrival:
        own = self._target.store.id
        also = tuple(each for each in offer.also if each[0] not in (own, record["origin"]))
        return Arrival(
            origin=record["origin"],
            record=offer.digest,
            facts=record["version"],
            runs=record["runs"],
            before=self._before(offer, record),
            also=also,
            aliases=tuple(record["version"]["aliases"]) if self._aliases else (),
        )

    def _before(self, offer: Offer, record: dict[str, Any]) -> dict[str, Any] | None:
        """Give the facts on which both sides last agreed, where they ever did."""
        facts = record["version"]
        key = facts["project"], facts["collection"], facts["number"]
        seen = self._from(record["origin"]).get(key)
        if seen is not None and seen.digest == facts["digest"]:
            return self._facts(self._target.store, seen.record)
        for origin, its_key, digest in offer.also:
            home = origin == self._target.store.id
            if home or its_key in self._from(origin):
                return self._facts(offer.store, digest)
        return None

    @staticmethod
    def _facts(store: Any, digest: str) -> dict[str, Any] | None:
        try:
            facts: dict[str, Any] = read_record(store.records.read_import(digest))["version"]
        except IntegrityError:  # lost: what is said there counts as new
            return None
        return facts

    def _find(self, arrival: Arrival, offer: Offer) -> Arrived | None:
        """Find the version on this side by what it was called anywhere."""
        own, digest = self._target.store.id, arrival.facts["digest"]
        names = ((arrival.origin, arrival.key), *(each[:2] for each in offer.also))
        for place, (origin, key) in enumerate(names):
            found = self._own(key) if origin == own else self._from(origin).get(key)
            if found is None or found.digest != digest:  # a number that was given once more
                continue
            if place == 0 and origin == own:
                return replace(found, record=arrival.record)
            return found if place == 0 else replace(found, record="", complete=False)
        return None

    def _own(self, key: Key) -> Arrived | None:
        """Find a version that was logged on this side and comes back."""
        try:
            receipt = self._target.catalog.receipt_by_key(key)
        except NotFoundError:
            return None
        live = receipt["deleted"] is None
        return Arrived(key[2], str(receipt["digest"]), live, "", complete=True)

    def _from(self, origin: str) -> dict[Key, Arrived]:
        if origin not in self._known:
            self._known[origin] = self._target.catalog.arrived_from(origin)
        return self._known[origin]

    def _land(self, offer: Offer, arrival: Arrival, there: str) -> Moved:
        reading, facts = Reading(offer.version), arrival.facts
        draft = Artifact(
            facts["collection"],
            facts["type"],
            description=facts["description"],
            metadata=facts["metadata"],
        )
        draft.take_files(reading.version)
        self._write_records(offer, arrival)
        options = CommitOptions(
            project=facts["project"],
            run=self._working(facts["project"]),
            actor=actor(),
            noted_now=True,
            arrival=arrival,
        )
        landing = self._target.commit(draft, options)
        assert isinstance(landing, Landing)
        return self._told(offer, arrival, there, landing, reading.size)

    def _join(self, offer: Offer, arrival: Arrival, known: Arrived, there: str) -> Moved:
        self._write_records(offer, arrival)
        landing = self._target.join(known.number, arrival)
        return self._told(offer, arrival, there, landing, 0)

    def _told(
        self, offer: Offer, arrival: Arrival, there: str, landing: Landing, size: int
    ) -> Moved:
        """Say what came of a version; remember it where it lacks another one."""
        if not landing.complete:
            self._waiting[arrival.origin, arrival.key] = offer
        if landing.changed:
            self._write_runs(arrival.runs)
        state: State = "new" if landing.created else "joined" if landing.changed else "same"
        return Moved(there, landing.version.reference, state, size, protected=landing.protected)

    def _write_records(self, offer: Offer, arrival: Arrival) -> None:
        """Put what the catalog is about to name into the store: what is known, and the runs."""
        records = self._target.store.records
        records.write_import(offer.record)
        for _, _, digest in arrival.also:
            with suppress(IntegrityError):  # lost where it comes from: the names still count
                records.write_import(offer.store.records.read_import(digest))
        missing = {run: it for run, it in arrival.runs.items() if not self._knows(run)}
        for record in missing.values():  # first: whoever is killed later must not lose them
            records.write_run(record)

    def _knows(self, run: str) -> bool:
        try:
            return self._target.catalog.get_run(run).id == run
        except NotFoundError:
            return False

    def _write_runs(self, runs: Iterable[str]) -> None:
        """Write the records of runs as they are here, once: some may have ended since."""
        for run in set(runs) - self._told_runs:
            self._target.store.records.write_run(self._target.catalog.run_record(run))
            self._told_runs.add(run)

    def _working(self, project: str) -> str:
        """Give a run of our own, by whose lock others know that what it writes is under way."""
        if self._run is None:
            self._run = self._stack.enter_context(self._target.working(project, "import"))
        return self._run
