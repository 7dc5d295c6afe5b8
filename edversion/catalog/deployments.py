"""Deployments: which there are, and which alias each of them follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from edversion.catalog.area import Area
from edversion.catalog.database import Transaction
from edversion.catalog.deployment_rows import (
    DEPLOYMENTS,
    PRESENT,
    missing_deployment,
    to_deployments,
)
from edversion.catalog.deployment_tables import deployments, instances
from edversion.catalog.finding import collection_place
from edversion.catalog.instances import subject
from edversion.catalog.reading import Place
from edversion.catalog.tables import collections, dump_instant, projects
from edversion.errors import ConflictError, InvalidInputError
from edversion.model import Deployment, Json

__all__ = ["DEPLOYMENT_FIELDS", "Deployments", "NewDeployment"]

_ONE = DEPLOYMENTS.where(
    projects.c.name == bindparam("project"), deployments.c.name == bindparam("name")
)
_FORGET = delete(instances).where(instances.c.id.in_(bindparam("ids", expanding=True)))
DEPLOYMENT_FIELDS = ("name", "alias", "poll", "silent_after", "created_by", "reason")
"""What the store keeps of a deployment, besides its collection and its times."""


@dataclass(frozen=True, slots=True)
class NewDeployment:
    """A deployment that is to be added.

    Attributes
    ----------
    name : str
        What it is called.
    alias : str
        What it follows.
    poll, silent_after : float
        Seconds.
    actor : str
        Who adds it.
    reason : str or None
        Why.
    """

    name: str
    alias: str
    poll: float
    silent_after: float
    actor: str
    reason: str | None


class Deployments(Area):
    """Add, find and remove deployments."""

    def add_deployment(self, project: str, collection: str, new: NewDeployment) -> Deployment:
        """Add a deployment to the project of the collection that it follows.

        Nothing happens where just this one is there.

        Raises
        ------
        ConflictError
            Another one has that name (code ``deployment_exists``).
        NotFoundError
            There is no such collection.
        """
        with self._database.write() as transaction:
            place = collection_place(transaction.connection, project, collection)
            before = _row(transaction.connection, project, new.name)
            if before is None or before.removed_at is not None:
                _write(transaction, place, new, before)
            elif _told(before) != _planned(place, new):
                raise _exists(before)
            return _one(transaction.connection, project, new.name)

    def remove_deployment(
        self, project: str, name: str, *, actor: str, reason: str | None
    ) -> Deployment:
        """Remove a deployment; its instances go on with what they have.

        Raises
        ------
        NotFoundError
            There is none of that name.
        """
        with self._database.write() as transaction:
            row = _existing(transaction.connection, project, name)
            here = update(deployments).where(deployments.c.id == row.id)
            transaction.execute(here.values(removed_at=transaction.at))
            transaction.tell(
                "deployment.removed",
                subject(project, name),
                actor=actor,
                before=_told(row),
                reason=reason,
            )
            return _one(transaction.connection, project, name)

    def forget_silent(
        self, project: str, name: str, *, actor: str, reason: str | None
    ) -> tuple[str, ...]:
        """Forget the instances of a deployment that are silent; give their ids.

        Raises
        ------
        NotFoundError
            There is no such deployment.
        """
        with self._database.write() as transaction:
            _existing(transaction.connection, project, name)
            found = _one(transaction.connection, project, name).instances
            gone = [one for one in found if one.silent]
            if gone:
                transaction.execute(_FORGET, {"ids": [one.id for one in gone]})
                transaction.tell(
                    "deployment.forgotten",
                    subject(project, name),
                    actor=actor,
                    before=[{"instance": one.id, "version": one.version} for one in gone],
                    reason=reason,
                )
            return tuple(one.id for one in gone)

    def deployment(self, project: str, name: str) -> Deployment:
        """Give one deployment.

        Raises
        ------
        NotFoundError
            There is none of that name.
        """
        with self._database.read() as connection:
            _existing(connection, project, name)
            return _one(connection, project, name)

    def find_deployment(self, name: str, *, project: str | None) -> str:
        """Give the project that has a deployment of that name; `project` is looked at first.

        Raises
        ------
        NotFoundError
            None has; the message says which deployments there are.
        InvalidInputError
            Several have (code ``ambiguous_reference``).
        """
        with self._database.read() as connection:
            named = PRESENT.where(deployments.c.name == name).order_by(projects.c.name)
            found = [row.project for row in connection.execute(named)]
            if project in found or len(found) == 1:
                return found[0] if project is None or project not in found else project
            if found:
                raise InvalidInputError(
                    f"several projects have a deployment {name!r}: {', '.join(found)}; write it "
                    f"as {found[0]}/{name}",
                    code="ambiguous_reference",
                    name=name,
                )
            raise missing_deployment(connection, name)

    def deployments(self, *, project: str | None = None) -> tuple[Deployment, ...]:
        """Give the deployments, by project and name."""
        query = PRESENT if project is None else PRESENT.where(projects.c.name == project)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(projects.c.name, deployments.c.name)).all()
            return to_deployments(connection, rows, datetime.now(UTC))

    def deployment_record(self, project: str, name: str) -> dict[str, Json]:
        """Give a deployment as plain JSON, for the store to keep."""
        with self._database.read() as connection:
            row = connection.execute(_ONE, {"project": project, "name": name}).one()
            removed = None if row.removed_at is None else dump_instant(row.removed_at)
            return {field: getattr(row, field) for field in DEPLOYMENT_FIELDS} | {
                "project": row.project,
                "collection": row.collection,
                "created_at": dump_instant(row.created_at),
                "removed_at": removed,
            }


def _write(
    transaction: Transaction, place: Place, new: NewDeployment, before: Row[Any] | None
) -> None:
    """Write a deployment, over the removed one of that name where there is one."""
    row = {
        "collection_id": place.id,
        "alias": new.alias,
        "poll": new.poll,
        "silent_after": new.silent_after,
        "created_at": transaction.at,
        "created_by": new.actor,
        "reason": new.reason,
        "removed_at": None,
    }
    if before is None:
        project = select(collections.c.project_id).where(collections.c.id == place.id)
        row |= {"name": new.name, "project_id": transaction.execute(project).scalar_one()}
        transaction.execute(insert(deployments), row)
    else:
        here = update(deployments).where(deployments.c.id == before.id)
        transaction.execute(here.values(**row))
    transaction.tell(
        "deployment.added",
        subject(place.project, new.name),
        actor=new.actor,
        after=_planned(place, new),
        reason=new.reason,
    )


def _row(connection: Connection, project: str, name: str) -> Row[Any] | None:
    return connection.execute(_ONE, {"project": project, "name": name}).one_or_none()


def _one(connection: Connection, project: str, name: str) -> Deployment:
    rows = connection.execute(_ONE, {"project": project, "name": name}).all()
    return to_deployments(connection, rows, datetime.now(UTC))[0]


def _existing(connection: Connection, project: str, name: str) -> Row[Any]:
    """Find the row of a deployment that was not removed.

    Raises
    ------
    NotFoundError
        There is none; the message says which there are.
    """
    row = _row(connection, project, name)
    if row is None or row.removed_at is not None:
        raise missing_deployment(connection, f"{project}/{name}")
    return row


def _exists(row: Row[Any]) -> ConflictError:
    return ConflictError(
        f"deployment {row.project}/{row.name} is there already: it follows {row.collection}:"
        f"{row.alias}, looks every {row.poll:g} s, and counts as silent after "
        f"{row.silent_after:g} s. Take another name, or remove it first with 'edversion "
        f"deployment remove {row.name}'",
        code="deployment_exists",
        deployment=f"{row.project}/{row.name}",
    )


def _told(row: Row[Any]) -> dict[str, Json]:
    """Give what events say of a deployment."""
    follows = f"{row.project}/{row.collection}:{row.alias}"
    return {"follows": follows, "poll": row.poll, "silent_after": row.silent_after}


def _planned(place: Place, new: NewDeployment) -> dict[str, Json]:
    follows = place.subject(new.alias)
    return {"follows": follows, "poll": new.poll, "silent_after": new.silent_after}
