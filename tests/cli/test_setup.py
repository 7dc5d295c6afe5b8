"""init, status, version, completion scripts."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

import pytest

import edversion
from edversion.store import FORMAT


def test_init_makes_a_repository_and_says_what_to_do_next(empty, call):
    answer = call("init")
    assert answer.code == 0
    assert (empty / ".edversion" / "edversion.json").is_file()
    assert str(empty / ".edversion") in answer.text
    assert "edversion log" in answer.text


def test_init_again_says_so_and_changes_nothing(work, call):
    def state():
        files = [path for path in (work / ".edversion").rglob("*") if path.is_file()]
        return {path: path.read_bytes() for path in files if path.suffix in ("", ".json", ".db")}

    before = state()
    answer = call("init")
    assert (answer.code, "already" in answer.text) == (0, True)
    assert state() == before
    assert call("init", "--json").json["created"] is False


def test_init_of_a_folder_makes_the_folder(empty, call):
    answer = call("init", "new/place", "--json")
    assert answer.json["created"] is True
    assert answer.json["store"] == str(empty / "new" / "place" / ".edversion")
    assert (empty / "new" / "place" / ".edversion" / "catalog.db").is_file()


def test_init_below_a_repository_makes_one_of_its_own(work, call, monkeypatch):
    (work / "inner").mkdir()
    monkeypatch.chdir(work / "inner")
    assert call("init", "--json").json["store"] == str(work / "inner" / ".edversion")


def test_init_heeds_the_environment(empty, call, monkeypatch):
    monkeypatch.setenv("EDVERSION_STORE", str(empty / "elsewhere"))
    assert call("init", "--json").json["store"] == str(empty / "elsewhere")
    assert not (empty / ".edversion").exists()


def test_init_refuses_two_places(empty, call):
    answer = call("init", "a", "--store", "b")
    assert answer.code == 2
    assert "not both" in answer.err
    assert list(empty.iterdir()) == []


def test_status_counts_what_is_there(work, call):
    status = call("status", "--json").json
    counts = {key: status[key] for key in ("projects", "collections", "versions", "files", "runs")}
    assert counts == {"projects": 1, "collections": 2, "versions": 3, "files": 4, "runs": 2}
    with edversion.open() as repository:
        versions = repository.catalog.all_versions()
        assert status["size"] == sum(version.size for version in versions)
    assert status["store"] == str(work / ".edversion")
    assert (status["format"], status["open_runs"]) == (FORMAT, 0)
    assert status["stored"] > 0


def test_status_shows_an_open_run(work, call):
    with edversion.init("school"):
        assert call("status", "--json").json["open_runs"] == 1
        assert "1 open" in call("status").text


@pytest.mark.parametrize("way", ["--store", "EDVERSION_STORE", "edversion.toml", "folder"])
def test_status_says_what_names_the_repository(work, call, monkeypatch, way):
    arguments = ["status", "--json"]
    if way != "folder":
        shutil.move(work / ".edversion", work / "elsewhere")
    if way == "--store":
        arguments += ["--store", str(work / "elsewhere")]
    elif way == "EDVERSION_STORE":
        monkeypatch.setenv("EDVERSION_STORE", str(work / "elsewhere"))
    elif way == "edversion.toml":
        (work / way).write_text('store = "elsewhere"\nproject = "school"\n')
    status = call(*arguments).json
    assert way in status["named_by"]
    assert status["versions"] == 3


def test_status_without_a_repository_says_how_to_make_one(empty, call):
    answer = call("status")
    assert (answer.code, answer.out) == (1, b"")
    assert answer.err.startswith("error: no edversion repository")
    assert "edversion init" in answer.err


def test_a_store_that_is_named_but_not_there_is_not_made(empty, call):
    assert call("ls", "--store", empty / "typo").code == 1
    assert not (empty / "typo").exists()


def test_version(empty, call):
    assert call("version", "--json").json == {
        "edversion": edversion.__version__,
        "python": platform.python_version(),
        "format": FORMAT,
    }
    assert edversion.__version__ in call("version").text
    assert call("--version").text == f"edversion {edversion.__version__}\n"
    assert call("version", "more").code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(empty, call, shell):
    script = call("completion", shell).text
    assert f"{shell}_complete" in script
    assert call("completion", shell, "--json").json["script"] == script
    assert list(Path().iterdir()) == []


def test_completion_of_an_unknown_shell(empty, call):
    answer = call("completion", "tcsh")
    assert answer.code == 2
    assert "'bash', 'zsh', 'fish'" in answer.err
