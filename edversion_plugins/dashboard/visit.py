"""One request: what it asks for, and how to answer it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

import edversion
from edversion import InvalidInputError
from edversion_plugins.dashboard.admission.entrance import Entrance, Visitor
from edversion_plugins.dashboard.admission.forms import FIELD
from edversion_plugins.dashboard.admission.reach import Reach
from edversion_plugins.dashboard.routes import ROLES, Permission

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
    repository : Reach
        What the pages are of, as far as the visitor may reach.
    templates : jinja2.Environment
        Where the pages come from.
    entrance : Entrance
        How visitors are known.
    visitor : Visitor
        Who asks.
    sent : mapping
        The fields of a form, or of a JSON object; empty where nothing was sent.
    """

    request: Request
    repository: Reach
    templates: jinja2.Environment
    entrance: Entrance
    visitor: Visitor
    sent: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def access(self) -> edversion.Access:
        """Who asks, and what he or she may do."""
        return self.visitor.access

    def may(self, permission: Permission, project: str | None = None) -> bool:
        """Say whether the visitor may do something in a project; where none is named, in any."""
        return permission == "anyone" or self.access.may(ROLES[permission], project)

    def field(self, name: str) -> str:
        """Give a field that was sent, without the spaces around it; empty where it is missing.

        Raises
        ------
        InvalidInputError
            It is too long.
        """
        return _bounded(name, self.sent.get(name, "").strip())

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
        found = self.request.query_params.getlist(name)
        return [_bounded(name, value.strip()) for value in found]

    def whole(self, name: str, default: int) -> int:
        """Give a parameter that is a whole number from 1 on.

        Raises
        ------
        InvalidInputError
            It is something else.
        """
        return _whole(name, self.text(name), default)

    def field_whole(self, name: str, default: int) -> int:
        """Give a field that was sent and is a whole number from 1 on.

        Raises
        ------
        InvalidInputError
            It is something else.
        """
        return _whole(name, self.field(name), default)

    def page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Answer with a page."""
        content = self.templates.get_template(template).render(
            path=self.request.url.path,
            store=self._store,
            visitor=self.visitor,
            accounts=self.entrance.accounts,
            may=self.may,
            sees=self.repository.sees,
            csrf=partial(_hidden, self.visitor.form_key),
            **values,
        )
        return HTMLResponse(content, status)

    def redirect(self, address: str) -> RedirectResponse:
        """Lead on to a page of ours, once something was done."""
        return RedirectResponse(address, 303)

    @property
    def _store(self) -> str:
        """Where the store is, for whoever may know that."""
        told = self.access.may_everywhere("admin")
        return self.repository.location.store if told else ""


def _bounded(name: str, value: str) -> str:
    if len(value) > _LONGEST:
        raise InvalidInputError(
            f"{name} is too long: {_LONGEST} characters are the most", code="too_long"
        )
    return value


def _whole(name: str, text: str, default: int) -> int:
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


def _hidden(form_key: str) -> Markup:
    """Give the field by which a form of ours is known."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, form_key)
