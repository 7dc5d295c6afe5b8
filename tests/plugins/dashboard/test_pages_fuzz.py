"""Addresses that nobody would write, byte by byte as a server hands them on.

A browser and a client for tests mend what they send; an attacker does not. The routes are those of
`PAGES`, and the parameters those that the pages' sources ask for, so new ones are taken in.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, unquote

import anyio
import anyio.from_thread
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edversion
from edversion_plugins.dashboard import create_app
from edversion_plugins.dashboard.api import API, CALLS
from edversion_plugins.dashboard.pages import PAGES
from edversion_plugins.dashboard.routes import Page

from .showing import KNOWN

GOOD = sorted(
    {each for known in KNOWN.values() for each in known if isinstance(each, str)}
    | {"course/passing:v0", "course/passing:v1", "notes.csv", "report.css", "html", "json", "1"}
)
BAD = (
    "", ".", "..", "%2e%2e", "%00", "%", "%zz", "%ff", "%0d%0aX-Evil:1", "a" * 5000,
    "v" + "9" * 40, "-1", "1e9", "{project}", "{{7*7}}", "%F0%9F%92%A9", "%E2%80%AE", "%ED%A0%80",
    "'", "\"><svg>", "('' or 1=1)", "((((((((((", "name ~ 'a' and " * 200, "*", "a@b", "~", "\\",
    "blake3:" + "0" * 64,
)  # fmt: skip

wild = st.one_of(
    st.sampled_from(GOOD),
    st.sampled_from(BAD),
    st.text(max_size=40).map(lambda text: quote_from_bytes(text.encode("utf-8", "surrogatepass"))),
    st.binary(max_size=40).map(quote_from_bytes),
)
ROUTES = (*PAGES, *API)


def asked_by(page: Page) -> list[str]:
    """Give the parameters that the source of a page asks for."""
    if page in API:
        return sorted({name for call in CALLS for name in call.query})
    source = Path(inspect.getfile(page.respond)).read_text("utf-8")
    return sorted(set(re.findall(r"\.(?:text|texts|whole)\(\s*\"(\w+)\"", source)))


@st.composite
def targets(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a path and a query: a route with anything in its parts, or anything at all."""

    def part(found: re.Match[str]) -> str:
        known = KNOWN.get(found[1])
        return draw(st.sampled_from(known) if known and draw(st.integers(0, 4)) else wild)

    page = draw(st.sampled_from(ROUTES))
    path = re.sub(r"\{(\w+)\}", part, page.path)
    if not draw(st.integers(0, 7)):
        path = "/" + "/".join(draw(st.lists(wild, max_size=6)))
    names = st.sampled_from(asked_by(page) or [""])
    query = draw(st.lists(st.tuples(names, wild).map("=".join), max_size=4))
    return path, "&".join(query) if draw(st.integers(0, 7)) else draw(wild)


@pytest.fixture(scope="module")
def ask(store: Path) -> Iterator[Any]:
    """Give what asks the application without anything between."""
    with edversion.open(store) as repository, anyio.from_thread.start_blocking_portal() as portal:
        app = create_app(repository)
        yield lambda method, path, query: portal.call(_ask, app, method, path, query)


async def _ask(app: Any, method: str, path: str, query: str) -> tuple[int, dict[str, str], bytes]:
    sent: list[dict[str, Any]] = []
    asked = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not asked:
            await anyio.sleep_forever()  # a browser holds the line
        return asked.pop()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": unquote(path), "raw_path": path.encode(), "root_path": "",
        "query_string": query.encode(), "headers": [(b"host", b"127.0.0.1:8765")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8765),
    }  # fmt: skip
    await app(scope, receive, send)
    start = sent[0]
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    return start["status"], headers, b"".join(each.get("body", b"") for each in sent[1:])


def check(answer: tuple[int, dict[str, str], bytes], path: str) -> None:
    """Hold an answer against what holds for all."""
    status, headers, body = answer
    assert 200 <= status < 500
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "cache-control" in headers
    assert not [name for name in headers if "evil" in name]
    assert all("\n" not in value and "\r" not in value for value in headers.values())
    assert b"Traceback" not in body
    if status in (303, 307):
        assert re.match(r"(http://127\.0\.0\.1:8765)?/(?!/)", headers["location"])
        return
    kind = headers["content-type"].partition(";")[0]
    if path.startswith("/api/"):
        assert kind in ("application/json", "application/problem+json")
        return
    assert b"<svg>" not in body
    assert status == 200 or kind == "text/html"


@pytest.mark.slow
@settings(max_examples=500, derandomize=True)
@given(target=targets(), method=st.sampled_from(["GET", "GET", "GET", "HEAD"]))
def test_no_address_breaks_a_page_or_slips_past_the_guard(
    ask: Any, target: tuple[str, str], method: str
) -> None:
    check(ask(method, *target), target[0])


@pytest.mark.slow
@pytest.mark.parametrize("page", ROUTES, ids=lambda page: page.path)
def test_no_value_breaks_a_page_in_any_place(ask: Any, page: Page) -> None:
    known = {name: each[0] for name, each in KNOWN.items()}
    parts = re.findall(r"\{(\w+)\}", page.path)
    for bad in BAD:
        for name in parts:
            path = page.path.format(**known | {name: bad})
            check(ask("GET", path, ""), path)
        for name in asked_by(page):
            path = page.path.format(**known)
            check(ask("GET", path, f"{name}={bad}"), path)


def test_the_parameters_of_pages_are_known() -> None:
    by_path = {page.path: asked_by(page) for page in PAGES}
    assert by_path["/search"] == ["page", "q", "where"]
    assert by_path["/p/{project}/{collection}/{version}/file"] == ["path"]
