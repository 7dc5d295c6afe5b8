"""Which variant a learner has, in this process: the pure assignment, and what was recorded first.

Where each unit is assigned by itself, the pure function is what was recorded, so nobody is
looked up. Where classes are assigned, a learner may have changed hers; then the first time that
a process meets her costs one query.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

from edversion.catalog import Assigned
from edversion.errors import InvalidInputError
from edversion.experiments.assignment import Assigner, check_id
from edversion.experiments.buffer import LOG, TROUBLES
from edversion.experiments.pseudonyms import PseudonymKey
from edversion.model import ExperimentDefinition

__all__ = ["Placement", "Placer"]

_HELD = 100_000  # units that a process surely remembers; seconds of them at the least
_PATIENCE = 30.0  # seconds without asking a catalog that did not answer

Recorded = tuple[tuple[str, int] | None, int | None]


class Placement(NamedTuple):
    """Where a unit is in an experiment.

    Attributes
    ----------
    unit, cluster : str
        Pseudonyms; `cluster` is empty where there is none.
    variant : int or None
        Place of the variant; None where the unit is not in the experiment.
    reason : str or None
        Why it is not.
    """

    unit: str
    cluster: str
    variant: int | None
    reason: str | None


K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """What was noted lately: the last hundred thousand keys at least, twice that at most."""

    __slots__ = ("_new", "_old")

    def __init__(self) -> None:
        self._new: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """Give what was noted; None where it was not, or is forgotten."""
        found = self._new.get(key)
        return self._old.get(key) if found is None else found

    def note(self, key: K, value: V) -> None:
        """Note something."""
        self._new[key] = value
        if len(self._new) >= _HELD:
            self._old, self._new = self._new, {}

    def drop(self, key: K) -> None:
        """Forget something."""
        self._new.pop(key, None)
        self._old.pop(key, None)

    def items(self) -> list[tuple[K, V]]:
        """Give all of it."""
        return [*({**self._old, **self._new}).items()]


class Placer:
    """The assignments of one experiment, as one process knows them.

    Parameters
    ----------
    definition : ExperimentDefinition
        Which one.
    key : PseudonymKey
        Makes the pseudonyms.
    recorded : callable
        Asks the catalog for the first assignment of a unit, and for that of a cluster.
    before : Placer, optional
        The one of an earlier definition: what it assigned may not be in the catalog yet.
    """

    def __init__(
        self,
        definition: ExperimentDefinition,
        key: PseudonymKey,
        recorded: Callable[[str, str], Recorded],
        before: Placer | None = None,
    ) -> None:
        self._definition, self._key, self._recorded = definition, key, recorded
        self._assigner = Assigner(
            definition.salt, definition.weights, definition.namespace, definition.ramp
        )
        self._places = {name: place for place, name in enumerate(definition.weights)}
        self._looks = definition.cluster is not None or definition.reweighed
        self._known = Recent[str, tuple[str | int | None, Placement]]()
        # By pseudonym, what was assigned first: where classes are assigned, and where weights are
        # other ones than they were.
        self._firsts: Recent[str, tuple[str, int]] = before._firsts if before else Recent()
        self._rooms: Recent[str, int] = before._rooms if before else Recent()
        self._clusters = Recent[str, str]()
        self._asks_again = 0.0

    @property
    def each_cluster(self) -> bool:
        """Whether a unit has an assignment in each cluster that it comes to."""
        return self._definition.cluster is not None and self._definition.consistency == "group"

    def place(
        self, unit: str | int, cluster: str | int | None
    ) -> tuple[Placement, Assigned | None]:
        """Give where a unit is, and its assignment where it was not met before."""
        text = unit if type(unit) is str else check_id(unit, self._definition.unit)
        known = self._known.get(text)
        if known is not None and known[0] == cluster:
            return known[1], None
        found, assigned = self._meet(check_id(text, self._definition.unit), cluster)
        self._known.note(text, (cluster, found))
        return found, assigned

    def pseudonym(self, unit: str | int) -> str:
        """Give the pseudonym of a unit."""
        text = check_id(unit, self._definition.unit)
        return self._key.pseudonym(self._definition.project, self._definition.unit, text)

    def takes_no_part(self, unit: str | int) -> bool:
        """Tell whether it is certain that a unit is not in the experiment."""
        text = check_id(unit, self._definition.unit)
        return not self._looks and self._assigner.place(text)[0] is None

    def forget(self, unit: str, pseudonym: str) -> None:
        """Forget a unit."""
        self._known.drop(unit)
        self._firsts.drop(pseudonym)

    def adopt(self, others: Mapping[str, int]) -> None:
        """Take up what was recorded before, by pseudonym, where it is another variant."""
        for unit, (cluster, placement) in self._known.items() if others else ():
            variant = others.get(placement.unit)
            if variant is not None:
                self._known.note(unit, (cluster, placement._replace(variant=variant, reason=None)))
        for unit, variant in others.items():
            first = self._firsts.get(unit)
            self._firsts.note(unit, (first[0] if first else "", variant))

    def _meet(self, unit: str, cluster: str | int | None) -> tuple[Placement, Assigned | None]:
        """Place a unit that this process has not met in that cluster."""
        pseudonym, room = self.pseudonym(unit), self._cluster(cluster)
        if self._definition.cluster is not None and not room:
            return Placement(pseudonym, room, None, "no_group"), None
        assigns = unit if self._definition.cluster is None else str(cluster)
        variant, reason = self._assigner.place(assigns)
        own = None if variant is None else self._places[variant]
        first, of_cluster = self._look(pseudonym, room) if self._looks else (None, None)
        if of_cluster is not None:
            own, reason = of_cluster, None
        kept = self._kept(first, room, own)
        if kept is not None:
            return Placement(pseudonym, room, *kept), None
        if own is None:
            return Placement(pseudonym, room, None, reason), None
        if self._looks:
            self._firsts.note(pseudonym, first or (room, own))
            if room:
                self._rooms.note(room, own)
        rule = "unit" if self._definition.cluster is None else "cluster"
        assigned = Assigned(pseudonym, room, own, time.time(), rule)
        return Placement(pseudonym, room, own, None), assigned

    def _kept(
        self, first: tuple[str, int] | None, room: str, own: int | None
    ) -> tuple[int | None, str | None] | None:
        """Say what a unit gets that was assigned before; None where that does not count."""
        if first is None:
            return None
        cluster, variant = first
        rule = "individual" if cluster == room else self._definition.consistency
        if rule == "group":
            return None
        if rule == "experiment" and own != variant:
            return None, "changed_group"
        return variant, None

    def _cluster(self, cluster: str | int | None) -> str:
        """Give the pseudonym of a cluster."""
        kind = self._definition.cluster
        if cluster is None:
            return ""
        if kind is None:
            raise InvalidInputError(
                f"experiment {self._definition.reference} assigns each {self._definition.unit}, "
                "and declares no cluster: leave it out",
                code="no_cluster_declared",
            )
        text = check_id(cluster, kind)
        found = self._clusters.get(text)
        if found is None:
            found = self._key.pseudonym(self._definition.project, kind, text)
            self._clusters.note(text, found)
        return found

    def _look(self, unit: str, cluster: str) -> Recorded:
        """Give what was assigned first; while nobody answers, the pure function holds."""
        first, of_cluster = self._firsts.get(unit), self._rooms.get(cluster)
        done = first is not None and (of_cluster is not None or first[0] == cluster)
        if done or time.monotonic() < self._asks_again:
            return first, of_cluster
        try:
            recorded, of_recorded = self._recorded(unit, cluster)
            if recorded is not None:
                self._firsts.note(unit, recorded)
            return first or recorded, of_recorded if of_cluster is None else of_cluster
        except TROUBLES as error:
            LOG.warning(
                "what was assigned before cannot be seen, in %s: %s",
                self._definition.reference, error,
            )  # fmt: skip
            self._asks_again = time.monotonic() + _PATIENCE
            return first, of_cluster
