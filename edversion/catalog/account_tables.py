"""The tables of accounts: who a dashboard knows, what each may do, and how each proves it.

They stand beside `tables`, whose schema they join; `migrations/` makes them in step ``0010``.
Of passwords, tokens and sessions only what proves them is kept, never what opens them.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, String, Table, Text, UniqueConstraint

from edversion.catalog.tables import Id, Instant, schema

__all__ = ["account_grants", "account_sessions", "account_tokens", "accounts"]

accounts = Table(
    "accounts",
    schema,
    Column("id", Id, primary_key=True),
    Column("name", String(128), nullable=False),
    # In small letters: no two accounts look alike.
    Column("folded", String(128), nullable=False, unique=True),
    # What scrypt made of the password, with its salt and costs; NULL where there is none.
    Column("password", Text),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
)

account_grants = Table(
    "account_grants",
    schema,
    Column("account_id", Id, ForeignKey("accounts.id"), primary_key=True),
    # Empty where it is every project: a key holds no NULL.
    Column("project", String(128), primary_key=True),
    Column("role", String(16), nullable=False),
)

account_tokens = Table(
    "account_tokens",
    schema,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False),
    Column("name", String(128), nullable=False),
    # Of the secret.
    Column("digest", String(80), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("project", String(128)),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    UniqueConstraint("account_id", "name"),
)

# Of this one catalog: they are not copied with it.
account_sessions = Table(
    "account_sessions",
    schema,
    # Of the secret.
    Column("digest", String(80), primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=False),
    # Whatever is done with it meanwhile.
    Column("expires_at", Instant, nullable=False),
)
