"""The way from a consumer to its repository: opened when it is needed, and again when it is back.

A consumer outlives outages, so nothing here is held to be there because it was there before.
"""

from __future__ import annotations

import os
import platform
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from edversion.catalog import Catalog, Followed, InstanceReport
from edversion.environment import actor
from edversion.errors import (
    ConflictError,
    EdversionError,
    InvalidInputError,
    NotFoundError,
    StorageError,
)
from edversion.location import Location, locate
from edversion.model import FileEntry, Version
from edversion.repository import Repository, open_repository

__all__ = ["Fetched", "Link", "Wish", "reachable"]

_MANY = 1_000  # files, above which copies of small ones would take longer than the bytes are worth
_LOOKED_FOR = {"no_repository", "no_store"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a consumer wants to follow, and as whom.

    Attributes
    ----------
    reference : str
        The alias.
    deployment : str
        The deployment that it is a process of.
    store, catalog, project : str or None
        Where the repository is; found as by `edversion.open` where left out.
    """

    reference: str
    deployment: str
    store: str | None = None
    catalog: str | None = None
    project: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A version whose bytes are here, and proved.

    Attributes
    ----------
    version : Version
        Which one.
    revision : int or None
        Of the alias, when it led to this version.
    files : mapping of FileEntry to Path, or None
        Where they are; None where there are too many to say, or this machine remembered them.
    """

    version: Version
    revision: int | None
    files: Mapping[FileEntry, Path] | None = None


class Link:
    """What one instance of a deployment asks of its repository, and tells it.

    Parameters
    ----------
    wish : Wish
        What it wants.
    id : str, optional
        Under which it reports; one of its own where left out.
    """

    def __init__(self, wish: Wish, *, id: str | None = None) -> None:
        self.wish = wish
        self._id = id
        self._location: Location | None = None
        self._repository: Repository | None = None
        self._place: tuple[str, str, str] | None = None
        self._last: InstanceReport | None = None
        self._begin()

    def _begin(self) -> None:
        """Be an instance of this process: a fork is one of its own."""
        self.id = self._id or secrets.token_hex(6)
        self._pid, self._started_at = os.getpid(), datetime.now(UTC)
        self._last = None

    @property
    def forked(self) -> bool:
        """Whether this is no longer the process that began it."""
        return self._pid != os.getpid()

    @property
    def known(self) -> bool:
        """Whether the repository was ever there to be asked."""
        return self._place is not None

    def look(self) -> Followed:
        """Look where the alias points: one query, once the repository is open.

        Raises
        ------
        NotFoundError
            There is no such deployment (code ``no_deployment``).
        ConflictError
            The deployment follows another alias (code ``other_alias``).
        """
        repository = self._opened()
        if self._place is None:
            self._place = repository.alias_place(self.wish.reference)
        project, collection, alias = self._place
        found = repository.catalog.followed(project, self.wish.deployment)
        if found is None or found.removed:
            raise repository.catalog.no_deployment(f"{project}/{self.wish.deployment}")
        if (found.collection, found.alias) != (collection, alias):
            raise ConflictError(
                f"deployment {project}/{self.wish.deployment} follows {found.collection}:"
                f"{found.alias}, not {collection}:{alias}; follow that, or remove the deployment "
                "and add it again",
                code="other_alias",
                deployment=f"{project}/{self.wish.deployment}",
            )
        return found

    def reference(self, number: int) -> str:
        """Give the full reference of a version of the collection that is followed."""
        assert self._place is not None  # somebody has looked
        return f"{self._place[0]}/{self._place[1]}:v{number}"

    def fetch(self, number: int, revision: int) -> Fetched:
        """Bring a version's bytes here and prove them; of a great many files only prove them."""
        version = self._opened().version(self.reference(number))
        if version.file_count > _MANY:
            version.verify()
            return Fetched(version, revision)
        files = {entry: version.path(entry.path) for entry in version.files()}
        return Fetched(version, revision, files)

    def is_gone(self, version: Version) -> bool:
        """Tell whether the catalog says that a version was deleted; where it is away, no."""
        try:
            self._opened().version(version.reference)
        except (EdversionError, OSError) as error:
            return reachable(error)
        return False

    def report(self, report: InstanceReport) -> None:
        """Tell the catalog what this instance does."""
        assert self._place is not None  # somebody has looked
        catalog = self._opened().catalog
        catalog.report_instance(self._place[0], self.wish.deployment, report)
        self._last = report

    def word(self, silent_after: float) -> InstanceReport:
        """Give a report that says only who this is."""
        if self.forked:
            self._begin()
        return InstanceReport(
            id=self.id,
            host=platform.node(),
            pid=self._pid,
            actor=actor(),
            started_at=self._started_at,
            silent_after=silent_after,
        )

    def let_go(self) -> None:
        """Close the repository; the next call opens it again."""
        repository, self._repository = self._repository, None
        if repository is not None:
            repository.close()

    def farewell(self) -> None:
        """Say that this instance has ended, if it ever spoke, and close the repository."""
        if self.forked:
            return
        with suppress(EdversionError, OSError):
            if self._last is not None and not self._last.ended:
                self.report(replace(self._last, ended=True))
            self.let_go()

    def _opened(self) -> Repository:
        if self._repository is None:
            # Where it was found once it stays, whatever becomes of the current folder.
            found = self._location or locate(self.wish.store, self.wish.catalog)
            if not Catalog.exists(found.catalog):
                raise StorageError(
                    f"the catalog of the store at {found.store} is not there; mount or restore it, "
                    "or let 'edversion doctor --mend' rebuild it",
                    code="catalog_away",
                )
            project = self.wish.project or found.project
            self._repository = open_repository(found.store, found.catalog, project=project)
            self._location = found
        return self._repository


def reachable(error: BaseException) -> bool:
    """Tell whether an error is an answer of the repository, and not that it is away."""
    if isinstance(error, NotFoundError):
        return error.code not in _LOOKED_FOR
    return isinstance(error, InvalidInputError | ConflictError)
