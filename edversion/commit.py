"""Log a draft: bytes first, then the manifest, then one transaction of the catalog.

A crash at any point leaves either no version or a whole one. What was written for no
version names the run that wrote it, so `edversion doctor` can tell it from work under way.
"""

from __future__ import annotations

from dataclasses import replace

from edversion.artifact import Artifact
from edversion.catalog import Arrival, CommitRequest, CommitResult, Landing
from edversion.errors import ConflictError, IntegrityError, StorageError
from edversion.model import Version
from edversion.reference import check_alias, check_tag
from edversion.store import collector_paused
from edversion.storing import CommitOptions, Stored, Storing, Works

__all__ = ["CommitOptions", "Committed", "commit_draft", "commit_stored"]

Committed = CommitResult | Landing
"""What the catalog made of a draft."""

_ATTEMPTS = 3
_AGAIN = ("pack_gone", "version_gone", "run_lost", "catalog_lost")
"""What is mended by going through it all again: content that was committed is found."""


def commit_draft(draft: Artifact, options: CommitOptions, works: Works) -> Committed:
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
        try:
            with collector_paused():
                return _commit(Storing(draft, options, works, share=share), draft, options, works)
        except (ConflictError, StorageError) as error:
            if error.code not in _AGAIN or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _commit(storing: Storing, draft: Artifact, options: CommitOptions, works: Works) -> Committed:
    """Log the draft, or find that its content is there already."""
    digest = storing.digest
    if digest is not None:
        known = works.catalog.find_by_digest(options.project, draft.name, digest)
        if known is not None and _is_present(known, works):
            request = replace(storing.request(digest), generation=known.generation, must_exist=True)
            return _record(request, works, options.arrival)
    return _settle(storing, storing.store(), options, works)


def _settle(storing: Storing, stored: Stored, options: CommitOptions, works: Works) -> Committed:
    """Commit; what was written for nothing is removed, if it is certain that it was."""
    request = storing.full_request(stored)
    try:
        result = commit_stored(request, works, rehash=options.rehash, arrival=options.arrival)
    except ConflictError:
        storing.undo(stored)
        raise
    if result.version.generation == request.generation:
        storing.remember_packs(stored)
    else:
        storing.undo(stored)
    return result


def commit_stored(
    request: CommitRequest, works: Works, *, rehash: bool, arrival: Arrival | None = None
) -> Committed:
    """Commit what is durable; a version that has this content and lost its bytes is mended.

    Parameters
    ----------
    rehash : bool
        Whether to read every byte of a version that is there already, to see that it is whole.
    arrival : Arrival, optional
        What is known of it in the repository that it comes from.
    """
    result = _record(request, works, arrival)
    if not result.created and not _is_whole(result.version, works, rehash=rehash):
        result = _record(replace(request, mends=True), works, arrival)
    return result


def _record(request: CommitRequest, works: Works, arrival: Arrival | None) -> Committed:
    """Let the catalog make the version exist: what people log, or what comes from elsewhere."""
    if arrival is None:
        return works.catalog.commit(request)
    return works.catalog.arrive(request, arrival)


def _is_present(version: Version, works: Works) -> bool:
    """Tell whether a version's objects are there, with all their bytes; nothing is read."""
    manifest = works.store.has_manifest(version.digest, version.generation)
    return manifest and not works.store.lacks(works.catalog.packs_of(version))


def _is_whole(version: Version, works: Works, *, rehash: bool) -> bool:
    """Tell whether a version can be read; with `rehash`, every byte of it is."""
    if not _is_present(version, works):
        return False
    try:
        stored = works.store.read_manifest(version.digest, version.generation)
        reader = works.store.reader(stored)
        pairs = zip(stored.manifest.entries, stored.placement, strict=True)
        for entry, segments in pairs if rehash else ():
            for _ in reader.chunks(entry, segments) if entry.reference is None else ():
                pass
    except IntegrityError:
        return False
    return True
