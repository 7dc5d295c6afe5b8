"""The chain of events: each digest covers the one before it.

Whoever changes, removes, adds or reorders an event later breaks a link, and
:func:`verify` finds which. The row in ``chain`` holds the end, so that a chain cut short
is found as well.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from sqlalchemy import ColumnElement, Connection, Row, func, insert, literal, or_, select, update

from edversion.catalog.tables import chain, dump_instant, events, projects, runs
from edversion.digests import canonical_json, digest_of_bytes
from edversion.errors import IntegrityError
from edversion.model import Event, Json

__all__ = ["Draft", "append", "following", "length", "listing", "start", "verify"]

_END = select(chain.c.sequence, chain.c.digest).where(chain.c.id == 1)
_MOVE_END = update(chain).where(chain.c.id == 1)
_ADD = insert(events)
_BATCH = 1000
_KINDS = ("", "deployment ", "draft ", "experiment ")
"""What stands before ``project/name`` in the subjects of events; versions have nothing there."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that has no place in the chain yet."""

    actor: str
    action: str
    subject: str
    before: Json
    after: Json
    reason: str | None


def start(connection: Connection) -> None:
    """Write the end of an empty chain, once in the life of a catalog."""
    connection.execute(insert(chain), {"id": 1, "sequence": 0, "digest": ""})


def length(connection: Connection) -> int:
    """Give how many events the chain has."""
    return int(connection.execute(_END).one().sequence)


def append(connection: Connection, drafts: Sequence[Draft], at: datetime) -> None:
    """Link events to the end of the chain; the caller holds the write lock."""
    if not drafts:
        return
    sequence, digest = connection.execute(_END).one()
    rows = []
    for draft in drafts:
        sequence += 1
        fields = _fields(draft, sequence, dump_instant(at))
        digest = _link(digest, fields)
        rows.append(_row(fields, digest))
    connection.execute(_ADD, rows)
    connection.execute(_MOVE_END, {"sequence": sequence, "digest": digest})


def _fields(draft: Draft, sequence: int, at: str) -> dict[str, Any]:
    """Give what the digest of an event covers."""
    return {
        "sequence": sequence,
        "at": at,
        "actor": draft.actor,
        "action": draft.action,
        "subject": draft.subject,
        "before": draft.before,
        "after": draft.after,
        "reason": draft.reason,
    }


def _row(fields: dict[str, Any], digest: str) -> dict[str, Any]:
    texts = {key: canonical_json(fields[key]).decode() for key in ("before", "after")}
    return {**fields, **texts, "digest": digest}


def _link(previous: str, fields: dict[str, Any]) -> str:
    """Digest the previous digest and this event's canonical JSON."""
    return digest_of_bytes(previous.encode() + canonical_json(fields))


def listing(
    connection: Connection,
    subject: str | None,
    limit: int | None,
    action: str | None = None,
    *,
    before: int | None = None,
    within: Collection[str] | None = None,
) -> tuple[Event, ...]:
    """Give events, newest first; where projects are named, those about what is in them."""
    query = select(events).order_by(events.c.sequence.desc()).limit(limit)
    if within is not None:
        query = query.where(_within(within, connection.dialect.name))
    if subject is not None:
        query = query.where(events.c.subject == subject)
    if action is not None:
        query = query.where(events.c.action == action)
    if before is not None:
        query = query.where(events.c.sequence < before)
    return tuple(_event(row) for row in connection.execute(query))


def _within(names: Collection[str], dialect: str) -> ColumnElement[bool]:
    """Give the condition that an event is about something in projects, or a run of theirs.

    What stands before the slash is held against names as a whole: a pattern for each name would
    take ``SCHOOL/`` for ``school/`` in SQLite, and be too much for it from 250 projects on.
    """
    subject = events.c.subject
    place = (
        func.substr(subject, 1, func.instr(subject, "/") - 1)
        if dialect == "sqlite"
        else func.split_part(subject, "/", 1)
    )
    own = select(literal("run ") + runs.c.id).join(projects).where(projects.c.name.in_(names))
    places = [f"{kind}{name}" for kind in _KINDS for name in names]
    return or_(subject.contains("/") & place.in_(places), subject.in_(own))


def following(connection: Connection, sequence: int) -> tuple[Event, ...]:
    """Give some events after one, oldest first; none where it is the last."""
    query = select(events).where(events.c.sequence > sequence)
    rows = connection.execute(query.order_by(events.c.sequence).limit(_BATCH))
    return tuple(_event(row) for row in rows)


def _event(row: Row[Any]) -> Event:
    return Event(
        sequence=row.sequence,
        at=datetime.fromisoformat(row.at),
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        before=json.loads(row.before),
        after=json.loads(row.after),
        reason=row.reason,
        digest=row.digest,
    )


def verify(connection: Connection) -> int:
    """Prove the whole chain; give the number of its events.

    Raises
    ------
    IntegrityError
        Names the first event that was changed, is missing or out of place.
    """
    count, digest = 0, ""
    with closing(_all_rows(connection)) as rows:
        for row in rows:
            if row["sequence"] != count + 1:
                _broken(count + 1, f"it is missing; event {row['sequence']} follows event {count}")
            count += 1
            digest = _proven(digest, row)
    end = connection.execute(_END).one_or_none()
    if end is None or (end.sequence, end.digest) != (count, digest):
        said = "no end" if end is None else f"its end at event {end.sequence}"
        _broken(count + 1, f"the chain has {count} events and records {said}")
    return count


def _proven(previous: str, row: dict[str, Any]) -> str:
    """Give an event's digest where its stored text is exactly what was linked."""
    digest: str = row.pop("digest")
    try:
        exact = all(
            canonical_json(json.loads(row[key])).decode() == row[key] for key in ("before", "after")
        )
        fields = dict(row, before=json.loads(row["before"]), after=json.loads(row["after"]))
        intact = exact and _link(previous, fields) == digest
    except (TypeError, ValueError):
        intact = False
    if not intact:
        _broken(row["sequence"], "it, or the event before it, was changed")
    return digest


def _broken(sequence: int, fault: str) -> NoReturn:
    raise IntegrityError(
        f"the chain of events is broken at event {sequence}: {fault}. Facts since then cannot "
        "be trusted; restore the catalog from a backup, or rebuild it from the store",
        code="event_chain",
        sequence=sequence,
    )


def _all_rows(connection: Connection) -> Generator[dict[str, Any]]:
    """Stream every event by its place, a batch at a time."""
    query = select(events).order_by(events.c.sequence).execution_options(yield_per=_BATCH)
    with connection.execute(query) as rows:
        for row in rows:
            yield dict(row._mapping)
