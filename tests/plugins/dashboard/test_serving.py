"""The command: where it listens, whom it refuses, and that it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

import edversion
from edversion.cli.application import Application
from edversion_plugins.dashboard import serving
from edversion_plugins.dashboard.commands import edversion_register_commands
from edversion_plugins.dashboard.serving import listen

PROGRAM = """
import sys
from edversion.cli.application import Application
from edversion_plugins.dashboard.commands import edversion_register_commands
cli = Application(name="edversion")
cli._asked = True
edversion_register_commands(cli)
cli.main(sys.argv[1:])
"""


def run(*arguments: str) -> tuple[int, str]:
    cli = Application(name="edversion")
    cli._asked = True
    edversion_register_commands(cli)
    answer = CliRunner().invoke(cli, ["dashboard", *arguments])
    return answer.exit_code, answer.output


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "lab.example", "", "127.0.0.1.x"])
def test_other_addresses_need_a_proxy_before_them(store: Path, host: str) -> None:
    code, text = run("--store", str(store), "--host", host, "--no-browser")
    assert code == 1
    assert "--url https://" in text
    assert "ssh -L" in text


@pytest.mark.parametrize(
    "url",
    ["versions.example", "http://versions.example", "https://", "https://a.example/path", "ftp://x",
     "https://u:p@a.example", "https://a.example?x", "https://a.example:port", "https://[::1"],
)  # fmt: skip
def test_an_address_that_is_none_or_in_the_clear_is_refused(store: Path, url: str) -> None:
    code, text = run("--store", str(store), "--url", url, "--no-browser")
    assert code == 1
    assert "https://" in text


@pytest.mark.parametrize(
    "options", [["--accounts"], ["--url", "https://a.example"], ["--proxy", "10.0.0.5"]]
)
def test_without_accounts_nobody_could_sign_in(store: Path, options: list[str]) -> None:
    code, text = run("--store", str(store), "--no-browser", *options)
    assert code == 1
    assert "edversion dashboard user add" in text


def test_who_names_no_proxy_is_told_that_all_behind_it_count_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with edversion.init("school", store=tmp_path / "store") as begun:
        begun.repository.add_account("ada", grants=[edversion.Grant("admin")])
    monkeypatch.setattr(serving, "serve", lambda *_, **__: None)
    options = ["--store", str(tmp_path / "store"), "--port", "0", "--no-browser"]
    for more, warned in (
        (["--url", "https://a.example"], True),
        (["--url", "https://a.example", "--proxy", "10.0.0.5"], False),
        (["--accounts"], False),
    ):
        code, text = run(*options, *more)
        assert code == 0, text
        assert ("count as one address" in text) is warned


def test_a_port_that_is_taken_is_told(store: Path) -> None:
    with listen("127.0.0.1", 0) as place:
        code, text = run("--store", str(store), "--port", str(place.port), "--no-browser")
    assert code == 1
    assert "--port 0" in text


def test_no_repository_is_told(tmp_path: Path) -> None:
    code, text = run("--store", str(tmp_path / "none"), "--no-browser")
    assert code == 1
    assert "Traceback" not in text


def test_it_serves_until_it_is_stopped(store: Path) -> None:
    command = [
        sys.executable, "-c", PROGRAM, "dashboard", "--store", str(store), "--port", "0",
        "--no-browser", "--json",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        text = ""
        while "}" not in text:
            line = process.stdout.readline()
            assert line, text
            text += line
        url = json.loads(text)["url"]
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert b"course/passing" in answer.read()
            assert "server" not in {name.lower() for name in answer.headers}
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_the_command_is_known_without_a_web_framework() -> None:
    code = (
        "import sys, edversion_plugins.dashboard.commands\n"
        "assert not {'starlette', 'uvicorn', 'jinja2', 'vl_convert'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))


def test_names_of_the_front_door() -> None:
    from edversion_plugins import dashboard

    assert [getattr(dashboard, name).__name__ for name in dashboard.__all__] == dashboard.__all__
    with pytest.raises(AttributeError, match="nothing"):
        dashboard.nothing  # noqa: B018
    assert edversion.__version__
