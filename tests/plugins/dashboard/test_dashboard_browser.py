"""The pages in a real browser: accessible, at any width, in the dark, without JavaScript."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import edversion

from .showing import serving

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
pytest.importorskip("axe_playwright_python", reason="needs the package axe-playwright-python")

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
]
_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
_COMPARED = "/compare?v=course/passing:v0&v=course/passing:v1"
PATHS = (
    "/", "/collections", "/p/course/passing", "/p/course/passing/leaderboard",
    "/p/course/passing/leaderboard?metric=auc&slice=gender=female", "/p/course/passing/v1",
    "/p/course/notes/v0",
    "/p/course/notes/v0/file?path=notes.csv", "/p/course/notes/v0/file?path=long.txt",
    "/p/course/notes/v0/file?path=dot.gif",
    _COMPARED, "/compare", "/events", "/search?q=pass", "/p/course/pasing",
)  # fmt: skip


@pytest.fixture(scope="module")
def url(store: Path) -> Iterator[str]:
    with edversion.open(store) as repository, serving(repository) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield opened
        opened.close()


@contextmanager
def visiting(browser: Any, url: str, **options: Any) -> Iterator[Any]:
    """Give a page that asks nobody else for anything, and whose console stays empty."""
    context = browser.new_context(bypass_csp=False, **options)
    page = context.new_page()
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    page.on("pageerror", lambda error: seen.append(f"error {error}"))
    page.on("console", lambda line: seen.append(f"console {line.text}"))
    try:
        yield page
        foreign = [each for each in seen if not each.startswith((url, "console Failed to load"))]
        assert foreign == []
    finally:
        context.close()


def complaints(page: Any) -> list[tuple[str, str]]:
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    found = page.evaluate("axe.run(document, {resultTypes: ['violations', 'incomplete']})")
    rules = found["violations"]
    # of text in pictures, and in what is scrolled away, it cannot judge the contrast
    rules += [rule for rule in found["incomplete"] if rule["id"] != "color-contrast"]
    return [(rule["id"], node["html"][:160]) for rule in rules for node in rule["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_on_any_page(browser: Any, url: str, scheme: str, width: int) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    found = {}
    with visiting(browser, url, **options) as page:
        page.add_init_script(_AXE)
        for path in PATHS:
            page.goto(url + path, timeout=60_000)
            assert page.evaluate("document.documentElement.scrollWidth") == width, path
            found[path] = complaints(page)
    assert {path: each for path, each in found.items() if each} == {}


def test_pictures_become_interactive_under_the_policy(browser: Any, url: str) -> None:
    with visiting(browser, url) as page:
        page.goto(url + _COMPARED, timeout=60_000)
        page.wait_for_function("'drawn' in document.documentElement.dataset", timeout=60_000)
        assert page.locator(".plot[data-live]").count() == page.locator(".plot").count() > 8


def test_the_plot_of_a_metric_answers_to_the_pointer(browser: Any, url: str) -> None:
    with visiting(browser, url, java_script_enabled=False) as page:
        page.goto(f"{url}/p/course/passing")
        newest, oldest = page.locator(".trend .newest"), page.locator(".trend .told").first
        assert (newest.is_visible(), oldest.is_visible()) == (True, False)
        assert newest.inner_html().startswith("v1, champion")
        page.locator(".trend .hit").first.hover()
        assert (newest.is_visible(), oldest.is_visible()) == (False, True)
        page.locator(".trend .hit").first.click()
        page.wait_for_url("**/p/course/passing/v0")


def test_an_image_is_shown_under_the_policy(browser: Any, url: str) -> None:
    with visiting(browser, url) as page:
        page.goto(f"{url}/p/course/notes/v0/file?path=dot.gif")
        assert page.evaluate("document.querySelector('img.shown').naturalWidth") == 1


def test_two_versions_are_compared_by_keyboard_alone(browser: Any, url: str) -> None:
    with visiting(browser, url, java_script_enabled=False) as page:
        page.goto(f"{url}/p/course/passing")
        for _ in range(2):
            box = page.locator("input[name=v]:not(:checked)").first
            box.focus()
            page.keyboard.press("Space")
        page.keyboard.press("Enter")
        page.wait_for_url("**/compare?v=*", timeout=60_000)
        assert page.locator("h1").inner_text() == "passing:v1 compared with passing:v0"
        assert page.locator(".plot svg").count() == page.locator("figure").count() > 8


def test_the_skip_link_comes_first(browser: Any, url: str) -> None:
    with visiting(browser, url) as page:
        page.goto(url)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"


@pytest.mark.parametrize("path", ["/", "/p/course/passing", "/p/course/passing/v1"])
def test_paper_is_white_and_nothing_is_cut(browser: Any, url: str, path: str) -> None:
    with visiting(
        browser, url, color_scheme="dark", viewport={"width": 700, "height": 900}
    ) as page:
        page.goto(url + path)
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        assert page.locator("header.bar").is_hidden()
        assert page.pdf().startswith(b"%PDF")


def test_at_320_pixels_only_tables_scroll(browser: Any, url: str) -> None:
    with visiting(browser, url, viewport={"width": 320, "height": 640}) as page:
        for path in PATHS:
            page.goto(url + path, timeout=60_000)
            assert page.evaluate("document.documentElement.scrollWidth") == 320, path
