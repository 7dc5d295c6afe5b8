"""What accounts show to be let in: sessions after a password, and tokens.

Of a secret only its digest is here. Whoever asks with one costs a statement that reads; that it
was used is written down now and then.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, Update, bindparam, delete, insert, or_, select, update

from edversion.catalog import chain
from edversion.catalog.account_tables import (
    account_grants,
    account_sessions,
    account_tokens,
    accounts,
)
from edversion.catalog.accounts import (
    account_named,
    account_subject,
    check_project,
    to_grant,
    to_grants,
)
from edversion.catalog.area import Area
from edversion.catalog.database import Transaction
from edversion.errors import ConflictError, NotFoundError, StorageError
from edversion.model import Access, ApiToken, Grant

__all__ = ["SESSION_IDLE", "SESSION_LIFE", "Credentials", "KeptPassword", "NewToken"]

SESSION_LIFE = timedelta(hours=12)
"""How long a session lasts at most."""

SESSION_IDLE = timedelta(hours=2)
"""How long it lasts unused."""

_SESSION_NOTED = timedelta(minutes=1)
_TOKEN_NOTED = timedelta(hours=1)
_TOKEN_KEPT = timedelta(days=30)  # so that people see that it expired
_FAILURE_NOTED = timedelta(minutes=1)
_NOTING = threading.Lock()
_STRANGERS = "accounts"
_FAILED = "account.sign_in_failed"


def _asked(table: Any, *columns: Any) -> Select[Any]:
    """Find who a digest belongs to, and what may be done with it: a row for each role."""
    return (
        select(*columns, accounts.c.name, account_grants.c.role, account_grants.c.project)
        .select_from(table)
        .join(accounts, accounts.c.id == table.c.account_id)
        .outerjoin(account_grants, account_grants.c.account_id == accounts.c.id)
        .where(table.c.digest == bindparam("shown"))
    )


_PASSWORD = select(accounts.c.name, accounts.c.password).where(
    accounts.c.folded == bindparam("named")
)
_REHASH = update(accounts).where(accounts.c.id == bindparam("one"))
_SESSION = _asked(account_sessions, account_sessions.c.used_at, account_sessions.c.expires_at)
_TOKEN = _asked(
    account_tokens,
    account_tokens.c.last_used_at,
    account_tokens.c.expires_at,
    account_tokens.c.role.label("most"),
    account_tokens.c.project.label("within"),
)
# Of many requests at once, one writes.
_USE_SESSION = update(account_sessions).where(
    account_sessions.c.digest == bindparam("shown"),
    account_sessions.c.used_at <= bindparam("before"),
)
_USE_TOKEN = update(account_tokens).where(
    account_tokens.c.digest == bindparam("shown"),
    or_(
        account_tokens.c.last_used_at.is_(None),
        account_tokens.c.last_used_at <= bindparam("before"),
    ),
)
_END_ONE = delete(account_sessions).where(account_sessions.c.digest == bindparam("shown"))
_END_ALL = delete(account_sessions).where(account_sessions.c.account_id == bindparam("one"))
_OWNER = (
    select(accounts.c.name)
    .join(account_sessions, account_sessions.c.account_id == accounts.c.id)
    .where(account_sessions.c.digest == bindparam("shown"))
)
_OLD_SESSIONS = delete(account_sessions).where(
    or_(
        account_sessions.c.expires_at <= bindparam("now"),
        account_sessions.c.used_at <= bindparam("idle"),
    )
)
_OLD_TOKENS = delete(account_tokens).where(account_tokens.c.expires_at <= bindparam("long_ago"))
_TOKENS = (
    select(account_tokens)
    .where(account_tokens.c.account_id == bindparam("one"))
    .order_by(account_tokens.c.name)
)
_DROP_TOKEN = delete(account_tokens).where(account_tokens.c.id == bindparam("token"))


@dataclass(frozen=True, slots=True)
class KeptPassword:
    """What is kept of an account's password.

    Attributes
    ----------
    name : str
        The account, as it is written.
    text : str or None
        What proves the password; None where there is none.
    """

    name: str
    text: str | None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that is to be made.

    Attributes
    ----------
    digest : str
        Of its secret.
    grant : Grant
        The most that it may do.
    """

    account: str
    name: str
    digest: str
    grant: Grant
    lasts: timedelta
    actor: str


class Credentials(Area):
    """Sessions and tokens."""

    def kept_password(self, name: str) -> KeptPassword | None:
        """Give what is kept of an account's password; None where there is no account."""
        rows = self._database.ask(_PASSWORD, {"named": name.lower()})
        return KeptPassword(rows[0].name, rows[0].password) if rows else None

    def begin_session(self, kept: KeptPassword, digest: str, *, anew: str | None = None) -> None:
        """Begin a session, for a password that was proved; what has expired goes.

        Parameters
        ----------
        kept : KeptPassword
            What it was proved by.
        digest : str
            Of the session's secret.
        anew : str, optional
            What shall be kept of the same password from now on.

        Raises
        ------
        ConflictError
            The password was changed meanwhile.
        NotFoundError
            The account was removed meanwhile.
        """
        with self._database.write() as transaction:
            row = account_named(transaction.connection, kept.name)
            if row.password != kept.text:
                raise ConflictError("the password was changed just now; sign in again")
            if anew is not None:
                transaction.execute(_REHASH, {"one": row.id, "password": anew})
            _sweep(transaction)
            times = {"created_at": transaction.at, "used_at": transaction.at}
            ends = {"expires_at": transaction.at + SESSION_LIFE}
            session = {"digest": digest, "account_id": row.id}
            transaction.execute(insert(account_sessions), session | times | ends)
            transaction.tell("account.signed_in", account_subject(row.name), actor=row.name)

    def note_failure(self, name: str | None) -> None:
        """Note that somebody was not let in, once a minute for each account.

        All names that are no account's count as one, and are not written down.
        """
        subject = _STRANGERS if name is None else account_subject(name)
        with self._database.write() as transaction:
            last = chain.listing(transaction.connection, subject, 1, _FAILED)
            if not last or transaction.at - last[0].at >= _FAILURE_NOTED:
                transaction.tell(_FAILED, subject, actor=name or "unknown")

    def session_access(self, digest: str, *, now: datetime) -> Access | None:
        """Say who a session is of, and what he or she may do; None where it has ended."""
        rows = self._database.ask(_SESSION, {"shown": digest})
        if not rows or now >= min(rows[0].expires_at, rows[0].used_at + SESSION_IDLE):
            return None
        if now - rows[0].used_at >= _SESSION_NOTED:
            self._note_use(_USE_SESSION, digest, before=now - _SESSION_NOTED, used_at=now)
        return Access(rows[0].name, to_grants(rows))

    def end_session(self, digest: str) -> None:
        """End a session; one that has ended is no mistake."""
        with self._database.write() as transaction:
            name = transaction.execute(_OWNER, {"shown": digest}).scalar()
            transaction.execute(_END_ONE, {"shown": digest})
            if name is not None:
                transaction.tell("account.signed_out", account_subject(name), actor=name)

    def end_sessions(self, name: str, *, actor: str) -> int:
        """End all sessions of an account; give how many there were."""
        with self._database.write() as transaction:
            row = account_named(transaction.connection, name)
            ended = transaction.execute(_END_ALL, {"one": row.id}).rowcount
            if ended:
                transaction.tell("account.signed_out", account_subject(row.name), actor=actor)
            return ended

    def add_token(self, new: NewToken) -> ApiToken:
        """Add a token, in place of an expired one of its name.

        Raises
        ------
        ConflictError
            The account has one of this name (code ``token_exists``).
        """
        with self._database.write() as transaction:
            row = account_named(transaction.connection, new.account)
            if new.grant.project is not None:
                check_project(transaction.connection, new.grant.project)
            _make_room(transaction, row, new.name)
            ends = transaction.at + new.lasts
            values = {"account_id": row.id, "name": new.name, "digest": new.digest}
            values |= {"role": new.grant.role, "project": new.grant.project}
            times = {"created_at": transaction.at, "expires_at": ends}
            transaction.execute(insert(account_tokens), values | times)
            token = ApiToken(new.name, row.name, new.grant, transaction.at, ends, None)
            transaction.tell(
                "token.created",
                account_subject(row.name),
                actor=new.actor,
                after={
                    "token": new.name,
                    "role": new.grant.role,
                    "project": new.grant.project,
                    "expires_at": ends.isoformat(),
                },
            )
            return token

    def tokens(self, account: str) -> tuple[ApiToken, ...]:
        """Give the tokens of an account, by name; also those that expired of late."""
        with self._database.read() as connection:
            row = account_named(connection, account)
            found = connection.execute(_TOKENS, {"one": row.id})
            return tuple(_token(each, row.name) for each in found)

    def revoke_token(self, account: str, name: str, *, actor: str) -> ApiToken:
        """Take a token back at once.

        Raises
        ------
        NotFoundError
            The account has none of this name (code ``no_token``).
        """
        with self._database.write() as transaction:
            row = account_named(transaction.connection, account)
            rows = transaction.execute(_TOKENS, {"one": row.id}).all()
            gone = next((each for each in rows if each.name == name), None)
            if gone is None:
                known = ", ".join(each.name for each in rows) or "none"
                raise NotFoundError(
                    f"account {row.name!r} has no token {name!r}; it has: {known}",
                    code="no_token",
                    name=name,
                )
            transaction.execute(_DROP_TOKEN, {"token": gone.id})
            transaction.tell(
                "token.revoked", account_subject(row.name), actor=actor, before={"token": name}
            )
            return _token(gone, row.name)

    def token_access(self, digest: str, *, now: datetime) -> Access | None:
        """Say who a token is of, and what may be done with it; None where it has expired."""
        rows = self._database.ask(_TOKEN, {"shown": digest})
        if not rows or now >= rows[0].expires_at:
            return None
        last = rows[0].last_used_at
        if last is None or now - last >= _TOKEN_NOTED:
            self._note_use(_USE_TOKEN, digest, before=now - _TOKEN_NOTED, last_used_at=now)
        owner = Access(rows[0].name, to_grants(rows))
        return owner.within(to_grant(rows[0].most, rows[0].within))

    def _note_use(self, statement: Update, digest: str, **values: datetime) -> None:
        """Note a use; a catalog that cannot be written now shows its pages all the same.

        One thread waits for that at a time: else, while somebody writes for long, each request
        would hold a thread of a server until there is none left for any page.
        """
        if not _NOTING.acquire(blocking=False):
            return
        try:
            with suppress(StorageError), self._database.write() as transaction:
                transaction.execute(statement, {"shown": digest, **values})
        finally:
            _NOTING.release()


def _make_room(transaction: Transaction, account: Row[Any], name: str) -> None:
    """Let no two tokens of an account have one name; one that has expired makes room."""
    rows = transaction.execute(_TOKENS, {"one": account.id})
    before = next((each for each in rows if each.name == name), None)
    if before is None:
        return
    if before.expires_at > transaction.at:
        raise ConflictError(
            f"account {account.name!r} has a token {name!r} already; give another name, or take "
            f"it back first with 'edversion dashboard token revoke {account.name} {name}'",
            code="token_exists",
            name=name,
        )
    transaction.execute(_DROP_TOKEN, {"token": before.id})


def _sweep(transaction: Transaction) -> None:
    """Remove what has expired."""
    at = transaction.at
    transaction.execute(_OLD_SESSIONS, {"now": at, "idle": at - SESSION_IDLE})
    transaction.execute(_OLD_TOKENS, {"long_ago": at - _TOKEN_KEPT})


def _token(row: Row[Any], account: str) -> ApiToken:
    return ApiToken(
        name=row.name,
        account=account,
        grant=to_grant(row.role, row.project),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )
