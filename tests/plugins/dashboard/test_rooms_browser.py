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


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("school")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        fill_school(folder / "store")
        yield folder / "store"


def test_pictures_of_an_experiment_answer(browser: Any, url: str) -> None:  # noqa: F811
    with shared.visiting(browser, url) as page:
        page.goto(f"{url}/experiments/school/steps", timeout=60_000)
        page.wait_for_function("'drawn' in document.documentElement.dataset", timeout=60_000)
        assert page.locator(".plot[data-live]").count() == 2
