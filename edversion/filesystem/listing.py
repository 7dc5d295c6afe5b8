"""Say what is below a path: projects, versions, folders, files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from glob import has_magic
from typing import Any, cast

from edversion.digests import digest_of_bytes
from edversion.errors import InvalidInputError, NotFoundError
from edversion.filesystem.addresses import PROTOCOL, Address, parse_address
from edversion.filesystem.faults import FolderError, MissingError, missing_told
from edversion.filesystem.resolving import Resolving
from edversion.model import ExternalReference, Version
from edversion.reference import parse_reference

__all__ = ["Listing"]

Info = dict[str, Any]


class Listing(Resolving):
    """What is there, without reading it; see `EdversionFileSystem`."""

    def info(self, path: str, **kwargs: Any) -> Info:
        """Say what a path is: ``name``, ``size`` in bytes, ``type``.

        In a version also ``version``, its full reference, ``created``, and ``digest``: of the
        version at its root, of the content for a file. ``ETag`` says the same to caches.
        """
        stripped = self._strip_protocol(path)
        with missing_told(stripped):
            address = parse_address(stripped)
            if address.reference is None:
                return self._project_info(address.path)
            version = self._version(address.reference)
            return self._described(address, version, address.path)

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        """List a folder, or a file as itself."""
        with self._at_once():
            info = self.info(path)
            found = [info] if info["type"] == "file" else list(self._below(info["name"], 1))
        return found if detail else [each["name"] for each in found]

    def find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: bool = False,
        **kwargs: Any,
    ) -> Any:
        """List all files below a path; empty where there is no such path."""
        if maxdepth is not None and maxdepth < 1:
            raise ValueError("maxdepth must be at least 1")
        with self._at_once():
            try:
                info = self.info(path)
            except FileNotFoundError:
                return {} if detail else []
            found = {info["name"]: info} if info["name"] and (withdirs or _is_file(info)) else {}
            if not _is_file(info):
                below = self._below(info["name"], maxdepth)
                found.update((each["name"], each) for each in below if withdirs or _is_file(each))
        names = sorted(found)
        return {name: found[name] for name in names} if detail else names

    def glob(self, path: str, maxdepth: int | None = None, **kwargs: Any) -> Any:
        """Find paths by a pattern; ``school/marks:v*/data.csv`` looks into those versions.

        What an alias points at is told by number: libraries look once and read, or cache, the
        paths that they found, and those must stay what they were.
        """
        with self._at_once():
            pattern = self._numbered(path)
            project, _, rest = pattern.partition("/")
            reference, slash, inside = rest.partition("/")
            if has_magic(project) or "**" in reference or not (slash and has_magic(reference)):
                return super().glob(pattern, maxdepth=maxdepth, **kwargs)
            found = {}
            options = {**kwargs, "detail": True}
            for place in super().glob(f"{project}/{reference}"):
                found.update(super().glob(f"{place}/{inside}", maxdepth=maxdepth, **options))
        return found if kwargs.get("detail") else list(found)

    def exists(self, path: str, **kwargs: Any) -> bool:
        """Tell whether a path names anything; a store that cannot be read is an error."""
        return self._type(path) is not None

    def isfile(self, path: str) -> bool:
        """Tell whether a path names a file."""
        return self._type(path) == "file"

    def isdir(self, path: str) -> bool:
        """Tell whether a path names a folder."""
        return self._type(path) == "directory"

    def du(self, path: str, total: bool = True, maxdepth: int | None = None, **kwargs: Any) -> Any:
        """Give the bytes of the files below a path."""
        with self._at_once():
            return super().du(path, total=total, maxdepth=maxdepth, **kwargs)

    def created(self, path: str) -> datetime:
        """Give when the version was logged."""
        return self._dated(path)

    def modified(self, path: str) -> datetime:
        """Give when the version was logged: it never changed since."""
        return self._dated(path)

    def ukey(self, path: str) -> str:
        """Give what differs whenever the content differs: a digest."""
        info = self.info(path)
        return str(info.get("ETag") or digest_of_bytes(repr(sorted(info.items())).encode()))

    def checksum(self, path: str) -> int:
        """Give `ukey` as a number."""
        return int(self.ukey(path).rpartition(":")[2], 16)

    def _type(self, path: str) -> str | None:
        try:
            return str(self.info(path)["type"])
        except FileNotFoundError:
            return None

    def _numbered(self, path: str) -> str:
        """Give a pattern with the number of its version in place of an alias."""
        pattern = str(self._strip_protocol(path)) + ("/" if path.endswith("/") else "")
        try:
            address = parse_address(pattern)
            if address.reference is None or parse_reference(address.reference).alias is None:
                return pattern
            version = self._version(address.reference)
        except (NotFoundError, InvalidInputError):
            return pattern  # where nothing is found
        return pattern.replace(address.reference, version.reference, 1)

    def _dated(self, path: str) -> datetime:
        info = self.info(path)
        if "created" not in info:
            raise FolderError(f"{path!r} is a project, which has no date", path=path)
        return cast(datetime, info["created"])

    def _project_info(self, project: str) -> Info:
        if project and project not in self._place.repository.projects():
            raise MissingError(
                f"there is no project {project!r}; for a version, say which: "
                f"{PROTOCOL}://{project}:latest",
                path=project,
            )
        return _folder(project)

    def _below(self, name: str, depth: int | None) -> Iterator[Info]:
        """Describe what is below a folder, down to `depth` levels."""
        address = parse_address(name)
        if address.reference is not None:
            version = self._version(address.reference)
            for path in self._place.folders(version).descend(address.path, depth):
                yield self._described(address, version, path)
            return
        for info in self._versions(address.path) if address.path else self._projects():
            yield info
            if depth is None or depth > 1:
                yield from self._below(info["name"], None if depth is None else depth - 1)

    def _projects(self) -> Iterator[Info]:
        return map(_folder, self._place.repository.projects())

    def _versions(self, project: str) -> Iterator[Info]:
        repository = self._place.repository
        for collection in repository.collections(project=project):
            for version in repository.versions(f"{project}/{collection.name}"):
                yield self._described(Address(version.reference, ""), version, "")

    def _described(self, address: Address, version: Version, path: str) -> Info:
        """Describe a file or a folder of a version, or the version itself."""
        facts = {
            "version": version.reference,
            "created": version.created_at,
            "mtime": version.created_at.timestamp(),
        }
        if not path:
            marks = {"digest": version.digest, "ETag": version.digest}
            return _folder(str(address.reference), **facts, **marks)
        folders = self._place.folders(version)
        if folders.is_folder(path):
            mark = digest_of_bytes(f"{version.digest} {path}".encode())
            return _folder(address.below(path), **facts, ETag=mark)
        entry = folders.files.get(path)
        if entry is None:
            version.parts(path)  # says what there is instead
            raise MissingError(f"the version has no file {path!r}", path=str(address))
        mark = entry.digest or _mark(entry.reference) or version.digest
        info = {"name": address.below(path), "size": entry.size, "type": "file", **facts}
        return {**info, "digest": entry.digest, "ETag": mark}


def _mark(reference: ExternalReference | None) -> str | None:
    """Give by what a change of bytes that lie elsewhere would be seen."""
    if reference is None:
        return None
    return reference.etag or reference.version_id or reference.mtime


def _folder(name: str, **facts: Any) -> Info:
    return {"name": name, "size": 0, "type": "directory", **facts}


def _is_file(info: Info) -> bool:
    return bool(info["type"] == "file")
