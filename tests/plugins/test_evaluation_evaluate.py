"""An evaluation is a version: its files, its lineage, its rows, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

import edversion
from edversion import InvalidInputError
from edversion_plugins.evaluation import Evaluation, Fairness, evaluate, load_evaluation

ROWS = 400


class Bench:
    """A run with a model and a dataset, and predictions of learners."""

    def __init__(self, run: edversion.Run) -> None:
        self.run = run
        self.model = _logged(run, "dropout", "model", b"weights")
        self.data = _logged(run, "learners", "dataset", b"rows")
        rng = np.random.default_rng(8)
        self.y = rng.integers(0, 2, ROWS)
        self.score = np.clip(0.3 * self.y + 0.7 * rng.random(ROWS), 0, 1)
        gender = np.array(["female", "male"], dtype=object)[rng.integers(0, 2, ROWS)]
        gender[:20] = None
        self.groups = pd.DataFrame({"gender": gender, "level": rng.integers(1, 4, ROWS)})
        self.ids = np.array([f"s{i:03}" for i in range(ROWS)])

    def evaluate(self, **given: Any) -> Evaluation:
        rows = {
            "y_true": self.y,
            "y_score": self.score,
            "groups": self.groups,
            "sample_id": self.ids,
            "run": self.run,
            "draws": 100,
        }
        return evaluate(self.model, self.data, **rows | given)


def _logged(run: edversion.Run, name: str, type: str, content: bytes) -> edversion.Version:
    draft = edversion.Artifact(name, type=type)
    draft.add_bytes(content, "content.bin")
    return run.log_artifact(draft)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with edversion.init("test", store=tmp_path / "store") as run:
        yield Bench(run)


def test_evaluations_are_compared_by_group_as_their_models_are(bench: Bench) -> None:
    first = bench.evaluate()
    second = bench.evaluate(y_score=np.clip(bench.score * 0.9, 0, 1))
    repository = bench.run.repository

    def by_group(version: edversion.Version) -> dict[tuple[str, str | None], float]:
        found = repository.metrics(version)
        return {(row.key, row.slice): row.value for row in found if row.slice}

    assert by_group(second.version) == by_group(bench.model)  # of which the second is the newer
    assert {slice for _, slice in by_group(first.version)} == set(first.content["slices"])
    comparison = repository.compare(first.version, second.version)
    assert "groups" in {section.name for section in comparison.sections}
    worst = repository.leaderboard("dropout-evaluation", "auc").standings[0].worst
    assert worst is not None
    assert worst.slice in first.content["slices"]


def test_lines_for_people_say_what_is_hidden_and_which_class_is_the_positive(
    bench: Bench,
) -> None:
    groups = bench.groups["gender"].fillna("female").mask(np.arange(ROWS) < 3, "other")
    said = bench.evaluate(groups={"gender": groups}, y_true=np.where(bench.y, "stays", "goes"))
    lines = str(said).splitlines()
    assert "The positive class is stays." in lines
    assert (
        "2 groups are not shown: fewer than 10 learners, or such a group would follow from it."
    ) in lines
    plain = str(bench.evaluate())
    assert "not shown" not in plain
    assert "positive" not in plain


def test_an_evaluation_is_a_version_of_its_own(bench: Bench) -> None:
    found = bench.evaluate()
    assert found.version.reference == "test/dropout-evaluation:v0"
    assert found.version.type == "evaluation"
    assert [entry.path for entry in found.version.files()] == [
        "evaluation.json",
        "predictions.parquet",
    ]
    assert found.version.metadata["model"] == "test/dropout:v0"
    edges = bench.run.repository.lineage(found.version, depth=1)
    assert {(edge.source.reference, edge.relation) for edge in edges} == {
        ("test/dropout:v0", "evaluates"),
        ("test/learners:v0", "evaluated_on"),
    }


def test_the_file_says_what_was_measured_and_how(bench: Bench) -> None:
    found = bench.evaluate(intersections=True)
    known = json.loads(found.version.read_bytes("evaluation.json"))
    assert known == found.content
    assert (known["edversion"], known["format"], known["task"]) == ("evaluation", 1, "binary")
    assert (known["threshold"], known["positive"], known["classes"]) == (0.5, "1", ["0", "1"])
    auc = known["metrics"]["auc"]
    assert auc["value"] == pytest.approx(roc_auc_score(bench.y, bench.score))
    assert auc["low"] < auc["value"] < auc["high"]
    assert auc["n"] == ROWS
    assert {"gender=missing", "gender=male,level=1", "level=3"} <= set(known["slices"])
    assert known["slices"]["gender=missing"]["n"] == 20
    assert set(known["definitions"]) == set(known["metrics"])
    assert known["definitions"]["auc"]["ties"] == "a pair of equal scores counts one half"
    assert known["definitions"]["tpr"]["parameters"] == {"threshold": 0.5}
    assert known["definitions"]["ece"]["parameters"]["bins"] == 10
    assert known["settings"] == {
        "min_group": 10,
        "level": 0.95,
        "draws": 100,
        "seed": 0,
        "groups": ["gender", "level"],
        "resampled": "rows",
        "sample_id": "given",
    }
    assert known["model"] == {"reference": "test/dropout:v0", "digest": bench.model.digest}
    fairness = known["fairness"]
    assert fairness["comparisons"] == 24
    gap = fairness["attributes"]["level"]["metrics"]["abroca"]
    assert gap["test"]["verdict"] in ("differ", "cannot tell")
    assert 0 <= gap["low"] <= gap["high"]
    assert fairness["attributes"]["gender"]["unknown"] == 0
    assert len(fairness["attributes"]["level"]["areas"]) == 3
    assert set(fairness["attributes"]["level"]["calibration"]) == {"1", "2", "3"}


def test_the_same_evaluation_is_the_same_version(bench: Bench) -> None:
    first, again = bench.evaluate(), bench.evaluate()
    assert first.version == again.version
    assert bench.evaluate(seed=1).version != first.version


def test_metrics_can_be_searched_with_intervals_and_slices(bench: Bench) -> None:
    found = bench.evaluate()
    rows = bench.run.repository.metrics(bench.model)
    assert {row.dataset for row in rows} == {"test/learners:v0"}
    assert {row.split for row in rows} == {"test"}
    by_key = {(row.key, row.slice): row for row in rows}
    whole, part = by_key["auc", None], by_key["tpr", "gender=missing"]
    assert (whole.value, whole.n) == (found.metrics["auc"].value, ROWS)
    assert (whole.low, whole.high) == (found.metrics["auc"].low, found.metrics["auc"].high)
    assert part.low is not None
    assert by_key["fair/gender/abroca", None].high is not None
    search = bench.run.repository.search
    assert search("metrics.auc > 0.5", type="evaluation") == (found.version,)


def test_rows_come_back_as_they_were(bench: Bench) -> None:
    owner = np.arange(ROWS) // 2
    bench.groups["gender"] = bench.groups["gender"].astype("category")
    made = bench.evaluate(cluster=owner, y_pred=bench.y[::-1])
    found = load_evaluation(made.version.reference, repository=bench.run.repository)
    assert found.version == made.version
    assert found.content == made.content
    assert found.metrics == made.metrics
    assert found.task == "binary"
    rows = found.predictions
    assert rows.sample_id.tolist() == bench.ids.tolist()
    assert rows.y_true.tolist() == bench.y.tolist()
    assert rows.y_pred is not None
    assert rows.y_pred.tolist() == bench.y[::-1].tolist()
    assert rows.y_score is not None
    assert rows.y_score.tolist() == bench.score.tolist()
    assert rows.cluster is not None
    assert rows.cluster.tolist() == owner.tolist()
    assert rows.groups["gender"][:21].tolist()[:20] == [None] * 20
    assert rows.groups["level"].tolist() == bench.groups["level"].tolist()
    assert found.content["learners"] == ROWS // 2
    assert found.content["settings"]["resampled"] == "learners"


def test_what_is_no_evaluation_is_not_loaded(bench: Bench) -> None:
    with pytest.raises(InvalidInputError, match="test/dropout:v0 is a model, no evaluation"):
        load_evaluation(bench.model)
    later = edversion.Artifact("later", type="evaluation")
    later.add_bytes(b'{"edversion": "evaluation", "format": 2}', "evaluation.json")
    with pytest.raises(InvalidInputError, match="is of format 2; this program reads up to 1"):
        load_evaluation(bench.run.log_artifact(later))


def test_several_classes_have_a_score_each(bench: Bench) -> None:
    rng = np.random.default_rng(1)
    names = np.array(["fail", "pass", "merit"])
    y = names[rng.integers(0, 3, ROWS)]
    score = rng.dirichlet(np.ones(3), ROWS)
    made = bench.evaluate(y_true=y, y_pred=y, y_score=score)
    assert made.task == "multiclass"
    assert made.metrics["macro_recall"].value == 1
    with made.version.open("predictions.parquet") as file:
        columns = pq.read_schema(file).names
    assert columns[:3] == ["sample_id", "y_true", "y_pred"]
    assert columns[3:6] == ["y_score.fail", "y_score.merit", "y_score.pass"]
    loaded = load_evaluation(made.version).predictions.y_score
    np.testing.assert_array_equal(loaded, score)


def test_numbers_are_a_regression(bench: Bench) -> None:
    truth = np.random.default_rng(2).normal(size=ROWS)
    made = bench.evaluate(y_true=truth, y_pred=truth + 0.5, y_score=None)
    assert made.task == "regression"
    assert made.metrics["mean_error"].value == pytest.approx(0.5)
    assert made.content["classes"] == []
    assert made.report is not None
    assert made.report.attributes[0].gap("mae_difference") is not None


def test_knowledge_tracing_leaves_first_interactions_out_of_the_next_step(bench: Bench) -> None:
    owner = np.random.default_rng(3).integers(0, 60, ROWS)
    made = bench.evaluate(cluster=owner, task="knowledge-tracing")
    later = pd.Series(owner).duplicated().to_numpy()
    assert made.task == "knowledge-tracing"
    assert made.metrics["next_step_auc"].n == later.sum()
    assert made.metrics["next_step_auc"].value == pytest.approx(
        roc_auc_score(bench.y[later], bench.score[later])
    )
    assert made.metrics["auc"].value == pytest.approx(roc_auc_score(bench.y, bench.score))
    assert made.metrics["auc"].method == "Obuchowski by learner, logit"


def test_only_the_metrics_asked_for(bench: Bench) -> None:
    made = bench.evaluate(metrics=["auc", "brier"], fairness=Fairness("level", min_group=5))
    assert list(made.metrics) == ["auc", "brier"]
    assert set(made.content["slices"]["level=1"]["metrics"]) == {"auc", "brier"}
    assert made.content["settings"]["min_group"] == 5
    assert list(made.content["fairness"]["attributes"]) == ["level"]


def test_metrics_measured_elsewhere_are_recorded(bench: Bench) -> None:
    values = {"ndcg@10": {"value": 0.7, "n": 50, "low": 0.6, "high": 0.8}, "clicks": 3}
    made = bench.evaluate(metrics=values)
    assert made.metrics["clicks"].value == 3
    assert made.content["definitions"]["clicks"] == {
        "name": "clicks",
        "source": "given by the caller",
    }
    rows = {row.key: row for row in bench.run.repository.metrics(bench.model) if not row.slice}
    assert (rows["ndcg@10"].n, rows["ndcg@10"].low, rows["clicks"].n) == (50, 0.6, None)


def test_without_a_run_it_makes_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with edversion.init("test", store=tmp_path / "store") as run:
        model = _logged(run, "m", "model", b"m")
    rows: dict[str, Any] = {"y_true": [0, 1] * 5, "y_pred": [0, 1] * 5, "draws": 100}
    made = evaluate(model, **rows)
    monkeypatch.setenv("EDVERSION_STORE", str(tmp_path / "store"))
    assert evaluate("m", **rows).version == made.version
    assert load_evaluation("m-evaluation").metrics["accuracy"].value == 1
    with edversion.open() as repository:
        assert evaluate("m", repository=repository, **rows).version == made.version
        assert {run.job_type for run in repository.runs()} == {None, "evaluate"}
        assert repository.collections()  # it was not closed


BAD: list[tuple[dict[str, Any], str]] = [
    ({"y_score": [0.5] * 3}, r"y_score has 3 rows, y_true has 400"),
    ({"sample_id": ["a"] * 3}, r"sample_id has 3 rows, y_true has 400"),
    ({"cluster": [1, 2]}, r"cluster has 2 rows, y_true has 400"),
    ({"groups": {"gender": ["f"]}}, r"groups\['gender'\] has 1 rows, y_true has 400"),
    ({"y_score": [float("nan")] * ROWS}, r"y_score holds NaN in 400 of 400 rows, first in row 0"),
    ({"y_true": [None, 1] * 200}, r"y_true holds missing values in 200 of 400 rows"),
    ({"sample_id": [*range(399), 7]}, r"sample_id 7 occurs 2 times"),
    ({"sample_id": [*range(399), None]}, r"sample_id is missing in some rows"),
    ({"sample_id": np.arange(ROWS) / 2}, r"sample_id holds fractions"),
    ({"groups": {"y_pred": ["f"] * ROWS}}, r"an attribute cannot be called 'y_pred'"),
    ({"groups": ["f"] * ROWS}, r"groups must be a mapping or a data frame"),
    ({"metrics": ["mae"]}, r"mae does not fit a binary task"),
    ({"metrics": ["roc_auc"]}, r"unknown metric 'roc_auc'; it is auc here"),
    ({"metrics": ["acuracy"]}, r"unknown metric 'acuracy'; did you mean accuracy"),
    ({"metrics": ["next_step_auc"]}, r'next_step_auc needs task="knowledge-tracing"'),
    ({"metrics": []}, r"metrics is empty"),
    ({"metrics": {"auc": 0.5}}, r"auc is computed here"),
    ({"metrics": {"x": float("inf")}}, r"metric 'x' is inf; give a finite number"),
    ({"metrics": {"x": {"value": 1, "N": 3}}}, r"metric 'x' is .*; give a finite number"),
    ({"task": "ranking"}, r"a ranking needs four columns"),
    ({"task": "binry"}, r"task is 'binry'; choose one of 'binary'"),
    ({"task": "knowledge-tracing"}, r"knowledge tracing needs cluster="),
    ({"fairness": "gender"}, r"fairness must be Fairness"),
    ({"fairness": Fairness("age")}, r"groups has no column 'age'"),
    ({"min_group": 0}, r"min_group is 0"),
    ({"threshold": 2}, r"threshold is 2"),
    ({"level": 2.0}, r"level is 2.0"),
    ({"y_score": None}, r"give y_pred, y_score or both"),
]


@pytest.mark.parametrize(("given", "message"), BAD)
def test_bad_input_is_refused_and_nothing_is_recorded(
    bench: Bench, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        bench.evaluate(**given)
    repository = bench.run.repository
    assert [each.name for each in repository.collections()] == ["dropout", "learners"]
    assert not repository.metrics()


@pytest.mark.parametrize(
    "name",
    ["emotion_accuracy", "affectRecognition", "facial_engagement", "mood", "boredom-f1", "affect"],
)
def test_emotion_recognition_is_refused_with_the_reason(bench: Bench, name: str) -> None:
    with pytest.raises(InvalidInputError, match=r"Article 5\(1\)\(f\), forbids") as caught:
        bench.evaluate(metrics={name: 0.9})
    assert caught.value.code == "emotion_recognition"
    made = bench.evaluate(metrics={name: 0.9}, emotion_exemption="epilepsy alarm (safety)")
    assert made.content["emotion_exemption"] == "epilepsy alarm (safety)"


@pytest.mark.parametrize("name", ["treatment_effect", "confusion", "interface_time", "remoodled"])
def test_other_names_are_not_taken_for_it(bench: Bench, name: str) -> None:
    assert bench.evaluate(metrics={name: 0.9}).metrics[name].value == 0.9


def test_learners_of_unknown_group_are_not_those_of_a_group_called_missing(bench: Bench) -> None:
    group = np.array(["missing", "known"], dtype=object)[np.arange(ROWS) % 2]
    group[:30] = None
    slices = bench.evaluate(groups={"g": group}).content["slices"]
    sizes = {name: each["n"] for name, each in slices.items()}
    assert sizes == {"g=known": 185, "g=missing": 185, "g=missing (no value)": 30}


def test_groups_of_every_kind_can_be_stored(bench: Bench) -> None:
    kinds = {
        "mixed": np.array([1, "x", None, True] * 100, dtype=object),
        "truth": np.arange(ROWS) % 2 == 0,
        "whole": np.where(np.arange(ROWS) % 3 == 0, np.nan, 1.0),
    }
    made = bench.evaluate(groups=kinds)
    rows = load_evaluation(made.version).predictions.groups
    assert rows["mixed"][:4].tolist() == ["1", "x", None, "True"]
    assert rows["truth"].dtype == bool
    assert made.content["slices"]["whole=missing"]["n"] == 134
