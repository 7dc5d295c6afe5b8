"""ls, show and search."""

from __future__ import annotations

import pytest

import edversion
from edversion.cli import find


def test_ls_lists_collections(work, call):
    lines = call("ls").lines
    assert lines[0].split() == ["project", "name", "type", "versions", "latest", "created", "(UTC)"]
    assert [line.split()[:5] for line in lines[1:]] == [
        ["school", "model", "model", "1", "v0"],
        ["school", "scores", "dataset", "2", "v1"],
    ]
    listed = call("ls", "--json").json
    assert [(item["name"], item["version_count"], item["latest"]) for item in listed] == [
        ("model", 1, 0),
        ("scores", 2, 1),
    ]


def test_ls_of_a_type_and_of_a_project(work, call):
    assert [item["name"] for item in call("ls", "--type", "model", "--json").json] == ["model"]
    assert call("ls", "--project", "other", "--json").json == []
    assert call("--project", "other", "ls", "--json").json == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--type", "modell"], "there is no collection of type 'modell'; "),
        (["--project", "other"], "there is no collection in project 'other'; "),
        (
            ["--type", "model", "--project", "other"],
            "there is no collection of type 'model' in project 'other'; ",
        ),
    ],
)
def test_ls_of_nothing_that_was_asked_for_does_not_say_that_nothing_is_there(
    work, call, options, said
):
    answer = call("ls", *options)
    assert (answer.code, answer.out) == (0, b"")
    assert answer.err == f"{said}'edversion ls' without it lists all\n"


def test_ls_of_nothing_says_how_to_log(empty, call):
    call("init")
    answer = call("ls")
    assert (answer.code, answer.out) == (0, b"")
    assert "edversion log" in answer.err


def test_ls_lists_versions_newest_first(work, call):
    rows = [line.split() for line in call("ls", "scores").lines]
    assert rows[0] == ["version", "aliases", "tags", "size", "files", "created", "(UTC)"]
    assert rows[1][:5] == ["v1", "latest", "21", "B", "1"]
    assert rows[2][:5] == ["v0", "fair", "23", "B", "2"]
    assert [item["version"] for item in call("ls", "scores", "--json").json] == ["v1", "v0"]


def test_ls_stops_at_the_limit_and_says_so(work, call):
    answer = call("ls", "scores", "--limit", "1")
    assert len(answer.lines) == 2
    assert "more" in answer.err
    assert len(call("ls", "scores", "--limit", "1", "--json").json) == 1
    assert call("ls", "scores", "--limit", "2").err == ""
    assert call("ls", "scores", "--limit", "0").code == 2


def test_ls_of_an_unknown_collection(work, call):
    answer = call("ls", "score")
    assert (answer.code, answer.out) == (1, b"")
    assert answer.err == "error: there is no collection 'score'; did you mean 'scores'?\n"


def test_ls_refuses_a_type_with_a_name(work, call):
    assert call("ls", "scores", "--type", "dataset").code == 2


def test_show_says_everything(work, call):
    text = call("show", "scores:v0").text
    with edversion.open() as repository:
        version = repository.version("scores:v0")
    for fact in (
        "school/scores:v0", version.digest, "23 B (23 bytes)", "fair", "by.sex", "notes/größe.txt",
        "Scores of [red]all[/red] learners", "prepare", "UTC",
    ):  # fmt: skip
        assert fact in text
    (metric,) = [line.split() for line in call("show", "model").lines if line.startswith("auc")]
    assert metric == ["auc", "0.75", "0.7", "to", "0.8", "40", "sex=female", "school/scores:v1"]


def test_show_as_json(work, call):
    shown = call("show", "model", "--json").json
    assert shown["reference"] == "school/model:v0"
    assert shown["aliases"] == ["champion", "latest"]
    assert shown["size"] == 5120
    assert shown["created_at"].endswith("+00:00")
    assert [entry["path"] for entry in shown["files"]] == ["weights.bin"]
    assert [run["job_type"] for run in shown["logged_by"]] == ["train"]
    assert (shown["metrics"][0]["key"], shown["metrics"][0]["n"]) == ("auc", 40)
    assert shown["used_by"] == []
    assert [run["job_type"] for run in call("show", "scores", "--json").json["used_by"]] == [
        "train"
    ]


def test_show_says_what_it_was_made_from_and_used_for(work, call):
    with edversion.init("school") as run:
        run.use_artifact("scores:v1", relation="evaluated_on")
        draft = edversion.Artifact("pair", type="model")
        draft.add_source(run.repository.version("scores:v0"), "tuned_on")
        run.log_artifact(draft)
    assert call("show", "pair", "--json").json["made_from"] == [
        {"version": "school/scores:v1", "removed": None, "relation": "evaluated_on", "run": run.id},
        {"version": "school/scores:v0", "removed": None, "relation": "tuned_on", "run": None},
    ]
    text = call("show", "pair").text
    assert "Made from" in text
    assert f"evaluated_on, run {run.name} ({run.id})" in text
    used = call("show", "scores:v1", "--json").json["used_by"]
    assert [(user["job_type"], user["relation"]) for user in used] == [
        ("train", None),
        (None, "evaluated_on"),
    ]
    assert "evaluated_on" in call("show", "scores:v1").text
    assert "relation" not in call("show", "scores:v0").text


def test_show_lists_the_first_files_and_all_on_demand(work, call):
    (work / "many").mkdir()
    for number in range(25):
        (work / "many" / f"{number:02}.txt").write_text(str(number))
    call("log", "many")
    some = call("show", "many")
    assert ("19.txt" in some.text, "20.txt" in some.text) == (True, False)
    assert some.err == "5 more files; --files lists them all\n"
    assert "24.txt" in call("show", "many", "--files").text
    assert len(call("show", "many", "--json").json["files"]) == 25


def test_show_lists_very_many_files_as_plain_lines(work, call, monkeypatch):
    monkeypatch.setattr("edversion.cli.tables._TABLE", 20)
    (work / "many").mkdir()
    for number in range(25):
        (work / "many" / f"{number:02}{'x' * (number % 3)}.txt").write_text(str(number))
    (work / "many" / "\u202e.txt").write_text("odd")
    call("log", "many")
    answer = call("show", "many", "--files")
    start = answer.lines.index("Files") + 1
    lines = [line.split() for line in answer.lines[start : start + 26]]
    expected = call("show", "many", "--json").json["files"]
    assert [line[-1] for line in lines] == [file["digest"] for file in expected]
    assert [line[:3] for line in lines[:2]] == [["00.txt", "1", "B"], ["01x.txt", "1", "B"]]
    assert lines[-1][0] == "\\u202e.txt"
    assert answer.err == ""


def test_show_makes_no_document_that_nobody_asked_for(work, call, monkeypatch):
    """Of a million files that takes longer than all the rest."""
    asked = []
    document = find.document
    monkeypatch.setattr(
        find, "document", lambda value, **more: (asked.append(more), document(value, **more))[1]
    )
    call("show", "scores")
    call("show", "scores", "--json")
    assert [bool(more["files"]) for more in asked if "files" in more] == [False, True]


def test_show_of_a_version_without_files(work, call):
    with edversion.init("school") as run:
        run.log_artifact(edversion.Artifact("hollow", type="dataset", metadata={"a": 1}))
    answer = call("show", "hollow")
    assert (answer.code, "0 B (0 bytes)" in answer.text) == (0, True)
    assert call("show", "hollow", "--json").json["files"] == []


def test_references_of_every_form(work, call):
    digest = call("show", "scores:v0", "--json").json["digest"]
    for reference in ("scores:v0", "school/scores:v0", f"scores@{digest}"):
        assert call("show", reference, "--json").json["reference"] == "school/scores:v0"
    assert call("show", "scores", "--json").json["version"] == "v1"
    assert call("show", "model:champion", "--json").json["version"] == "v0"


def test_a_named_project_is_the_only_one_looked_at(work, call):
    (work / "scores.csv").write_text("x")
    call("log", "scores.csv", "--project", "other")
    assert call("show", "scores", "--project", "other", "--json").json["project"] == "other"
    assert call("show", "model", "--project", "other").code == 1
    ambiguous = call("show", "scores")
    assert ambiguous.code == 1
    assert "other/scores, school/scores" in ambiguous.err


@pytest.mark.parametrize("reference", ["nothing", "scores:v9", "scores:", "a b", "scores:gone"])
def test_show_of_what_is_not_there(work, call, reference):
    answer = call("show", reference)
    assert (answer.code, answer.out) == (1, b"")
    assert answer.err.startswith("error: ")


def test_search(work, call):
    found = call("search", "metadata.rows >= 3 and not tag = 'fair'", "--json").json
    assert [version["reference"] for version in found] == ["school/scores:v1"]
    text = call("search", "metrics.auc[sex=female] > 0.7").lines
    assert text[1].split()[:3] == ["school/model:v0", "model", "champion,"]


def test_search_options(work, call):
    def found(*arguments):
        return [item["reference"] for item in call("search", *arguments, "--json").json]

    everything = ["school/model:v0", "school/scores:v1", "school/scores:v0"]
    assert found() == everything
    assert found("--type", "model") == everything[:1]
    assert found("--name", "scores") == everything[1:]
    assert found("--project", "other") == []
    assert found("--order-by", "size") == ["school/scores:v1", "school/scores:v0", everything[0]]
    assert found("--limit", "1") == everything[:1]


def test_search_that_finds_nothing(work, call):
    answer = call("search", "tag = 'none'")
    assert (answer.code, answer.out, answer.err) == (0, b"", "no version fits\n")


def test_search_points_at_the_fault(work, call):
    answer = call("search", "tag ==")
    assert answer.code == 1
    assert answer.err.splitlines()[-1].strip() == "^"
    assert call("search", "tag ==", "--json").json["error"]["code"]
