"""Ask other stores about bytes that stay where they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

from edversion.digests import digest_of_stream
from edversion.errors import (
    ConflictError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    StorageError,
)
from edversion.model import ExternalReference, FileEntry

__all__ = [
    "check_reference",
    "digest_of_external",
    "inquire",
    "open_external",
    "verify_reference",
    "wrong_reference",
]


def check_reference(entry: FileEntry) -> None:
    """Raise where the bytes at a reference are no longer those that were recorded.

    Raises
    ------
    ConflictError
        The ETag, version id, modification time or size differs.
    NotFoundError
        They are gone.
    """
    reference = entry.reference
    assert reference is not None
    now = inquire(reference.url, entry.path)
    if (now.reference, now.size) != (reference, entry.size):
        raise ConflictError(
            f"{entry.path!r} refers to {reference.url}, which changed since it was logged: "
            f"recorded {_told(entry)}, now {_told(now)}. Log it again as a new version",
            code="reference_changed",
            path=entry.path,
            url=reference.url,
        )


def verify_reference(entry: FileEntry) -> None:
    """Check a reference and, where its digest was recorded, read its bytes again.

    Raises
    ------
    IntegrityError
        The bytes have another digest.
    """
    check_reference(entry)
    assert entry.reference is not None
    if entry.digest not in (None, digest_of_external(entry.reference.url)):
        raise wrong_reference(entry)


def wrong_reference(entry: FileEntry) -> IntegrityError:
    """Say that the bytes at a reference have another digest than was recorded."""
    assert entry.reference is not None
    return IntegrityError(
        f"{entry.path!r} refers to {entry.reference.url}, whose bytes do not match "
        f"{entry.digest}; they were changed or damaged there",
        code="damaged",
        path=entry.path,
        pack=None,
        offset=None,
    )


def inquire(url: str, path: str) -> FileEntry:
    """Give what another store says of the bytes at a URL.

    Parameters
    ----------
    url : str
        fsspec URL, or a path of this machine.
    path : str
        Path in the artifact, for the entry.

    Raises
    ------
    NotFoundError
        There is nothing at the URL.
    InvalidInputError
        It is a folder.
    StorageError
        The store cannot be reached.
    """
    import fsspec

    try:
        fs, inside = fsspec.core.url_to_fs(url)
        info: dict[str, Any] = fs.info(inside)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is nothing at {url}", code="no_file", url=url) from error
    except (OSError, ImportError, ValueError) as error:
        raise StorageError(f"cannot reach {url}: {error}", url=url) from error
    if info.get("type") == "directory":
        raise InvalidInputError(f"{url} is a folder; refer to its files", url=url)
    etag = info.get("ETag") or info.get("etag")
    version = info.get("VersionId") or info.get("version_id") or info.get("generation")
    mtime = None if etag or version else _time(info)
    reference = ExternalReference(fs.unstrip_protocol(inside), _text(etag), _text(version), mtime)
    size = info.get("size")
    return FileEntry(path, None if size is None else int(size), None, reference)


def _time(info: dict[str, Any]) -> str | None:
    """Give when the bytes changed, under whatever name the file system tells it."""
    for key in ("mtime", "LastModified", "last_modified", "updated", "modified", "created"):
        value = info.get(key)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC).isoformat()
        if value is not None:
            return value.isoformat() if isinstance(value, datetime) else str(value)
    return None


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value).strip('"')


def digest_of_external(url: str) -> str:
    """Read the bytes at a URL and give their digest."""
    try:
        with open_external(url) as stream:
            return digest_of_stream(stream)[0]
    except OSError as error:
        raise StorageError(f"cannot read {url}: {error}", url=url) from error


def open_external(url: str) -> BinaryIO:
    """Open the bytes at a URL for reading.

    Raises
    ------
    StorageError
        They cannot be reached.
    """
    import fsspec

    try:
        fs, inside = fsspec.core.url_to_fs(url)
        return cast(BinaryIO, fs.open(inside, "rb"))
    except (OSError, ImportError, ValueError) as error:
        raise StorageError(f"cannot read {url}: {error}", url=url) from error


def _told(entry: FileEntry) -> str:
    reference = entry.reference
    assert reference is not None
    marks = (reference.etag, reference.version_id, reference.mtime)
    return f"{next(filter(None, marks), 'no mark')}, {entry.size} bytes"
