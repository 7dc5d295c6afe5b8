"""Promotions in a real browser: read, approved and done by keyboard alone, without JavaScript."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import edversion

from . import test_dashboard_browser as shared
from .deciding import ALIAS, PROMOTE, Door, fill_decisions
from .showing import serving
from .test_dashboard_browser import browser  # noqa: F401 - fixture

pytestmark = shared.pytestmark
_AXE = (("light", 1440), ("dark", 390), ("light", 320))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browsing") / "store"
    fill_decisions(folder)
    return folder


@pytest.fixture
def place(store: Path, tmp_path: Path) -> Iterator[tuple[edversion.Repository, Door, str]]:
    shutil.copytree(store, tmp_path / "store")
    door = Door()
    with (
        edversion.open(tmp_path / "store") as repository,
        serving(repository, entrance=door) as url,
    ):
        yield repository, door, url


def test_axe_finds_nothing_while_it_waits_and_after(
    browser: Any,  # noqa: F811
    place: tuple[edversion.Repository, Door, str],
) -> None:
    repository, door, url = place
    with edversion.acting_as("ada"), pytest.raises(edversion.RefusedError):
        repository.promote("course/passing:v1", "champion", reason="better")
    with edversion.acting_as("bob"):
        given = repository.approve("course/passing:v1", "champion", reason="fine")
    with edversion.acting_as("eve"):
        repository.reject("course/passing:v1", "champion", reason="too few")
    repository.set_policy("course/passing:free", "tags = {require = ['fair']}")
    door.name = "eve"
    done = repository.events(subject="course/passing:v1", limit=1)[0].sequence
    paths = (
        f"{PROMOTE}&done={done}", f"{ALIAS}", "/promotions",
        "/p/course/passing/v1/promote?to=free", "/p/course/passing/v0/promote?to=champion",
        f"/p/course/passing/v1/evidence?digest={given.digest}",
    )  # fmt: skip
    found = {}
    for scheme, width in _AXE:
        options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
        with shared.visiting(browser, url, **options) as page:
            page.add_init_script(shared._AXE)
            for path in paths:
                page.goto(url + path, timeout=60_000)
                assert page.evaluate("document.documentElement.scrollWidth") == width, path
                found[path, width] = shared.complaints(page)
    assert {path: each for path, each in found.items() if each} == {}


def test_two_people_decide_by_keyboard_alone(
    browser: Any,  # noqa: F811
    place: tuple[edversion.Repository, Door, str],
) -> None:
    repository, door, url = place

    def decide(name: str, path: str, button: str, why: str) -> str:
        """Go to a button from the words before it, with no mouse and no script."""
        door.name = name
        with shared.visiting(browser, url, java_script_enabled=False) as page:
            page.goto(url + path, timeout=60_000)
            form = page.locator("form", has=page.get_by_role("button", name=button)).last
            form.locator("textarea").focus()
            page.keyboard.type(why)
            for _ in range(4):
                page.keyboard.press("Tab")
                if page.locator(":focus").inner_text() == button:
                    break
            page.keyboard.press("Enter")
            page.wait_for_url("**done=*", timeout=60_000)
            told: str = page.get_by_role("status").inner_text()
            return told

    assert "ada asked others" in decide("ada", PROMOTE, "Ask for approval", "better")
    assert "eve approved that" in decide("eve", PROMOTE, "Approve", "I read it")
    assert "ada made course/passing:v1" in decide("ada", PROMOTE, "Promote to champion", "go")
    assert repository.version("course/passing:champion").version == "v1"
    assert "back to v0" in decide("ada", ALIAS, "Roll back to v0", "complaints")
    assert repository.version("course/passing:champion").version == "v0"
    assert "eve rejected that" in decide("eve", PROMOTE, "Reject", "not again")


def test_a_stale_form_keeps_what_was_written(
    browser: Any,  # noqa: F811
    place: tuple[edversion.Repository, Door, str],
) -> None:
    repository, door, url = place
    door.name = "eve"
    with shared.visiting(browser, url) as page:
        page.goto(url + PROMOTE, timeout=60_000)
        page.get_by_label("Why, in your words").fill("because I read it")
        repository.set_policy("course/passing:champion", "approvals = {count = 1}")
        page.get_by_role("button", name="Approve").click()
        alert = page.get_by_role("alert").inner_text()
        assert "The policy is champion #3, and was champion #2." in alert
        assert page.get_by_label("Why, in your words").input_value() == "because I read it"
        assert page.evaluate("document.querySelectorAll('[style]').length") == 0
