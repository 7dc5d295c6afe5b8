"""The dashboard of a repository that could not be opened: it says why, and tries again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from edversion import EdversionError
from edversion_plugins.dashboard.admission.entrance import NOBODY
from edversion_plugins.dashboard.admission.guard import Guard
from edversion_plugins.dashboard.details import Problem, as_details, is_api
from edversion_plugins.dashboard.pages.static import static_file
from edversion_plugins.dashboard.problems import UNEXPECTED, kept_back, problem_of
from edversion_plugins.dashboard.rendering import environment

__all__ = ["Waiting"]

_LOG = logging.getLogger(__name__)
_PAUSE = 1.0
"""Seconds between two attempts to open the repository."""
_PATIENCE = 1.0
"""Seconds that a request waits for an attempt; a catalog that is locked is waited for longer."""
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_ADVICE = (
    "Load this page again once that is done: each time the dashboard tries anew to open the "
    "repository, and it need not be started again."
)


class Waiting:
    """Answers in place of a dashboard until its repository can be opened, and then lets it answer.

    Parameters
    ----------
    error : EdversionError
        Why it could not be opened.
    attempt : callable
        Opens the repository and gives the dashboard of it, or raises; called in one thread at a
        time, and at most once a second.
    hosts, url
        As `create_app` takes them.
    alone : bool
        Whether only the person at this machine asks, who may read what is wrong and where.
    """

    def __init__(
        self,
        error: EdversionError,
        attempt: Callable[[], ASGIApp],
        *,
        hosts: Collection[str],
        url: str | None = None,
        alone: bool = True,
    ) -> None:
        self._attempt, self._alone = attempt, alone
        self._app: ASGIApp | None = None
        self._problem = _told(error)
        self._lock, self._done, self._at = threading.Lock(), threading.Event(), time.monotonic()
        self._done.set()
        self._pages = Starlette(
            routes=[
                Route("/static/{name}", _static),
                Route("/{rest:path}", self._answer, methods=_METHODS),
            ],
            middleware=[Middleware(Guard, hosts=hosts, url=url, alone=alone)],
        )
        self._templates = environment()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with the dashboard as soon as there is one."""
        if self._app is None and not scope.get("path", "").startswith("/static/"):
            await run_in_threadpool(self._try)
        await (self._app or self._pages)(scope, receive, send)

    def _try(self) -> None:
        """Try to open the repository, unless that was just tried; wait for it a moment."""
        with self._lock:
            idle = self._app is None and self._done.is_set()
            if idle and time.monotonic() - self._at >= _PAUSE:
                self._done.clear()
                threading.Thread(target=self._open, daemon=True).start()
        self._done.wait(_PATIENCE)

    def _open(self) -> None:
        try:
            self._app = self._attempt()
        except EdversionError as error:
            self._problem = _told(error)
        except Exception:  # noqa: BLE001 - the trace is for whoever runs it, not for the page
            _LOG.exception("the repository cannot be opened")
            self._problem = UNEXPECTED
        finally:
            self._at = time.monotonic()
            self._done.set()

    def _answer(self, request: Request) -> Response:
        problem = self._problem if self._alone else kept_back(self._problem)
        headers = {"retry-after": "5"}
        if is_api(request.url.path):
            answer = as_details(problem)
            answer.headers.update(headers)
            return answer
        page = self._templates.get_template("problem.html").render(
            problem=problem, path=request.url.path, visitor=NOBODY, accounts=False, store=""
        )
        return HTMLResponse(page, problem.status, headers)


def _static(request: Request) -> Response:
    return static_file(request.path_params["name"]) or Response(status_code=404)


def _told(error: EdversionError) -> Problem:
    """Give what is wrong; the message says what to do, and the advice what happens then."""
    return replace(problem_of(error), status=503, advice=_ADVICE)
