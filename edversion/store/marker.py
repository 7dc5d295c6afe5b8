"""The object that makes a place a store: its format, its id, and what the place cannot do."""

from __future__ import annotations

import json
import re
import secrets
import warnings
from typing import Any

from edversion.digests import canonical_json
from edversion.errors import (
    CatalogVersionError,
    EdversionWarning,
    IntegrityError,
    NotFoundError,
    StorageError,
)
from edversion.store.backend import Backend
from edversion.store.coding import FORMAT
from edversion.store.failures import storage_errors
from edversion.store.probing import creates_only

__all__ = ["MARKER", "find_or_make", "write_anew"]

MARKER = "edversion.json"
"""The object that makes a folder a store."""

_WRITERS, _ONE = "writers", "one"


def find_or_make(backend: Backend, *, create: bool) -> str:
    """Give the id of the store at a place, made where there is none.

    Raises
    ------
    NotFoundError
        There is none and `create` is False.
    CatalogVersionError, IntegrityError, StorageError
        See `Store.open`.
    """
    marker = _read(backend)
    if marker is None and _holds_objects(backend):
        marker = _read(backend)  # somebody may have made the store in this moment
        if marker is None:
            raise _fault(backend, "is missing, but there are versions", "marker_lost")
    if marker is None and not create:
        which = f" --store {backend.url}" if "://" in backend.url else ""
        raise NotFoundError(
            f"no store at {backend.url}; make one with 'edversion init{which}'",
            code="no_store",
            url=backend.url,
        )
    if marker is None:
        backend.create(MARKER, _encoded(backend, secrets.token_hex(16)))
        marker = _read(backend)
    if marker is None:
        raise StorageError(
            f"the store at {backend.url} does not keep what is written to it; 'edversion store "
            f"check {backend.url}' says what it does",
            code="store_forgets",
            url=backend.url,
        )
    backend.creates_only = marker.get(_WRITERS) != _ONE
    if not backend.creates_only:
        warnings.warn(
            f"the store at {backend.url} writes over what is there, though asked not to: let one "
            "process at a time log to it. 'edversion store check' says more",
            EdversionWarning,
            stacklevel=4,
        )
    return str(marker["id"])


def write_anew(backend: Backend, id: str | None) -> None:
    """Write the marker of a store that lost it, with the id that it had."""
    backend.replace(MARKER, _encoded(backend, id or secrets.token_hex(16)))


def _encoded(backend: Backend, id: str) -> bytes:
    marker = {"edversion": "store", "format": FORMAT, "id": id}
    if not creates_only(backend):
        marker[_WRITERS] = _ONE
    return canonical_json(marker) + b"\n"


def _holds_objects(backend: Backend) -> bool:
    """Tell whether something was ever logged there."""
    folders = ("receipts", "manifests", "packs")
    return any(next(iter(backend.list(folder)), None) is not None for folder in folders)


def _fault(backend: Backend, what: str, code: str) -> IntegrityError:
    return IntegrityError(
        f"{MARKER} of the store at {backend.url} {what}; restore it from a backup, or let "
        "'edversion doctor --mend' write it anew",
        code=code,
        path=MARKER,
        pack=None,
        offset=None,
    )


def _read(backend: Backend) -> dict[str, Any] | None:
    try:
        with storage_errors(f"reading {MARKER} at {backend.url}", expected=FileNotFoundError):
            data = backend.read(MARKER)
        marker: dict[str, Any] = json.loads(data)
        found = int(marker["format"])
        if not re.fullmatch("[0-9a-f]{32}", marker["id"]):  # it names a folder of this machine
            raise ValueError("illegal id")
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise _fault(backend, "is damaged", "marker_damaged") from error
    if found > FORMAT:
        raise CatalogVersionError(
            f"the store at {backend.url} has format {found}; this edversion knows formats up to "
            f"{FORMAT}. Upgrade edversion",
            found=found,
            known=FORMAT,
        )
    return marker
