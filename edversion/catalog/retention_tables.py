"""The tables of retention: what stays, and what is about to be removed.

They stand beside `tables`, whose schema they join; `migrations/` makes them in step ``0003``.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Table, Text

from edversion.catalog.tables import Id, Instant, schema

__all__ = ["removals", "retention_policies"]

# Objects that are to be deleted, so that a crash in the middle of it forgets none; manifests
# that wait for it (`replaced`, since `due_at`), packs of which something died (`worn`), and packs
# in which a mended version's bytes lay (`former`, the generation being the version's id), or those
# of a part that no version came of (0).
removals = Table(
    "removals",
    schema,
    Column("kind", String(16), primary_key=True),
    # Id of a pack, or digest of a version whose manifest goes.
    Column("name", String(128), primary_key=True),
    # Of the manifest; 0 for a pack.
    Column("generation", BigInteger, primary_key=True, autoincrement=False),
    Column("due_at", Instant, nullable=False, index=True),
)

# Every policy that a collection had; the highest number holds, and none does where its text
# is NULL.
retention_policies = Table(
    "retention_policies",
    schema,
    Column("collection_id", Id, ForeignKey("collections.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("text", Text),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
)
