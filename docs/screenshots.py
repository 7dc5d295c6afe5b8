"""Take the pictures of the dashboard that the README shows.

Usage: python docs/screenshots.py [FOLDER]

Builds the repository of ``examples/student_dropout.py``, of real school records, in a folder that
is removed again, lets somebody who may approve sign in, and writes a picture of each page below
FOLDER (``docs/pictures`` where none is given). Needs Chromium and the extra ``test``.
"""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Page, sync_playwright

import edversion
from edversion import Grant
from edversion_plugins.dashboard import create_app
from edversion_plugins.dashboard.admission.accounts import Accounts
from edversion_plugins.dashboard.serving import listen

ROOT = Path(__file__).parents[1]
PROJECT, MODEL = "student-dropout", "student-dropout/dropout_model"
AUTHOR, READER = "amina", "grace"
SIZE = {"width": 1440, "height": 900}
LARGEST = 150_000  # bytes; whoever reads the README should not wait
QUALITY = 82
POLICY = f"""\
[approvals]
count = 1
by = ["{READER}"]

[[metrics]]
key = "auc"
dataset = "students_test:v0"
split = "test"
min = 0.6
"""
PICTURES = {
    "home": ("/", "light"),
    "collection": (f"/p/{MODEL}", "light"),
    "version": (f"/p/{MODEL}/champion", "light"),
    "version-dark": (f"/p/{MODEL}/champion", "dark"),
    "compare": (f"/compare?v={MODEL}:v0&v={MODEL}:champion", "light"),
    "lineage": (f"/p/{MODEL}/champion/lineage", "light"),
    "promote": (f"/p/{MODEL}/v1/promote?to=champion", "light"),
}


def main(pictures: Path) -> None:
    """Build, serve, look, and write."""
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"XDG_CONFIG_HOME": folder, "EDVERSION_CACHE": f"{folder}/cache"}
        os.environ["LOGNAME"] = AUTHOR  # whom the runs will say that they are of
        store = build(Path(folder))
        with edversion.open(store, project=PROJECT) as repository:
            words = secrets.token_urlsafe()
            repository.add_account(READER, password=words, grants=[Grant("approver")])
            with serving(repository) as url:
                take(url, words, pictures)


def build(folder: Path) -> Path:
    """Run the example as somebody, and let the champion be followed, and guarded by a policy."""
    sys.path.insert(0, str(ROOT / "examples"))
    import student_dropout

    store = folder / ".edversion"
    with edversion.acting_as(AUTHOR):
        student_dropout.main(folder)
        with edversion.open(store, project=PROJECT) as repository:
            champion = f"{MODEL}:champion"
            repository.set_policy(champion, POLICY, reason="as the board of the district decided")
            repository.add_deployment("early-warning", follows=champion)
            repository.promote(f"{MODEL}:v1", "candidate", reason="easier to explain")
    return store


@contextmanager
def serving(repository: edversion.Repository) -> Iterator[str]:
    """Serve the dashboard for the length of a ``with`` block."""
    with listen("127.0.0.1", 0) as place:
        app = create_app(
            repository, hosts=[place.host], entrance=Accounts(repository, secure=False)
        )
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place.socket]})
        thread.start()
        try:
            yield place.url.rstrip("/")
        finally:
            server.should_exit = True
            thread.join()


def take(url: str, words: str, pictures: Path) -> None:
    """Sign in, and take a picture of each page."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_context(viewport=SIZE, reduced_motion="reduce").new_page()
        page.goto(f"{url}/sign-in")
        page.fill("[name=name]", READER)
        page.fill("[name=password]", words)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{url}/")
        for name, (address, scheme) in PICTURES.items():
            page.emulate_media(color_scheme=scheme)
            answer = page.goto(url + address, timeout=60_000)
            if answer is None or not answer.ok:
                raise SystemExit(f"{address}: {page.locator('main').inner_text()}")
            page.wait_for_load_state("networkidle")
            if name == "lineage":
                page.get_by_role("button", name="Whole map").click()
            keep(page, pictures / f"{name}.webp")
        browser.close()


def keep(page: Page, path: Path) -> None:
    """Write what the window shows, as the browser itself packs it."""
    options: dict[str, Any] = {"format": "webp", "quality": QUALITY}
    sent = page.context.new_cdp_session(page).send("Page.captureScreenshot", options)
    content = base64.b64decode(sent["data"])
    if len(content) > LARGEST:
        raise SystemExit(f"{path.name} has {len(content):,} bytes, more than {LARGEST:,}")
    path.write_bytes(content)
    print(f"{path.name}: {len(content):,} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "pictures")
    main(parser.parse_args().folder)
