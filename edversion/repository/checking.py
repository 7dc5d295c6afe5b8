"""Verify, and look for what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edversion import doctor
from edversion.environment import actor
from edversion.errors import IntegrityError, NotFoundError
from edversion.model import (
    Version,
)
from edversion.rebuild import Rebuilt, rebuild_catalog
from edversion.repository.parts import Area, Subject
from edversion.verify import Damage, verify_versions

__all__ = ["Checking"]


class Checking(Area):
    """What proves that everything is whole."""

    def verify(
        self,
        *references: Subject,
        events: bool = True,
        progress: Callable[[int], None] | None = None,
    ) -> tuple[Damage, ...]:
        """Re-read every byte and every event.

        Parameters
        ----------
        *references : str or Version
            Only these versions; all where left out.
        events : bool
            Whether to prove the chain of events too.
        progress : callable, optional
            Told the bytes of every version done.

        Returns
        -------
        tuple of Damage
            Empty where everything is whole. A broken chain of events is one of a version
            called ``events``.
        """
        chosen: Iterator[Version] = iter([self.version(item) for item in references])
        found = verify_versions(
            chosen if references else self.catalog.all_versions(),
            self.store,
            progress,
            self._now,
        )
        return tuple(found) + (self._broken_events() if events else ())

    def _now(self, version: Version) -> Version | None:
        """Give a version as it is now; None where it was deleted."""
        try:
            return self.version(version)
        except NotFoundError:
            return None

    def _broken_events(self) -> tuple[Damage, ...]:
        try:
            self.catalog.verify_events()
        except IntegrityError as error:
            return (Damage("events", None, str(error)),)
        return ()

    def doctor(self, *, mend: bool = False) -> tuple[doctor.Finding, ...]:
        """Say what is wrong with the repository; with `mend`, mend what is safe to mend."""
        return doctor.examine(self.store, self.catalog, actor=actor(), mend=mend)

    def rebuild(self) -> Rebuilt:
        """Bring an empty catalog back from what the store keeps; say what no store keeps.

        Raises
        ------
        RefusedError
            The catalog has versions or runs (code ``not_empty``).
        """
        return rebuild_catalog(self.store, self.catalog, actor=actor())
