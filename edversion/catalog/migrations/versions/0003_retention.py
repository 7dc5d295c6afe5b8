"""Retention: what waits for its removal, and what was removed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add when the bytes of a version were condemned and removed, and the removals under way."""
    op.add_column("versions", sa.Column("condemned_at", sa.String(length=27)))
    op.add_column("versions", sa.Column("purged_at", sa.String(length=27)))
    op.create_table(
        "removals",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "generation", name="pk_removals"),
    )
    op.create_index("ix_removals_due_at", "removals", ["due_at"])
