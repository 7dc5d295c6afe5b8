"""Many ranks, one version: each sends its part, and the last one makes the version.

Ranks share the store and the catalog, and nothing else: there is no barrier, and nobody has to
know the digests of others. A part's bytes are durable before the catalog hears of it. Whoever
finds all parts there puts their manifests together and commits, in the one transaction in which
every version is committed; it refuses where a part was replaced meanwhile, or another rank was
faster. So any rank may try, as often as it likes, and there is one version.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain, islice

from edversion.artifact import Artifact
from edversion.catalog import CommitRequest, CommitResult, Completion, PartRequest
from edversion.commit import Committed, commit_stored
from edversion.errors import ConflictError, EdversionError, EdversionWarning, IntegrityError
from edversion.model import DistributedDraft, Json
from edversion.reference import check_alias, check_tag
from edversion.store import StoredManifest, collector_paused, merge_manifests
from edversion.storing import DESCRIBED, CommitOptions, Storing, Works

__all__ = ["LEASE", "PartOptions", "complete_draft", "send_part"]

LEASE = timedelta(days=1)
"""How long a draft waits for its next part where nothing else is said."""

_ATTEMPTS = 3
_AGAIN = ("pack_gone", "part_gone", "run_lost")


@dataclass(frozen=True, slots=True)
class PartOptions:
    """Which part of which draft.

    Attributes
    ----------
    key : str
        What all ranks call the draft.
    part, parts : int
        Which part it is, from 0 on, and of how many.
    lease : timedelta
        How long the draft waits for the next one.
    """

    key: str
    part: int
    parts: int
    lease: timedelta = LEASE


def send_part(
    draft: Artifact, part: PartOptions, options: CommitOptions, works: Works
) -> DistributedDraft:
    """Store a part, durable when this returns; the same once more stores nothing.

    Raises
    ------
    ConflictError
        A source changed since it was added; the ranks do not agree on type or number of parts;
        or the version is there already, with other content.
    StorageError
        The disk is full, or store or catalog cannot be written.
    """
    for alias in options.aliases:
        check_alias(alias)
    for tag in options.tags:
        check_tag(tag)
    for attempt in range(_ATTEMPTS):
        share = attempt == 0 and not options.rehash
        try:
            with collector_paused():
                return _send(draft, part, options, works, share=share)
        except ConflictError as error:
            if error.code not in _AGAIN or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def complete_draft(
    draft: DistributedDraft, options: CommitOptions, works: Works
) -> Committed | None:
    """Make the version of a draft all of whose parts are there; None while one is missing.

    Raises
    ------
    ConflictError
        Two parts clash (code ``parts_overlap``); the draft was given up (``draft_gone``); or
        parts kept being replaced meanwhile.
    RefusedError
        A policy protects an alias that a part asks for.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return _complete(draft, options, works)
        except (ConflictError, IntegrityError) as error:
            if error.code not in ("draft_changed", "manifest_missing") or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _send(
    draft: Artifact, part: PartOptions, options: CommitOptions, works: Works, *, share: bool
) -> DistributedDraft:
    found = works.catalog.draft(options.project, draft.name, part.key) if share else None
    known = None if found is None else _known(found, part, works)
    former = () if known is None else ((known.digest, known.generation),)
    storing = Storing(draft, options, works, share=share, alone=True, former=former)

    def request(content: CommitRequest) -> PartRequest:
        return PartRequest(content, part.key, part.part, part.parts, part.lease)

    digest = storing.digest
    if found is not None and known is not None and digest is not None:
        same = digest == known.digest and _is_there(known, works)
        if same or found.version is not None:  # in a version that is there, it is, or is refused
            content = replace(storing.request(digest), generation=known.generation, must_exist=True)
            return works.catalog.add_part(request(content)).draft
    stored = storing.store()
    try:
        added = works.catalog.add_part(request(storing.full_request(stored)))
    except ConflictError:
        storing.undo(stored)
        raise
    if added.draft.version is not None:  # it was completed with this very content
        storing.undo(stored)
        return added.draft
    storing.remember_packs(stored)
    if added.replaced is not None:
        _remove([added.replaced], works)
    return added.draft


def _known(found: DistributedDraft, part: PartOptions, works: Works) -> CommitRequest | None:
    """Give what a draft has of this part already."""
    with suppress(ConflictError):  # given up in this moment
        return works.catalog.draft_contents(found).get(part.part)
    return None


def _is_there(known: CommitRequest, works: Works) -> bool:
    """Tell whether a part that is in a draft can be read."""
    with suppress(EdversionError):
        stored = works.store.read_manifest(known.digest, known.generation)
        return not works.store.lacks(stored.packs)
    return False


def _complete(draft: DistributedDraft, options: CommitOptions, works: Works) -> Committed | None:
    now = works.catalog.draft(draft.project, draft.name, draft.key)
    if now is None or now.id != draft.id:
        works.catalog.draft_contents(draft)  # which says that it is gone
    if now is None or now.missing:
        return None
    if now.version is not None:
        return CommitResult(now.version, created=False)
    contents = works.catalog.draft_contents(now)
    tenure = works.catalog.tenure(options.run)
    with collector_paused():
        merged = merge_manifests(_manifests(contents, works))
        generation = works.store.write_manifest(merged)
        told = _told(now, contents, merged, options)
        request = replace(told, generation=generation, tenure=tenure)
        return _settle(request, contents, options, works)


def _settle(
    request: CommitRequest,
    contents: Mapping[int, CommitRequest],
    options: CommitOptions,
    works: Works,
) -> Committed:
    """Commit; remove the manifests that are of no use then."""
    useless = [(part.digest, part.generation) for part in contents.values()]
    own = request.digest, request.generation
    try:
        result = commit_stored(request, works, rehash=options.rehash)
    except ConflictError:  # it is certain that nothing was committed
        _remove([own], works)
        raise
    _remove(useless if result.version.generation == own[1] else [own, *useless], works)
    return result


def _remove(manifests: Iterable[tuple[str, int]], works: Works) -> None:
    with suppress(EdversionError):  # what stays is found and removed by `doctor`
        for digest, generation in manifests:
            works.store.delete_manifest(digest, generation)


def _manifests(contents: Mapping[int, CommitRequest], works: Works) -> dict[int, StoredManifest]:
    return {
        part: works.store.read_manifest(content.digest, content.generation)
        for part, content in contents.items()
    }


def _told(
    draft: DistributedDraft,
    contents: Mapping[int, CommitRequest],
    merged: StoredManifest,
    options: CommitOptions,
) -> CommitRequest:
    """Put together what the ranks say; where they differ, the lowest part's word holds."""
    said = [contents[part] for part in sorted(contents)]
    facts = {path: fact for one in reversed(said) for path, fact in one.facts.items()}
    sizes = [row[1] or 0 for row in merged.rows]
    return replace(
        said[0],
        digest=merged.digest,
        size=sum(sizes),
        file_count=len(sizes),
        run=options.run,
        actor=options.actor,
        aliases=tuple(dict.fromkeys(chain.from_iterable(one.aliases for one in said))),
        tags=tuple(dict.fromkeys(chain.from_iterable(one.tags for one in said))),
        metadata=_agreed(draft, contents),
        description=next((one.description for one in said if one.description is not None), None),
        facts=dict(islice(sorted(facts.items()), DESCRIBED)),
        packs=(),
        reused_packs=tuple(merged.packs),
        large_files=tuple(dict.fromkeys(chain.from_iterable(one.large_files for one in said))),
        origins=tuple(dict.fromkeys(chain.from_iterable(one.origins for one in said))),
        completes=Completion(
            draft.id,
            {part: (one.digest, one.generation) for part, one in contents.items()},
            tuple(dict.fromkeys(one.run for one in said if one.run is not None)),
        ),
    )


def _agreed(draft: DistributedDraft, contents: Mapping[int, CommitRequest]) -> dict[str, Json]:
    """Give the metadata; say in which keys the ranks differ, and whose word holds."""
    merged: dict[str, Json] = {}
    owners: dict[str, int] = {}
    for part, content in sorted(contents.items()):
        for key, value in content.metadata.items():
            if merged.setdefault(key, value) != value:
                warnings.warn(
                    f"{draft.project}/{draft.name} ({draft.key}): parts {owners[key]} and {part} "
                    f"have other metadata under {key!r}; that of part {owners[key]} holds",
                    EdversionWarning,
                    stacklevel=2,
                )
            owners.setdefault(key, part)
    return merged
