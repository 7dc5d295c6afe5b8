"""alias, tag, edit and delete."""

from __future__ import annotations

import json

import pytest

import edversion


def test_alias_lists(work, call):
    rows = [line.split() for line in call("alias", "model").lines]
    assert rows[0] == ["alias", "version", "revision", "moved", "(UTC)", "by"]
    assert [row[:3] for row in rows[1:]] == [
        ["champion", "school/model:v0", "1"],
        ["latest", "school/model:v0", "1"],
    ]
    listed = call("alias", "model", "--json").json
    assert [item["reference"] for item in listed] == [
        "school/model:champion",
        "school/model:latest",
    ]


def test_alias_sets_and_tells_the_history(work, call):
    assert call("alias", "scores:v0", "best").text == "school/scores:best → v0 (revision 1)\n"
    moved = call("alias", "scores:v1", "best", "--reason", "[b]better[/b]", "--json").json
    assert (moved["version"], moved["revision"]) == ("school/scores:v1", 2)
    history = call("alias", "--history", "scores:best", "--json").json
    assert [(item["before"], item["after"], item["actor"]) for item in history] == [
        ("v0", "v1", "ada"),
        (None, "v0", "ada"),
    ]
    assert "[b]better[/b]" in call("alias", "--history", "scores:best").text


def test_alias_moves_only_from_what_is_expected(work, call):
    lost = call("alias", "model:v0", "champion", "--expect", "7", "--json")
    assert lost.code == 1
    assert lost.json["error"]["code"] == "alias_moved"
    assert (lost.json["error"]["revision"], lost.json["error"]["expected"]) == (1, 7)
    assert call("alias", "model:v0", "champion", "--expect", "1").code == 0
    assert call("alias", "scores:v0", "new", "--expect", "0").code == 0


def test_a_removed_alias_keeps_its_history(work, call):
    answer = call("alias", "--remove", "model:champion", "--reason", "unfair")
    assert answer.text == "school/model:champion removed; it named v0\n"
    assert call("show", "model:champion").code == 1
    history = call("alias", "--history", "model:champion", "--json").json
    assert [item["action"] for item in history] == ["alias.removed", "alias.moved"]
    assert history[0]["reason"] == "unfair"


def test_alias_that_is_not_there(work, call):
    for arguments in (["--remove", "model:none"], ["--history", "model:none"]):
        answer = call("alias", *arguments)
        assert answer.code == 1
        assert "aliases are: champion, latest" in answer.err
    assert call("alias", "none").code == 1
    assert call("alias", "--remove", "model:latest").code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["model", "--remove", "model:champion"],
        ["--remove", "model:champion", "--history", "model:champion"],
        ["model", "--expect", "1"],
        ["model", "--reason", "why"],
        ["model:v0", "a", "b"],
    ],
)
def test_alias_wrong_usage(work, call, arguments):
    assert call("alias", *arguments).code == 2
    with edversion.open() as repository:
        assert len(repository.aliases("model")) == 2


def test_tag(work, call):
    changed = call("tag", "scores:v0", "--add", "small", "--add", "old", "--remove", "fair")
    assert changed.text == "school/scores:v0: old, small\n"
    assert call("tag", "scores:v0", "--json").json == {
        "version": "school/scores:v0",
        "tags": ["old", "small"],
    }
    assert call("tag", "scores:v1").text == "school/scores:v1: no tags\n"
    assert call("tag", "scores:v0", "--add", "not legal").code == 1
    assert call("tag", "scores:v0", "--add", "fairness:sex:tpr", "--json").json["tags"] == [
        "fairness:sex:tpr",
        "old",
        "small",
    ]
    assert call("search", "tag = 'fairness:sex:tpr'", "--json").json[0]["number"] == 0


def test_edit_merges(work, call):
    edited = call("edit", "scores", "--meta", "by.age=2", "--meta", "ok=true", "--json").json
    assert edited["metadata"] == {"rows": 3, "by": {"sex": 1, "age": 2}, "ok": True}
    edited = call("edit", "scores", "--unset", "by.sex", "--unset", "rows", "--json").json
    assert edited["metadata"] == {"by": {"age": 2}, "ok": True}
    (work / "new.json").write_text(json.dumps({"only": 1}))
    replaced = call("edit", "scores", "--replace", "--meta-file", "new.json", "--json").json
    assert replaced["metadata"] == {"only": 1}
    assert call("edit", "scores", "--replace", "--json").json["metadata"] == {}


def test_edit_keeps_what_was_there_as_revisions(work, call):
    call("edit", "scores:v0", "--description", "Neu [i]", "--reason", "typo")
    with edversion.open() as repository:
        first, second = repository.revisions("scores:v0")
    assert (first.description, second.description, second.reason) == (
        "Scores of [red]all[/red] learners",
        "Neu [i]",
        "typo",
    )
    assert first.metadata == second.metadata
    assert "Neu [i]" in call("edit", "scores:v0", "--meta", "rows=9").text


def test_edit_does_not_lose_what_it_does_not_name(work, call):
    before = call("show", "scores:v0", "--json").json
    after = call("edit", "scores:v0", "--description", "x", "--json").json
    assert {key: value for key, value in after.items() if key != "description"} == {
        key: before[key] for key in after if key != "description"
    }


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["scores"], 2, "to say what changes"),
        (["scores", "--replace", "--unset", "rows"], 2, "leave --unset out"),
        (["scores", "--unset", "nothing"], 1, "no 'nothing'; there it has rows, by"),
        (["scores", "--unset", "by.age"], 1, "the metadata has no 'by.age'; there it has sex"),
        (["scores", "--unset", "rows.deeper"], 1, "the metadata has no 'rows.deeper'"),
        (["nothing", "--meta", "a=1"], 1, "there is no collection"),
    ],
)
def test_edit_failures_change_nothing(work, call, arguments, code, said):
    answer = call("edit", *arguments)
    assert answer.code == code
    assert said in answer.err
    assert call("show", "scores", "--json").json["metadata"] == {"rows": 3, "by": {"sex": 1}}


def test_delete_asks(work, call):
    refused = call("delete", "scores:v0", "--reason", "old", input="n\n")
    assert refused.code == 1
    assert "Delete school/scores:v0?" in refused.err
    assert call("show", "scores:v0").code == 0
    assert "--yes" not in refused.err
    alone = call("delete", "scores:v0", "--reason", "old", input="")
    assert alone.code == 1
    assert "--yes answers beforehand" in alone.err
    answer = call("delete", "scores:v0", "--reason", "old", input="y\n")
    assert (answer.code, answer.text) == (0, "school/scores:v0 deleted\n")
    gone = call("show", "scores:v0")
    assert gone.code == 1
    assert "was deleted" in gone.err
    assert "old" in gone.err


def test_delete_with_json(work, call):
    answer = call("delete", "scores:v0", "--reason", "privacy", "--yes", "--json")
    assert answer.json == {"deleted": "school/scores:v0", "reason": "privacy"}
    no_answer = call("delete", "scores:v1", "--reason", "x", "--json", input="")
    assert no_answer.code == 1
    assert no_answer.json["error"]["code"] == "aborted"


def test_delete_of_an_aliased_version_is_refused(work, call):
    answer = call("delete", "model:v0", "--reason", "x", "--yes")
    assert answer.code == 3
    assert "champion" in answer.err
    refused = call("delete", "model:v0", "--reason", "x", "--yes", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (3, "aliased")
    assert refused.json["error"]["aliases"] == ["champion"]


def test_delete_needs_a_reason(work, call):
    assert call("delete", "scores:v0", "--yes").code == 2
    assert call("show", "scores:v0").code == 0


def test_a_tag_that_is_not_there_cannot_be_removed(work, call):
    answer = call("tag", "scores:v0", "--add", "new", "--remove", "nope")
    assert answer.code == 1
    assert "school/scores:v0 has no tag 'nope'; its tags are: fair" in answer.err
    assert call("tag", "scores:v0", "--json").json["tags"] == ["fair"]
