"""What `evaluate` measures, and what it records for the version."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

import edversion
from edversion_plugins.evaluation import Fairness, load_evaluation
from edversion_plugins.sklearn import Versioned, log_model
from edversion_plugins.tracking import Monitor

FAIR = Fairness("gender", bounds={"abroca": 1.0})
UNFAIR = Fairness("gender", bounds={"abroca": 0.0})


def trained(learners: Any, place: dict[str, str], **more: Any) -> Versioned:
    return Versioned(LogisticRegression(), "risk", **place, **more).fit(learners.X, learners.y)


def test_values_are_those_of_scikit_learn(learners: Any, place: dict[str, str]) -> None:
    weights = np.linspace(0.1, 2, 200)
    model = trained(learners, place)
    found = model.evaluate(learners.X, learners.y, sample_weight=weights).metrics
    known = {"y_true": learners.y, "sample_weight": weights}
    predicted, risk = model.predict(learners.X), model.predict_proba(learners.X)[:, 1]
    assert found == {
        "accuracy": metrics.accuracy_score(y_pred=predicted, **known),
        "balanced_accuracy": metrics.balanced_accuracy_score(y_pred=predicted, **known),
        "f1": metrics.f1_score(y_pred=predicted, **known),
        "precision": metrics.precision_score(y_pred=predicted, **known),
        "recall": metrics.recall_score(y_pred=predicted, **known),
        "roc_auc": metrics.roc_auc_score(y_score=risk, **known),
        "log_loss": metrics.log_loss(learners.y, risk, sample_weight=weights),
        "brier": metrics.brier_score_loss(learners.y, risk, sample_weight=weights),
    }


def test_each_kind_has_its_measures(learners: Any, place: dict[str, str]) -> None:
    X, y = learners.X, learners.y

    def keys(estimator: Any, target: Any) -> set[str]:
        model = Versioned(estimator, "m", **place).fit(X, target)
        return set(model.evaluate(X, target).metrics)

    assert keys(LinearRegression(), X["maths"]) == {"mae", "r2", "rmse"}
    assert keys(KMeans(2, n_init=1, random_state=0), y) == {"score"}
    labels = {"accuracy", "balanced_accuracy", "f1", "precision", "recall", "roc_auc"}
    assert keys(LinearSVC(), y) == labels
    assert keys(LogisticRegression(), y.map({0: "stays", 1: "leaves"})) == {
        *labels,
        "brier",
        "log_loss",
    }
    assert keys(DummyClassifier(), np.column_stack([y, y])) == {"accuracy"}


def test_several_classes_and_one_class(learners: Any, place: dict[str, str]) -> None:
    X, y = load_iris(return_X_y=True)
    model = Versioned(LogisticRegression(max_iter=500), "iris", **place).fit(X, y)
    found = model.evaluate(X, y).metrics
    assert set(found) == {"accuracy", "balanced_accuracy", "f1_macro", "log_loss", "roc_auc"}
    assert found["roc_auc"] > 0.9
    assert set(model.evaluate(X[:50], y[:50]).metrics) == {"accuracy", "f1_macro", "log_loss"}


def test_everything_is_recorded_for_the_version(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    model = trained(learners, place, fairness=FAIR)
    found = model.evaluate(learners.X, learners.y, groups=learners.groups)
    version = repository.version("risk")
    assert found.version == version.reference
    rows = {(row.key, row.slice): row for row in repository.metrics(version)}
    area = rows["roc_auc", None]
    assert (area.value, area.n, area.split) == (found.metrics["roc_auc"], 200, "test")
    assert area.dataset == found.dataset == "test/risk-test:v0"
    assert area.step == version.metadata["step"]
    assert rows["fair/gender/abroca", None].value == pytest.approx(
        found.reports[0].attributes[0].gap("abroca").value
    )
    assert rows["tpr", "gender=f"].n == int(
        ((learners.groups["gender"] == "f") & (learners.y == 1)).sum()
    )
    assert {"fairness:checked", "fairness:gender:abroca"} <= set(version.tags)
    assert version.metadata["fairness"]["passes"] is True
    assert {"best", "candidate", "final", "latest"} == set(version.aliases)
    edges = {(e.relation, e.source.reference) for e in repository.lineage(version, depth=1)}
    assert ("evaluated_on", "test/risk-test:v0") in edges
    assert not any(e.source == version for e in repository.lineage("risk-test", depth=1))


def test_the_candidate_is_the_best_within_the_bounds(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    for estimator, fairness in [
        (DummyClassifier(), FAIR),
        (LogisticRegression(), FAIR),
        (LogisticRegression(C=1e-5), UNFAIR),
    ]:
        model = Versioned(estimator, "risk", fairness=fairness, **place)
        model.fit(learners.X, learners.y)
        model.evaluate(learners.X, learners.y, groups=learners.groups)
        if fairness is FAIR:
            assert repository.version("risk:candidate").reference == model.version_
    with pytest.raises(edversion.NotFoundError):
        repository.version("risk:candidate")  # what it pointed at is not within the new bounds


def test_to_repeat_a_weaker_fit_moves_no_candidate(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    for estimator in (LogisticRegression(), DummyClassifier(), DummyClassifier()):
        model = Versioned(estimator, "risk", fairness=FAIR, **place)
        model.fit(learners.X, learners.y)
        model.evaluate(learners.X, learners.y, groups=learners.groups)
    model.fit(learners.X, learners.y)
    holders = {each.name: each.number for each in repository.aliases("risk")}
    assert holders == {"best": 0, "candidate": 0, "final": 1, "latest": 1}


def test_who_is_best_is_decided_by_the_monitor(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    for monitor, best in (("log_loss", 1), (Monitor("log_loss", "max"), 0), ("accuracy", 1)):
        name = f"by-{monitor if isinstance(monitor, str) else 'own'}"
        for c in (1e-6, 1.0):
            model = Versioned(LogisticRegression(C=c), name, monitor=monitor, **place)
            model.fit(learners.X, learners.y).evaluate(learners.X, learners.y)
        assert repository.version(f"{name}:best").number == best


def test_groups_without_fairness_are_all_measured(learners: Any, place: dict[str, str]) -> None:
    model = trained(learners, place)
    found = model.evaluate(learners.X, learners.y, groups=learners.groups)
    assert [each.name for each in found.reports[0].attributes] == ["gender", "ses"]
    one = model.evaluate(learners.X, learners.y, groups=learners.groups["ses"])
    assert [each.name for each in one.reports[0].attributes] == ["ses"]
    assert model.evaluate(learners.X, learners.y).reports == ()
    assert found.passes is None


def test_groups_may_be_columns_of_the_data(learners: Any, place: dict[str, str]) -> None:
    X = learners.X.assign(gender=(learners.groups["gender"] == "f").astype(int))
    model = Versioned(LogisticRegression(), "risk", fairness=FAIR, **place).fit(X, learners.y)
    assert model.evaluate(X, learners.y).passes is True
    without = learners.X.to_numpy()
    blind = Versioned(LogisticRegression(), "blind", fairness=FAIR, **place)
    with pytest.warns(edversion.AdapterWarning, match="gender was not measured"):
        assert blind.fit(without, learners.y).evaluate(without, learners.y).passes is None


def test_wrong_groups_raise_and_record_nothing(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    model = trained(learners, place, fairness=FAIR)
    for wrong in (learners.groups[["ses"]], learners.groups[:50], learners.groups.to_numpy()):
        with pytest.raises(edversion.InvalidInputError):
            model.evaluate(learners.X, learners.y, groups=wrong)
    assert repository.metrics("risk") == ()


def test_groups_in_another_order_are_refused(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    model = trained(learners, place, fairness=FAIR)
    shuffled = learners.groups.sample(frac=1, random_state=1)
    for groups in (shuffled, shuffled["gender"]):
        with pytest.raises(edversion.InvalidInputError, match=r"groups\.loc\[X\.index\]"):
            model.evaluate(learners.X, learners.y, groups=groups)
    assert repository.metrics("risk") == ()
    X = learners.X.to_numpy()  # then the outcomes say which rows there are
    blind = Versioned(LogisticRegression(), "blind", fairness=FAIR, **place).fit(X, learners.y)
    with pytest.raises(edversion.InvalidInputError, match="another order"):
        blind.evaluate(X, learners.y, groups=shuffled)
    renumbered = learners.groups.set_axis(range(1000, 1200))
    right = model.evaluate(learners.X, learners.y, groups=renumbered).reports
    assert right == model.evaluate(learners.X, learners.y, groups=learners.groups).reports


@pytest.mark.parametrize("words", [True, False])
def test_outcomes_that_nobody_knows_are_counted_and_refused(
    learners: Any, place: dict[str, str], words: bool
) -> None:
    y = learners.y.map({0: "stays", 1: "leaves"}) if words else learners.y
    model = Versioned(LogisticRegression(), "risk", **place).fit(learners.X, y)
    with pytest.raises(edversion.InvalidInputError, match="y has 4 missing values"):
        model.evaluate(learners.X, y.where(y.index > 3))


def test_it_prints_as_a_small_table(learners: Any, place: dict[str, str]) -> None:
    model = trained(learners, place, fairness=UNFAIR)
    lines = str(model.evaluate(learners.X, learners.y, groups=learners.groups)).splitlines()
    assert lines[0] == "test/risk:v0 on test/risk-test:v0"
    assert any(line.split()[0] == "roc_auc" for line in lines)
    sizes = learners.groups["gender"].value_counts()
    assert f"  gender: f ({sizes['f']}), m ({sizes['m']})" in lines
    assert lines[-2].strip() == "not a candidate:"
    assert "abroca of gender" in lines[-1]


def test_it_says_how_many_groups_are_not_shown(learners: Any, place: dict[str, str]) -> None:
    of = np.where(np.arange(200) < 3, "o", learners.groups["gender"])
    lines = str(trained(learners, place).evaluate(learners.X, learners.y, groups={"gender": of}))
    assert "\n    not shown, too small or giving away a small one: 2" in lines
    unknown = np.where(np.arange(200) < 30, None, learners.groups["ses"])
    lines = str(trained(learners, place).evaluate(learners.X, learners.y, groups={"ses": unknown}))
    assert "\n    30 of unknown group" in lines


def test_a_colleague_can_repeat_it(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    first = trained(learners, place).evaluate(learners.X, learners.y, groups=learners.groups)
    again = Versioned.from_version("risk:best", **place)
    assert again.version_ == "test/risk:v0"
    second = again.evaluate(learners.X, learners.y, groups=learners.groups, split="test")
    assert second == first
    assert len(repository.metrics("risk", key="roc_auc")) == 2
    assert repository.collections(type="dataset")[0].version_count == 1


def test_an_evaluation_belongs_to_the_run_around_it(learners: Any, place: dict[str, str]) -> None:
    with edversion.init("test", store=place["store"]) as run:
        model = Versioned(LogisticRegression(), "risk").fit(learners.X, learners.y)
        Versioned(LogisticRegression(C=9), "risk").fit(learners.X, learners.y)
        model.evaluate(learners.X, learners.y)
        assert {row.run for row in run.repository.metrics("risk:v0")} == {run.id}
        assert run.repository.metrics("risk:v1") == ()


def test_a_model_that_is_no_version_is_only_measured(
    learners: Any, place: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    model = trained(learners, place)
    model.version_ = None
    found = model.evaluate(learners.X, learners.y)
    assert (found.version, found.dataset) == (None, None)
    assert found.metrics["accuracy"] > 0.5
    assert "recorded nowhere" in caplog.text


def test_only_a_fitted_model_is_logged(learners: Any, place: dict[str, str]) -> None:
    with edversion.init("test", store=place["store"]) as run:
        with pytest.raises(edversion.InvalidInputError, match="takes the run first"):
            log_model(LogisticRegression(), run)  # type: ignore[arg-type]
        with pytest.raises(edversion.InvalidInputError, match="not fitted; call fit"):
            log_model(run, LogisticRegression(), learners.X, learners.y)
        assert run.repository.collections() == ()


def test_a_missing_group_column_is_told_with_those_that_are_there(
    learners: Any, place: dict[str, str]
) -> None:
    model = trained(learners, place, fairness=FAIR, on_error="raise")
    with pytest.raises(edversion.InvalidInputError, match=r"'gender'.*'sex'"):
        model.evaluate(learners.X, learners.y, groups={"sex": learners.groups["gender"]})


@pytest.mark.parametrize(
    ("estimator", "outcome", "measured"),
    [
        (LogisticRegression(), {0: "goes", 1: "stays"}, {"auc", "accuracy", "brier"}),
        (LinearSVC(), {0: "stays", 1: "goes"}, {"auc", "accuracy"}),
        (DummyClassifier(), {0: 2, 1: 5}, {"auc", "accuracy"}),
        (LinearRegression(), None, {"mae", "rmse"}),
    ],
)
def test_an_evaluation_may_be_a_version_with_its_predictions(
    learners: Any, place: dict[str, str], estimator: Any, outcome: Any, measured: set[str]
) -> None:
    y = learners.X["maths"] if outcome is None else learners.y.map(outcome)
    model = Versioned(estimator, "risk", **place).fit(learners.X, y)
    part = learners.X.index[::-2]
    found = model.evaluate(
        learners.X.loc[part], y.loc[part], groups=learners.groups.loc[part], keep_predictions=True
    )
    assert found.predictions == "test/risk-evaluation:v0"
    assert f"  intervals, tests and predictions: {found.predictions}" in str(found).splitlines()
    with edversion.open(place["store"], project="test") as repository:
        kept = load_evaluation(repository.version(found.predictions))
        assert kept.content["model"]["reference"] == "test/risk:v0"
        assert kept.content["dataset"]["reference"] == found.dataset
        assert kept.content["positive"] == (None if outcome is None else str(max(y)))
        assert list(kept.predictions.sample_id) == list(part)
        assert measured <= set(kept.metrics)
        rows = [each for each in repository.metrics("risk:v0") if each.slice is None]
    for name in measured & set(found.metrics):
        ours, theirs = [each for each in rows if each.key == name]  # first without an interval
        assert ours.value == pytest.approx(theirs.value)
        assert (ours.low, theirs.low is None) == (None, False)


def test_two_models_evaluated_so_are_compared_in_pairs(
    learners: Any, place: dict[str, str]
) -> None:
    for strength in (1.0, 0.01):
        model = Versioned(LogisticRegression(C=strength), "risk", **place).fit(
            learners.X, learners.y
        )
        model.evaluate(learners.X, learners.y, groups=learners.groups, keep_predictions=True)
    with edversion.open(place["store"], project="test") as repository:
        sections = repository.compare("risk:v0", "risk:v1").sections
    (paired,) = [each for each in sections if each.name == "paired"]
    assert "both evaluations have the same 200 rows" in paired.note


def test_what_cannot_be_kept_is_refused_and_records_nothing(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    weights = np.ones(200)
    with pytest.raises(edversion.InvalidInputError, match="leave out sample_weight"):
        trained(learners, place).evaluate(
            learners.X, learners.y, sample_weight=weights, keep_predictions=True
        )
    groups = Versioned(KMeans(2, n_init=1), "kinds", **place).fit(learners.X)
    with pytest.raises(edversion.InvalidInputError, match="needs a classifier or a regressor"):
        groups.evaluate(learners.X, learners.y, keep_predictions=True)
    assert repository.metrics() == ()
    assert {each.type for each in repository.collections()} == {"model", "dataset"}
