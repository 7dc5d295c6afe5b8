"""Signing in and out."""

from __future__ import annotations

from math import ceil
from urllib.parse import urlsplit

from starlette.responses import Response

from edversion import EdversionError
from edversion_plugins.dashboard.admission.accounts import Accounts
from edversion_plugins.dashboard.problems import problem_of
from edversion_plugins.dashboard.visit import Visit

__all__ = ["show_sign_in", "sign_in", "sign_out"]


def show_sign_in(visit: Visit) -> Response:
    """Ask for name and password; whoever is known already goes on."""
    onward = _own_address(visit.text("next"))
    if visit.visitor.known:
        return visit.redirect(onward)
    return visit.page("sign_in.html", onward=onward, name="", failed="")


def sign_in(visit: Visit) -> Response:
    """Begin a session, and go on to where the visitor was going."""
    onward, name = _own_address(visit.field("next")), visit.field("name")
    if not isinstance(visit.entrance, Accounts):
        return visit.redirect(onward)
    try:
        # spaces around a password are part of it
        secret = visit.entrance.sign_in(visit.request, name, visit.sent.get("password", ""))
    except EdversionError as error:
        return _again(visit, onward, name, error)
    answer = visit.redirect(onward)
    visit.entrance.keep(answer, secret)
    return answer


def sign_out(visit: Visit) -> Response:
    """End the session."""
    answer = visit.redirect("/sign-in")
    if isinstance(visit.entrance, Accounts):
        visit.entrance.end(visit.request, answer)
    return answer


def _again(visit: Visit, onward: str, name: str, error: EdversionError) -> Response:
    status = problem_of(error).status
    if status >= 500:
        raise error
    answer = visit.page(
        "sign_in.html", status=status, onward=onward, name=name, failed=error.message
    )
    if error.code == "too_many_attempts":
        answer.headers["retry-after"] = str(ceil(getattr(error, "seconds", 1.0)))
    return answer


def _own_address(text: str) -> str:
    """Give an address of this dashboard; the home page where it is anything else.

    Examples
    --------
    >>> _own_address("/p/school/dropout?page=2"), _own_address("//evil.example"), _own_address("")
    ('/p/school/dropout?page=2', '/', '/')
    """
    plain = text.isascii() and text.isprintable() and "\\" not in text and " " not in text
    if not plain or not text.startswith("/") or text.startswith("//"):
        return "/"
    parts = urlsplit(text)
    return "/" if parts.scheme or parts.netloc or parts.path == "/sign-in" else text
