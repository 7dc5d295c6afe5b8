"""Population or relationship: the data's part by covariates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from edversion import InvalidInputError
from edversion_plugins.attribution import Rows, Shift, cross, split_by_covariates
from edversion_plugins.evaluation.intervals import Uncertainty


def learners(
    rng: np.random.Generator, mean: float, lost: float = 0.0, rows: int = 1500
) -> tuple[Any, np.ndarray]:
    """Draw learners whose score rises with x; of half of them, it falls by `lost` logits."""
    x, z = rng.normal(mean, 1, rows), rng.normal(0, 1, rows)
    chance = 1 / (1 + np.exp(-(0.5 + x - lost * (z > 0))))
    return pd.DataFrame({"x": x, "z": z}), (rng.random(rows) < chance).astype(float)


def truth(mean: float, lost: float) -> tuple[float, float]:
    """Give what population and relationship change when learners are without number."""
    x = np.linspace(-12, 12, 4001)
    old, new = np.exp(-(x**2) / 2), np.exp(-((x - mean) ** 2) / 2)
    shared = old * new / (old + new)
    before = 1 / (1 + np.exp(-0.5 - x))
    after = (before + 1 / (1 + np.exp(lost - 0.5 - x))) / 2
    relationship = np.average(after, weights=shared) - np.average(before, weights=shared)
    total = np.average(after, weights=new) - np.average(before, weights=old)
    return float(total - relationship), float(relationship)


def split(seed: int, mean: float, lost: float = 0.0, **options: Any) -> tuple[Shift, Rows]:
    rng = np.random.default_rng(seed)
    (old, before), (new, after) = learners(rng, 0), learners(rng, mean, lost)
    rows = Rows.of(before, after, before, after, uncertainty=Uncertainty(draws=300))
    return split_by_covariates(rows, old, new, **options), rows


def test_the_parts_sum_to_the_data_effect() -> None:
    found, rows = split(0, -0.7, 1.0)
    total = found.population.value + found.relationship.value
    assert total == pytest.approx(cross(rows).data.value)
    assert found.leaving.value + found.arriving.value == pytest.approx(found.population.value)


def test_equal_data_have_no_part() -> None:
    found, _ = split(1, 0)
    assert found.shared == pytest.approx(1, abs=0.01)
    assert found.domain_auc == pytest.approx(0.5, abs=0.05)
    assert found.population.within(0.03)
    assert abs(found.relationship.value) < 0.04
    assert not found.relationship.is_clear


def test_other_learners_are_a_change_of_the_population() -> None:
    found, _ = split(6, -0.7)
    population, relationship = truth(-0.7, 0)
    assert relationship == 0
    assert found.population.low <= population <= found.population.high < -0.1
    assert not found.relationship.is_clear


def test_other_outcomes_are_a_change_of_the_relationship() -> None:
    found, _ = split(3, 0, 1.0)
    population, relationship = truth(0, 1.0)
    assert population == pytest.approx(0)
    assert found.relationship.low <= relationship <= found.relationship.high < -0.05
    assert abs(found.population.value) < 0.02


@pytest.mark.slow
def test_intervals_allow_for_weights_that_are_estimated() -> None:
    held = np.zeros(2)
    for seed in range(100, 150):
        found, _ = split(seed, -0.7, 1.0)
        parts = found.population, found.relationship
        for place, (part, true) in enumerate(zip(parts, truth(-0.7, 1.0), strict=True)):
            held[place] += part.low <= true <= part.high
    assert held.min() >= 44


def test_data_that_share_no_learners_are_not_told_apart() -> None:
    found, _ = split(4, -6.0)
    assert not found.is_separable
    assert "share" in found.reason
    assert found.shared < 0.1


def test_few_shared_learners_are_not_told_apart() -> None:
    rng = np.random.default_rng(9)
    (old, before), (new, after) = learners(rng, 0, rows=60), learners(rng, -1.5, rows=60)
    found = split_by_covariates(Rows.of(before, after, before, after), old, new)
    assert not found.is_separable
    assert "fewer than 50" in found.reason or "less than" in found.reason


def test_categories_and_missing_values_are_covariates() -> None:
    rng = np.random.default_rng(6)
    course = rng.choice(["maths", "art", None], 1000, p=[0.6, 0.3, 0.1]).astype(object)
    other = rng.choice(["maths", "art", None], 1000, p=[0.2, 0.3, 0.5]).astype(object)
    hours = rng.normal(5, 1, 2000)
    hours[::7] = np.nan
    right = [(rng.random(1000) < np.where(each == "maths", 0.9, 0.5)) for each in (course, other)]
    frames = [
        pd.DataFrame({"course": each, "hours": part})
        for each, part in zip((course, other), np.split(hours, 2), strict=True)
    ]
    rows = Rows.of(*(right * 2), uncertainty=Uncertainty(draws=200))
    found = split_by_covariates(rows, *frames)
    assert found.population.value == pytest.approx(-0.16, abs=0.03)
    assert not found.relationship.is_clear


def test_learners_are_not_in_two_folds() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=100)
    frame = pd.DataFrame({"x": x.repeat(10), "z": rng.normal(size=1000)})
    right = (rng.random(1000) < 0.7).astype(float)
    ids = np.arange(100).repeat(10)
    rows = Rows.of(right[:500], right[500:], right[:500], right[500:],
                   clusters=(ids[:500], ids[500:]))  # fmt: skip
    found = split_by_covariates(rows, frame[:500], frame[500:])
    assert found.domain_auc < 0.65  # by learner they could be told apart without fail


def test_covariates_of_other_rows_or_columns_are_refused() -> None:
    values = np.ones(20)
    rows = Rows.of(values, values, values, values)
    frame = pd.DataFrame({"x": np.arange(20.0)})
    with pytest.raises(InvalidInputError, match="19 rows in the new data, which have 20"):
        split_by_covariates(rows, frame, frame[1:])
    with pytest.raises(InvalidInputError, match="in the old data and"):
        split_by_covariates(rows, frame, frame.rename(columns={"x": "y"}))
