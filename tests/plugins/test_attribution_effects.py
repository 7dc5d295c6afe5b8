"""Model or data: the two-by-two, and the data's part by strata."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from edversion import InvalidInputError
from edversion_plugins.attribution import Rows, cross, kitagawa, shapley, split_by_strata
from edversion_plugins.attribution.mixing import FOLDED
from edversion_plugins.evaluation.intervals import Uncertainty


def share(part: float, rows: int = 100) -> np.ndarray:
    return (np.arange(rows) < part * rows).astype(float)


def test_the_effects_halve_what_the_two_by_two_says() -> None:
    found = shapley(0.80, 0.70, 0.84, 0.78)
    assert found == pytest.approx((0.06, -0.08, 0.04, -0.02))
    assert found.model + found.data == pytest.approx(found.total)


def test_effects_of_rows_are_those_of_their_means() -> None:
    found = cross(Rows.of(share(0.80), share(0.70), share(0.84), share(0.78)))
    assert found.model.value == pytest.approx(0.06)
    assert found.data.value == pytest.approx(-0.08)
    assert found.interaction.value == pytest.approx(0.04)
    assert found.total.value == pytest.approx(-0.02)
    assert found.new_on_old.value == pytest.approx(0.84)


def test_two_models_on_the_same_rows_are_compared_row_by_row() -> None:
    # 0.80 to 0.84 in 100 rows is nothing by itself; that no row got worse is much
    found = cross(Rows.of(share(0.80), share(0.70), share(0.84), share(0.78)))
    assert found.model.low > 0.02
    assert found.old_on_old.low < 0.74
    assert found.old_on_old.high > 0.84


def test_equal_seeds_give_equal_intervals_and_others_do_not() -> None:
    rng = np.random.default_rng(3)
    columns = [rng.random(200) for _ in range(4)]
    first, again, other = (
        cross(Rows.of(*columns, uncertainty=Uncertainty(seed=seed))).data for seed in (0, 0, 1)
    )
    assert first == again
    assert first.value == other.value
    assert first.low != other.low


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for seed in range(200):
        old, new = rng.random(150) < 0.8, rng.random(150) < 0.7
        rows = Rows.of(old, new, old, new, uncertainty=Uncertainty(draws=200, seed=seed))
        effect = cross(rows).data
        held += effect.low <= -0.1 <= effect.high
    assert 0.90 <= held / 200 <= 0.99


def test_rows_of_one_learner_are_drawn_together() -> None:
    rng = np.random.default_rng(7)
    ability = rng.random(60).repeat(20)  # sixty learners, who answer alike twenty times
    old, new = (ability < 0.8).astype(float), (ability < 0.7).astype(float)
    learner = np.arange(60).repeat(20)
    alone = cross(Rows.of(old, new, old, new))
    other = [f"new {each}" for each in learner]  # nobody is in both
    learners = cross(Rows.of(old, new, old, new, clusters=(learner.astype(str), other)))
    same = cross(Rows.of(old, new, old, new, clusters=(learner, learner)))
    width = [each.data.high - each.data.low for each in (alone, learners, same)]
    assert width[1] > 3 * width[0]
    assert width[2] < 0.7 * width[1]  # who is in both data sets is compared with themselves


def test_learners_are_counted_in_either_data_set() -> None:
    rows = Rows.of(share(0.5, 4), share(0.5, 3), share(0.5, 4), share(0.5, 3),
                   clusters=(["a", "a", "b", "c"], ["a", "a", "a"]))  # fmt: skip
    assert rows.learners.tolist() == [3, 1]
    assert rows.sizes.tolist() == [4, 3]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([1, 0], [1], [1], [1]), "new_on_old has 1 rows, old_on_old has 2"),
        (([1], [1, 0], [1], [1]), "new_on_new has 1 rows, old_on_new has 2"),
        (([1, np.nan], [1], [1, 0], [1]), "old_on_old holds NaN in 1 of 2 rows"),
        (([], [1], [], [1]), "old_on_old has no rows"),
    ],
)
def test_columns_that_do_not_fit_are_refused(
    columns: tuple[list[float], ...], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Rows.of(*columns)


def test_a_learner_column_of_other_rows_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="cluster has 1 rows in the new data"):
        Rows.of([1, 0], [1, 0], [1, 0], [1, 0], clusters=(["a", "b"], ["a"]))


def test_kitagawa_splits_mix_from_rate() -> None:
    before, after, rates = (0.5, 0.3, 0.2), (0.2, 0.3, 0.5), (0.9, 0.7, 0.5)
    mix, rate = kitagawa(before, after, rates, (0.85, 0.66, 0.46))
    assert mix.sum() == pytest.approx(-0.1185)
    assert rate.sum() == pytest.approx(-0.0435)
    mix, rate = kitagawa(before, after, rates, rates)
    assert mix.sum() == pytest.approx(-0.12)
    assert rate.sum() == 0


def test_kitagawa_explains_the_admissions_of_berkeley() -> None:
    # UC Berkeley 1973 (Bickel, Hammel and O'Connell 1975): men and women by department
    men = np.array([825, 560, 325, 417, 191, 373])
    women = np.array([108, 25, 593, 375, 393, 341])
    admitted = np.array([512, 353, 120, 138, 53, 22]), np.array([89, 17, 202, 131, 94, 24])
    mix, rate = kitagawa(women / women.sum(), men / men.sum(), admitted[1] / women,
                         admitted[0] / men)  # fmt: skip
    assert mix.sum() == pytest.approx(0.177674, abs=1e-6)
    assert rate.sum() == pytest.approx(-0.036028, abs=1e-6)


def test_a_stratum_of_one_data_set_adds_to_the_mix_alone() -> None:
    mix, rate = kitagawa((1.0, 0.0), (0.5, 0.5), (0.8, np.nan), (0.8, 0.4))
    assert mix.sum() == pytest.approx(-0.2)
    assert rate.sum() == 0


def strata_of(shares: tuple[float, ...], rates: tuple[float, ...]) -> tuple[np.ndarray, list[str]]:
    """Make a thousand rows of strata a, b and c with exact shares and rates."""
    values, names = [], []
    for name, part, rate in zip("abc", shares, rates, strict=True):
        size = round(1000 * part)
        values.append(share(rate, size))
        names += [name] * size
    return np.concatenate(values), names


def test_strata_split_the_data_effect_with_intervals() -> None:
    old, before = strata_of((0.5, 0.3, 0.2), (0.9, 0.7, 0.5))
    new, after = strata_of((0.2, 0.3, 0.5), (0.85, 0.66, 0.46))
    rows = Rows.of(old, new, old, new)
    found = split_by_strata(rows, (before, after))
    assert found.mix.value == pytest.approx(-0.1185)
    assert found.rate.value == pytest.approx(-0.0435)
    assert found.mix.value + found.rate.value == pytest.approx(cross(rows).data.value)
    assert found.mix.high < 0
    assert [stratum.name for stratum in found.strata] == ["a", "b", "c"]
    assert found.strata[0].score_new == pytest.approx(0.85)
    assert sum(stratum.mix for stratum in found.strata) == pytest.approx(found.mix.value)


def test_small_strata_are_put_together_and_nothing_is_lost() -> None:
    values = share(0.5, 113)
    names = ["a"] * 100 + ["b"] * 9 + ["c"] * 4
    rows = Rows.of(values, values, values, values)
    found = split_by_strata(rows, (names, names))
    assert found.folded == 2
    assert [stratum.name for stratum in found.strata] == ["a", FOLDED]
    assert found.strata[1].n_old == 13
    alone = split_by_strata(rows, (["a"] * 109 + ["c"] * 4, names))
    assert min(n for s in alone.strata for n in (s.n_old, s.n_new) if n) >= 10


def test_learners_without_a_stratum_are_one_of_their_own() -> None:
    values = share(0.5, 40)
    names = ["a"] * 20 + [None] * 20
    found = split_by_strata(Rows.of(values, values, values, values), (names, names))
    assert [stratum.name for stratum in found.strata] == ["a", "missing"]


def test_measured_numbers_are_no_strata() -> None:
    values = share(0.5, 4)
    bands = np.array([0.1, 0.2, 0.3, 0.4])
    with pytest.raises(InvalidInputError, match="divide them into bands"):
        split_by_strata(Rows.of(values, values, values, values), (bands, bands), name="grade")


def test_the_package_and_its_command_load_no_numpy() -> None:
    code = (
        "import sys, edversion_plugins.attribution.commands as c;"
        "assert c.edversion_register_commands; assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
