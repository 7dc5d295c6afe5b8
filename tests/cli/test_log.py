"""log: files, folders and URLs become versions."""

from __future__ import annotations

import json

import pytest

import edversion
from edversion.folders import grouped
from edversion.known import KnownDigests
from edversion.sources import file_source
from edversion.store import coarse_now
from edversion.testing import settle


@pytest.fixture
def data(work):
    (work / "data.csv").write_text("a,b\n1,2\n")
    (work / "model").mkdir()
    (work / "model" / "weights.bin").write_bytes(b"\0" * 1500)
    (work / "model" / "config.json").write_text("{}")
    return work


def test_log_prints_what_became_of_each_path(data, call):
    answer = call("log", "data.csv", "model", "--project", "school")
    assert answer.code == 0
    assert answer.lines == [
        "school/data:v0  new, 1 file, 8 B, latest → v0",
        # `model` is there already, with other content
        "school/model:v1  new, 2 files, 1.5 kB, latest → v1",
    ]
    again = call("log", "data.csv", "--project", "school")
    assert again.lines == ["school/data:v0  already there, 1 file, 8 B, latest → v0"]


def test_all_paths_are_logged_in_one_run(data, call):
    answer = call("log", "data.csv", "model", "--json").json
    with edversion.open() as repository:
        run = repository.run(answer["run"])
        logged = repository.catalog.versions_of_run(run.id, "logged")
    assert (run.status, run.job_type, run.project) == ("finished", "cli", "school")
    assert [version.reference for version in logged] == ["school/data:v0", "school/model:v1"]
    assert [version["reference"] for version in answer["versions"]] == [
        "school/data:v0",
        "school/model:v1",
    ]


def test_the_only_project_is_the_one_that_is_meant(data, call, monkeypatch):
    call("log", "data.csv", "--project", "school")
    answer = call("log", "model")
    assert answer.lines == ["school/model:v1  new, 2 files, 1.5 kB, latest → v1"]
    assert answer.err == ""
    with edversion.init() as run:  # the same for a program
        assert run.project == "school"

    call("log", "data.csv", "--project", "lab")
    answer = call("log", "data.csv")
    assert answer.lines == ["default/data:v0  new, 1 file, 8 B, latest → v0"]
    assert answer.err == (
        "logging into the project 'default', as none is named; there are also lab, school. Name "
        "one with --project, EDVERSION_PROJECT or edversion.toml\n"
    )
    answer = call("log", "data.csv", "--json")
    assert answer.json["versions"][0]["reference"] == "default/data:v0"

    monkeypatch.setenv("EDVERSION_PROJECT", "lab")
    answer = call("log", "data.csv")
    assert (answer.lines[0].split()[0], answer.err) == ("lab/data:v0", "")
    assert call("log", "data.csv", "--project", "school").lines[0].startswith("school/data:v0")
    monkeypatch.setenv("EDVERSION_PROJECT", "a b")
    assert "illegal project" in call("log", "data.csv").err


def test_json_says_whether_a_version_is_new_and_where_latest_points(data, call):
    def logged():
        version = call("log", "data.csv", "--json").json["versions"][0]
        return version["reference"], version["created"], version["latest"]

    assert logged() == ("school/data:v0", True, "v0")
    (data / "data.csv").write_text("other")
    assert logged() == ("school/data:v1", True, "v1")
    (data / "data.csv").write_text("a,b\n1,2\n")
    assert logged() == ("school/data:v0", False, "v1")


def test_the_same_path_twice_is_new_once(data, call):
    versions = call("log", "data.csv", "data.csv", "--json").json["versions"]
    assert [version["created"] for version in versions] == [True, False]


def test_every_option_arrives(data, call):
    (data / "meta.json").write_text(json.dumps({"source": "file", "deep": {"a": 1, "b": 2}}))
    answer = call(
        "log", "data.csv", "--name", "pupils", "--type", "dataset", "--alias", "candidate",
        "--alias", "best", "--tag", "fair", "--tag", "small", "--meta-file", "meta.json",
        "--meta", "deep.b=[1, null]", "--meta", "note=no json: {", "--meta", "done=true",
        "--description", "Ein Säckchen [bold]", "--project", "uni", "--job-type", "import",
        "--json",
    )  # fmt: skip
    version = answer.json["versions"][0]
    assert version["reference"] == "uni/pupils:v0"
    assert version["type"] == "dataset"
    assert version["aliases"] == ["best", "candidate", "latest"]
    assert version["tags"] == ["fair", "small"]
    assert version["description"] == "Ein Säckchen [bold]"
    assert version["metadata"] == {
        "source": "file",
        "deep": {"a": 1, "b": [1, None]},
        "note": "no json: {",
        "done": True,
    }
    assert call("runs", answer.json["run"], "--json").json["job_type"] == "import"


def test_rehash_does_not_believe_the_stat_cache(data, call):
    """The cache says of the file's present stat that it has the content of the first version."""
    path = data / "data.csv"
    first = call("log", "data.csv", "--json").json["versions"][0]
    old = call("show", "data:v0", "--json").json["files"][0]["digest"]
    path.write_text("x,y\n3,4\n")  # as long as the first content
    call("log", "data.csv")
    with edversion.open() as repository:
        cache = KnownDigests(repository.store, rehash=False)
        settle(path)
        (files,) = grouped([("data.csv", file_source(str(path)))])
        cache.learn(files, [old], coarse_now())
        cache.remember()
    believed = call("log", "data.csv", "--json").json["versions"][0]
    assert believed["digest"] == first["digest"]  # or this test would prove nothing
    read = call("log", "data.csv", "--rehash", "--json").json["versions"][0]
    assert (read["reference"], read["created"]) == ("school/data:v1", False)


def test_a_url_is_logged_as_a_reference(data, call):
    answer = call("log", (data / "data.csv").as_uri(), "--json")
    assert answer.code == 0
    shown = call("show", "data", "--json").json
    assert shown["files"][0]["reference"]["url"].startswith("file://")


def test_what_was_logged_before_a_failure_is_told(data, call):
    answer = call("log", "data.csv", "nowhere.csv")
    assert answer.code == 1
    assert answer.lines == ["school/data:v0  new, 1 file, 8 B, latest → v0"]
    assert answer.err == "error: there is no file or folder nowhere.csv\n"
    failed = call("log", "data.csv", "nowhere.csv", "--json")
    assert failed.json["error"]["logged"] == ["school/data:v0"]
    assert [run["status"] for run in call("runs", "--json").json[:2]] == ["failed", "failed"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing argument"),
        (["data.csv", "model", "--name", "x"], "--name names one collection"),
        (["data.csv", "--meta", "novalue"], "not written as key=value"),
        (["data.csv", "--meta", "a..b=1"], "not written as key=value"),
        (["data.csv", "--meta-file", "nowhere.json"], "does not exist"),
        (["data.csv", "--meta-file", "data.csv"], "data.csv"),
        (["data.csv", "--meta-file", "list.json"], "no JSON object"),
    ],
)
def test_wrong_usage_logs_nothing(data, call, arguments, said):
    (data / "list.json").write_text("[1]")
    answer = call("log", *arguments)
    assert answer.code == 2
    assert said in answer.err
    assert call("status", "--json").json["runs"] == 2


@pytest.mark.parametrize(
    "arguments",
    [["--name", "a/b"], ["--alias", "v3"], ["--tag", "no spaces"], ["--type", "../x"]],
)
def test_illegal_names_are_refused(data, call, arguments):
    answer = call("log", "data.csv", *arguments)
    assert answer.code == 1
    assert answer.err.startswith("error: illegal ")


def test_values_that_json_lacks_become_null_with_a_warning(data, call):
    answer = call("log", "data.csv", "--meta", "loss=NaN", "--json")
    assert answer.json["versions"][0]["metadata"] == {"loss": None}
    assert answer.err == (
        "warning: metadata.loss is nan, which JSON cannot hold; it is stored as null\n"
    )


def test_standard_input_is_no_file(work, call):
    answer = call("log", "-", input="id,score")
    assert answer.code == 2
    assert "standard input cannot be logged; write it to a file first" in answer.err
