"""Which version an alias ought to point at; moved so that parallel runs do not undo each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import edversion
from edversion_plugins.tracking.scores import Score, alias_for, score_of
from edversion_plugins.tracking.settings import Monitor

__all__ = ["Aliases"]

_ATTEMPTS = 100
Version = edversion.Version


class Aliases:
    """The aliases of one collection, as one run moves them.

    Every decision is made on what the alias points at now, and carried out only if it still
    does; else it is made anew. So the trials of a search can decide at the same time.

    Parameters
    ----------
    repository : Repository
        Where the collection is.
    collection : str
        ``project/name``.
    run : str
        Id of the run that decides.
    """

    def __init__(self, repository: edversion.Repository, collection: str, run: str) -> None:
        self._repository, self._collection, self._run = repository, collection, run

    def holder(self, alias: str) -> tuple[Version | None, int]:
        """Give the version that has an alias, and the alias's revision; None and 0 if none."""
        try:
            found = self._repository.alias(f"{self._collection}:{alias}")
        except edversion.NotFoundError:
            return None, 0
        return self._repository.version(f"{self._collection}:v{found.number}"), found.revision

    def is_protected(self, alias: str) -> bool:
        """Tell whether a policy lets the alias move through promotions alone."""
        try:
            policy = self._repository.policy(f"{self._collection}:{alias}")
        except edversion.NotFoundError:  # the first version is yet to come
            return False
        return policy is not None and policy.protected

    def point(self, alias: str, version: Version) -> None:
        """Point an alias at a version, whatever it points at now."""
        self._repository.set_alias(version, alias)

    def remove(self, alias: str) -> None:
        """Remove an alias, if it is there."""
        try:
            self._repository.remove_alias(f"{self._collection}:{alias}")
        except edversion.NotFoundError:
            return

    def settle_latest(self, version: Version, before: tuple[Version | None, int]) -> None:
        """Let ``latest`` be the highest step of the newest run, not the last to arrive.

        Parameters
        ----------
        version : Version
            What was just logged.
        before : tuple
            The holder of ``latest``, and its revision, before that.
        """
        held, revision = before
        now, moved = self.holder("latest")
        alone = now == version and moved - revision <= 1  # nobody else logged meanwhile
        if not (alone and (held is None or not _newer(held, version))):
            self._move("latest", lambda _: self._newest() or version)

    def settle_best(self, version: Version, monitors: Sequence[Monitor]) -> None:
        """Let the best aliases be this version's where its scores win."""
        if monitors:
            self._compete("best", version, monitors[0])
        if len(monitors) > 1:
            for monitor in monitors:
                self._compete(alias_for(monitor.name), version, monitor)

    def settle_candidate(
        self, version: Version, monitor: Monitor | None, passes: Callable[[Version], bool]
    ) -> None:
        """Let ``candidate`` be the best of those that pass; nobody's where none does."""
        holder, _ = self.holder("candidate")
        if holder is not None and not passes(holder):
            self.remove("candidate")
        if not passes(version):
            return
        if monitor is None:  # nothing says which is better: the newest
            self._move("candidate", lambda held: _later(version, held))
        else:
            self._compete("candidate", version, monitor)

    def _compete(self, alias: str, version: Version, monitor: Monitor) -> None:
        score = score_of(version, monitor)
        if score is not None and score.value is not None:
            self._move(alias, lambda held: self._winner(version, score, held, monitor))

    def _winner(
        self, version: Version, score: Score, held: Version | None, monitor: Monitor
    ) -> Version | None:
        """Choose between a version and the holder; None leaves the alias where it is."""
        if held is None:
            return version
        other = score_of(held, monitor)
        if other is not None and score.comparable(other):
            return version if score.beats(other) else None
        if version.metadata.get("run") != self._run:
            return None  # an evaluation on other data says nothing of who is better
        return version if _newer(version, held) else None  # the newest run starts anew

    def _move(self, alias: str, choose: Callable[[Version | None], Version | None]) -> None:
        """Point an alias at what is chosen, given its present holder; repeat a lost race."""
        for _ in range(_ATTEMPTS):
            held, revision = self.holder(alias)
            chosen = choose(held)
            if chosen is None or chosen == held:
                return
            try:
                self._repository.set_alias(chosen, alias, expected_revision=revision)
                return
            except edversion.ConflictError as error:
                if error.code != "alias_moved":
                    raise
        raise edversion.ConflictError(
            f"{self._collection}:{alias} was moved by others {_ATTEMPTS} times in a row",
            code="alias_moved",
            alias=alias,
        )

    def _newest(self) -> Version | None:
        """Find the highest step of the newest run."""
        newest = self._first("metadata.session exists", "-metadata.session")
        if newest is None:
            return None
        run = newest.metadata.get("run")
        return self._first(f"metadata.run = '{run}'", "-metadata.step, -number") or newest

    def _first(self, where: str, order: str) -> Version | None:
        project, _, name = self._collection.partition("/")
        found = self._repository.search(where, project=project, name=name, order_by=order, limit=1)
        return found[0] if found else None


def _newer(first: Version, second: Version) -> bool:
    """Tell whether the first comes after the second: a later run, or a later step of one run."""
    one, other = first.metadata, second.metadata
    if one.get("run") == other.get("run"):
        return _number(one.get("step")) > _number(other.get("step"))
    return str(one.get("session", "")) > str(other.get("session", ""))


def _later(version: Version, held: Version | None) -> Version | None:
    return version if held is None or _newer(version, held) else None


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else -1.0
