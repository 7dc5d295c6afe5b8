"""restore and gc."""

from __future__ import annotations

import random

import edversion


def test_gc_and_restore_tell_what_happens_to_deleted_versions(work, call):
    assert call("delete", "scores:v1", "--reason", "double", "--yes").code == 0
    said = call("gc", "--dry-run", "--grace", "0")
    assert "school/scores:v1" in said.text
    assert "would come free" in said.text
    condemned = call("gc")
    assert "condemned" in condemned.text
    assert "its bytes go from" in condemned.text
    listed = call("restore", "--json").json
    assert [(item["reference"], item["restorable"]) for item in listed] == [
        ("school/scores:v1", True)
    ]
    assert call("restore", "scores:v1", "--reason", "[b]needed[/b]").text == (
        "school/scores:v1 restored\n"
    )
    assert call("cat", "scores:v1", "scores.csv").code == 0
    assert call("gc", "--grace", "0", "--json").json["removed"] == []
    assert call("delete", "scores:v1", "--reason", "double", "--yes").code == 0
    done = call("gc", "--grace", "0", "--json").json
    assert (done["removed"], done["dry_run"]) == (["school/scores:v1"], False)
    assert call("delete", "scores:v0", "--reason", "[b]old[/b]", "--yes").code == 0
    left = call("restore")
    assert [line.split()[0] for line in left.lines[1:]] == ["school/scores:v0"]
    assert "can be restored" in left.lines[1]
    assert left.err == "1 deleted version gone for good; --all lists all\n"
    assert [item["reference"] for item in call("restore", "--json").json] == ["school/scores:v0"]
    every = call("restore", "--all")
    states = {line.split()[0]: line for line in every.lines[1:]}
    assert states.keys() == {"school/scores:v0", "school/scores:v1"}
    assert states["school/scores:v1"].endswith("gone")
    assert every.err == ""
    assert [item["restorable"] for item in call("restore", "--all", "--json").json] == [True, False]
    assert call("restore", "scores:v0", "--all").code == 2
    assert call("restore", "scores:v0").code == 0
    none = call("restore")
    assert none.text == ""
    assert none.err.splitlines()[0] == "no deleted version can be restored"
    refused = call("restore", "scores:v1", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (3, "bytes_gone")


def test_nothing_deleted_is_said(work, call):
    assert call("restore").err == "no version was deleted\n"
    assert call("gc").text == "0 B came free\n"


def test_gc_and_restore_refuse_what_makes_no_sense(work, call):
    assert call("restore", "--reason", "x").code == 2
    answer = call("gc", "--grace", "soon")
    assert answer.code == 2
    assert "12h, 30d, 4w" in answer.err


def test_retain_says_what_goes_and_why_the_rest_stays(work, call):
    (work / "retention.toml").write_text("keep_last = 1\n")
    assert "no collection has a policy" in call("retain").err
    answer = call("retain", "policy", "set", "scores", "retention.toml", "--reason", "[b]x[/b]")
    assert answer.text == "policy of retention of school/scores #1 set\n"
    assert "keep_last = 1" in call("retain", "policy", "show").text
    said = call("retain", "--dry-run", "--json").json
    assert [(item["version"], item["goes"]) for item in said["decisions"]] == [
        ("school/scores:v1", False),
        ("school/scores:v0", True),
    ]
    assert call("retain", input="n\n").code == 1
    assert len(call("ls", "scores", "--json").json) == 2
    done = call("retain", "--collection", "scores", "--yes")
    assert "no rule keeps it" in done.text
    assert said["size"] > 0 == said["already"]
    assert done.lines[-1] == f"1 version deleted; gc then frees {said['size']} bytes"
    gone = call("show", "scores:v0")
    assert "'edversion restore scores:v0' brings it back" in gone.err
    call("gc", "--grace", "0")
    assert "gc has removed its bytes" in call("show", "scores:v0").err
    assert call("retain").lines[-1] == "0 versions deleted"
    assert len(call("ls", "scores", "--json").json) == 1
    withdrawn = call("retain", "policy", "set", "scores", "--withdraw", "--json").json
    assert (withdrawn["number"], withdrawn["text"]) == (2, None)
    assert len(call("retain", "policy", "show", "scores", "--json").json) == 2


def test_retain_refuses_what_makes_no_sense(work, call):
    (work / "retention.toml").write_text('keep_last = 1\nminimum_age = "1mo"\n')
    refused = call("retain", "policy", "set", "scores", "retention.toml", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (1, "evidence_too_young")
    assert call("retain", "policy", "set", "scores").code == 2
    assert call("retain", "--yes", "policy", "show").code == 2


def test_erase_destroys_and_names_what_came_of_it(work, call):
    why = ("--reason", "a family [b]asked[/b]", "--legal-basis", "GDPR Art. 17")
    assert call("erase", "scores:v1").code == 2
    said = call("erase", "scores:v1", *why, "--dry-run").text
    assert "school/scores:v1 would be erased" in said
    assert "school/model:v0" in said
    assert call("erase", "scores:v1", *why, input="n\n").code == 1
    assert call("cat", "scores:v1", "scores.csv").code == 0
    done = call("erase", "scores:v1", *why, "--yes", "--json").json
    assert (done["descendants"], done["trained_on_since_erased"]) == (["school/model:v0"], 1)
    assert done["held_by"] == {}
    read = call("cat", "scores:v1", "scores.csv", "--json")
    assert (read.code, read.json["error"]["code"]) == (1, "version_erased")
    assert "a family [b]asked[/b]" in read.json["error"]["message"]
    assert "school/" not in call("restore").text
    assert "erased (GDPR Art. 17)" in call("restore", "--all").text
    shown = call("show", "model", "--json").json
    assert shown["trained_on_since_erased"] == ["school/scores:v1"]
    assert "Came of what was erased since: 1 version" in call("show", "model").text
    assert call("show", "scores:v0", "--json").json["trained_on_since_erased"] == []
    (above,) = call("lineage", "model", "--json").json["versions"]
    assert (above["reference"], above["removed"]) == ("school/scores:v1", "erased")
    assert "school/scores:v1  (erased)  run " in call("lineage", "model").text
    assert "(erased)  run " in call("show", "model").text
    assert "dataset, erased" in call("lineage", "model", "--dot").text
    assert call("lineage", "model", "--html", "-").text.count("dataset, erased") == 3
    assert call("verify").code == 0
    refused = call("erase", "model", *why, "--yes", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (3, "aliased")


def test_gc_says_what_it_writes_anew(work, call):
    parts = {name: random.Random(name).randbytes(200_000) for name in "abcd"}
    with edversion.init("school", store=work / ".edversion") as run:
        for names in ("abcd", "a"):
            draft = edversion.Artifact("images", "dataset")
            for name in names:
                draft.add_bytes(parts[name], name)
            run.log_artifact(draft)
        run.repository.delete("images:v0", reason="old")
    assert "anew" not in call("gc", "--no-repack", "--grace", "0").text
    said = call("gc", "--dry-run")
    assert "1 mostly dead pack would be written anew, 600.0 kB smaller" in said.lines
    done = call("gc", "--json").json
    assert (done["repacked"], done["repacked_size"], done["unread"]) == (1, 600_000, {})
    assert call("cat", "images:v1", "a").out == parts["a"]
