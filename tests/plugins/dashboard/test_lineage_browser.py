"""The map of lineage in a real browser: to look at, to walk in by keys, to print, to wait for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion.catalog import Catalog
from edversion.digests import digest_of_bytes

from . import test_dashboard_browser as shared
from .showing import serving
from .test_dashboard_browser import browser, url  # noqa: F401 - fixtures
from .tracing import LONG, fill_chain, fill_lineage

pytestmark = shared.pytestmark
MODEL = "/p/course/dropout/v1/lineage"
PATHS = (
    MODEL, f"{MODEL}?focus=course/table:v0", f"{MODEL}?against=course/dropout:v0", "/lineage",
    f"/p/chain/tuned/v{LONG - 1}/lineage?depth=50",
)  # fmt: skip
_NEAR = """
[...document.querySelectorAll('.map .near')]
  .map(each => each.id || `${each.dataset.from}>${each.dataset.to}`).sort()
"""
_STEP = """
factor => new Promise(done => {
  const view = document.querySelector('.view'), begun = performance.now();
  view.dispatchEvent(new WheelEvent('wheel', {
    deltaY: factor, ctrlKey: true, bubbles: true, cancelable: true, clientX: 700, clientY: 500,
  }));
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - begun)));
})
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lineage") / "store"
    fill_lineage(folder)
    fill_chain(folder)
    return folder


def ready(page: Any, address: str) -> None:
    page.goto(address, timeout=60_000)
    page.wait_for_function("'moves' in document.documentElement.dataset", timeout=60_000)


def standing(page: Any) -> str:
    return str(page.evaluate("document.activeElement.getAttribute('aria-label')"))


def scale(page: Any) -> float:
    return float(page.locator(".scale").inner_text().split()[0])


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1440), ("dark", 390), ("light", 320), ("dark", 1440)]
)
def test_axe_finds_nothing_and_only_the_map_scrolls(
    browser: Any,  # noqa: F811
    url: str,  # noqa: F811
    scheme: str,
    width: int,
) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    found = {}
    with shared.visiting(browser, url, **options) as page:
        page.add_init_script(shared._AXE)
        for path in PATHS:
            page.goto(url + path, timeout=60_000)
            assert page.evaluate("document.documentElement.scrollWidth") == width, path
            found[path] = shared.complaints(page)
    assert {path: each for path, each in found.items() if each} == {}


def test_keys_alone_walk_along_arrows_and_put_a_box_in_focus(browser: Any, url: str) -> None:  # noqa: F811
    with shared.visiting(browser, url) as page:
        ready(page, url + MODEL)
        page.locator(".view").focus()
        page.keyboard.press("Tab")
        assert standing(page) == "Model · champion dropout v1"
        page.keyboard.press("ArrowLeft")
        assert standing(page) == "Run train-1"
        page.keyboard.press("ArrowLeft")
        assert standing(page) == "Pipeline features v0"
        beside = set()
        for key in ("ArrowUp", "ArrowDown", "ArrowDown", "ArrowUp"):
            page.keyboard.press(key)
            beside.add(standing(page))
        assert beside == {"Dataset table v0", "Pipeline features v0", "Dataset exams v0"}
        page.keyboard.press("ArrowLeft")
        assert standing(page) == "Run prepare"
        page.keyboard.press("Home")
        assert standing(page) == "Model · champion dropout v1"
        page.keyboard.press("ArrowRight")
        reached = standing(page)
        page.keyboard.press("Enter")
        assert page.locator(".box.focus").get_attribute("aria-label") == reached
        assert page.locator("#focus-name").inner_text() == "In focus"
        assert "focus=" in page.url
        assert page.locator(".box.near").count() < page.locator(".box").count()
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.className") == "view"
        # one box can be reached by Tab, whatever was walked
        assert page.locator('.box[tabindex="0"]').count() == 1


def test_the_script_marks_what_the_server_marks(browser: Any, url: str) -> None:  # noqa: F811
    with shared.visiting(browser, url) as page:
        ready(page, f"{url}{MODEL}?focus=course/table:v0")
        given = page.evaluate(_NEAR)
        about = page.locator("#about").inner_text()
        ready(page, url + MODEL)
        assert page.evaluate(_NEAR) == []
        page.get_by_label("Dataset table v0").click()
        assert page.evaluate(_NEAR) == given
        assert page.locator("#about").inner_text() == about
        page.locator("#out a").click()
        assert page.evaluate(_NEAR) == []
        assert "focus=" not in page.url


def test_wheel_buttons_and_keys_zoom_and_pan(browser: Any, url: str) -> None:  # noqa: F811
    left = "document.querySelector('.view').scrollLeft"
    with shared.visiting(browser, url, viewport={"width": 900, "height": 800}) as page:
        ready(page, url + MODEL)
        assert scale(page) == 100
        page.get_by_label("Zoom in").click()
        assert scale(page) == 125
        page.locator(".view").focus()
        page.keyboard.press("-")
        assert scale(page) == 100
        before = page.evaluate(left)
        page.get_by_label("Move the map left").click()
        assert page.evaluate(left) < before
        before = page.evaluate(left)
        box = page.locator(".view").bounding_box()
        page.mouse.move(box["x"] + 300, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + 200, box["y"] + 20, steps=4)
        page.mouse.up()
        assert page.evaluate(left) == before + 100
        page.keyboard.press("0")
        assert page.evaluate("document.querySelector('.view').scrollWidth") <= 900
        page.evaluate("document.activeElement.blur()")
        whole = scale(page)
        page.evaluate(_STEP, -100)
        assert scale(page) == pytest.approx(whole * 1.25, abs=1)


def test_without_javascript_every_box_is_a_link(browser: Any, url: str) -> None:  # noqa: F811
    with shared.visiting(browser, url, java_script_enabled=False) as page:
        page.goto(url + MODEL)
        assert page.locator(".tools").is_hidden()
        page.get_by_label("Dataset table v0").click()
        page.wait_for_url("**focus=course%2Ftable%3Av0*")
        assert page.locator(".box.focus").get_attribute("aria-label") == "Dataset table v0"
        page.get_by_label("Compare with").fill("course/dropout:v0")
        page.keyboard.press("Enter")
        page.wait_for_url("**against=*")
        assert "and dropout v0 were made from" in page.locator("h1").inner_text()


def test_on_paper_the_whole_map_fits_the_page(browser: Any, url: str) -> None:  # noqa: F811
    with shared.visiting(browser, url, viewport={"width": 700, "height": 900}) as page:
        ready(page, url + MODEL)
        page.emulate_media(media="print")
        wide = page.locator(".map").bounding_box()["width"]
        assert 300 < wide <= page.locator("main").bounding_box()["width"]
        assert page.locator(".tools").is_hidden()


def fill_wide(catalog: str, boxes: int) -> None:
    """Make a catalog in which one data set was used by a run for each of many models."""
    at = datetime(2026, 3, 1, tzinfo=UTC)

    def edge(number: int, direction: str) -> dict[str, Any]:
        return {
            "run": f"run-{number}", "direction": direction, "relation": None, "at": at.isoformat(),
        }  # fmt: skip

    def receipt(name: str, number: int, edges: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "generation": 1, "project": "wide", "collection": name, "number": number,
            "type": "dataset" if name == "data" else "model", "size": 1, "file_count": 1,
            "digest": digest_of_bytes(f"{name}{number}".encode()), "manifest_generation": 1,
            "created_at": at.isoformat(), "actor": "ada", "description": None, "metadata": {},
            "facts": {}, "deleted": None, "tags": [], "aliases": {}, "removed_aliases": {},
            "runs": edges, "origins": [], "packs": [], "large_files": [], "metrics": [],
            "revisions": [{"at": at.isoformat(), "actor": "ada", "metadata": {},
                           "description": None, "reason": None}],
        }  # fmt: skip

    runs = [
        {
            "id": f"run-{number}", "project": "wide", "name": f"train-{number}",
            "job_type": "train", "status": "finished", "config": {}, "tags": [],
            "started_at": (at + timedelta(minutes=number)).isoformat(),
            "ended_at": (at + timedelta(hours=number)).isoformat(), "error": None,
            "environment": {"user": "ada"},
        }
        for number in range(boxes // 2)
    ]  # fmt: skip
    receipts = [receipt("data", 0, [edge(number, "used") for number in range(boxes // 2)])]
    receipts += [receipt("model", n, [edge(n, "logged")]) for n in range(boxes // 2)]
    with Catalog.open(catalog) as made:
        made.restore(receipts, runs, actor="ada")


def test_a_thousand_boxes_stay_usable(browser: Any, tmp_path: Path) -> None:  # noqa: F811
    """The best of some steps: others may use the machine meanwhile."""
    catalog = f"sqlite:///{tmp_path / 'wide.db'}"
    fill_wide(catalog, 1000)
    edversion.init("wide", store=tmp_path / "store", catalog=catalog).finish()
    with (
        edversion.open(tmp_path / "store", catalog) as repository,
        serving(repository) as address,
        shared.visiting(browser, address, viewport={"width": 1440, "height": 900}) as page,
    ):
        ready(page, f"{address}/p/wide/data/v0/lineage")
        assert page.locator(".box").count() == 1000
        assert page.locator("ol.entries li").count() == 1000
        steps = [page.evaluate(_STEP, factor) for factor in (100, 100, 100, -100, -100, -100)]
        assert min(steps) < 100
        page.evaluate("document.querySelector('.box.start').focus()")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        assert page.locator(".box.near").count() == 3
