"""Erase a version: its bytes are destroyed at once, what it was stays on record.

Bytes that it shares with other versions in a pack are cut out by writing that pack anew.
Files that other versions hold as well are theirs too, and stay until those are erased: the
report names them. What came of the version is listed, and each is told so for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from edversion.catalog import MANIFEST, Catalog, Erasing, Removal, Sharer, Swap, repack_raced
from edversion.digests import canonical_entries, digest_of_bytes
from edversion.errors import (
    ConflictError,
    EdversionError,
    IntegrityError,
    NotFoundError,
    RefusedError,
)
from edversion.extents import Extents, look, naming, size_of
from edversion.model import FileEntry, Version
from edversion.reference import LATEST
from edversion.repack import discard, rewrite
from edversion.retain import hold_of
from edversion.store import Store, StoredManifest, are_many
from edversion.storing import Works

__all__ = ["Erasure", "erase_version", "foresee"]

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure did, or would do.

    Attributes
    ----------
    version, digest : str
        What is erased.
    dry_run : bool
        Whether nothing was done.
    files, size : int
        Files of the version, and their bytes.
    freed : int
        Stored bytes in packs that are destroyed; those in the manifest go besides.
    packs_removed, packs_rewritten : int
        Packs that go whole, and those that are written anew for others.
    held_by : mapping of str to int
        Other versions that hold some of its files, and how many: these bytes stay.
    references : tuple of str
        URLs that it refers to; what is there is not in the store, and stays.
    descendants : tuple of str
        Versions that came of it, however far.
    """

    version: str
    digest: str
    dry_run: bool
    files: int
    size: int
    freed: int
    packs_removed: int
    packs_rewritten: int
    held_by: Mapping[str, int]
    references: tuple[str, ...]
    descendants: tuple[str, ...]

    @property
    def trained_on_since_erased(self) -> int:
        """How many versions came of what is erased; each of them is flagged."""
        return len(self.descendants)


def foresee(version: Version, works: Works) -> Erasure:
    """Say what erasing a version would do.

    Raises
    ------
    RefusedError
        It may not be erased.
    HookError
        A plugin could not say whether it is needed.
    """
    _check_allowed(version, works)
    stored = _manifest(version, works.store)
    return _report(version, stored, works, _plan(version, stored, works), dry_run=True)


def erase_version(
    version: Version, works: Works, how: Erasing, *, run: str
) -> tuple[Erasure, tuple[Removal, ...]]:
    """Erase a version in the catalog, and give what has to be destroyed then, at once.

    Parameters
    ----------
    version : Version
        Live or deleted.
    run : str
        Id of an open run, by whose lock what is written anew is known to be under way.

    Raises
    ------
    RefusedError
        An alias, a legal hold, a deployment or a plugin keeps it.
    HookError
        A plugin could not say whether it is needed.
    ConflictError
        Others kept logging versions that share its packs.
    """
    _check_allowed(version, works)
    store, catalog = works.store, works.catalog
    stored = _manifest(version, store)
    descendants = _descendants(version, catalog)
    for attempt in range(_ATTEMPTS):
        try:
            plan = _plan(version, stored, works)
            doomed = _erased(version, plan, works, how, descendants, run)
            break
        except ConflictError as error:
            if error.code != "repack_raced" or attempt == _ATTEMPTS - 1:
                raise
    report = _report(version, stored, works, plan, dry_run=False)
    if stored is not None:
        store.files.forget(_cache_key(entry) for entry in stored.manifest.entries)
    return report, (*doomed, *_former_manifests(version, works, run))


def _erased(
    version: Version,
    plan: _Plan,
    works: Works,
    how: Erasing,
    descendants: tuple[str, ...],
    run: str,
) -> tuple[Removal, ...]:
    """Write anew what others need, and let the catalog decide."""
    swap = _rewritten(plan, works, run)
    try:
        return works.catalog.erase(version, swap, how, descendants)
    except (ConflictError, NotFoundError, RefusedError):  # nothing was committed
        discard(works.store, swap)
        raise


def _former_manifests(version: Version, works: Works, run: str) -> list[Removal]:
    """Give manifests of the same content that nobody names, as where it was mended.

    While others are at work one of them may be theirs; then `doctor` finds it later.
    """
    if works.catalog.live_runs() - {run}:
        return []
    named = works.catalog.named_manifests()
    return [
        Removal(MANIFEST, version.digest, generation)
        for generation in works.store.manifest_generations(version.digest)
        if (version.digest, generation) not in named
    ]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an erasure takes.

    Attributes
    ----------
    id : int
        Of the version.
    sizes : mapping of str to int
        Packs that may hold bytes of it.
    needed : mapping of str to list of (int, int)
        Those that go, and which stretches of them others need.
    bases : mapping of str to int
        Bases of manifests that go, and their bytes.
    sharers : frozenset of Sharer
        The others who name any of these.
    """

    id: int
    sizes: Mapping[str, int]
    needed: Mapping[str, Extents]
    bases: Mapping[str, int]
    sharers: frozenset[Sharer]

    @property
    def freed(self) -> int:
        return sum(self.sizes[pack] - size_of(found) for pack, found in self.needed.items())

    @property
    def removed(self) -> int:
        return sum(not found for found in self.needed.values())


def _plan(version: Version, stored: StoredManifest | None, works: Works) -> _Plan:
    """Look at who needs what of the packs in which a version's bytes are."""
    store, catalog, id = works.store, works.catalog, works.catalog.version_id(version)
    sizes = {**catalog.held_packs(version), **_bases_made_of(version, works)}
    sharers = catalog.sharers(sizes, without=id)
    needs = look(store, sizes, sharers)
    theirs = {base.pack: base for base in needs.bases.values() if base.pack in sizes}
    # What is in the manifest of a version that stays may be read, if its packs stay.
    stay = {base.pack for one, base in needs.bases.items() if one.digest == base.digest}
    bases = {pack: sizes[pack] for pack in theirs if pack not in stay}
    own = None if stored is None else stored.base
    if own is not None and own.pack in sizes and own.pack not in theirs:
        bases[own.pack] = own.size
    needed = {
        pack: found
        for pack, found in needs.extents.items()
        if pack not in theirs and pack not in bases and size_of(found) < sizes[pack]
    }
    bases |= needs.of_movers(needed)
    named = catalog.sharers({*sizes, *bases}, without=id)
    if naming(sizes, named) != sharers:
        raise repack_raced()
    return _Plan(id, sizes, needed, bases, named)


def _bases_made_of(version: Version, works: Works) -> dict[str, int]:
    """Give the bases that hold a version's manifest though it does not name them any more.

    That is where it was mended, and others are changes to what it was before.
    """
    if not are_many(version.file_count):
        return {}
    found = {}
    for other in works.catalog.all_sharers():
        with suppress(EdversionError):  # a damaged one is told by `verify`
            base = works.store.read_manifest(other.digest, other.generation).base
            if base is not None and base.stored.digest == version.digest:
                found[base.pack] = base.size
    return found


def _rewritten(plan: _Plan, works: Works, run: str) -> Swap:
    """Write the packs that a version shares anew for the others."""
    # Damage that others have does not keep anything from being erased, and is told when it is read.
    return rewrite(
        works.store,
        run,
        plan.sizes,
        plan.needed,
        plan.sharers,
        without=plan.id,
        proved=False,
        bases=plan.bases,
    )


def _check_allowed(version: Version, works: Works) -> None:
    names = [alias for alias in version.aliases if alias != LATEST]
    if names:
        raise RefusedError(
            f"{version.reference} cannot be erased: aliases point at it ({', '.join(names)}). "
            "Move or remove them first",
            code="aliased",
            reference=version.reference,
            aliases=tuple(names),
        )
    hold = hold_of(version, works.catalog)
    served = works.catalog.kept_for(version)
    reasons = (served or works.plugins.retain(version)) if hold is None else (hold,)
    if reasons:
        raise RefusedError(
            f"{version.reference} is kept: {'; '.join(reasons)}",
            code="retained",
            version=version.reference,
            reasons=reasons,
        )


def _manifest(version: Version, store: Store) -> StoredManifest | None:
    """Read the manifest; None where its bytes are gone already."""
    try:
        return store.read_manifest(version.digest, version.generation)
    except IntegrityError as error:
        if error.code != "manifest_missing":
            raise
        return None


def _descendants(version: Version, catalog: Catalog) -> tuple[str, ...]:
    found = catalog.lineage(version, "down").versions
    return tuple(one.reference for one in found if one != version)


def _report(
    version: Version,
    stored: StoredManifest | None,
    works: Works,
    plan: _Plan,
    *,
    dry_run: bool,
) -> Erasure:
    entries = stored.manifest.entries if stored is not None else ()
    urls = (entry.reference.url for entry in entries if entry.reference is not None)
    return Erasure(
        version=version.reference,
        digest=version.digest,
        dry_run=dry_run,
        files=version.file_count,
        size=version.size,
        freed=plan.freed,
        packs_removed=plan.removed,
        packs_rewritten=len(plan.needed) - plan.removed,
        held_by=_holders(version, entries, works),
        references=tuple(urls),
        descendants=_descendants(version, works.catalog),
    )


def _holders(version: Version, entries: Collection[FileEntry], works: Works) -> dict[str, int]:
    """Give the versions that hold some of its files too: every manifest is looked at."""
    digests = {
        entry.digest
        for entry in entries
        if entry.reference is None and entry.size and entry.digest is not None
    }
    held: dict[str, int] = {}
    if not digests:
        return held
    for other in works.catalog.all_sharers():
        if other.reference == version.reference:
            continue
        with suppress(EdversionError):  # a damaged one is told by `verify`
            rows = works.store.read_manifest(other.digest, other.generation).rows
            count = sum(row[2] in digests for row in rows if len(row) == 3)
            if count:
                held[other.reference] = count
    return held


def _cache_key(entry: FileEntry) -> str:
    """Give the name that a copy of a file has in the cache."""
    digest = entry.digest or digest_of_bytes(canonical_entries([entry]))
    return digest.partition(":")[2]
