"""Bring versions to another repository and from it, also as a bundle."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

from edversion import moving
from edversion.errors import NotFoundError
from edversion.reference import Reference
from edversion.repository.parts import Area
from edversion.store import Store

if TYPE_CHECKING:
    from edversion.repository.repository import Repository

__all__ = ["Moving"]

Progress = Callable[[int], None]


class Moving(Area):
    """What goes to other repositories, and comes from them."""

    def push(
        self,
        other: Repository,
        *names: str,
        project: str | None = None,
        aliases: bool = False,
        progress: Progress | None = None,
    ) -> moving.MoveReport:
        """Bring versions to another repository; only files that it lacks travel.

        Each arrives whole, with its digest, metadata and their revisions, tags, metrics, runs
        and lineage; the events of it are kept as a record beside ``version.imported``. It keeps
        its number where that is free there, else it has the next. What is there already is
        passed over, so that a push that was cut off is simply repeated; what was changed here
        since is joined. Deleted versions do not travel.

        Parameters
        ----------
        other : Repository
            Where they go.
        *names : str
            References of versions, or names of collections; everything where left out.
        project : str, optional
            Where to look first for names without a project; without names, only this one.
        aliases : bool
            Whether aliases go along: never over one that a policy protects there, and
            ``latest`` follows the versions there.
        progress : callable, optional
            Told the bytes of each version that is done.

        Returns
        -------
        MoveReport
            Every version with what it is called there.

        Raises
        ------
        ConflictError
            A collection has another type there. What came before it has arrived.

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("school", store=f"{folder.name}/laptop") as run:
        ...     _ = run.log_artifact(edversion.Artifact("marks", type="dataset"))
        >>> edversion.init("school", store=f"{folder.name}/team").finish()
        >>> with edversion.open(f"{folder.name}/laptop") as laptop:
        ...     with edversion.open(f"{folder.name}/team") as team:
        ...         first, second = laptop.push(team), laptop.push(team)
        >>> [(each.here, each.state) for each in (*first.versions, *second.versions)]
        [('school/marks:v0', 'new'), ('school/marks:v0', 'same')]
        >>> folder.cleanup()
        """
        side = moving.Side(self.store, self.catalog)
        where = project or (self.location.project if names else None)
        report = moving.transfer(
            moving.offers_of(side, names, where),
            other,
            aliases=aliases,
            again=lambda key: _again(side, key),
            progress=progress,
        )
        return replace(report, erased=_erased(side, other))

    def pull(
        self,
        other: Repository,
        *names: str,
        project: str | None = None,
        aliases: bool = False,
        progress: Progress | None = None,
    ) -> moving.MoveReport:
        """Bring versions from another repository; see `push`."""
        return other.push(
            cast("Repository", self), *names, project=project, aliases=aliases, progress=progress
        )

    def export(
        self,
        path: str | os.PathLike[str],
        *names: str,
        project: str | None = None,
        progress: Progress | None = None,
    ) -> moving.MoveReport:
        """Write versions into a bundle: a tar archive for where no other store is reached.

        Parameters
        ----------
        path : path
            The archive; replaced where there is one, when the new one is whole. As much room
            is needed beside it.
        *names, project, progress
            As in `push`.

        Raises
        ------
        StorageError
            It cannot be written.
        """
        from edversion.repository.repository import open_repository

        target = Path(path).absolute()
        with TemporaryDirectory(prefix=".edversion-", dir=target.parent) as name:
            root = Path(name, "store")
            with open_repository(root, f"sqlite:///{name}/catalog.db", create=True) as folder:
                report = self.push(folder, *names, project=project, aliases=True, progress=progress)
                side = moving.Side(folder.store, folder.catalog)
                moving.write_bundle(side, root, target, self.store.id)
        return report

    def import_bundle(
        self,
        path: str | os.PathLike[str],
        *,
        aliases: bool = False,
        progress: Progress | None = None,
    ) -> moving.MoveReport:
        """Take in the versions of a bundle, as if they were pushed; see `push`.

        It is unpacked into the folder for temporary files, which ``TMPDIR`` names.

        Raises
        ------
        InvalidInputError
            It is no bundle, or is cut off (code ``bad_bundle``).
        ConflictError
            A collection has another type here.
        """
        with (
            moving.unpacked(Path(path)) as folder,
            closing(Store.open(str(folder), create=False)) as store,
        ):
            return moving.transfer(
                moving.bundled(store), cast("Repository", self), aliases=aliases, progress=progress
            )


def _again(side: moving.Side, key: tuple[str, str, int]) -> moving.Offer | None:
    try:
        version = side.catalog.resolve(Reference(key[1], key[0], number=key[2]))
        return moving.offer_of(side, version)
    except NotFoundError:
        return None


def _erased(side: moving.Side, other: Repository) -> tuple[str, ...]:
    """Give what was erased on this side and is still on the other."""
    there = other.catalog.arrived_from(side.store.id)
    found = []
    for deleted in side.catalog.deleted_versions() if there else ():
        version = deleted.version
        arrived = there.get((version.project, version.name, version.number))
        if deleted.erased_at is not None and arrived is not None and arrived.live:
            found.append(f"{version.project}/{version.name}:v{arrived.number}")
    return tuple(found)
