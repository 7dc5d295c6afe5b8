"""Errors as pages that say what is wrong and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edversion import (
    CatalogVersionError,
    ConflictError,
    EdversionError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    RefusedError,
)
from edversion_plugins.dashboard.visit import Visit

__all__ = ["Problem", "is_api", "problem_of", "show_problem"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, as a reader is told.

    Attributes
    ----------
    status : int
        Of HTTP.
    title : str
        In a few words.
    message : str
        In full.
    advice : str
        What to do.
    code : str
        Stable name of the situation.
    """

    status: int
    title: str
    message: str
    advice: str
    code: str


_STATUS = {"too_many_attempts": 429, "too_large": 413, "sign_in_failed": 401}
_GONE = ("version_deleted", "version_erased")
_KINDS: tuple[tuple[type[EdversionError], int, str, str], ...] = (
    (NotFoundError, 404, "There is no such thing here",
     "Look for it in the search, or start from the home page."),
    (InvalidInputError, 400, "This cannot be read",
     "Change what was asked for, and try again."),
    (ConflictError, 409, "Somebody was faster", "Look at the page again, and repeat it."),
    (RefusedError, 403, "That is not allowed", "The message says who may, or what is missing."),
    (IntegrityError, 500, "Stored bytes are damaged",
     "Nothing of it is shown. 'edversion verify' says what else is damaged; logging the same "
     "content again heals it."),
    (CatalogVersionError, 503, "The repository is of another release",
     "Update edversion where the dashboard runs, or upgrade the catalog."),
    (EdversionError, 503, "The repository does not answer",
     "Wait a moment and load the page again. If it stays so, 'edversion doctor' looks into it."),
)  # fmt: skip


def is_api(request: Request) -> bool:
    """Say whether a program asks."""
    return request.url.path.startswith("/api/")


def problem_of(error: EdversionError) -> Problem:
    """Say how an error is shown."""
    _, status, title, advice = next(kind for kind in _KINDS if isinstance(error, kind[0]))
    if error.code in _GONE:
        status, title = 410, "This version is gone"
    status = _STATUS.get(error.code, status)
    return Problem(status, title, error.message, advice, error.code)


def show_problem(visit: Visit, problem: Problem) -> Response:
    """Answer with a page about a problem; programs get it as RFC 9457 has it."""
    if is_api(visit.request):
        told = {
            "type": "about:blank",
            "title": problem.title,
            "status": problem.status,
            "detail": problem.message,
            "code": problem.code,
        }
        return JSONResponse(told, problem.status, media_type="application/problem+json")
    return visit.page("problem.html", status=problem.status, problem=problem)
