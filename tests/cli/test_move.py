"""The commands that bring versions elsewhere: push, pull, export, import."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import edversion

from .conftest import Call


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """A repository of the team, empty as yet."""
    edversion.init("school", store=tmp_path / "team").finish()
    return tmp_path / "team"


def test_push_says_what_arrived_and_then_that_nothing_is_new(
    work: Path, team: Path, call: Call
) -> None:
    answer = call("push", str(team))
    assert answer.code == 0
    assert answer.lines[3].split()[:3] == ["school/model:v0", "school/model:v0", "new"]
    assert answer.lines[-1].startswith("3 new versions; ")
    assert call("push", str(team)).text == "0 new versions, 3 there already; 0 B travelled\n"
    assert call("verify", "--store", str(team)).code == 0


def test_a_number_that_is_taken_is_shown(work: Path, team: Path, call: Call) -> None:
    with edversion.init("school", store=team) as run:
        draft = edversion.Artifact("model", type="model")
        draft.add_bytes(b"of the team", "weights.bin")
        run.log_artifact(draft)
    answer = call("push", str(team), "model")
    assert "school/model:v0  school/model:v1  new" in answer.text
    assert "1 number taken there" in answer.lines[-1]
    again = call("push", str(team), "model", "--json").json
    assert again["renamed"] == {"school/model:v0": "school/model:v1"}
    assert [each["state"] for each in again["versions"]] == ["same"]


def test_pull_brings_it_home(work: Path, team: Path, call: Call, tmp_path: Path) -> None:
    call("push", str(team))
    edversion.init("school", store=tmp_path / "home").finish()
    answer = call("--store", str(tmp_path / "home"), "pull", str(team), "scores:v1")
    assert answer.code == 0
    assert answer.lines[-1].startswith("1 new version; ")
    assert call("--store", str(tmp_path / "home"), "cat", "scores:v1", "scores.csv").code == 0


def test_a_bundle_goes_where_no_store_is_reached(
    work: Path, team: Path, call: Call, tmp_path: Path
) -> None:
    assert call("export", "scores:v1", "model", str(tmp_path / "b.tar")).code == 0
    answer = call("--store", str(team), "import", str(tmp_path / "b.tar"), "--json")
    assert answer.code == 0
    assert {each["state"] for each in answer.json["versions"]} == {"new"}
    assert call("--store", str(team), "ls", "scores").code == 0
    (tmp_path / "b.tar").write_bytes(b"damaged")
    answer = call("--store", str(team), "import", str(tmp_path / "b.tar"))
    assert (answer.code, answer.out) == (1, b"")
    assert "is no bundle" in answer.err


def test_the_folder_of_a_project_is_its_repository(
    work: Path, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that names our catalog says nothing of the other one."""
    shutil.copytree(work, tmp_path / "other")
    monkeypatch.setenv("EDVERSION_CATALOG", f"sqlite:///{work}/.edversion/catalog.db")
    (tmp_path / "fresh").mkdir()
    edversion.init(
        "school",
        store=tmp_path / "fresh" / ".edversion",
        catalog=f"sqlite:///{tmp_path}/fresh/.edversion/catalog.db",
    ).finish()
    assert call("push", str(tmp_path / "fresh")).code == 0


def test_a_remote_that_is_not_there(work: Path, call: Call, tmp_path: Path) -> None:
    answer = call("push", str(tmp_path / "nowhere"))
    assert (answer.code, answer.out) == (1, b"")
    assert "edversion init" in answer.err
    assert not (tmp_path / "nowhere").exists()
    answer = call("push", "s3://bucket/store")
    assert (answer.code, answer.out) == (2, b"")
    assert "--remote-catalog" in answer.err


def test_damage_gives_another_exit_code(work: Path, team: Path, call: Call) -> None:
    for path in (work / ".edversion" / "manifests").rglob("*.*"):
        path.chmod(0o644)
        path.write_bytes(b"damaged")
    answer = call("push", str(team))
    assert answer.code == 1
    assert "damaged" in answer.text
