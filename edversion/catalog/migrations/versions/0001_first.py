"""Everything that the first release keeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only in a column of type INTEGER.
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LIVE = sa.text("deleted_at IS NULL")


def upgrade() -> None:
    """Create every table, those that others refer to first."""
    _create_chain()
    _create_events()
    _create_packs()
    _create_projects()
    _create_settings()
    _create_collections()
    _create_runs()
    _create_versions()
    _create_aliases()
    _create_files()
    _create_metadata_values()
    _create_metrics()
    _create_revisions()
    _create_run_versions()
    _create_tags()
    _create_version_packs()
    _create_version_sources()


def _create_chain() -> None:
    op.create_table(
        "chain",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_chain"),
    )
    # The end of a chain that has no events yet.
    op.execute("INSERT INTO chain (id, sequence, digest) VALUES (1, 0, '')")


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_events"),
    )
    op.create_index("ix_events_subject", "events", ["subject", "sequence"])


def _create_packs() -> None:
    op.create_table(
        "packs",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("condemned_at", sa.String(length=27)),
        sa.Column("removed_at", sa.String(length=27)),
        sa.PrimaryKeyConstraint("id", name="pk_packs"),
    )


def _create_projects() -> None:
    op.create_table(
        "projects",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_projects"),
        sa.UniqueConstraint("name", name="uq_projects_name"),
    )


def _create_settings() -> None:
    op.create_table(
        "settings",
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_settings"),
    )


def _create_collections() -> None:
    op.create_table(
        "collections",
        sa.Column("id", _ID, nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("type", sa.String(length=128), nullable=False),
        sa.Column("next_number", sa.BigInteger(), nullable=False),
        sa.Column("version_count", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_collections_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_collections"),
        sa.UniqueConstraint("project_id", "name", name="uq_collections_project_id_name"),
    )
    op.create_index("ix_collections_name", "collections", ["name"])


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("job_type", sa.Text()),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.String(length=27), nullable=False),
        sa.Column("ended_at", sa.String(length=27)),
        sa.Column("error", sa.Text()),
        sa.Column("environment", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_runs_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_name", "runs", ["name"])
    op.create_index("ix_runs_newest", "runs", ["started_at", "id"])
    op.create_index("ix_runs_project", "runs", ["project_id", "started_at", "id"])
    op.create_index("ix_runs_status", "runs", ["status", "started_at", "id"])


def _create_versions() -> None:
    op.create_table(
        "versions",
        sa.Column("id", _ID, nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.Column("generation", _ID, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("file_count", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("revised_at", sa.String(length=27), nullable=False),
        sa.Column("revised_by", sa.Text(), nullable=False),
        sa.Column("revised_reason", sa.Text()),
        sa.Column("receipt_generation", sa.Integer(), nullable=False),
        sa.Column("deleted_at", sa.String(length=27)),
        sa.Column("deleted_by", sa.Text()),
        sa.Column("deleted_reason", sa.Text()),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_versions_collection_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_versions"),
        sa.UniqueConstraint("collection_id", "number", name="uq_versions_collection_id_number"),
    )
    op.create_index("ix_versions_digest", "versions", ["digest"])
    op.create_index(
        "uq_versions_live_digest",
        "versions",
        ["collection_id", "digest"],
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )


def _create_aliases() -> None:
    op.create_table(
        "aliases",
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("version_id", _ID),
        sa.Column("left_id", _ID),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("moved_at", sa.String(length=27), nullable=False),
        sa.Column("moved_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_aliases_collection_id"
        ),
        sa.ForeignKeyConstraint(["left_id"], ["versions.id"], name="fk_aliases_left_id"),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_aliases_version_id"),
        sa.PrimaryKeyConstraint("collection_id", "name", name="pk_aliases"),
    )
    op.create_index("ix_aliases_left_id", "aliases", ["left_id"])
    op.create_index("ix_aliases_name", "aliases", ["name"])
    op.create_index("ix_aliases_version_id", "aliases", ["version_id"])


def _create_files() -> None:
    op.create_table(
        "files",
        sa.Column("version_id", _ID, nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_files_version_id"),
        sa.PrimaryKeyConstraint("version_id", "digest", name="pk_files"),
    )
    op.create_index("ix_files_digest", "files", ["digest"])
    op.create_index("ix_files_size", "files", ["size"])


def _create_metadata_values() -> None:
    op.create_table(
        "metadata_values",
        sa.Column("version_id", _ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("number", sa.Float(precision=53)),
        sa.Column("text", sa.Text()),
        sa.ForeignKeyConstraint(
            ["version_id"], ["versions.id"], name="fk_metadata_values_version_id"
        ),
        sa.PrimaryKeyConstraint("version_id", "key", "position", name="pk_metadata_values"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_metadata_values_number", "metadata_values", ["key", "number", "version_id"])
    op.create_index("ix_metadata_values_text", "metadata_values", ["key", "text", "version_id"])


def _create_metrics() -> None:
    op.create_table(
        "metrics",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.Column("version_id", _ID),
        sa.Column("dataset_id", _ID),
        sa.Column("split", sa.Text()),
        sa.Column("slice", sa.Text()),
        sa.Column("n", sa.BigInteger()),
        sa.Column("low", sa.Float(precision=53)),
        sa.Column("high", sa.Float(precision=53)),
        sa.Column("step", sa.BigInteger()),
        sa.Column("run_id", sa.String(length=128)),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["versions.id"], name="fk_metrics_dataset_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_metrics_run_id"),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_metrics_version_id"),
        sa.PrimaryKeyConstraint("id", name="pk_metrics"),
    )
    op.create_index("ix_metrics_newest", "metrics", ["version_id", "key", "slice", "at", "id"])
    op.create_index("ix_metrics_run", "metrics", ["run_id", "key"])
    op.create_index("ix_metrics_value", "metrics", ["key", "value"])


def _create_revisions() -> None:
    op.create_table(
        "revisions",
        sa.Column("id", _ID, nullable=False),
        sa.Column("version_id", _ID, nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_revisions_version_id"),
        sa.PrimaryKeyConstraint("id", name="pk_revisions"),
    )
    op.create_index("ix_revisions_version_id", "revisions", ["version_id"])


def _create_run_versions() -> None:
    op.create_table(
        "run_versions",
        sa.Column("run_id", sa.String(length=128), nullable=False),
        sa.Column("version_id", _ID, nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("relation", sa.String(length=128), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_versions_run_id"),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_run_versions_version_id"),
        sa.PrimaryKeyConstraint(
            "run_id", "version_id", "direction", "relation", name="pk_run_versions"
        ),
    )
    op.create_index("ix_run_versions_version_id", "run_versions", ["version_id"])


def _create_tags() -> None:
    op.create_table(
        "tags",
        sa.Column("version_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_tags_version_id"),
        sa.PrimaryKeyConstraint("version_id", "name", name="pk_tags"),
    )
    op.create_index("ix_tags_name", "tags", ["name"])


def _create_version_packs() -> None:
    op.create_table(
        "version_packs",
        sa.Column("version_id", _ID, nullable=False),
        sa.Column("pack_id", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["pack_id"], ["packs.id"], name="fk_version_packs_pack_id"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["versions.id"], name="fk_version_packs_version_id"
        ),
        sa.PrimaryKeyConstraint("version_id", "pack_id", name="pk_version_packs"),
    )
    op.create_index("ix_version_packs_pack_id", "version_packs", ["pack_id"])


def _create_version_sources() -> None:
    op.create_table(
        "version_sources",
        sa.Column("version_id", _ID, nullable=False),
        sa.Column("source_id", _ID, nullable=False),
        sa.Column("relation", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["versions.id"], name="fk_version_sources_source_id"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["versions.id"], name="fk_version_sources_version_id"
        ),
        sa.PrimaryKeyConstraint("version_id", "source_id", "relation", name="pk_version_sources"),
    )
    op.create_index("ix_version_sources_source_id", "version_sources", ["source_id"])
