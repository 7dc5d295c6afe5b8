"""Garbage collection: give back the bytes that nobody needs, beside writers at work.

What no version needs is condemned in one transaction, stays for a time of grace in which it
can be restored or reused, and is removed by a later call. What processes left behind that
died while they wrote is removed at once: their locks tell that they are gone. Parts of versions
that were never completed are kept until their draft expires.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from edversion.catalog import PACK, Catalog, Removal, WornPack
from edversion.doctor import leftovers, unheard_of
from edversion.errors import RefusedError
from edversion.model import Version
from edversion.plugins import Plugins
from edversion.repack import destroy
from edversion.retain import read_policy
from edversion.store import Store

__all__ = ["GRACE", "Foreseen", "GcReport", "collect_garbage", "foresee"]

GRACE = timedelta(days=1)
"""How long what is condemned stays where nothing else is said."""

_FEW = 1_000


@dataclass(frozen=True, slots=True)
class GcReport:
    """What gc did, or would do.

    Attributes
    ----------
    dry_run : bool
        Whether nothing was done.
    condemned : tuple of str
        Deleted versions whose bytes nobody needs; they can still be restored.
    removed : tuple of str
        Versions whose bytes are gone for ever.
    kept : mapping of str to str
        Deleted versions whose bytes stay, and why.
    waiting : mapping of str to datetime
        Condemned versions, and from when on a later gc removes their bytes (UTC).
    packs, leftovers : int
        Packs that were removed, and objects and files left by processes that died.
    size : int
        Bytes that came free.
    waiting_size : int
        Bytes of condemned packs that a later gc frees.
    repacked, repacked_size : int
        Packs, most of which was dead, that were written anew, and how many bytes fewer are in
        the new ones. The old ones are removed by a later gc, or at once where there is no grace.
    unread : mapping of str to str
        Packs that could not be written anew, and why.
    expired : tuple of str
        Versions that many ranks were logging and whose time was over before all parts were
        there; what was sent is condemned.
    """

    dry_run: bool
    condemned: tuple[str, ...]
    removed: tuple[str, ...]
    kept: Mapping[str, str]
    waiting: Mapping[str, datetime]
    packs: int
    leftovers: int
    size: int
    waiting_size: int
    repacked: int = 0
    repacked_size: int = 0
    unread: Mapping[str, str] = field(default_factory=dict)
    expired: tuple[str, ...] = ()


def collect_garbage(
    store: Store,
    catalog: Catalog,
    plugins: Plugins,
    *,
    actor: str,
    grace: timedelta = GRACE,
    dry_run: bool = False,
) -> tuple[GcReport, tuple[WornPack, ...]]:
    """Condemn what nobody needs, and remove what was condemned long enough ago.

    Returns
    -------
    report : GcReport
        What was done; nothing is repacked yet.
    worn : tuple of WornPack
        Packs that hold bytes of versions that are gone, beside those that are needed.

    Raises
    ------
    HookError
        A plugin could not say whether it needs a version; nothing was removed.
    RefusedError
        The catalog does not know all versions of the store (code ``old_catalog``).
    """
    _check_catalog(store, catalog)
    kept, only = _kept(catalog, plugins)
    collected = catalog.collect(grace=grace, actor=actor, only=only, rehearse=dry_run)
    doomed = collected.removals if dry_run else catalog.due_removals()
    size = collected.size + _manifest_bytes(store, doomed)
    if not dry_run:
        destroy(store, catalog, doomed)
    count, left = _sweep(store, catalog, actor, spare=doomed if dry_run else None)
    report = GcReport(
        dry_run=dry_run,
        condemned=collected.condemned,
        removed=collected.removed,
        kept=kept,
        waiting=dict(collected.waiting),
        packs=collected.packs,
        leftovers=count,
        size=size + left,
        waiting_size=collected.waiting_size,
        expired=collected.expired,
    )
    return report, collected.worn


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What gc without a time of grace would do, before it repacks.

    Attributes
    ----------
    size : int
        Bytes that would come free, but for those that processes left that died.
    removed : tuple of str
        Versions whose bytes would go.
    worn : tuple of WornPack
        Packs that would hold bytes of versions that are gone, beside those that are needed.
    """

    size: int
    removed: tuple[str, ...]
    worn: tuple[WornPack, ...]


def foresee(
    store: Store, catalog: Catalog, plugins: Plugins, *, actor: str, going: Sequence[Version]
) -> Foreseen:
    """Say what gc would do once some live versions are deleted; change nothing.

    Raises
    ------
    HookError
        A plugin could not say whether it needs a deleted version.
    """
    _, only = _kept(catalog, plugins)
    collected = catalog.collect(
        grace=timedelta(0), actor=actor, only=only, rehearse=True, going=going
    )
    size = collected.size + _manifest_bytes(store, collected.removals)
    return Foreseen(size, collected.removed, collected.worn)


def _check_catalog(store: Store, catalog: Catalog) -> None:
    """Refuse to judge by a catalog that is older than the store: it may not know who needs what."""
    unknown = unheard_of(store, catalog)
    if unknown:
        name, generation = unknown[0]
        raise RefusedError(
            f"the catalog does not know {name}.{generation}.json ({len(unknown)} such receipts): "
            "it is older than the store, so nothing may be removed by it. 'edversion doctor' says "
            "what to do",
            code="old_catalog",
            receipts=tuple(f"{name}.{number}.json" for name, number in unknown),
        )


def _kept(catalog: Catalog, plugins: Plugins) -> tuple[dict[str, str], list[int] | None]:
    """Ask holds, deployments and plugins about every deleted version; and say who may go."""
    holds, needed = _holds(catalog), catalog.needed()
    if not (holds or needed) and not plugins.hears("edversion_retain"):
        return {}, None
    kept, free = {}, []
    for id, version in catalog.waiting_versions():
        place = (version.project, version.name)
        held = holds.get(place) or needed.get((*place, version.number))
        reasons = plugins.retain(version) if held is None else (held,)
        if reasons:
            kept[version.reference] = "; ".join(reasons)
        else:
            free.append(id)
    return kept, free


def _holds(catalog: Catalog) -> dict[tuple[str, str], str]:
    """Give the collections that are under a legal hold, and why."""
    policies = {
        (record.project, record.collection): read_policy(record.text)
        for record in catalog.retentions()
        if record.text is not None
    }
    held = {place: policy.legal_hold for place, policy in policies.items()}
    return {place: f"legal hold: {why}" for place, why in held.items() if why is not None}


def _manifest_bytes(store: Store, doomed: Iterable[Removal]) -> int:
    """Give the bytes of manifests that go; many are listed, which is faster than asking."""
    keys = {(one.name, one.generation) for one in doomed if one.kind != PACK}
    if len(keys) < _FEW:
        return sum(store.manifest_size(*key) for key in keys)
    return sum(size for digest, number, size in store.manifests() if (digest, number) in keys)


def _sweep(
    store: Store, catalog: Catalog, actor: str, *, spare: Iterable[Removal] | None
) -> tuple[int, int]:
    """Remove what dead processes left; give how much it was, and its bytes.

    With `spare` nothing is removed, and what is named there is not counted: it goes, or would
    go, for another reason, perhaps since a gc that died before it had deleted all.
    """
    counted = set(map(_subject, spare or ()))
    count = size = 0
    for finding, repair in leftovers(store, catalog, actor=actor):
        if finding.subject in counted:
            continue
        if spare is None:
            repair()
        count += 1
        size += finding.size
    return count, size


def _subject(removal: Removal) -> str:
    """Give what `doctor` calls an object."""
    if removal.kind == PACK:
        return removal.name
    return f"{removal.name}.{removal.generation}"
