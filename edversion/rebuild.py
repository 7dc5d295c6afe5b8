"""Bring a lost catalog back from what the store keeps of it, and say what no store keeps."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from edversion.catalog import Catalog, Kept
from edversion.store import Store

__all__ = ["GONE", "REBUILT", "STORE_ID", "Rebuilt", "rebuild_catalog"]

STORE_ID = "store_id"
REBUILT = "rebuilt_at"
"""A setting: microseconds since the epoch, as the generations of manifests."""

GONE: Mapping[str, str] = {
    "events": "the events before now, with who was refused what: a new chain begins, whose first "
    "event says so",
    "moves": "moves of aliases past the gates; each alias points where it did and counts on, but "
    "who moved it last, and when, is known of promotions and rollbacks alone",
    "proposals": "promotions that wait for approval: ask for them again; approvals and "
    "rejections are kept",
    "webhooks": "webhooks, and what they were told: add them again",
    "accounts": "accounts of dashboards, their roles, passwords and tokens: add them again",
    "instances": "which process serves what: each tells it again at its next report",
    "learners": "who was assigned and served in experiments, and what came of it: learners are "
    "assigned anew, by the same salt and weights",
    "drafts": "versions that several ranks have not completed: the ranks send their parts again, "
    "and what they sent before is kept, of which 'edversion doctor' tells",
    "condemned": "since when deleted versions wait for gc: their time of grace begins anew",
    "times": "when a project, a collection or a pack was made: the time of its first run or "
    "version stands for it",
    "order": "the order in which metadata was written: its keys come back sorted",
}
"""What no store keeps, and what follows, in words; the keys are stable."""

_COUNTED = {
    "versions": "versions",
    "aliases": "aliases",
    "tags": "tags",
    "revisions": "revisions",
    "runs": "runs",
    "edges of runs": "run_versions",
    "edges between versions": "version_sources",
    "metrics": "metrics",
    "promotions": "moves",
    "approvals": "approvals",
    "rejections": "rejections",
    "policies": "policies",
    "policies of retention": "retention_policies",
    "deployments": "deployments",
    "experiments": "experiments",
}


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came back.

    Attributes
    ----------
    store, catalog : str
        URLs, without passwords.
    counts : mapping of str to int
        How many versions (deleted ones too), aliases, runs and so on.
    unread : tuple of str
        Records of the store that are damaged, so that what they tell did not come back.
    gone : mapping of str to str
        What no store keeps, in words; see `GONE`.
    """

    store: str
    catalog: str
    counts: Mapping[str, int]
    unread: tuple[str, ...]
    gone: Mapping[str, str]


def rebuild_catalog(store: Store, catalog: Catalog, *, actor: str) -> Rebuilt:
    """Fill an empty catalog from the store, in one transaction.

    Every record is read once, several at a time where the store is far away; no manifest and no
    pack is.

    Raises
    ------
    RefusedError
        The catalog has versions or runs (code ``not_empty``); nothing was changed.
    """
    catalog.refuse_filled()  # before a bucket is read for nothing
    records, unread = store.records.everything(store.threads)
    kept = Kept(
        retentions=records["retention"],
        policies=records["policies"],
        deployments=records["deployments"],
        experiments=records["experiments"],
        manifests={(digest, generation) for digest, generation, _ in store.manifests()},
        packs={pack for pack, _ in store.packs()},
        settings={STORE_ID: store.id, REBUILT: str(time.time_ns() // 1_000)},
    )
    catalog.restore(records["receipts"], records["runs"], actor=actor, kept=kept)
    rows = catalog.counts()
    counts = {word: rows[table] for word, table in _COUNTED.items()}
    return Rebuilt(store.url, catalog.url, counts, tuple(unread), GONE)
