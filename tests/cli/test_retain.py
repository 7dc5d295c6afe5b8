"""restore and gc."""

from __future__ import annotations


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
    assert "gone" in call("restore").text
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
