"""runs, events, lineage and metrics."""

from __future__ import annotations

import getpass
import json
import platform

import pytest
from blake3 import blake3

import edversion


def test_runs_newest_first(work, call):
    assert [run["job_type"] for run in call("runs", "--json").json] == ["train", "prepare"]
    lines = call("runs").lines
    assert lines[1].split()[3:5] == ["train", "finished"]
    assert "environment" not in call("runs", "--json").json[0]


def test_runs_by_status_project_and_limit(work, call):
    with pytest.raises(ZeroDivisionError), edversion.init("other"):
        raise ZeroDivisionError("broken [red]")
    assert [run["project"] for run in call("runs", "--status", "failed", "--json").json] == [
        "other"
    ]
    assert len(call("runs", "--project", "school", "--json").json) == 2
    limited = call("runs", "--limit", "1")
    assert (len(limited.lines), "more" in limited.err) == (2, True)
    assert call("runs", "--status", "lost").code == 2
    assert call("runs", "--status", "running").err == "no runs\n"


def test_one_run(work, call):
    run = call("runs", "--json").json[0]["id"]
    shown = call("runs", run[:6], "--json").json
    assert (shown["used"], shown["logged"]) == (["school/scores:v1"], ["school/model:v0"])
    assert shown["environment"]["python"]
    assert [metric["key"] for metric in shown["metrics"]] == ["auc"]
    text = call("runs", run).text
    for fact in (run, "school/scores:v1", "school/model:v0", "auc", "python"):
        assert fact in text


def test_one_run_that_failed_shows_its_error(work, call):
    with pytest.raises(ZeroDivisionError), edversion.init("other"):
        raise ZeroDivisionError("broken [red]")
    run = call("runs", "--json").json[0]["id"]
    assert "ZeroDivisionError: broken [red]" in call("runs", run).text
    assert "ZeroDivisionError" in call("runs", run, "--json").json["error"]


def test_a_run_that_is_not_there(work, call):
    answer = call("runs", "nothing")
    assert answer.code == 1
    assert "edversion runs" in answer.err


def test_events(work, call):
    every = call("events", "--json").json
    assert [event["sequence"] for event in every] == list(range(len(every), 0, -1))
    assert every[-1]["action"] == "version.logged"
    assert len(call("events", "--limit", "2").lines) == 3
    assert len(call("events", "--limit", "2", "--json").json) == 2


@pytest.mark.parametrize(
    ("subject", "actions"),
    [
        ("model:champion", ["alias.moved"]),
        ("school/model:champion", ["alias.moved"]),
        ("scores", ["alias.moved", "alias.moved"]),
        ("scores:v0", ["version.logged"]),
    ],
)
def test_events_of_a_subject(work, call, subject, actions):
    assert [event["action"] for event in call("events", subject, "--json").json] == actions


def test_events_of_a_deleted_version(work, call):
    call("delete", "scores:v0", "--reason", "because", "--yes")
    assert "because" in call("events", "scores:v0").text


def test_events_of_nothing(work, call):
    assert call("events", "nothing").code == 1
    assert call("events", "scores:never").err == "no events\n"


def proved(lines: list[str]) -> str:
    """Prove exported events as FORMAT.md says, with nothing of ours; give the last digest."""
    digest = ""
    for number, line in enumerate(lines, 1):
        event = json.loads(line)
        said = event.pop("digest")
        assert event["sequence"] == number
        text = json.dumps(event, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        digest = "blake3:" + blake3((digest + text).encode()).hexdigest()
        assert digest == said
    return digest


def test_events_are_exported_and_can_be_proved(work, call):
    call("alias", "scores:v0", "picked", "--reason", 'größer, "fairer"')
    answer = call("events", "--export", "events.jsonl")
    lines = (work / "events.jsonl").read_text("utf-8").splitlines()
    newest = call("events", "--json").json[0]
    assert (answer.code, answer.err) == (0, f"wrote {len(lines)} events to events.jsonl\n")
    assert proved(lines) == newest["digest"]
    assert call("events", "--export", "-").lines == lines
    shown = call("events", "--export", "events.jsonl", "--json").json
    assert shown == {"file": "events.jsonl", "events": len(lines)}
    assert sorted(path.name for path in work.iterdir()) == [".edversion", "events.jsonl"]
    forged = [*lines[:2], lines[2].replace('"actor":"', '"actor":"mallory ', 1), *lines[3:]]
    with pytest.raises(AssertionError):
        proved(forged)


def test_events_that_cannot_be_exported(work, call):
    assert call("events", "scores", "--export", "x").code == 2
    assert call("events", "--export", work / "no" / "x").code == 1


def test_each_event_is_given_once_over_many_batches(work, monkeypatch):
    monkeypatch.setattr("edversion.catalog.chain._BATCH", 2)
    with edversion.open() as repository:
        every = tuple(repository.each_event())
        assert every == tuple(reversed(repository.events()))
        assert len(every) > 4


def test_the_actor_is_a_user_at_a_host_unless_named(work, call, monkeypatch):
    call("tag", "scores:v0", "--add", "seen")
    assert call("events", "--json").json[0]["actor"] == "ada"
    monkeypatch.delenv("EDVERSION_ACTOR")
    call("tag", "scores:v0", "--add", "again")
    expected = f"{getpass.getuser()}@{platform.node()}"
    assert call("events", "--json").json[0]["actor"] == expected


def test_lineage(work, call):
    up = call("lineage", "model", "--json").json
    assert (up["version"], up["direction"]) == ("school/model:v0", "up")
    assert [(edge["source"], edge["target"]) for edge in up["edges"]] == [
        ("school/scores:v1", "school/model:v0")
    ]
    lines = call("lineage", "model").lines
    assert lines[0] == "school/model:v0"
    assert "school/scores:v1  run train-" in lines[1]
    down = call("lineage", "scores:v1", "--down").lines
    assert (down[0], "school/model:v0" in down[1]) == ("school/scores:v1", True)


def test_lineage_says_the_relations(work, call):
    with edversion.init("school") as run:
        run.use_artifact("scores:v1", relation="trained_on")
        run.use_artifact("scores:v1", relation="evaluated_on")
        draft = edversion.Artifact("pair", type="model")
        draft.add_source(run.repository.version("scores:v0"), "tuned_on")
        run.log_artifact(draft)
    edges = call("lineage", "pair", "--json").json["edges"]
    assert [(edge["source"], edge["relation"], edge["run"] is None) for edge in edges] == [
        ("school/scores:v1", "trained_on", False),
        ("school/scores:v1", "evaluated_on", False),
        ("school/scores:v0", "tuned_on", True),
    ]
    (above, tuned) = call("lineage", "pair").lines[1:]
    by = f"run {run.name} ({run.id})"
    assert above.endswith(f"school/scores:v1  trained_on, {by}; evaluated_on, {by}")
    assert tuned.endswith("school/scores:v0  tuned_on")
    shown = call("runs", run.id, "--json").json
    assert shown["used"] == ["school/scores:v1"]
    assert shown["uses"] == [
        {"version": "school/scores:v1", "relation": relation}
        for relation in ("trained_on", "evaluated_on")
    ]
    assert (
        "school/scores:v1 (trained_on), school/scores:v1 (evaluated_on)"
        in call("runs", run.id).text
    )


def test_lineage_draws_what_comes_again_once(work, call):
    """Two models from one dataset, and a report from both."""
    for name, sources in (("other", ["scores:v1"]), ("report", ["model", "other"])):
        (work / f"{name}.txt").write_text(name)
        with edversion.init("school") as run:
            for source in sources:
                run.use_artifact(source)
            run.log_artifact(work / f"{name}.txt")
    with edversion.init("school") as run:
        run.use_artifact("scores:v0")
        run.log_artifact(edversion.open().version("scores:v1").new_draft(), tags=["seen"])
    text = call("lineage", "report").text
    assert text.count("school/scores:v1") == 2
    assert text.count("school/scores:v0") == 1
    assert "…" in text


def test_lineage_of_what_has_none(work, call):
    answer = call("lineage", "scores:v0")
    assert (answer.code, answer.lines) == (0, ["school/scores:v0"])
    assert answer.err
    assert call("lineage", "nothing").code == 1


def test_metrics(work, call):
    every = call("metrics", "--json").json
    assert [(item["version"], item["value"]) for item in every] == [("school/model:v0", 0.75)]
    assert call("metrics").lines[1].split()[-1] == "school/model:v0"
    assert call("metrics", "model").lines[1].split()[-1] == "school/scores:v1"
    assert call("metrics", "model", "--key", "loss", "--json").json == []
    assert call("metrics", "scores").err == "no metrics\n"
    assert call("metrics", "nothing").code == 1
