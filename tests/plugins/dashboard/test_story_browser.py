"""The whole story in a real browser: logged by a script, compared, approved by another person,
promoted, followed by a consumer, rolled back; and who did what is on record.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion import Grant
from tests.plugins.reports import build

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
]
WORDS = {"ada": "a cat on a keyboard", "bo": "two cats beside it"}
CHAMPION = "course/passing:champion"
RUN = "import sys; from edversion.cli import main; sys.argv[0] = 'edversion'; main()"
_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_WAIT = 60_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a script logged: two models, the older one champion under a policy, two accounts."""
    place = tmp_path_factory.mktemp("story") / "store"
    build(place)
    with edversion.open(place) as repository:
        repository.promote("course/passing:v0", "champion", reason="the first one")
        repository.set_policy(CHAMPION, "approvals = {count = 1}", reason="two pairs of eyes")
        repository.add_deployment("grader-api", follows=CHAMPION)
        repository.add_account("ada", password=WORDS["ada"], grants=[Grant("editor", "course")])
        repository.add_account("bo", password=WORDS["bo"], grants=[Grant("approver", "course")])
    return place


@pytest.fixture(scope="module")
def url(store: Path) -> Iterator[str]:
    """The dashboard as its command serves it, to people with accounts."""
    command = [
        sys.executable, "-c", RUN, "dashboard", "--store", str(store), "--accounts",
        "--port", "0", "--no-browser", "--json",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        text = ""
        while "}" not in text:
            line = process.stdout.readline()
            assert line, text
            text += line
        yield json.loads(text)["url"].rstrip("/")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


@contextmanager
def person(browser: Any, url: str, name: str, onward: str = "/") -> Iterator[Any]:
    """Let somebody sign in, on the way to a page."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(_WAIT)
    page.goto(url + onward)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(WORDS[name])
    page.keyboard.press("Enter")
    page.wait_for_url(url + onward)
    yield page
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    context.close()


@contextmanager
def consumer(store: Path) -> Iterator[tuple[list[str], threading.Condition]]:
    """Serve whatever is champion, as a program elsewhere does."""
    served: list[str] = []
    news = threading.Condition()
    follower = edversion.follow(CHAMPION, as_="grader-api", poll=0.2, store=store)

    def serve() -> None:
        for version in follower:
            with news:
                served.append(version.version)
                news.notify_all()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield served, news
    finally:
        follower.close()
        thread.join(60)


def wait_for(served: list[str], news: threading.Condition, wanted: list[str]) -> None:
    with news:
        assert news.wait_for(lambda: served == wanted, 60), served


def test_the_whole_story(store: Path, url: str) -> None:
    with (
        sync_api.sync_playwright() as started,
        consumer(store) as (served, news),
    ):
        browser = started.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        wait_for(served, news, ["v0"])
        with person(browser, url, "ada", "/p/course/passing") as page:
            _compare(page)
            _ask(page)
        with person(browser, url, "bo") as page:
            _approve(page)
        with person(browser, url, "ada", "/p/course/passing/v1/promote?to=champion") as page:
            _promote(page)
            wait_for(served, news, ["v0", "v1"])
            _see_it_served(page, "v1")
            _roll_back(page)
            wait_for(served, news, ["v0", "v1", "v0"])
            _see_it_served(page, "v0")
        browser.close()
    _check_record(store)


def _compare(page: Any) -> None:
    """Tick both versions, and read which is better, and for whom it is not."""
    for box in page.locator("input[name=v]").all():
        box.check()
    page.get_by_role("button", name="Compare the ticked ones").click()
    page.wait_for_url("**/compare?v=*")
    assert page.locator("h1").inner_text() == "passing:v1 compared with passing:v0"
    assert "Of 1,000 learners" in page.locator("main").inner_text()


def _ask(page: Any) -> None:
    """Ask for what the policy lets nobody do alone."""
    page.get_by_role("link", name="course/passing:v1").first.click()
    page.get_by_role("link", name="Promote").first.click()
    page.wait_for_url("**/promote*")
    assert "Shall passing v1 become champion?" in page.locator("h1").inner_text()
    page.get_by_label("Why it should be approved").fill("fewer learners are judged wrongly")
    page.get_by_role("button", name="Ask for approval").click()
    page.locator("section[role=status], section[role=alert]").first.wait_for()
    assert page.get_by_role("button", name="Approve").count() == 0
    assert page.get_by_role("button", name="Promote to champion").count() == 0


def _approve(page: Any) -> None:
    """Find what waits on the home page, read what the gates say, and approve."""
    waiting = page.locator("section", has=page.locator("h2", has_text="Waiting for approval"))
    assert "fewer learners are judged wrongly" in waiting.inner_text()
    waiting.get_by_role("link").first.click()
    page.wait_for_url("**/promote*")
    page.get_by_label("Why, in your words").fill("read the groups: no one is worse off")
    page.get_by_role("button", name="Approve").click()
    page.locator("section[role=status]").wait_for()
    assert "bo" in page.locator("section:has(#approvals)").inner_text()


def _promote(page: Any) -> None:
    page.get_by_label("Why it is better").fill("approved by bo")
    page.get_by_role("button", name="Promote to champion").click()
    page.wait_for_url("**/aliases/course/passing/champion?done=*")
    assert "v1" in page.locator("section[role=status]").inner_text()


def _see_it_served(page: Any, version: str) -> None:
    """Look at the alias until the consumer's report is there."""
    part = page.locator("section:has(#serve)")
    for _ in range(100):
        if f"passing:{version}" in part.inner_text() and "serving" in part.inner_text():
            return
        page.wait_for_timeout(200)
        page.reload()
    raise AssertionError(part.inner_text())


def _roll_back(page: Any) -> None:
    part = page.locator("section:has(#back)")
    part.get_by_label("Why").fill("complaints from one class")
    part.get_by_role("button", name="Roll back to v0").click()
    page.locator("section[role=status]").wait_for()
    moves = page.locator("section:has(#moves)").inner_text()
    assert "complaints from one class" in moves
    assert "approved by bo" in moves


def _check_record(store: Path) -> None:
    with edversion.open(store) as repository:
        assert repository.alias(CHAMPION).number == 0
        moves = [(each.actor, each.kind, each.reason) for each in repository.history(CHAMPION)]
        assert moves[:2] == [
            ("ada", "rolled_back", "complaints from one class"),
            ("ada", "promoted", "approved by bo"),
        ]
        (approval,) = repository.approvals("course/passing:v1", "champion")
        assert (approval.actor, approval.reason) == ("bo", "read the groups: no one is worse off")
        signed_in = [each for each in repository.events() if each.action == "account.signed_in"]
        assert [each.actor for each in reversed(signed_in)] == ["ada", "bo", "ada"]
        assert repository.verify() == ()
