"""The store: all bytes, as immutable objects below one fsspec URL."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from edversion.digests import digest_of_file
from edversion.errors import IntegrityError
from edversion.location import local_folder
from edversion.store.backend import Backend, LocalBackend, open_backend, read_exactly, write_fully
from edversion.store.bulk import collector_paused
from edversion.store.cache import FileCache
from edversion.store.changing import are_many, changes_to, may_be_base
from edversion.store.coding import FORMAT, encode_manifest
from edversion.store.external import (
    check_reference,
    digest_of_external,
    inquire,
    open_external,
    verify_reference,
    wrong_reference,
)
from edversion.store.failures import storage_errors
from edversion.store.fetching import CachedPacks, Packs
from edversion.store.ingest import INLINE_LIMIT, Ingest
from edversion.store.local_state import Listing, LocalState
from edversion.store.manifest_reader import ManifestReader
from edversion.store.manifests import (
    BaseManifest,
    Changes,
    Segments,
    SmallFile,
    StoredManifest,
    manifest_key,
    reference_facts,
)
from edversion.store.marker import MARKER, find_or_make, write_anew
from edversion.store.merging import merge_manifests
from edversion.store.opening import OpenFile, StoredFile
from edversion.store.packs import INLINE, PACK_SIZE, NewPack, PackWriter, Segment, pack_key
from edversion.store.probing import Check, check_place
from edversion.store.ranges import RangeCache
from edversion.store.reading import Reader
from edversion.store.records import Records, receipt_name
from edversion.store.room import Room
from edversion.store.sharing import Base
from edversion.store.splitting import LARGE
from edversion.store.stats import Stat, coarse_now, unsettled
from edversion.store.transfer import HashAhead, copying
from edversion.store.workers import Worker, several

__all__ = [
    "FORMAT",
    "INLINE",
    "INLINE_LIMIT",
    "LARGE",
    "MARKER",
    "PACK_SIZE",
    "Base",
    "BaseManifest",
    "Changes",
    "Check",
    "HashAhead",
    "Ingest",
    "Listing",
    "NewPack",
    "OpenFile",
    "PackWriter",
    "Reader",
    "Segment",
    "Segments",
    "SmallFile",
    "Stat",
    "Store",
    "StoredFile",
    "StoredManifest",
    "Worker",
    "are_many",
    "changes_to",
    "check_place",
    "check_reference",
    "coarse_now",
    "collector_paused",
    "copying",
    "digest_of_external",
    "encode_manifest",
    "inquire",
    "may_be_base",
    "merge_manifests",
    "open_external",
    "pack_key",
    "read_exactly",
    "receipt_name",
    "reference_facts",
    "several",
    "storage_errors",
    "unsettled",
    "verify_reference",
    "write_fully",
    "wrong_reference",
]

_FAR_AT_ONCE = 8
_KEPT = 100_000  # files and segments of a manifest that stays in memory: some 40 MB


class Store:
    """All bytes of a repository.

    Parameters
    ----------
    url : str
        A folder or an fsspec URL.

    Attributes
    ----------
    id : str
        Unique id of the store; the catalog remembers it.
    local : bool
        Whether it is a folder of this machine.
    scratch : Path
        Local folder for files under way.
    """

    def __init__(self, url: str, backend: Backend, id: str) -> None:
        self.url, self.backend, self.id = url, backend, id
        self.local = isinstance(backend, LocalBackend)
        self.cache = _cache_folder(backend, id)
        near = backend.root if isinstance(backend, LocalBackend) else self.cache
        self.scratch = near / "tmp"
        self.state = LocalState(self.cache / "state.db")
        self.room = Room(self.state, self.cache / "files", self.cache / "ranges")
        self.files = FileCache(self.cache / "files", self.state, self.room)
        self._ranges = RangeCache(self.cache / "ranges", self.room.make)
        self._manifests = ManifestReader(backend, None if self.local else self._ranges)
        self.records = Records(backend)
        self._written: tuple[str, int, StoredManifest] | None = None

    @classmethod
    def open(cls, url: str, *, create: bool = True) -> Store:
        """Open a store, or make one where there is none.

        Raises
        ------
        NotFoundError
            There is none and `create` is False.
        CatalogVersionError
            A newer edversion made it.
        IntegrityError
            It lost the file that says that it is a store, or that file is damaged.
        StorageError
            It cannot be reached.
        """
        backend = open_backend(url)
        return cls(url, backend, find_or_make(backend, create=create))

    @staticmethod
    def restore_marker(url: str, id: str | None) -> None:
        """Write the file that makes a folder a store anew, as where it was lost or damaged.

        Parameters
        ----------
        url : str
            The store.
        id : str or None
            The id that the store had, which its catalog remembers; a new one where None.
        """
        write_anew(open_backend(url), id)

    @property
    def threads(self) -> int:
        """How many objects are best asked for at once."""
        return 1 if self.local else _FAR_AT_ONCE

    @property
    def one_writer(self) -> bool:
        """Whether the place writes over what is there, so that one process at a time may log."""
        return not self.backend.creates_only

    def close(self) -> None:
        """Let go of open files."""
        self.state.close()

    def write_manifest(self, stored: StoredManifest) -> int:
        """Write a manifest as a new generation, and give that generation.

        Generations are microseconds since the epoch: they rise, and none is ever used again,
        so that `doctor` can never mistake a fresh manifest for one that it saw abandoned.
        """
        data, generation = encode_manifest(stored), time.time_ns() // 1_000
        while not self.backend.create(manifest_key(stored.digest, generation), data):
            generation += 1
        few = len(stored.placement) + sum(map(len, stored.placement)) <= _KEPT
        self._written = (stored.digest, generation, stored) if few else None
        return generation

    def known_manifest(self, digest: str, generation: int) -> StoredManifest:
        """Give a manifest to share bytes with, from memory where it is the last one written.

        Who delivers bytes reads it with `read_manifest`, which sees what became of it since.

        Raises
        ------
        IntegrityError
            It is missing or damaged.
        """
        written = self._written  # another thread may log meanwhile
        if written is not None and written[:2] == (digest, generation):
            return written[2]
        return self.read_manifest(digest, generation)

    def has_manifest(self, digest: str, generation: int) -> bool:
        """Tell whether a manifest object is there."""
        return self.backend.size(manifest_key(digest, generation)) is not None

    def manifest_size(self, digest: str, generation: int) -> int:
        """Give the stored bytes of a manifest object; 0 where it is gone."""
        return self.backend.size(manifest_key(digest, generation)) or 0

    def read_pack(self, pack: str, offset: int, length: int) -> bytes:
        """Read a stretch of a pack as it is stored; shorter where the pack ends before.

        Raises
        ------
        IntegrityError
            The pack is missing.
        """
        try:
            with storage_errors(f"reading pack {pack}", expected=FileNotFoundError):
                return self.backend.read(pack_key(pack), offset, length)
        except FileNotFoundError as error:
            raise IntegrityError(
                f"pack {pack} is missing from the store at {self.url}; restore it from a backup",
                code="pack_missing",
                path=None,
                pack=pack,
                offset=offset,
            ) from error

    def delete_pack(self, pack: str) -> None:
        """Remove a pack that no version names, and what this machine has copied of it."""
        self.backend.delete(pack_key(pack))
        self._ranges.forget(pack)

    def delete_manifest(self, digest: str, generation: int) -> None:
        """Remove a manifest that no version names, and this machine's copy of it."""
        key = manifest_key(digest, generation)
        self.backend.delete(key)
        self._ranges.forget(key.rpartition("/")[2])

    def read_manifest(
        self, digest: str, generation: int, *, cached: bool = False
    ) -> StoredManifest:
        """Read a manifest and prove it.

        Parameters
        ----------
        digest, generation
            Which one.
        cached : bool
            Whether a copy on this machine will do; who asks what the store has needs more.

        Raises
        ------
        IntegrityError
            It is missing or damaged.
        """
        return self._manifests.read(digest, generation, cached=cached)

    def reader(self, stored: StoredManifest, *, cached: bool = False) -> Reader:
        """Give what reads a version's segments.

        Parameters
        ----------
        stored : StoredManifest
            The version's manifest.
        cached : bool
            Whether copies on this machine will do, where the store is far away.
        """
        near = cached and not self.local
        source = CachedPacks(self.backend, self._ranges) if near else Packs(self.backend)
        return Reader(source, stored.inline)

    def own_pack(self, stored: StoredManifest, size: int | None, segments: Segments) -> Path | None:
        """Give the local file that is byte for byte a file of `size` bytes, if there is one."""
        if not segments or not self.local:
            return None
        pack, end = segments[0].pack, 0
        for segment in segments:
            if segment.pack != pack or segment.offset != end or segment.codec is not None:
                return None
            end += segment.length
        if stored.packs.get(pack) != size or end != size:
            return None
        return self.backend.local_path(pack_key(pack))

    def packs(self) -> Iterator[tuple[str, int]]:
        """Give ids and sizes of all packs in the store."""
        for key, size in self.backend.list("packs"):
            yield key.rpartition("/")[2], size

    def manifests(self) -> Iterator[tuple[str, int, int]]:
        """Give digest, generation and size of all manifest objects in the store."""
        for key, size in self.backend.list("manifests"):
            name, _, generation = key.rpartition("/")[2].partition(".")
            if generation.isdigit():
                yield f"blake3:{name}", int(generation), size

    def manifest_generations(self, digest: str) -> list[int]:
        """Give the generations of all manifest objects of a version digest."""
        prefix, _, _ = manifest_key(digest, 0).rpartition("/")
        name = digest.partition(":")[2]
        found = (key.rpartition("/")[2].partition(".") for key, _ in self.backend.list(prefix))
        return sorted(int(end) for start, _, end in found if start == name and end.isdigit())

    def leftovers(self) -> Iterator[Path]:
        """Give the files under way, those of dead processes too."""
        if self.scratch.is_dir():
            yield from sorted(self.scratch.iterdir())

    def mark_verified(self, files: Mapping[Path, str]) -> None:
        """Remember which local stored files hold which digests, if their stat can prove it."""
        now = coarse_now()
        stats = {_proof(path, digest): Stat.of(path.stat()) for path, digest in files.items()}
        self.state.mark_verified({key: s for key, s in stats.items() if s.settled(now)})

    def proves(self, path: Path, digest: str) -> bool:
        """Read a local stored file and tell whether it has a digest; remember it if so.

        The stat is taken before the bytes are read: a change meanwhile is not remembered.
        """
        now, before = coarse_now(), Stat.of(path.stat())
        if digest_of_file(path) != digest:
            return False
        if before.settled(now):
            self.state.mark_verified({_proof(path, digest): before})
        return True

    def lacks(self, packs: Mapping[str, int]) -> bool:
        """Tell whether any of some packs is gone or has lost bytes."""
        keys = list(map(pack_key, packs))
        return several(self.backend.size, keys, self.threads) != list(packs.values())

    def is_verified(self, path: Path, digest: str) -> bool:
        """Tell whether a local stored file is unchanged since it was found to have a digest."""
        return self.state.is_verified(_proof(path, digest), Stat.of(path.stat()))


def _proof(path: Path, digest: str) -> str:
    """Name what was proved: a manifest may lead to the wrong file, whole as that file is."""
    return f"{digest} {path}"


def _cache_folder(backend: Backend, id: str) -> Path:
    """Give the folder for copies and memory of this machine: safe to delete at any time."""
    if isinstance(backend, LocalBackend):
        return backend.root / "cache"
    folder = local_folder() / id
    with suppress(OSError):  # told by whoever writes there
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it may hold learners' records
    return folder
