"""Every route, with every method, for everybody: who comes to the page, and who does not.

What each page needs is what it declares; what each role may is the line of roles. Nothing else
decides, so what is expected is computed from these two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient

import edversion
from edversion import Access, Grant
from edversion.model import ROLES
from edversion_plugins.dashboard import Page, Visit
from edversion_plugins.dashboard.admission.entrance import NOBODY, Visitor
from edversion_plugins.dashboard.api import API
from edversion_plugins.dashboard.pages import PAGES
from edversion_plugins.dashboard.routes import ROLES as NEEDED

from .showing import FORM_KEY, client_of

EVERY = (*PAGES, *API)
HERE, THERE = "course", "elsewhere"
OPEN = {"/static/{name}", "/sign-in", "/sign-out"}
WHO: dict[str, Access | None] = {
    "nobody": None,
    "without a role": Access("ada", ()),
    **{f"{role} here": Access("ada", (Grant(role, HERE),)) for role in ROLES},
    **{f"{role} there": Access("ada", (Grant(role, THERE),)) for role in ROLES},
    **{f"{role} everywhere": Access("ada", (Grant(role),)) for role in ROLES},
    "viewer here, admin there": Access("ada", (Grant("viewer", HERE), Grant("admin", THERE))),
}
CASES = [
    pytest.param(page, method, id=f"{method} {page.path}")
    for page in EVERY
    for method in page.methods
]


class Door:
    """Says who asks, as a test wants it."""

    accounts = True
    who: Visitor = NOBODY

    def visitor(self, _request: Request) -> Visitor:
        return self.who


class Reached:
    """Stands in place of a page, and notes that it was come to."""

    def __init__(self) -> None:
        self.by: list[str] = []

    def respond(self, visit: Visit) -> Response:
        self.by.append(edversion.actor())
        return PlainTextResponse("reached")


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Door, Reached]]:
    store: Path = tmp_path_factory.mktemp("roles") / "store"
    for project in (HERE, THERE):
        edversion.init(project, store=store).finish()
    door, reached = Door(), Reached()
    with edversion.open(store) as repository:
        pages = [replace(page, respond=reached.respond) for page in EVERY]
        yield client_of(repository, entrance=door, pages=pages), door, reached


def address(page: Page) -> str:
    """Give an address of a page, in the project where the roles are."""
    names = [part[1:-1] for part in page.path.split("/") if part.startswith("{")]
    return page.path.format(**dict.fromkeys(names, "x") | {"project": HERE})


def expected(page: Page, method: str, access: Access | None) -> int:
    """Give the status that somebody is to get: 200 where the page is come to."""
    if page.permission == "anyone":
        return 200
    if access is None:
        return 303 if method == "GET" and not page.path.startswith("/api/") else 401
    inside = "{project}" in page.path
    if access.may(NEEDED[page.permission], HERE if inside else None):
        return 200
    return 404 if inside and access.role_in(HERE) is None else 403


@pytest.mark.parametrize("how", ["session", "token", "proxy"])
@pytest.mark.parametrize(("page", "method"), CASES)
def test_who_comes_to_which_page(
    walk: tuple[TestClient, Door, Reached], page: Page, method: str, how: Any
) -> None:
    client, door, reached = walk
    options: dict[str, Any] = {"headers": {"origin": "http://127.0.0.1:8765"}}
    if method != "GET":
        options["data"] = {"form_key": FORM_KEY}
    for name, access in WHO.items():
        door.who = NOBODY if access is None else Visitor(access, how, FORM_KEY)
        reached.by.clear()
        answer = client.request(method, address(page), **options)
        wanted = expected(page, method, access)
        assert answer.status_code == wanted, name
        assert bool(reached.by) is (wanted == 200), name
        assert reached.by in ([], ["ada"], ["nobody"])


@pytest.mark.parametrize("how", ["session", "proxy", "alone"])
@pytest.mark.parametrize(("page", "method"), [case for case in CASES if case.values[1] != "GET"])
@pytest.mark.parametrize("key", [None, "", "of another session"])
def test_what_no_form_of_ours_sent_comes_to_no_page(
    walk: tuple[TestClient, Door, Reached], page: Page, method: str, how: Any, key: str | None
) -> None:
    if page.permission == "anyone":
        return
    client, door, reached = walk
    door.who = Visitor(Access("ada", (Grant("admin"),)), how, FORM_KEY)
    reached.by.clear()
    form = {"x": "y"} if key is None else {"form_key": key}
    origin = {"origin": "http://127.0.0.1:8765"}
    assert client.request(method, address(page), data=form, headers=origin).status_code == 403
    assert reached.by == []


def test_only_these_are_open_to_everybody() -> None:
    assert {page.path for page in EVERY if page.permission == "anyone"} == OPEN


def test_nothing_is_changed_by_looking() -> None:
    """A page that is read takes no form, so that no address can be made to change something."""
    for page in EVERY:
        assert page.methods in (("GET",), ("POST",)), page.path
