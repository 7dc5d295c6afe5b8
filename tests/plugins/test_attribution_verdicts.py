"""One verdict: of data whose truth is known, and by the rule that is written down."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from edversion import InvalidInputError
from edversion_plugins.attribution import (
    VERDICTS,
    Attribution,
    Estimate,
    Halves,
    Linking,
    Mixture,
    Rows,
    Rule,
    Shift,
    attribute_scores,
)
from edversion_plugins.attribution.analysing import Finer
from edversion_plugins.attribution.anchors import Anchors
from edversion_plugins.attribution.crossing import Crossing
from edversion_plugins.attribution.scoring import METRICS
from edversion_plugins.attribution.verdicts import Evidence, Verdict, rule_on
from edversion_plugins.evaluation.intervals import Uncertainty

SEEDS = range(8)
Make = Callable[[np.random.Generator], Attribution]


def scored(rng: np.random.Generator, shares: tuple[float, ...], rows: int = 3000) -> Rows:
    """Draw rows of which the models get shares right: 00, 01, 10, 11 as model and data."""
    old, new = rng.random(rows), rng.random(rows)  # the same rows are hard for both models
    draws = (old, new, old, new)
    columns = [(draw < part).astype(float) for draw, part in zip(draws, shares, strict=True)]
    return Rows.of(*columns, uncertainty=Uncertainty(draws=200))


def shares(*given: float, rows: int = 3000) -> Make:
    return lambda rng: attribute_scores(scored(rng, given, rows))


def by_covariates(mean: float, lost: float) -> Make:
    """Give learners whose results follow x; later others come, or x means something else."""

    def make(rng: np.random.Generator) -> Attribution:
        x = rng.normal(0, 1, 2500), rng.normal(mean, 1, 2500)
        logits = x[0] + 0.5, x[1] + 0.5 - lost
        right = [(rng.random(2500) < 1 / (1 + np.exp(-each))).astype(float) for each in logits]
        rows = Rows.of(*(right * 2), uncertainty=Uncertainty(draws=200))
        frames = pd.DataFrame({"x": x[0]}), pd.DataFrame({"x": x[1]})
        return attribute_scores(rows, finer=Finer(covariates=frames))

    return make


def by_strata(before: float, after: float, rates: tuple[float, float], **options: Any) -> Make:
    """Give learners of two strata; `before` and `after` are shares of the weaker one."""

    def make(rng: np.random.Generator) -> Attribution:
        weaker = rng.random(3000) < before, rng.random(3000) < after
        right = [
            rng.random(3000) < np.where(each, rate - 0.3, rate)
            for each, rate in zip(weaker, rates, strict=True)
        ]
        rows = Rows.of(*(right * 2), uncertainty=Uncertainty(draws=200))
        return attribute_scores(rows, finer=Finer(strata=weaker, **options))

    return make


KNOWN: list[tuple[Verdict, Make]] = [
    ("model regression", shares(0.80, 0.80, 0.70, 0.70)),
    ("model improvement", shares(0.80, 0.80, 0.88, 0.88)),
    ("assessment or data got harder", shares(0.80, 0.70, 0.84, 0.78)),
    ("assessment or data got easier", shares(0.70, 0.82, 0.70, 0.82)),
    ("population changed", by_covariates(-0.9, 0.0)),
    ("relationship changed", by_covariates(0.0, 0.8)),
    ("not separable", by_covariates(-7.0, 0.0)),
    ("not separable", shares(0.90, 0.60, 0.60, 0.90)),
    ("population changed", by_strata(0.2, 0.6, (0.9, 0.9))),
    ("assessment or data got harder", by_strata(0.4, 0.4, (0.9, 0.75))),
    ("assessment or data got harder", by_strata(0.2, 0.6, (0.9, 0.9), strata_of="items")),
    ("not enough data", shares(0.80, 0.78, 0.80, 0.79, rows=120)),
    ("not enough data", shares(0.80, 0.10, 0.80, 0.10, rows=20)),
    ("no change", shares(0.80, 0.80, 0.80, 0.80, rows=60_000)),
]


@pytest.mark.parametrize(("truth", "make"), KNOWN)
def test_the_verdict_is_the_truth(truth: str, make: Make) -> None:
    found = [make(np.random.default_rng(seed)).verdict for seed in SEEDS]
    assert found.count(truth) >= len(SEEDS) - 1, found


def test_every_verdict_has_a_simulation() -> None:
    assert {truth for truth, _ in KNOWN} == set(VERDICTS)


def test_without_any_change_few_are_told_of_one() -> None:
    rng = np.random.default_rng(0)
    told = [shares(0.8, 0.8, 0.8, 0.8, rows=800)(rng).verdict for _ in range(60)]
    assert sum(each not in ("not enough data", "no change") for each in told) <= 8


def test_the_other_clear_effect_is_named_beside_the_verdict() -> None:
    found = shares(0.80, 0.70, 0.84, 0.78)(np.random.default_rng(1))
    assert found.ruling.also == ("model improvement",)
    found = shares(0.80, 0.76, 0.92, 0.88)(np.random.default_rng(1))
    assert found.verdict == "model improvement"
    assert found.ruling.also == ("assessment or data got harder",)


def at(value: float, half: float = 0.01) -> Estimate:
    return Estimate(value, value - half, value + half)


def evidence(model: float, data: float, interaction: float = 0.0, **finer: Any) -> Evidence:
    parts = Halves(at(model), at(data), at(interaction), at(model + data))
    return Evidence(Crossing(*(at(0.8),) * 4, *parts), (1000, 1000), **finer)


def linking(items: float, learners: float) -> Linking:
    anchors = Anchors(("a", "b", "c"))
    parts = (at(items), at(learners), at(items + learners), at(0), at(0))
    return Linking(*parts, {}, {}, anchors, (), "mean-mean")


def shift(population: float, relationship: float, reason: str = "") -> Shift:
    return Shift(at(population), at(relationship), at(0), at(0), 1, 900, 900, 0.5, reason)


@pytest.mark.parametrize(
    ("given", "verdict", "also"),
    [
        (evidence(0.06, -0.08, 0.04), "assessment or data got harder", ("model improvement",)),
        (evidence(0.06, -0.08, 0.10), "not separable", ()),
        (evidence(0.0, 0.0, 0.10), "not separable", ()),
        (evidence(0.0, 0.0), "no change", ()),
        (evidence(0.0, 0.005), "not enough data", ()),
        (
            evidence(0.0, -0.2, linking=linking(-0.17, 0.005)),
            "assessment or data got harder",
            (),
        ),
        (evidence(0.0, -0.2, linking=linking(0.0, -0.2)), "population changed", ()),
        (
            evidence(0.0, -0.2, linking=linking(-0.05, -0.15)),
            "population changed",
            ("assessment or data got harder",),
        ),
        (
            evidence(0.0, -0.2, linking=linking(0.0, 0.0), shift=shift(0.0, -0.2)),
            "relationship changed",
            (),
        ),
        (evidence(0.0, -0.2, linking=linking(0.0, 0.3)), "not separable", ()),
        (evidence(0.0, -0.2, shift=shift(-0.1, -0.1, "they share nothing")), "not separable", ()),
        (
            evidence(
                0.0,
                -0.2,
                shift=shift(-0.1, -0.1, "they share nothing"),
                mixture=Mixture(at(-0.2), at(0), ()),
            ),
            "population changed",
            (),
        ),
        (evidence(0.0, -0.2, unlinked="no anchors"), "not separable", ()),
        (
            evidence(0.0, 0.2, shift=shift(0.15, 0.05)),
            "population changed",
            ("relationship changed",),
        ),
    ],
)
def test_the_rule(given: Evidence, verdict: str, also: tuple[str, ...]) -> None:
    ruling = rule_on(given, Rule())
    assert ruling.verdict == verdict
    assert ruling.also == also
    assert ruling.because


def test_what_is_smaller_than_matters_is_not_clear() -> None:
    given = evidence(0.03, 0.0)
    assert rule_on(given, Rule()).verdict == "model improvement"
    assert rule_on(given, Rule(smallest=0.05)).verdict == "no change"


@pytest.mark.parametrize("wrong", [{"smallest": -1.0}, {"smallest": float("nan")}, {"learners": 1}])
def test_thresholds_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        Rule(**wrong)


def test_of_a_loss_less_is_better() -> None:
    rng = np.random.default_rng(2)
    rows = scored(rng, (0.2, 0.2, 0.3, 0.3))
    found = attribute_scores(rows, metric=METRICS["brier"])
    assert found.verdict == "model regression"
    assert found.crossing.model.value == pytest.approx(0.1, abs=0.02)  # in units of the metric
    again = attribute_scores(dataclasses.replace(rows, old=rows.new, new=rows.old),
                             metric=METRICS["brier"])  # fmt: skip
    assert again.verdict == "model improvement"
    assert again.crossing.model.value == pytest.approx(-found.crossing.model.value)


def test_parts_of_a_loss_are_in_its_units_too() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(0, 1, 1500), rng.normal(1, 1, 1500)
    loss = [1 / (1 + np.exp(-each)) for each in x]
    rows = Rows.of(*(loss * 2), uncertainty=Uncertainty(draws=200))
    frames = pd.DataFrame({"x": x[0]}), pd.DataFrame({"x": x[1]})
    strata = (x[0] > 0.5), (x[1] > 0.5)
    found = attribute_scores(
        rows, metric=METRICS["brier"], finer=Finer(covariates=frames, strata=strata)
    )
    assert found.shift is not None
    assert found.mixture is not None
    assert found.crossing.data.value > 0.1
    assert found.shift.population.low > 0.1
    assert found.mixture.mix.low > 0.05
    assert all(0 < stratum.score_old < 1 for stratum in found.mixture.strata)


def test_sentences_are_plain_and_the_rest_is_json() -> None:
    found = shares(0.80, 0.70, 0.84, 0.78)(np.random.default_rng(4))
    text = " ".join(found.sentences)
    assert "harder" in found.sentences[0]
    assert "in 100" in text
    assert "p-value" not in text
    assert "significant" not in text
    document = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert document["verdict"] == "assessment or data got harder"
    assert document["crossing"]["model"]["value"] == found.crossing.model.value
    section = found.section()
    assert section.rows[5][0] == "model effect"
    assert found.verdict in section.note


def exactly(*shares: float) -> Rows:
    return Rows.of(*(np.arange(5000) % 100 < 100 * part for part in shares))


def test_sentences_say_what_the_score_did_and_how_sure_that_is() -> None:
    told = attribute_scores(exactly(0.80, 0.70, 0.84, 0.78)).sentences
    assert told[1] == (
        "Right answers went from 80.0 in 100 (old model, old data) to 78.0 in 100 (new model, new "
        "data)."
    )
    size = r"\d\.\d"
    better = rf"better than the old one, by about 6\.0 in 100 \(likely {size} to {size}\)\."
    assert re.fullmatch(rf"On the same data, the new model is {better}", told[2])
    worse = rf"worse than on the old, by about 8\.0 in 100 \(likely {size} to {size}\)\."
    assert re.fullmatch(rf"On the new data, the two models together do {worse}", told[3])
    alike = attribute_scores(exactly(0.80, 0.80, 0.80, 0.80)).sentences
    assert "neither clearly better nor clearly worse than on the old (likely between " in alike[3]
    lost = attribute_scores(exactly(0.2, 0.2, 0.3, 0.3), metric=METRICS["brier"]).sentences
    assert lost[1].startswith("brier went from 0.2 (old model, old data) to 0.3 (new model")
    assert "worse than the old one, by about 0.1 (likely 0.0" in lost[2]


def test_parts_of_the_data_are_told_in_words() -> None:
    mix = by_strata(0.2, 0.6, (0.9, 0.9))(np.random.default_rng(1))
    assert re.search(
        r"Another mix of the kinds of learners makes the score 1\d\.\d in 100 worse \(likely .*, "
        r"other results within the kinds ",
        mix.sentences[-1],
    )
    other = by_covariates(-0.9, 0.0)(np.random.default_rng(1))
    assert "learners of both data sets are alike to " in other.sentences[-1]
    assert re.search(r"learners of another kind make the score \d+\.\d in 100 worse",
                     other.sentences[-1])  # fmt: skip


def test_it_is_said_whether_one_effect_decided_or_the_larger() -> None:
    assert rule_on(evidence(0.06, 0.0), Rule()).because == "only the model's effect is clear"
    both = rule_on(evidence(0.06, -0.03), Rule())
    assert both.because == "the model's effect is the larger"


def test_strata_are_of_learners_or_of_items() -> None:
    with pytest.raises(InvalidInputError, match="strata_of is 'schools'"):
        Finer(strata_of="schools")  # type: ignore[arg-type]
