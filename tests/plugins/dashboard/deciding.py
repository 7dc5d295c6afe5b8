"""A champion under a policy, a better version that waits for it, and people who decide."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.testclient import TestClient

import edversion
from edversion import Access, Grant
from edversion.model import Role
from edversion_plugins.dashboard.admission.entrance import Visitor
from tests.plugins.reports import Page, build

from .showing import FORM_KEY, client_of

POLICY = """\
force = ["grace"]

[approvals]
count = 1
by = ["eve", "bob"]

[[metrics]]
key = "accuracy"
dataset = "exams:v0"
min = 0.5
"""
ORIGIN = {"origin": "http://127.0.0.1:8765"}
PROMOTE = "/p/course/passing/v1/promote?to=champion"
ALIAS = "/aliases/course/passing/champion"
ROLES: dict[str, Role] = {
    "ada": "editor", "eve": "approver", "bob": "approver", "mallory": "approver", "cy": "viewer",
    "root": "admin",
}  # fmt: skip


def fill_decisions(store: Path) -> None:
    """Log two evaluated models as ada; make the worse one champion, followed, under a policy."""
    with edversion.acting_as("ada"):
        build(store)
        with edversion.init("course", store=store) as run:
            repository = run.repository
            repository.promote("course/passing:v0", "champion", reason="the first one")
            repository.set_policy("course/passing:champion", "tags = {}", reason="as a start")
            repository.set_policy("course/passing:champion", POLICY, reason="as the board wants")
            repository.add_deployment("grader-api", follows="course/passing:champion")


@dataclass
class Door:
    """Lets in whoever a test says, with the role that they have."""

    name: str = "root"
    how: Any = "session"
    accounts: bool = True

    def visitor(self, _request: Request) -> Visitor:
        grants = (Grant(ROLES[self.name], "course"),) if self.name in ROLES else ()
        return Visitor(Access(self.name, grants), self.how, FORM_KEY)


class Desk:
    """People at the dashboard of a repository."""

    def __init__(self, repository: edversion.Repository) -> None:
        self.door = Door()
        self.client: TestClient = client_of(repository, entrance=self.door)
        self.repository = repository

    def read(self, name: str, path: str, status: int = 200) -> Page:
        """Look at a page as somebody."""
        self.door.name = name
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return Page(answer.text)

    def send(self, name: str, act: str, *, evidence: bool = True, **fields: str) -> Any:
        """Send the form of a page as somebody."""
        page = self.read(name, PROMOTE)
        shown = {a["name"]: a["value"] for _, a in page.tags if a.get("type") == "hidden"}
        hidden = shown if evidence else {}
        data = {"form_key": FORM_KEY, "to": "champion", **hidden, **fields}
        return self.client.post(f"/p/course/passing/v1/{act}", data=data, headers=ORIGIN)


def words(page: Page) -> str:
    """Give the text of a page on one line."""
    return " ".join(page.text.split())
