"""Webhooks: who is told of which moves of aliases, since when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from edversion.catalog.area import Area
from edversion.catalog.database import Transaction
from edversion.catalog.policies import policies_in, refuse_strangers
from edversion.catalog.promotion_tables import policies
from edversion.catalog.reading import Place
from edversion.catalog.tables import collections, projects
from edversion.catalog.webhook_tables import outbox, webhooks
from edversion.errors import ConflictError, NotFoundError
from edversion.model import Json, MoveKind, Webhook

__all__ = ["NewWebhook", "Webhooks", "live_webhooks", "subject", "to_webhook"]

_LIVE = select(webhooks).where(webhooks.c.removed_at.is_(None)).order_by(webhooks.c.name)
_ADD = insert(webhooks)
_REMOVE = update(webhooks).where(webhooks.c.id == bindparam("one"))
_DROP = update(outbox).where(
    outbox.c.webhook_id == bindparam("one"),
    outbox.c.delivered_at.is_(None),
    outbox.c.given_up_at.is_(None),
)
_RULED = (
    select(collections, projects.c.name.label("project"))
    .join(projects)
    .where(collections.c.id.in_(select(policies.c.collection_id)))
)
_GONE = "the webhook was removed"


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook that is to be added; the fields are those of :class:`~edversion.model.Webhook`."""

    name: str
    project: str
    collection: str
    alias: str
    moves: tuple[MoveKind, ...]
    url: str | None
    command: tuple[str, ...] | None
    secret_env: str | None
    allow_private: bool
    created_by: str
    reason: str | None

    def facts(self) -> dict[str, Json]:
        """Give what the event says of it."""
        told = ("url", "command", "secret_env", "allow_private", "moves")
        facts = asdict(self)
        plain = {key: facts[key] for key in told}
        for key in ("command", "moves"):
            plain[key] = None if plain[key] is None else list(plain[key])
        return plain | {"target": f"{self.project}/{self.collection}:{self.alias}"}


class Webhooks(Area):
    """Everything about webhooks but what they are told."""

    def webhooks(self) -> tuple[Webhook, ...]:
        """Give the webhooks, by name."""
        with self._database.read() as connection:
            return tuple(to_webhook(row) for row in live_webhooks(connection))

    def webhook(self, name: str) -> Webhook:
        """Give one webhook.

        Raises
        ------
        NotFoundError
            There is none of this name; the message says which there are.
        """
        with self._database.read() as connection:
            return to_webhook(_named(live_webhooks(connection), name))

    def add_webhook(self, new: NewWebhook) -> Webhook:
        """Add a webhook.

        Raises
        ------
        ConflictError
            There is one of this name (code ``webhook_exists``).
        RefusedError
            A policy for aliases that it would be told of names owners, and the actor is none
            (code ``not_owner``).
        """
        with self._database.write() as transaction:
            if any(row.name == new.name for row in live_webhooks(transaction.connection)):
                raise ConflictError(
                    f"there is a webhook {new.name!r} already; give another name, or remove it "
                    f"first with 'edversion webhook remove {new.name}'",
                    code="webhook_exists",
                    name=new.name,
                )
            _check_owner(transaction, new, new.created_by)
            values = asdict(new) | {"created_at": transaction.at}
            transaction.execute(_ADD, values | {"moves": list(new.moves)})
            transaction.tell(
                "webhook.added",
                subject(new.name),
                actor=new.created_by,
                after=new.facts(),
                reason=new.reason,
            )
            return Webhook(**asdict(new), created_at=transaction.at)

    def remove_webhook(self, name: str, *, actor: str, reason: str | None) -> Webhook:
        """Remove a webhook; what it was still to be told is given up.

        Raises
        ------
        NotFoundError
            There is none of this name.
        RefusedError
            A policy for aliases that it is told of names owners, and the actor is none.
        """
        with self._database.write() as transaction:
            row = _named(live_webhooks(transaction.connection), name)
            gone = to_webhook(row)
            _check_owner(transaction, gone, actor)
            ended = {"removed_at": transaction.at, "removed_by": actor}
            transaction.execute(_REMOVE, ended | {"one": row.id})
            dropped = {"given_up_at": transaction.at, "next_at": None, "answer": _GONE}
            transaction.execute(_DROP, dropped | {"one": row.id})
            before: Json = {"target": gone.target, "url": gone.url}
            transaction.tell(
                "webhook.removed", subject(name), actor=actor, before=before, reason=reason
            )
            return gone


def subject(name: str) -> str:
    """Give what events call a webhook."""
    return f"webhook:{name}"


def live_webhooks(connection: Connection) -> list[Row[Any]]:
    """Give the rows of the webhooks that were not removed, by name."""
    return list(connection.execute(_LIVE))


def to_webhook(row: Row[Any]) -> Webhook:
    """Make a webhook of its row."""
    return Webhook(
        name=row.name,
        project=row.project,
        collection=row.collection,
        alias=row.alias,
        moves=tuple(row.moves),
        url=row.url,
        command=None if row.command is None else tuple(row.command),
        secret_env=row.secret_env,
        allow_private=row.allow_private,
        created_at=row.created_at,
        created_by=row.created_by,
        reason=row.reason,
    )


def _named(rows: Iterable[Row[Any]], name: str) -> Row[Any]:
    known = {row.name: row for row in rows}
    if name not in known:
        raise NotFoundError(
            f"there is no webhook {name!r}; there are: {', '.join(sorted(known)) or 'none'}",
            code="no_webhook",
            name=name,
        )
    return known[name]


def _check_owner(transaction: Transaction, one: NewWebhook | Webhook, actor: str) -> None:
    """Refuse whoever may not say what becomes of aliases that a policy protects."""
    for row in transaction.execute(_RULED).all():
        place = Place(row.id, row.project, row.name, row.type, row.next_number)
        if fnmatchcase(place.project, one.project) and fnmatchcase(place.name, one.collection):
            act = "add or remove a webhook on aliases of"
            refuse_strangers(policies_in(transaction.connection, place), one.alias, actor, act)
