"""What the areas of the catalog have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from edversion.catalog.database import Database
from edversion.catalog.liveness import Liveness
from edversion.errors import StorageError
from edversion.model import VersionSource

__all__ = ["Area", "batches"]

T = TypeVar("T")

_BATCH = 5_000  # values in one IN list; SQLite takes 32,766 of them
_TRIES = 3
_INTERRUPTED = ("catalog_lost", "catalog_raced")


class Area:
    """Base of the classes that make up :class:`~edversion.catalog.Catalog`, one per subject.

    Attributes
    ----------
    source : VersionSource or None
        The repository; every :class:`~edversion.model.Version` made here carries it.
    """

    source: VersionSource | None

    def __init__(self, database: Database, liveness: Liveness) -> None:
        self.source = None
        self._database = database
        self._liveness = liveness

    def _steadily(self, work: Callable[[bool], T]) -> T:
        """Do work again where the connection to the database was lost in the middle of it.

        Only for what may be done twice: the first time may have been committed. The work is
        told whether it was begun before.
        """
        for turn in range(_TRIES):
            try:
                return work(turn > 0)
            except StorageError as error:
                if error.code not in _INTERRUPTED or turn == _TRIES - 1:
                    raise
        raise AssertionError("unreachable")


def batches(values: Iterable[T]) -> Iterator[list[T]]:
    """Cut values into lists that fit in one statement."""
    rest = iter(values)
    while batch := list(islice(rest, _BATCH)):
        yield batch
