"""The table of what came from other repositories.

It stands beside `tables`, whose schema it joins; `migrations/` makes it in step ``0006``.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, String, Table, bindparam, select

from edversion.catalog.tables import Id, schema

__all__ = ["ARRIVALS_OF", "arrivals"]

# Which version here is which one there; one that came over several stores has a row for each.
arrivals = Table(
    "arrivals",
    schema,
    # Id of the store that it comes from, and what it is called there.
    Column("origin", String(32), primary_key=True),
    Column("project", String(128), primary_key=True),
    Column("collection", String(128), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("version_id", Id, ForeignKey("versions.id"), nullable=False, index=True),
    # Digest of the record, in the store, of what was known of it there.
    Column("record", String(80), nullable=False),
    # Whether all versions that the record names were here by then.
    Column("complete", Boolean, nullable=False),
)

ARRIVALS_OF = (
    select(arrivals)
    .where(arrivals.c.version_id == bindparam("version"))
    .order_by(arrivals.c.origin, arrivals.c.project, arrivals.c.collection, arrivals.c.number)
)
"""The rows of one version, in the order that receipts and bundles keep."""
