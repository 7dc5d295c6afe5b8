"""Commands: no shell, little environment, one time limit, bounded output."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from edversion.errors import StorageError
from edversion.testing import wait_until
from edversion.webhooks.commands import run_command


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def run(code: str, *arguments: str, body: bytes = b"{}", seconds: float = 60) -> str:
    return run_command(python(code, *arguments), body, {"EDVERSION_ALIAS": "a"}, seconds=seconds)


def test_what_a_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDVERSION_HOOK_SECRET", "hush")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    code = (
        "import json, os, sys; print(sys.stdin.read(), json.dumps([sys.argv[1:], sorted("
        "name for name in os.environ if name not in ('LC_CTYPE', '__CF_USER_TEXT_ENCODING')),"
        "os.getcwd()]))"
    )
    said = run(code, "$HOME; echo *", body=b"{}")
    assert said.startswith("exit code 0: {} ")
    arguments, names, folder = json.loads(said.partition("{} ")[2])
    assert (arguments, folder) == (["$HOME; echo *"], "/")
    kept = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR"} & {*os.environ}
    assert set(names) == kept | {"EDVERSION_ALIAS"}


def test_a_command_that_reads_nothing_is_not_waited_for() -> None:
    assert run("pass", body=b"x" * 1_000_000) == "exit code 0"


def test_only_the_end_of_what_it_says_is_kept() -> None:
    said = run("print('a' * 5_000_000); print('the end https://ada:hunter2@x.example')")
    assert said.endswith("the end https://ada:***@x.example")
    assert len(said) < 1100


def test_how_it_fails() -> None:
    with pytest.raises(StorageError, match="exit code 3: no disk") as caught:
        run("import sys; print('no disk', file=sys.stderr); sys.exit(3)")
    assert caught.value.code == "command_failed"
    with pytest.raises(StorageError, match="could not be run"):
        run_command(["/nowhere/at/all"], b"", {}, seconds=1)


def test_it_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    line = 'sleep 1000 & echo $! > "$1"; echo started; wait'
    command = ["sh", "-c", line, "sh", str(tmp_path / "pid")]
    start = time.monotonic()
    with pytest.raises(StorageError, match="killed after 2 s: started"):
        run_command(command, b"{}", {}, seconds=2)
    assert time.monotonic() - start < 30
    child = int((tmp_path / "pid").read_text())
    wait_until(lambda: not _alive(child), "what it started is dead")


def _alive(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be buried does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
