"""Gates on evaluations: no worse than the current version, for no group, and fair enough."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edversion
from edversion import PromotionReport, RefusedError, Verdict, Version
from edversion.run import Run
from edversion.testing import GateContract
from edversion_plugins.evaluation import comparing, evaluate
from edversion_plugins.evaluation.groups import read_grouping
from edversion_plugins.evaluation.growth import _areas, gap_growth
from edversion_plugins.evaluation.inputs import read_sample
from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.evaluation.pairing import Joined
from edversion_plugins.evaluation.units import Units

ROWS = 400


class Bench:
    """Two models, the first of which is the champion, and learners whom both judge."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.old, self.new = (self.logged("dropout", "model", each) for each in (b"old", b"new"))
        self.data = self.logged("learners", "dataset", b"rows")
        self.y = np.arange(ROWS) % 2
        self.gender = np.where(np.arange(ROWS) < ROWS // 2, "f", "m").astype(object)
        run.repository.promote(self.old, "champion")

    def logged(self, name: str, type: str, content: bytes) -> Version:
        draft = edversion.Artifact(name, type=type)
        draft.add_bytes(content, "content.bin")
        return self.run.log_artifact(draft)

    def evaluate(self, model: Version, wrong: Any, **given: Any) -> Version:
        predicted = self.y.copy()
        predicted[wrong] ^= 1
        columns: dict[str, Any] = {
            "y_true": self.y, "y_pred": predicted, "groups": {"gender": self.gender},
            "sample_id": np.arange(ROWS), "draws": 400,
        }  # fmt: skip
        return evaluate(model, self.data, run=self.run, **(columns | given)).version

    def check(self, rule: str) -> PromotionReport:
        return self.run.repository.check_promotion(self.new, "champion", policy=rule)

    def verdicts(self, rule: str) -> tuple[Verdict, ...]:
        return self.check(rule).verdicts


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with edversion.init("test", store=tmp_path / "store") as run:
        yield Bench(run)


def rule(gate: str, **keys: Any) -> str:
    lines = (f"{key} = {value!r}" for key, value in keys.items())
    return "\n".join([f"[[gates.{gate}]]", *lines])


NO_WORSE = rule("noninferiority", metric="accuracy", margin=0.05)
FOR_NOBODY = rule("noninferiority", metric="tpr", margin=0.1, groups=["gender"])
NO_WIDER = rule("gap-growth", gap="accuracy_difference", margin=0.05, groups=["gender"])
FAIR = rule("fairness", gap="accuracy_difference", max=0.1)


def test_without_a_champion_there_is_nothing_to_compare_with(bench: Bench) -> None:
    bench.evaluate(bench.new, [0])
    for text in (NO_WORSE, NO_WIDER):
        report = bench.run.repository.check_promotion(bench.new, "other", policy=text)
        (verdict,) = report.verdicts
        assert verdict.passed
        assert "no version has the alias yet" in verdict.message


def test_a_better_model_is_no_worse(bench: Bench) -> None:
    bench.evaluate(bench.old, np.arange(100))
    bench.evaluate(bench.new, np.arange(40))
    (verdict,) = bench.verdicts(NO_WORSE)
    assert verdict.passed
    evidence = verdict.evidence
    assert (evidence["old"], evidence["new"], evidence["n"]) == (0.75, 0.9, ROWS)
    assert evidence["value"] == pytest.approx(0.15)
    assert 0.1 < evidence["low"] < 0.15 < evidence["high"] < 0.2  # type: ignore[operator]
    assert "5" in verdict.message


def test_little_data_do_not_show_that_a_model_is_no_worse(bench: Bench) -> None:
    """The values are equal, but so few rows would say that of a much worse model as well."""
    some = {"y_true": bench.y[:20], "sample_id": np.arange(20), "groups": {}}
    predicted = [np.array(bench.y[:20]) for _ in range(2)]
    predicted[0][:3] ^= 1
    predicted[1][5:8] ^= 1
    for model, each in zip((bench.old, bench.new), predicted, strict=True):
        bench.evaluate(model, [], **some, y_pred=each)
    (verdict,) = bench.verdicts(NO_WORSE)
    assert verdict.evidence["value"] == 0
    assert not verdict.passed


def test_two_models_that_say_the_same_are_no_worse(bench: Bench) -> None:
    bench.evaluate(bench.old, [3])
    bench.evaluate(bench.new, [3])
    verdicts = bench.verdicts(f"{NO_WORSE}\n{NO_WIDER}\n" + NO_WORSE.replace("0.05", "0"))
    assert [each.passed for each in verdicts] == [True, True, True]
    assert {each.evidence["high"] for each in verdicts} == {0.0}
    (verdict,) = bench.verdicts(f"{NO_WORSE}\nmin_n = {ROWS + 1}")
    assert f"{ROWS} rows are in both, and {ROWS + 1} are needed" in verdict.message


def test_no_groups_recall_may_fall(bench: Bench) -> None:
    """As good over all, better for m, worse for f."""
    of_f, of_m = np.arange(1, 61, 2), ROWS // 2 + np.arange(1, 61, 2)
    bench.evaluate(bench.old, of_m)
    bench.evaluate(bench.new, of_f)
    found = bench.verdicts(FOR_NOBODY)
    said = {each.message.partition(" on ")[0]: each for each in found}
    assert {what: each.passed for what, each in said.items()} == {
        "tpr": True, "tpr of gender=f": False, "tpr of gender=m": True,
    }  # fmt: skip
    assert said["tpr of gender=f"].evidence["value"] == pytest.approx(-0.3)
    assert said["tpr of gender=m"].evidence["value"] == pytest.approx(0.3)


def test_the_gap_may_not_grow(bench: Bench) -> None:
    bench.evaluate(bench.old, np.r_[:20, 200:220])
    bench.evaluate(bench.new, np.r_[:60, 200:210])
    (verdict,) = bench.verdicts(NO_WIDER)
    assert not verdict.passed
    assert (verdict.evidence["old"], verdict.evidence["new"]) == (0.0, pytest.approx(0.25))
    bench.evaluate(bench.new, np.r_[2:22, 202:222])
    (verdict,) = bench.verdicts(NO_WIDER)
    assert verdict.passed
    (verdict,) = bench.verdicts(NO_WIDER.replace("0.05", "0.0001"))
    assert not verdict.passed  # not that it grows, but it may


@pytest.mark.parametrize("bound", ["value", "interval"])
def test_fairness_within_bounds(bench: Bench, bound: str) -> None:
    text = rule("fairness", gap="accuracy_difference", max=0.1, bound=bound)
    bench.evaluate(bench.new, np.r_[:36, 200:220])
    (verdict,) = bench.verdicts(text)
    assert verdict.evidence["value"] == pytest.approx(0.08)
    assert verdict.passed == (bound == "value")
    bench.evaluate(bench.new, np.r_[:60, 200:220])
    (verdict,) = bench.verdicts(text)
    assert not verdict.passed
    ratio = rule("fairness", gap="accuracy_ratio", min=0.95)
    (verdict,) = bench.verdicts(ratio)
    assert "was not measured" in verdict.message
    (verdict,) = bench.verdicts(rule("fairness", gap="demographic_parity_ratio", min=1.01))
    assert "it is 1, and 1.01 is the least allowed" in verdict.message
    (verdict,) = bench.verdicts(rule("fairness", gap="demographic_parity_ratio", min=1))
    assert verdict.passed
    few = rule("fairness", gap="demographic_parity_ratio", min=1, min_n=ROWS + 1)
    (verdict,) = bench.verdicts(few)
    assert f"it is of {ROWS} rows, and {ROWS + 1} are needed" in verdict.message


def test_what_was_not_evaluated_refuses_and_says_what_to_do(bench: Bench) -> None:
    for text in (NO_WORSE, NO_WIDER, FAIR):
        (verdict,) = bench.verdicts(text)
        assert not verdict.passed
        assert "evaluate" in verdict.message
    bench.evaluate(bench.new, [1])
    (verdict,) = bench.verdicts(NO_WORSE)
    assert f"evaluate {bench.old.reference} on it" in verdict.message
    other = bench.logged("others", "dataset", b"x")
    for text in (NO_WORSE, FAIR):
        (verdict,) = bench.verdicts(f"{text}\ndataset = '{other.reference}'")
        assert "evaluat" in verdict.message
        (verdict,) = bench.verdicts(f"{text}\ndataset = 'nowhere:v0'")
        assert not verdict.passed
        assert "nowhere" in verdict.message


def test_the_newest_evaluation_that_was_not_deleted_counts(bench: Bench) -> None:
    bench.evaluate(bench.new, [1])
    bad = bench.evaluate(bench.new, np.arange(100))
    (verdict,) = bench.verdicts(FAIR)
    assert not verdict.passed
    bench.run.repository.delete(bad, reason="of the wrong rows")
    (verdict,) = bench.verdicts(FAIR)
    assert verdict.passed


def test_an_evaluation_made_again_is_fresh_evidence(bench: Bench, tmp_path: Path) -> None:
    first = bench.evaluate(bench.new, [1])
    (before,) = bench.verdicts(FAIR)
    with edversion.init("test", store=tmp_path / "store") as run:
        bench.run = run
        assert bench.evaluate(bench.new, [1]) == first
        (after,) = bench.verdicts(FAIR)
    assert str(before.evidence["at"]) < str(after.evidence["at"])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (rule("noninferiority", metric="accuracy"), "'margin' is missing"),
        (rule("noninferiority", metric="accuracy", margin=-1), "margin must be 0 or more"),
        (rule("noninferiority", metric="accuracy", margin="x"), "margin must be a number"),
        (rule("noninferiority", metric="nonsense", margin=1), "no values of 'nonsense' are better"),
        (rule("noninferiority", metric="accuracy", delta=1, margin=1), "'delta' means nothing"),
        (rule("gap-growth", gap="nonsense", margin=1), "there is no gap 'nonsense'"),
        (rule("gap-growth", gap="abroca", margin=1), "the growth of 'abroca' is not measured"),
        (rule("gap-growth", gap="accuracy_difference", margin=1, groups=["x"]), "attribute 'x'"),
        (rule("fairness", gap="abroca"), "neither 'min' nor 'max'"),
        (rule("fairness", gap="abroca", max=1, bound="x"), "'value' or 'interval'"),
        ("[gates.fairness]\ngap = 'abroca'", r"written as \[\[gates.fairness\]\]"),
    ],
)
def test_a_rule_that_means_nothing_refuses(bench: Bench, text: str, fault: str) -> None:
    for model in (bench.old, bench.new):
        bench.evaluate(model, [1, 2])
    report = bench.check(text)
    assert not report.passed
    import re

    assert any(re.search(fault, each.message) for each in report.refused), report.refused


def test_the_plugin_loads_without_numpy() -> None:
    program = (
        "import sys, edversion_plugins.evaluation.comparing\n"
        "print([name for name in ('numpy', 'sqlalchemy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


# The numbers


def test_areas_from_counts_are_those_of_pairs() -> None:
    rng = np.random.default_rng(2)
    true = rng.integers(0, 2, 50)
    score = np.round(rng.random(50) + 0.4 * true, 1)
    pairs = [(a > b) + 0.5 * (a == b) for a in score[true == 1] for b in score[true == 0]]
    values = np.unique(score)[::-1]
    counts = [[np.sum((score == each) & (true == kind)) for kind in (0, 1)] for each in values]
    assert _areas(np.array(counts, dtype=float).reshape(1, 1, -1))[0, 0] == pytest.approx(
        np.mean(pairs)
    )
    assert np.isnan(_areas(np.array([[[3.0, 0.0]]]))).all()


def joined(old: Any, new: Any, true: Any, group: Any, *, scores: bool = False) -> Joined:
    def sample(values: Any) -> Any:
        predicted, score = (None, values) if scores else (values, None)
        return read_sample(true, predicted, score, task="binary", positive=1, threshold=0.5)

    return Joined(
        old=sample(old),
        new=sample(new),
        units=Units(len(true)),
        groups={"g": group},
        sizes=(len(true),) * 2,
        retold=0,
        by_number=False,
        uncertainty=Uncertainty(draws=400),
        min_group=1,
        hidden=frozenset(),
    )


def test_growth_of_a_gap_in_auc_is_that_of_the_areas() -> None:
    rng = np.random.default_rng(3)
    true, group = rng.integers(0, 2, 600), np.repeat(np.array(["a", "b"], dtype=object), 300)
    old, new = (rng.random(600) + 0.3 * true for _ in range(2))
    new = new + 0.5 * true * (group == "a")
    found = gap_growth(
        joined(old / 2, new / 2, true, group, scores=True),
        "auc_difference",
        read_grouping(group, "g"),
    )
    from sklearn.metrics import roc_auc_score

    areas = [
        [roc_auc_score(true[group == each], score[group == each]) for each in "ab"]
        for score in (old, new)
    ]
    gaps = [abs(first - second) for first, second in areas]
    assert (found.old, found.new) == pytest.approx(gaps)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((0.8, 0.8), (0.85, 0.75)),  # hardest: where groups do not differ, gaps are chance
        ((0.85, 0.75), (0.85, 0.65)),
        ((0.8, 0.8, 0.8, 0.8), (0.85, 0.8, 0.8, 0.75)),
        ((0.85, 0.75), (0.75, 0.85)),
    ],
)
def test_a_gap_that_grows_by_as_much_as_is_allowed_seldom_passes(
    before: tuple[float, ...], after: tuple[float, ...]
) -> None:
    """The upper end of a 95 % interval lies below the true growth in one of 40 samples."""
    rng = np.random.default_rng(4)
    size, below, times = 500, 0, 200
    true = np.zeros(len(before) * size, dtype=int)
    group = np.repeat(np.array(list("abcd")[: len(before)], dtype=object), size)
    growth = float(np.ptp(after) - np.ptp(before))
    for _ in range(times):
        old, new = (
            (rng.random(len(true)) > np.repeat(shares, size)).astype(int)
            for shares in (before, after)
        )
        found = gap_growth(
            joined(old, new, true, group), "accuracy_difference", read_grouping(group, "g")
        )
        assert found.high is not None
        below += found.high < growth
    # 5 are expected of 200; of 1,000 such tests, one would have more than 13
    assert below <= 13


# The contract


class TestNoninferiority(GateContract):
    name, gate, settings = "noninferiority", comparing, [{"metric": "accuracy", "margin": 0.05}]

    def make(self, run: Run, *, good: bool) -> Version:
        return evaluated(run, good=good)

    def test_it_refuses_what_is_not_and_says_why(self, run: Run) -> None:
        """Only beside a champion: alone, nothing is worse."""
        run.repository.promote(evaluated(run, good=True), "champion")
        bad = evaluated(run, good=False)
        run.repository.set_policy("dropout:champion", self._policy())
        with pytest.raises(RefusedError, match=r"less than 0\.05 worse is allowed"):
            run.repository.promote(bad, "champion")


class TestFairness(GateContract):
    name, gate, settings = "fairness", comparing, [{"gap": "accuracy_difference", "max": 0.1}]

    def make(self, run: Run, *, good: bool) -> Version:
        return evaluated(run, good=good)


def evaluated(run: Run, *, good: bool) -> Version:
    bench = Bench.__new__(Bench)
    bench.run, bench.y = run, np.arange(ROWS) % 2
    bench.gender = np.where(np.arange(ROWS) < ROWS // 2, "f", "m").astype(object)
    bench.data = bench.logged("learners", "dataset", b"rows")
    model = bench.logged("dropout", "model", b"good" if good else b"bad")
    bench.evaluate(model, [0, 200] if good else np.arange(100))
    return model
