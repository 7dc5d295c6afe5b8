"""Ask other stores about bytes that stay where they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

from edversion.digests import digest_of_stream
from edversion.errors import (
    ConflictError,
    EdversionError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    StorageError,
)
from edversion.masking import masked
from edversion.model import ExternalReference, FileEntry

__all__ = [
    "check_protocols",
    "check_reference",
    "digest_of_external",
    "inquire",
    "open_external",
    "verify_reference",
    "wrong_reference",
]

_CACHES = "keeps its state in a file that fsspec may load as a pickle"
_UNSAFE = {
    "reference": "renders templates of the file that it leads to",
    "dask": "works on the machines of a cluster",
    "blockcache": _CACHES,
    "cached": _CACHES,
    "filecache": _CACHES,
}
"""Protocols of fsspec that do more than read, and what they do."""


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
            f"{entry.path!r} refers to {masked(reference.url)}, which changed since it was "
            f"logged: recorded {_told(entry)}, now {_told(now)}. Log it again as a new version",
            code="reference_changed",
            path=entry.path,
            url=masked(reference.url),
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
        f"{entry.path!r} refers to {masked(entry.reference.url)}, whose bytes do not match "
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

    shown = masked(url)
    check_protocols(url)
    with _reaching(url):
        fs, inside = fsspec.core.url_to_fs(url)
        info: dict[str, Any] = fs.info(inside)
    if info.get("type") == "directory":
        raise InvalidInputError(f"{shown} is a folder; refer to its files", url=shown)
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
    with _reaching(url), open_external(url) as stream:
        return digest_of_stream(stream)[0]


def open_external(url: str) -> BinaryIO:
    """Open the bytes at a URL for reading.

    Raises
    ------
    NotFoundError
        There is nothing at the URL.
    StorageError
        They cannot be reached.
    """
    import fsspec

    check_protocols(url)
    with _reaching(url):
        fs, inside = fsspec.core.url_to_fs(url)
        return cast(BinaryIO, fs.open(inside, "rb"))


def check_protocols(url: str) -> None:
    """Refuse a URL that makes fsspec do more than read bytes: it may stand in anybody's manifest.

    Raises
    ------
    InvalidInputError
        One of its protocols renders templates, or works on other machines (code
        ``unsafe_protocol``).
    """
    for part in url.split("::"):
        protocol = part.partition("://")[0].lower()
        if protocol in _UNSAFE:
            raise InvalidInputError(
                f"{masked(url)} is not read: {protocol}:// {_UNSAFE[protocol]}. Refer to the files "
                "themselves",
                code="unsafe_protocol",
                protocol=protocol,
            )


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    """Say in our words what another store's client raises.

    A traceback shows causes, too: one that would name a password or a token is left out.
    """
    shown, cause = masked(url), None
    try:
        yield
        return
    except EdversionError:
        raise
    except Exception as error:  # noqa: BLE001 - every client has errors of its own
        cause = error
    told = None if shown != url else cause
    if isinstance(cause, FileNotFoundError):
        raise NotFoundError(f"there is nothing at {shown}", code="no_file", url=shown) from told
    why = masked(str(cause).replace(url, shown)) or type(cause).__name__
    raise StorageError(f"cannot reach {shown}: {why}", url=shown) from told


def _told(entry: FileEntry) -> str:
    reference = entry.reference
    assert reference is not None
    marks = (reference.etag, reference.version_id, reference.mtime)
    return f"{next(filter(None, marks), 'no mark')}, {entry.size} bytes"
