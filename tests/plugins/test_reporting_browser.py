"""The page in a real browser: accessible, offline, printable, with and without JavaScript."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import edversion
from tests.plugins.reports import build

pytest.importorskip("jinja2")
pytest.importorskip("vl_convert")
sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
pytest.importorskip("axe_playwright_python", reason="needs the package axe-playwright-python")

from edversion_plugins.reporting import find_evaluations, html_report  # noqa: E402

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
]
_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
_AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


def _written(folder: Path, *, hostile: bool) -> Path:
    build(folder / "store", hostile=hostile)
    with edversion.open(folder / "store", project="course") as opened:
        found = opened.compare("passing:v0", "passing:v1")
        html = html_report(found, evaluations=find_evaluations(opened, found.versions))
    file = folder / "report.html"
    file.write_text(html, "utf-8")
    return file


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _written(tmp_path_factory.mktemp("browser"), hostile=False)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Any]:
    with sync_api.sync_playwright() as started:
        yield started


@contextmanager
def _opened(playwright: Any, profile: Path, file: Path, **options: Any) -> Iterator[Any]:
    """Open a page with a fresh profile; no request but its own, no dialog and no error."""
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=CHROMIUM, headless=True, args=_FLAGS, **options
    )
    try:
        page = context.new_page()
        seen: list[str] = []
        page.on("request", lambda request: seen.append(request.url))
        page.on("dialog", lambda dialog: seen.append(f"dialog {dialog.message}"))
        page.on("console", lambda line: seen.append(f"console {line.text}"))
        page.on("pageerror", lambda error: seen.append(f"error {error}"))
        page.goto(file.as_uri())
        if options.get("java_script_enabled", True) and "data-plot" in file.read_text("utf-8"):
            page.wait_for_function("'drawn' in document.documentElement.dataset", timeout=60_000)
        yield page
        assert seen == [file.as_uri()]
    finally:
        context.close()


def _complaints(page: Any) -> list[tuple[str, str]]:
    """Ask axe, with everything open.

    It cannot judge the contrast of text in pictures and in what is scrolled away; the colours
    themselves are tested elsewhere.
    """
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    page.evaluate(_AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations', 'incomplete']})")
    rules = found["violations"]
    rules += [rule for rule in found["incomplete"] if rule["id"] != "color-contrast"]
    return [(rule["id"], node["html"][:120]) for rule in rules for node in rule["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing(
    playwright: Any, tmp_path: Path, report: Path, scheme: str, width: int
) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with _opened(playwright, tmp_path, report, **options) as page:
        live = page.locator(".plot[data-live] svg").count()
        assert live == page.locator(".plot").count() > 8
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert _complaints(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_what_stands_there_without_javascript(
    playwright: Any, tmp_path: Path, report: Path, scheme: str
) -> None:
    # axe is JavaScript itself, so the page's own is taken out instead
    bare = tmp_path / "bare.html"
    bare.write_text(
        re.sub(r"<script.*?</script>", "", report.read_text("utf-8"), flags=re.DOTALL), "utf-8"
    )
    with _opened(playwright, tmp_path / "profile", bare, color_scheme=scheme) as page:
        assert _complaints(page) == []


def test_without_javascript_the_content_is_all_there(
    playwright: Any, tmp_path: Path, report: Path
) -> None:
    with _opened(playwright, tmp_path, report, java_script_enabled=False) as page:
        assert page.locator(".plot svg").count() == page.locator("figure").count() > 8
        assert page.locator("[data-live]").count() == 0
        for plot in page.locator(".plot svg").all():
            box = plot.bounding_box()
            assert box["width"] > 250
            assert box["height"] > 60
        page.locator("figure summary").first.click()
        assert page.locator("figure table").first.is_visible()


def test_pictures_answer_to_the_pointer(playwright: Any, tmp_path: Path, report: Path) -> None:
    with _opened(playwright, tmp_path, report) as page:
        page.locator(".plot[data-live] .mark-symbol.role-mark path").first.hover()
        tip = page.locator("#vg-tooltip-element.visible")
        tip.wait_for()
        assert "v0" in tip.inner_text()


@pytest.mark.parametrize("javascript", [True, False])
def test_on_paper_everything_is_open_and_dark_on_light(
    playwright: Any, tmp_path: Path, report: Path, javascript: bool
) -> None:
    options = {"java_script_enabled": javascript, "color_scheme": "dark"}
    with _opened(playwright, tmp_path, report, **options) as page:
        page.emulate_media(media="print")
        shown = page.evaluate(
            "[...document.querySelectorAll('table')].map(each => each.getBoundingClientRect())"
            ".map(box => [box.width, box.height, box.right - innerWidth])"
        )
        assert all(width > 0 and height > 0 for width, height, _ in shown)
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        pdf = page.pdf()
        assert pdf.startswith(b"%PDF")
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 3


def test_hostile_names_are_only_text(playwright: Any, tmp_path: Path) -> None:
    file = _written(tmp_path, hostile=True)
    with _opened(playwright, tmp_path / "profile", file) as page:
        assert page.locator("img, b, i, iframe, object, embed").count() == 0
        assert page.get_by_text("onerror=alert(1)").count() > 1
        assert page.get_by_text("{{7*7}}").count() > 1
        assert page.locator(".plot[data-live]").count() == page.locator(".plot").count()
