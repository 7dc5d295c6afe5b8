"""The application: every page behind the same checks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import edversion
from edversion import EdversionError
from edversion_plugins.dashboard.admission.entrance import NOBODY, Entrance, SingleUser, Visitor
from edversion_plugins.dashboard.admission.forms import check_origin, fields_of, read_body
from edversion_plugins.dashboard.admission.guard import Guard
from edversion_plugins.dashboard.admission.reach import Reach
from edversion_plugins.dashboard.api import API
from edversion_plugins.dashboard.details import Problem, is_api
from edversion_plugins.dashboard.pages import PAGES
from edversion_plugins.dashboard.problems import UNEXPECTED, problem_of, show_problem
from edversion_plugins.dashboard.rendering import environment, query
from edversion_plugins.dashboard.routes import ROLES, Page, check_pages
from edversion_plugins.dashboard.visit import Visit

__all__ = ["create_app"]

_LOG = logging.getLogger(__name__)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def create_app(
    repository: edversion.Repository,
    *,
    hosts: Collection[str] = _LOOPBACK,
    pages: Sequence[Page] | None = None,
    entrance: Entrance | None = None,
    url: str | None = None,
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
    entrance : Entrance
        How visitors are known; the one person at this machine may everything where left out.
    url : str, optional
        What browsers know the dashboard by, where a proxy stands before it:
        ``"https://versions.school.example"``.

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
    desk = _Desk(repository, entrance or SingleUser(), environment())

    def missing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        problem = _WRONG_WAY if error.status_code == 405 else _MISSING
        answer = desk.told(request, problem)
        answer.headers.update(error.headers or {})
        return answer

    guard = Middleware(Guard, hosts=hosts, url=url, alone=not desk.entrance.accounts)
    app = Starlette(
        routes=[
            Route(page.path, desk.endpoint(page), methods=list(page.methods)) for page in checked
        ],
        middleware=[guard],
        exception_handlers={404: missing, 405: missing},
    )
    # behind a proxy it would lead from https://…/sign-in/ to http://, the password with it
    app.router.redirect_slashes = False
    return app


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where every request is met: who asks, may they, and what comes of it.

    Attributes
    ----------
    repository : Repository
        All there is.
    entrance : Entrance
        How visitors are known.
    templates : jinja2.Environment
        Where the pages come from.
    """

    repository: edversion.Repository
    entrance: Entrance
    templates: jinja2.Environment

    def endpoint(self, page: Page) -> Callable[[Request], Any]:
        """Give what answers the requests to a page, in a thread of Starlette's."""
        if page.methods == ("GET",):
            return lambda request: self.answer(page, request, b"")

        async def answer(request: Request) -> Response:
            try:
                body = await read_body(request)
            except EdversionError as error:
                return self.told(request, problem_of(error))
            return await run_in_threadpool(self.answer, page, request, body)

        return answer

    def answer(self, page: Page, request: Request, body: bytes) -> Response:
        """Meet one request."""
        visit = self.visit(request, NOBODY)
        try:
            visit = self.visit(request, self.entrance.visitor(request))
            if not _lets_in(page, visit):
                return _refuse(page, visit)
            if request.method not in ("GET", "HEAD"):
                visit = replace(visit, sent=fields_of(request, body))
                if page.permission != "anyone":  # who signs in has no session yet
                    check_origin(visit.visitor, visit.sent)
            with edversion.acting_as(visit.access.name):
                return _checked(page, page.respond(visit))
        except EdversionError as error:
            if problem_of(error).status >= 500:
                _LOG.error("%s: %s", request.url.path, error)
            return show_problem(visit, problem_of(error))
        except (Exception, SystemExit):  # noqa: BLE001 - the trace is for the log, not the page
            _LOG.exception("%s failed", request.url.path)
            return show_problem(visit, UNEXPECTED)

    def visit(self, request: Request, visitor: Visitor) -> Visit:
        """Give a request as pages take it."""
        reach = Reach(self.repository, visitor.access)
        return Visit(request, reach, self.templates, self.entrance, visitor)

    def told(self, request: Request, problem: Problem) -> Response:
        """Answer with a problem that is the same for everybody."""
        return show_problem(self.visit(request, NOBODY), problem)


def _lets_in(page: Page, visit: Visit) -> bool:
    """Say whether the visitor has what a page needs, in the project that the address names."""
    return visit.may(page.permission, visit.request.path_params.get("project"))


def _checked(page: Page, answer: object) -> Response:
    """Give an answer back; a page of a plugin may give anything."""
    if not isinstance(answer, Response):
        raise TypeError(f"the page {page.path} gave {type(answer).__name__}, and no Response")
    return answer


def _refuse(page: Page, visit: Visit) -> Response:
    """Ask who it is, or say what is missing; what may not be seen is as if it were not there."""
    request = visit.request
    if not visit.visitor.known:
        if request.method in ("GET", "HEAD") and not is_api(request.url.path):
            return visit.redirect("/sign-in" + query({"next": _here(request)}))
        answer = show_problem(visit, _UNKNOWN)
        answer.headers["www-authenticate"] = "Bearer"
        return answer
    project = request.path_params.get("project")
    if project is not None and not visit.may("view", project):
        return show_problem(visit, _HIDDEN)
    held = visit.access.role_in(project) if project else None
    needed = ROLES.get(page.permission)
    told = f"This takes the role {needed}, and you are {held or 'without one'} here."
    return show_problem(visit, replace(_FORBIDDEN, message=told))


def _here(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


_FORBIDDEN = Problem(
    403, "That is not allowed", "", "An admin of this dashboard gives roles: 'edversion dashboard "
    "user grant'.", "forbidden",
)  # fmt: skip
_HIDDEN = Problem(
    404, "There is no such thing here", "There is no such project among those that you may look "
    "at.", "Start from the home page, or ask an admin to let you in.", "not_found",
)  # fmt: skip
_UNKNOWN = Problem(
    401, "Who is asking?", "Nobody is signed in, or the token has expired.",
    "Sign in, or send a token: 'Authorization: Bearer edv_…'.", "not_signed_in",
)  # fmt: skip
_MISSING = Problem(
    404, "There is no such page", "The dashboard has no page at this address.",
    "Look for it in the search, or start from the home page.", "no_such_page",
)  # fmt: skip
_WRONG_WAY = Problem(
    405, "This page cannot be asked that way", "The page is there, but not for this method.",
    "Open it as a page, without sending anything.", "method_not_allowed",
)  # fmt: skip
