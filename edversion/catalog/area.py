"""What the areas of the catalog have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from edversion.catalog.database import Database
from edversion.catalog.liveness import Liveness
from edversion.model import VersionSource

__all__ = ["Area", "batches"]

T = TypeVar("T")

_BATCH = 500  # values in one IN list; SQLite takes 32,766 of them


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


def batches(values: Iterable[T]) -> Iterator[list[T]]:
    """Cut values into lists that fit in one statement."""
    rest = iter(values)
    while batch := list(islice(rest, _BATCH)):
        yield batch
