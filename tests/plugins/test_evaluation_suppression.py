"""Small groups are hidden, and cannot be found out from what is shown.

The attacker here is a linear program that knows every number of a report: it looks for the
least and the greatest size, and number of positives, that a hidden group may have.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from edversion_plugins.evaluation import AttributeReport, Fairness, FairnessReport, Uncertainty

LEAST = 5


def learners(seed: int, sizes: list[int], others: int, gaps: bool) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    first = np.repeat(np.arange(len(sizes)), sizes)
    second = rng.choice(others, len(first), p=rng.dirichlet(np.full(others, 0.7)))
    columns = {"a": first.astype(str).astype(object), "b": second.astype(str).astype(object)}
    if gaps:
        columns["a"][rng.random(len(first)) < 0.04] = None
    return columns


def published(report: FairnessReport) -> dict[tuple[tuple[str, str], ...], tuple[int, float]]:
    """Give every group that is shown: what it is, its rows and its positives."""
    found = {}
    for attribute in report.attributes:
        for group in attribute.groups:
            key = tuple(tuple(part.split("=")) for part in group.slice.split(","))
            rate = group.measures["base_rate"].value
            assert rate is not None
            found[key] = group.n, round(rate * group.n, 6)
    return found


def named(attribute: AttributeReport) -> list[tuple[tuple[str, str], ...]]:
    """Give the groups that are hidden."""
    labels = [label.split("×") for label in attribute.skipped]
    return [tuple(zip(attribute.columns, label, strict=True)) for label in labels]


def is_in(cell: dict[str, str], key: tuple[tuple[str, str], ...]) -> bool:
    return all(cell[column] == value for column, value in key)


def spread(
    cells: list[dict[str, str]],
    known: dict[tuple[tuple[str, str], ...], float],
    total: float,
    target: tuple[tuple[str, str], ...],
) -> float:
    """Give how far apart the least and the greatest count are that a group may have."""
    rows = [[float(is_in(cell, key)) for cell in cells] for key in known]
    matrix, right = [*rows, [1.0] * len(cells)], [*known.values(), total]
    cost = np.array([float(is_in(cell, target)) for cell in cells])
    ends = [
        linprog(sign * cost, A_eq=matrix, b_eq=right, bounds=(0, None), method="highs").fun
        for sign in (1, -1)
    ]
    return float(-ends[1] - ends[0])


@settings(max_examples=60)
@given(
    st.integers(0, 2**32),
    st.lists(st.integers(1, 40), min_size=2, max_size=5),
    st.integers(2, 4),
    st.booleans(),
    st.booleans(),
)
def test_nobody_can_solve_for_a_hidden_group(
    seed: int, sizes: list[int], others: int, gaps: bool, crossed: bool
) -> None:
    groups = learners(seed, sizes, others, gaps)
    y = np.random.default_rng(seed).integers(0, 2, sum(sizes))
    fairness = Fairness(
        "a",
        "b",
        min_group=LEAST,
        missing="group",
        intersections=crossed,
        metrics=["worst_accuracy"],
    )
    report = fairness.measure(y, y, groups=groups)
    shown = published(report)
    assert all(n >= LEAST for n, _ in shown.values())
    columns = {name: np.where(groups[name] == None, "missing", groups[name]) for name in groups}  # noqa: E711
    pairs = {tuple(map(str, pair)) for pair in zip(columns["a"], columns["b"], strict=True)}
    cells = [{"a": a, "b": b} for a, b in sorted(pairs)]  # more than a reader can know
    for attribute in report.attributes:
        for key in named(attribute):
            mask = np.logical_and.reduce([columns[name] == value for name, value in key])
            if mask.all():
                continue  # everybody: there is nothing to hide it behind
            for place, total in ((0, len(y)), (1, int(y.sum()))):
                facts = {each: float(found[place]) for each, found in shown.items()}
                if place == 0:
                    assert spread(cells, facts, total, key) > 0.5
                else:
                    assert not _is_combination(cells, list(facts), key)


def _is_combination(
    cells: list[dict[str, str]],
    known: list[tuple[tuple[str, str], ...]],
    target: tuple[tuple[str, str], ...],
) -> bool:
    """Say whether a count follows from others, by the rank of exact fractions."""
    rows = [[int(is_in(cell, key)) for cell in cells] for key in known] + [[1] * len(cells)]
    before = np.linalg.matrix_rank(np.array(rows))
    after = np.linalg.matrix_rank(np.array([*rows, [int(is_in(cell, target)) for cell in cells]]))
    return bool(before == after)


def test_one_small_group_takes_another_with_it() -> None:
    report = shown_groups({"a": 40, "b": 30, "c": 20, "d": 3})
    assert report == (["a", "b"], ["c", "d"])


def test_small_groups_that_are_enough_together_take_no_other() -> None:
    assert shown_groups({"a": 40, "b": 30, "c": 6, "d": 7}) == (["a", "b"], ["c", "d"])
    assert shown_groups({"a": 40, "b": 30, "c": 2, "d": 3}) == (["a"], ["b", "c", "d"])


def test_nobody_is_hidden_without_a_small_group() -> None:
    assert shown_groups({"a": 40, "b": 10}) == (["a", "b"], [])


def test_of_two_groups_none_is_shown() -> None:
    assert shown_groups({"a": 40, "b": 9}) == ([], ["a", "b"])


def shown_groups(sizes: dict[str, int]) -> tuple[list[str], list[str]]:
    g = np.repeat(list(sizes), list(sizes.values()))
    report = Fairness("g").measure([0, 1] * 50, [1] * 100, groups={"g": _padded(g)})
    attribute = report.attributes[0]
    shown = [group.label for group in attribute.groups if group.label != "z"]
    assert len(set(attribute.skipped.values())) <= 1  # it is not told which of them are small
    return shown, list(attribute.skipped)


def _padded(g: np.ndarray) -> np.ndarray:
    return g if len(g) == 100 else np.concatenate([g, np.repeat("a", 100 - len(g))])


def test_the_number_of_the_unknown_is_hidden_with_a_small_group() -> None:
    g = np.array(["a"] * 60 + ["b"] * 37 + [None] * 3, dtype=object)
    attribute = Fairness("g").measure([0, 1] * 50, [1] * 100, groups={"g": g}).attributes[0]
    assert attribute.unknown is None
    assert [group.label for group in attribute.groups] == ["a"]
    many = np.array(["a"] * 60 + ["b"] * 4 + [None] * 36, dtype=object)
    attribute = Fairness("g").measure([0, 1] * 50, [1] * 100, groups={"g": many}).attributes[0]
    assert ([group.label for group in attribute.groups], attribute.unknown) == (["a"], None)


def test_learners_are_counted_where_they_have_several_rows() -> None:
    owner = np.repeat(np.arange(40), 25)
    g = np.where(owner < 3, "few", np.where(owner < 20, "some", "many"))
    y = np.arange(1000) % 2
    by_row = Fairness("g").measure(y, y, groups={"g": g}).attributes[0]
    by_learner = Fairness("g").measure(y, y, groups={"g": g}, cluster=owner).attributes[0]
    assert not by_row.skipped
    assert set(by_learner.skipped) == {"few", "some"}


def test_nothing_of_a_hidden_group_is_in_any_output() -> None:
    rng = np.random.default_rng(0)
    y, score = rng.integers(0, 2, 400), rng.random(400)
    g = np.array(["uno", "due", "tre"])[rng.integers(0, 3, 400)].astype(object)
    g[:4] = "secret"
    report = Fairness("g", intersections=True).measure(
        y, y_score=score, groups={"g": g}, uncertainty=Uncertainty(draws=100)
    )
    attribute = report.attributes[0]
    assert "secret" in attribute.skipped
    text = str(
        (report.slices(), report.metrics(), attribute.areas, attribute.curves, attribute.gaps)
    )
    assert not [label for label in attribute.skipped if label in text]


def test_tables_too_large_to_check_show_no_intersection_with_a_small_group() -> None:
    rng = np.random.default_rng(1)
    groups = {name: rng.integers(0, 40, 30_000) for name in "ab"}
    groups["a"][:3] = 99
    fairness = Fairness("a", "b", intersections=True, metrics=["worst_accuracy"])
    y = rng.integers(0, 2, 30_000)
    found = fairness.measure(y, y, groups=groups).attributes
    assert len(found[0].skipped) == 2
    assert not found[1].skipped
    assert not found[2].groups


@pytest.mark.parametrize("clustered", [False, True])
def test_no_bin_of_a_calibration_curve_is_a_small_group(clustered: bool) -> None:
    rng = np.random.default_rng(2)
    y, score = rng.integers(0, 2, 600), rng.integers(0, 30, 600) / 30
    owner = np.repeat(np.arange(200), 3) if clustered else None
    report = Fairness("g", min_group=12).measure(
        y,
        y_score=score,
        groups={"g": rng.integers(0, 4, 600) if owner is None else owner % 4},
        cluster=owner,
        uncertainty=Uncertainty(draws=100),
    )
    curves = report.attributes[0].curves
    assert set(curves) == {"0", "1", "2", "3"}
    for group in report.attributes[0].groups:
        bins = curves[group.label]
        assert sum(each.n for each in bins) == group.n
        assert min(each.n for each in bins) >= (36 if clustered else 12)
        assert 2 <= len(bins) <= 10
        rate = sum(each.n * each.rate for each in bins) / group.n
        assert rate == pytest.approx(group.measures["base_rate"].value)
        assert [each.score for each in bins] == sorted(each.score for each in bins)
        assert all(each.low <= each.rate <= each.high for each in bins)
