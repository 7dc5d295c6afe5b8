"""Drafts that many ranks put together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add three tables."""
    op.create_table(
        "distributed_drafts",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("collection", sa.String(length=128), nullable=False),
        sa.Column("type", sa.String(length=128), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.String(length=27), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        sa.Column("version_id", _ID),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_distributed_drafts_project_id"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["versions.id"], name="fk_distributed_drafts_version_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_distributed_drafts"),
        sa.UniqueConstraint(
            "project_id",
            "collection",
            "key",
            name="uq_distributed_drafts_project_id_collection_key",
        ),
    )
    op.create_index("ix_distributed_drafts_version_id", "distributed_drafts", ["version_id"])
    _parts()


def _parts() -> None:
    op.create_table(
        "draft_parts",
        sa.Column("draft_id", sa.String(length=32), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("file_count", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.String(length=128)),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("words", sa.JSON()),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["distributed_drafts.id"], name="fk_draft_parts_draft_id"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_draft_parts_run_id"),
        sa.PrimaryKeyConstraint("draft_id", "part", name="pk_draft_parts"),
    )
    op.create_table(
        "draft_packs",
        sa.Column("draft_id", sa.String(length=32), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("pack_id", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["pack_id"], ["packs.id"], name="fk_draft_packs_pack_id"),
        sa.ForeignKeyConstraint(
            ["draft_id", "part"],
            ["draft_parts.draft_id", "draft_parts.part"],
            name="fk_draft_packs_draft_id",
        ),
        sa.PrimaryKeyConstraint("draft_id", "part", "pack_id", name="pk_draft_packs"),
    )
    op.create_index("ix_draft_packs_pack_id", "draft_packs", ["pack_id"])
