"""Experiments in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import test_dashboard_browser as shared
from .school import fill_school
from .test_dashboard_browser import browser, url  # noqa: F401 - fixtures

pytestmark = shared.pytestmark
PATHS = (
    "/experiments", "/experiments/school/steps", "/experiments/school/hints",
    "/experiments/school/broken", "/experiments/school/idea", "/runs", "/storage",
    "/storage?gc=1", "/help",
)  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("school")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        fill_school(folder / "store")
        yield folder / "store"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 320)])
def test_axe_finds_nothing_and_only_tables_scroll(
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


def test_pictures_of_an_experiment_answer(browser: Any, url: str) -> None:  # noqa: F811
    with shared.visiting(browser, url) as page:
        page.goto(f"{url}/experiments/school/steps", timeout=60_000)
        page.wait_for_function("'drawn' in document.documentElement.dataset", timeout=60_000)
        assert page.locator(".plot[data-live]").count() == 2
