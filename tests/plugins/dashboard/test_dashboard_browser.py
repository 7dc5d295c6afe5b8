"""What pages do in a real browser, with and without JavaScript, by pointer and by keyboard."""

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
