"""Drafts of many ranks, inside the transactions that change them.

A part's bytes are durable before its row is there, and its packs are needed from then on. Rows
of parts go when the draft expires, when its rank sends another part in its place, and when
bytes that it shares are erased.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, select, tuple_, update

from edversion.catalog.area import batches
from edversion.catalog.database import Transaction
from edversion.catalog.distributed_tables import draft_packs, draft_parts, drafts
from edversion.catalog.doomed import MANIFEST, Removal, doom
from edversion.catalog.reading import VERSIONS
from edversion.catalog.requests import CommitRequest, Completion
from edversion.catalog.tables import projects, versions
from edversion.catalog.wear import NOBODY, note_former, note_worn
from edversion.errors import ConflictError

__all__ = [
    "DRAFTS",
    "close_draft",
    "completed",
    "draft_gone",
    "draft_subject",
    "drop_draft",
    "drop_expired",
    "drop_parts",
    "lose_parts",
    "part_of",
    "parts_of",
    "refuse_drafted",
]

DRAFTS = select(drafts, projects.c.name.label("project")).join(projects)
"""Every draft, with the name of its project."""

_ONE = DRAFTS.where(drafts.c.id == bindparam("id"))
# Of all parts only what identifies them: each of a thousand ranks asks for it.
_PARTS: Select[Any] = (
    select(
        draft_parts.c.draft_id,
        draft_parts.c.part,
        draft_parts.c.digest,
        draft_parts.c.generation,
    )
    .where(draft_parts.c.draft_id == bindparam("id"))
    .order_by(draft_parts.c.part)
)
_PART = _PARTS.where(draft_parts.c.part == bindparam("number"))
_VERSION = VERSIONS.where(versions.c.id == bindparam("id"))
_CLOSE = update(drafts).where(drafts.c.id == bindparam("draft"))
_SILENCE = update(draft_parts).where(draft_parts.c.draft_id == bindparam("draft"))
_LET_GO = delete(draft_packs).where(draft_packs.c.draft_id == bindparam("draft"))


def draft_subject(row: Row[Any]) -> str:
    """Give what events call a draft."""
    return f"draft {row.project}/{row.collection} {row.key}"


def draft_gone(subject: str) -> ConflictError:
    """Say that a draft is no more."""
    return ConflictError(
        f"the {subject} is gone: its time was over before all parts were there. Every rank has to "
        "send its part again",
        code="draft_gone",
        draft=subject,
    )


def parts_of(connection: Connection, draft_id: str) -> dict[int, Row[Any]]:
    """Give the parts that are there, by number: what identifies each."""
    return {row.part: row for row in connection.execute(_PARTS, {"id": draft_id})}


def part_of(connection: Connection, draft_id: str, number: int) -> Row[Any] | None:
    """Give one part, if it is there."""
    return connection.execute(_PART, {"id": draft_id, "number": number}).one_or_none()


def completed(transaction: Transaction, completion: Completion | None) -> Row[Any] | None:
    """Give the row of the version that a draft became already; None where it is still open.

    Raises
    ------
    ConflictError
        The draft is gone (code ``draft_gone``), or has other parts than those that were put
        together (code ``draft_changed``).
    """
    if completion is None:
        return None
    row = transaction.execute(_ONE, {"id": completion.draft}).one_or_none()
    if row is None:
        raise draft_gone(f"draft #{completion.draft}")
    if row.version_id is not None:
        return transaction.execute(_VERSION, {"id": row.version_id}).one()
    found = parts_of(transaction.connection, row.id)
    if _manifests(found) != dict(completion.parts):
        raise ConflictError(
            f"another part came for the {draft_subject(row)} meanwhile; put them together again",
            code="draft_changed",
            draft=draft_subject(row),
        )
    return None


def close_draft(
    transaction: Transaction, request: CommitRequest, version_id: int, subject: str
) -> None:
    """Let a draft be the version that it became, which names its packs from now on."""
    if request.completes is None:
        return
    key = {"draft": request.completes.draft}
    row = transaction.execute(_ONE, {"id": request.completes.draft}).one()
    if row.version_id is not None:  # it was completed before, and is mended
        return
    transaction.execute(_CLOSE.values(version_id=version_id), key)
    transaction.execute(_SILENCE.values(words=None), key)
    transaction.execute(_LET_GO, key)
    done: dict[str, Any] = {"version": subject, "parts": row.parts}
    transaction.tell("draft.completed", draft_subject(row), actor=request.actor, after=done)


def drop_draft(transaction: Transaction, row: Row[Any], *, actor: str, reason: str) -> None:
    """Forget a draft with its parts; what they brought is nobody's from then on."""
    there = parts_of(transaction.connection, row.id)
    if row.version_id is None:
        told: dict[str, Any] = {"parts": row.parts, "present": sorted(there)}
        subject = draft_subject(row)
        transaction.tell("draft.dropped", subject, actor=actor, before=told, reason=reason)
        doom(transaction, _removals(there.values()), transaction.at)
    drop_parts(transaction, there.values())
    transaction.execute(delete(drafts).where(drafts.c.id == row.id))


def drop_expired(transaction: Transaction, actor: str) -> tuple[str, ...]:
    """Forget the drafts whose time was over before all parts were there; give their subjects."""
    late = DRAFTS.where(drafts.c.version_id.is_(None), drafts.c.expires_at <= transaction.at)
    rows = transaction.execute(late.order_by(drafts.c.opened_at, drafts.c.id)).all()
    for row in rows:
        drop_draft(transaction, row, actor=actor, reason="its time was over")
    return tuple(map(draft_subject, rows))


def drop_parts(transaction: Transaction, parts: Iterable[Row[Any]]) -> None:
    """Forget parts; packs that they shared with others may hold what nobody needs now."""
    for batch in batches((part.draft_id, part.part) for part in parts):
        its = tuple_(draft_packs.c.draft_id, draft_packs.c.part).in_(batch)
        named = select(draft_packs.c.pack_id).distinct().where(its)
        former = transaction.execute(named).scalars().all()
        note_worn(transaction, former)
        note_former(transaction, NOBODY, former)
        transaction.execute(delete(draft_packs).where(its))
        these = tuple_(draft_parts.c.draft_id, draft_parts.c.part).in_(batch)
        transaction.execute(delete(draft_parts).where(these))


def lose_parts(
    transaction: Transaction, packs: Collection[str], actor: str, reason: str
) -> list[Removal]:
    """Forget the parts that lie in packs which go at once; their ranks have to send them again.

    Gives what is to be deleted from the store.
    """
    lost: dict[tuple[str, int], Row[Any]] = {}
    for batch in batches(packs):
        naming = (
            select(*_PARTS.selected_columns)
            .distinct()
            .join(draft_packs)
            .where(draft_packs.c.pack_id.in_(batch))
            .order_by(draft_parts.c.draft_id, draft_parts.c.part)
        )
        lost |= {(row.draft_id, row.part): row for row in transaction.execute(naming)}
    drop_parts(transaction, lost.values())
    for draft_id, part in lost:
        row = transaction.execute(_ONE, {"id": draft_id}).one()
        subject = draft_subject(row)
        transaction.tell("draft.part_lost", subject, actor=actor, before=part, reason=reason)
    return doom(transaction, _removals(lost.values()), transaction.at)


def refuse_drafted(transaction: Transaction, packs: Collection[str]) -> None:
    """Refuse to replace packs that parts have come to share: nobody could tell them.

    Raises
    ------
    ConflictError
        Some part does (code ``repack_raced``).
    """
    for batch in batches(packs):
        query = select(draft_packs.c.pack_id).where(draft_packs.c.pack_id.in_(batch)).limit(1)
        if transaction.execute(query).first() is not None:
            raise ConflictError(
                "parts of a draft share packs by now; try again later", code="repack_raced"
            )


def _manifests(parts: Mapping[int, Row[Any]]) -> dict[int, tuple[str, int]]:
    return {part: (row.digest, row.generation) for part, row in parts.items()}


def _removals(parts: Iterable[Row[Any]]) -> list[Removal]:
    return [Removal(MANIFEST, row.digest, row.generation) for row in parts]
