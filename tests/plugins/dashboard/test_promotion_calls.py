"""Programs read and decide on promotions, as the token that they send allows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion_plugins.dashboard.api import CALLS, description

from .deciding import ORIGIN, Desk, fill_decisions
from .test_api import _closed

VERSION = "/api/v1/promotions/course/passing/v1"
ALIAS = "/api/v1/aliases/course/passing/champion"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calls") / "store"
    fill_decisions(folder)
    return folder


@pytest.fixture
def desk(filled: Path, tmp_path: Path) -> Iterator[Desk]:
    shutil.copytree(filled, tmp_path / "store")
    with edversion.open(tmp_path / "store") as repository:
        desk = Desk(repository)
        desk.door.how = "token"
        yield desk


def ask(desk: Desk, name: str, path: str, status: int = 200, sent: Any = None) -> Any:
    """Ask as somebody's program; hold the answer against the description."""
    desk.door.name = name
    method = "GET" if sent is None else "POST"
    answer = desk.client.request(method, path, json=sent, headers=ORIGIN)
    assert answer.status_code == status, answer.text
    if status == 200:
        check_schema(path, answer.json())
    return answer.json()


def check_schema(path: str, found: Any) -> None:
    jsonschema = pytest.importorskip("jsonschema_rs", reason="needs the package schemathesis")
    parts = path.partition("?")[0].removeprefix("/api/v1").split("/")
    (call,) = (
        each
        for each in CALLS
        if len(each.path.split("/")) == len(parts)
        and all(
            a.startswith("{") or a == b for a, b in zip(each.path.split("/"), parts, strict=True)
        )
    )
    schema = _closed(call.gives | {"components": description()["components"]})
    jsonschema.Draft202012Validator(schema).validate(found)


def test_programs_decide_as_people_do(desk: Desk) -> None:
    report = ask(desk, "cy", f"{VERSION}?to=champion")
    assert (report["passed"], report["current"]) == (False, "course/passing:v0")
    assert report == ask(desk, "cy", VERSION)
    words = {"to": "champion", "reason": "better", "evidence": report["digest"]}

    refused = ask(desk, "ada", f"{VERSION}/promote", 403, words)
    assert refused["code"] == "promotion_refused"
    (waiting,) = ask(desk, "cy", "/api/v1/pending")["pending"]
    assert (waiting["actor"], waiting["reason"]) == ("ada", "better")

    no = ask(desk, "bob", f"{VERSION}/reject", sent=words)
    assert (no["actor"], no["digest"]) == ("bob", report["digest"])
    assert ask(desk, "cy", "/api/v1/pending?project=course") == {"pending": []}
    assert ask(desk, "bob", f"{VERSION}/approve", sent=words)["actor"] == "bob"
    assert [each["actor"] for each in ask(desk, "cy", VERSION)["approvals"]] == ["bob"]

    made = ask(desk, "ada", f"{VERSION}/promote", sent={"to": "champion", "reason": None})
    assert (made["moved"], made["previous"], made["kind"]) == (
        True,
        "course/passing:v0",
        "promoted",
    )
    told = ask(desk, "cy", ALIAS)
    assert [each["after"] for each in told["moves"]] == ["course/passing:v1", "course/passing:v0"]
    assert told["followers"][0]["deployment"] == "course/grader-api"

    back = {"reason": "complaints", "revision": str(made["revision"])}
    moved = ask(desk, "ada", f"{ALIAS}/rollback", sent=back)
    assert (moved["kind"], moved["after"]) == ("rolled_back", "course/passing:v0")
    assert ask(desk, "ada", f"{ALIAS}/rollback", 409, back)["code"] == "alias_moved"
    event = desk.repository.events(limit=1)[0]
    assert (event.actor, event.reason) == ("ada", "complaints")


def test_what_waits_is_withdrawn_once(desk: Desk) -> None:
    ask(desk, "ada", f"{VERSION}/promote", 403, {"to": "champion"})
    gone = ask(desk, "ada", f"{VERSION}/withdraw", sent={"to": "champion"})
    assert gone == {"version": "course/passing:v1", "alias": "champion"}
    again = ask(desk, "ada", f"{VERSION}/withdraw", 409, {"to": "champion"})
    assert again["code"] == "not_pending"


@pytest.mark.parametrize(
    ("act", "name", "sent", "status", "code"),
    [
        ("promote", "cy", {"to": "champion"}, 403, "forbidden"),
        ("approve", "ada", {"to": "champion", "reason": "x"}, 403, "forbidden"),
        ("reject", "ada", {"to": "champion", "reason": "x"}, 403, "forbidden"),
        ("approve", "mallory", {"to": "champion", "reason": "x"}, 403, "may_not_approve"),
        ("promote", "stranger", {"to": "champion"}, 404, "not_found"),
        ("promote", "ada", {}, 400, "bad_argument"),
        ("promote", "ada", {"to": None}, 400, "bad_argument"),
        ("promote", "ada", {"to": "a b"}, 400, "bad_argument"),
        ("promote", "ada", {"to": "champion", "force": "yes"}, 400, "bad_argument"),
        ("promote", "ada", {"to": 3}, 400, "bad_form"),
        ("promote", "ada", ["to"], 400, "bad_form"),
        ("promote", "ada", {"to": "latest"}, 400, "latest_stays"),
        ("approve", "eve", {"to": "champion"}, 400, "bad_argument"),
        ("approve", "eve", {"to": "champion", "reason": " "}, 400, "no_reason"),
        ("approve", "eve", {"to": "champion", "reason": "x" * 4001}, 400, "bad_argument"),
        ("approve", "eve", {"to": "champion", "reason": "x", "evidence": "blake3:" + "0" * 64},
         409, "evidence_changed"),
        ("promote", "ada", {"to": "champion", "evidence": "blake3:" + "0" * 64}, 409,
         "evidence_changed"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_problem_and_changes_nothing(
    desk: Desk, act: str, name: str, sent: Any, status: int, code: str
) -> None:
    before = desk.repository.events(limit=1)[0].sequence
    problem = ask(desk, name, f"{VERSION}/{act}", status, sent)
    assert problem["code"] == code
    assert desk.repository.events(limit=1)[0].sequence == before


def test_a_session_needs_its_key_here_too(desk: Desk) -> None:
    desk.door.how = "session"
    refused = ask(desk, "ada", f"{VERSION}/promote", 403, {"to": "candidate"})
    assert refused["code"] == "stale_form"
    sent = {"to": "candidate", "form_key": "of this session"}
    assert ask(desk, "ada", f"{VERSION}/promote", sent=sent)["moved"]


def test_acts_are_described_with_what_they_take() -> None:
    told = description()["paths"]
    (path,) = (each for each in told if each.endswith("/approve"))
    body = told[path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["to", "reason"]
    assert body["properties"]["evidence"]["type"] == ["string", "null"]
    assert body["additionalProperties"] is False
    assert {each.method for each in CALLS} == {"GET", "POST"}
