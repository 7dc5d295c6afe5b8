"""Experiments, and who was served what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add five tables."""
    op.create_table(
        "experiments",
        sa.Column("id", _ID, nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("namespace", sa.String(length=128)),
        sa.Column("low", sa.Float(precision=53)),
        sa.Column("high", sa.Float(precision=53)),
        sa.Column("ramp", sa.Float(precision=53), nullable=False),
        sa.Column("key_id", sa.String(length=64)),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("started_at", sa.String(length=27)),
        sa.Column("stopped_at", sa.String(length=27)),
        sa.Column("archived_at", sa.String(length=27)),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_experiments_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_experiments"),
        sa.UniqueConstraint("project_id", "name", name="uq_experiments_project_id_name"),
    )
    op.create_index("ix_experiments_state", "experiments", ["state"])
    op.create_index("ix_experiments_namespace", "experiments", ["namespace"])
    op.create_table(
        "experiment_variants",
        sa.Column("experiment_id", _ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("weight", sa.Float(precision=53), nullable=False),
        sa.Column("started_weight", sa.Float(precision=53)),
        sa.Column("version_id", _ID),
        sa.Column("digest", sa.String(length=80)),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiments.id"], name="fk_experiment_variants_experiment_id"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["versions.id"], name="fk_experiment_variants_version_id"
        ),
        sa.PrimaryKeyConstraint("experiment_id", "position", name="pk_experiment_variants"),
    )
    op.create_index("ix_experiment_variants_version_id", "experiment_variants", ["version_id"])
    _rows()


def _rows() -> None:
    """Add the tables that grow with each learner."""
    op.create_table(
        "assignments",
        sa.Column("experiment_id", _ID, nullable=False),
        sa.Column("unit", sa.String(length=64), nullable=False),
        sa.Column("cluster", sa.String(length=64), nullable=False),
        sa.Column("variant", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("rule", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("experiment_id", "unit", "cluster", name="pk_assignments"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_assignments_cluster", "assignments", ["experiment_id", "cluster"])
    op.create_table(
        "exposures",
        sa.Column("id", _ID, nullable=False),
        sa.Column("experiment_id", _ID, nullable=False),
        sa.Column("unit", sa.String(length=64), nullable=False),
        sa.Column("cluster", sa.String(length=64), nullable=False),
        sa.Column("variant", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("request", sa.Text()),
        sa.Column("fallback", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_exposures"),
    )
    op.create_index("ix_exposures_unit", "exposures", ["experiment_id", "unit"])
    op.create_table(
        "outcomes",
        sa.Column("id", _ID, nullable=False),
        sa.Column("experiment_id", _ID, nullable=False),
        sa.Column("unit", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outcomes"),
    )
    op.create_index("ix_outcomes_unit", "outcomes", ["experiment_id", "unit"])
