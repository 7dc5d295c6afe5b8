"""The tables of deployments: who follows which alias, and what each instance reported.

They stand beside `tables`, whose schema they join; `migrations/` makes them in step ``0004``.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from edversion.catalog.tables import Id, Instant, aliases, schema

__all__ = ["FOLLOWS", "FORGOTTEN", "deployments", "instances"]

# A deployment that was removed stays, and is taken up again by its name.
deployments = Table(
    "deployments",
    schema,
    Column("id", Id, primary_key=True),
    Column("project_id", Id, ForeignKey("projects.id"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("collection_id", Id, ForeignKey("collections.id"), nullable=False),
    Column("alias", String(128), nullable=False),
    # Seconds.
    Column("poll", Float(53), nullable=False),
    Column("silent_after", Float(53), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("reason", Text),
    Column("removed_at", Instant),
    UniqueConstraint("project_id", "name"),
    Index("ix_deployments_follows", "collection_id", "alias"),
)

# One row for each follower in each process, the newest word of it.
instances = Table(
    "deployment_instances",
    schema,
    Column("id", String(128), primary_key=True),
    Column("deployment_id", Id, ForeignKey("deployments.id"), nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("version_id", Id, ForeignKey("versions.id"), index=True),
    # Of the alias, when it led to that version.
    Column("revision", Integer),
    Column("since", Instant),
    Column("problem", Text),
    Column("problem_id", Id, ForeignKey("versions.id")),
    Column("silent_after", Float(53), nullable=False),
    Column("unseen_from", Instant),
    Column("unseen_until", Instant),
    Column("heard_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index("ix_deployment_instances_heard", "deployment_id", "heard_at"),
)

FOLLOWS = (aliases.c.collection_id == deployments.c.collection_id) & (
    aliases.c.name == deployments.c.alias
)
"""Which alias a deployment follows."""

FORGOTTEN = timedelta(days=7)
"""How long an instance that nobody hears of is listed, and protects what it served."""
