"""The page of lineage in a real browser: accessible, in the light and in the dark, and offline."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from edversion.lineage import as_page
from edversion.model import LineageEdge

from .test_lineage_pictures import run, version

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
pytest.importorskip("axe_playwright_python", reason="needs the package axe-playwright-python")

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
]
_AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
_AUDIT = "() => axe.run().then(found => found.violations.map(each => each.id))"


def _file(folder: Path) -> Path:
    data, code = version("records", type="dataset"), version("features", type="pipeline")
    model, other = version("<img src=x onerror=alert(1)>"), version("judged", type="evaluation")
    up = [
        LineageEdge(data, model, run("<b>night</b>"), "trained_on"),
        LineageEdge(code, model, run("<b>night</b>"), None),
        LineageEdge(data, code, None, "derived_from"),
    ]
    page = as_page(model, [("up", up), ("down", [LineageEdge(model, other, run(), "evaluates")])])
    file = folder / "lineage.html"
    file.write_text(page, "utf-8")
    return file


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_and_asks_for_nothing(tmp_path: Path, scheme: Any) -> None:
    file = _file(tmp_path)
    seen: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        # The page allows no script, not even the audit's; it is refused nothing else by that.
        page = browser.new_page(color_scheme=scheme, bypass_csp=True)
        page.on("request", lambda request: seen.append(request.url))
        page.on("dialog", lambda dialog: seen.append(f"dialog {dialog.message}"))
        page.goto(file.as_uri())
        page.evaluate(_AXE)
        assert page.evaluate(_AUDIT) == []
        assert page.locator("svg g").count() == 4
        assert page.locator("svg path.arrow").count() == 4
        widths = page.evaluate(
            "() => [...document.querySelectorAll('svg g')].map(box => "
            "box.querySelector('rect').getBBox().width "
            "- Math.max(...[...box.querySelectorAll('text')].map(t => t.getBBox().width)))"
        )
        assert all(rest > 0 for rest in widths)
        browser.close()
    assert seen == [file.as_uri()]
