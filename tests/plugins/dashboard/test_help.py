"""Help: short sentences, and a part for every page."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from starlette.testclient import TestClient

import edversion
from edversion_plugins.dashboard.helping import help_place
from edversion_plugins.dashboard.pages import PAGES
from tests.plugins.reports import Page

from .showing import Known, client_of

_VERSION = "/p/course/notes/v0"
PATHS = (
    "/", "/search", "/events", "/compare", "/storage", "/runs", "/experiments", "/lineage",
    "/promotions", "/collections", "/experiments/course/hints", "/p/course/passing",
    "/p/course/passing/v1",
    "/compare?v=course/passing:v0&v=course/passing:v1", "/aliases/course/passing/champion",
    f"{_VERSION}/file?path=notes.csv", f"{_VERSION}/lineage",
)  # fmt: skip
OTHERS = {"/help", "/static/{name}", "/compare/export"}
"""Addresses that are no page to be read."""
_BLOCKS = ("p", "dd", "li", "td")


class Prose(HTMLParser):
    """The text of paragraphs, one string each."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[str] = []
        self._open = False
        self.feed(html.partition("<main")[2].partition("</main")[0])

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in _BLOCKS:
            self._open = True
            self.blocks.append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag not in _BLOCKS

    def handle_data(self, data: str) -> None:
        if self._open:
            self.blocks[-1] += data


def grade(text: str) -> float:
    """Give the automated readability index: years of school that a text asks for.

    E. A. Smith, R. J. Senter (1967). Automated Readability Index. AMRL-TR-66-220.
    """
    words = re.findall(r"[\w’'-]+", text)
    sentences = max(1, len(re.findall(r"[.?!:](?:\s|$)", text)))
    letters = sum(len(re.findall(r"\w", word)) for word in words)
    return 4.71 * letters / len(words) + 0.5 * len(words) / sentences - 21.43


@pytest.fixture(scope="module")
def html(store: object) -> str:
    with edversion.open(str(store)) as repository:
        return client_of(repository).get("/help").text


def test_it_reads_as_for_twelve_to_fourteen_years(html: str) -> None:
    blocks = [each for each in Prose(html).blocks if len(each.split()) > 3]
    assert len(blocks) > 50
    assert grade(" ".join(blocks)) < 7  # school begins at six
    hard = {each for each in blocks if len(each.split()) > 25 and grade(each) > 10}
    assert hard == set()
    longest = max(len(s.split()) for each in blocks for s in re.split(r"(?<=[.?!:])\s", each))
    assert longest <= 25


def test_its_links_and_anchors_fit(html: str) -> None:
    page = Page(html)
    ids = page.having("id")
    assert len(ids) == len(set(ids))
    inside = {each[1:] for each in page.having("href") if each.startswith("#")}
    assert inside <= set(ids)


@pytest.mark.parametrize("path", PATHS)
def test_every_page_leads_to_its_part(client: TestClient, html: str, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    links = [each for each in Page(answer.text).having("href") if each.startswith("/help#page")]
    assert links == [help_place(path.partition("?")[0])]
    assert links[0].partition("#")[2] in Page(html).having("id")


def test_no_route_is_forgotten() -> None:
    places = {page.path: help_place(page.path) for page in PAGES if "GET" in page.methods}
    assert {path for path, place in places.items() if place == "/help#pages"} == OTHERS


def test_links_from_other_pages_find_their_word(client: TestClient, html: str) -> None:
    ids = set(Page(html).having("id"))
    for path in ("/experiments", "/runs", "/storage"):
        links = Page(client.get(path).text).having("href")
        words = {each.partition("#")[2] for each in links if each.startswith("/help#")}
        assert len(words) == 2
        assert words <= ids


@pytest.mark.parametrize("role", ["viewer", "editor", "approver", "admin"])
def test_each_role_is_explained(repository: edversion.Repository, role: edversion.Role) -> None:
    client = client_of(repository, entrance=Known(edversion.Grant(role, "course")))
    answer = client.get("/help")
    assert answer.status_code == 200
    assert f'<th scope="row">{role}</th>' in answer.text
