"""The tables of experiments: what is compared, who was assigned, served, and what came of it.

They stand beside `tables`, whose schema they join; `migrations/` makes them in step ``0009``.
The last three hold pseudonyms, never ids. They point at their experiment without a foreign key:
it is looked up in the transaction that writes a thousand rows, and none is ever deleted.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
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

from edversion.catalog.tables import Id, Instant, schema

__all__ = ["assignments", "experiments", "exposures", "outcomes", "variants"]

experiments = Table(
    "experiments",
    schema,
    Column("id", Id, primary_key=True),
    Column("project_id", Id, ForeignKey("projects.id"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    # What does not change once it runs; see `experiment_rows`.
    Column("definition", JSON, nullable=False),
    Column("namespace", String(128), index=True),
    Column("low", Float(53)),
    Column("high", Float(53)),
    Column("ramp", Float(53), nullable=False),
    # Which key made the pseudonyms.
    Column("key_id", String(64)),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("started_at", Instant),
    Column("stopped_at", Instant),
    Column("archived_at", Instant),
    UniqueConstraint("project_id", "name"),
)

variants = Table(
    "experiment_variants",
    schema,
    Column("experiment_id", Id, ForeignKey("experiments.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", String(128), nullable=False),
    # What was asked for, an alias perhaps; and since the start, what it was then.
    Column("asked", Text, nullable=False),
    Column("weight", Float(53), nullable=False),
    Column("started_weight", Float(53)),
    Column("version_id", Id, ForeignKey("versions.id"), index=True),
    Column("digest", String(80)),
)

assignments = Table(
    "assignments",
    schema,
    Column("experiment_id", Id, primary_key=True),
    Column("unit", String(64), primary_key=True),
    # Empty where none was said: a key holds no NULL.
    Column("cluster", String(64), primary_key=True),
    Column("variant", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("rule", String(16), nullable=False),
    Index("ix_assignments_cluster", "experiment_id", "cluster"),
    sqlite_with_rowid=False,  # the key is most of the row
)

exposures = Table(
    "exposures",
    schema,
    Column("id", Id, primary_key=True),
    Column("experiment_id", Id, nullable=False),
    Column("unit", String(64), nullable=False),
    Column("cluster", String(64), nullable=False),
    Column("variant", Integer, nullable=False),
    # What was really served, also where that was not what was pinned.
    Column("digest", String(80), nullable=False),
    Column("at", Instant, nullable=False),
    Column("request", Text),
    Column("fallback", Text),
    Index("ix_exposures_unit", "experiment_id", "unit"),
)

outcomes = Table(
    "outcomes",
    schema,
    Column("id", Id, primary_key=True),
    Column("experiment_id", Id, nullable=False),
    Column("unit", String(64), nullable=False),
    Column("name", String(128), nullable=False),
    Column("value", Float(53), nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_outcomes_unit", "experiment_id", "unit"),
)
