"""What came from other repositories."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the table; no version of earlier catalogs came from elsewhere."""
    op.create_table(
        "arrivals",
        sa.Column("origin", sa.String(length=32), nullable=False),
        sa.Column("project", sa.String(length=128), nullable=False),
        sa.Column("collection", sa.String(length=128), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version_id", _ID, nullable=False),
        sa.Column("record", sa.String(length=80), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_arrivals_version_id"),
        sa.PrimaryKeyConstraint("origin", "project", "collection", "number", name="pk_arrivals"),
    )
    op.create_index("ix_arrivals_version_id", "arrivals", ["version_id"])
