"""Instances of deployments: what a look at the alias costs, and what each of them reported.

A look is one query, by keys alone. A report is one row, written over the one before; what an
instance began or ceased to serve is an event, that it still lives is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, insert, select, update

from edversion.catalog.area import Area
from edversion.catalog.database import Transaction, VersionKey
from edversion.catalog.deployment_rows import missing_deployment
from edversion.catalog.deployment_tables import FOLLOWS, FORGOTTEN, deployments, instances
from edversion.catalog.experiment_rows import protected_by_experiments, why_protected
from edversion.catalog.reading import keys_of, located, referenced, subject_of
from edversion.catalog.tables import aliases, collections, projects, versions
from edversion.errors import NotFoundError, RefusedError
from edversion.model import Json, Version

__all__ = ["Followed", "InstanceReport", "Instances", "refuse_served", "subject"]

_FOLLOWED = (
    select(
        collections.c.name.label("collection"),
        deployments.c.alias,
        deployments.c.poll,
        deployments.c.silent_after,
        deployments.c.removed_at,
        aliases.c.revision,
        versions.c.number,
    )
    .select_from(projects)
    .join(deployments, deployments.c.project_id == projects.c.id)
    .join(collections, collections.c.id == deployments.c.collection_id)
    .outerjoin(aliases, FOLLOWS)
    .outerjoin(versions, versions.c.id == aliases.c.version_id)
    .where(projects.c.name == bindparam("project"), deployments.c.name == bindparam("name"))
)
_DEPLOYMENT = (
    select(deployments.c.id)
    .join(projects, projects.c.id == deployments.c.project_id)
    .where(
        projects.c.name == bindparam("project"),
        deployments.c.name == bindparam("name"),
        deployments.c.removed_at.is_(None),
    )
)
_INSTANCE = select(instances).where(instances.c.id == bindparam("instance"))
_WRITE = update(instances).where(instances.c.id == bindparam("instance"))
_PRUNE = delete(instances).where(
    instances.c.deployment_id == bindparam("deployment"), instances.c.heard_at <= bindparam("since")
)
_SERVING = (
    select(projects.c.name.label("project"), deployments.c.name, instances)
    .select_from(instances)
    .join(deployments, deployments.c.id == instances.c.deployment_id)
    .join(projects, projects.c.id == deployments.c.project_id)
    .where(
        instances.c.ended_at.is_(None),
        instances.c.heard_at > bindparam("since"),
        deployments.c.removed_at.is_(None),
    )
    .order_by(projects.c.name, deployments.c.name, instances.c.host, instances.c.pid)
)
_SERVING_ONE = _SERVING.where(instances.c.version_id == bindparam("version"))
_SERVED = _SERVING.where(instances.c.version_id.is_not(None))
_FOLLOWING: Select[Any] = (
    select(
        projects.c.name.label("project"),
        deployments.c.name,
        deployments.c.alias,
        aliases.c.version_id,
    )
    .select_from(aliases)
    .join(
        deployments,
        (deployments.c.collection_id == aliases.c.collection_id)
        & (deployments.c.alias == aliases.c.name),
    )
    .join(projects, projects.c.id == deployments.c.project_id)
    .where(aliases.c.version_id.is_not(None), deployments.c.removed_at.is_(None))
    .order_by(projects.c.name, deployments.c.name)
)
_FOLLOWING_ONE = _FOLLOWING.where(aliases.c.version_id == bindparam("version"))


@dataclass(frozen=True, slots=True)
class Followed:
    """What a look at a deployment's alias found.

    Attributes
    ----------
    collection, alias : str
        What the deployment follows.
    poll, silent_after : float
        Seconds, as the deployment says.
    removed : bool
        Whether the deployment was removed.
    revision : int
        Of the alias; 0 where there never was one.
    number : int or None
        Of the version that the alias names; None where it names none.
    """

    collection: str
    alias: str
    poll: float
    silent_after: float
    removed: bool
    revision: int
    number: int | None


@dataclass(frozen=True, slots=True)
class InstanceReport:
    """What an instance says of itself; see `DeploymentInstance`.

    Attributes
    ----------
    revision : int or None
        Of the alias, when it led to `version`.
    ended : bool
        Whether this is its last word.
    """

    id: str
    host: str
    pid: int
    actor: str
    started_at: datetime
    silent_after: float
    version: str | None = None
    revision: int | None = None
    since: datetime | None = None
    problem: str | None = None
    problem_version: str | None = None
    unseen_from: datetime | None = None
    unseen_until: datetime | None = None
    ended: bool = False


_PLAIN = (
    "host", "pid", "actor", "started_at", "silent_after", "revision", "since", "problem",
    "unseen_from", "unseen_until",
)  # fmt: skip


class Instances(Area):
    """What the consumers ask and tell, and what is kept for their sake."""

    def followed(self, project: str, deployment: str) -> Followed | None:
        """Look where the alias of a deployment points; None where there is no such deployment."""
        key = {"project": project, "name": deployment}
        with self._database.read() as connection:
            row = connection.execute(_FOLLOWED, key).one_or_none()
        if row is None:
            return None
        return Followed(
            collection=row.collection,
            alias=row.alias,
            poll=row.poll,
            silent_after=row.silent_after,
            removed=row.removed_at is not None,
            revision=row.revision or 0,
            number=row.number,
        )

    def no_deployment(self, name: str) -> NotFoundError:
        """Give the error that says that there is no such deployment, and which there are."""
        with self._database.read() as connection:
            return missing_deployment(connection, name)

    def report_instance(self, project: str, deployment: str, report: InstanceReport) -> None:
        """Write what an instance says over what it said before.

        Raises
        ------
        NotFoundError
            The deployment is not there, or was removed (code ``no_deployment``).
        """
        key = {"project": project, "name": deployment}
        with self._database.write() as transaction:
            place = transaction.execute(_DEPLOYMENT, key).scalar_one_or_none()
            if place is None:
                raise missing_deployment(transaction.connection, f"{project}/{deployment}")
            before = transaction.execute(_INSTANCE, {"instance": report.id}).one_or_none()
            row = _row(transaction, report) | {"deployment_id": place}
            if before is None:
                since = transaction.at - FORGOTTEN
                transaction.execute(_PRUNE, {"deployment": place, "since": since})
                transaction.execute(insert(instances), row | {"id": report.id})
            else:
                transaction.execute(_WRITE.values(**row), {"instance": report.id})
            _tell(transaction, subject(project, deployment), before, row, report)

    def kept_for(self, version: Version) -> tuple[str, ...]:
        """Say which deployments serve or follow a version, and which experiments compare it."""
        with self._database.read() as connection:
            row = located(connection, version, deleted=True)
            served = _reasons(connection, row.id, datetime.now(UTC))
            return served + why_protected(connection, row.id)

    def needed(self) -> dict[VersionKey, str]:
        """Give every version that a deployment or an experiment needs, and one of the reasons."""
        since = {"since": datetime.now(UTC) - FORGOTTEN}
        with self._database.read() as connection:
            following = connection.execute(_FOLLOWING).all()
            serving = connection.execute(_SERVED, since).all()
            told = {row.version_id: _follows(row) for row in following}
            told |= {row.version_id: _serves(row) for row in serving}
            told |= protected_by_experiments(connection)
            return {key: told[id] for id, key in keys_of(connection, told).items()}


def subject(project: str, name: str) -> str:
    """Give what events call a deployment: a collection may have its name."""
    return f"deployment {project}/{name}"


def refuse_served(connection: Connection, row: Row[Any], at: datetime) -> None:
    """Refuse to remove the version of a row of `VERSIONS` while a deployment needs it.

    Raises
    ------
    RefusedError
        A deployment serves or follows it (code ``served``).
    """
    reasons = _reasons(connection, row.id, at)
    if reasons:
        raise RefusedError(
            f"{subject_of(row)} cannot be removed: {'; '.join(reasons)}. Move the alias and let "
            "the deployment follow, or remove the deployment, first",
            code="served",
            reference=subject_of(row),
            reasons=reasons,
        )


def _reasons(connection: Connection, version_id: int, at: datetime) -> tuple[str, ...]:
    key = {"version": version_id}
    serving = connection.execute(_SERVING_ONE, key | {"since": at - FORGOTTEN})
    following = connection.execute(_FOLLOWING_ONE, key)
    return tuple(dict.fromkeys([*map(_serves, serving), *map(_follows, following)]))


def _follows(row: Row[Any]) -> str:
    return f"deployment {row.project}/{row.name} follows {row.alias!r}, which names it"


def _serves(row: Row[Any]) -> str:
    return (
        f"deployment {row.project}/{row.name} serves it (process {row.pid} on {row.host}, last "
        f"heard {row.heard_at:%Y-%m-%d %H:%M} UTC)"
    )


def _row(transaction: Transaction, report: InstanceReport) -> dict[str, Any]:
    """Give the columns of a report; the time of hearing is that of the transaction."""
    row = {field: getattr(report, field) for field in _PLAIN}
    for column, reference in (
        ("version_id", report.version),
        ("problem_id", report.problem_version),
    ):
        found = None if reference is None else referenced(transaction.connection, reference)[0]
        row[column] = found
    ended = transaction.at if report.ended else None
    return row | {"heard_at": transaction.at, "ended_at": ended}


def _tell(
    transaction: Transaction,
    about: str,
    before: Row[Any] | None,
    row: dict[str, Any],
    report: InstanceReport,
) -> None:
    """Write an event for what an instance began to serve, failed at, or ceased to serve."""
    served = [before.version_id] if before is not None and before.version_id is not None else []
    named = keys_of(transaction.connection, served)
    was = next(("{}/{}:v{}".format(*key) for key in named.values()), None)
    here: dict[str, Json] = {"instance": report.id, "host": report.host, "pid": report.pid}
    for action, detail in _news(before, row, report):
        transaction.tell(
            f"deployment.{action}",
            about,
            actor=report.actor,
            before=was,
            after=here | detail,
            reason=report.problem if action == "failed" else None,
        )


def _news(
    before: Row[Any] | None, row: dict[str, Any], report: InstanceReport
) -> Iterator[tuple[str, dict[str, Json]]]:
    """Give what is new: an action, and what it is about."""
    served = None if before is None else before.version_id
    tried = None if before is None else before.problem_id
    if row["version_id"] != served:
        since = None if report.since is None else report.since.isoformat()
        yield "serving", {"version": report.version, "since": since}
    if row["problem_id"] != tried and report.problem is not None:
        yield "failed", {"version": report.problem_version}
    ended = before is not None and before.ended_at is not None
    if report.ended and not ended and served is not None:
        yield "ended", {"version": None}
