"""What a version asks of its repository."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

from edversion import checkout, verify
from edversion.artifact import Artifact
from edversion.catalog import Catalog
from edversion.errors import IntegrityError
from edversion.location import Location
from edversion.metadata import check_whole
from edversion.model import (
    Direction,
    FileEntry,
    FilePart,
    Lineage,
    RunInfo,
    Version,
)
from edversion.plugins import Plugins
from edversion.repository.parts import Area
from edversion.store import Store, StoredManifest, collector_paused
from edversion.targets import default_folder

__all__ = ["Serving"]

_MANIFESTS_HELD = 4

T = TypeVar("T")


class Serving(Area):
    """Files of versions; the methods of `edversion.model.VersionSource`."""

    def __init__(
        self, location: Location, *, store: Store, catalog: Catalog, plugins: Plugins
    ) -> None:
        super().__init__(location, store=store, catalog=catalog, plugins=plugins)
        self._manifests: OrderedDict[tuple[str, int], StoredManifest] = OrderedDict()
        catalog.source = self

    def files_of(self, version: Version) -> tuple[FileEntry, ...]:
        """Give the entries of a version."""
        return self.stored(version).manifest.entries

    def path_of(self, version: Version, path: str) -> Path:
        """Give a local path of one file."""
        return self._reading(version, lambda stored: checkout.local_path(self.store, stored, path))

    def open_file(self, version: Version, path: str) -> BinaryIO:
        """Open one file."""
        stored, moved = self.stored(version), lambda: self._moved(version)
        return checkout.open_file(self.store, stored, path, moved)

    def contents_of(
        self, version: Version, paths: Sequence[str]
    ) -> Iterator[list[tuple[str, bytes]]]:
        """Give files with their bytes; go on elsewhere where these were moved meanwhile."""
        left, stored = dict.fromkeys(paths), self.stored(version)
        while True:
            try:
                for group in checkout.contents(self.store, stored, list(left)):
                    for path, _ in group:
                        del left[path]
                    yield group
                return
            except IntegrityError as error:
                moved = self._moved(version) if error.code == "pack_missing" else None
                if moved is None:
                    raise
                stored = moved

    def parts_of(self, version: Version, path: str) -> tuple[FilePart, ...]:
        """Give the stretches in which one file is stored."""
        return checkout.file_parts(self.stored(version), path)

    def download_version(
        self,
        version: Version,
        root: str | Path | None,
        paths: Sequence[str] | None,
        progress: Callable[[int], None] | None = None,
    ) -> Path:
        """Write files of a version below a folder; `progress` is told the bytes of each."""
        target = default_folder(version.name, version.number) if root is None else Path(root)
        return self._reading(
            version,
            lambda stored: checkout.download(self.store, stored, target, paths, progress),
        )

    def verify_copy(self, version: Version, root: str | Path | None) -> None:
        """Check the stored bytes, or a copy."""
        if root is None:
            key = version.digest, version.generation
            self._manifests[key] = self._read_manifest(version, cached=False)  # it is proved, too
            self._reading(version, lambda stored: verify.verify_stored(stored, self.store))
        else:
            verify.verify_copy(version, self.stored(version), Path(root))

    def runs_of(
        self, version: Version, direction: Literal["logged", "used"]
    ) -> tuple[RunInfo, ...]:
        """Give the runs that logged or used a version."""
        return self.catalog.runs_of(version, direction)

    def lineage_of(self, version: Version, direction: Direction, depth: int | None) -> Lineage:
        """Give all that a version came from, or that came of it."""
        steps = check_whole(depth, "depth")
        with collector_paused():
            return self.catalog.lineage(version, direction, depth=steps)

    def draft_of(self, version: Version) -> Artifact:
        """Make a draft that starts from a version."""
        draft = Artifact(
            version.name,
            version.type,
            description=version.description,
            metadata=version.metadata,
        )
        draft.start_from(version)
        return draft

    def stored(self, version: Version) -> StoredManifest:
        """Give a version's manifest with the places of its bytes; the last few are held."""
        key = version.digest, version.generation
        found = self._manifests.pop(key, None) or self._read_manifest(version)
        self._manifests[key] = found
        while len(self._manifests) > _MANIFESTS_HELD:
            self._manifests.popitem(last=False)
        return found

    def _reading(self, version: Version, read: Callable[[StoredManifest], T]) -> T:
        """Read from where the bytes are; once more where they were moved meanwhile."""
        try:
            return read(self.stored(version))
        except IntegrityError as error:
            moved = self._moved(version) if error.code == "pack_missing" else None
            if moved is None:
                raise
        return read(moved)

    def _moved(self, version: Version) -> StoredManifest | None:
        """Give the manifest that tells where bytes are now; None where they were not moved.

        The one by which they were looked for may be there still, and name a pack that is gone.

        Raises
        ------
        NotFoundError
            The version was deleted.
        """
        key = version.digest, version.generation
        self._manifests.pop(key, None)
        now = self.version(version)
        if now.generation == version.generation:
            return None
        self._manifests[key] = self.store.read_manifest(now.digest, now.generation, cached=True)
        return self._manifests[key]

    def forget_manifests(self) -> None:
        """Read manifests anew from now on: bytes may lie elsewhere."""
        self._manifests.clear()

    def _read_manifest(self, version: Version, *, cached: bool = True) -> StoredManifest:
        """Read a manifest; where it is gone, say whether the version was deleted meanwhile."""
        try:
            return self.store.read_manifest(version.digest, version.generation, cached=cached)
        except IntegrityError as error:
            if error.code != "manifest_missing":
                raise
            now = self.version(version)  # which is told to be deleted where it is
            if now.generation == version.generation:
                raise
            return self.store.read_manifest(now.digest, now.generation, cached=cached)
