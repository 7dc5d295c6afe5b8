"""What went wrong, and how programs are told."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

__all__ = ["Problem", "as_details", "is_api"]


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


def is_api(path: str) -> bool:
    """Say whether a program asks for a path."""
    return path.startswith("/api/")


def as_details(problem: Problem) -> Response:
    """Answer a program, as RFC 9457 has it."""
    told = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.message,
        "code": problem.code,
    }
    return JSONResponse(told, problem.status, media_type="application/problem+json")
