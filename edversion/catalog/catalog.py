"""The catalog: every fact about versions and runs, and the only transactions."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from edversion.catalog.accounts import Accounts
from edversion.catalog.aliases import Aliases
from edversion.catalog.ancestry import Ancestry
from edversion.catalog.arriving import Arriving
from edversion.catalog.collecting import Collecting
from edversion.catalog.credentials import Credentials
from edversion.catalog.database import Database
from edversion.catalog.deciding import Deciding
from edversion.catalog.deployments import Deployments
from edversion.catalog.dialect import dialect_of
from edversion.catalog.distributing import Distributing
from edversion.catalog.edges import Edges
from edversion.catalog.editing import Editing
from edversion.catalog.erasing import Erasures
from edversion.catalog.experiments import Experiments
from edversion.catalog.exposing import Exposing
from edversion.catalog.instances import Instances
from edversion.catalog.journal import Journal
from edversion.catalog.metrics import Metrics
from edversion.catalog.origins import Origins
from edversion.catalog.outbox import Outbox
from edversion.catalog.packs import Packs
from edversion.catalog.policies import Policies
from edversion.catalog.promotions import Promotions
from edversion.catalog.receipts import Receipts
from edversion.catalog.repacking import Repacking
from edversion.catalog.restoring import Restoring
from edversion.catalog.retaining import Retaining
from edversion.catalog.reviving import Reviving
from edversion.catalog.runs import Runs
from edversion.catalog.schema import prepare
from edversion.catalog.sqlite import SqliteFile
from edversion.catalog.upkeep import Upkeep
from edversion.catalog.wear import Wear

__all__ = ["Catalog"]


class Catalog(
    Runs,
    Arriving,
    Distributing,
    Upkeep,
    Aliases,
    Policies,
    Promotions,
    Deciding,
    Deployments,
    Instances,
    Experiments,
    Exposing,
    Editing,
    Edges,
    Origins,
    Ancestry,
    Metrics,
    Journal,
    Packs,
    Collecting,
    Reviving,
    Retaining,
    Repacking,
    Erasures,
    Wear,
    Receipts,
    Restoring,
    Outbox,
    Accounts,
    Credentials,
):
    """All facts of a repository, in one small SQL database.

    It points; the store holds. Safe for threads, for processes and for forks. Every change
    is one transaction and writes events; what it changed is given by :meth:`take_changed`,
    so that the repository can write receipts.

    Attributes
    ----------
    source : VersionSource or None
        The repository, set by itself; every version made here carries it.

    Examples
    --------
    >>> with Catalog.open("sqlite://") as catalog:
    ...     catalog.projects()
    ()
    """

    @classmethod
    def open(cls, url: str) -> Catalog:
        """Open a catalog; make its tables where there are none, and upgrade it where it is SQLite.

        Parameters
        ----------
        url : str
            SQLAlchemy URL: ``sqlite:////folder/catalog.db``, ``sqlite://`` in memory, or
            ``postgresql+psycopg://user@host/database`` with options of libpq behind a ``?``.

        Raises
        ------
        CatalogVersionError
            A newer edversion wrote it, or an older one and nobody upgraded it in PostgreSQL
            (code ``catalog_too_old``).
        StorageError
            It cannot be opened, is on a network file system, or lacks its driver.
        InvalidInputError
            The URL cannot be read or names a database that is not supported.
        """
        dialect = dialect_of(url)
        database = Database(dialect)
        try:
            prepare(database)
        except BaseException:
            database.close()
            raise
        return cls(database, dialect.liveness(database))

    @staticmethod
    def exists(url: str) -> bool:
        """Tell whether there is a catalog to open: `open` would make one where its file is gone."""
        dialect = dialect_of(url)
        return not isinstance(dialect, SqliteFile) or dialect.exists()

    @staticmethod
    def set_aside(url: str) -> Path | None:
        """Move a catalog's file that is no database out of the way, so that one can be made.

        Returns
        -------
        Path or None
            Where it is now; None where nothing had to be moved.
        """
        dialect = dialect_of(url)
        return dialect.set_aside() if isinstance(dialect, SqliteFile) else None

    def rest(self) -> None:
        """Close the connections that nobody uses just now; whoever needs one opens it again."""
        self._database.rest()

    def close(self) -> None:
        """Close the connections, and give back the locks of runs that are still open."""
        self._liveness.close()
        self._database.close()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
