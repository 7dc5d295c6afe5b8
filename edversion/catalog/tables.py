"""The tables of the catalog.

``migrations/`` creates the same tables step by step; a test compares the two. There is
never a row per small file: manifests in the store hold those.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from edversion.errors import StorageError

__all__ = [
    "Id",
    "Instant",
    "aliases",
    "chain",
    "collections",
    "dump_instant",
    "dump_json",
    "events",
    "files",
    "metadata_values",
    "metrics",
    "packs",
    "projects",
    "revision_table",
    "revisions",
    "run_versions",
    "runs",
    "schema",
    "settings",
    "tags",
    "version_packs",
    "version_sources",
    "versions",
]


def dump_instant(moment: datetime) -> str:
    """Write a time as UTC text that sorts as the times do."""
    # Not by strftime, which takes ten times as long and is called for every time there is.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def dump_json(value: object) -> str:
    """Write JSON as the catalog stores it: readable in every script, keys as given."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def load_json(text: str | bytes) -> Any:
    """Read JSON; what is empty, as most facts and tags are, without the reader's overhead."""
    if text == "{}":
        return {}
    return [] if text == "[]" else json.loads(text)


class Instant(TypeDecorator[datetime]):
    """An aware time, stored as UTC text with microseconds; the same on every database."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Write the time."""
        return None if value is None else dump_instant(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read the time."""
        try:
            return None if value is None else datetime.fromisoformat(value)
        except ValueError as error:
            raise StorageError(
                f"the catalog holds {value!r} where a time should be", code="catalog_damaged"
            ) from error


schema = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only in a column of type INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")

# Where alembic looks for the revision; outside `schema`, since alembic makes it itself.
revision_table = Table(
    "alembic_version", MetaData(), Column("version_num", String(32), primary_key=True)
)

settings = Table(
    "settings",
    schema,
    Column("key", String(128), primary_key=True),
    Column("value", Text, nullable=False),
)

projects = Table(
    "projects",
    schema,
    Column("id", Id, primary_key=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
)

collections = Table(
    "collections",
    schema,
    Column("id", Id, primary_key=True),
    Column("project_id", Id, ForeignKey("projects.id"), nullable=False),
    Column("name", String(128), nullable=False, index=True),
    Column("type", String(128), nullable=False),
    Column("next_number", BigInteger, nullable=False),
    # Counted along, because to count a hundred thousand rows takes 50 ms.
    Column("version_count", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("project_id", "name"),
)

runs = Table(
    "runs",
    schema,
    Column("id", String(128), primary_key=True),
    Column("project_id", Id, ForeignKey("projects.id"), nullable=False),
    Column("name", Text, nullable=False, index=True),
    Column("job_type", Text),
    Column("status", String(16), nullable=False),
    Column("config", JSON, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("error", Text),
    Column("environment", JSON, nullable=False),
    Index("ix_runs_newest", "started_at", "id"),
    Index("ix_runs_project", "project_id", "started_at", "id"),
    Index("ix_runs_status", "status", "started_at", "id"),
)

versions = Table(
    "versions",
    schema,
    Column("id", Id, primary_key=True),
    Column("collection_id", Id, ForeignKey("collections.id"), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("digest", String(80), nullable=False, index=True),
    Column("generation", Id, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("file_count", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("facts", JSON, nullable=False),
    # The newest revision lives here, those before it in `revisions`.
    Column("metadata", JSON, nullable=False),
    Column("description", Text),
    Column("revised_at", Instant, nullable=False),
    Column("revised_by", Text, nullable=False),
    Column("revised_reason", Text),
    Column("receipt_generation", Integer, nullable=False),
    Column("deleted_at", Instant),
    Column("deleted_by", Text),
    Column("deleted_reason", Text),
    # Of a deleted version: since when its bytes wait for their removal, and when they went.
    Column("condemned_at", Instant),
    Column("purged_at", Instant),
    # Of one whose bytes were destroyed because the law asked for it.
    Column("erased_at", Instant),
    Column("erased_by", Text),
    Column("erased_reason", Text),
    Column("erased_basis", Text),
    UniqueConstraint("collection_id", "number"),
)
# The same content is live once in a collection; deleted versions keep their number.
# The migration says so to PostgreSQL as well; to say it here would import its dialect.
Index(
    "uq_versions_live_digest",
    versions.c.collection_id,
    versions.c.digest,
    unique=True,
    sqlite_where=versions.c.deleted_at.is_(None),
)

revisions = Table(
    "revisions",
    schema,
    Column("id", Id, primary_key=True),
    Column("version_id", Id, ForeignKey("versions.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("description", Text),
    Column("reason", Text),
)

# Leaves of the metadata, so that a search reads an index and never JSON.
metadata_values = Table(
    "metadata_values",
    schema,
    Column("version_id", Id, ForeignKey("versions.id"), primary_key=True),
    # Before the position, so that sorting by a key finds it in each version at once.
    Column("key", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("number", Float(53)),
    Column("text", Text),
    Index("ix_metadata_values_number", "key", "number", "version_id"),
    Index("ix_metadata_values_text", "key", "text", "version_id"),
    sqlite_with_rowid=False,  # else its planner sorts by the index on values, for minutes
)

packs = Table(
    "packs",
    schema,
    Column("id", String(128), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("condemned_at", Instant),
    Column("removed_at", Instant),
)

version_packs = Table(
    "version_packs",
    schema,
    Column("version_id", Id, ForeignKey("versions.id"), primary_key=True),
    Column("pack_id", String(128), ForeignKey("packs.id"), primary_key=True, index=True),
)

files = Table(
    "files",
    schema,
    Column("version_id", Id, ForeignKey("versions.id"), primary_key=True),
    Column("digest", String(80), primary_key=True, index=True),
    Column("size", BigInteger, nullable=False, index=True),
)

aliases = Table(
    "aliases",
    schema,
    Column("collection_id", Id, ForeignKey("collections.id"), primary_key=True),
    Column("name", String(128), primary_key=True, index=True),
    # NULL once the alias is removed: the row stays, so that its revision never restarts.
    Column("version_id", Id, ForeignKey("versions.id"), index=True),
    Column("left_id", Id, ForeignKey("versions.id"), index=True),
    Column("revision", Integer, nullable=False),
    Column("moved_at", Instant, nullable=False),
    Column("moved_by", Text, nullable=False),
)

tags = Table(
    "tags",
    schema,
    Column("version_id", Id, ForeignKey("versions.id"), primary_key=True),
    Column("name", String(128), primary_key=True, index=True),
)

run_versions = Table(
    "run_versions",
    schema,
    Column("run_id", String(128), ForeignKey("runs.id"), primary_key=True),
    Column("version_id", Id, ForeignKey("versions.id"), primary_key=True),
    Column("direction", String(8), primary_key=True),
    # Empty where none was said: a key holds no NULL.
    Column("relation", String(128), primary_key=True),
    Column("at", Instant, nullable=False),
    # With the direction: lineage asks who logged what ten thousand runs have used.
    Index("ix_run_versions_version_id_direction", "version_id", "direction"),
)

version_sources = Table(
    "version_sources",
    schema,
    Column("version_id", Id, ForeignKey("versions.id"), primary_key=True),
    Column("source_id", Id, ForeignKey("versions.id"), primary_key=True, index=True),
    Column("relation", String(128), primary_key=True),
)

metrics = Table(
    "metrics",
    schema,
    Column("id", Id, primary_key=True),
    Column("key", Text, nullable=False),
    Column("value", Float(53), nullable=False),
    Column("version_id", Id, ForeignKey("versions.id")),
    Column("dataset_id", Id, ForeignKey("versions.id")),
    Column("split", Text),
    Column("slice", Text),
    Column("n", BigInteger),
    Column("low", Float(53)),
    Column("high", Float(53)),
    Column("step", BigInteger),
    Column("run_id", String(128), ForeignKey("runs.id")),
    Column("at", Instant, nullable=False),
    Index("ix_metrics_newest", "version_id", "key", "slice", "at", "id"),
    Index("ix_metrics_value", "key", "value"),
    Index("ix_metrics_run", "run_id", "key"),
)

events = Table(
    "events",
    schema,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", String(27), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    # Canonical JSON as text, for the digest is taken over its bytes.
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("reason", Text),
    Column("digest", String(80), nullable=False),
    Index("ix_events_subject", "subject", "sequence"),
)

# The end of the chain of events: one row, so that a chain cut short is noticed too.
chain = Table(
    "chain",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("digest", String(80), nullable=False),
)
