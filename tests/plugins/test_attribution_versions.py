"""Attribution of versions: models are loaded and run, data are read, the answer may be kept."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.svm import LinearSVC

import edversion
from edversion import InvalidInputError, NotFoundError
from edversion.cli.application import Application
from edversion_plugins.attribution import VERDICTS, attribute, log_attribution
from edversion_plugins.attribution.commands import edversion_register_commands
from edversion_plugins.attribution.scoring import METRICS
from edversion_plugins.attribution.tables import read_table
from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.evaluation.paired import auc_difference
from edversion_plugins.evaluation.units import read_units
from edversion_plugins.sklearn import log_model
from edversion_plugins.tracking import log_dataset

QUICK: dict[str, Any] = {"draws": 200}


def learners(seed: int, harder: float, rows: int = 1500) -> Any:
    """Draw learners who pass by reading and maths."""
    rng = np.random.default_rng(seed)
    reading, maths = rng.normal(size=rows), rng.normal(size=rows)
    chance = 1 / (1 + np.exp(-(2 * reading + 2 * maths)))
    passed = (rng.random(rows) < chance).astype(int)
    noise = rng.random(rows) < harder  # later, results follow nothing for some of them
    passed = np.where(noise, rng.integers(0, 2, rows), passed)
    course = np.where(rng.random(rows) < 0.5, "art", "law")
    ids = [f"learner {seed} {at}" for at in range(rows)]
    return pd.DataFrame(
        {"reading": reading, "maths": maths, "passed": passed, "course": course, "id": ids}
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Log two models, of which the new one sees more, and two data sets, the new one noisier."""
    store = tmp_path_factory.mktemp("attribution") / "store"
    training = learners(0, 0.0)
    old, new = learners(1, 0.0), learners(2, 0.5)
    with edversion.init("school", store=store) as run:
        for columns in (["reading"], ["reading", "maths"]):
            model = LogisticRegression().fit(training[columns], training["passed"])
            log_model(run, model, name="pass", datasets="off")
        forest = RandomForestClassifier(2, random_state=0).fit(
            training[columns], training["passed"]
        )
        log_model(run, forest, name="forest", datasets="off")
        log_dataset(run, old, "exam")
        log_dataset(run, new, "exam")
        log_dataset(run, {"X": new[["reading", "maths"]], "y": new["passed"]}, "apart")
        draft = edversion.Artifact("files", "dataset")
        draft.add_bytes(old.to_csv(index=False).encode(), "exam.csv")
        draft.add_bytes(b"of whom and when", "README")
        run.log_artifact(draft)
        draft = edversion.Artifact("bare", "model")
        draft.add_bytes(b"weights", "weights.bin")
        run.log_artifact(draft)
    return store


@pytest.fixture
def repository(store: Path) -> Iterator[edversion.Repository]:
    with edversion.open(store, project="school") as opened:
        yield opened


def test_models_are_loaded_and_run_on_both_data_sets(repository: edversion.Repository) -> None:
    found = attribute(
        "pass:v0", "pass:v1", old_data="exam:v0", new_data="exam:v1", target="passed",
        strata="course", cluster="id", repository=repository, **QUICK,
    )  # fmt: skip
    assert found.verdict == "not separable" or found.verdict.startswith("assessment")
    assert found.crossing.model.low > 0  # the new model sees maths, too
    assert found.crossing.data.high < 0
    assert "model improvement" in found.ruling.also
    assert found.versions["new"] == "school/pass:v1"
    assert found.mixture is not None
    assert found.settings["strata"] == ["course"]
    frame = read_table(repository.version("exam:v0")).frame
    model = LogisticRegression().fit(*(learners(0, 0.0)[c] for c in (["reading"], "passed")))
    right = (model.predict(frame[["reading"]]) == frame["passed"]).mean()
    assert found.crossing.old_on_old.value == pytest.approx(right)


def test_data_are_read_however_they_were_logged(repository: edversion.Repository) -> None:
    whole = read_table(repository.version("exam:v1"))
    apart = read_table(repository.version("apart:v0"))
    assert apart.target == "passed"
    assert apart.frame["passed"].tolist() == whole.frame["passed"].tolist()
    files = read_table(repository.version("files:v0"))
    assert list(files.frame.columns) == list(whole.frame.columns)
    first = attribute(
        "pass:v0", "pass:v1", old_data="files:v0", new_data="apart:v0", target="passed",
        repository=repository, **QUICK,
    )  # fmt: skip
    again = attribute(
        "pass:v0", "pass:v1", old_data="exam:v0", new_data="exam:v1", target="passed",
        repository=repository, **QUICK,
    )  # fmt: skip
    assert first.crossing == again.crossing


def test_a_function_may_predict_for_what_no_adapter_loads(
    repository: edversion.Repository,
) -> None:
    asked = []

    def predict(model: Any, frame: Any) -> Any:
        asked.append((model.reference, list(frame.columns)))
        return (frame["reading"] > 0).astype(int)

    found = attribute(
        "bare", "bare", old_data="exam:v0", new_data="exam:v0", target="passed",
        features=["reading"], predict=predict, repository=repository, **QUICK,
    )  # fmt: skip
    assert asked == [("school/bare:v0", ["reading"])] * 4
    assert found.verdict in {"no change", "not enough data"}
    assert found.crossing.total.value == 0


def test_probabilities_and_numbers_have_their_metrics() -> None:
    old, new = learners(1, 0.0), learners(2, 0.5)
    columns = ["reading", "maths"]
    models = [LogisticRegression(C=c).fit(old[columns], old["passed"]) for c in (1e-4, 1.0)]
    found = attribute(*models, old_data=old, new_data=new, target="passed", metric="brier", **QUICK)
    chance = models[0].predict_proba(old[columns])[:, 1]
    assert found.crossing.old_on_old.value == pytest.approx(((chance - old["passed"]) ** 2).mean())
    assert found.better == "lower"
    lines = [LinearRegression().fit(old[part], old["maths"]) for part in (["reading"], columns)]
    found = attribute(*lines, old_data=old, new_data=new, target="maths", metric="mae",
                      features=None, **QUICK)  # fmt: skip
    assert found.verdict == "model improvement"


def test_the_area_under_the_curve_is_attributed() -> None:
    old, new = learners(1, 0.0), learners(2, 0.5, rows=1000)
    columns = ["reading", "maths"]
    models = [LogisticRegression().fit(old[part], old["passed"]) for part in (["reading"], columns)]
    found = attribute(*models, old_data=old, new_data=new, target="passed", metric="roc_auc")
    areas = [
        roc_auc_score(data["passed"], model.predict_proba(data[model.feature_names_in_])[:, 1])
        for model in models
        for data in (old, new)
    ]
    c = found.crossing
    cells = (c.old_on_old, c.old_on_new, c.new_on_old, c.new_on_new)
    assert [each.value for each in cells] == pytest.approx(areas)
    assert (found.metric, found.better) == ("auc", "higher")
    assert found.verdict in VERDICTS
    assert "Pairs of learners put in the right order went from" in found.sentences[1]
    with pytest.raises(InvalidInputError, match="0 of the positive class among"):
        attribute(*models, old_data=old, new_data=new[new["passed"] == 0], target="passed",
                  metric="auc")  # fmt: skip


@pytest.mark.parametrize("each", [1, 4])
def test_intervals_of_areas_are_delongs(each: int) -> None:
    data = learners(1, 0.0, rows=1000)
    data["id"] = data["id"].to_numpy()[np.arange(1000) // each]
    models = [
        LinearSVC().fit(data[part], data["passed"]) for part in (["reading"], ["reading", "maths"])
    ]
    found = attribute(*models, old_data=data, new_data=data, target="passed", metric="auc",
                      cluster="id", draws=2000)  # fmt: skip
    scores = [model.decision_function(data[model.feature_names_in_]) for model in models]
    units = read_units(data["id"].to_numpy(), 1000)
    known = auc_difference(data["passed"].to_numpy(), *scores, units, Uncertainty())
    assert known is not None
    effect = found.crossing.model
    assert effect.value == pytest.approx(known.value)
    assert (effect.low, effect.high) == pytest.approx((known.low, known.high), abs=0.004)
    assert found.crossing.data.value == pytest.approx(0)


def test_a_metric_of_ones_own_says_which_values_are_better() -> None:
    data = learners(1, 0.0)
    model = LogisticRegression().fit(data[["reading"]], data["passed"])

    def missed(true: Any, predicted: Any) -> Any:
        return (true == 1) & (predicted == 0)

    found = attribute(model, model, old_data=data, new_data=data, target="passed", metric=missed,
                      better="lower", **QUICK)  # fmt: skip
    assert found.metric == "missed"
    assert 0 < found.crossing.old_on_old.value < 0.5
    with pytest.raises(InvalidInputError, match='better="higher"'):
        attribute(model, model, old_data=data, new_data=data, target="passed", metric=missed)


def test_answers_to_items_are_linked() -> None:
    pytest.importorskip("girth")
    rng = np.random.default_rng(5)

    def answers(items: dict[str, float], term: str) -> Any:
        theta = rng.normal(size=600)
        rows = [
            (f"{term} {at}", item, ability - hard, int(rng.logistic() < ability - hard))
            for at, ability in enumerate(theta)
            for item, hard in items.items()
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["learner", "item", "ease", "right"])

    common = {"a": -1.0, "b": 0.0, "c": 0.5, "d": 1.0}
    old = answers(common | {"e": -2.0, "f": -2.0}, "old")
    new = answers(common | {"g": 0.3, "h": 0.3}, "new")

    def guess(model: Any, frame: Any) -> Any:
        return np.ones(len(frame), dtype=int)

    found = attribute(
        0, 0, old_data=old, new_data=new, target="right", cluster="learner", items="item",
        predict=guess, **QUICK,
    )  # fmt: skip
    assert found.linking is not None
    assert found.verdict == "assessment or data got harder"
    assert found.linking.items.high < 0
    assert not found.linking.learners.is_clear
    assert "4 questions that are in both tests" in " ".join(found.sentences)
    unlinked = attribute(
        0, 0, old_data=old[old["item"] > "c"], new_data=new, target="right", cluster="learner",
        items="item", predict=guess, **QUICK,
    )  # fmt: skip
    assert unlinked.verdict == "not separable"
    assert "in common" in unlinked.notes[0]
    spelt = [each.assign(right=each["right"] + 1) for each in (old, new)]  # 1 wrong, 2 right
    typed = attribute(
        0, 0, old_data=spelt[0], new_data=spelt[1], target="right", cluster="learner",
        items="item", positive="2", predict=lambda *_: guess(*_) + 1, **QUICK,
    )  # fmt: skip
    assert typed.linking is not None
    assert typed.linking.items == found.linking.items
    with pytest.raises(InvalidInputError, match="cluster="):
        attribute(0, 0, old_data=old, new_data=new, target="right", items="item", predict=guess)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "grade"}, "target 'grade' is no column"),
        ({"target": None}, "which column is the truth"),
        ({"features": ["age"]}, "feature 'age' is no column"),
        ({"strata": "school"}, "stratum 'school' is no column"),
        ({"covariates": ["school"]}, "covariate 'school' is no column"),
        ({"cluster": "school"}, "cluster 'school' is no column"),
        ({"metric": "rmse"}, "rmse is no mean over rows.*mse or mae"),
        ({"metric": "auc", "strata": "course"}, "auc is no mean .* split by strata.*brier"),
        ({"metric": "auc", "covariates": "reading"}, "auc is no mean .* split by covariates"),
        ({"metric": "grit"}, "unknown metric 'grit'"),
        ({"metric": "mae", "target": "course"}, "must hold numbers"),
        ({"predict": lambda model, frame: [1]}, "1 predictions for 1500 rows"),
        ({"level": 2.0}, "level is 2.0"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], message: str) -> None:
    data = learners(1, 0.0)
    model = LogisticRegression().fit(data[["reading"]], data["passed"])
    given = {"old_data": data, "new_data": data, "target": "passed"} | options
    with pytest.raises(InvalidInputError, match=message):
        attribute(model, model, **given)


def test_a_metric_that_reads_emotions_is_refused() -> None:
    def frustration(true: Any, predicted: Any) -> Any:
        return true

    data = learners(1, 0.0)
    with pytest.raises(InvalidInputError, match="emotion recognition"):
        attribute(0, 0, old_data=data, new_data=data, metric=frustration, better="lower")


def test_what_cannot_be_loaded_is_named(repository: edversion.Repository) -> None:
    data = {"old_data": "exam:v0", "new_data": "exam:v0", "target": "passed"}
    with pytest.raises(InvalidInputError, match=r"names no framework.*give predict=") as caught:
        attribute("bare", "pass:v1", repository=repository, **data)
    assert caught.value.code == "no_loader"
    with pytest.raises(InvalidInputError, match="a int does not predict"):
        attribute(1, 1, repository=repository, **data)
    with pytest.raises(NotFoundError, match="0 tables among its 1 files"):
        attribute("pass:v0", "pass:v1", repository=repository,
                  **{**data, "new_data": "bare"})  # fmt: skip


def test_an_attribution_is_kept_with_its_lineage(tmp_path: Path) -> None:
    data = learners(1, 0.0, rows=200)
    with edversion.init("school", store=tmp_path / "store") as run:
        model = LogisticRegression().fit(data[["reading"]], data["passed"])
        version = log_model(run, model, name="pass", datasets="off")
        exam = log_dataset(run, data, "exam")
        found = attribute(version, version, old_data=exam, new_data=exam, target="passed", **QUICK)
        kept = log_attribution(run, found)
        again = log_attribution(run, found)
        edges = {
            (edge.source.reference, edge.relation)
            for edge in run.repository.lineage(kept)
            if edge.source.type != "attribution"
        }
        with pytest.raises(InvalidInputError, match="give name="):
            log_attribution(run, attribute(model, model, old_data=exam, new_data=exam,
                                           target="passed", **QUICK))  # fmt: skip
    assert kept == again  # equal numbers are the same version
    assert kept.type == "attribution"
    assert kept.name == "pass-attribution"
    assert kept.metadata["verdict"] == found.verdict
    assert json.loads(kept.read_bytes("attribution.json")) == found.as_json()
    assert ("school/pass:v0", "evaluates") in edges
    assert ("school/exam:v0", "evaluated_on") in edges


def call(store: Path, *arguments: str) -> Any:
    group = Application(name="edversion")
    edversion_register_commands(group)
    given = ["attribute", *arguments, "--store", str(store), "--project", "school"]
    return CliRunner().invoke(group, given, catch_exceptions=False)


DATA = ["--old-data", "exam:v0", "--new-data", "exam:v1", "--target", "passed", "--draws", "200"]


def test_the_command_answers_in_sentences_and_a_table(store: Path) -> None:
    answer = call(store, "pass:v0", "pass:v1", *DATA)
    assert answer.exit_code == 0, answer.output
    assert answer.output.startswith("Verdict: assessment or data got harder\n")
    assert "The new data are harder" in answer.output
    assert "model effect" in answer.output
    assert "Also clear: model improvement." in answer.output
    same = call(store, "pass:v0", "pass:v0", *DATA, "--metric", "brier").output
    assert re.search(r"model effect +0\.0000 +0\.0000 +0\.0000\n", same)


def test_the_command_answers_in_json_and_keeps_the_answer(store: Path) -> None:
    answer = call(store, "pass:v0", "pass:v1", *DATA, "--covariate", "reading", "--strata",
                  "course", "--log", "--json")  # fmt: skip
    assert answer.exit_code == 0, answer.output
    document = json.loads(answer.output)
    assert document["version"] == "school/pass-attribution:v0"
    assert document["shift"]["shared"] > 0.9
    assert document["shift"]["relationship"]["high"] < 0
    assert document["verdict"] == "relationship changed"
    assert document["settings"]["split_by"] == ["strata", "covariates"]


def test_the_command_takes_a_function_that_predicts(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "guessing_all.py").write_text("def all_pass(model, frame): return [1] * len(frame)")
    monkeypatch.syspath_prepend(str(tmp_path))
    answer = call(store, "bare", "bare", *DATA, "--predict", "guessing_all:all_pass", "--json")
    sys.modules.pop("guessing_all", None)
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.output)["crossing"]["model"]["value"] == 0
    answer = call(store, "bare", "bare", *DATA, "--predict", "guessing_all:nobody")
    assert answer.exit_code == 1


def test_the_command_says_how_to_trust_a_model(store: Path) -> None:
    refused = call(store, "forest", "pass:v1", *DATA)
    assert refused.exit_code == 3
    trust = "--trust sklearn.tree._tree.Tree"
    assert f"On the command line: {trust}" in " ".join(refused.output.split())
    assert call(store, "forest", "pass:v1", *DATA, *trust.split()).exit_code == 0


def test_the_command_names_its_metrics(store: Path) -> None:
    told = call(store, "--help").output
    assert all(name in told for name in METRICS)


def test_the_command_says_what_is_wrong(store: Path) -> None:
    answer = call(store, "pass:v0", "pass:v1", *DATA, "--metric", "rmse", "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.output)["error"]["code"] == "unknown_metric"
