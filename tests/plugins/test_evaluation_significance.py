"""Tests of gaps: p-values that are fair, learners kept together, and no false comfort."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from edversion_plugins.evaluation import Fairness, Gap, Uncertainty
from edversion_plugins.evaluation.shuffling import CROSSED
from edversion_plugins.evaluation.significance import holm

FAST = Uncertainty(draws=199)
GAPS = ("demographic_parity_difference", "equalized_odds_difference", "brier_difference", "abroca")


def gaps(
    y: Any, score: Any, g: Any, metrics: Any = GAPS, cluster: Any = None, wanted: Any = FAST
) -> dict[str, Gap]:
    report = Fairness("g", metrics=metrics, min_group=1).measure(
        y, y_score=score, groups={"g": g}, cluster=cluster, uncertainty=wanted
    )
    return {gap.metric: gap for gap in report.attributes[0].gaps}


def p(gap: Gap) -> float:
    assert gap.test is not None
    return gap.test.p


def sample(rng: np.random.Generator, rows: int, harm: float = 0.0) -> tuple[Any, Any, Any]:
    """Make rows whose scores are worse in group 1, where `harm` is positive."""
    y, g = rng.integers(0, 2, rows), rng.integers(0, 2, rows)
    signal = np.where(g == 1, 0.3 - harm, 0.3)
    return y, np.clip(signal * y + 0.7 * rng.random(rows), 0.001, 0.999), g


@pytest.mark.slow
def test_without_a_difference_p_is_small_as_rarely_as_it_says() -> None:
    found = [gaps(*sample(np.random.default_rng(seed), 120)) for seed in range(100)]
    for metric in GAPS:
        values = np.array([p(each[metric]) for each in found])
        assert np.mean(values <= 0.05) <= 0.10
        assert np.mean(values <= 0.5) <= 0.62
        if metric in ("brier_difference", "abroca"):  # counts have ties, which are cautious
            assert np.mean(values <= 0.5) >= 0.38


def test_a_difference_is_found_and_so_is_what_noise_makes() -> None:
    rng = np.random.default_rng(0)
    found = gaps(*sample(rng, 2000, harm=0.3))
    test = found["abroca"].test
    assert test is not None
    assert (test.p, found["abroca"].verdict) == (1 / 200, "differ")
    assert 0 < test.null_median < test.null_high < (found["abroca"].value or 0)
    assert test.draws == 199
    assert test.comparisons == 4


def test_where_the_data_cannot_tell_nothing_is_called_fair() -> None:
    """Sixty learners with an area that would alarm anybody, and that noise alone makes."""
    rng = np.random.default_rng(3)
    found = gaps(*sample(rng, 60, harm=0.05))
    gap = found["abroca"]
    assert gap.value is not None
    assert gap.test is not None
    assert 0.02 < gap.value < gap.test.null_high
    assert gap.verdict == "cannot tell"
    assert {each.verdict for each in found.values()} <= {"cannot tell", "differ"}


@pytest.mark.slow
def test_the_test_of_curves_keeps_who_is_positive() -> None:
    """Groups with other shares of positives and equal curves do not differ in their curves."""
    small = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        g = rng.integers(0, 2, 300)
        y = (rng.random(300) < np.where(g == 1, 0.8, 0.3)).astype(int)
        score = np.clip(0.3 * y + 0.6 * rng.random(300), 0, 1)
        small += p(gaps(y, score, g, ["abroca"])["abroca"]) <= 0.05
    assert small <= 7


def test_learners_with_many_rows_are_shuffled_whole() -> None:
    """An attribute of learners, who differ, tells nothing; rows taken for learners would."""
    naive = kept = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        owner = np.repeat(np.arange(30), 20)
        level, g = rng.normal(size=30)[owner], rng.integers(0, 2, 30)[owner]
        score = 1 / (1 + np.exp(-(level + 0.3 * rng.normal(size=600))))
        y = (rng.random(600) < score).astype(int)
        metric = ["demographic_parity_difference"]
        naive += p(gaps(y, score, g, metric)[metric[0]]) <= 0.05
        kept += p(gaps(y, score, g, metric, owner)[metric[0]]) <= 0.05
    assert naive >= 20
    assert kept <= 6


def test_learners_in_several_groups_cannot_be_shuffled() -> None:
    rng = np.random.default_rng(1)
    y, score, g = sample(rng, 200)
    found = gaps(y, score, g, cluster=np.repeat(np.arange(50), 4))
    assert {gap.untested for gap in found.values()} == {CROSSED}
    assert {gap.verdict for gap in found.values()} == {None}
    assert all(gap.low is not None for gap in found.values())


def test_every_area_is_tested_among_many_groups() -> None:
    rng = np.random.default_rng(2)
    y, score = rng.integers(0, 2, 900), rng.random(900)
    metrics = ["abroca", "abroca_reference", "abroca_sum", "auc_difference", "worst_auc"]
    found = gaps(y, score, rng.integers(0, 5, 900), metrics)
    values = {name: gap.test.null_median for name, gap in found.items() if gap.test}
    assert set(values) == set(metrics[:-1])
    assert values["abroca_reference"] <= values["abroca"] <= values["abroca_sum"]


@pytest.mark.parametrize("metric", ["mae_difference", "rmse_difference", "mean_error_difference"])
def test_errors_of_numbers_are_tested(metric: str) -> None:
    rng = np.random.default_rng(4)
    truth, g = rng.normal(size=2000), rng.integers(0, 2, 2000)
    guess = truth + rng.normal(size=2000) * np.where(g == 1, 2, 1) + (g == 1)
    report = Fairness("g", metrics=[metric]).measure(
        truth, guess, groups={"g": g}, uncertainty=FAST
    )
    assert report.attributes[0].gaps[0].verdict == "differ"


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_equals_statsmodels(values: list[float]) -> None:
    expected = multipletests(values, method="holm")[1]
    assert holm(values) == pytest.approx(list(expected), abs=1e-12)


def test_all_tests_of_a_report_are_corrected_together() -> None:
    rng = np.random.default_rng(5)
    y, score, g = sample(rng, 600)
    report = Fairness("g", "h", metrics=GAPS, intersections=True).measure(
        y, y_score=score, groups={"g": g, "h": rng.integers(0, 3, 600)}, uncertainty=FAST
    )
    tests = [gap.test for each in report.attributes for gap in each.gaps if gap.test]
    assert report.comparisons == len(tests) == 12
    assert {test.comparisons for test in tests} == {12}
    assert [test.adjusted for test in tests] == pytest.approx(holm([test.p for test in tests]))
    known = report.metadata()["attributes"]["g"]["metrics"]["abroca"]["test"]
    assert known["verdict"] in ("differ", "cannot tell")
    assert known["comparisons"] == 12
