"""The tables of webhooks: who is told of which moves, and what is still to be told.

They stand beside `tables`, whose schema they join; `migrations/` makes them in a step of their
own.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from edversion.catalog.tables import Id, Instant, schema

__all__ = ["outbox", "webhooks"]

# Of those without `removed_at`, no two have one name.
webhooks = Table(
    "webhooks",
    schema,
    Column("id", Id, primary_key=True),
    Column("name", String(128), nullable=False, index=True),
    # Names, or patterns of such.
    Column("project", String(128), nullable=False),
    Column("collection", String(128), nullable=False),
    Column("alias", String(128), nullable=False),
    Column("moves", JSON, nullable=False),
    # One of the two; the other is NULL.
    Column("url", Text),
    Column("command", JSON(none_as_null=True)),
    # Where the secret is, never the secret.
    Column("secret_env", String(128)),
    Column("allow_private", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("reason", Text),
    Column("removed_at", Instant),
    Column("removed_by", Text),
)

# A row for each webhook and move, written with the move.
outbox = Table(
    "outbox",
    schema,
    # What the receiver knows the delivery by, also when it comes again.
    Column("id", String(64), primary_key=True),
    Column("webhook_id", Id, ForeignKey("webhooks.id"), nullable=False),
    # Of the event.
    Column("sequence", BigInteger, nullable=False),
    # The very text that is signed and sent.
    Column("body", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("since", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    # NULL once it is delivered or given up.
    Column("next_at", Instant, index=True),
    # Who is at it, and until when nobody else may be.
    Column("lease", String(64)),
    Column("leased_until", Instant),
    Column("answer", Text),
    Column("delivered_at", Instant),
    Column("given_up_at", Instant),
    UniqueConstraint("webhook_id", "sequence"),
)
