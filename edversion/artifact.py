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
from edversion.metadata import clean_metadata
from edversion.model import FileEntry, Manifest, Version
from edversion.reference import check_name, check_path
from edversion.sources import (
    BytesSource,
    FileSource,
    ReferenceSource,
    Source,
    StoredSource,
    file_source,
    reference_source,
    scan_folder,
)
from edversion.staging import Staging

__all__ = ["Artifact"]

_IN_MEMORY = 1 << 20
_SUFFIX = 16  # characters; programs go by a suffix, but a file name may be too long with it


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
        A name is illegal, or metadata is no JSON.

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
        self._description = description
        self._metadata = clean_metadata(metadata)
        self._sources: dict[str, Source] = {}
        self._folders: set[str] = set()
        self._logged: Version | None = None
        self._staging = Staging()
        self._derived_from: list[Version] = []

    def __repr__(self) -> str:
        return f"Artifact({self.name!r}, type={self.type!r}, files={len(self._sources)})"

    @property
    def description(self) -> str | None:
        """A sentence for people."""
        return self._description

    @description.setter
    def description(self, text: str | None) -> None:
        self._check_open()
        self._description = text

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
        return self._sources

    @property
    def derived_from(self) -> tuple[Version, ...]:
        """The versions that this draft started from."""
        return tuple(self._derived_from)

    @property
    def manifest(self) -> Manifest:
        """The entries as they are now; reads every file that was not yet digested.

        Raises
        ------
        ConflictError
            A file changed since it was added.
        """
        return manifest_of(self._entry(path) for path in self._sources)

    @property
    def digest(self) -> str:
        """The digest that the version will have; reads every file not yet digested."""
        return self.manifest.digest

    @property
    def size(self) -> int:
        """Bytes of all entries whose size is known."""
        return sum(source.size or 0 for source in self._sources.values())

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
        legal = [(check_path(prefix + relative), source) for relative, source in found]
        if not self._sources and self._adopt(dict(legal), len(legal)):
            return
        before = dict(self._sources), set(self._folders)
        try:
            for place, source in legal:
                self._put(place, source, overwrite)
        except BaseException:
            self._sources, self._folders = before  # all of the folder, or nothing
            raise

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
        NotFoundError
            There is nothing at the URL.
        """
        self._check_open()
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
        gone = [known for known in self._sources if known == path or known.startswith(path + "/")]
        if not gone:
            raise NotFoundError(
                f"the draft {self.name!r} has no file or folder {path!r}", path=path
            )
        for known in gone:
            del self._sources[known]
        self._folders = {folder for known in self._sources for folder in _parents(known)}

    def start_from(self, version: Version) -> None:
        """Begin with the files of a version; used by `Version.new_draft`."""
        self._derived_from.append(version)
        for entry in version.files():
            source = ReferenceSource(entry) if entry.reference else StoredSource(version, entry)
            self._put(entry.path, source, overwrite=True)

    def mark_logged(self, version: Version) -> None:
        """Close the draft: it became a version, which its temporary files are now read from."""
        self._logged = version
        if self._staging.folder is None:
            return
        entries = {entry.path: entry for entry in version.files()}
        for path, source in self._sources.items():
            if isinstance(source, FileSource) and source.folder == self._staging.folder:
                self._sources[path] = StoredSource(version, entries[path])
        self._staging.clear()

    def _adopt(self, sources: dict[str, Source], count: int) -> bool:
        """Take a whole tree into an empty draft; False where its names clash once they are NFC."""
        folders = {path.rpartition("/")[0] for path in sources}
        folders |= {parent for folder in folders for parent in _parents(folder)}
        folders.discard("")
        if len(sources) != count or not folders.isdisjoint(sources):
            return False
        self._sources, self._folders = sources, folders
        return True

    def _put(self, path: str, source: Source, overwrite: bool) -> None:
        self._check_open()
        known = self._sources.get(path)
        if known is not None and not overwrite:
            if known == source:
                return
            if self._same(path, known, source):
                self._sources[path] = source  # equal bytes, but the stat may be a newer one
                return
            raise InvalidInputError(
                f"{path!r} is in the draft already with other bytes; pass overwrite=True to "
                "replace it, or choose another name",
                code="path_taken",
                path=path,
            )
        if known is None:
            self._check_nesting(path)
        self._sources[path] = source

    def _same(self, path: str, known: Source, source: Source) -> bool:
        if known.size != source.size:
            return False
        try:
            mine, other = known.entry(path), source.entry(path)
        except ConflictError:  # changed since: nobody can tell any more what it was
            return False
        return (mine.digest, mine.reference) == (other.digest, other.reference)

    def _check_nesting(self, path: str) -> None:
        """Refuse a path that is a file here and a folder there."""
        clash = path if path in self._folders else None
        for folder in _parents(path):
            if folder in self._sources:
                clash = folder
            if folder in self._folders:
                break
            self._folders.add(folder)
        if clash is not None:
            raise InvalidInputError(
                f"{path!r}: {clash!r} would be both a file and a folder; rename one of them",
                code="file_and_folder",
                path=clash,
            )

    def _entry(self, path: str) -> FileEntry:
        source = self._sources[path]
        entry = source.entry(path)
        if isinstance(source, FileSource) and source.digest is None:
            self._sources[path] = source.with_digest(entry.digest)
        return entry

    def _check_open(self) -> None:
        if self._logged is not None:
            raise ConflictError(
                f"the draft {self.name!r} was logged as {self._logged.reference} and can no longer "
                "change; go on with version.new_draft()",
                code="draft_logged",
                version=self._logged.reference,
            )


def _parents(path: str) -> Iterator[str]:
    folder = path.rpartition("/")[0]
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
