"""What a webhook can be, and whom it asks for leave."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from edversion.errors import ConflictError, InvalidInputError, NotFoundError, RefusedError
from edversion.model import Webhook
from edversion.repository import Repository, open_repository

SAFE: dict[str, Any] = {"url": "https://lms.example/hook", "secret_env": "EDVERSION_HOOK_SECRET"}


def add(school: Repository, name: str = "grades", target: str = "*/*:*", **how: Any) -> Webhook:
    return school.add_webhook(name, target, **(how or SAFE))


def test_a_webhook_is_on_record(school: Repository) -> None:
    made = add(school, target="test/dropout:champion", reason="the LMS shows it", **SAFE)
    assert school.webhooks() == (made,) == (school.webhook("grades"),)
    assert (made.target, made.created_by) == ("test/dropout:champion", "ada")
    (event,) = school.events(subject="webhook:grades")
    assert (event.action, event.actor, event.reason) == ("webhook.added", "ada", "the LMS shows it")
    assert event.after == {
        "target": "test/dropout:champion",
        "url": SAFE["url"],
        "command": None,
        "secret_env": "EDVERSION_HOOK_SECRET",
        "allow_private": False,
        "moves": ["set", "removed", "promoted", "overridden", "rolled_back"],
    }
    school.remove_webhook("grades", reason="too loud")
    assert school.webhooks() == ()
    assert [each.action for each in school.events(subject="webhook:grades")] == [
        "webhook.removed",
        "webhook.added",
    ]
    add(school)
    school.verify()


def test_allowing_private_addresses_is_an_event(school: Repository) -> None:
    add(school, **SAFE, allow_private=True)
    assert school.events(subject="webhook:grades")[0].after["allow_private"] is True  # type: ignore[index, call-overload]


@pytest.mark.parametrize(
    ("target", "full"),
    [
        ("", "*/*:*"),
        (":", "*/*:*"),
        ("dropout", "*/dropout:*"),
        ("dropout:champion", "*/dropout:champion"),
        (":champion", "*/*:champion"),
        ("test/*:champion-*", "test/*:champion-*"),
        ("latest/latest", "latest/latest:*"),
    ],
)
def test_targets(school: Repository, target: str, full: str) -> None:
    assert add(school, "one", target, **SAFE).target == full


def test_a_target_without_a_project_is_of_the_repositorys(school: Repository) -> None:
    with open_repository(school.location.store, project="test") as mine:
        assert add(mine, "one", "dropout:champion", **SAFE).target == "test/dropout:champion"


@pytest.mark.parametrize(
    ("how", "fault"),
    [
        ({}, "URL or a command"),
        (SAFE | {"command": "true"}, "URL or a command"),
        ({"url": SAFE["url"]}, "begin with EDVERSION_HOOK_"),
        (SAFE | {"secret_env": "AWS_SECRET_ACCESS_KEY"}, "begin with EDVERSION_HOOK_"),
        ({"command": "true", "secret_env": "EDVERSION_HOOK_X"}, "leave the secret out"),
        ({"command": "true", "allow_private": True}, "leave the secret out"),
        ({"command": ""}, "needs a program"),
        ({"command": "echo 'a"}, "cannot read the command"),
        ({"command": "curl https://ada:hunter2@lms.example"}, "password or a token"),
        (SAFE | {"url": "http://lms.example/"}, "https alone"),
        (SAFE | {"url": "ftp://lms.example/", "allow_private": True}, "such as https"),
        (SAFE | {"url": "https:///hook"}, "such as https"),
        (SAFE | {"url": "https://lms.example:0/"}, "such as https"),
        (SAFE | {"url": "https://lms.example:99999/"}, "cannot read the URL"),
        (SAFE | {"url": "https://[::1/"}, "cannot read the URL"),
        (SAFE | {"url": "https://ada:hunter2@lms.example/"}, "password or a token"),
        (SAFE | {"url": "https://ada@lms.example/"}, "password or a token"),
        (SAFE | {"url": "https://@lms.example/"}, "no user"),
        (SAFE | {"url": "https://lms.example/?token=abc"}, "password or a token"),
        (SAFE | {"url": "https://lms.example/#top"}, "no user, fragment"),
        (SAFE | {"url": "https://lms.example\\@10.0.0.1/"}, "password or a token|no user"),
        (SAFE | {"url": "https://lms.example/a b"}, "printable ASCII"),
        (SAFE | {"url": "https://lms.example/\r\nX: y"}, "printable ASCII"),
        (SAFE | {"url": "https://größe.example/"}, "printable ASCII"),
        (SAFE | {"url": "https://lms.example/" + "a" * 2000}, "printable ASCII"),
        (SAFE | {"url": "https://127.0.0.1/"}, "does not reach private addresses"),
        (SAFE | {"url": "https://[fd00::1]:8443/"}, "does not reach private addresses"),
        (
            SAFE | {"url": "http://169.254.169.254/", "allow_private": True},
            "does not reach addresses that no receiver can have",
        ),
        (SAFE | {"moves": ["deployed"]}, "knows no move 'deployed'"),
        (SAFE | {"target": "dropout:latest"}, "not told of 'latest'"),
        (SAFE | {"target": "dropout:a b"}, "pattern"),
        (SAFE | {"name": "a b"}, "name of a webhook"),
    ],
)
def test_what_cannot_be(school: Repository, how: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidInputError, match=fault) as caught:
        school.add_webhook(**({"name": "grades"} | how))
    assert "hunter2" not in str(caught.value)
    assert school.webhooks() == ()


def test_names(school: Repository) -> None:
    add(school)
    with pytest.raises(ConflictError, match="remove it first"):
        add(school)
    with pytest.raises(NotFoundError, match="there are: grades"):
        school.webhook("other")
    with pytest.raises(NotFoundError):
        school.remove_webhook("other")


def test_a_program_named_by_a_path_is_named_by_a_whole_one(
    school: Repository, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert add(school, command="./tell.sh 'a b'").command == (f"{tmp_path}/tell.sh", "a b")
    assert add(school, "other", command=["tell", "a b"]).command == ("tell", "a b")


@pytest.mark.parametrize("target", ["*/*:*", "test/dropout:champion", "test/drop*:champ*"])
def test_only_owners_of_a_policy_add_or_remove_webhooks_on_its_aliases(
    school: Repository, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    school.set_policy("test/dropout:champion", "owners = ['ada']")
    monkeypatch.setenv("EDVERSION_ACTOR", "bob")
    with pytest.raises(RefusedError, match="its owners are: ada") as caught:
        add(school, "mine", target, **SAFE)
    assert caught.value.code == "not_owner"
    add(school, "other", "test/dropout:candidate", **SAFE)
    add(school, "elsewhere", "other/dropout:champion", **SAFE)
    monkeypatch.setenv("EDVERSION_ACTOR", "ada")
    add(school, "mine", target, **SAFE)
    monkeypatch.setenv("EDVERSION_ACTOR", "bob")
    with pytest.raises(RefusedError):
        school.remove_webhook("mine")


# Leave


@pytest.mark.parametrize("how", [{"command": "true"}, SAFE | {"allow_private": True}])
def test_what_others_added_needs_leave(
    school: Repository, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, how: dict[str, Any]
) -> None:
    made = add(school, **how)
    assert school.webhook_obstacle(made) is None
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "eve"))
    assert "did not allow it here" in str(school.webhook_obstacle(made))
    school.allow_webhook("grades")
    assert school.webhook_obstacle(made) is None
    # Leave is for what was looked at, not for a name.
    school.remove_webhook("grades")
    changed = {"command": "false"} if "command" in how else how | {"url": "https://10.0.0.1/"}
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "bob"))
    again = add(school, **changed)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "eve"))
    assert school.webhook_obstacle(again) is not None


def test_leave_is_for_one_repository(school: Repository, tmp_path: Any) -> None:
    add(school, command="true")
    with open_repository(tmp_path / "other", create=True) as other:
        elsewhere = add(other, command="true")
        assert other.webhook_obstacle(elsewhere) is None
    assert len(_leave()) == 2


def _leave() -> list[Path]:
    """Give the files that tell what this user allowed."""
    return list(Path(os.environ["XDG_CONFIG_HOME"]).rglob("*.json"))


def test_public_addresses_need_no_leave_but_the_secret(
    school: Repository, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = add(school)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "eve"))
    assert school.webhook_obstacle(made) is None
    monkeypatch.setenv("EDVERSION_HOOK_SECRET", "short")
    assert "at least 24 bytes" in str(school.webhook_obstacle(made))
    monkeypatch.delenv("EDVERSION_HOOK_SECRET")
    assert "EDVERSION_HOOK_SECRET is not set" in str(school.webhook_obstacle(made))


def test_leave_that_cannot_be_kept_is_said(
    school: Repository, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(OSError, match="webhook allow grades"):
        add(school, command="true")
    assert school.webhook_obstacle(school.webhook("grades")) is not None
