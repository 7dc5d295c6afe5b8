"""One request: what it asks for, and how to answer it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from edversion import InvalidInputError

if TYPE_CHECKING:
    import edversion

__all__ = ["LARGEST", "Visit"]

_LONGEST = 4000
LARGEST = 10**12 - 1
"""No number that is asked for is larger."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to a page.

    Attributes
    ----------
    request : Request
        Starlette's.
    repository : Repository
        What the pages are of; shared by all threads.
    templates : jinja2.Environment
        Where the pages come from.
    """

    request: Request
    repository: edversion.Repository
    templates: jinja2.Environment

    def part(self, name: str) -> str:
        """Give a part of the path."""
        return str(self.request.path_params[name])

    def text(self, name: str) -> str:
        """Give a parameter without the spaces around it; empty where it was left out."""
        return self.texts(name)[-1] if name in self.request.query_params else ""

    def texts(self, name: str) -> list[str]:
        """Give all values of a parameter.

        Raises
        ------
        InvalidInputError
            One is too long.
        """
        values = [value.strip() for value in self.request.query_params.getlist(name)]
        if any(len(value) > _LONGEST for value in values):
            raise InvalidInputError(
                f"{name} is too long: {_LONGEST} characters are the most", code="too_long"
            )
        return values

    def whole(self, name: str, default: int) -> int:
        """Give a parameter that is a whole number from 1 on.

        Raises
        ------
        InvalidInputError
            It is something else.
        """
        text = self.text(name)
        if not text:
            return default
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 13 else 0
        if not 1 <= number <= LARGEST:
            raise InvalidInputError(
                f"{name} must be a whole number from 1 on, not {text!r}",
                code="bad_argument",
                argument=name,
            )
        return number

    def page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Answer with a page."""
        content = self.templates.get_template(template).render(
            path=self.request.url.path, store=self.repository.location.store, **values
        )
        return HTMLResponse(content, status)
