"""edversion promote, policy, approve, pending, rollback and history, as people type them."""

from __future__ import annotations

import re

import pytest

import edversion

POLICY = """\
force = ["grace"]
tags = {require = ["fair"]}
approvals = {count = 1}

[[metrics]]
key = "auc"
dataset = "scores:v1"
slice = "sex=female"
min = 0.7
"""


@pytest.fixture
def policy(work, call):
    """A policy for model:champion, set; a second version of the model, measured, by bob."""
    (work / "policy.toml").write_text(POLICY)
    with edversion.init("school", store=work / ".edversion") as run:
        draft = edversion.Artifact("model", type="model")
        draft.add_bytes(b"second", "weights.bin")
        made = run.log_artifact(draft)
        measured = {"auc": {"value": 0.8, "n": 50, "low": 0.72, "high": 0.88}}
        run.log_metrics(measured, version=made, dataset="scores:v1", slice="sex=female")
    answer = call("policy", "set", "model:champion", "policy.toml", "--reason", "as decided")
    assert answer.code == 0, answer.err
    assert answer.lines == ["policy school/model:champion #1 set"]
    return work / "policy.toml"


def test_from_refusal_to_rollback(policy, call, monkeypatch):
    refused = call("promote", "model:v1", "--to", "champion", "--reason", "better")
    assert refused.code == 3
    rows = {line.split()[0]: line for line in refused.lines[1:]}
    assert rows["tags"].split()[1] == "REFUSED"
    assert "tag 'fair' is missing" in rows["tags"]
    assert rows["metrics"].split()[1:5] == ["passed", "0.8", "[0.72,", "0.88]"]
    assert "promotion" not in refused.text
    assert "edversion policy check model:v1 --to champion" in refused.err

    told = call("history", "model:champion", "--refused").lines
    assert "ada" in told[1]
    assert "better" in told[1]
    assert "tags: tag 'fair' is missing" in told[1]
    (kept,) = call("history", "model:champion", "--refused", "--json").json
    assert kept["after"]["version"] == "school/model:v1"
    assert "was refused" in call("history", "scores:latest", "--refused").err

    call("tag", "model:v1", "--add", "fair")
    refused = call("promote", "model:v1", "--to", "champion", "--reason", "better", "--json")
    assert refused.code == 3
    error = refused.json["error"]
    assert error["code"] == "promotion_refused"
    assert [each["passed"] for each in error["verdicts"]] == [True, True, False]
    assert error["verdicts"][2]["message"] == "0 of 1 approvals are given"
    assert error["digest"].startswith("blake3:")

    (waiting,) = call("pending", "--json").json
    assert (waiting["version"], waiting["alias"]) == ("school/model:v1", "champion")
    assert (waiting["asked_by"], waiting["reason"]) == ("ada", "better")
    assert "0 of 1 approvals are given" in call("pending").text

    own = call("approve", "model:v1", "--for", "champion", "--reason", "mine", "--yes")
    assert own.code == 3
    assert "whoever logged the version" in own.err
    monkeypatch.setenv("EDVERSION_ACTOR", "eve")
    no = call("approve", "model:v1", "--for", "champion", "--reason", "fine", input="n\n")
    assert no.code == 1
    assert "0.8" in no.text  # what is approved was shown
    yes = call("approve", "model:v1", "--for", "champion", "--reason", "fine", input="y\n")
    assert yes.lines[-1] == f"eve approved school/model:v1 for champion on {error['digest']}"

    monkeypatch.setenv("EDVERSION_ACTOR", "ada")
    done = call("promote", "model:v1", "--to", "champion", "--reason", "better")
    assert done.code == 0, done.err
    assert done.lines[-1] == "school/model:champion: school/model:v0 → school/model:v1 (promoted)"
    call("tag", "model:v1", "--remove", "fair")  # today a gate would refuse: it has it all the same
    again = call("promote", "model:v1", "--to", "champion")
    assert (again.code, again.lines) == (0, ["school/model:v1 has school/model:champion already"])
    held = call("promote", "model:v1", "--to", "champion", "--json").json
    assert (held["moved"], held["revision"]) == (False, 2)
    assert (held["version"], held["before"]) == ("school/model:v1", "school/model:v1")
    assert not held.keys() & {"kind", "passed", "verdicts"}
    call("tag", "model:v1", "--add", "fair")
    assert "nothing waits" in call("pending").err

    back = call("rollback", "champion", "--reason", "complaints")
    assert back.lines == ["school/model:champion: school/model:v1 → school/model:v0 (rolled back)"]
    told = call("history", "model:champion").lines
    assert [line.split()[0] for line in told[1:]] == ["3", "2", "1"]
    assert "approved by eve" in told[2]
    assert error["digest"] in told[2]
    document = call("history", "champion", "--json").json
    assert [each["kind"] for each in document] == ["rolled_back", "promoted", "set"]
    assert document[1]["evidence"]["approvals"][0]["actor"] == "eve"


def test_the_same_policy_again_changes_nothing(policy, call, monkeypatch):
    """Another number would void what was approved."""
    call("tag", "model:v1", "--add", "fair")
    monkeypatch.setenv("EDVERSION_ACTOR", "eve")
    assert call("approve", "model:v1", "--for", "champion", "--reason", "x", "--yes").code == 0
    before = call("events", "--json").json
    again = call("policy", "set", "model:champion", "policy.toml", "--reason", "again")
    assert (again.code, again.lines) == (0, [
        "policy school/model:champion #1 set already, with this very text; approvals stay"
    ])  # fmt: skip
    told = call("policy", "set", "model:champion", "policy.toml", "--json").json
    assert (told["number"], told["reason"], told["changed"]) == (1, "as decided", False)
    assert call("events", "--json").json == before
    assert call("policy", "check", "model:v1", "--to", "champion").lines[-1] == "every gate lets it"
    withdraw = ("policy", "set", "model:champion", "--withdraw", "--json")
    gone, still = call(*withdraw).json, call(*withdraw).json
    assert [(each["number"], each["changed"]) for each in (gone, still)] == [(2, True), (2, False)]
    back = call("policy", "set", "model:champion", "policy.toml", "--json").json
    assert (back["number"], back["changed"]) == (3, True)


def test_what_is_missing_is_not_called_a_refusal(policy, call, work, monkeypatch):
    """Whoever approves reads what is missing before; only other gates refuse."""
    text = POLICY.replace("count = 1", 'count = 2, roles = {board = ["dan"]}')
    (work / "two.toml").write_text(text)
    call("policy", "set", "model:champion", "two.toml")
    checked = call("policy", "check", "model:v1", "--to", "champion")
    assert checked.lines[-1] == "refused by tags; still missing: 2 approvals of 2"
    call("tag", "model:v1", "--add", "fair")
    command = ("approve", "model:v1", "--for", "champion", "--reason", "fine", "--yes")
    said = []
    for name in ("eve", "bob", "dan"):
        monkeypatch.setenv("EDVERSION_ACTOR", name)
        said.append(call(*command).lines[-2:])
    assert [first for first, _ in said] == [
        "still missing: 2 approvals of 2",
        "still missing: 1 approval of 2",
        "still missing: nobody approved as board (dan)",
    ]
    assert said[1][1].startswith("bob approved school/model:v1 for champion on blake3:")
    checked = call("policy", "check", "model:v1", "--to", "champion")
    assert checked.lines[-1] == "every gate lets it"


def test_an_override_takes_permission_and_shows(policy, call, monkeypatch):
    command = ("promote", "model:v1", "--to", "champion", "--force")
    assert call(*command).code == 2
    assert call(*command, "--reason", "exam").code == 3
    monkeypatch.setenv("EDVERSION_ACTOR", "grace")
    done = call(*command, "--reason", "exam", "--json")
    assert (done.code, done.json["kind"], done.json["before"]) == (
        0, "overridden", "school/model:v0",
    )  # fmt: skip
    told = call("history", "model:champion").lines[1]
    assert re.search("OVERRIDDEN +v0 +v1 +exam +in spite of tags: tag 'fair' is missing", told)


def test_events_of_promotions_are_told_in_brief(policy, call, monkeypatch):
    """What gates said and policies say is long, and 'history' and 'policy show' have it."""
    call("promote", "model:v1", "--to", "champion")
    call("tag", "model:v1", "--add", "fair")
    policy.write_text(f"{POLICY}max = 1.0\n")
    call("policy", "set", "model:champion", "policy.toml")
    monkeypatch.setenv("EDVERSION_ACTOR", "eve")
    call("approve", "model:v1", "--for", "champion", "--reason", "fine", "--yes")
    monkeypatch.setenv("EDVERSION_ACTOR", "grace")
    call("promote", "model:v1", "--to", "champion")
    call("rollback", "model:champion")
    for command in (("events", "model:champion"), ("alias", "--history", "model:champion")):
        told = {line.split()[4]: line.partition("champion")[2].strip()
                for line in reversed(call(*command).lines[1:])}  # fmt: skip
        assert told["alias.moved"] == "v0"
        assert told["alias.promoted"] == "v0 → v1; approved by eve"
        assert told["alias.rolled_back"] == "v1 → v0"
    assert told["promotion.refused"] == "school/model:v1; refused by tags, approvals"
    assert told["policy.set"] == "#1 → #2"


def test_a_protected_alias_is_not_moved_by_alias(policy, call):
    for command in (("alias", "model:v1", "champion"), ("alias", "--remove", "model:champion")):
        answer = call(*command)
        assert answer.code == 3
        assert "edversion promote model:v<number> --to champion" in answer.err


def test_policies_are_shown_tried_and_withdrawn(policy, call, work):
    nameless = call("policy", "set", "model", "policy.toml")
    assert (nameless.code, "write it as name:alias" in nameless.err) == (1, True)
    checked = call("policy", "check", "model:v1", "--to", "champion", "--json")
    assert (checked.code, checked.json["passed"]) == (3, False)
    assert checked.json["policy"] == "school/model:champion #1"
    (work / "mild.toml").write_text("protected = false")
    tried = call("policy", "check", "model:v1", "--to", "champion", "--with", "mild.toml")
    assert tried.code == 0
    assert "school/model:champion on trial" in tried.text
    assert tried.lines[-1] == "every gate lets it"

    shown = call("policy", "show", "model:champion").lines
    assert shown[0].startswith("school/model:champion #1, protected, since ")
    assert shown[0].endswith(" by ada: as decided")
    assert [line.strip() for line in shown[1:]] == POLICY.splitlines()
    assert "moves freely" in call("policy", "show", "model:candidate").err

    again = call("policy", "set", "model:champion", "mild.toml", "--expect", "0")
    assert again.code == 1
    assert "number 1 holds, not 0" in again.err
    gone = call("policy", "set", "model:champion", "--withdraw", "--expect", "1")
    assert gone.lines == ["policy school/model:champion #2 withdrawn"]
    history = call("policy", "show", "model", "--history", "--json").json
    assert [(each["number"], each["text"]) for each in history] == [(1, POLICY), (2, None)]
    assert call("alias", "model:v1", "champion").code == 0


def test_a_policy_that_means_nothing_is_not_set(work, call):
    (work / "bad.toml").write_text("[tags]\nrequires = ['fair']")
    answer = call("policy", "set", "model:champion", "bad.toml")
    assert answer.code == 1
    assert "requires means nothing; known are: require, forbid" in answer.err
    (work / "bad.toml").write_bytes(b"\xff")
    assert "is not UTF-8" in call("policy", "set", "model:champion", "bad.toml").err
    assert call("policy", "set", "model:champion").code == 2
    assert call("policy").code == 2


def test_an_alias_alone_must_be_the_only_one(work, call):
    assert "no collection has it" in call("rollback", "nobody").err
    call("alias", "scores:v0", "champion")
    answer = call("rollback", "champion")
    assert "school/model:champion, school/scores:champion" in answer.err


def test_waiting_no_longer(policy, call):
    call("tag", "model:v1", "--add", "fair")
    call("promote", "model:v1", "--to", "champion")
    assert call("pending", "--withdraw", "model:v1").code == 2
    gone = call("pending", "--withdraw", "model:v1", "--for", "champion", "--reason", "no")
    assert gone.lines == ["school/model:v1 waits for champion no longer"]
    assert call("pending", "--json").json == []


def test_a_rejection_is_told_and_stops(policy, call, monkeypatch):
    call("tag", "model:v1", "--add", "fair")
    call("promote", "model:v1", "--to", "champion")
    monkeypatch.setenv("EDVERSION_ACTOR", "eve")
    command = ("reject", "model:v1", "--for", "champion", "--reason", "too few pupils")
    no = call(*command, input="n\n")
    assert no.code != 0
    assert "Reject school/model:v1 for champion on this evidence?" in no.err
    yes = call(*command, input="y\n")
    assert "0.8" in yes.text  # what is rejected was shown
    assert yes.lines[-1].startswith("eve rejected school/model:v1 for champion on blake3:")
    assert call("pending", "--json").json == []
    checked = call("policy", "check", "model:v1", "--to", "champion")
    assert checked.lines[-1] == (
        "still missing: eve rejected it: too few pupils; 0 of 1 approvals are given"
    )
    assert call("promote", "model:v1", "--to", "champion").code == 3
    assert call("pending", "--json").json == []
    stale = call(*command, "--evidence", "blake3:0")
    assert "changed since it was shown" in stale.err
