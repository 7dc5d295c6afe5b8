"""Deployments, and what their instances report."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add both tables; nothing of earlier catalogs belongs into them."""
    op.create_table(
        "deployments",
        sa.Column("id", _ID, nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("alias", sa.String(length=128), nullable=False),
        sa.Column("poll", sa.Float(precision=53), nullable=False),
        sa.Column("silent_after", sa.Float(precision=53), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("removed_at", sa.String(length=27)),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_deployments_project_id"),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_deployments_collection_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
        sa.UniqueConstraint("project_id", "name", name="uq_deployments_project_id_name"),
    )
    op.create_index("ix_deployments_follows", "deployments", ["collection_id", "alias"])
    _instances()


def _instances() -> None:
    op.create_table(
        "deployment_instances",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("deployment_id", _ID, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("started_at", sa.String(length=27), nullable=False),
        sa.Column("version_id", _ID),
        sa.Column("revision", sa.Integer()),
        sa.Column("since", sa.String(length=27)),
        sa.Column("problem", sa.Text()),
        sa.Column("problem_id", _ID),
        sa.Column("silent_after", sa.Float(precision=53), nullable=False),
        sa.Column("unseen_from", sa.String(length=27)),
        sa.Column("unseen_until", sa.String(length=27)),
        sa.Column("heard_at", sa.String(length=27), nullable=False),
        sa.Column("ended_at", sa.String(length=27)),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["deployments.id"], name="fk_deployment_instances_deployment_id"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["versions.id"], name="fk_deployment_instances_version_id"
        ),
        sa.ForeignKeyConstraint(
            ["problem_id"], ["versions.id"], name="fk_deployment_instances_problem_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deployment_instances"),
    )
    op.create_index("ix_deployment_instances_version_id", "deployment_instances", ["version_id"])
    op.create_index(
        "ix_deployment_instances_heard", "deployment_instances", ["deployment_id", "heard_at"]
    )
