"""Rows to deployments: the joins, and how far each instance is behind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select

from edversion.catalog.area import batches
from edversion.catalog.deployment_tables import FOLLOWS, FORGOTTEN, deployments, instances
from edversion.catalog.promotion_tables import moves
from edversion.catalog.reading import keys_of
from edversion.catalog.tables import aliases, collections, projects, versions
from edversion.errors import NotFoundError
from edversion.model import Deployment, DeploymentInstance

__all__ = ["DEPLOYMENTS", "PRESENT", "missing_deployment", "to_deployments"]

DEPLOYMENTS = (
    select(
        deployments,
        projects.c.name.label("project"),
        collections.c.name.label("collection"),
        aliases.c.version_id,
        aliases.c.revision,
        aliases.c.moved_at,
    )
    .select_from(deployments)
    .join(projects, projects.c.id == deployments.c.project_id)
    .join(collections, collections.c.id == deployments.c.collection_id)
    .outerjoin(aliases, FOLLOWS)
)
"""Every deployment, removed ones too, and where its alias points."""

PRESENT = DEPLOYMENTS.where(deployments.c.removed_at.is_(None))
"""Those that were not removed."""

_HEARD = (
    select(instances, versions.c.digest)
    .outerjoin(versions, versions.c.id == instances.c.version_id)
    .where(
        instances.c.deployment_id.in_(bindparam("ids", expanding=True)),
        instances.c.heard_at > bindparam("since"),
    )
    .order_by(instances.c.started_at.desc(), instances.c.id)
)
_FIRST_MOVE = select(func.min(moves.c.at)).where(
    moves.c.collection_id == bindparam("place"),
    moves.c.alias == bindparam("alias"),
    moves.c.revision > bindparam("revision"),
)
_LIKE = ("id", "host", "pid", "actor", "started_at", "digest", "since", "problem", "heard_at")
_ALSO = ("silent_after", "unseen_from", "unseen_until", "ended_at")


def to_deployments(
    connection: Connection, rows: Sequence[Row[Any]], now: datetime
) -> tuple[Deployment, ...]:
    """Make deployments of rows of `DEPLOYMENTS`, with the instances heard of lately."""
    heard = _heard(connection, [row.id for row in rows], now)
    ids = {row.version_id for row in rows} | {
        id for found in heard.values() for one in found for id in (one.version_id, one.problem_id)
    }
    keys = keys_of(connection, ids - {None})
    names = {id: "{}/{}:v{}".format(*key) for id, key in keys.items()}
    return tuple(
        Deployment(
            project=row.project,
            name=row.name,
            follows=f"{row.project}/{row.collection}:{row.alias}",
            version=names.get(row.version_id),
            poll=row.poll,
            silent_after=row.silent_after,
            created_at=row.created_at,
            created_by=row.created_by,
            reason=row.reason,
            removed_at=row.removed_at,
            instances=tuple(_instance(connection, row, one, names, now) for one in heard[row.id]),
        )
        for row in rows
    )


def _heard(connection: Connection, ids: list[int], now: datetime) -> dict[int, list[Row[Any]]]:
    """Give the rows of instances by deployment."""
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for batch in batches(ids):
        for row in connection.execute(_HEARD, {"ids": batch, "since": now - FORGOTTEN}):
            found[row.deployment_id].append(row)
    return found


def _instance(
    connection: Connection,
    deployment: Row[Any],
    row: Row[Any],
    names: Mapping[int, str],
    now: datetime,
) -> DeploymentInstance:
    behind, since = _lag(connection, deployment, row)
    quiet = now - row.heard_at > timedelta(seconds=row.silent_after)
    return DeploymentInstance(
        **{field: getattr(row, field) for field in _LIKE + _ALSO},
        version=names.get(row.version_id),
        problem_version=names.get(row.problem_id),
        behind=behind,
        behind_since=since,
        silent=quiet and row.ended_at is None,
    )


def _lag(
    connection: Connection, deployment: Row[Any], row: Row[Any]
) -> tuple[int, datetime | None]:
    """Give by how many moves an instance is behind, and since when."""
    target = deployment.version_id
    if row.version_id is None or target is None or row.version_id == target:
        return 0, None
    served = row.revision or 0
    key = {"place": deployment.collection_id, "alias": deployment.alias, "revision": served}
    first = connection.execute(_FIRST_MOVE, key).scalar_one()  # of ``latest`` no moves are kept
    return max(1, deployment.revision - served), first or deployment.moved_at


def missing_deployment(connection: Connection, name: str) -> NotFoundError:
    """Say that there is no such deployment, which there are, and how to add it."""
    rows = connection.execute(PRESENT.order_by(projects.c.name, deployments.c.name))
    names = ", ".join(f"{row.project}/{row.name}" for row in rows) or "none"
    return NotFoundError(
        f"there is no deployment {name}; there are: {names}. Add it with 'edversion deployment "
        f"add {name.rpartition('/')[2]} --follows NAME:ALIAS'",
        code="no_deployment",
        deployment=name,
    )
