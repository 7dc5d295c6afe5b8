"""Accounts: who is known by name, and which roles each has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from edversion.catalog.account_tables import (
    account_grants,
    account_sessions,
    account_tokens,
    accounts,
)
from edversion.catalog.area import Area
from edversion.catalog.database import Transaction
from edversion.catalog.tables import projects
from edversion.errors import ConflictError, NotFoundError, RefusedError, StorageError
from edversion.model import ROLES, Account, Grant, Json, Role

__all__ = [
    "Accounts",
    "NewAccount",
    "account_named",
    "account_subject",
    "check_project",
    "to_grant",
    "to_grants",
]

EVERY_PROJECT = ""

_ALL = (
    select(accounts, account_grants.c.project, account_grants.c.role)
    .outerjoin(account_grants)
    .order_by(accounts.c.folded, account_grants.c.project)
)
_ONE = _ALL.where(accounts.c.folded == bindparam("named"))
_NAMES = select(accounts.c.name).order_by(accounts.c.folded)
_ADD = insert(accounts)
_REMOVE = delete(accounts).where(accounts.c.id == bindparam("one"))
_SET_PASSWORD = update(accounts).where(accounts.c.id == bindparam("one"))
_GRANT = insert(account_grants)
_REVOKE = delete(account_grants).where(
    account_grants.c.account_id == bindparam("one"), account_grants.c.project == bindparam("of")
)
_ADMINS = select(account_grants.c.account_id).where(
    account_grants.c.project == EVERY_PROJECT, account_grants.c.role == "admin"
)
_OWNED = tuple(
    delete(table).where(table.c.account_id == bindparam("one"))
    for table in (account_sessions, account_tokens, account_grants)
)
_END_SESSIONS = _OWNED[0]
_PROJECT = select(projects.c.id).where(projects.c.name == bindparam("named"))
_PROJECTS = select(projects.c.name).order_by(projects.c.name)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account that is to be added.

    Attributes
    ----------
    password : str or None
        What proves it, never the password itself.
    """

    name: str
    password: str | None
    grants: tuple[Grant, ...]
    actor: str
    reason: str | None


class Accounts(Area):
    """Everything about accounts but how they prove who they are."""

    def accounts(self) -> tuple[Account, ...]:
        """Give the accounts, by name."""
        with self._database.read() as connection:
            return _collected(connection.execute(_ALL).all())

    def account(self, name: str) -> Account:
        """Give one account, however its name's letters are written.

        Raises
        ------
        NotFoundError
            There is none of this name (code ``no_account``).
        """
        with self._database.read() as connection:
            return _account(connection, name)

    def add_account(self, new: NewAccount) -> Account:
        """Add an account, with its roles.

        Raises
        ------
        ConflictError
            There is one of this name, or of one that differs in capitals alone (code
            ``account_exists``).
        NotFoundError
            A role is of a project that there is not.
        """
        with self._database.write() as transaction:
            known = transaction.execute(_ONE, {"named": new.name.lower()}).first()
            if known is not None:
                raise ConflictError(
                    f"there is an account {known.name!r} already; give another name, or change "
                    "the roles and the password of that one",
                    code="account_exists",
                    name=known.name,
                )
            row = {"name": new.name, "folded": new.name.lower(), "password": new.password}
            made = {"created_at": transaction.at, "created_by": new.actor}
            one = _id_of(transaction.execute(_ADD, row | made).inserted_primary_key)
            transaction.tell(
                "account.added",
                account_subject(new.name),
                actor=new.actor,
                after={"password": new.password is not None},
                reason=new.reason,
            )
            account = Account(new.name, transaction.at, new.actor, (), new.password is not None)
            for each in new.grants:
                _write_grant(transaction, one, account, each, actor=new.actor, reason=new.reason)
            return _account(transaction.connection, new.name)

    def set_password(self, name: str, password: str, *, actor: str, reason: str | None) -> Account:
        """Set what proves an account's password, and end its sessions."""
        with self._database.write() as transaction:
            row = account_named(transaction.connection, name)
            transaction.execute(_SET_PASSWORD, {"one": row.id, "password": password})
            transaction.execute(_END_SESSIONS, {"one": row.id})
            transaction.tell(
                "account.password_set", account_subject(row.name), actor=actor, reason=reason
            )
            return _account(transaction.connection, name)

    def remove_account(self, name: str, *, actor: str, reason: str | None) -> Account:
        """Remove an account, with its roles, tokens and sessions; events keep its name.

        Raises
        ------
        NotFoundError
            There is none of this name.
        RefusedError
            Nobody else is an admin of every project (code ``last_admin``).
        """
        with self._database.write() as transaction:
            row = account_named(transaction.connection, name)
            gone = _account(transaction.connection, name)
            _refuse_last_admin(transaction, row.id, gone, "removed")
            for statement in (*_OWNED, _REMOVE):
                transaction.execute(statement, {"one": row.id})
            before: Json = {"grants": [_told(each) for each in gone.grants]}
            transaction.tell(
                "account.removed",
                account_subject(gone.name),
                actor=actor,
                before=before,
                reason=reason,
            )
            return gone

    def grant_role(self, name: str, grant: Grant, *, actor: str, reason: str | None) -> Account:
        """Give an account a role, in place of the one that it has there.

        Raises
        ------
        NotFoundError
            There is no such account or project.
        RefusedError
            It would take the role from the last admin of every project (code ``last_admin``).
        """
        with self._database.write() as transaction:
            row = account_named(transaction.connection, name)
            account = _account(transaction.connection, name)
            if grant.project is None and grant.role != "admin":
                _refuse_last_admin(transaction, row.id, account, "made anything less")
            _write_grant(transaction, row.id, account, grant, actor=actor, reason=reason)
            return _account(transaction.connection, name)

    def revoke_role(
        self, name: str, project: str | None, *, actor: str, reason: str | None
    ) -> Account:
        """Take an account's role in a project, or the one in every project.

        Raises
        ------
        NotFoundError
            There is no such account, or it has no role there (code ``no_role``).
        RefusedError
            Nobody else is an admin of every project (code ``last_admin``).
        """
        with self._database.write() as transaction:
            row = account_named(transaction.connection, name)
            account = _account(transaction.connection, name)
            held = _role_for(account, project)
            if project is None:
                _refuse_last_admin(transaction, row.id, account, "made anything less")
            transaction.execute(_REVOKE, {"one": row.id, "of": project or EVERY_PROJECT})
            transaction.tell(
                "role.revoked",
                account_subject(account.name),
                actor=actor,
                before=_told(held),
                reason=reason,
            )
            return _account(transaction.connection, name)


def account_subject(name: str) -> str:
    """Give what events call an account."""
    return f"account:{name}"


def account_named(connection: Connection, name: str) -> Row[Any]:
    """Give the row of an account, with one of its roles.

    Raises
    ------
    NotFoundError
        There is none of this name.
    """
    row = connection.execute(_ONE, {"named": name.lower()}).first()
    if row is None:
        known = ", ".join(connection.scalars(_NAMES)) or "none"
        raise NotFoundError(
            f"there is no account {name!r}; there are: {known}", code="no_account", name=name
        )
    return row


def to_grants(rows: Iterable[Row[Any]]) -> tuple[Grant, ...]:
    """Make grants of rows that were joined with them; of none where a row has none."""
    return tuple(to_grant(row.role, row.project) for row in rows if row.role is not None)


def to_grant(role: Role, project: str | None) -> Grant:
    """Make a grant of what the catalog keeps.

    Raises
    ------
    StorageError
        There is no such role: somebody wrote to the database.
    """
    if role not in ROLES:
        raise StorageError(
            f"the catalog holds {role!r} where a role should be", code="catalog_damaged"
        )
    return Grant(role, project or None)


def _id_of(key: Sequence[Any] | None) -> int:
    assert key is not None
    return int(key[0])


def _account(connection: Connection, name: str) -> Account:
    (account,) = _collected(
        connection.execute(_ONE, {"named": account_named(connection, name).folded}).all()
    )
    return account


def _collected(rows: Iterable[Row[Any]]) -> tuple[Account, ...]:
    """Make accounts of their rows, which come together."""
    owned = [list(group) for _, group in groupby(rows, key=lambda row: row.id)]
    return tuple(
        Account(
            name=rows[0].name,
            created_at=rows[0].created_at,
            created_by=rows[0].created_by,
            grants=to_grants(rows),
            has_password=rows[0].password is not None,
        )
        for rows in owned
    )


def _write_grant(
    transaction: Transaction,
    one: int,
    account: Account,
    grant: Grant,
    *,
    actor: str,
    reason: str | None,
) -> None:
    if grant.project is not None:
        check_project(transaction.connection, grant.project)
    before = next((each for each in account.grants if each.project == grant.project), None)
    place = grant.project or EVERY_PROJECT
    transaction.execute(_REVOKE, {"one": one, "of": place})
    transaction.execute(_GRANT, {"account_id": one, "project": place, "role": grant.role})
    transaction.tell(
        "role.granted",
        account_subject(account.name),
        actor=actor,
        before=None if before is None else _told(before),
        after=_told(grant),
        reason=reason,
    )


def check_project(connection: Connection, name: str) -> None:
    """Refuse a role of a project that there is not: nobody would notice the slip.

    Raises
    ------
    NotFoundError
        The message says which projects there are.
    """
    if connection.scalar(_PROJECT, {"named": name}) is None:
        known = ", ".join(connection.scalars(_PROJECTS)) or "none"
        raise NotFoundError(
            f"there is no project {name!r}; there are: {known}", code="no_project", project=name
        )


def _role_for(account: Account, project: str | None) -> Grant:
    for each in account.grants:
        if each.project == project:
            return each
    held = ", ".join(map(str, account.grants)) or "none"
    raise NotFoundError(
        f"account {account.name!r} has no role of {project or 'every project'}; its roles: {held}",
        code="no_role",
        name=account.name,
        project=project,
    )


def _refuse_last_admin(transaction: Transaction, one: int, account: Account, what: str) -> None:
    """Keep somebody who may give roles; the lock of all writers makes it true until the end."""
    if set(transaction.execute(_ADMINS).scalars()) == {one}:
        raise RefusedError(
            f"account {account.name!r} cannot be {what}: nobody else is an admin of every "
            "project. Make another account one first: edversion dashboard user grant NAME "
            "--role admin",
            code="last_admin",
            name=account.name,
        )


def _told(grant: Grant) -> dict[str, Json]:
    """Give what events say of a role; of every project where that is null."""
    return {"role": grant.role, "project": grant.project}
