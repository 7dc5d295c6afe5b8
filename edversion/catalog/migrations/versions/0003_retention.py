"""Retention: its policies, what waits for its removal, and what was removed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add when bytes were condemned and removed, the removals under way, and policies."""
    op.add_column("versions", sa.Column("condemned_at", sa.String(length=27)))
    op.add_column("versions", sa.Column("purged_at", sa.String(length=27)))
    op.add_column("versions", sa.Column("erased_at", sa.String(length=27)))
    for name in ("erased_by", "erased_reason", "erased_basis"):
        op.add_column("versions", sa.Column(name, sa.Text()))
    op.create_table(
        "removals",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "generation", name="pk_removals"),
    )
    op.create_index("ix_removals_due_at", "removals", ["due_at"])
    op.create_table(
        "retention_policies",
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text()),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_retention_policies_collection_id"
        ),
        sa.PrimaryKeyConstraint("collection_id", "number", name="pk_retention_policies"),
    )
