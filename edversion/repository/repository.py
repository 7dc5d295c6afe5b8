"""The repository, and how it is opened."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping

from edversion.catalog import Catalog
from edversion.errors import EdversionWarning, IntegrityError, NotFoundError, StorageError
from edversion.location import Location, locate
from edversion.masking import masked
from edversion.plugins import Plugins
from edversion.rebuild import STORE_ID
from edversion.reference import check_name
from edversion.repository.accounting import Accounting
from edversion.repository.admitting import Admitting
from edversion.repository.changing import Changing
from edversion.repository.checking import Checking
from edversion.repository.comparing import Comparing
from edversion.repository.deploying import Deploying
from edversion.repository.experimenting import Experimenting
from edversion.repository.moving import Moving
from edversion.repository.notifying import Notifying
from edversion.repository.promoting import Promoting
from edversion.repository.removing import Removing
from edversion.repository.ruling import Ruling
from edversion.store import Store

__all__ = ["Repository", "open_repository"]


class Repository(
    Comparing,
    Changing,
    Promoting,
    Ruling,
    Deploying,
    Notifying,
    Removing,
    Checking,
    Moving,
    Experimenting,
    Accounting,
    Admitting,
):
    """Where versions are found, read, named and removed; open one with `edversion.open`.

    Use it as a context manager, or call `close`. It may be shared by threads.

    Parameters
    ----------
    location : Location
        Where store and catalog are.
    store, catalog, plugins
        The parts.
    """

    def __enter__(self) -> Repository:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Repository({self.location.store!r})"

    def close(self) -> None:
        """Let go of files and connections; what experiments hold is written first."""
        try:
            self.close_experiments()
        finally:
            self._courier.close()
            self.catalog.close()
            self.store.close()


def open_repository(
    store: str | os.PathLike[str] | None = None,
    catalog: str | None = None,
    *,
    project: str | None = None,
    create: bool = False,
    plugins: Mapping[str, object] | None = None,
    lost_catalog: bool = False,
    replace_catalog: bool = False,
) -> Repository:
    """Open a repository; see `edversion.open`.

    Parameters
    ----------
    lost_catalog : bool
        Whether to open a store whose catalog is gone, as only `doctor` should.
    replace_catalog : bool
        Whether to move a catalog aside that is no database, and to write a store's lost marker
        anew, as only mending should.
    """
    found = locate(store, catalog, create=create)
    if project is not None:
        found = Location(found.store, found.catalog, check_name(project, "project"))
    heard = Plugins(plugins)
    if replace_catalog:
        _restore_marker(found)
    place = _made_or_opened(found) if create else Store.open(found.store, create=False)
    if not (lost_catalog or Catalog.exists(found.catalog)):
        _refuse_lost(place, found.catalog)  # before an empty one lies where it is looked for
    facts = _replaced(found.catalog, place) if replace_catalog else Catalog.open(found.catalog)
    try:
        _check_belongs(facts, place, lost_catalog=lost_catalog)
    except BaseException:
        facts.close()
        raise
    return Repository(found, store=place, catalog=facts, plugins=heard)


def _made_or_opened(found: Location) -> Store:
    """Open a store; make one only once the catalog is known to be free for it.

    What is made in a bucket stays there, and who mends the other URL would then find a store
    that nobody meant.
    """
    try:
        return Store.open(found.store, create=False)
    except NotFoundError:
        if Catalog.exists(found.catalog):
            with Catalog.open(found.catalog) as catalog:
                if catalog.setting(STORE_ID) is not None:
                    return _made_meanwhile(found.store, catalog)
    return Store.open(found.store, create=True)


def _made_meanwhile(url: str, catalog: Catalog) -> Store:
    """Open a store that was not there a moment ago: whoever made the catalog made it first."""
    try:
        return Store.open(url, create=False)
    except NotFoundError:
        raise _wrong_catalog(catalog, url) from None


def _restore_marker(found: Location) -> None:
    """Write a store's marker anew where it is lost or damaged, with the id that it had."""
    try:
        Store.open(found.store, create=False).close()
    except IntegrityError as error:
        if error.code not in ("marker_lost", "marker_damaged"):
            raise
        Store.restore_marker(found.store, _remembered_id(found.catalog))
        warnings.warn(f"{error.message.partition(';')[0]}: written anew", EdversionWarning, 3)


def _remembered_id(url: str) -> str | None:
    """Give the id of the store that a catalog belongs to; None where it cannot tell."""
    try:
        with Catalog.open(url) as catalog:
            return catalog.setting(STORE_ID)
    except StorageError:
        return None


def _replaced(url: str, store: Store) -> Catalog:
    """Open a catalog, or an empty one in place of one that the store can replace."""
    try:
        return Catalog.open(url)
    except StorageError as error:
        if error.code != "catalog_damaged" or next(store.records.receipts(), None) is None:
            raise
    aside = Catalog.set_aside(url)
    if aside is not None:
        warnings.warn(f"the damaged catalog is now {aside}", EdversionWarning, stacklevel=3)
    return Catalog.open(url)


def _check_belongs(catalog: Catalog, store: Store, *, lost_catalog: bool) -> None:
    """Refuse a catalog of another store, and an empty one beside a full store."""
    known = catalog.setting(STORE_ID)
    if known is None:
        if not lost_catalog:
            _refuse_lost(store, catalog.url)
            catalog.set_setting(STORE_ID, store.id)
    elif known != store.id:
        raise _wrong_catalog(catalog, store.url)


def _wrong_catalog(catalog: Catalog, store: str) -> StorageError:
    return StorageError(
        f"the catalog {catalog.url} belongs to another store than {store}; check EDVERSION_STORE "
        "and EDVERSION_CATALOG. A store that moves takes its 'edversion.json' along",
        code="wrong_catalog",
        store=store,
    )


def _refuse_lost(store: Store, catalog: str) -> None:
    """Refuse a store with versions whose catalog knows none of them."""
    if next(store.records.receipts(), None) is not None:
        raise StorageError(
            f"the store at {store.url} holds versions, but its catalog {masked(catalog)} is new or "
            f"was lost; 'edversion doctor --rebuild {store.url}' brings back what the store keeps",
            code="catalog_lost",
            store=store.url,
        )
