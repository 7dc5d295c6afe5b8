"""Promotion: moves of aliases, policies, approvals, and what waits for them.

And an index by which lineage finds the one run that logged what many have used.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Which moves there were so far is told by events alone: of each alias, oldest first.
_TOLD = sa.text(
    "SELECT a.collection_id, a.name AS alias, a.revision AS newest, "
    "e.at, e.actor, e.action, e.before, e.after, e.reason "
    "FROM aliases a JOIN collections c ON c.id = a.collection_id "
    "JOIN projects p ON p.id = c.project_id "
    "JOIN events e ON e.subject = p.name || '/' || c.name || ':' || a.name "
    "WHERE a.name <> 'latest' AND e.action IN ('alias.moved', 'alias.removed') "
    "ORDER BY a.collection_id, a.name, e.sequence"
)
_VERSIONS = sa.text("SELECT id, collection_id, number FROM versions")


def upgrade() -> None:
    """Create the tables, and fill the moves from what events tell."""
    moves = _create_moves()
    _create_policies()
    _create_approvals()
    _create_proposals()
    rows = _told_moves(op.get_bind())
    if rows:
        op.bulk_insert(moves, rows)
    op.drop_index("ix_run_versions_version_id", "run_versions")
    op.create_index(
        "ix_run_versions_version_id_direction", "run_versions", ["version_id", "direction"]
    )


def _create_moves() -> sa.Table:
    table = op.create_table(
        "moves",
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("alias", sa.String(length=128), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("before_id", _ID),
        sa.Column("version_id", _ID),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_moves_collection_id"
        ),
        sa.ForeignKeyConstraint(["before_id"], ["versions.id"], name="fk_moves_before_id"),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_moves_version_id"),
        sa.PrimaryKeyConstraint("collection_id", "alias", "revision", name="pk_moves"),
    )
    op.create_index("ix_moves_version_id", "moves", ["version_id"])
    return table


def _create_policies() -> None:
    op.create_table(
        "policies",
        sa.Column("id", _ID, nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("pattern", sa.String(length=128), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text()),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_policies_collection_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_policies"),
        sa.UniqueConstraint(
            "collection_id", "pattern", "number", name="uq_policies_collection_id_pattern_number"
        ),
    )


def _create_approvals() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", _ID, nullable=False),
        sa.Column("version_id", _ID, nullable=False),
        sa.Column("alias", sa.String(length=128), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_approvals_version_id"),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
    )
    op.create_index("ix_approvals_version", "approvals", ["version_id", "alias"])


def _create_proposals() -> None:
    op.create_table(
        "proposals",
        sa.Column("version_id", _ID, nullable=False),
        sa.Column("alias", sa.String(length=128), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_proposals_version_id"),
        sa.PrimaryKeyConstraint("version_id", "alias", name="pk_proposals"),
    )


def _told_moves(connection: sa.Connection) -> list[dict[str, Any]]:
    """Give the rows of the moves that events tell, the newest with the alias's revision."""
    told = defaultdict(list)
    for row in connection.execute(_TOLD):
        told[row.collection_id, row.alias, row.newest].append(row)
    if not told:
        return []
    ids = {(row.collection_id, row.number): row.id for row in connection.execute(_VERSIONS)}
    return [
        _move(place, alias, newest - behind, event, ids)
        for (place, alias, newest), events in told.items()
        for behind, event in zip(range(len(events) - 1, -1, -1), events, strict=True)
    ]


def _move(
    place: int, alias: str, revision: int, event: Any, ids: dict[tuple[int, int], int]
) -> dict[str, Any]:
    def version(text: str) -> int | None:
        shown = json.loads(text)
        return None if shown is None else ids.get((place, int(shown.removeprefix("v"))))

    return {
        "collection_id": place,
        "alias": alias,
        "revision": revision,
        "kind": "removed" if event.action == "alias.removed" else "set",
        "before_id": version(event.before),
        "version_id": version(event.after),
        "at": event.at,
        "actor": event.actor,
        "reason": event.reason,
        "evidence": {},
    }
