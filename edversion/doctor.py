"""Find what is wrong with a repository, and mend what can be mended without losing anything."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from edversion.catalog import Catalog
from edversion.errors import EdversionError, IntegrityError
from edversion.rebuild import REBUILT, STORE_ID, rebuild_catalog
from edversion.store import Store, receipt_name

__all__ = ["Finding", "examine", "leftovers", "unheard_of"]

_LEFTOVER_SECONDS = 60
_TOLD = 5  # versions that a message names
_LATE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes
    ----------
    kind : str
        ``lost-catalog``, ``crashed-run``, ``orphan-pack``, ``orphan-manifest``, ``leftover``,
        ``unclaimed-pack``, ``unclaimed-manifest``, ``missing-receipt``, ``damaged-receipt``,
        ``stale-receipt``, ``old-catalog``, ``missing-pack``, ``short-pack``, ``missing-manifest``,
        ``missing-policy``, ``undelivered``, ``broken-events``.
    subject : str
        The thing.
    message : str
        What is wrong, and what mending does, or what to do instead.
    size : int
        Bytes that it takes.
    mended : bool
        Whether it was mended.
    """

    kind: str
    subject: str
    message: str
    size: int = 0
    mended: bool = False


_Repair = Callable[[], object]


def examine(store: Store, catalog: Catalog, *, actor: str, mend: bool) -> tuple[Finding, ...]:
    """Go through store and catalog.

    Parameters
    ----------
    store, catalog
        The repository.
    actor : str
        Who mends; kept in events.
    mend : bool
        Whether to mend what is safe: nothing that a version needs is ever removed, and
        nothing that a live process may be writing.
    """
    findings = []
    for look in _LOOKS:
        for finding, repair in look(_Case(store, catalog, actor)):
            mended = mend and repair is not None
            if mend and repair is not None:
                repair()
            findings.append(replace(finding, mended=mended))
    return tuple(findings)


def leftovers(
    store: Store, catalog: Catalog, *, actor: str
) -> Iterator[tuple[Finding, Callable[[], object]]]:
    """Give what was written for no version by processes that are gone, and how to remove it.

    Whoever asks has found that the catalog knows all receipts (`unheard_of`): to list them
    takes as long as all the rest.
    """
    for finding, repair in _unused(_Case(store, catalog, actor), knows_all=True):
        if repair is not None:
            yield finding, repair


@dataclass(frozen=True, slots=True)
class _Case:
    store: Store
    catalog: Catalog
    actor: str


_Found = Iterator[tuple[Finding, _Repair | None]]


def _lost_catalog(case: _Case) -> _Found:
    """A store with versions whose catalog never heard of it."""
    store, catalog = case.store, case.catalog
    if catalog.setting(STORE_ID) is not None:
        return
    count = sum(1 for _ in store.records.receipt_names())
    if count:
        message = (
            f"the catalog is empty, but the store has {count} receipts; it is rebuilt from them"
        )
        repair = partial(rebuild_catalog, store, catalog, actor=case.actor)
        yield Finding("lost-catalog", catalog.url, message), repair


def _crashed_runs(case: _Case) -> _Found:
    """Runs whose process is gone; recorded as crashed all at once."""
    dead = case.catalog.dead_runs()
    for index, run in enumerate(dead):
        message = "its process ended without saying how; it is recorded as crashed"
        repair = partial(case.catalog.mark_crashed, actor=case.actor) if index == 0 else _nothing
        yield Finding("crashed-run", run.id, message), repair


def _expired_drafts(case: _Case) -> _Found:
    """Versions that many ranks were logging and never completed; dropped all at once."""
    now = datetime.now(UTC)
    late = [draft for draft in case.catalog.open_drafts() if draft.expires_at <= now]
    for index, draft in enumerate(late):
        message = (
            f"{len(draft.present)} of {draft.parts} parts came in time; they are given up, and gc "
            "removes what they brought"
        )
        drop = partial(case.catalog.drop_expired_drafts, actor=case.actor)
        subject = f"{draft.project}/{draft.name} {draft.key}"
        yield Finding("expired-draft", subject, message), drop if index == 0 else _nothing


def _unused(case: _Case, *, knows_all: bool = False) -> _Found:
    """Objects and files that belong to no version, nor to a live process.

    The order of the questions matters: what is listed first was there before the runs are
    asked for, so whoever wrote it either still lives, or has committed by the time the
    catalog is asked.
    """
    store, catalog = case.store, case.catalog
    packs, manifests = sorted(store.packs()), sorted(store.manifests())
    leftovers = list(store.leftovers())
    live = catalog.live_runs()
    known_whole = knows_all or not unheard_of(case.store, case.catalog)
    if catalog.setting(STORE_ID) is None or not known_whole:
        return  # the catalog does not know all of this store, so nothing may be judged by it
    known, committed = catalog.pack_sizes(), catalog.named_manifests()
    rebuilt = int(catalog.setting(REBUILT) or 0)
    for pack, size in packs:
        if pack not in known and _writer(pack) not in live:
            if _began(catalog, _writer(pack)) < rebuilt:
                yield _unclaimed("pack", pack, size), None
            else:
                yield _removable("orphan-pack", pack, size), partial(store.delete_pack, pack)
    for digest, generation, size in manifests:
        if (digest, generation) not in committed and not live:
            name = f"{digest}.{generation}"
            if generation < rebuilt:
                yield _unclaimed("manifest", name, size), None
            else:
                repair = partial(store.delete_manifest, digest, generation)
                yield _removable("orphan-manifest", name, size), repair
    for path in leftovers:
        with suppress(FileNotFoundError):
            yield from _leftover(path, live)


def _leftover(path: Path, live: frozenset[str]) -> _Found:
    """A file under way: a run's own, or for a moment anybody's."""
    status, writer = path.stat(), _writer(path.name)
    if writer in live or not path.is_file():
        return
    finding = _removable("leftover", path.name, status.st_size)
    settled = writer or time.time() - status.st_mtime > _LEFTOVER_SECONDS
    yield finding, partial(path.unlink, missing_ok=True) if settled else None


def _removable(kind: str, subject: str, size: int) -> Finding:
    message = "no version needs it, and the process that wrote it is gone; it can be removed"
    return Finding(kind, subject, message, size)


def _unclaimed(kind: str, subject: str, size: int) -> Finding:
    message = (
        "it is older than the catalog, which was rebuilt: it may belong to a version whose "
        "receipt was lost with the old catalog, so it is kept"
    )
    return Finding(f"unclaimed-{kind}", subject, message, size)


def _began(catalog: Catalog, run: str) -> int:
    """Give when a run began, in microseconds since the epoch; 0 for a run that nobody knows."""
    try:
        return int(catalog.get_run(run).started_at.timestamp() * 1_000_000)
    except EdversionError:
        return 0


def _writer(name: str) -> str:
    """Give the run that a pack's name tells; empty where it tells none."""
    return name.partition("-")[2]


def _receipts(case: _Case) -> _Found:
    """Versions whose receipt is missing, damaged or out of date."""
    records = case.store.records
    present = sorted(records.receipt_names())
    listed = set(present)
    current: dict[str, int] = {}
    for key in case.catalog.all_keys():
        receipt = case.catalog.receipt_by_key(key)
        name, generation = receipt_name(*key), int(str(receipt["generation"]))
        current[name] = generation
        if not records.has_receipt(receipt):
            finding = _unusable("{}/{}:v{}".format(*key), there=(name, generation) in listed)
            yield finding, partial(records.write_receipt, receipt)
    for name, generation in present:
        if generation < current.get(name, 0):
            finding = Finding(
                "stale-receipt", f"{name}.{generation}.json", "a later one replaces it"
            )
            yield finding, partial(records.delete_receipt, name, generation)


def _policies(case: _Case) -> _Found:
    """Policies of promotion that a rebuilt catalog would not know of."""
    records = case.store.records
    for record in case.catalog.policy_records():
        if not records.has_policy(record):
            subject = "{project}/{collection}:{pattern} #{number}".format_map(record)
            message = "the store lacks this policy, which a lost catalog would be rebuilt from"
            yield Finding("missing-policy", subject, message), partial(records.write_policy, record)


def _unusable(subject: str, *, there: bool) -> Finding:
    if there:
        message = "its receipt in the store is damaged; it is written anew from the catalog"
        return Finding("damaged-receipt", subject, message)
    message = "the store lacks its receipt, which a lost catalog would be rebuilt from"
    return Finding("missing-receipt", subject, message)


def _old_catalog(case: _Case) -> _Found:
    """Receipts of what the catalog never heard of, as where an old copy of it was put back.

    One that cannot be read was of no use when the catalog was rebuilt. It is kept: it is all
    that tells of its version.
    """
    if case.catalog.setting(STORE_ID) is None:
        return  # it was lost, and is told of as such
    for name, generation in unheard_of(case.store, case.catalog):
        if not case.store.records.is_readable(name, generation):
            message = (
                "it is damaged, and the catalog does not know its version, whose bytes are kept: "
                "restore it from a backup, move the catalog away and let doctor rebuild it; or "
                "delete it to give that version up"
            )
            yield Finding("damaged-receipt", f"{name}.{generation}.json", message), None
            continue
        message = (
            "the catalog does not know this receipt: it is older than the store. Put the newer "
            "catalog back, or move this one away and let doctor rebuild it from the store"
        )
        yield Finding("old-catalog", f"{name}.{generation}.json", message), None


def unheard_of(store: Store, catalog: Catalog) -> list[tuple[str, int]]:
    """Give receipts that are newer than the catalog; they are listed before it is asked."""
    present = sorted(store.records.receipt_names())
    known = {receipt_name(*key): number for key, number in catalog.receipt_generations()}
    return [(name, number) for name, number in present if number > known.get(name, 0)]


def _damage(case: _Case) -> _Found:
    """Objects that versions need and that are gone or short; nothing here can mend that."""
    needed = case.catalog.pack_sizes().keys() - case.catalog.unused_packs().keys()
    sizes, present = case.catalog.pack_sizes(), dict(case.store.packs())
    for pack in sorted(needed):
        if present.get(pack) != sizes[pack]:
            kind = "short-pack" if pack in present else "missing-pack"
            message = (
                f"{_needing(case, pack)} need it; restore it from a backup, or log their content "
                "again with rehash ('edversion verify' names them all)"
            )
            yield Finding(kind, pack, message, sizes[pack]), None
    live = case.catalog.live_manifests()  # before they are listed: a new one is in the list then
    manifests = {(digest, generation) for digest, generation, _ in case.store.manifests()}
    for digest, generation in sorted(live - manifests):
        message = (
            "a version needs it; restore it from a backup, or log its content again with rehash "
            "('edversion verify' names it)"
        )
        yield Finding("missing-manifest", f"{digest}.{generation}", message), None


def _needing(case: _Case, pack: str) -> str:
    """Name the versions that need a pack, of many the first."""
    names = sorted(one.reference for one in case.catalog.sharers([pack]))
    rest = len(names) - _TOLD
    return ", ".join(names) if rest <= 0 else f"{', '.join(names[:_TOLD])} and {rest:,} more"


def _events(case: _Case) -> _Found:
    """A chain of events that does not prove itself."""
    try:
        case.catalog.verify_events()
    except IntegrityError as error:
        yield Finding("broken-events", "events", str(error)), None


def _undelivered(case: _Case) -> _Found:
    """What webhooks were not told: given up, or waiting although it could have been tried."""
    late = datetime.now(UTC) - _LATE
    for delivery in case.catalog.undelivered():
        name, subject = delivery.webhook, f"webhook:{delivery.webhook} {delivery.id}"
        said = f" ({delivery.answer})" if delivery.answer else ""
        if delivery.given_up_at is not None:
            message = (
                f"given up after {delivery.attempts} attempts{said}; look at 'edversion webhook "
                f"log {name}', then 'edversion webhook retry {name}', or remove the webhook"
            )
            yield Finding("undelivered", subject, message), None
        elif delivery.next_at is not None and delivery.next_at < late:
            message = (
                f"due for more than a day{said}: nobody delivers it. Run 'edversion webhook "
                "deliver', which says what it lacks"
            )
            yield Finding("undelivered", subject, message), None


def _nothing() -> None:
    """Mend what the repair of another finding has mended already."""


_LOOKS = (
    _lost_catalog,
    _old_catalog,
    _crashed_runs,
    _expired_drafts,
    _unused,
    _receipts,
    _policies,
    _damage,
    _undelivered,
    _events,
)
