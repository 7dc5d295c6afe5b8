"""Errors as pages that say what is wrong and what to do."""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import Response

from edversion import (
    CatalogVersionError,
    ConflictError,
    EdversionError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    RefusedError,
)
from edversion_plugins.dashboard.details import Problem, as_details, is_api
from edversion_plugins.dashboard.visit import Visit

__all__ = ["UNEXPECTED", "kept_back", "problem_of", "show_problem"]


_STATUS = {
    "not_pending": 409,
    "no_earlier_version": 409,
    "too_many_attempts": 429,
    "too_large": 413,
    "sign_in_failed": 401,
}
_GONE = ("version_deleted", "version_erased")
_KINDS: tuple[tuple[type[EdversionError], int, str, str], ...] = (
    (NotFoundError, 404, "There is no such thing here",
     "Look for it in the search, or start from the home page."),
    (InvalidInputError, 400, "This cannot be read",
     "Change what was asked for, and try again."),
    (ConflictError, 409, "Somebody was faster", "Look at the page again, and repeat it."),
    (RefusedError, 403, "That is not allowed", "The message says who may, or what is missing."),
    (IntegrityError, 503, "Stored bytes are damaged",
     "Nothing of it is shown. 'edversion verify' says what else is damaged; logging the same "
     "content again heals it."),
    (CatalogVersionError, 503, "The repository is of another release",
     "Update edversion where the dashboard runs, or upgrade the catalog."),
    (EdversionError, 503, "The repository does not answer",
     "Wait a moment and load the page again. If it stays so, 'edversion doctor' looks into it."),
)  # fmt: skip


def problem_of(error: EdversionError) -> Problem:
    """Say how an error is shown."""
    _, status, title, advice = next(kind for kind in _KINDS if isinstance(error, kind[0]))
    if error.code in _GONE:
        status, title = 410, "This version is gone"
    status = _STATUS.get(error.code, status)
    return Problem(status, title, error.message, advice, error.code)


def kept_back(problem: Problem) -> Problem:
    """Give a problem without what it says of the host: where the store is, and what lies there."""
    if problem.status < 500:
        return problem
    return replace(problem, message="Whoever runs this dashboard finds the reason in its log.")


def show_problem(visit: Visit, problem: Problem) -> Response:
    """Answer with a page about a problem; what it says of the host is for admins alone."""
    if not visit.access.may_everywhere("admin"):
        problem = kept_back(problem)
    if is_api(visit.request.url.path):
        return as_details(problem)
    return visit.page("problem.html", status=problem.status, problem=problem)


UNEXPECTED = Problem(
    500, "Something unexpected happened", "The dashboard made a mistake in showing this page; the "
    "log of the program says which.", "Load the page again, and report it if it stays so.",
    "unexpected",
)  # fmt: skip
