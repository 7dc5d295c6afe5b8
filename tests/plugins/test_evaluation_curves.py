"""ROC curves, the areas under them and between them are exact."""

from __future__ import annotations

from itertools import combinations
from time import process_time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from edversion_plugins.evaluation import GAPS, Fairness, Roc, abroca, roc

SCORES = [0.1, 0.4, 0.35, 0.8]


def drawn(y: list[int] | np.ndarray, score: list[float] | np.ndarray) -> Roc:
    curve = roc(y, score)
    assert curve is not None
    return curve


def on_grid(first: Roc, second: Roc, points: int = 50_001) -> float:
    """Integrate at the middles of fine cells, where no curve jumps."""
    middles = (np.arange(points) + 0.5) / points
    heights = [np.interp(middles, *_corners(curve)) for curve in (first, second)]
    return float(np.abs(heights[0] - heights[1]).mean())


def _corners(curve: Roc) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(curve.fpr, 2), np.stack((curve.low, curve.high), axis=1).ravel()


def test_two_curves_that_do_not_cross() -> None:
    first, second = drawn([0, 0, 1, 1], SCORES), drawn([0, 1, 0, 1], SCORES)
    assert (first.auc, second.auc) == (0.75, 1.0)
    assert abroca(first, second) == 0.25


def test_two_curves_that_cross_with_equal_areas() -> None:
    falling = [0.9, 0.8, 0.2, 0.1]
    first, second = drawn([1, 0, 0, 1], falling), drawn([0, 1, 1, 0], falling)
    assert (first.auc, second.auc) == (0.5, 0.5)
    assert abroca(first, second) == 0.5


def test_straight_lines_that_cross_inside_a_span() -> None:
    """With ties the curves are sloped: two lines meet at 4/7, between two knots."""
    # a: (0, 0) → (.5, .75) → (1, 1)      b: (0, 0) → (0, .5) → (1, 1)
    a = drawn([1, 1, 1, 0, 0, 1], [2, 2, 2, 2, 1, 1])
    b = drawn([1, 1, 0, 0, 1, 1], [2, 2, 1, 1, 1, 1])
    # b − a falls from .5 to 0 at x = .5, where both stand at .75, and stays there
    assert abroca(a, b) == pytest.approx(0.125)
    # c: (0, 0) → (.5, 1) → (1, 1) crosses b where 2x = .5 + .5x, at x = 1/3
    c = drawn([1, 1, 0, 0], [2, 2, 2, 1])
    assert abroca(c, b) == pytest.approx(1 / 2 * 1 / 2 * 1 / 3 + 1 / 2 * 1 / 4 * (2 / 3))


@st.composite
def curves(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = draw(st.integers(2, 60))
    y = rng.integers(0, 2, rows)
    y[:2] = 0, 1
    levels = draw(st.sampled_from([2, 4, 10, 10**6]))
    return y, np.round(rng.random(rows) * levels + y * draw(st.sampled_from([0, 0.5, 2])))


@given(sample=curves())
def test_a_curve_equals_that_of_sklearn(sample: tuple[np.ndarray, np.ndarray]) -> None:
    y, score = sample
    curve = drawn(y, score)
    fpr, tpr, _ = roc_curve(y, score, drop_intermediate=False)
    xs = np.unique(fpr)
    assert curve.fpr.tolist() == xs.tolist()
    assert curve.low.tolist() == [tpr[fpr == x].min() for x in xs]
    assert curve.high.tolist() == [tpr[fpr == x].max() for x in xs]
    assert curve.auc == pytest.approx(roc_auc_score(y, score), abs=1e-12)
    assert (curve.positives, curve.negatives) == (y.sum(), (1 - y).sum())


@given(first=curves(), second=curves())
def test_the_area_between_curves_equals_a_fine_grid(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]
) -> None:
    a, b = drawn(*first), drawn(*second)
    area = abroca(a, b)
    assert area == pytest.approx(on_grid(a, b), abs=4e-5)
    assert area == pytest.approx(abroca(b, a), abs=1e-12)
    assert abs(a.auc - b.auc) - 1e-12 <= area <= 1
    assert abroca(a, a) == 0


@given(sample=curves(), other=curves())
def test_only_the_order_of_scores_matters(
    sample: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]
) -> None:
    y, score = sample
    moved = drawn(y, np.arctan(score / 7) * 3 - 2)
    assert abroca(moved, drawn(*other)) == abroca(drawn(y, score), drawn(*other))


def test_one_class_has_no_curve() -> None:
    assert roc([1, 1, 1], [0.1, 0.2, 0.3]) is None
    assert roc([0, 0], [0.1, 0.2]) is None


@given(seed=st.integers(0, 2**32 - 1), n_groups=st.integers(2, 5))
def test_areas_between_groups(seed: int, n_groups: int) -> None:
    rng = np.random.default_rng(seed)
    rows = 40 * n_groups
    y, score = rng.integers(0, 2, rows), np.round(rng.random(rows), 1)
    group = np.arange(rows) % n_groups
    y[:n_groups], y[n_groups : 2 * n_groups] = 0, 1
    metrics = ["abroca", "abroca_reference", "abroca_sum", "auc_difference"]
    report = Fairness("g", metrics=metrics, reference="1").measure(
        y, y_score=score, groups={"g": group}
    )
    found = {key.split("/")[-1]: each["value"] for key, each in report.metrics().items()}
    each = [drawn(y[group == k], score[group == k]) for k in range(n_groups)]
    pairs = {
        pair: abroca(each[pair[0]], each[pair[1]]) for pair in combinations(range(n_groups), 2)
    }
    against = [area for pair, area in pairs.items() if 1 in pair]
    assert found["abroca"] == pytest.approx(max(pairs.values()), abs=1e-12)
    assert found["abroca_reference"] == pytest.approx(max(against), abs=1e-12)
    assert found["abroca_sum"] == pytest.approx(sum(against), abs=1e-12)
    assert found["abroca"] >= found["auc_difference"] - 1e-12
    gap = report.attributes[0].gap("abroca")
    assert gap is not None
    low, high = map(int, gap.between)
    assert pairs[(min(low, high), max(low, high))] == pytest.approx(gap.value, abs=1e-12)
    assert each[low].auc <= each[high].auc


def big_sample(rows: int, n_groups: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make rows as a risk model gives them: truth, probability, group."""
    rng = np.random.default_rng(7)
    group = rng.integers(0, n_groups, rows)
    y = (rng.random(rows) < 0.3).astype(int)
    logit = 1.2 * y - 0.8 + rng.normal(size=rows) * (1 + 0.1 * (group % 4))
    return y, 1 / (1 + np.exp(-logit)), np.array([f"school {k}" for k in range(n_groups)])[group]


@pytest.mark.slow
def test_all_measures_of_many_rows_take_little_time() -> None:
    """100,000 rows in 4 groups: 0.2 s are promised, a busy machine is given more."""
    y, score, group = big_sample(100_000, 4)
    fairness = Fairness("g", metrics=tuple(GAPS))

    def seconds() -> float:
        start = process_time()
        fairness.measure(y, y_score=score, groups={"g": group})
        return process_time() - start

    assert min(seconds() for _ in range(3)) < 0.6
