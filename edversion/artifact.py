"""The draft: what a person puts together before it is logged and becomes a version."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, cast

from edversion.digests import digest_of_bytes, manifest_of
from edversion.errors import ConflictError, InvalidInputError, NotFoundError
from edversion.folders import FolderFiles
from edversion.metadata import check_text, clean_metadata
from edversion.model import Manifest, Version
from edversion.reference import (
    DERIVED_FROM,
    check_name,
    check_path,
)
from edversion.scanning import scan_folder
from edversion.sources import (
    BytesSource,
    FileSource,
    ReferenceSource,
    Source,
    StoredSource,
    file_source,
    reference_source,
)
from edversion.staging import Staging
from edversion.tree import Tree
from edversion.urls import check_no_secret

__all__ = ["Artifact"]

_IN_MEMORY = 1 << 20


class Artifact:
    r"""A mutable draft of a version; adding copies nothing.

    Files are remembered by path and stat. What changes between adding and logging is seen
    and refused, so a version is never half old and half new.

    Parameters
    ----------
    name : str
        Collection that the version will join.
    type : str
        Type of the collection: ``dataset``, ``model``, ``pipeline``, ``evaluation``, …
    description : str, optional
        A sentence for people.
    metadata : mapping, optional
        JSON facts; NaN and infinities become null with a warning.

    Raises
    ------
    InvalidInputError
        A name is illegal, the description is no text, or metadata is no JSON.

    Examples
    --------
    >>> draft = Artifact("scores", type="dataset", metadata={"rows": 2})
    >>> draft.add_bytes(b"id,score\n1,0.5\n", "scores.csv")
    >>> draft.size
    15
    """

    def __init__(
        self,
        name: str,
        type: str,
        *,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = check_name(name, "collection name")
        self.type = check_name(type, "type")
        self._description = check_text(description, "description")
        self._metadata = clean_metadata(metadata)
        self._tree = Tree()
        self._logged: Version | None = None
        self._staging = Staging()
        self._origins: dict[tuple[Version, str], None] = {}

    def __repr__(self) -> str:
        return f"Artifact({self.name!r}, type={self.type!r}, files={len(self._tree)})"

    @property
    def description(self) -> str | None:
        """A sentence for people."""
        return self._description

    @description.setter
    def description(self, text: str | None) -> None:
        self._check_open()
        self._description = check_text(text, "description")

    @property
    def metadata(self) -> MutableMapping[str, Any]:
        """The metadata, to be changed until the draft is logged; read-only afterwards."""
        if self._logged is None:
            return self._metadata
        return cast("MutableMapping[str, Any]", MappingProxyType(self._metadata))

    @metadata.setter
    def metadata(self, metadata: Mapping[str, Any] | None) -> None:
        self._check_open()
        self._metadata = clean_metadata(metadata)

    @property
    def sources(self) -> Mapping[str, Source]:
        """Where the bytes of each path come from."""
        return self._tree.sources

    @property
    def parts(self) -> tuple[list[FolderFiles], Mapping[str, Source]]:
        """The same, for who logs it: files in columns, folder by folder, and all others."""
        return self._tree.parts()

    @property
    def derived_from(self) -> tuple[Version, ...]:
        """The versions that this draft started from."""
        return tuple(version for version, relation in self._origins if relation == DERIVED_FROM)

    @property
    def origins(self) -> tuple[tuple[Version, str], ...]:
        """What it is made from, each version with its relation."""
        return tuple(self._origins)

    @property
    def manifest(self) -> Manifest:
        """The entries as they are now; reads every file that was not yet digested.

        Raises
        ------
        ConflictError
            A file changed since it was added.
        """
        return manifest_of(map(self._tree.entry, self._tree.sources))

    @property
    def digest(self) -> str:
        """The digest that the version will have; reads every file not yet digested."""
        return self.manifest.digest

    @property
    def size(self) -> int:
        """Bytes of all entries whose size is known."""
        return self._tree.size

    @property
    def logged(self) -> Version | None:
        """The version that this draft became, or None."""
        return self._logged

    def add_file(
        self, path: str | os.PathLike[str], name: str | None = None, *, overwrite: bool = False
    ) -> None:
        """Add one file.

        Parameters
        ----------
        path : path
            The file; a symbolic link is followed.
        name : str, optional
            Path in the artifact; the file's own name where left out.
        overwrite : bool
            Whether to replace different bytes that are already there.

        Raises
        ------
        NotFoundError
            There is no such file.
        InvalidInputError
            The path is a folder, is illegal, or has other bytes already.
        ConflictError
            The draft was already logged.
        """
        source = file_source(os.fspath(path))
        self._put(check_path(Path(path).name if name is None else name), source, overwrite)

    def add_dir(
        self, path: str | os.PathLike[str], name: str | None = None, *, overwrite: bool = False
    ) -> None:
        """Add all files below a folder; symbolic links are followed, loops are refused.

        A folder inside it that is an edversion store is left out.

        Parameters
        ----------
        path : path
            The folder.
        name : str, optional
            Folder in the artifact; its root where left out.
        overwrite : bool
            Whether to replace different bytes that are already there.

        Raises
        ------
        NotFoundError
            There is no such folder.
        InvalidInputError
            A link leads in a circle or nowhere, a file is no regular file, a path is illegal.
        """
        self._check_open()
        prefix = "" if name is None else check_path(name) + "/"
        found = scan_folder(os.fspath(path))
        self._tree.put_all([files.below(prefix) for files in found], overwrite=overwrite)

    def add_reference(
        self, url: str, name: str | None = None, *, checksum: bool = False, overwrite: bool = False
    ) -> None:
        """Add bytes that stay where they are.

        Recorded are the ETag or version id, else modification time and size; they are
        checked at every read.

        Parameters
        ----------
        url : str
            fsspec URL, e.g. ``s3://bucket/data.csv``; a plain path means a local file.
        name : str, optional
            Path in the artifact; the last part of the URL where left out.
        checksum : bool
            Whether to read the bytes now and record their digest.
        overwrite : bool
            Whether to replace what is already there.

        Raises
        ------
        InvalidInputError
            The URL holds a password or a token, which would be recorded; or the path is illegal.
        NotFoundError
            There is nothing at the URL.
        StorageError
            It cannot be reached.
        """
        self._check_open()
        check_no_secret(url)  # also the name that is taken from it is recorded
        path = check_path(url.rstrip("/").rpartition("/")[2] if name is None else name)
        self._put(path, reference_source(url, path, checksum=checksum), overwrite)

    def add_bytes(self, data: bytes, name: str, *, overwrite: bool = False) -> None:
        """Add bytes from memory under a path.

        Parameters
        ----------
        data : bytes
            The content.
        name : str
            Path in the artifact.
        overwrite : bool
            Whether to replace different bytes that are already there.
        """
        self._check_open()
        path = check_path(name)
        if len(data) <= _IN_MEMORY:
            content = bytes(data)
            self._put(path, BytesSource(content, digest_of_bytes(content)), overwrite)
        else:
            with self._staging.file(path, "wb") as (file, temporary):
                file.write(data)
            self._put(path, file_source(temporary), overwrite)

    @contextmanager
    def new_file(
        self, name: str, mode: str = "wb", *, encoding: str | None = None, overwrite: bool = False
    ) -> Iterator[IO[Any]]:
        """Write a file into the draft.

        Parameters
        ----------
        name : str
            Path in the artifact.
        mode : {"wb", "w"}
            Bytes or text (UTF-8 unless `encoding` says otherwise).
        encoding : str, optional
            Encoding of text.
        overwrite : bool
            Whether to replace different bytes that are already there.

        Yields
        ------
        file
            Open for writing. An exception inside the block adds nothing.

        Examples
        --------
        >>> draft = Artifact("notes", type="dataset")
        >>> with draft.new_file("note.txt", "w") as file:
        ...     _ = file.write("hello")
        >>> draft.size
        5
        """
        self._check_open()
        path = check_path(name)
        if mode not in ("w", "wb"):
            raise InvalidInputError(f"mode must be 'w' or 'wb', not {mode!r}", mode=mode)
        text = None if mode == "wb" else encoding or "utf-8"
        with self._staging.file(path, mode, text) as (file, temporary):
            yield file
        self._put(path, file_source(temporary), overwrite)

    def remove(self, name: str) -> None:
        """Take a file, or a folder with all its files, out of the draft.

        Raises
        ------
        NotFoundError
            The draft has no such file or folder.
        """
        self._check_open()
        path = check_path(name)
        if not self._tree.remove(path):
            raise NotFoundError(
                f"the draft {self.name!r} has no file or folder {path!r}", path=path
            )

    def add_source(self, version: Version, relation: str = DERIVED_FROM) -> None:
        """Say what this draft was made from; its version will keep it in its lineage.

        It is for what a run cannot tell: a run knows what it used and what it logged, but
        not which of the one went into which of the other. Content that the collection has
        already gains the edge too, unless the source itself came from that content.

        Parameters
        ----------
        version : Version
            The source, of any collection.
        relation : str
            What it was to this draft: ``derived_from``, ``trained_on``, ``evaluated_on``,
            ``resumed_from``, or a name of your own. One version may have several.

        Raises
        ------
        InvalidInputError
            The relation is no legal name, or the source is no version.
        ConflictError
            The draft was already logged; `Repository.relate` adds to its version.

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     data, model = Artifact("scores", type="dataset"), Artifact("knn", type="model")
        ...     model.add_source(run.log_artifact(data), "trained_on")
        ...     version = run.log_artifact(model)
        ...     edges = run.repository.lineage(version)
        >>> [(edge.source.reference, edge.relation) for edge in edges]
        [('demo/scores:v0', 'trained_on')]
        >>> folder.cleanup()
        """
        self._check_open()
        if not isinstance(version, Version):
            raise InvalidInputError(
                f"a source must be a Version, not {type(version).__name__}; find it with "
                "repository.version(reference)",
                code="bad_argument",
                argument="version",
            )
        self._origins[version, check_name(relation, "relation")] = None

    def start_from(self, version: Version) -> None:
        """Begin with the files of a version; used by `Version.new_draft`."""
        self._origins[version, DERIVED_FROM] = None
        self.take_files(version)

    def take_files(self, version: Version) -> None:
        """Take in the files of a version, which may be another repository's."""
        for entry in version.files():
            source = ReferenceSource(entry) if entry.reference else StoredSource(version, entry)
            self._put(check_path(entry.path), source, overwrite=True)

    def mark_logged(self, version: Version) -> None:
        """Close the draft: it became a version, which its temporary files are now read from."""
        self._logged = version
        if self._staging.folder is None:
            return
        entries = {entry.path: entry for entry in version.files()}
        for path, source in self._tree.sources.items():
            if isinstance(source, FileSource) and source.folder == self._staging.folder:
                self._tree.sources[path] = StoredSource(version, entries[path])
        self._staging.clear()

    def _put(self, path: str, source: Source, overwrite: bool) -> None:
        self._check_open()
        self._tree.put(path, source, overwrite=overwrite)

    def _check_open(self) -> None:
        if self._logged is not None:
            raise ConflictError(
                f"the draft {self.name!r} was logged as {self._logged.reference} and can no longer "
                "change; go on with version.new_draft()",
                code="draft_logged",
                version=self._logged.reference,
            )
