"""How an instance stands: what it serves, what it cannot serve, and what it tells of that."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from edversion.catalog import InstanceReport
from edversion.deploy.link import Fetched
from edversion.model import Version

__all__ = ["LOG", "Standing", "Trouble"]

LOG = logging.getLogger("edversion.follow")

_LONGEST_RETRY = 300.0  # seconds


@dataclass(frozen=True, slots=True)
class Trouble:
    """A version that the alias names and that is not served.

    Attributes
    ----------
    reference, why : str
        Which one, and why not.
    again : float or None
        When to try again, in seconds of the pace; None where only a move helps.
    attempts : int
        How often it was tried again.
    """

    reference: str
    why: str
    again: float | None
    attempts: int = 0


@dataclass(slots=True)
class Standing:
    """What one instance serves, and what keeps it from the newest.

    Attributes
    ----------
    name : str
        The deployment, for the log.
    served : Fetched or None
        What it serves, as the catalog is told.
    since : datetime or None
        Since when (UTC).
    trouble : Trouble or None
        What it cannot serve.
    away : str or None
        Why it cannot see the catalog.
    unseen_from, unseen_until : datetime or None
        The last time in which it could not.
    news : bool
        Whether the catalog does not know all that yet.
    """

    name: str
    served: Fetched | None = None
    since: datetime | None = None
    trouble: Trouble | None = None
    away: str | None = None
    unseen_from: datetime | None = None
    unseen_until: datetime | None = None
    news: bool = True

    @property
    def version(self) -> Version | None:
        """What it serves."""
        return None if self.served is None else self.served.version

    def serve(self, fetched: Fetched, now: datetime) -> None:
        """Take up what it serves from now on."""
        self.served, self.since, self.news = fetched, now, True

    def confirm(self, revision: int) -> None:
        """Note that a later revision of the alias names what it serves."""
        assert self.served is not None
        self.served = replace(self.served, revision=revision)
        self.trouble, self.news = None, True

    def lose_sight(self, why: str, now: datetime) -> bool:
        """Note that the catalog cannot be seen; tell whether that is new."""
        begins, self.away = self.away is None, why
        if begins:
            self.unseen_from, self.unseen_until = now, None
        return begins

    def see_again(self, now: datetime) -> bool:
        """Note that the catalog can be seen; tell whether that is new."""
        if self.away is None:
            return False
        self.away, self.unseen_until, self.news = None, now, True
        return True

    def cannot_serve(self, reference: str, why: str, *, now: float, poll: float | None) -> None:
        """Note a version that is not served.

        Parameters
        ----------
        now : float
            Seconds of the pace.
        poll : float or None
            Seconds until it is tried again, doubled each time; None where that is no use.
        """
        before = self.trouble
        again = before is not None and before.reference == reference
        attempts = before.attempts + 1 if before is not None and again else 0
        at = None if poll is None else now + min(_LONGEST_RETRY, poll * 2**attempts)
        if before is None or (before.reference, before.why) != (reference, why):
            self.news = True
            LOG.warning(
                "%s is not served as %s: %s. It goes on with %s",
                reference, self.name, why, self.version or "nothing",
            )  # fmt: skip
        self.trouble = Trouble(reference, why, at, attempts)

    def is_to_be_tried(self, now: float) -> bool:
        """Tell whether it is time to try again what could not be served."""
        return (
            self.trouble is not None and self.trouble.again is not None
        ) and now >= self.trouble.again

    def told(self, word: InstanceReport) -> InstanceReport:
        """Put all that into a report."""
        report = replace(word, unseen_from=self.unseen_from, unseen_until=self.unseen_until)
        if self.served is not None:
            report = replace(
                report,
                version=self.served.version.reference,
                revision=self.served.revision,
                since=self.since,
            )
        if self.trouble is not None:
            report = replace(
                report, problem=self.trouble.why, problem_version=self.trouble.reference
            )
        return report
