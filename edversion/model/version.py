"""The version, which hands its methods to the repository that it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol

from edversion.model.readonly import read_only
from edversion.model.values import FileEntry, FilePart, Json, RunInfo

if TYPE_CHECKING:
    from edversion.artifact import Artifact
    from edversion.model.lineage import Direction, Lineage

__all__ = ["Version", "VersionSource"]


_JSON = (
    "reference", "project", "name", "version", "number", "type", "digest", "size", "file_count",
    "description", "aliases", "tags", "created_at", "metadata", "facts",
)  # fmt: skip
"""What `Version.as_json` gives, in this order."""


class VersionSource(Protocol):
    """What a :class:`Version` asks of the repository it came from."""

    def files_of(self, version: Version) -> tuple[FileEntry, ...]:
        """Give the entries of a version, sorted by path."""

    def path_of(self, version: Version, path: str) -> Path:
        """Give a read-only local path of one file."""

    def open_file(self, version: Version, path: str) -> BinaryIO:
        """Open one file for reading."""

    def contents_of(
        self, version: Version, paths: Sequence[str]
    ) -> Iterator[list[tuple[str, bytes]]]:
        """Give files with their bytes, as many together as are read together; in no order."""

    def parts_of(self, version: Version, path: str) -> tuple[FilePart, ...]:
        """Give the stretches in which one file is stored."""

    def download_version(
        self, version: Version, root: str | Path | None, paths: Sequence[str] | None
    ) -> Path:
        """Write the files of a version below a folder."""

    def verify_copy(self, version: Version, root: str | Path | None) -> None:
        """Check stored bytes, or a downloaded copy, against the digests."""

    def runs_of(
        self, version: Version, direction: Literal["logged", "used"]
    ) -> tuple[RunInfo, ...]:
        """Give the runs that made or used a version."""

    def lineage_of(self, version: Version, direction: Direction, depth: int | None) -> Lineage:
        """Give all that a version came from, or that came of it."""

    def draft_of(self, version: Version) -> Artifact:
        """Make a draft that starts with the content of a version."""


@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """The frozen, numbered result of logging a draft.

    Facts that can change (aliases, tags, metadata, description) are those of the moment
    at which the version was fetched; fetch it again to see later ones.

    Attributes
    ----------
    project, name, type : str
        Where it belongs; `name` is the collection's.
    number : int
        0, 1, 2 … without gaps.
    digest : str
        ``blake3:<64 hex>`` of the canonical manifest.
    size, file_count : int
        Bytes, and number of files.
    metadata, facts : mapping
        What the author says of it, and what plugins read out of its files; read-only, as is
        what they nest. `Repository.edit` records a change, `copy.deepcopy` gives one to change.
    created_at : datetime
        UTC.
    removed : {"deleted", "erased"} or None
        Whether it is there no more: lineage also leads to such versions.
    created_by : str or None
        Who logged it; None where that is not known, as in a bundle.
    """

    project: str
    name: str
    number: int
    type: str
    digest: str
    size: int
    file_count: int
    metadata: Mapping[str, Json]
    description: str | None
    aliases: tuple[str, ...]
    tags: tuple[str, ...]
    created_at: datetime
    facts: Mapping[str, Json] = field(default_factory=dict)
    generation: int = field(default=1, repr=False)
    removed: Literal["deleted", "erased"] | None = field(default=None, repr=False)
    created_by: str | None = field(default=None, repr=False)
    _source: VersionSource | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("metadata", "facts"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Version):
            return NotImplemented
        return (self.reference, self.digest) == (other.reference, other.digest)

    def __hash__(self) -> int:
        return hash((self.reference, self.digest))

    def __str__(self) -> str:
        return self.reference

    @property
    def version(self) -> str:
        """The number with its ``v``: ``"v3"``."""
        return f"v{self.number}"

    @property
    def reference(self) -> str:
        """The full reference: ``"project/name:v3"``."""
        return f"{self.project}/{self.name}:v{self.number}"

    @property
    def source(self) -> VersionSource:
        """The repository that this version came from."""
        if self._source is None:
            raise RuntimeError(f"{self.reference} is not attached to a repository")
        return self._source

    def as_json(self) -> dict[str, Json]:
        """Give the version as JSON has it."""
        facts: dict[str, Json] = {name: getattr(self, name) for name in _JSON}
        facts |= {name: deepcopy(getattr(self, name)) for name in ("metadata", "facts")}
        facts |= {name: list(getattr(self, name)) for name in ("aliases", "tags")}
        return facts | {"created_at": self.created_at.isoformat()}

    def files(self) -> tuple[FileEntry, ...]:
        """Give the entries, sorted by path."""
        return self.source.files_of(self)

    def path(self, path: str) -> Path:
        """Give a read-only local path of one file, without a copy where that is possible.

        A copy lies in this machine's cache, which is bounded: it stays for at least ten
        minutes after it was last asked for, so open it at once or ask again; what is open
        stays readable. To keep files for longer, use `download`.

        Parameters
        ----------
        path : str
            Path in the artifact.

        Raises
        ------
        NotFoundError
            The version has no such file.
        IntegrityError
            The stored bytes are damaged.
        """
        return self.source.path_of(self, path)

    def open(self, path: str) -> BinaryIO:
        """Open one file: binary, seekable, read-only; only the ranges read are fetched.

        Raises
        ------
        NotFoundError
            The version has no such file.
        IntegrityError
            While reading, where the stored bytes are damaged.
        """
        return self.source.open_file(self, path)

    def parts(self, path: str) -> tuple[FilePart, ...]:
        """Give the stretches in which one file is stored, in order.

        Two versions that share a stretch share its bytes: whoever compares them need not read
        it. A file that is only referred to has none.

        Raises
        ------
        NotFoundError
            The version has no such file.
        """
        return self.source.parts_of(self, path)

    def read_bytes(self, path: str) -> bytes:
        """Give all bytes of one file, verified."""
        with self.open(path) as file:
            return file.read()

    def download(self, root: str | Path | None = None, paths: Sequence[str] | None = None) -> Path:
        """Write the files below a folder and give that folder.

        Parameters
        ----------
        root : path, optional
            Folder; ``./artifacts/<name>-v<number>`` where left out. Files of the version
            replace what is there; unrelated files stay.
        paths : sequence of str, optional
            Only these files, or folders of the artifact.

        Raises
        ------
        IntegrityError
            A file's bytes are damaged; that file is not written.
        """
        return self.source.download_version(self, root, paths)

    def verify(self, root: str | Path | None = None) -> None:
        """Re-read every byte and compare it with the digests.

        Parameters
        ----------
        root : path, optional
            A downloaded copy to check; the stored bytes where left out.

        Raises
        ------
        IntegrityError
            Something does not match; the message names it.
        """
        self.source.verify_copy(self, root)

    def logged_by(self) -> tuple[RunInfo, ...]:
        """Give the runs that logged this version, oldest first."""
        return self.source.runs_of(self, "logged")

    def used_by(self) -> tuple[RunInfo, ...]:
        """Give the runs that used this version, oldest first."""
        return self.source.runs_of(self, "used")

    def ancestors(self, *, depth: int | None = None) -> Lineage:
        """Give every version and run that this version came from, however far.

        Parameters
        ----------
        depth : int, optional
            How many steps at most; all of them where left out.

        Returns
        -------
        Lineage
            Its ``versions``, ``runs`` and ``edges``, nearest first.

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     data = run.log_artifact(edversion.Artifact("pupils", type="dataset"))
        ...     draft = edversion.Artifact("knn", type="model")
        ...     draft.add_source(data, "trained_on")
        ...     model = run.log_artifact(draft)
        ...     found = model.ancestors()
        ...     print(found.versions[0], found.edges[0].relation, found.runs[0].id == run.id)
        demo/pupils:v0 trained_on True
        >>> folder.cleanup()
        """
        return self.source.lineage_of(self, "up", depth)

    def descendants(self, *, depth: int | None = None) -> Lineage:
        """Give every version and run that came of this version, however far.

        Parameters
        ----------
        depth : int, optional
            How many steps at most; all of them where left out.

        Returns
        -------
        Lineage
            Its ``versions``, ``runs`` and ``edges``, nearest first.
        """
        return self.source.lineage_of(self, "down", depth)

    def new_draft(self) -> Artifact:
        """Make a draft that starts with this version's files, metadata and description."""
        return self.source.draft_of(self)
