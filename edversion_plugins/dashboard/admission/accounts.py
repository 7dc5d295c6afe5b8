"""Letting in who has an account: by a password, by a token, or through a proxy."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

import edversion
from edversion import InvalidInputError, NotFoundError, RefusedError
from edversion_plugins.dashboard.admission.attempts import Attempts
from edversion_plugins.dashboard.admission.entrance import NOBODY, Visitor
from edversion_plugins.dashboard.admission.proxy import Proxy

if TYPE_CHECKING:
    from edversion.model import Role

__all__ = ["Accounts"]

_AT_ONCE = 8
"""Passwords that are proved or wait for it: two at once are, and pages need their threads."""


class Accounts:
    """Lets in who has an account: by signing in, by a token, or through a proxy.

    Parameters
    ----------
    repository : Repository
        Knows the accounts.
    secure : bool
        Whether browsers reach the dashboard by https alone.
    proxy : Proxy
        Whom to believe who signed in.
    attempts : Attempts
        How often somebody may try.
    """

    accounts = True

    def __init__(
        self,
        repository: edversion.Repository,
        *,
        secure: bool,
        proxy: Proxy | None = None,
        attempts: Attempts | None = None,
    ) -> None:
        self._repository, self._secure = repository, secure
        self._proxy, self._attempts = proxy or Proxy(), attempts or Attempts()
        self._key = secrets.token_bytes(32)
        self._busy = BoundedSemaphore(_AT_ONCE)

    def visitor(self, request: Request) -> Visitor:
        """Say who asks; a token goes before a session, and a session before a proxy."""
        token = bearer(request)
        if token is not None:
            access = self._repository.token_access(token)
            return NOBODY if access is None else Visitor(access, "token")
        session = request.cookies.get(self.cookie)
        access = self._repository.session_access(session) if session else None
        if session and access is not None:
            return Visitor(access, "session", _form_key(session.encode(), access.name))
        name = self._proxy.user(request)
        if name is not None:
            access = self._of_proxy(name)
            return Visitor(access, "proxy", _form_key(self._key, access.name))
        return NOBODY

    def _of_proxy(self, name: str) -> edversion.Access:
        try:
            return self._repository.account(name).access
        except (NotFoundError, InvalidInputError):
            raise RefusedError(
                f"{name} signed in, but has no account here; an admin of this dashboard adds it "
                "with 'edversion dashboard user add'",
                code="no_account",
            ) from None

    @property
    def cookie(self) -> str:
        """Name of the cookie; where it is secure, no neighbouring host can set it."""
        return "__Host-edversion" if self._secure else "edversion-session"

    def sign_in(self, request: Request, name: str, password: str) -> str:
        """Begin a session; give its secret.

        Raises
        ------
        RefusedError
            The two do not belong together (code ``sign_in_failed``), or it was tried too often
            (code ``too_many_attempts``; `seconds` says how long to wait). So it is where many
            do it at once: each takes a thread that pages need.
        """
        if not self._busy.acquire(blocking=False):
            raise _too_often("many people sign in just now", 2.0)
        try:
            client = self._proxy.client(request)
            wait = self._attempts.begin(name, client)
            if wait:
                raise _too_often("that was tried too often", wait)
            secret = self._repository.sign_in(name, password)
            self._attempts.succeeded(name, client)
            return secret
        finally:
            self._busy.release()

    def change_password(self, request: Request, name: str, old: str, new: str) -> None:
        """Give an account another password, for who knows the present one.

        Raises
        ------
        RefusedError
            As `sign_in`.
        InvalidInputError
            The new one cannot be taken (code ``weak_password``).
        """
        self._repository.end_session(self.sign_in(request, name, old))
        self._repository.set_password(name, new)

    def tokens(self, name: str) -> tuple[edversion.ApiToken, ...]:
        """Give the tokens of an account."""
        return self._repository.tokens(name)

    def create_token(
        self, account: str, *, name: str, role: Role, project: str | None, expires_in: timedelta
    ) -> tuple[edversion.ApiToken, str]:
        """Make a token; give it with its secret, which nobody can look up again."""
        return self._repository.create_token(
            account, name, role=role, project=project, expires_in=expires_in
        )

    def revoke_token(self, account: str, name: str) -> None:
        """Take a token back."""
        self._repository.revoke_token(account, name)

    def keep(self, answer: Response, secret: str) -> None:
        """Hand a session's secret to the browser, which shows it to no script and no neighbour."""
        answer.set_cookie(
            self.cookie, secret, path="/", secure=self._secure, httponly=True, samesite="lax"
        )

    def end(self, request: Request, answer: Response) -> None:
        """End the session of a browser."""
        secret = request.cookies.get(self.cookie)
        if secret:
            self._repository.end_session(secret)
        answer.delete_cookie(
            self.cookie, path="/", secure=self._secure, httponly=True, samesite="lax"
        )


def _too_often(why: str, wait: float) -> RefusedError:
    return RefusedError(
        f"{why}; try again in {max(round(wait), 1)} seconds", code="too_many_attempts", seconds=wait
    )


def bearer(request: Request) -> str | None:
    """Give the token that a program shows; None where it shows none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _form_key(secret: bytes, name: str) -> str:
    """Give what forms of one visitor bring back; it tells nothing of the secret."""
    return hmac.new(secret, b"form:" + name.encode(), hashlib.sha256).hexdigest()
