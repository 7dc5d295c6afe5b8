"""edversion webhook, as people type it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys

import pytest

import edversion
from tests.webhooks.receiver import SECRET, Receiver

from .conftest import PROGRAM


@pytest.fixture
def receiver():
    with Receiver() as one:
        yield one


@pytest.fixture
def hooked(work, call, receiver, monkeypatch):
    monkeypatch.setenv("EDVERSION_HOOK_SECRET", SECRET)
    command = ("webhook", "add", "grades", "school/*:champion", "--url", receiver.url)
    answer = call(*command, "--secret-env", "EDVERSION_HOOK_SECRET", "--allow-private")
    assert answer.code == 0, answer.err
    assert answer.lines == ["webhook grades is told of school/*:champion"]
    assert answer.err == ""
    return receiver


def test_from_add_to_remove(hooked, call):
    assert call("promote", "scores:v0", "--to", "champion", "--reason", "good").code == 0
    (request,) = hooked.wait(1)
    assert request.signed_by(SECRET)
    assert request.json["data"]["reason"] == "good"
    (row,) = call("webhook", "list").lines[1:]
    assert row.split()[:4] == ["grades", "school/*:champion", "all", hooked.url]
    (line,) = call("webhook", "log", "grades").lines[1:]
    assert line.split()[0] == request.id
    for word in ("school/scores:champion", "promoted", "school/scores:v0", "delivered", "HTTP 204"):
        assert word in line
    (document,) = call("webhook", "log", "grades", "--json").json
    assert document["body"] == request.json
    assert call("webhook", "test", "grades").lines == ["HTTP 204"]
    shown = call("webhook", "show", "grades").text
    for word in ("EDVERSION_HOOK_SECRET", "private network", "by ada", "removed, promoted"):
        assert word in shown
    gone = call("webhook", "remove", "grades", "--reason", "moved")
    assert gone.lines == ["webhook grades removed"]
    assert call("webhook", "list", "--json").json == []
    assert "nobody is told" in call("webhook", "list").err
    assert len(call("webhook", "log", "grades", "--json").json) == 1
    assert "there are: none" in call("webhook", "show", "grades").err
    assert "there are: none" in call("webhook", "log", "other").err


def test_the_program_ends_after_the_first_attempt(hooked, process, call):
    hooked.script.append(lambda handler: (handler.send_response(200), handler.end_headers()))
    assert process("promote", "scores:v0", "--to", "champion").code == 0
    (told,) = call("webhook", "log", "grades", "--json").json
    assert (told["state"], told["answer"]) == ("delivered", "HTTP 200")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/hook", "https://10.0.0.1/hook"])
def test_a_refused_address_names_the_option_that_allows_it(work, call, url):
    refused = call(
        "webhook", "add", "grades", "--url", url, "--secret-env", "EDVERSION_HOOK_SECRET"
    )
    assert (refused.code, "--allow-private" in refused.err) == (1, True)


def test_failures_are_shown_and_tried_again(hooked, call, monkeypatch):
    hooked.script.append(500)
    assert call("promote", "scores:v0", "--to", "champion").code == 0
    hooked.wait(1)
    later = call("webhook", "deliver")
    due = r"\(due \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\)"
    assert later.code == 0
    assert re.fullmatch(rf"0 moves delivered; 1 wait {due}, 0 given up\n", later.text)
    assert "HTTP 500" in call("webhook", "log", "grades").lines[1]
    (listed,) = call("webhook", "list", "--json").json
    assert (listed["waiting"], listed["given_up"], listed["obstacle"]) == (1, 0, None)
    hooked.script.append(500)
    monkeypatch.setenv("EDVERSION_WEBHOOKS", "later")
    assert call("webhook", "retry", "grades").lines == [
        "1 delivery of grades tried again; 'edversion webhook log grades' says what became of it"
    ]
    failed = call("webhook", "deliver")
    assert failed.code == 1
    assert failed.lines[1].split()[2:5] == ["2", "HTTP", "500"]
    call("webhook", "retry", "grades", listed["name"])
    hooked.script.append(410)
    (waiting,) = call("webhook", "retry", "grades", "--json").json
    gone = call("webhook", "deliver", "--json")
    assert gone.code == 1
    assert (gone.json["given_up"], gone.json["attempts"][0]["next_at"]) == (1, None)
    loud = call("webhook", "list")
    assert "1 GIVEN UP" in loud.text
    assert "edversion webhook retry grades" in loud.err
    sick = call("doctor")
    assert sick.code == 1
    assert "undelivered" in sick.text
    call("webhook", "retry", "grades", waiting["id"])
    done = call("webhook", "deliver")
    assert (done.code, done.lines[-1]) == (0, "1 move delivered; 0 wait, 0 given up")
    assert call("doctor").code == 0
    assert {request.id for request in hooked.requests} == {waiting["id"]}


def test_what_cannot_be_delivered_from_here_is_said(hooked, call, monkeypatch):
    monkeypatch.delenv("EDVERSION_HOOK_SECRET")
    call("promote", "scores:v0", "--to", "champion")
    answer = call("webhook", "deliver")
    assert answer.code == 1
    assert "EDVERSION_HOOK_SECRET is not set" in answer.err
    assert "EDVERSION_HOOK_SECRET is not set" in call("webhook", "list").text
    assert hooked.requests == []


def test_a_command_is_run_where_it_was_allowed(work, call, monkeypatch, tmp_path):
    line = f"tee {tmp_path / 'told.json'}"
    added = call("webhook", "add", "deploy", "scores:champion", "--command", line)
    assert added.code == 0, added.err
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "eve"))
    monkeypatch.setenv("EDVERSION_ACTOR", "eve")
    call("promote", "scores:v0", "--to", "champion")
    assert not (tmp_path / "told.json").exists()
    assert "edversion webhook allow deploy" in call("webhook", "deliver").err
    no = call("webhook", "allow", "deploy", input="n\n")
    assert (no.code, line in no.err + no.text) == (1, True)
    assert call("webhook", "allow", "deploy", input="y\n").code == 0
    assert call("webhook", "deliver").code == 0
    assert json.loads((tmp_path / "told.json").read_text())["data"]["actor"] == "eve"


def test_a_secret_that_is_not_here_is_said_at_once(work, call):
    command = ("webhook", "add", "one", "--url", "https://lms.example/", "--secret-env")
    answer = call(*command, "EDVERSION_HOOK_OTHER", "--moves", "promoted", "--project", "school")
    assert answer.lines == ["webhook one is told of school/*:*"]
    assert "EDVERSION_HOOK_OTHER is not set" in answer.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "x"],
        ["add", "x", "--url", "https://a.example", "--command", "true"],
        ["add", "x", "--command", "true", "--moves", "sold"],
        ["log", "x", "--limit", "0"],
        [],
    ],
)
def test_usage(work, call, arguments):
    assert call("webhook", *arguments).code == 2


@pytest.mark.timeout(120)
def test_watch_delivers_what_happens_meanwhile(hooked, work, monkeypatch):
    monkeypatch.setenv("EDVERSION_WEBHOOKS", "later")
    watcher = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "webhook", "deliver", "--watch", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with edversion.open() as repository:
            for number, version in enumerate(("scores:v0", "scores:v1"), 1):
                repository.promote(version, "champion")
                hooked.wait(number)
                assert watcher.stdout is not None
                assert json.loads(watcher.stdout.readline())["delivered"] is True
    finally:
        watcher.send_signal(signal.SIGINT)
        _, said = watcher.communicate(timeout=60)
    assert "Traceback" not in said
