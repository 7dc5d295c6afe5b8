"""Every page in a real browser: wide and narrow, light and dark, by keyboard, on paper, plain."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion.accounts import passwords
from edversion_plugins.dashboard.admission.accounts import Accounts
from edversion_plugins.dashboard.pages import PAGES

from . import test_dashboard_browser as shared
from .addresses import EXAMPLES, FILES_GIVEN
from .school import fill_school
from .showing import KNOWN, fill, serving
from .test_dashboard_browser import browser  # noqa: F401 - a fixture

WORDS = "a cat on a keyboard"
WIDE, NARROW = 1440, 320
NEEDS_BROWSER = shared.pytestmark
ADDRESSES = [
    pytest.param(route, address, id=address)
    for route, addresses in EXAMPLES.items()
    for address in addresses
]
WAYS = [(WIDE, "light"), (NARROW, "dark"), (NARROW, "light"), (WIDE, "dark")]
_ALL = "EDVERSION_NIGHTLY" in os.environ
"""Whether each page is looked at in all four ways; else half of the pages are in two of them,
and half in the others."""
_FOCUSABLE = """
    [...document.querySelectorAll(
        'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]'
    )].filter(each => each.getClientRects().length && !each.disabled && each.tabIndex >= 0
        && each.type !== 'radio')
"""
_TAKE_FOCUS = """() => {
    const now = document.activeElement, drawn = now.closest('svg');
    if (drawn || getComputedStyle(now).outlineStyle !== 'none') now.dataset.reached = 'seen';
}"""
_LEFT_OUT = f"""() => {_FOCUSABLE}
    .filter(each => each.dataset.reached !== 'seen').map(each => each.outerHTML.slice(0, 120))"""
_CUT = """() => [...document.querySelectorAll('main *')]
    .filter(each => ['auto', 'scroll'].includes(getComputedStyle(each).overflowX)
        && each.scrollWidth > each.clientWidth + 1)
    .map(each => each.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a repository with something on each page, to people with accounts."""
    folder: Path = tmp_path_factory.mktemp("every")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        patch.setattr(passwords, "_COSTS", replace(passwords._COSTS, ln=4, p=1))
        fill(folder / "store")
        fill_school(folder / "store")
        with edversion.open(folder / "store") as repository:
            approved = repository.approve("course/passing:v0", "champion", reason="I looked")
            KNOWN["digest"] = (approved.digest,)
            repository.add_account("ada", password=WORDS, grants=[edversion.Grant("admin")])
            entrance = Accounts(repository, secure=False)
            with serving(repository, entrance=entrance) as url:
                yield url


@pytest.fixture(scope="module")
def signed_in(browser: Any, place: str) -> Any:  # noqa: F811
    """Sign in by the form, once; give what the browser keeps of it."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{place}/sign-in")
    page.fill("[name=name]", "ada")
    page.fill("[name=password]", WORDS)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=ada")
    state = context.storage_state()
    context.close()
    return state


def options_for(route: str, signed_in: Any) -> dict[str, Any]:
    """Give how to visit a page: nobody who is signed in is asked to sign in."""
    known = {} if route == "/sign-in" else {"storage_state": signed_in}
    return {"viewport": {"width": WIDE, "height": 900}, **known}


def filled(address: str) -> str:
    for name, known in KNOWN.items():
        address = address.replace(f"{{{name}}}", str(known[0]) if known else "")
    return address


def test_every_page_has_an_example() -> None:
    looked_at = {page.path for page in PAGES if "GET" in page.methods} - FILES_GIVEN
    assert looked_at == EXAMPLES.keys()
    assert all(EXAMPLES.values())


@pytest.mark.slow
@NEEDS_BROWSER[1]
@pytest.mark.parametrize(("route", "address"), ADDRESSES)
def test_a_page_reads_well_for_everybody(
    browser: Any,  # noqa: F811
    place: str,
    signed_in: Any,
    route: str,
    address: str,
) -> None:
    with shared.visiting(browser, place, **options_for(route, signed_in)) as page:
        page.add_init_script(shared._AXE)
        page.goto(place + filled(address), timeout=60_000)
        assert page.evaluate("location.pathname") == filled(address).partition("?")[0]
        half = sum(address.encode()) % 2
        for width, scheme in WAYS if _ALL else (WAYS[:2], WAYS[2:])[half]:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert shared.complaints(page) == [], (width, scheme)


@pytest.mark.slow
@NEEDS_BROWSER[1]
@pytest.mark.parametrize(("route", "address"), ADDRESSES)
def test_a_page_works_by_keyboard_on_paper_and_plain(
    browser: Any,  # noqa: F811
    place: str,
    signed_in: Any,
    route: str,
    address: str,
) -> None:
    options = options_for(route, signed_in)
    with shared.visiting(browser, place, **options, color_scheme="dark") as page:
        page.goto(place + filled(address), timeout=60_000)
        lively = page.locator("main").inner_text()
        _tab_through(page)
        assert page.evaluate(_LEFT_OUT) == [], "the tab key does not lead there, or not visibly"
        page.set_viewport_size({"width": 700, "height": 900})
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        assert page.locator("header.bar").is_hidden()
        assert page.evaluate(_CUT) == [], "paper does not scroll"
    with shared.visiting(browser, place, **options, java_script_enabled=False) as page:
        page.goto(place + filled(address), timeout=60_000)
        assert len(page.locator("main").inner_text()) >= 0.9 * len(lively)


def _tab_through(page: Any) -> None:
    """Press the tab key as often as there is something to reach."""
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    for _ in range(page.evaluate(f"({_FOCUSABLE}).length") + 12):
        page.keyboard.press("Tab")
        page.evaluate(_TAKE_FOCUS)
