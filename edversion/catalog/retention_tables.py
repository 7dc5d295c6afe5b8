"""The tables of retention: what is about to be removed from the store.

They stand beside `tables`, whose schema they join; `migrations/` makes them in step ``0003``.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table

from edversion.catalog.tables import Instant, schema

__all__ = ["removals"]

# Objects that are to be deleted, so that a crash in the middle of it forgets none.
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
