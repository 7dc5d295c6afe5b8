"""reproduce: an evaluation is run again with what it used."""

from __future__ import annotations

import json
import random
import sqlite3
import sys
from contextlib import closing

import pytest

import edversion

# Measures the share of rows that the "model", a threshold in a file, gets right.
MEASURE = """
import csv, json, os
def rows(folder):
    with open(f"{folder}/pupils.csv") as file:
        return list(csv.DictReader(file))
def scores(model, data):
    with open(f"{model}/threshold.txt") as file:
        threshold = float(file.read())
    right = [
        ((float(row["score"]) > threshold) == (row["passed"] == "1"), row["sex"])
        for row in rows(data)
    ]
    groups = {sex: [ok for ok, each in right if each == sex] for sex in ("f", "m")}
    shares = {sex: sum(group) / len(group) for sex, group in groups.items()}
    return sum(ok for ok, _ in right) / len(right), shares
"""
BY_FILE = f"""{MEASURE}
print("evaluating")
model, data = (os.environ[f"EDVERSION_RELATION_{{what}}"] for what in ("EVALUATES", "EVALUATED_ON"))
overall, groups = scores(model, data)
with open(os.environ["EDVERSION_METRICS"], "w") as file:
    by_group = {{f"accuracy[sex={{sex}}]": {{"value": value}} for sex, value in groups.items()}}
    json.dump({{"accuracy": overall + SHIFT, **by_group}}, file)
"""
BY_RUN = f"""{MEASURE}
import edversion
model = os.environ["EDVERSION_INPUT_MY_MODEL"]
overall, groups = scores(model, os.environ["EDVERSION_INPUT_PUPILS"])
with edversion.init("anything") as run:
    run.log_metrics({{"accuracy": overall}}, split="test")
    for sex, value in groups.items():
        run.log_metrics({{"accuracy": value}}, split="test", slice=f"sex={{sex}}")
"""


@pytest.fixture
def evaluated(empty):
    """An evaluation of a model on data; both have newer versions since."""
    space: dict[str, object] = {}
    exec(MEASURE, space)
    (empty / "pupils.csv").write_text(
        "score,passed,sex\n0.9,1,f\n0.4,1,m\n0.2,0,f\n0.7,0,m\n0.8,1,m\n"
    )
    (empty / "threshold.txt").write_text("0.5")
    with edversion.init("school") as run:
        for path, name, type_ in (
            ("pupils.csv", "pupils", "dataset"),
            ("threshold.txt", "my-model", "model"),
        ):
            run.log_artifact(empty / path, name=name, type=type_)
    overall, groups = space["scores"](str(empty), str(empty))
    with edversion.init("school", job_type="evaluate") as run:
        model = run.use_artifact("my-model", relation="evaluates")
        data = run.use_artifact("pupils", relation="evaluated_on")
        draft = edversion.Artifact("my-model-evaluation", type="evaluation")
        draft.add_bytes(b"{}", "evaluation.json")
        draft.add_source(model, "evaluates")
        draft.add_source(data, "evaluated_on")
        evaluation = run.log_artifact(draft)
        for about in (model, evaluation):
            run.log_metrics({"accuracy": overall}, version=about, dataset=data, split="test")
        for sex, value in groups.items():
            run.log_metrics({"accuracy": value}, version=model, split="test", slice=f"sex={sex}")
        run.log_metrics({"seconds": 3.5})
    (empty / "pupils.csv").write_text("score,passed,sex\n0.1,1,f\n0.1,1,m\n")
    (empty / "threshold.txt").write_text("0.99")
    with edversion.init("school") as run:
        run.log_artifact(empty / "pupils.csv", name="pupils", type="dataset")
        run.log_artifact(empty / "threshold.txt", name="my-model", type="model")
    for name, text in (("by_file", BY_FILE.replace("SHIFT", "0")), ("by_run", BY_RUN)):
        (empty / f"{name}.py").write_text(text)
    (empty / "shifted.py").write_text(BY_FILE.replace("SHIFT", "1e-6"))
    return empty


NAME = "my-model-evaluation"


def command(script: str) -> str:
    return f"{sys.executable} {script}"


@pytest.mark.parametrize("script", ["by_file.py", "by_run.py"])
def test_every_metric_comes_out_equal(evaluated, call, script):
    before = sorted(path.name for path in evaluated.iterdir())
    answer = call("reproduce", NAME, "--with", command(script), "--json")
    found = answer.json
    assert (answer.code, found["reproduced"], found["exit_code"]) == (0, True, 0)
    assert [(each["slice"], each["recorded"], each["outcome"]) for each in found["metrics"]] == [
        (None, 0.6, "equal"), ("sex=f", 1.0, "equal"), ("sex=m", 1 / 3, "equal"),
    ]  # fmt: skip
    used = {each["version"]: each["relations"] for each in found["inputs"]}
    assert used == {"school/my-model:v0": ["evaluates"], "school/pupils:v0": ["evaluated_on"]}
    assert found["environment"] == []
    assert sorted(path.name for path in evaluated.iterdir()) == before
    assert len(call("runs", "--json").json) == 3
    text = call("reproduce", NAME, "--with", command(script)).text
    assert text.splitlines()[-1] == "3 of 3 metrics came out equal, exactly"


def test_what_does_not_come_out_equal_fails(evaluated, call):
    answer = call("reproduce", NAME, "--with", command("shifted.py"), "--json")
    assert (answer.code, answer.json["reproduced"]) == (1, False)
    first, *others = answer.json["metrics"]
    assert first["outcome"] == "differs"
    assert first["difference"] == pytest.approx(1e-6)
    assert {each["outcome"] for each in others} == {"equal"}
    near = call("reproduce", NAME, "--with", command("shifted.py"), "--tolerance", "1e-5", "--json")
    assert (near.code, near.json["metrics"][0]["outcome"]) == (0, "within tolerance")
    assert (
        "within 1e-05"
        in call("reproduce", NAME, "--with", command("shifted.py"), "--tolerance", "1e-5").text
    )


def test_a_metric_that_is_missing_fails(evaluated, call):
    (evaluated / "less.py").write_text(
        'import os; open(os.environ["EDVERSION_METRICS"], "w").write(\'{"accuracy": 0.6}\')'
    )
    answer = call("reproduce", NAME, "--with", command("less.py"), "--json")
    outcomes = [each["outcome"] for each in answer.json["metrics"]]
    assert (answer.code, outcomes) == (1, ["equal", "missing", "missing"])
    (evaluated / "nothing.py").write_text("")
    assert call("reproduce", NAME, "--with", command("nothing.py")).code == 1


def test_a_command_that_fails(evaluated, call):
    (evaluated / "broken.py").write_text("raise SystemExit(7)")
    answer = call("reproduce", NAME, "--with", command("broken.py"), "--json")
    assert (answer.code, answer.json["exit_code"], answer.json["metrics"]) == (1, 7, [])
    assert "exit code 7" in call("reproduce", NAME, "--with", command("broken.py")).text
    missing = call("reproduce", NAME, "--with", "no-such-program", "--json")
    assert (missing.code, missing.json["error"]["code"]) == (1, "no_command")


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"accuracy": "high"}', '{"accuracy": NaN}', '{"accuracy": true}']
)
def test_metrics_that_cannot_be_read(evaluated, call, text):
    (evaluated / "odd.py").write_text(
        f'import os; open(os.environ["EDVERSION_METRICS"], "w").write({text!r})'
    )
    answer = call("reproduce", NAME, "--with", command("odd.py"), "--json")
    assert (answer.code, answer.json["error"]["code"]) == (1, "illegal_metrics")


def test_the_folder_is_kept_where_one_is_named(evaluated, call):
    answer = call("reproduce", NAME, "--with", command("by_file.py"), "--folder", "kept", "--json")
    assert answer.code == 0
    kept = evaluated / "kept"
    inputs = json.loads((kept / "inputs.json").read_text())
    assert [each["version"] for each in inputs] == ["school/my-model:v0", "school/pupils:v0"]
    assert (kept / "inputs/school/my-model-v0/threshold.txt").read_text() == "0.5"
    lines = (kept / "requirements.txt").read_text().splitlines()
    assert lines[0] == "# school/my-model-evaluation:v0"
    assert lines[1].startswith("# Python 3.")
    with edversion.open() as repository:
        run = repository.version(NAME).logged_by()[0]
    assert lines[2:] == [f"{k}=={v}" for k, v in sorted(run.environment["packages"].items())]
    again = call("reproduce", NAME, "--with", command("by_file.py"), "--folder", "kept")
    assert (again.code, "not empty" in again.err) == (2, True)


def test_another_environment_is_told(evaluated, call):
    with closing(sqlite3.connect(evaluated / ".edversion" / "catalog.db")) as catalog:
        changed = "json_set(environment, '$.python', '3.9.1', '$.packages.gone', '1.0')"
        catalog.execute(f"update runs set environment = {changed} where job_type = 'evaluate'")
        catalog.commit()
    found = call("reproduce", NAME, "--with", command("by_file.py"), "--json").json
    told = {each["name"]: (each["then"], bool(each["now"])) for each in found["environment"]}
    assert told == {"package gone": ("1.0", False), "python": ("3.9.1", True)}
    assert "package gone" in call("reproduce", NAME, "--with", command("by_file.py")).text


def test_damaged_bytes_are_not_handed_over(evaluated, call):
    (evaluated / "large.bin").write_bytes(random.Random(0).randbytes(300_000))
    with edversion.init("school") as run:
        run.use_artifact(run.log_artifact(evaluated / "large.bin", type="dataset"))
        draft = edversion.Artifact("of-large", type="evaluation")
        draft.add_bytes(b"3", "x")
        run.log_metrics({"accuracy": 1.0}, version=run.log_artifact(draft))
    (evaluated / "mark.py").write_text('open("ran", "w")')
    call("reproduce", "of-large", "--with", command("mark.py"))
    (evaluated / "ran").unlink()
    packs = [path for path in (evaluated / ".edversion" / "packs").rglob("*") if path.is_file()]
    for pack in packs:
        pack.chmod(0o644)
        pack.write_bytes(bytes(byte ^ 1 for byte in pack.read_bytes()))
    answer = call("reproduce", "of-large", "--with", command("mark.py"), "--json")
    assert (answer.code, len(packs)) == (1, 1)
    assert answer.json["error"]["path"] == "large.bin"
    assert not (evaluated / "ran").exists()


def test_what_cannot_be_reproduced(evaluated, call):
    lone = call("reproduce", "pupils:v0", "--with", "true", "--json")
    assert (lone.code, lone.json["error"]["code"]) == (1, "no_metrics")
    with edversion.init("school") as run:
        draft = edversion.Artifact("bare", type="evaluation")
        draft.add_bytes(b"1", "x")
        run.log_metrics({"accuracy": 1.0}, version=run.log_artifact(draft))
    bare = call("reproduce", "bare", "--with", "true", "--json")
    assert (bare.code, bare.json["error"]["code"]) == (1, "no_inputs")
    assert call("reproduce", NAME, "--with", "'").code == 2
    assert call("reproduce", NAME, "--with", "").code == 2
    assert call("reproduce", NAME).code == 2


def test_a_variable_that_two_versions_would_share_is_left_out(evaluated, call):
    with edversion.init("school") as run:
        for number in (0, 1):
            run.use_artifact(f"pupils:v{number}", relation="evaluated_on")
        draft = edversion.Artifact("both", type="evaluation")
        draft.add_bytes(b"2", "x")
        both = run.log_artifact(draft)
        run.log_metrics({"accuracy": 1.0}, version=both)
    script = (
        "import json, os\n"
        'kinds = ("EDVERSION_INPUT_", "EDVERSION_RELATION_")\n'
        "named = sorted(key for key in os.environ if key.startswith(kinds))\n"
        'inputs = json.load(open(os.environ["EDVERSION_INPUTS"]))\n'
        "assert named == [] and len({each['path'] for each in inputs}) == 2, named\n"
        'open(os.environ["EDVERSION_METRICS"], "w").write(\'{"accuracy": 1}\')\n'
    )
    (evaluated / "two.py").write_text(script)
    assert call("reproduce", "both", "--with", command("two.py")).code == 0
