"""The files of a version that this machine remembers, while its repository is away."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Literal, NoReturn

from edversion.artifact import Artifact
from edversion.digests import digest_of_file
from edversion.errors import IntegrityError, NotFoundError, StorageError
from edversion.model import Direction, FileEntry, FilePart, Lineage, RunInfo, Version
from edversion.targets import Folders, default_folder

__all__ = ["RememberedFiles"]


class RememberedFiles:
    """What a `Version` asks of its repository, answered from local files alone.

    Parameters
    ----------
    files : mapping of FileEntry to Path
        Where the bytes of each lie; they are proved whenever they are given.
    """

    def __init__(self, files: Mapping[FileEntry, Path]) -> None:
        self._files = dict(files)
        self._entries = {entry.path: entry for entry in files}

    def prove(self) -> None:
        """Read every byte.

        Raises
        ------
        IntegrityError
            A file is gone, or another than it was.
        """
        for path in self._entries:
            self._proved(path)

    def files_of(self, version: Version) -> tuple[FileEntry, ...]:  # noqa: ARG002
        """Give the entries."""
        return tuple(self._files)

    def path_of(self, version: Version, path: str) -> Path:  # noqa: ARG002
        """Give a path of one file, after its bytes were proved."""
        return self._proved(path)

    def open_file(self, version: Version, path: str) -> BinaryIO:  # noqa: ARG002
        """Open one file, after its bytes were proved."""
        return open(self._proved(path), "rb")

    def contents_of(
        self,
        version: Version,  # noqa: ARG002
        paths: Sequence[str],
    ) -> Iterator[list[tuple[str, bytes]]]:
        """Give files with their bytes, after these were proved."""
        for path in paths:
            yield [(path, self._proved(path).read_bytes())]

    def download_version(
        self,
        version: Version,
        root: str | Path | None,
        paths: Sequence[str] | None,
    ) -> Path:
        """Write all files below a folder."""
        if paths is not None:
            self._away("chosen files", version)
        target = default_folder(version.name, version.number) if root is None else root
        with Folders(Path(target)) as folders:
            for path, entry in self._entries.items():
                with (
                    folders.replacing(path, executable=entry.executable) as descriptor,
                    open(self._proved(path), "rb") as source,
                    os.fdopen(os.dup(descriptor), "wb") as copy,
                ):
                    shutil.copyfileobj(source, copy)
        return Path(target)

    def verify_copy(self, version: Version, root: str | Path | None) -> None:
        """Read every byte again."""
        if root is not None:
            self._away("the comparison with a copy", version)
        self.prove()

    def parts_of(self, version: Version, path: str) -> tuple[FilePart, ...]:
        """Tell nothing: parts lie in the store."""
        self._away(f"the parts of {path}", version)

    def runs_of(
        self,
        version: Version,
        direction: Literal["logged", "used"],
    ) -> tuple[RunInfo, ...]:
        """Tell nothing: runs are in the catalog."""
        self._away(f"the runs that {direction} it", version)

    def lineage_of(self, version: Version, direction: Direction, depth: int | None) -> Lineage:  # noqa: ARG002
        """Tell nothing: lineage is in the catalog."""
        self._away("its lineage", version)

    def draft_of(self, version: Version) -> Artifact:
        """Make none: there is nowhere to log it."""
        self._away("a draft", version)

    def _proved(self, path: str) -> Path:
        entry = self._entries.get(path)
        if entry is None:
            raise NotFoundError(f"the version has no file {path!r}", code="no_such_file", path=path)
        place = self._files[entry]
        if digest_of_file(place) != entry.digest:
            raise IntegrityError(
                f"{place} is not what it was when {path} was fetched; fetch the version again "
                "once its repository can be reached",
                path=path,
                pack=None,
                offset=None,
            )
        return place

    def _away(self, what: str, version: Version) -> NoReturn:
        raise StorageError(
            f"{what} of {version.reference}: its repository could not be reached when it was "
            "given, so only its files are known here",
            code="catalog_away",
            reference=version.reference,
        )
