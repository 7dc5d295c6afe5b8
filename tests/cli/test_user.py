"""The commands that say who may do what in a dashboard."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

import edversion
from edversion.accounts import passwords
from edversion.model import ROLES, Access, Grant
from edversion_plugins.dashboard.commands import tokens as token_commands

GOOD = "a cat on a keyboard"
USER, TOKEN = ("dashboard", "user"), ("dashboard", "token")
ON_A_TERMINAL = (
    "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "from edversion.cli import main; main()"
)


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    """Let passwords cost next to nothing, as they do in no release."""
    monkeypatch.setattr(passwords, "_COSTS", passwords._Costs(ln=4, r=8, p=1))


@pytest.fixture
def school(work, call):
    """The small repository, with an admin and a viewer."""
    added = call(*USER, "add", "ada", "--role", "admin", "--password-stdin", input=f"{GOOD}\n")
    assert added.text == "account ada added: admin of every project\n"
    added = call(*USER, "add", "bo", "--role", "viewer", "--project", "school", "--no-password")
    assert added.text == "account bo added: viewer of school\n"
    return work


def access_by(secret: str) -> Access | None:
    with edversion.open() as repository:
        return repository.token_access(secret)


def signs_in(name: str, password: str) -> bool:
    with edversion.open() as repository:
        try:
            repository.sign_in(name, password)
        except edversion.RefusedError:
            return False
        return True


def test_the_roles_are_those_of_the_engine():
    assert token_commands.ROLES == ROLES


def test_accounts_are_listed_and_shown(school, call):
    listed = call(*USER, "list").lines
    assert [line.split()[0] for line in listed] == ["account", "ada", "bo"]
    assert re.search(r"ada +admin of every project +yes +20\d\d-", listed[1])
    assert re.search(r"bo +viewer of school +no ", listed[2])
    bo = call(*USER, "show", "bo", "--json").json
    assert call(*USER, "list", "--json").json[1] | {"tokens": []} == bo
    assert bo["grants"] == [{"role": "viewer", "project": "school"}]
    assert (bo["has_password"], bo["created_by"]) == (False, "ada")
    assert call(*USER, "show", "BO").lines[0] == "account bo, without a password"
    missing = call(*USER, "show", "cy", "--json")
    assert (missing.code, missing.json["error"]["code"]) == (1, "no_account")


def test_nobody_is_told_how_to_begin(work, call):
    assert "user add NAME --role admin" in call(*USER, "list").text
    assert call(*USER, "list", "--json").json == []
    assert call(*TOKEN, "list").text == "no tokens\n"


def test_roles_come_and_go(school, call):
    def roles(*arguments: str) -> list[str]:
        answer = call(*USER, *arguments, "--json")
        assert answer.code == 0, answer.text
        return [f"{each['role']} {each['project']}" for each in answer.json["grants"]]

    assert roles("grant", "bo", "--role", "approver") == ["approver None", "viewer school"]
    changed = roles("grant", "bo", "--role", "editor", "--project", "school")
    assert changed == ["approver None", "editor school"]
    assert roles("revoke", "bo") == ["editor school"]
    assert roles("revoke", "bo", "--project", "school", "--reason", "has left") == []
    assert "no role, so it sees nothing" in call(*USER, "list").text
    with edversion.open() as repository:
        (event,) = repository.events(subject="account:bo", limit=1)
    assert (event.action, event.actor, event.reason) == ("role.revoked", "ada", "has left")
    typo = call(*USER, "grant", "bo", "--role", "viewer", "--project", "scool")
    assert (typo.code, "there are: school" in typo.err) == (1, True)


def test_the_last_admin_is_told_what_to_do(school, call):
    for act in (["remove", "ada"], ["revoke", "ada"], ["grant", "ada", "--role", "viewer"]):
        answer = call(*USER, *act)
        assert answer.code == 3
        assert "edversion dashboard user grant NAME --role admin" in answer.err
    call(*USER, "grant", "bo", "--role", "admin")
    assert call(*USER, "remove", "ada").text == "account ada removed\n"


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_password_comes_from_the_standard_input(school, call, end):
    other = " spaces count, too "
    answer = call(*USER, "password", "bo", "--password-stdin", input=other + end)
    assert answer.text == "account bo has another password; it is signed out everywhere\n"
    assert signs_in("bo", other)
    assert not signs_in("bo", other.strip())
    weak = call(*USER, "password", "bo", "--password-stdin", "--json", input="hunter2\n")
    assert (weak.code, weak.json["error"]["code"]) == (1, "weak_password")
    assert "hunter2" not in weak.text
    assert signs_in("bo", other)


def test_without_a_terminal_it_says_how_else(school, call):
    for act in (["add", "cy"], ["password", "bo"]):
        answer = call(*USER, *act, input=f"{GOOD}\n{GOOD}\n")
        assert answer.code == 2
        assert "--password-stdin" in answer.err
    both = call(*USER, "add", "cy", "--no-password", "--password-stdin")
    assert (both.code, "not both" in both.err) == (2, True)
    assert len(call(*USER, "list", "--json").json) == 2


def test_a_terminal_is_asked_twice_and_shows_nothing(school):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", ON_A_TERMINAL, *USER, "add", "cy", "--json"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        shown = ""
        for asked in ("Password of cy: ", "Repeat for confirmation: "):
            while not shown.endswith(asked):
                shown += os.read(ours, 1000).decode()
            os.write(ours, f"{GOOD}\n".encode())
        answer, _ = process.communicate(timeout=60)
        while chunk := _rest(ours):
            shown += chunk
    os.close(ours)
    assert process.returncode == 0
    assert b'"has_password": true' in answer
    assert GOOD not in shown
    assert signs_in("cy", GOOD)


def _rest(terminal: int) -> str:
    """Read what is left of a terminal whose other side is closed; Linux then fails."""
    try:
        return os.read(terminal, 1000).decode()
    except OSError:
        return ""


def test_who_is_signed_in_is_signed_out(school, call):
    with edversion.open() as repository:
        secret = repository.sign_in("ada", GOOD)
        assert call(*USER, "sign-out", "Ada").text == "account ada was signed out of 1 session\n"
        assert call(*USER, "sign-out", "ada", "--json").json == {"name": "ada", "ended": 0}
        assert repository.session_access(secret) is None


def test_a_token_is_shown_once(school, call):
    add = ("add", "bo", "--name", "nightly", "--role", "admin")
    lines = call(*TOKEN, *add, "--days", "7").lines
    assert lines[0].startswith("token nightly of bo: at most admin of every project, until ")
    secret = lines[-1]
    assert access_by(secret) == Access("bo", (Grant("viewer", "school"),))
    for listed in (call(*TOKEN, "list"), call(*USER, "show", "bo"), call("events")):
        assert "nightly" in listed.text or "token.created" in listed.text
        assert secret[4:] not in listed.text
    again = call(*TOKEN, *add)
    assert (again.code, "token revoke bo nightly" in again.err) == (1, True)
    made = call(*TOKEN, "add", "ada", "--name", "ci", "--role", "editor", "--project", "school",
                "--json").json  # fmt: skip
    assert access_by(made.pop("secret")) == Access("ada", (Grant("editor", "school"),))
    (listed,) = call(*TOKEN, "list", "ada", "--json").json
    assert listed.pop("last_used_at") is not None
    assert listed.items() < made.items()
    assert len(call(*TOKEN, "list", "--json").json) == 2
    gone = call(*TOKEN, "revoke", "bo", "nightly")
    assert gone.text == "token nightly of bo taken back\n"
    assert access_by(secret) is None


def test_a_token_that_was_handed_over_wrongly_is_not_shown(school, call):
    lines = call(*TOKEN, "add", "bo", "--name", "ci", "--role", "viewer").lines
    answer = call("show", lines[-1])
    assert answer.code == 1
    assert lines[-1] not in answer.err


@pytest.mark.parametrize("days", ["0", "366", "x"])
def test_a_token_lasts_a_year_at_most(school, call, days):
    answer = call(*TOKEN, "add", "bo", "--name", "ci", "--role", "viewer", "--days", days)
    assert answer.code == 2


@pytest.mark.parametrize(
    "command", [USER, TOKEN, *((*USER, name) for name in (
        "add", "grant", "list", "password", "remove", "revoke", "show", "sign-out")),
        *((*TOKEN, name) for name in ("add", "list", "revoke"))]
)  # fmt: skip
def test_every_command_has_help_and_refuses_what_it_does_not_know(empty, call, command):
    answer = call(*command, "--help")
    assert answer.code == 0
    assert answer.text.startswith(f"Usage: edversion {' '.join(command)} ")
    assert "--json" in answer.text
    assert "..." not in answer.text.replace("[ARGS]...", "").replace("edv_...", "")
    assert call(*command, "--bogus").code == 2


def test_help_loads_neither_the_catalog_nor_what_serves(empty):
    code = (
        "import sys\nfrom edversion.cli import cli\n"
        "for name in (['user', 'add'], ['token']):\n"
        "    try: cli.main(['dashboard', *name, '--help'])\n"
        "    except SystemExit: pass\n"
        "heavy = {'rich', 'sqlalchemy', 'starlette', 'uvicorn', 'jinja2', 'edversion.catalog'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert " dashboard token " in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
