"""The tables of promotion: moves of aliases, policies, approvals, and what waits for them.

They stand beside `tables`, whose schema they join; `migrations/` makes them in step ``0002``,
and that of rejections in step ``0011``.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from edversion.catalog.tables import Id, Instant, schema

__all__ = ["approvals", "moves", "policies", "proposals", "rejections"]

# Every move of an alias but ``latest``: what its history and a rollback are read from.
moves = Table(
    "moves",
    schema,
    Column("collection_id", Id, ForeignKey("collections.id"), primary_key=True),
    Column("alias", String(128), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    # NULL where it came from nowhere, or where it was removed.
    Column("before_id", Id, ForeignKey("versions.id")),
    Column("version_id", Id, ForeignKey("versions.id"), index=True),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    # What the gates said, where they were asked.
    Column("evidence", JSON, nullable=False),
)

policies = Table(
    "policies",
    schema,
    Column("id", Id, primary_key=True),
    Column("collection_id", Id, ForeignKey("collections.id"), nullable=False),
    Column("pattern", String(128), nullable=False),
    Column("number", Integer, nullable=False),
    # TOML as it was written; NULL where the policy was withdrawn.
    Column("text", Text),
    Column("rules", JSON, nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    UniqueConstraint("collection_id", "pattern", "number"),
)


def _decisions(name: str) -> Table:
    """Give a table of what people say of versions, each with the report that was shown."""
    return Table(
        name,
        schema,
        Column("id", Id, primary_key=True),
        Column("version_id", Id, ForeignKey("versions.id"), nullable=False),
        Column("alias", String(128), nullable=False),
        Column("at", Instant, nullable=False),
        Column("actor", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("digest", String(80), nullable=False),
        Column("evidence", JSON, nullable=False),
        Index(f"ix_{name}_version", "version_id", "alias"),
    )


approvals = _decisions("approvals")

# Somebody's later approval of the same evidence takes a rejection back.
rejections = _decisions("rejections")

# Promotions that nothing but approvals keeps from happening.
proposals = Table(
    "proposals",
    schema,
    Column("version_id", Id, ForeignKey("versions.id"), primary_key=True),
    Column("alias", String(128), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
)
