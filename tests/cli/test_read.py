"""get, open and cat."""

from __future__ import annotations

import base64

import pytest


def test_get_writes_the_files(work, call):
    answer = call("get", "scores:v0", "-o", "here")
    assert answer.text == "school/scores:v0: 2 files, 23 B, in here\n"
    assert (work / "here" / "scores.csv").read_bytes() == b"id,score\n1,0.5\n"
    assert (work / "here" / "notes" / "größe.txt").read_text(encoding="utf-8") == "Größe\n"


def test_get_has_a_place_of_its_own(work, call):
    answer = call("get", "model", "--json").json
    assert answer == {
        "version": "school/model:v0",
        "root": "artifacts/model-v0",
        "files": 1,
        "size": 5120,
    }
    assert (work / "artifacts" / "model-v0" / "weights.bin").stat().st_size == 5120


@pytest.mark.parametrize("path", ["notes", "notes/", "notes/größe.txt"])
def test_get_of_some_paths(work, call, path):
    answer = call("get", "scores:v0", "-o", "here", "--path", path, "--json").json
    assert (answer["files"], answer["size"]) == (1, 8)
    assert [file.name for file in (work / "here").rglob("*.*")] == ["größe.txt"]


def test_get_of_a_path_that_is_not_there(work, call):
    answer = call("get", "scores:v0", "-o", "here", "--path", "nowhere")
    assert answer.code == 1
    assert "'nowhere'" in answer.err


@pytest.mark.parametrize("command", ["open", "cat"])
def test_open_writes_the_bytes_and_nothing_else(work, call, command):
    answer = call(command, "model", "weights.bin")
    assert (answer.code, answer.out, answer.err) == (0, bytes(range(256)) * 20, "")


def test_open_as_json(work, call):
    text = call("open", "scores:v0", "notes/größe.txt", "--json").json
    assert (text["encoding"], text["content"], text["size"]) == ("utf-8", "Größe\n", 8)
    data = call("cat", "model", "weights.bin", "--json").json
    assert data["encoding"] == "base64"
    assert base64.b64decode(data["content"]) == bytes(range(256)) * 20


def test_open_of_a_file_that_is_not_there(work, call):
    answer = call("open", "model", "weight.bin")
    assert (answer.code, answer.out) == (1, b"")
    assert "did you mean weights.bin?" in answer.err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["open", "scores:v0", "notes"], "has no file 'notes'; it is a folder, with 1 file"),
        (["open", "model", "x"], "has no file 'x'; it has "),
        (
            ["get", "scores:v0", "--path", "x"],
            "file or folder 'x'; it has notes/größe.txt, scores.csv",
        ),
    ],
)
def test_what_is_there_instead_of_a_file_is_told(work, call, command, said):
    answer = call(*command)
    assert answer.code == 1
    assert said in answer.err


def test_damaged_bytes_are_not_written(work, call):
    for manifest in (work / ".edversion" / "manifests").rglob("*.*"):
        manifest.chmod(0o644)
        manifest.write_bytes(manifest.read_bytes().replace(b'"inline":"', b'"inline":"AAAA'))
    answer = call("open", "model", "weights.bin")
    assert (answer.code, answer.out) == (1, b"")
    assert call("get", "model", "--json").json["error"]["code"]
    assert not (work / "artifacts" / "model-v0" / "weights.bin").exists()
