"""Who may ask, what every answer says, and that no page is without a permission."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

import edversion
from edversion_plugins.dashboard import Page
from edversion_plugins.dashboard.api import API
from edversion_plugins.dashboard.pages import PAGES
from edversion_plugins.dashboard.routes import PERMISSIONS

from .showing import Known, client_of

HERE = {
    "project": "course", "collection": "passing", "version": "v1", "name": "report.css",
    "experiment": "hints", "alias": "champion", "run": "0123456789",
}  # fmt: skip
EVERY = (*PAGES, *API)
PATHS = [page.path.format(**HERE) for page in EVERY if page.methods == ("GET",)]
OPEN = {"/static/{name}", "/sign-in", "/sign-out"}


def test_every_route_declares_what_it_needs() -> None:
    assert {page.permission for page in EVERY} <= set(PERMISSIONS)
    assert {page.path for page in EVERY if page.permission == "anyone"} == OPEN


@pytest.mark.parametrize("permission", [None, "", "everything"])
def test_a_route_without_a_permission_stops_the_start(
    repository: edversion.Repository, permission: Any
) -> None:
    page = Page("/more", lambda visit: PlainTextResponse("more"), permission)
    with pytest.raises(edversion.InvalidInputError, match=r"/more.*permission") as caught:
        client_of(repository, pages=[*PAGES, page])
    assert caught.value.code == "no_permission"


def test_a_path_that_is_there_twice_stops_the_start(repository: edversion.Repository) -> None:
    again = [page for page in PAGES if page.path == "/events"]
    with pytest.raises(edversion.InvalidInputError, match="two routes for GET /events"):
        client_of(repository, pages=[*PAGES, *again])


@pytest.mark.parametrize("path", PATHS)
def test_who_has_no_role_sees_no_page(repository: edversion.Repository, path: str) -> None:
    answer = client_of(repository, entrance=Known()).get(path)
    if path in OPEN or path.startswith("/static"):
        assert answer.status_code in (200, 303)
        return
    assert answer.status_code == (404 if "/course/" in path else 403)
    assert "passing" not in answer.text.partition("<main")[2]


@pytest.mark.parametrize(
    "name", ["forwarded", "via", "x-forwarded-for", "X-Forwarded-Proto", "X-Real-IP"]
)
def test_nobody_without_an_account_comes_through_a_proxy(
    repository: edversion.Repository, name: str
) -> None:
    headers = {name: "10.0.0.7"}
    assert client_of(repository).get("/", headers=headers).status_code == 403
    known = client_of(repository, entrance=Known(edversion.Grant("viewer")))
    assert known.get("/compare", headers=headers).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8765", "", "[::1", "a@b"])
def test_another_host_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 403
    assert "not asked for by that name" in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:1", "[::1]:8765", "LOCALHOST"])
def test_its_own_names_are_let_in(client: TestClient, host: str) -> None:
    assert client.get("/compare", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://versions.school.example", 405),
        ("http://versions.school.example", 403),
        ("https://versions.school.example:8443", 403),
    ],
)
def test_a_page_of_its_name_without_https_is_not_its_own(
    repository: edversion.Repository, origin: str, status: int
) -> None:
    known = Known(edversion.Grant("viewer"))
    client = client_of(repository, entrance=known, url="https://versions.school.example")
    headers = {"host": "versions.school.example", "origin": origin}
    assert client.post("/events", headers=headers).status_code == status
    near = {"origin": "http://127.0.0.1:8765"}  # whoever asks at the machine itself
    assert client.post("/events", headers=near).status_code == 405


def test_no_address_leads_to_another_scheme(client: TestClient) -> None:
    for method in ("GET", "POST"):
        answer = client.request(method, "/events/", headers={"origin": "http://127.0.0.1:8765"})
        assert answer.status_code == 404
        assert "location" not in answer.headers


def test_two_hosts_are_refused(client: TestClient) -> None:
    headers = [("host", "127.0.0.1:8765"), ("host", "evil.example")]
    assert client.get("/", headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8765", 405),
        ("http://127.0.0.1:9999", 403),
        ("https://127.0.0.1:8765", 403),
        ("http://evil.example", 403),
        ("null", 403),
        (None, 403),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_changes_things_must_come_from_our_own_pages(
    client: TestClient, method: str, origin: str | None, status: int
) -> None:
    headers = {} if origin is None else {"origin": origin}
    assert client.request(method, "/events", headers=headers).status_code == status


@pytest.mark.parametrize("path", [*PATHS, "/nope", "/p/course/nothing"])
def test_every_answer_is_guarded(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "cache-control" in headers


def test_a_refused_host_is_guarded_too(client: TestClient) -> None:
    answer = client.get("/", headers={"host": "evil.example"})
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/static/..%2f__init__.py", "/static/templates/base.html"])
def test_static_names_are_no_paths(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
