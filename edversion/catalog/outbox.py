"""The outbox: what webhooks are to be told, written in the transaction of the move itself.

So a move that happened is told, and one that did not is not, whatever crashes. A deliverer
claims one row at a time for a while (a lease): as every write holds the one lock of all
writers, no two claim the same one. Whoever dies in the middle leaves a lease that ends.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from edversion.catalog.database import Transaction
from edversion.catalog.moves import Passage
from edversion.catalog.reading import Place
from edversion.catalog.tables import dump_instant, versions
from edversion.catalog.webhook_tables import outbox, webhooks
from edversion.catalog.webhooks import Webhooks, live_webhooks, subject, to_webhook
from edversion.digests import canonical_json
from edversion.errors import NotFoundError
from edversion.model import Delivery, Json, MoveKind, Webhook

__all__ = ["Claim", "Outbox", "announce", "message_body"]

_ADD = insert(outbox)
_DIGESTS = select(versions.c.id, versions.c.number, versions.c.digest).where(
    versions.c.id.in_(bindparam("ids", expanding=True))
)
_OPEN = outbox.c.delivered_at.is_(None) & outbox.c.given_up_at.is_(None)
_LIVE = webhooks.c.removed_at.is_(None)
_ROWS = select(outbox, webhooks.c.name.label("webhook")).join(webhooks)
_DUE = (
    _ROWS.where(
        _LIVE,
        webhooks.c.name.in_(bindparam("names", expanding=True)),
        outbox.c.next_at <= bindparam("now"),
        outbox.c.leased_until.is_(None) | (outbox.c.leased_until <= bindparam("now")),
    )
    .order_by(outbox.c.next_at, outbox.c.sequence, outbox.c.id)
    .limit(1)
)
_NEXT = (
    select(outbox.c.next_at, outbox.c.leased_until)
    .join(webhooks)
    .where(_LIVE, webhooks.c.name.in_(bindparam("names", expanding=True)), _OPEN)
)
_UNDELIVERED = _ROWS.where(_LIVE, outbox.c.delivered_at.is_(None)).order_by(outbox.c.sequence)
_OF_WEBHOOK = _ROWS.where(webhooks.c.name == bindparam("name")).order_by(
    outbox.c.sequence.desc(), webhooks.c.id.desc()
)
_ONE = update(outbox).where(outbox.c.id == bindparam("one"))
_MINE = _ONE.where(outbox.c.lease == bindparam("mine"), _OPEN)
_OLD = delete(outbox).where(outbox.c.delivered_at < bindparam("before"))


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that one deliverer is at, and nobody else as long as the lease lasts.

    Attributes
    ----------
    webhook : Webhook
        Who is to be told.
    delivery : Delivery
        Of what; its `attempts` count this one.
    lease : str
        Proves that it is the same claim.
    """

    webhook: Webhook
    delivery: Delivery
    lease: str


class Outbox(Webhooks):
    """What webhooks are to be told, and what became of it."""

    def claim_delivery(
        self, names: Collection[str], *, now: datetime, until: datetime
    ) -> Claim | None:
        """Take the delivery that is due longest, of webhooks of these names; None if none is.

        Parameters
        ----------
        now : datetime
            What is due then, and what nobody else holds then, may be taken.
        until : datetime
            The end of the lease: from then on, others may take it.
        """
        asked = {"names": list(names), "now": now}
        with self._database.read() as connection:  # mostly nothing is due: disturb no writer
            if connection.execute(_DUE, asked).first() is None:
                return None
        with self._database.write() as transaction:
            row = transaction.execute(_DUE, asked).first()
            if row is None:
                return None
            lease = uuid.uuid4().hex
            taken = {"lease": lease, "leased_until": until, "attempts": row.attempts + 1}
            transaction.execute(_ONE, taken | {"one": row.id})
            hooks = {each.id: each for each in live_webhooks(transaction.connection)}
            delivery = _to_delivery(row, attempts=row.attempts + 1)
            return Claim(to_webhook(hooks[row.webhook_id]), delivery, lease)

    def mark_delivered(self, claim: Claim, answer: str, *, at: datetime) -> None:
        """Record that a delivery arrived, also where its lease ended meanwhile."""
        done = {"answer": answer, "delivered_at": at, "given_up_at": None}
        with self._database.write() as transaction:
            transaction.execute(_ONE, done | _ENDED | {"one": claim.delivery.id})

    def mark_failed(self, claim: Claim, answer: str, *, next_at: datetime) -> None:
        """Record that a delivery failed, and when to try it again."""
        failed = {"answer": answer, "next_at": next_at, "lease": None, "leased_until": None}
        with self._database.write() as transaction:
            transaction.execute(_MINE, failed | _held(claim))

    def give_up(self, claim: Claim, answer: str, *, at: datetime, actor: str) -> None:
        """Record that a delivery is tried no longer; that is an event."""
        ended = {"answer": answer, "given_up_at": at}
        with self._database.write() as transaction:
            if transaction.execute(_MINE, ended | _ENDED | _held(claim)).rowcount:
                what = claim.delivery
                after: Json = {
                    "delivery": what.id,
                    "event": what.event,
                    "attempts": what.attempts,
                    "answer": answer,
                }
                name = subject(claim.webhook.name)
                transaction.tell("webhook.given_up", name, actor=actor, after=after)

    def retry_deliveries(
        self, name: str, id: str | None = None, *, now: datetime, actor: str
    ) -> tuple[Delivery, ...]:
        """Let what was not delivered be tried at once, also what was given up; that is an event.

        Raises
        ------
        NotFoundError
            There is no such webhook, or no delivery of this id that did not arrive.
        """
        self.webhook(name)
        with self._database.write() as transaction:
            rows = [row for row in transaction.execute(_UNDELIVERED) if row.webhook == name]
            rows = [row for row in rows if id in (None, row.id)]
            if id is not None and not rows:
                raise NotFoundError(
                    f"webhook {name!r} has no delivery {id!r} that did not arrive; 'edversion "
                    f"webhook log {name}' lists all",
                    code="no_delivery",
                    id=id,
                )
            again = {"next_at": now, "since": now, "given_up_at": None}
            for row in rows:
                transaction.execute(_ONE, again | {"one": row.id})
            if rows:
                after: Json = [row.id for row in rows]
                transaction.tell("webhook.retried", subject(name), actor=actor, after=after)
            return tuple(_to_delivery(row, **again) for row in rows)

    def deliveries(self, name: str, *, limit: int | None = None) -> tuple[Delivery, ...]:
        """Give what webhooks of a name were to be told, newest first, also of one removed."""
        with self._database.read() as connection:
            rows = connection.execute(_OF_WEBHOOK.limit(limit), {"name": name})
            return tuple(_to_delivery(row) for row in rows)

    def undelivered(self) -> tuple[Delivery, ...]:
        """Give what waits or was given up, oldest first."""
        with self._database.read() as connection:
            return tuple(_to_delivery(row) for row in connection.execute(_UNDELIVERED))

    def next_delivery(self, names: Collection[str]) -> datetime | None:
        """Give when the next delivery to webhooks of these names may be tried; None if none is."""
        with self._database.read() as connection:
            rows = connection.execute(_NEXT, {"names": list(names)})
            times = [max(filter(None, (row.next_at, row.leased_until))) for row in rows]
            return min(times, default=None)

    def forget_deliveries(self, *, before: datetime) -> int:
        """Forget what was delivered before a time; give how many deliveries that were."""
        with self._database.write() as transaction:
            return transaction.execute(_OLD, {"before": before}).rowcount


_ENDED = {"next_at": None, "lease": None, "leased_until": None}


def _held(claim: Claim) -> dict[str, str]:
    return {"one": claim.delivery.id, "mine": claim.lease}


def announce(
    transaction: Transaction,
    place: Place,
    moved: tuple[str, int],
    change: tuple[int | None, int | None],
    passage: Passage,
    actor: str,
    reason: str | None,
) -> None:
    """Write a move into the outbox of every webhook that is to be told.

    Parameters
    ----------
    moved : (str, int)
        The alias, and its new revision.
    change : (int, int)
        Ids of the versions that had it and have it; None where none did or does.
    passage, actor, reason
        How, by whom and why; the event of the move was noted last.
    """
    alias, revision = moved
    heard = _heard(transaction.connection, place, alias, passage.kind)
    if not heard:
        return
    sequence = transaction.told()
    facts: dict[str, Json] = {
        "event": sequence,
        "alias": place.subject(alias),
        "project": place.project,
        "collection": place.name,
        "revision": revision,
        "kind": passage.kind,
        **_versions(transaction.connection, place, change),
        "actor": actor,
        "reason": reason,
        "evidence": passage.summary() if passage.evidence else None,
    }
    body = message_body(passage.action, transaction.at, facts)
    at = transaction.at
    row = {"sequence": sequence, "body": body, "at": at, "since": at, "next_at": at, "attempts": 0}
    for hook in heard:
        one = {"id": f"msg_{uuid.uuid4().hex}", "webhook_id": hook.id}
        transaction.execute(_ADD, row | one)
    transaction.announced = True


def _heard(connection: Connection, place: Place, alias: str, kind: MoveKind) -> list[Row[Any]]:
    """Give the webhooks that are to be told such a move."""
    return [
        row
        for row in live_webhooks(connection)
        if kind in row.moves
        and fnmatchcase(place.project, row.project)
        and fnmatchcase(place.name, row.collection)
        and fnmatchcase(alias, row.alias)
    ]


def message_body(kind: str, at: datetime, facts: Mapping[str, Json]) -> str:
    """Write what a webhook is told: what happened, when, and the facts of it."""
    return canonical_json(
        {"type": kind, "timestamp": dump_instant(at), "data": dict(facts)}
    ).decode()


def _versions(
    connection: Connection, place: Place, change: tuple[int | None, int | None]
) -> dict[str, Json]:
    ids = [id for id in change if id is not None]
    known: dict[int | None, Json] = {
        row.id: {"version": place.subject(f"v{row.number}"), "digest": row.digest}
        for row in connection.execute(_DIGESTS, {"ids": ids})
    }
    return {"before": known.get(change[0]), "after": known.get(change[1])}


def _to_delivery(row: Row[Any], **changes: Any) -> Delivery:
    fields = (
        "id", "webhook", "body", "at", "since", "attempts", "next_at", "answer", "delivered_at",
        "given_up_at",
    )  # fmt: skip
    values = {name: getattr(row, name) for name in fields}
    return Delivery(**(values | {"event": row.sequence} | changes))
