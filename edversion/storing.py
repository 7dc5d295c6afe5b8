"""A draft on its way into the store: what of it is there already, what is written, what is told.

The bytes and the manifest are durable before the catalog hears of them. What it is told then is
a request, whether a whole version is logged or a part of one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from edversion.artifact import Artifact
from edversion.catalog import Arrival, Catalog, CommitRequest, LargeFile, Origin, PackRow
from edversion.contents import Contents
from edversion.digests import canonical_rows, entries_digest
from edversion.errors import EdversionError
from edversion.known import KnownDigests
from edversion.metadata import clean_metadata
from edversion.model import Json
from edversion.plugins import Plugins
from edversion.store import (
    INLINE_LIMIT,
    LARGE,
    Base,
    Changes,
    Ingest,
    Store,
    StoredManifest,
    Worker,
    changes_to,
    may_be_base,
)

__all__ = ["DESCRIBED", "CommitOptions", "Stored", "Storing", "Works"]

_RECENT = 3
_ENOUGH_FILES = 2_000
_INPUTS = 8
DESCRIBED = 64
"""Files of a version about which plugins are asked for facts."""


@dataclass(frozen=True, slots=True)
class CommitOptions:
    """Who logs, where, and what the version shall be called.

    Attributes
    ----------
    project, run, actor : str
        Project; id of the run; name of the person or program.
    aliases, tags : tuple of str
        To set on the version.
    rehash : bool
        Whether to read every file again, whatever the stat cache says.
    noted_now : bool
        Whether the draft was put together by the very call that logs it, so that nothing
        could change in between.
    progress : callable, optional
        Told the bytes that are done, and those of the whole draft, again and again.
    arrival : Arrival, optional
        What is known of it in the repository that it comes from.
    """

    project: str
    run: str
    actor: str
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    rehash: bool = False
    noted_now: bool = False
    progress: Callable[[int, int], None] | None = field(default=None, repr=False)
    arrival: Arrival | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Works:
    """The parts of a repository that logging works with."""

    store: Store
    catalog: Catalog
    plugins: Plugins


@dataclass(frozen=True, slots=True)
class Stored:
    """A draft whose bytes are durable, and that no version names yet.

    Attributes
    ----------
    manifest : StoredManifest
        With the place of every file.
    generation : int
        Of the manifest's object.
    reused : tuple of str
        Packs of others that it names.
    ingest : Ingest
        What was written for it.
    """

    manifest: StoredManifest
    generation: int
    reused: tuple[str, ...]
    ingest: Ingest


class Storing:
    """One attempt to store a draft.

    Parameters
    ----------
    draft : Artifact
        What is stored.
    options : CommitOptions
        Who logs it, and how.
    works : Works
        Where.
    share : bool
        Whether to share bytes that are stored already.
    alone : bool
        Whether the manifest has to stand by itself, and all bytes have to lie in packs.
    former : sequence of (str, int)
        Manifests, by digest and generation, to share with before all others.

    Raises
    ------
    ConflictError
        A source changed since it was added.
    """

    def __init__(
        self,
        draft: Artifact,
        options: CommitOptions,
        works: Works,
        *,
        share: bool,
        alone: bool = False,
        former: Sequence[tuple[str, int]] = (),
    ) -> None:
        self._draft, self._options = draft, options
        self._store, self._catalog, self._plugins = works.store, works.catalog, works.plugins
        self._share, self._alone, self._former = share, alone, former
        self._done = 0
        self._tenure = works.catalog.tenure(options.run)
        self._known = KnownDigests(works.store, rehash=options.rehash)
        self._contents = Contents(
            *draft.parts, self._known, check=not options.noted_now, tell=self._tell
        )

    @property
    def digest(self) -> str | None:
        """The digest of the manifest; None while some file would have to be read for it."""
        rows = self._contents.rows()
        return entries_digest(canonical_rows(rows)) if rows else None

    def store(self) -> Stored:
        """Make bytes and manifest durable; what fails leaves nothing behind.

        Raises
        ------
        ConflictError
            A source changed since it was added.
        StorageError
            The disk is full, or the store cannot be written.
        """
        base = self._base()
        self._contents.share(base)
        ingest = Ingest(
            self._store,
            run=self._options.run,
            base=base,
            split=self._plugins.split,
            inline=not self._alone and self._contents.fresh <= INLINE_LIMIT,
            progress=self._tell,
        )
        try:
            stored = self._contents.take_in(ingest)
            reused = base.pack_sizes(stored.placement)
            stored = stored.placed_in({**reused, **ingest.written}, ingest.inline)
            if not self._alone:
                stored = _on_base(stored, base, ingest, reused)
            generation = self._put_on_disk(ingest, stored)
        except BaseException:
            ingest.discard()
            raise
        return Stored(stored, generation, tuple(reused), ingest)

    def undo(self, stored: Stored) -> None:
        """Remove what was stored for nothing."""
        with suppress(EdversionError):  # what stays is found and removed by `doctor`
            self._store.delete_manifest(stored.manifest.digest, stored.generation)
        stored.ingest.discard()

    def request(self, digest: str) -> CommitRequest:
        """Give what the catalog is told of content that is stored already."""
        draft, options = self._draft, self._options
        return CommitRequest(
            project=options.project,
            name=draft.name,
            type=draft.type,
            digest=digest,
            generation=1,
            size=self._contents.size,
            file_count=len(self._contents),
            run=options.run,
            actor=options.actor,
            aliases=options.aliases,
            tags=options.tags,
            metadata=clean_metadata(draft.metadata),
            description=draft.description,
            facts={},
            packs=(),
            reused_packs=(),
            large_files=(),
            origins=tuple(
                Origin((version.project, version.name, version.number), relation)
                for version, relation in draft.origins
            ),
            tenure=self._tenure,
        )

    def full_request(self, stored: Stored) -> CommitRequest:
        """Give what the catalog is told of what was just stored."""
        large = {row[2]: row[1] for row in stored.manifest.large_rows()}
        return replace(
            self.request(stored.manifest.digest),
            generation=stored.generation,
            facts=self._facts(),
            packs=tuple(PackRow(pack.id, pack.size) for pack in stored.ingest.packs),
            reused_packs=stored.reused,
            large_files=tuple(LargeFile(digest, size) for digest, size in large.items()),
        )

    def remember_packs(self, stored: Stored) -> None:
        """Keep what is now known of packs that are files by themselves."""
        written = {pack.id for pack in stored.ingest.packs if pack.size >= LARGE}
        manifest = stored.manifest
        whole: dict[Path, str] = {}
        pairs = zip(manifest.rows, manifest.placement, strict=True) if written else ()
        for row, segments in pairs:
            if len(row) == 3 and row[1] >= LARGE and segments and segments[0].pack in written:
                own = self._store.own_pack(manifest, row[1], segments)
                if own is not None:
                    whole[own] = row[2]
        with suppress(OSError):
            self._store.mark_verified(whole)

    def _put_on_disk(self, ingest: Ingest, stored: StoredManifest) -> int:
        """Make packs and manifest durable, side by side: no version names them yet."""
        if not ingest.written:
            ingest.close()  # a pack that stayed empty lets go of its file
            self._known.remember()
            return self._store.write_manifest(stored)
        with Worker("edversion-sync") as worker:
            packs = worker.submit(ingest.close)
            generation = self._store.write_manifest(stored)
            self._known.remember()  # while the disk is busy; digests are true without a version
        try:
            packs.result()
        except BaseException:
            with suppress(EdversionError):  # what stays is found and removed by `doctor`
                self._store.delete_manifest(stored.digest, generation)
            raise
        return generation

    def _base(self) -> Base:
        """Offer the draft's origin, the collection's recent versions and the run's inputs."""
        base = Base(self._catalog.known_sizes, self._elsewhere)
        if not self._share or self._fits_inline():
            return base
        options, name = self._options, self._draft.name
        offered = list(self._former)
        offered += [(version.digest, version.generation) for version in self._draft.derived_from]
        offered += self._catalog.recent_manifests(options.project, name, limit=_RECENT)
        offered += self._catalog.run_inputs(options.run, limit=_INPUTS)
        files = 0
        for digest, generation in dict.fromkeys(offered):
            with suppress(EdversionError):  # a damaged one is not shared; `verify` tells of it
                stored = self._store.known_manifest(digest, generation)
                if self._store.lacks(stored.packs):
                    continue
                base.add(stored)
                files += len(stored.rows)
            if files > _ENOUGH_FILES:  # reading further ones would take longer than it saves
                break
        return base

    def _fits_inline(self) -> bool:
        """Tell whether the version is so small that it keeps all its bytes by itself."""
        small = not self._alone and self._contents.size <= INLINE_LIMIT
        return small and not self._draft.derived_from

    def _elsewhere(self, digest: str) -> StoredManifest | None:
        if not self._share:
            return None
        found = self._catalog.large_files([digest]).get(digest)
        if found is None:
            return None
        with suppress(EdversionError):
            stored = self._store.read_manifest(*found)
            return None if self._store.lacks(stored.packs) else stored
        return None

    def _tell(self, count: int) -> None:
        """Tell whoever waits how far the work is."""
        self._done += count
        if self._options.progress is not None:
            size = self._contents.size
            self._options.progress(min(self._done, size), size)

    def _facts(self) -> dict[str, Json]:
        """Ask plugins about the first files; thousands would take longer than their bytes."""
        if not self._plugins.hears("edversion_describe"):
            return {}
        facts: dict[str, Json] = {}
        for path, file in self._contents.first_files(DESCRIBED):
            answer = self._plugins.describe(file)
            if answer:
                facts[path] = answer
        return facts


def _on_base(
    stored: StoredManifest, base: Base, ingest: Ingest, reused: dict[str, int]
) -> StoredManifest:
    """Write a large manifest as changes to that of an older version, or make it a base itself."""
    if not may_be_base(stored) and base.manifest is None:
        return stored
    changes = None if base.manifest is None else changes_to(base.manifest, stored)
    if changes is not None:
        reused[changes.base.pack] = changes.base.size
    elif may_be_base(stored):
        changes = Changes(ingest.base(stored), [], [])
    return stored if changes is None else stored.written_as(changes)
