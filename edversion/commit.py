"""Log a draft: bytes first, then the manifest, then one transaction of the catalog.

A crash at any point leaves either no version or a whole one. What was written for no
version names the run that wrote it, so `edversion doctor` can tell it from work under way.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edversion.artifact import Artifact
from edversion.catalog import Catalog, CommitRequest, CommitResult, LargeFile, Origin, PackRow
from edversion.contents import Contents
from edversion.digests import canonical_rows, entries_digest
from edversion.errors import ConflictError, EdversionError, IntegrityError
from edversion.known import KnownDigests
from edversion.metadata import clean_metadata
from edversion.model import Json, Version
from edversion.plugins import Plugins
from edversion.reference import check_alias, check_tag
from edversion.store import (
    INLINE_LIMIT,
    LARGE,
    Base,
    Ingest,
    Store,
    StoredManifest,
    Worker,
    collector_paused,
)

__all__ = ["CommitOptions", "commit_draft"]

_ATTEMPTS = 3
_RECENT = 3
_ENOUGH_FILES = 2_000
_INPUTS = 8
_DESCRIBED = 64
_AGAIN = ("pack_gone", "version_gone", "run_lost")
"""Conflicts after which storing the bytes once more is all that it takes."""


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
    """

    project: str
    run: str
    actor: str
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    rehash: bool = False
    noted_now: bool = False
    progress: Callable[[int, int], None] | None = field(default=None, repr=False)


def commit_draft(
    draft: Artifact, options: CommitOptions, *, store: Store, catalog: Catalog, plugins: Plugins
) -> CommitResult:
    """Make a draft a version, durable when this returns.

    Raises
    ------
    ConflictError
        A source changed since it was added; the collection has another type; or the packs
        shared with older versions went away three times over.
    StorageError
        The disk is full, or store or catalog cannot be written.
    """
    for alias in options.aliases:
        check_alias(alias)
    for tag in options.tags:
        check_tag(tag)
    for attempt in range(_ATTEMPTS):
        share = attempt == 0 and not options.rehash  # who distrusts the stat may distrust the store
        work = _Commit(draft, options, store, catalog, plugins, share=share)
        try:
            with collector_paused():
                return work.run()
        except ConflictError as error:
            if error.code not in _AGAIN or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


class _Commit:
    """One attempt to log a draft."""

    def __init__(
        self,
        draft: Artifact,
        options: CommitOptions,
        store: Store,
        catalog: Catalog,
        plugins: Plugins,
        *,
        share: bool,
    ) -> None:
        self._draft, self._options = draft, options
        self._store, self._catalog, self._plugins = store, catalog, plugins
        self._share = share
        self._done = 0
        self._tenure = catalog.tenure(options.run)
        self._known = KnownDigests(store, rehash=options.rehash)
        self._contents = Contents(
            *draft.parts, self._known, check=not options.noted_now, tell=self._tell
        )

    def run(self) -> CommitResult:
        """Log the draft, or find that its content is there already."""
        rows = self._contents.rows()
        return (rows and self._commit_known(rows)) or self._commit_new()

    def _commit_known(self, rows: list[list[Any]]) -> CommitResult | None:
        """Give the version that has this content already, if one does."""
        digest = entries_digest(canonical_rows(rows))
        known = self._catalog.find_by_digest(self._options.project, self._draft.name, digest)
        if known is None or not self._is_present(known):
            return None
        request = replace(self._request(digest), generation=known.generation, must_exist=True)
        return self._catalog.commit(request)

    def _commit_new(self) -> CommitResult:
        base = self._base()
        self._contents.share(base)
        ingest = Ingest(
            self._store,
            run=self._options.run,
            base=base,
            split=self._plugins.split,
            inline=self._contents.fresh <= INLINE_LIMIT,
            progress=self._tell,
        )
        try:
            stored = self._contents.take_in(ingest)
            reused = base.pack_sizes(stored.placement)
            stored = stored.placed_in({**reused, **ingest.written}, ingest.inline)
            generation = self._put_on_disk(ingest, stored)
        except BaseException:
            ingest.discard()
            raise
        request = self._full_request(stored, ingest, tuple(reused), generation)
        return self._settle(request, stored, ingest)

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

    def _settle(
        self, request: CommitRequest, stored: StoredManifest, ingest: Ingest
    ) -> CommitResult:
        """Commit; what was written for nothing is removed, if it is certain that it was."""
        try:
            result = self._catalog.commit(request)
            if not result.created and not self._is_whole(result.version):
                result = self._catalog.commit(replace(request, mends=True))
        except ConflictError:
            self._undo(request, ingest)
            raise
        if result.version.generation == request.generation:
            self._remember_packs(stored, ingest)
        else:
            self._undo(request, ingest)
        return result

    def _undo(self, request: CommitRequest, ingest: Ingest) -> None:
        with suppress(EdversionError):  # what stays is found and removed by `doctor`
            self._store.delete_manifest(request.digest, request.generation)
        ingest.discard()

    def _is_present(self, version: Version) -> bool:
        """Tell whether a version's objects are there, with all their bytes; nothing is read."""
        manifest = self._store.has_manifest(version.digest, version.generation)
        return manifest and not self._store.lacks(self._catalog.packs_of(version))

    def _is_whole(self, version: Version) -> bool:
        """Tell whether a version can be read; with `rehash`, every byte of it is."""
        if not self._is_present(version):
            return False
        try:
            stored = self._store.read_manifest(version.digest, version.generation)
            reader = self._store.reader(stored)
            pairs = zip(stored.manifest.entries, stored.placement, strict=True)
            for entry, segments in pairs if self._options.rehash else ():
                for _ in reader.chunks(entry, segments) if entry.reference is None else ():
                    pass
        except IntegrityError:
            return False
        return True

    def _base(self) -> Base:
        """Offer the draft's origin, the collection's recent versions and the run's inputs."""
        base = Base(self._catalog.known_sizes, self._elsewhere)
        if not self._share or self._fits_inline():
            return base
        options, name = self._options, self._draft.name
        offered = [(version.digest, version.generation) for version in self._draft.derived_from]
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
        return self._contents.size <= INLINE_LIMIT and not self._draft.derived_from

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

    def _request(self, digest: str) -> CommitRequest:
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

    def _full_request(
        self, stored: StoredManifest, ingest: Ingest, reused: tuple[str, ...], generation: int
    ) -> CommitRequest:
        large = {row[2]: row[1] for row in stored.large_rows()}
        return replace(
            self._request(stored.digest),
            generation=generation,
            facts=self._facts(),
            packs=tuple(PackRow(pack.id, pack.size) for pack in ingest.packs),
            reused_packs=reused,
            large_files=tuple(LargeFile(digest, size) for digest, size in large.items()),
        )

    def _facts(self) -> dict[str, Json]:
        """Ask plugins about the first files; thousands would take longer than their bytes."""
        if not self._plugins.hears("edversion_describe"):
            return {}
        facts: dict[str, Json] = {}
        for path, file in self._contents.first_files(_DESCRIBED):
            answer = self._plugins.describe(file)
            if answer:
                facts[path] = answer
        return facts

    def _remember_packs(self, stored: StoredManifest, ingest: Ingest) -> None:
        """Keep what is now known of packs that are files by themselves."""
        written = {pack.id for pack in ingest.packs if pack.size >= LARGE}
        whole: dict[Path, str] = {}
        pairs = zip(stored.rows, stored.placement, strict=True) if written else ()
        for row, segments in pairs:
            if len(row) == 3 and row[1] >= LARGE and segments and segments[0].pack in written:
                own = self._store.own_pack(stored, row[1], segments)
                if own is not None:
                    whole[own] = row[2]
        with suppress(OSError):
            self._store.mark_verified(whole)
