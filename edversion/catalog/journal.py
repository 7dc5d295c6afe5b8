"""Settings of the repository, and the events of everything that changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import bindparam, delete, insert, select

from edversion.catalog import chain
from edversion.catalog.area import Area
from edversion.catalog.database import Outdated, Transaction, VersionKey
from edversion.catalog.tables import settings
from edversion.model import Event

__all__ = ["Journal", "write_setting"]

_SETTING = select(settings.c.value).where(settings.c.key == bindparam("name"))
_FORGET = delete(settings).where(settings.c.key == bindparam("name"))


class Journal(Area):
    """What the catalog notes besides facts about versions and runs."""

    def setting(self, key: str) -> str | None:
        """Give a setting of the repository, such as the id of its store."""
        with self._database.read() as connection:
            return connection.scalar(_SETTING, {"name": key})

    def set_setting(self, key: str, value: str) -> None:
        """Write a setting."""
        with self._database.write() as transaction:
            write_setting(transaction, key, value)

    def events(
        self,
        *,
        subject: str | None = None,
        limit: int | None = None,
        before: int | None = None,
        within: Collection[str] | None = None,
    ) -> tuple[Event, ...]:
        """Give events, newest first.

        Parameters
        ----------
        subject : str, optional
            Only those of exactly this subject, e.g. ``"dropout/knn:champion"``.
        before : int, optional
            Only those with a lower sequence.
        within : collection of str, optional
            Only those about what lies in these projects.
        """
        with self._database.read() as connection:
            return chain.listing(connection, subject, limit, before=before, within=within)

    def each_event(self) -> Iterator[Event]:
        """Give every event, oldest first, a batch at a time."""
        last = 0
        while True:
            with self._database.read() as connection:
                batch = chain.following(connection, last)
            yield from batch
            if not batch:
                return
            last = batch[-1].sequence

    def verify_events(self) -> int:
        """Prove the whole chain of events; give how many there are.

        Raises
        ------
        IntegrityError
            An event was changed, removed, added or moved; the message names the first.
        """
        with self._database.read() as connection:
            return chain.verify(connection)

    def take_changed(self) -> tuple[VersionKey, ...]:
        """Give, and forget, the versions whose receipts are out of date.

        They are those (project, collection, number) whose facts the calling thread has
        changed, through this object, since it asked last.
        """
        return tuple(self.take_outdated())

    def take_outdated(self) -> dict[VersionKey, Outdated]:
        """Give, and forget, the same versions, each with what is to be done about its receipt."""
        return self._database.take_outdated()

    def take_announced(self) -> bool:
        """Tell, and forget, whether the calling thread moved what a webhook has to be told."""
        return self._database.take_announced()


def write_setting(transaction: Transaction, key: str, value: str) -> None:
    """Write a setting, over what it was."""
    transaction.execute(_FORGET, {"name": key})
    transaction.execute(insert(settings), {"key": key, "value": value})
