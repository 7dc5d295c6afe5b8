"""Let accounts in: by a password for a session, or by a token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from edversion import accounts
from edversion.catalog import NewToken
from edversion.environment import actor
from edversion.errors import InvalidInputError
from edversion.model import Access, ApiToken, Grant, Role
from edversion.reference import check_name
from edversion.repository.accounting import checked_grant
from edversion.repository.parts import Area

__all__ = ["Admitting"]

_LASTS = timedelta(days=90)
_AT_MOST = timedelta(days=366)


class Admitting(Area):
    """Sessions and tokens of accounts."""

    def sign_in(self, name: str, password: str) -> str:
        """Begin a session; give the secret that stands for it, which is kept nowhere.

        It lasts twelve hours, and two where it is not used. Whoever calls this for others limits
        how often it may be tried: it takes a quarter of a second and 16 MiB, of two calls at once.

        Raises
        ------
        RefusedError
            There is no such account, or it has another password; nothing says which (code
            ``sign_in_failed``).

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> chosen = "a cat on a keyboard"
        >>> with edversion.init("school", store=folder.name) as run:
        ...     repository = run.repository
        ...     _ = repository.add_account("ada", password=chosen)
        ...     secret = repository.sign_in("ada", chosen)
        ...     before = repository.session_access(secret)
        ...     repository.end_session(secret)
        ...     print(before, repository.session_access(secret))
        Access(name='ada', grants=()) None
        >>> folder.cleanup()
        """
        return accounts.sign_in(self.catalog, name, password)

    def session_access(self, secret: str) -> Access | None:
        """Say who is signed in by a secret, and what he or she may do now; None if nobody.

        It is written down that the session was used, once a minute at most.
        """
        return self.catalog.session_access(_digest(secret), now=_now())

    def end_session(self, secret: str) -> None:
        """Sign out; a session that has ended already is no mistake."""
        self.catalog.end_session(_digest(secret))

    def end_sessions(self, name: str) -> int:
        """Sign an account out everywhere; give how many sessions there were.

        Raises
        ------
        NotFoundError
            There is no such account.
        """
        return self.catalog.end_sessions(name, actor=actor())

    def create_token(
        self,
        account: str,
        name: str,
        *,
        role: Role,
        project: str | None = None,
        expires_in: timedelta = _LASTS,
    ) -> tuple[ApiToken, str]:
        """Make what a program shows in place of a password.

        At no time may it more than its account may then.

        Parameters
        ----------
        account, name : str
            Whose it is, and what to call it there.
        role : {"viewer", "editor", "approver", "admin"}
            The most that it may do.
        project : str, optional
            The only project that it is for; all those of its account if left out.
        expires_in : timedelta
            How long it may be used: 90 days, at most a year.

        Returns
        -------
        (ApiToken, str)
            What is known of it, and its secret, which is kept nowhere.

        Raises
        ------
        InvalidInputError
            Name, role or time cannot be (code ``illegal_span``).
        ConflictError
            The account has one of this name (code ``token_exists``).
        NotFoundError
            There is no such account or project.

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("school", store=folder.name) as run:
        ...     repository = run.repository
        ...     _ = repository.add_account("ada", grants=[edversion.Grant("editor", "school")])
        ...     token, secret = repository.create_token("ada", "nightly", role="admin")
        ...     access = repository.token_access(secret)
        >>> secret[:4], token.expires_at - token.created_at
        ('edv_', datetime.timedelta(days=90))
        >>> access
        Access(name='ada', grants=(Grant(role='editor', project='school'),))
        >>> folder.cleanup()
        """
        if not timedelta(0) < expires_in <= _AT_MOST:
            raise InvalidInputError(
                f"a token cannot last {expires_in}; give some time, and a year at most",
                code="illegal_span",
                expires_in=expires_in,
            )
        secret = accounts.new_token()
        new = NewToken(
            account=account,
            name=check_name(name, "token"),
            digest=accounts.digest_of_secret(secret),
            grant=checked_grant(Grant(role, project)),
            lasts=expires_in,
            actor=actor(),
        )
        return self.catalog.add_token(new), secret

    def tokens(self, account: str) -> tuple[ApiToken, ...]:
        """Give the tokens of an account, by name; also those that expired in the last 30 days.

        Raises
        ------
        NotFoundError
            There is no such account.
        """
        return self.catalog.tokens(account)

    def revoke_token(self, account: str, name: str) -> ApiToken:
        """Take a token back; it opens nothing from the next request on.

        Raises
        ------
        NotFoundError
            There is no such account, or it has no such token (code ``no_token``).
        """
        return self.catalog.revoke_token(account, name, actor=actor())

    def token_access(self, secret: str) -> Access | None:
        """Say who a token stands for, and what may be done with it now; None if it is none.

        It is written down that it was used, once an hour at most.
        """
        if not accounts.is_token(secret):
            return None
        return self.catalog.token_access(_digest(secret), now=_now())


def _digest(secret: str) -> str:
    return accounts.digest_of_secret(secret)


def _now() -> datetime:
    return datetime.now(UTC)
