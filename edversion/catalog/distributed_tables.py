"""The tables of drafts that many ranks put together, part by part.

They stand beside `tables`, whose schema they join; `migrations/` makes them in a step of their
own.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from edversion.catalog.tables import Id, Instant, schema

__all__ = ["draft_packs", "draft_parts", "drafts"]

# One that was completed stays, so that a rank that comes again is told of its version.
drafts = Table(
    "distributed_drafts",
    schema,
    # Random: a number could come again once its draft was given up, and ranks still name it.
    Column("id", String(32), primary_key=True),
    Column("project_id", Id, ForeignKey("projects.id"), nullable=False),
    # By name: the collection begins to exist with its first version.
    Column("collection", String(128), nullable=False),
    Column("type", String(128), nullable=False),
    Column("key", String(128), nullable=False),
    Column("parts", Integer, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("version_id", Id, ForeignKey("versions.id"), index=True),
    UniqueConstraint("project_id", "collection", "key"),
)

# What each rank has brought last.
draft_parts = Table(
    "draft_parts",
    schema,
    Column("draft_id", String(32), ForeignKey("distributed_drafts.id"), primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    # Of its manifest.
    Column("digest", String(80), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("file_count", BigInteger, nullable=False),
    Column("run_id", String(128), ForeignKey("runs.id")),
    Column("actor", Text, nullable=False),
    Column("at", Instant, nullable=False),
    # What it says of the version; NULL once that is there.
    Column("words", JSON(none_as_null=True)),
)

# The packs of parts whose version is not there yet.
draft_packs = Table(
    "draft_packs",
    schema,
    Column("draft_id", String(32), primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("pack_id", String(128), ForeignKey("packs.id"), primary_key=True, index=True),
    ForeignKeyConstraint(["draft_id", "part"], ["draft_parts.draft_id", "draft_parts.part"]),
)
