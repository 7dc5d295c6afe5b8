"""Intervals: against statsmodels, against formulas written another way, and against truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from edversion import InvalidInputError
from edversion_plugins.evaluation import Fairness, GroupReport, Uncertainty
from edversion_plugins.evaluation.groups import read_grouping
from edversion_plugins.evaluation.intervals import percentiles, wilson
from edversion_plugins.evaluation.resampling import BLOCKS, Resampler
from edversion_plugins.evaluation.sums import Term
from edversion_plugins.evaluation.units import Units

Z = Uncertainty().z
FAST = Uncertainty(draws=200)


def group(
    y: Any, pred: Any = None, score: Any = None, *, cluster: Any = None, **options: Any
) -> GroupReport:
    """Measure rows as one group of an attribute that has only this one."""
    fairness = Fairness("g", min_group=1, metrics=["worst_accuracy"])
    report = fairness.measure(
        y,
        pred,
        score,
        groups={"g": ["a"] * len(y)},
        cluster=cluster,
        uncertainty=Uncertainty(**options),
    )
    return report.attributes[0].groups[0]


@pytest.mark.parametrize(
    ("right", "n", "low", "high"), [(5, 8, 0.306, 0.863), (8, 8, 0.676, 1.0), (0, 8, 0.0, 0.324)]
)
def test_wilson_of_few_rows(right: int, n: int, low: float, high: float) -> None:
    found = group([1] * n, [1] * right + [0] * (n - right)).measures["accuracy"]
    assert found.value == right / n
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-4)
    assert found.method == "Wilson"


@given(
    st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.sampled_from([0.8, 0.9, 0.95, 0.99]),
)
def test_wilson_equals_statsmodels(counts: tuple[int, int], level: float) -> None:
    part, n = counts
    ours = wilson(np.array([part / n]), np.array([float(n)]), Uncertainty(level=level).z)
    theirs = proportion_confint(part, n, alpha=1 - level, method="wilson")
    assert [float(each[0]) for each in ours] == pytest.approx(theirs, abs=1e-12)


def test_a_level_is_never_said_to_be_certain() -> None:
    levels = (0.5, 0.95, 0.99, 0.995, 0.9999)
    said = [Uncertainty(level=level).percent for level in levels]
    assert said == ["50%", "95%", "99%", "99.5%", "99.99%"]


def test_wilson_is_nothing_without_rows() -> None:
    low, high = wilson(np.array([np.nan, 0.5]), np.array([0.0, 4.0]), Z)
    assert np.isnan([low[0], high[0]]).all()
    assert low[1] < 0.5 < high[1]


def test_rows_of_one_learner_repeated_say_nothing_new() -> None:
    """Ten copies of each row, known to be one learner's, have the interval of learners."""
    rng = np.random.default_rng(5)
    y, pred = rng.integers(0, 2, 200), rng.integers(0, 2, 200)
    alone = group(y, pred).measures
    owner = np.repeat(np.arange(200), 10)
    copied = group(np.repeat(y, 10), np.repeat(pred, 10), cluster=owner).measures
    naive = group(np.repeat(y, 10), np.repeat(pred, 10)).measures
    for name in ("accuracy", "tpr", "selection_rate"):
        width, other, small = (_width(each[name]) for each in (alone, copied, naive))
        assert other == pytest.approx(width, rel=0.02)  # Student's quantile instead of normal
        assert small < 0.5 * width
    assert copied["accuracy"].method == "Wilson, by learner"


def _width(measured: Any) -> float:
    return float(measured.high - measured.low)


def test_learners_who_all_agree_are_counted() -> None:
    found = group([1] * 40, [1] * 40, cluster=np.repeat(np.arange(8), 5)).measures["accuracy"]
    assert found.high == 1
    assert found.low is not None
    assert found.low < 0.676  # of eight: Wilson's, with Student's quantile


@pytest.mark.parametrize("seed", range(4))
def test_intervals_of_the_auc_equal_delong_written_with_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 80))
    y, score = rng.integers(0, 2, n), rng.integers(0, 12, n) / 12
    found = group(y, score=score).measures["auc"]
    wins = np.sign(score[y == 1][:, None] - score[y == 0][None, :]) / 2 + 0.5
    auc = wins.mean()
    variance = wins.mean(1).var(ddof=1) / wins.shape[0] + wins.mean(0).var(ddof=1) / wins.shape[1]
    odds, half = np.log(auc / (1 - auc)), Z * np.sqrt(variance) / (auc * (1 - auc))
    expected = [1 / (1 + np.exp(-(odds + side * half))) for side in (-1, 1)]
    assert [found.low, found.high] == pytest.approx(expected, abs=1e-12)


def test_intervals_of_the_auc_by_learner_equal_those_of_learners_drawn_again() -> None:
    rng = np.random.default_rng(2)
    owner = np.repeat(np.arange(150), 8)
    ability = rng.normal(size=150)[owner]
    y = (rng.normal(size=1200) + ability > 0).astype(int)
    score = 1 / (1 + np.exp(-(ability + 0.5 * rng.normal(size=1200))))
    found = group(y, score=score, cluster=owner).measures["auc"]
    draws = []
    rows = np.arange(1200).reshape(150, 8)
    for _ in range(400):
        drawn = rows[rng.integers(0, 150, 150)].ravel()
        wins = np.sign(score[drawn][y[drawn] == 1][:, None] - score[drawn][y[drawn] == 0])
        draws.append(wins.mean() / 2 + 0.5)
    low, high = np.quantile(draws, [0.025, 0.975])
    assert _width(found) == pytest.approx(high - low, rel=0.15)
    assert _width(found) > 1.3 * _width(group(y, score=score).measures["auc"])
    assert found.method == "Obuchowski by learner, logit"


def test_a_perfect_auc_is_not_certain() -> None:
    found = group([0] * 10 + [1] * 10, score=np.arange(20) / 20).measures["auc"]
    assert (found.value, found.high) == (1, 1)
    assert found.low is not None
    assert 0.75 < found.low < 0.95
    worst = group([1] * 10 + [0] * 10, score=np.arange(20) / 20).measures["auc"]
    assert worst.low == 0
    assert worst.high == pytest.approx(1 - found.low)


def test_one_row_of_a_class_has_no_interval() -> None:
    found = group([0] * 9 + [1], score=np.arange(10) / 10).measures["auc"]
    assert (found.value, found.low, found.high) == (1, None, None)


@given(st.integers(0, 2**32), st.integers(2, 30), st.sampled_from([0.9, 0.95]))
def test_percentiles_equal_numpy(seed: int, draws: int, level: float) -> None:
    values = np.random.default_rng(seed).normal(size=(draws, 3))
    tails = [(1 - level) / 2, (1 + level) / 2]
    np.testing.assert_allclose(percentiles(values, level), np.quantile(values, tails, axis=0))


def test_percentiles_leave_out_the_rare_draw_without_a_value() -> None:
    values = np.random.default_rng(0).normal(size=(100, 2))
    values[:3, 0] = values[:10, 1] = np.nan
    low, high = percentiles(values, 0.95)
    assert [low[0], high[0]] == pytest.approx(np.quantile(values[3:, 0], [0.025, 0.975]))
    assert np.isnan([low[1], high[1]]).all()


@pytest.mark.parametrize("rows", [300, 30_000])
def test_resamples_spread_as_rows_drawn_one_by_one(rows: int) -> None:
    """Below 2,048 rows it is the plain bootstrap; above, blocks of them do as well."""
    rng = np.random.default_rng(1)
    values, codes = rng.exponential(size=rows), rng.integers(0, 3, rows)
    grouping = read_grouping(codes, "g")
    resampler = Resampler.of(Units(rows), Uncertainty(draws=2000))
    sums = resampler.sums((Term(weight=values), Term()), grouping)
    assert resampler.times.shape == (2000, min(rows, BLOCKS))
    for place in range(3):
        mine = values[codes == place]
        means = sums[:, place, 0] / sums[:, place, 1]
        assert means.mean() == pytest.approx(mine.mean(), abs=0.2 * mine.std() / len(mine) ** 0.5)
        assert means.std() == pytest.approx(mine.std() / len(mine) ** 0.5, rel=0.07)
        assert sums[:, place, 1].std() == pytest.approx((rows * 2 / 9) ** 0.5, rel=0.07)


def test_a_small_group_among_many_rows_is_drawn_row_by_row() -> None:
    codes = np.zeros(100_000, dtype=int)
    codes[:12] = 1
    grouping = read_grouping(codes, "g")
    resampler = Resampler.of(Units(100_000), Uncertainty(draws=4000))
    counts = resampler.sums((Term(),), grouping)[:, 1, 0]
    assert counts.mean() == pytest.approx(12, rel=0.02)
    assert counts.var() == pytest.approx(12, rel=0.1)  # as of a Poisson number


def test_many_groups_are_summed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    grouping = read_grouping(rng.integers(0, 40, 3000), "g")
    resampler = Resampler.of(Units(3000), FAST)
    terms = (Term(2, rng.integers(0, 2, 3000)), Term(weight=rng.random(3000)))
    whole = resampler.sums(terms, grouping)
    monkeypatch.setattr("edversion_plugins.evaluation.resampling._CELLS", 1 << 14)
    np.testing.assert_allclose(resampler.sums(terms, grouping), whole)


def test_equal_input_and_seed_give_equal_intervals() -> None:
    rng = np.random.default_rng(4)
    y, score = rng.integers(0, 2, 5000), rng.random(5000)
    groups = {"g": rng.integers(0, 3, 5000)}

    def measured(seed: int) -> Any:
        fairness = Fairness("g", metrics=["f1_difference", "abroca"])
        return fairness.measure(
            y, y_score=score, groups=groups, uncertainty=Uncertainty(draws=200, seed=seed)
        )

    assert measured(1) == measured(1)
    assert measured(1) != measured(2)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["accuracy_difference", "auc_difference", "log_loss_difference"])
def test_intervals_of_differences_cover_the_truth(metric: str) -> None:
    """Of samples of two groups that do not differ, about 95 in 100 intervals hold 0."""
    held = 0
    for seed in range(120):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, 2, 300)
        score = np.clip(0.3 * y + 0.7 * rng.random(300), 0.01, 0.99)
        report = Fairness("g", metrics=[metric]).measure(
            y, y_score=score, groups={"g": rng.integers(0, 2, 300)}, uncertainty=FAST
        )
        gap = report.attributes[0].gaps[0]
        assert gap.low is not None
        assert gap.high is not None
        held += gap.low <= 0 <= gap.high
    assert 106 <= held <= 120


def test_two_groups_without_a_mistake_may_still_differ() -> None:
    groups = {"g": ["a"] * 12 + ["b"] * 15}
    report = Fairness("g", metrics=["accuracy_difference", "accuracy_ratio"]).measure(
        [0, 1] * 13 + [1], [0, 1] * 13 + [1], groups=groups, uncertainty=FAST
    )
    difference, ratio = report.attributes[0].gaps
    assert difference.low is not None
    assert difference.high is not None
    assert difference.low < -0.15
    assert difference.high > 0.15
    assert (ratio.value, ratio.low) == (1, None)


def test_the_interval_of_an_area_is_moved_by_what_noise_adds() -> None:
    rng = np.random.default_rng(6)
    y, score = rng.integers(0, 2, 400), rng.random(400)
    report = Fairness("g", metrics=["abroca"]).measure(
        y, y_score=score, groups={"g": rng.integers(0, 2, 400)}, uncertainty=FAST
    )
    gap = report.attributes[0].gaps[0]
    assert gap.value is not None
    assert gap.low == 0
    assert gap.high is not None
    assert gap.value < gap.high < 2 * gap.value + 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 95}, "level is 95"),
        ({"level": 1.0}, "level is 1.0"),
        ({"draws": 10}, "draws is 10; give a whole number, 100 or more"),
        ({"draws": True}, "draws is True"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_wrong_wishes_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Uncertainty(**options)


@pytest.mark.parametrize(
    ("cluster", "message"),
    [(["a"] * 3, "cluster has 3 rows"), (["a", None, "b", "c"], "cluster holds missing values")],
)
def test_a_wrong_column_of_learners_is_refused(cluster: list[Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Fairness("g").measure([0, 1, 0, 1], [0] * 4, groups={"g": "aabb"}, cluster=cluster)
