"""Storage: what takes room, what gc would free, and what can still be brought back."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

import edversion
from edversion_plugins.dashboard.rendering import counted, moment
from edversion_plugins.dashboard.visit import Visit
from edversion_plugins.reporting.words import size

__all__ = ["show_storage", "storage_facts"]

_MOST = 10
_PER_PAGE = 50
_GRACE: timedelta = inspect.signature(edversion.Repository.gc).parameters["grace"].default


def show_storage(visit: Visit) -> Response:
    """Show what takes room; what gc would free only where somebody asks, for that takes long."""
    repository = visit.repository
    rules = visit.access.may_everywhere("admin")
    foreseen = repository.foresee_gc() if visit.text("gc") else None
    deleted = sorted(repository.deleted(), key=lambda each: each.purged_at is not None)
    number = visit.whole("page", 1)
    start = (number - 1) * _PER_PAGE
    sizes = repository.sizes()
    return visit.page(
        "storage.html",
        sentences=_sentences(visit, sizes, rules=rules),
        sizes=sorted(sizes, key=lambda each: -max(each.stored, each.size)),
        largest=repository.search(order_by="-size", limit=_MOST),
        shares=repository.within is None,
        rules=rules,
        foreseen=foreseen,
        freed=[] if foreseen is None else _foreseen(foreseen),
        deleted=[(each, _until(each)) for each in deleted[start : start + _PER_PAGE]],
        deleted_count=len(deleted),
        number=number,
        more=len(deleted) > start + _PER_PAGE,
    )


def storage_facts(visit: Visit) -> dict[str, Any]:
    """Give what takes room, as JSON."""
    rules = visit.access.may_everywhere("admin")
    return {
        "collections": [
            {
                "project": each.project,
                "name": each.name,
                "version_count": each.version_count,
                "size": each.size,
                "stored": each.stored,
                "shared": each.shared if visit.repository.within is None else None,
            }
            for each in visit.repository.sizes()
        ],
        "stored": visit.repository.stored_bytes() if rules else None,
    }


def _sentences(visit: Visit, sizes: Sequence[Any], *, rules: bool) -> list[str]:
    versions, whole = sum(each.version_count for each in sizes), sum(each.size for each in sizes)
    told = [
        f"{counted(versions, 'version')} in {counted(len(sizes), 'collection')} have files of "
        f"{size(whole)} together."
    ]
    if rules:
        stored = visit.repository.stored_bytes()
        told.append(
            f"The store takes {size(stored)} for them, and for deleted ones whose bytes are still "
            "there. What versions have in common is stored once, and text is stored compressed."
        )
        cached = visit.repository.cached_bytes()
        if cached:
            told.append(
                f"Besides, this machine keeps {size(cached)} of copies, so that they are fetched "
                "once; 'edversion cache clear' removes them, and nothing is lost."
            )
    return told


def _foreseen(report: Any) -> list[str]:
    """Say what gc would do."""
    told = [
        f"It would free {size(report.size)} now: {counted(report.packs, 'pack')}, and "
        f"{counted(report.leftovers, 'leftover')} of programs that died.",
        f"It would make {counted(len(report.condemned), 'deleted version')} wait for removal, and "
        f"remove the bytes of {counted(len(report.removed), 'version')} for good.",
    ]
    if report.waiting_size or report.waiting:
        told.append(
            f"{size(report.waiting_size)} of {counted(len(report.waiting), 'version')} wait until "
            "the time is over in which they can be restored."
        )
    if report.repacked:
        told.append(
            f"Writing {counted(report.repacked, 'pack')} anew would save "
            f"{size(report.repacked_size)} more."
        )
    told += [f"{name} stays: {why}." for name, why in list(report.kept.items())[:_MOST]]
    return told


def _until(deleted: Any) -> str:
    """Say until when a deleted version can be brought back."""
    if deleted.erased_at is not None:
        return "no: it was erased by law"
    if deleted.purged_at is not None:
        return f"no: its bytes went on {moment(deleted.purged_at)}"
    if deleted.condemned_at is None:
        return "yes, until a gc, and a day longer"
    ends: datetime = deleted.condemned_at + _GRACE
    return f"yes, until a gc after {moment(ends)}"
