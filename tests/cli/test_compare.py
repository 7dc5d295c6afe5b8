"""compare, diff and leaderboard."""

from __future__ import annotations

import re

import pytest

import edversion
from edversion import Section
from edversion.telling.cells import cell_text, kinds_of
from edversion.telling.markdown import escaped, markdown


def test_diff_of_different_versions(work, call):
    answer = call("diff", "scores:v0", "scores:v1")
    assert answer.code == 1
    for part in ("The content differs.", "rows", "notes/größe.txt", "removed", "changed", "23 B"):
        assert part in answer.text
    found = call("diff", "scores:v0", "scores:v1", "--json")
    assert (found.code, found.json["identical"]) == (1, False)
    assert found.json["versions"] == ["school/scores:v0", "school/scores:v1"]
    sections = {section["title"]: section for section in found.json["sections"]}
    assert list(sections) == ["Versions", "Metadata", "Files"]
    assert sections["Metadata"]["rows"] == [["rows", "changed", 2, 3]]
    assert sections["Files"]["rows"] == [
        ["notes/größe.txt", "removed", 8, None],
        ["scores.csv", "changed", 15, 21],
    ]


def test_a_pipe_gets_no_million_rows(work, call, monkeypatch):
    monkeypatch.setattr("edversion.cli.sections._ROWS_PIPED", 1)
    answer = call("diff", "scores:v0", "scores:v1")
    assert ("notes/größe.txt" in answer.text, "scores.csv" in answer.text) == (True, False)
    assert "1 more row under Files; --json lists all of them\n" in answer.err
    assert len(call("diff", "scores:v0", "scores:v1", "--json").json["sections"][2]["rows"]) == 2


def test_diff_of_a_version_with_itself(work, call):
    answer = call("diff", "scores:v1", "scores:latest")
    assert (answer.code, "The content is identical." in answer.text) == (0, True)
    assert call("diff", "scores:v1", "scores", "--json").json["identical"] is True


def test_diff_sees_metadata_alone(work, call):
    call("get", "scores:v1", "-o", "copy")
    call("log", "copy", "--name", "copy", "--meta", "rows=4")
    answer = call("diff", "scores:v1", "copy")
    assert answer.code == 1
    assert "The content is identical." in answer.text
    assert call("edit", "copy", "--replace", "--meta", "rows=3", "--meta", "by.sex=1").code == 0
    assert call("diff", "scores:v1", "copy").code == 0


def test_diff_of_three(work, call):
    assert len(call("diff", "scores:v0", "scores:v1", "model", "--json").json["versions"]) == 3


def test_diff_failures(work, call):
    assert call("diff", "scores").code == 2
    failed = call("diff", "scores", "nothing", "--json")
    assert (failed.code, failed.json["error"]["code"]) == (1, "not_found")


@pytest.fixture
def models(work):
    """Two more models, measured on the same data, and made with one pipeline each."""
    with edversion.init("school", store=work / ".edversion", config={"seed": 7}) as run:
        for number, auc in enumerate((0.8, 0.9)):
            draft = edversion.Artifact("pipe", type="pipeline")
            draft.add_bytes(bytes([number]), "pipe.py")
            pipeline = run.log_artifact(draft)
            draft = edversion.Artifact("net", type="model", metadata={"k": (1, "1")[number]})
            draft.add_bytes(bytes([number]), "w.bin")
            draft.add_source(pipeline, "made_with")
            model = run.log_artifact(draft)
            known = {"value": auc, "n": 400, "low": auc - 0.01, "high": auc + 0.01}
            where = {"version": model, "dataset": "scores:v0", "split": "test"}
            run.log_metrics({"auc": known, "|clicks|": auc}, **where)
            run.log_metrics({"auc": auc - 0.1}, slice="sex=f", **where)
            run.log_metrics({"auc": auc}, slice="sex=m", **where)
    return work


def test_compare(models, call):
    answer = call("compare", "net:v0", "net:v1")
    assert (answer.code, answer.err) == (0, "")
    first = answer.lines[0]
    assert first == "• The contents of v0 and v1 differ."
    said = "auc (test, on school/scores:v0) is 0.1 higher in v1 than in v0: 0.9 against 0.8"
    assert f"• {said}, which is better; the intervals do not overlap." in answer.lines
    assert "0.9 (0.89 to 0.91; n 400)     +0.1  higher" in answer.text
    assert "worst: 0.7" in answer.text
    assert re.search(r'^k +changed +1 +"1"$', answer.text, re.M)
    titles = ["Versions", "Metrics", "Groups", "Metadata", "Files", "Lineage"]
    assert [line for line in answer.lines if line in titles] == titles


def test_compare_as_json(models, call):
    found = call("compare", "net:v0", "net:v1", "model", "--json").json
    assert found["versions"] == ["school/net:v0", "school/net:v1", "school/model:v0"]
    assert found["summary"][0] == "The contents of net:v0, net:v1 and model:v0 differ."
    sections = {each["name"]: each for each in found["sections"]}
    assert sections["metrics"]["columns"][3:5] == ["net:v0", "net:v1"]
    auc = sections["metrics"]["rows"][0]
    assert auc[3] == {"value": 0.8, "n": 400, "low": 0.79, "high": 0.81}
    assert sections["metadata"]["rows"] == [["k", "removed", 1, "1", None]]


def test_compare_only_some_parts(models, call):
    found = call("compare", "net:v0", "net:v1", "--only", "files", "--only", "metrics", "--json")
    assert [each["name"] for each in found.json["sections"]] == ["metrics", "files"]
    failed = call("compare", "net:v0", "net:v1", "--only", "file", "--json")
    assert (failed.code, failed.json["error"]["code"]) == (1, "no_such_part")


def test_a_page_goes_to_the_standard_output(models, call):
    pytest.importorskip("vl_convert")
    wrote = call("compare", "net:v0", "net:v1", "--html", "page.html")
    assert (wrote.code, wrote.err) == (0, "wrote page.html\n")
    straight = call("compare", "net:v0", "net:v1", "--html", "-")
    assert (straight.code, straight.err) == (0, "")
    assert straight.text.startswith("<!doctype html>")
    assert straight.text.rstrip().endswith("</html>")  # the page, and nothing beside it
    assert not (models / "-").exists()
    for other in ("--json", "--markdown"):
        refused = call("compare", "net:v0", "net:v1", "--html", "-", other)
        assert refused.code == 2
        assert "only one of them" in refused.err + refused.text


def test_compare_wrongly(models, call):
    for arguments, said in (
        (["net"], "two versions or more"),
        (["net:v0", "net:v1", "--metric", "auc"], "goes with --by"),
        (["--by", "pipeline"], "needs the name of a collection"),
    ):
        answer = call("compare", *arguments)
        assert answer.code == 2
        assert said in answer.err
    assert call("compare", "net:v0", "net:v9", "--json").json["error"]["code"] == "not_found"


def test_compare_by_pipeline(models, call):
    answer = call("compare", "--by", "pipeline", "net", "--metric", "auc")
    assert answer.code == 0
    assert answer.lines[1] == "By pipeline"
    assert re.search(r"^school/pipe:v1 +auc +test +0\.9 +0\.9 +1 +1 +1 +1 ", answer.text, re.M)
    assert "have one seed only" in answer.text
    found = call("compare", "--by", "pipeline", "net", "--json").json
    assert [row["made_with"] for row in found["rows"] if row["metric"] == "auc"] == [
        "school/pipe:v1", "school/pipe:v0",
    ]  # fmt: skip
    failed = call("compare", "--by", "recipe", "net", "--json").json["error"]
    assert failed["code"] == "nothing_upstream"


def test_leaderboard(models, call):
    answer = call("leaderboard", "net", "--metric", "auc", "--dataset", "scores:v0")
    assert answer.code == 0
    assert answer.lines[1] == "school/net by auc"
    assert re.match(r" +1  v1 +0\.9 \(0\.89 to 0\.91; n 400\)  sex=f +0\.8", answer.lines[3])
    found = call("leaderboard", "net", "--metric", "auc", "--split", "test", "--json").json
    assert (found["dataset"], found["better"], found["unranked"]) == (
        "school/scores:v0", "higher", [],
    )  # fmt: skip
    first, second = found["standings"]
    assert (first["rank"], first["version"], first["metric"]["low"]) == (1, "school/net:v1", 0.89)
    assert (second["worst"]["slice"], second["worst"]["value"]) == ("sex=f", pytest.approx(0.7))

    group = call("leaderboard", "net", "--metric", "auc", "--slice", "sex=f", "--limit", "1")
    assert group.lines[1] == "school/net by auc for sex=f"
    assert (" v1 " in group.text, " v0 " in group.text) == (True, False)


def test_leaderboard_failures(models, call):
    failed = call("leaderboard", "net", "--metric", "acu", "--json").json["error"]
    assert (failed["code"], "auc, |clicks|" in failed["message"]) == ("no_such_metric", True)
    refused = call("leaderboard", "net", "--metric", "|clicks|")
    assert (refused.code, "--better" in refused.err) == (1, True)
    given = call("leaderboard", "net", "--metric", "|clicks|", "--better", "lower", "--json")
    assert given.json["standings"][0]["version"] == "school/net:v0"
    only = call("leaderboard", "model", "--metric", "auc", "--json").json["error"]["message"]
    assert "for groups of learners only" in only
    assert call("leaderboard", "net").code == 2


# Markdown


def test_markdown_for_a_pull_request(models, call):
    answer = call("compare", "net:v0", "net:v1", "--markdown")
    assert answer.lines[0] == "## school/net:v1 compared with school/net:v0"
    assert answer.lines[2] == "- The contents of v0 and v1 differ."
    assert "### Metrics" in answer.lines
    place = answer.lines.index("| metric | split | dataset | v0 | v1 | v1 − v0 | better |")
    assert answer.lines[place + 1] == "| --- | --- | --- | ---: | ---: | ---: | --- |"
    assert "| \\|clicks\\| | test | school/scores:v0 | 0.8 | 0.9 | \\+0.1 |  |" in answer.lines
    for line in answer.lines:
        if line.startswith("| ") and "clicks" in line:
            assert len(re.findall(r"(?<!\\)\|", line)) == 8
    board = call("leaderboard", "net", "--metric", "auc", "--markdown")
    assert "| rank | version | auc | worst group | its value | aliases |" in board.lines
    by = call("compare", "--by", "pipeline", "net", "--markdown")
    assert by.lines[0] == "## By pipeline"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", r"a\|b"),
        ("<script>", r"\<script\>"),
        ("[x](y) ![z](w)", r"\[x\]\(y\) \!\[z\]\(w\)"),
        ("@ada and ada@x.org", "@<!-- -->ada and ada@<!-- -->x.org"),
        ("#12 GH-12", r"\#<!-- -->12 GH<!-- -->\-12"),
        ("https://x www.x", "https:<!-- -->//x www<!-- -->.x"),
        ("two\nlines", "two lines"),
        ("\x1b[31m", r"\\x1b\[31m"),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_what_is_quoted_cannot_act(text, expected):
    assert escaped(text) == expected


def test_long_sections_are_folded_and_cut():
    section = Section("Files", ("path",), tuple((f"{i}",) for i in range(60)), name="files")
    text = markdown("title", (), [section])
    assert "<summary>Files (60 rows)</summary>" in text
    assert "10 more rows; `--json` lists all of them." in text
    assert "| 49 |" in text
    assert "| 50 |" not in text


# cells


@pytest.mark.parametrize(
    ("cell", "kind", "shown"),
    [
        (None, "measure", ""),
        (1, "value", "1"), ("1", "value", '"1"'), ("x", "value", "x"), (True, "value", "true"),
        ("null", "value", '"null"'), ("", "value", '""'), ([1, "1"], "value", '[1, "1"]'),
        (1234, "number", "1,234"), (0.1 + 0.2, "number", "0.3"), (-0.5, "difference", "-0.5"),
        (2, "difference", "+2"), (0.0, "difference", "0"), (1_500_000, "bytes", "1.5 MB"),
        ("2026-01-02T03:04:05+00:00", "time", "2026-01-02 03:04:05 UTC"),
        ({"value": 0.5, "low": 0.4}, "measure", "0.5 (0.4 to ?)"),
        ({"value": 0.5, "between": ["f", "m"]}, "measure", "0.5 (f and m)"),
        ({"value": None, "reason": "one class"}, "measure", "not estimable: one class"),
        ({"value": 0.5, "worst": True}, "measure", "worst: 0.5"),
        ([1, 2], "pair", "1 → 2"), ([None, "F32"], "pair", "none → F32"), ([1, 1], "pair", "1"),
        ({"a": 1}, "text", '{"a": 1}'), ("text", "number", "text"),
    ],
)  # fmt: skip
def test_cells(cell, kind, shown):
    assert cell_text(cell, kind) == shown


def test_columns_without_kinds_are_numbers_or_text():
    section = Section("x", ("a", "b", "c"), (("t", 1, None), ("t", None, True)))
    assert kinds_of(section) == ("text", "number", "text")
    assert kinds_of(Section("x", ("a",), ())) == ("text",)
