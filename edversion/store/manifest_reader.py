"""Read manifests, and the bases of those that are written as changes; all of it is proved."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar
from weakref import WeakValueDictionary

from edversion.errors import IntegrityError
from edversion.store.backend import Backend
from edversion.store.bulk import collector_paused
from edversion.store.coding import decode_manifest
from edversion.store.failures import storage_errors
from edversion.store.manifests import BaseManifest, StoredManifest, manifest_key
from edversion.store.packs import pack_key
from edversion.store.ranges import RangeCache

__all__ = ["ManifestReader"]

T = TypeVar("T")


class ManifestReader:
    """Reads manifests from a store.

    Parameters
    ----------
    backend : Backend
        The store.
    copies : RangeCache or None
        What this machine has copied of a store that is far away.
    """

    def __init__(self, backend: Backend, copies: RangeCache | None) -> None:
        self._backend, self._copies = backend, copies
        self._held: WeakValueDictionary[str, BaseManifest] = WeakValueDictionary()

    def read(self, digest: str, generation: int, *, cached: bool) -> StoredManifest:
        """Read a manifest; see `Store.read_manifest`."""
        key = manifest_key(digest, generation)
        read_base = partial(self._read_base, cached=cached)
        with collector_paused():
            return self._proved(
                key,
                lambda data: decode_manifest(data, key, digest, read_base),
                f"manifest {key} is",
                cached=cached,
            )

    def _read_base(self, pack: str, size: int, digest: str, *, cached: bool) -> BaseManifest:
        """Read the base of a manifest; where a copy will do, one that somebody still holds."""
        held = self._held.get(pack) if cached else None
        if held is not None and (held.size, held.stored.digest) == (size, digest):
            return held
        key = pack_key(pack)

        def proved(data: bytes) -> BaseManifest:
            return BaseManifest(pack, size, decode_manifest(data, key, digest).as_rows())

        missing = f"pack {pack}, the base to which manifests are written as changes, is"
        base = self._held[pack] = self._proved(key, proved, missing, cached=cached)
        return base

    def _proved(self, key: str, prove: Callable[[bytes], T], missing: str, *, cached: bool) -> T:
        """Read an object; a damaged copy of it is fetched anew."""
        copies, name = self._copies if cached else None, key.rpartition("/")[2]
        data = None if copies is None else copies.read_all(name)
        if copies is not None and data is not None:
            with suppress(IntegrityError):
                return prove(data)
            copies.forget(name)
        data = self._object(key, missing)
        found = prove(data)
        if copies is not None:
            copies.write(name, 0, data)
        return found

    def _object(self, key: str, missing: str) -> bytes:
        try:
            with storage_errors(f"reading {key}", expected=FileNotFoundError):
                return self._backend.read(key)
        except FileNotFoundError as error:
            raise IntegrityError(
                f"{missing} missing from the store at {self._backend.url}; restore it from "
                "a backup, or log the content again with rehash",
                code="manifest_missing",
                path=key,
                pack=None,
                offset=None,
            ) from error
