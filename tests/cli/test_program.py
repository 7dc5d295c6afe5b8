"""What holds for all commands: help, --json, messages, exit codes, warnings, plugins."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import click
import pytest

import edversion
from edversion.cli import cli
from edversion.errors import ConflictError, RefusedError, StorageError
from edversion.repository import Repository

MEASURE = (
    "import json, os; "
    "json.dump({'auc[sex=female]': 0.75}, open(os.environ['EDVERSION_METRICS'], 'w'))"
)
COMMANDS = {
    "init": [], "log": ["file.txt"], "get": ["model"], "open": ["model", "weights.bin"],
    "cat": ["model", "weights.bin"], "ls": [], "show": ["model"], "search": [],
    "compare": ["scores:v0", "model"], "diff": ["scores:v0", "scores:v1"],
    "leaderboard": ["model", "--metric", "auc"], "metrics": [],
    "reproduce": ["model", "--with", f'{sys.executable} -c "{MEASURE}"'],
    "alias": ["model"], "tag": ["model"],
    "edit": ["model", "--meta", "a=1"], "delete": ["scores:v0", "--reason", "x", "--yes"],
    "restore": [], "retain": [], "gc": [],
    "erase": ["scores:v0", "--reason", "x", "--legal-basis", "y", "--yes"],
    "promote": ["model", "--to", "candidate"], "policy": ["show", "model"], "pending": [],
    "approve": ["model", "--for", "candidate", "--reason", "x", "--yes"],
    "reject": ["model", "--for", "candidate", "--reason", "x", "--yes"],
    "rollback": ["model:champion"], "history": ["model:champion"], "webhook": ["list"],
    "deployment": ["add", "grader-api", "--follows", "model:champion"], "deployments": [],
    "experiments": ["list"], "trace": ["--experiment", "rec-test", "--exposure", "0" * 32],
    "push": [".edversion"], "pull": [".edversion"], "export": ["b.tar"], "import": ["bundle.tar"],
    "runs": [], "lineage": ["model"], "events": [], "status": [], "verify": [], "doctor": [],
    "catalog": ["status"],
    "store": ["check"], "cache": ["status"],
    "completion": ["zsh"], "version": [],
}  # fmt: skip


def test_the_table_above_names_every_command():
    of_plugins = {
        "attribute",
        "dashboard",
        "openlineage",
    }  # known once loaded, and tested with their plugin
    assert set(cli.list_commands(click.Context(cli))) - of_plugins == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(empty, call, name):
    for flag in ("-h", "--help"):
        answer = call(name, flag)
        assert answer.code == 0
        assert answer.text.startswith(f"Usage: edversion {name} ")
        assert "--json" in answer.text
    short = cli.commands[name].get_short_help_str(limit=64)
    assert short
    assert not short.endswith("...")
    assert f"  {name} " in call("--help").text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_with_one_json_document(work, call, name):
    (work / "file.txt").write_text("text")
    if name == "import":
        assert call("export", "bundle.tar").code == 0
    after = call(name, *COMMANDS[name], "--json")
    # of groups alone there is no board, the champion was the first one, and nobody was served
    differs = name in ("diff", "leaderboard", "rollback", "trace")
    refused = name == "reject"  # no policy asks for approvals
    assert after.code == (1 if differs else 3 if refused else 0), after.err
    json.loads(after.out)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_fails_with_a_json_document_where_there_is_no_repository(empty, call, name):
    (empty / "file.txt").write_text("text")
    (empty / "bundle.tar").write_bytes(b"")
    answer = call("--json", name, *COMMANDS[name])
    if name in ("init", "version", "completion"):
        assert answer.code == 0
    else:
        assert answer.code == 1
        assert answer.json["error"]["code"] == "no_repository"
        assert "edversion init" in answer.json["error"]["message"]
        assert answer.err == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses_an_unknown_option(work, call, name):
    answer = call(name, "--bogus")
    assert (answer.code, answer.out) == (2, b"")
    assert answer.err.startswith("error: ")
    assert f"edversion {name} --help" in answer.err
    assert call(name, "--bogus", "--json").json["error"]["code"] == "usage"


def test_common_options_stand_before_or_after_the_command(empty, template, call):
    store = str(template / ".edversion")
    assert (
        call("--store", store, "--json", "ls", "scores").json
        == call("ls", "scores", "--json", "--store", store).json
    )
    nearer = call("--store", "nowhere", "ls", "--store", store, "--json")
    assert [item["name"] for item in nearer.json] == ["model", "scores"]
    catalog = f"sqlite:///{store}/catalog.db"
    assert call("--store", store, "--catalog", catalog, "ls", "--json").json == nearer.json


def test_an_unknown_command(work, call):
    answer = call("lss")
    assert (answer.code, answer.out) == (2, b"")
    assert "'lss'" in answer.err


def test_lists_of_commands_cut_no_sentence(empty, call):
    groups = [name for name, command in cli.commands.items() if isinstance(command, click.Group)]
    for arguments in ([], *([name] for name in groups), ["retain", "policy"]):
        assert "..." not in call(*arguments, "--help").text.replace("[ARGS]...", "")
    assert "exact versions" in " ".join(call("--help").text.split())


def test_no_command_shows_the_help(empty, call):
    answer = call()
    assert "Usage: " in answer.text + answer.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConflictError("lost", code="alias_moved", revision=3), 1),
        (RefusedError("no"), 3),
        (StorageError("disk full", code="store_full", path="x"), 1),
        (ZeroDivisionError("division\nby zero"), 70),
        (KeyError(), 70),
        (PermissionError(13, "Permission denied", "/x"), 70),
    ],
)
def test_exit_codes(work, call, monkeypatch, error, code):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(Repository, "collections", fail)
    answer = call("ls")
    assert (answer.code, answer.out) == (code, b"")
    assert answer.err.count("\n") == 1
    assert answer.err.startswith("error: ")
    if code == 70:
        assert type(error).__name__ in answer.err
        assert "EDVERSION_DEBUG=1" in answer.err
    document = call("ls", "--json").json["error"]
    assert document["message"]
    assert document.get("revision") == getattr(error, "revision", None)


def test_the_traceback_is_shown_on_demand(work, call, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(Repository, "collections", fail)
    assert "Traceback" not in call("ls").err
    monkeypatch.setenv("EDVERSION_DEBUG", "1")
    assert "Traceback" in call("ls").err


def test_control_characters_never_reach_the_terminal(work, call):
    """A description could otherwise rewrite what the terminal shows."""
    bad = "a\x1b]0;owned\x07\u202eb"
    call("edit", "model", "--description", bad, "--meta", json.dumps({"k": bad})[1:-1].join("k="))
    call("edit", "model", "--description", bad, "--reason", bad)
    for command in (["show", "model"], ["events"], ["edit", "model", "--meta", "a=1"]):
        answer = call(*command)
        assert not {"\x1b", "\x07", "\u202e"} & set(answer.text)
    assert r"\x1b]0;owned\x07\u202eb" in call("show", "model").text
    assert call("show", "model", "--json").json["description"] == bad
    assert "\x1b" not in call("show", "model\x1b[2J").err


PLUGIN = """
import click, edversion

@edversion.hookimpl
def edversion_register_commands(cli):
    @cli.command()
    @click.pass_obj
    def greet(session):
        "Greet from a plugin."
        session.answer({"greeting": "hi"}, lambda screen: screen.line("hi [red]"))
"""
THIEF = """
import click, edversion

@edversion.hookimpl
def edversion_register_commands(cli):
    cli.add_command(click.Command("ls"))
"""


def install(folder: Path, name: str, code: str) -> None:
    """Make a distribution whose entry point is a plugin."""
    (folder / f"{name}.py").write_text(code)
    facts = folder / f"{name}-1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (facts / "entry_points.txt").write_text(f"[edversion]\n{name} = {name}\n")


@pytest.fixture
def plugins(work, monkeypatch):
    folder = work / "site"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def test_plugins_add_commands(plugins, process):
    install(plugins, "greeter", PLUGIN)
    assert re.search("^  greet +Greet from a plugin.$", process("--help").text, re.M)
    assert process("greet").text == "hi [red]\n"
    assert process("greet", "--json").json == {"greeting": "hi"}
    blocked = process("greet", env={"EDVERSION_DISABLE_PLUGINS": "greeter"})
    assert blocked.code == 2


def test_a_plugin_cannot_replace_a_command(plugins, process):
    install(plugins, "thief", THIEF)
    listed = process("--help")
    assert listed.code == 0
    assert listed.err.startswith("warning: plugin 'thief' failed in edversion_register_commands")
    assert process("ls", "--json").json[0]["name"] == "model"


@pytest.mark.parametrize(
    "code",
    ["import nothing_like_it", "import edversion\n@edversion.hookimpl\ndef edversion_typo(): ..."],
)
def test_a_broken_plugin_leaves_the_help_readable(plugins, process, code):
    install(plugins, "broken", code)
    answer = process("--help")
    assert answer.code == 0
    assert "verify" in answer.text
    assert answer.err.startswith("warning: ")
    assert "broken" in answer.err


def test_plugin_warnings_are_lines_on_stderr(plugins, process):
    install(
        plugins,
        "grumpy",
        "import edversion\n@edversion.hookimpl\ndef edversion_after_log(version, run): 1 / 0\n",
    )
    (plugins.parent / "file.txt").write_text("text")
    answer = process("log", "file.txt", "--json")
    assert (answer.code, answer.json["versions"][0]["created"]) == (0, True)
    assert answer.err.startswith("warning: plugin 'grumpy' failed in edversion_after_log")
    assert answer.err.count("\n") == 1


def test_a_veto_is_exit_code_3(plugins, process):
    install(
        plugins,
        "strict",
        "import edversion\n@edversion.hookimpl\ndef edversion_before_log(draft, run):\n"
        "    raise edversion.RefusedError('no description')\n",
    )
    (plugins.parent / "file.txt").write_text("text")
    answer = process("log", "file.txt")
    assert (answer.code, answer.err) == (3, "error: no description\n")
    with edversion.open() as repository:
        assert [item.name for item in repository.collections()] == ["model", "scores"]
