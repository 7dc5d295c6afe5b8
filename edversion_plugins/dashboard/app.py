"""The application: every page behind the same checks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import edversion
from edversion import EdversionError
from edversion_plugins.dashboard.api import API
from edversion_plugins.dashboard.guard import Guard
from edversion_plugins.dashboard.pages import PAGES
from edversion_plugins.dashboard.problems import Problem, problem_of, show_problem
from edversion_plugins.dashboard.rendering import environment
from edversion_plugins.dashboard.routes import PERMISSIONS, Page, Permission, check_pages
from edversion_plugins.dashboard.visit import Visit

__all__ = ["create_app"]

_LOG = logging.getLogger(__name__)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

Allows = Callable[[Request, Permission], bool]
"""Whether a request may do what needs a permission."""


def _single_user(_request: Request, permission: Permission) -> bool:
    """Let the one person at this machine do everything that has a name."""
    return permission in PERMISSIONS


def create_app(
    repository: edversion.Repository,
    *,
    hosts: Collection[str] = _LOOPBACK,
    pages: Sequence[Page] | None = None,
    allows: Allows = _single_user,
) -> Starlette:
    """Make the dashboard of an open repository.

    Parameters
    ----------
    repository : Repository
        Stays open as long as the application serves; its threads share it.
    hosts : collection of str
        Names by which browsers ask for it; other ones are refused.
    pages : sequence of Page
        What there is to see; the dashboard's own and those of plugins where left
        out.
    allows : callable
        Whether a request has a permission; the one person at this machine has all.

    Raises
    ------
    InvalidInputError
        A page declares no permission.

    Examples
    --------
    >>> import edversion, tempfile
    >>> from starlette.testclient import TestClient
    >>> folder = tempfile.TemporaryDirectory()
    >>> with edversion.init("demo", store=folder.name) as run:
    ...     client = TestClient(create_app(run.repository), base_url="http://127.0.0.1")
    ...     client.get("/").status_code
    200
    >>> folder.cleanup()
    """
    if pages is None:
        pages = (*PAGES, *API, *repository.plugins.register_pages())
    checked = check_pages(pages)
    templates = environment()

    def visit_of(request: Request) -> Visit:
        return Visit(request, repository, templates)

    def endpoint(page: Page) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            visit = visit_of(request)
            if not allows(request, page.permission):
                return show_problem(visit, _FORBIDDEN)
            return _answer(page, visit)

        return answer

    def missing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        problem = _WRONG_WAY if error.status_code == 405 else _MISSING
        answer = show_problem(visit_of(request), problem)
        answer.headers.update(error.headers or {})
        return answer

    return Starlette(
        routes=[Route(page.path, endpoint(page), methods=list(page.methods)) for page in checked],
        middleware=[Middleware(Guard, hosts=hosts)],
        exception_handlers={404: missing, 405: missing},
    )


def _answer(page: Page, visit: Visit) -> Response:
    try:
        return page.respond(visit)
    except EdversionError as error:
        if problem_of(error).status >= 500:
            _LOG.error("%s: %s", visit.request.url.path, error)
        return show_problem(visit, problem_of(error))
    except Exception:  # noqa: BLE001 - the trace is for whoever runs it, not for the page
        _LOG.exception("%s failed", visit.request.url.path)
        return show_problem(visit, _UNEXPECTED)


_FORBIDDEN = Problem(
    403, "That is not allowed", "You are not allowed to see this page.",
    "Ask whoever rules this dashboard.", "forbidden",
)  # fmt: skip
_MISSING = Problem(
    404, "There is no such page", "The dashboard has no page at this address.",
    "Look for it in the search, or start from the home page.", "no_such_page",
)  # fmt: skip
_WRONG_WAY = Problem(
    405, "This page cannot be asked that way", "The page is there, but only to be read.",
    "Open it without sending anything.", "method_not_allowed",
)  # fmt: skip
_UNEXPECTED = Problem(
    500, "Something unexpected happened", "The dashboard made a mistake in showing this page; the "
    "log of the program says which.", "Load the page again, and report it if it stays so.",
    "unexpected",
)  # fmt: skip
