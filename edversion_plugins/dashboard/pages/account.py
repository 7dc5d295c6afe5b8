"""One's own account: roles, password, and the tokens of one's programs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from starlette.responses import Response

from edversion import RefusedError
from edversion_plugins.dashboard.admission.accounts import Accounts
from edversion_plugins.dashboard.visit import Visit

if TYPE_CHECKING:
    from edversion.model import Role

__all__ = ["change_password", "create_token", "revoke_token", "show_account"]


def show_account(visit: Visit) -> Response:
    """Show what the visitor may do, and its tokens."""
    return _page(visit)


def change_password(visit: Visit) -> Response:
    """Take another password from who knows the present one; all sessions end."""
    entrance = _entrance(visit)
    old, new, again = (visit.sent.get(each, "") for each in ("old", "new", "again"))
    if new != again:
        return _page(visit, failed="The two new passwords are not the same.", status=400)
    entrance.change_password(visit.request, visit.access.name, old, new)
    answer = visit.redirect("/sign-in")
    entrance.end(visit.request, answer)
    return answer


def create_token(visit: Visit) -> Response:
    """Make a token, and show it this once."""
    project = visit.field("project") or None
    if project is not None:
        visit.repository.check_project(project)
    token, secret = _entrance(visit).create_token(
        visit.access.name,
        name=visit.field("name"),
        role=cast("Role", visit.field("role")),
        project=project,
        expires_in=timedelta(days=visit.field_whole("days", 90)),
    )
    return _page(visit, made=token, secret=secret)


def revoke_token(visit: Visit) -> Response:
    """Take a token back."""
    _entrance(visit).revoke_token(visit.access.name, visit.field("name"))
    return visit.redirect("/account")


def _page(visit: Visit, *, status: int = 200, **values: Any) -> Response:
    entrance = visit.entrance if isinstance(visit.entrance, Accounts) else None
    if visit.visitor.how == "token":  # the others name projects that this one is not for
        entrance = None
    return visit.page(
        "account.html",
        status=status,
        tokens=entrance.tokens(visit.access.name) if entrance else (),
        projects=visit.repository.projects(),
        **{"failed": "", "made": None, "secret": "", **values},
    )


def _entrance(visit: Visit) -> Accounts:
    """Give the entrance, for a person in a browser: a token makes no tokens."""
    if not isinstance(visit.entrance, Accounts) or visit.visitor.how == "token":
        raise RefusedError("accounts are changed by people who are signed in", code="not_signed_in")
    return visit.entrance
