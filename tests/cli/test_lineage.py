"""lineage: as a tree, as JSON, as graphs, as a page, and what differs upstream."""

from __future__ import annotations

import pytest

import edversion


@pytest.fixture
def trained(work):
    """A second model, of other data, that goes on from the first; and an evaluation of it."""
    with edversion.init("school", job_type="train", name="night <shift>") as run:
        run.use_artifact("scores:v0", relation="trained_on")
        run.use_artifact("model:v0", relation="resumed_from")
        draft = edversion.Artifact("model", type="model")
        draft.add_bytes(b"other", "weights.bin")
        model = run.log_artifact(draft)
    with edversion.init("school", job_type="evaluate") as run:
        run.use_artifact(model, relation="evaluates")
        draft = edversion.Artifact("model-evaluation", type="evaluation")
        draft.add_bytes(b"{}", "evaluation.json")
        run.log_artifact(draft)
    return work


def edges(answer) -> set[tuple[str, str]]:
    return {(edge["source"], edge["target"]) for edge in answer.json["edges"]}


UP = {
    ("school/scores:v0", "school/model:v1"),
    ("school/model:v0", "school/model:v1"),
    ("school/scores:v1", "school/model:v0"),
}
DOWN = {("school/model:v1", "school/model-evaluation:v0")}


def test_up_down_and_both(trained, call):
    assert edges(call("lineage", "model", "--json")) == UP
    assert edges(call("lineage", "model", "--up", "--json")) == UP
    assert edges(call("lineage", "model", "--down", "--json")) == DOWN
    both = call("lineage", "model", "--both", "--json")
    assert edges(both) == UP | DOWN
    assert both.json["direction"] == "both"
    assert {item["reference"] for item in both.json["versions"]} == {
        "school/scores:v0", "school/scores:v1", "school/model:v0", "school/model-evaluation:v0",
    }  # fmt: skip
    assert {run["job_type"] for run in both.json["runs"]} == {"prepare", "train", "evaluate"}
    lines = call("lineage", "model", "--both").lines
    assert [line for line in lines if not line.startswith(("├", "└", "│", " "))] == [
        "Made from", "school/model:v1", "Went into", "school/model:v1",
    ]  # fmt: skip


def test_some_steps_only(trained, call):
    near = edges(call("lineage", "model", "--depth", "1", "--json"))
    assert near == UP - {("school/scores:v1", "school/model:v0")}
    beyond = "more lies beyond; a greater --depth shows it, or none"
    for depth, more in (((), False), (("--depth", "1"), True), (("--depth", "2"), False)):
        assert call("lineage", "model", *depth, "--json").json["truncated"] == more
        assert (call("lineage", "model", *depth).lines[-1] == beyond) == more
        assert (beyond in call("lineage", "model", *depth, "--mermaid").err) == more
        page = call("lineage", "model", *depth, "--html", "-").text
        assert ("More lies beyond, which this page leaves out." in page) == more
    assert not call("lineage", "model", "--down", "--depth", "1", "--json").json["truncated"]
    assert call("lineage", "model", "--depth", "0").code == 2


def test_graphs_of_other_programs(trained, call):
    dot = call("lineage", "model", "--both", "--dot").text
    assert dot.startswith("digraph lineage {\n")
    assert dot.count("->") == 4
    assert "resumed_from (night <shift>)" in dot
    mermaid = call("lineage", "model", "--both", "--mermaid").text
    assert mermaid.startswith("flowchart LR\n")
    assert mermaid.count("-->") == 4
    assert "resumed_from (night #60;shift#62;)" in mermaid
    lone = call("lineage", "scores:v0", "--dot")
    assert (lone.code, lone.text.count("->")) == (0, 0)


def test_a_page(trained, call):
    answer = call("lineage", "model", "--both", "--html", "lineage.html")
    assert (answer.code, answer.text, answer.err) == (0, "", "wrote lineage.html\n")
    page = (trained / "lineage.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert "night &lt;shift&gt;" in page
    assert "<shift>" not in page
    shown = call("lineage", "model", "--both", "--html", "lineage.html", "--json")
    assert edges(shown) == UP | DOWN
    straight = call("lineage", "model", "--both", "--html", "-")
    assert (straight.text, straight.err) == (page, "")
    assert not (trained / "-").exists()
    assert call("lineage", "model", "--html", trained / "no" / "x.html").code == 1


def test_what_differs_upstream(trained, call):
    answer = call("lineage", "--diff", "model:v0", "model:v1", "--json")
    assert answer.code == 1
    assert answer.json["versions"] == ["school/model:v0", "school/model:v1"]
    made_from = [each for each in answer.json["differences"] if each["what"] != "code"]
    assert made_from == [
        {"what": "dataset", "name": "school/scores", "values": ["v1", "v0 (trained_on), v1"]},
        {"what": "model", "name": "school/model", "values": ["", "v0 (resumed_from)"]},
    ]
    assert "dataset school/scores" in answer.json["summary"]
    text = call("lineage", "--diff", "model:v0", "model:v1").text
    assert "v0 (trained_on), v1" in text


def test_what_differs_in_code_and_environment(work, call, monkeypatch):
    from edversion import environment, starting

    found = environment.describe_environment()
    packages = {**found["packages"], "numpy": "1.0"}
    changed = found | {"git_commit": "f" * 40, "python": "3.99.1", "packages": packages}
    for content, told in ((b"a", found), (b"b", changed)):
        monkeypatch.setattr(starting, "describe_environment", lambda told=told: told)
        with edversion.init("school") as run:
            draft = edversion.Artifact("tree", type="model")
            draft.add_bytes(content, "tree.bin")
            run.use_artifact("scores:v1")
            run.log_artifact(draft)
    answer = call("lineage", "--diff", "tree:v0", "tree:v1", "--json").json
    assert [(each["what"], each["name"]) for each in answer["differences"]] == [
        ("code", "git commit"),
        ("environment", "Python"),
        ("package", "numpy"),
    ]


def test_nothing_differs_upstream(trained, call):
    answer = call("lineage", "--diff", "model:v0", "model:v0", "--json")
    assert (answer.code, answer.json["differences"]) == (0, [])


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("model:v0", "model:v1"),
        ("--diff", "model:v0"),
        ("--diff", "model:v0", "model:v1", "--dot"),
        ("--diff", "model:v0", "model:v1", "--depth", "2"),
        ("model", "--dot", "--json"),
        ("model", "--html", "-", "--json"),
        ("model", "--html", "-", "--dot"),
    ],
)
def test_arguments_that_do_not_fit(trained, call, arguments):
    assert call("lineage", *arguments).code == 2
