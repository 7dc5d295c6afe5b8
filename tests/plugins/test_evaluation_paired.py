"""Two evaluations of the same learners: paired differences, who changed, and plain sentences."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edversion
from edversion import Section, Version
from edversion_plugins.evaluation import Uncertainty, evaluate, load_evaluation
from edversion_plugins.evaluation.comparing import edversion_compare
from edversion_plugins.evaluation.newest import newest_evaluations
from edversion_plugins.evaluation.paired import (
    accuracy_difference,
    auc_difference,
    difference_of,
    differences,
    error_difference,
    mcnemar,
)
from edversion_plugins.evaluation.pairing import join
from edversion_plugins.evaluation.units import Units, read_units

SURE = Uncertainty(draws=400)


@pytest.mark.parametrize(
    ("to_wrong", "to_right", "p"),
    [(0, 0, 1.0), (0, 5, 2 / 32), (1, 5, 2 * 7 / 64), (3, 3, 1.0), (10, 0, 2 / 1024)],
)
def test_mcnemar_by_hand(to_wrong: int, to_right: int, p: float) -> None:
    assert mcnemar(to_wrong, to_right) == pytest.approx(p)


def test_accuracy_of_independent_rows() -> None:
    old, new = np.arange(200) < 120, np.arange(200) >= 50  # 50 to wrong, 80 to right
    found = accuracy_difference(old, new, Units(200), SURE)
    assert (found.old, found.new, found.n) == (0.6, 0.75, 200)
    assert found.p == mcnemar(50, 80)
    apart = new.astype(float) - old
    error = apart.std() / np.sqrt(200)
    assert found.low == pytest.approx(found.value - 1.96 * error, abs=0.2 * error)
    assert found.high == pytest.approx(found.value + 1.96 * error, abs=0.2 * error)
    assert found.told
    assert found == accuracy_difference(old, new, Units(200), SURE)


def test_rows_of_one_learner_say_less_than_rows_of_many() -> None:
    old, new = np.arange(200) % 2 == 0, np.arange(200) % 2 == 0
    new[1:60] = True  # 30 rows to right, of 6 learners with five each
    units = read_units(np.arange(200) // 10, 200)
    alone = accuracy_difference(old, new, Units(200), SURE)
    found = accuracy_difference(old, new, units, SURE)
    assert found.value == alone.value == pytest.approx(0.15)
    assert found.low is not None
    assert alone.low is not None
    assert found.low < alone.low
    # six learners flip, all alike: all heads or all tails
    assert found.p == pytest.approx(2 / 64, abs=0.02)
    assert alone.p == pytest.approx(2 / 2**30)


def _delong(true: Any, old: Any, new: Any) -> tuple[float, float]:
    """Give difference and variance from all pairs, as the paper writes it."""
    first, second = np.flatnonzero(true == 1), np.flatnonzero(true == 0)
    kernel = np.zeros((2, len(first), len(second)))
    for model, score in enumerate((old, new)):
        for (i, a), (j, b) in product(enumerate(first), enumerate(second)):
            kernel[model, i, j] = (score[a] > score[b]) + 0.5 * (score[a] == score[b])
    aucs = kernel.mean(axis=(1, 2))
    covariance = np.cov(kernel.mean(axis=2)) / len(first)
    covariance = covariance + np.cov(kernel.mean(axis=1)) / len(second)
    contrast = np.array([-1, 1])
    return float(aucs @ contrast), float(contrast @ covariance @ contrast)


def test_auc_is_delongs() -> None:
    rng = np.random.default_rng(3)
    true = rng.integers(0, 2, 60)
    old = np.round(0.5 * true + rng.random(60), 1)  # with ties
    new = np.round(0.9 * true + rng.random(60), 1)
    apart, variance = _delong(true, old, new)
    found = auc_difference(true, old, new, Units(60), SURE)
    assert found is not None
    assert found.value == pytest.approx(apart)
    half = SURE.z * variance**0.5
    assert (found.low, found.high) == pytest.approx((apart - half, apart + half))
    from scipy.stats import norm

    assert found.p == pytest.approx(2 * norm.sf(abs(apart) / variance**0.5))


def test_auc_by_learner() -> None:
    rng = np.random.default_rng(4)
    true = rng.integers(0, 2, 80)
    old, new = rng.random(80), 0.5 * true + rng.random(80)
    alone = auc_difference(true, old, new, Units(80), SURE)
    units = read_units(np.repeat(np.arange(80), 3), 240)
    found = auc_difference(np.repeat(true, 3), np.repeat(old, 3), np.repeat(new, 3), units, SURE)
    assert alone is not None
    assert found is not None
    assert found.value == pytest.approx(alone.value)
    # repeating a learner's rows tells nothing more, but for Bessel's correction by class
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high), abs=0.005)


@pytest.mark.parametrize("true", [[1, 1, 1], [0, 0, 0]])
def test_auc_of_one_class(true: list[int]) -> None:
    score = np.arange(3.0)
    assert auc_difference(np.array(true), score, score, Units(3), SURE) is None


def test_auc_of_one_positive_has_no_interval() -> None:
    true, old, new = np.array([0, 0, 1]), np.array([1.0, 3, 2]), np.array([1.0, 2, 3])
    found = auc_difference(true, old, new, Units(3), SURE)
    assert found is not None
    assert (found.value, found.low, found.p, found.told) == (0.5, None, None, False)


def test_errors_of_numbers() -> None:
    rng = np.random.default_rng(5)
    old = rng.random(300)
    found = error_difference(old, old - 0.1, Units(300), SURE)
    assert found.value == pytest.approx(-0.1)
    assert (found.low, found.high) == pytest.approx((-0.1, -0.1))  # every row by as much
    found = error_difference(old, rng.permutation(old), Units(300), SURE)
    assert found.value == pytest.approx(0)
    assert not found.told


class Bench:
    """A run with two models and a dataset, and learners that both judge."""

    def __init__(self, run: edversion.Run) -> None:
        self.run = run
        self.old = self._logged("dropout", "model", b"old")
        self.new = self._logged("dropout", "model", b"new")
        self.data = self._logged("learners", "dataset", b"rows")
        self.y = np.arange(200) % 2
        self.group = np.where(np.arange(200) < 100, "a", "b").astype(object)

    def _logged(self, name: str, type: str, content: bytes) -> Version:
        draft = edversion.Artifact(name, type=type)
        draft.add_bytes(content, "content.bin")
        return self.run.log_artifact(draft)

    def evaluate(
        self, model: Version, wrong: Any, rows: Any = slice(None), **given: Any
    ) -> Version:
        predicted = self.y.copy()
        predicted[wrong] ^= 1
        columns: dict[str, Any] = {
            "y_true": self.y[rows],
            "y_pred": predicted[rows],
            "groups": {"school": self.group[rows]},
            "sample_id": np.arange(200)[rows],
            "draws": 100,
        }
        columns |= given
        return evaluate(model, self.data, run=self.run, **columns).version

    def sections(self) -> dict[str, Section]:
        return {each.name: each for each in edversion_compare([self.old, self.new]) or []}

    def compared(self) -> list[Section]:
        """Give the differences over all rows, and who changed."""
        found = self.sections()
        return [found[name] for name in ("paired", "paired-changes") if name in found]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with edversion.init("test", store=tmp_path / "store") as run:
        yield Bench(run)


def test_models_are_compared_through_their_newest_evaluations(bench: Bench) -> None:
    bench.evaluate(bench.old, slice(0, 200))
    bench.evaluate(bench.old, slice(0, 60))
    bench.evaluate(bench.new, slice(50, 70))
    measures, who = bench.compared()
    assert measures.title == (
        "Learner by learner: test/dropout:v0 and test/dropout:v1 on test/learners:v0, test"
    )
    assert [section.name for section in (measures, who)] == ["paired", "paired-changes"]
    (metric, old, new, apart, low, high, p, n, says, method), *_ = measures.rows
    assert says == "higher"
    assert (metric, old, new, n) == ("accuracy", 0.7, 0.9, 200)
    assert apart == pytest.approx(0.2)
    assert p == mcnemar(10, 50)
    assert method == "paired bootstrap by row; McNemar, exact"
    assert isinstance(low, float)
    assert isinstance(high, float)
    assert measures.note.startswith(
        "Paired: both evaluations have the same 200 rows. Of 200 learners, about 40 more are "
        "judged rightly by test/dropout:v1 than by test/dropout:v0 "
        f"(between {round(low * 200)} and {round(high * 200)})."
    )
    assert who.rows == (("all", 200, 10, 50), ("school=a", 100, 10, 50), ("school=b", 100, 0, 0))
    assert who.note == "Of 200 learners, 10 went from right to wrong and 50 from wrong to right."
    assert bench.compared() == [measures, who]
    assert json.loads(json.dumps(measures.as_json()))["rows"][0][0] == "accuracy"


def test_the_difference_of_one_metric_is_that_of_all(bench: Bench) -> None:
    bench.evaluate(bench.old, slice(0, 200))
    bench.evaluate(bench.new, slice(50, 150))
    pair = [newest_evaluations(each) for each in (bench.old, bench.new)]
    joined = join(*(load_evaluation(next(iter(each.values()))) for each in pair))
    every = differences(joined)
    assert len(every) > 4
    assert [difference_of(joined, each.metric) for each in every] == list(every)
    assert difference_of(joined, "joy") is None


def test_evaluations_are_compared_themselves(bench: Bench) -> None:
    first, second = bench.evaluate(bench.old, slice(60)), bench.evaluate(bench.new, slice(20))
    turned, straight = (
        next(each for each in edversion_compare(pair) or [] if each.name == "paired")
        for pair in ([second, first], [first, second])
    )
    assert turned.rows[0][3] == pytest.approx(-0.2)
    assert straight.rows[0][3] == pytest.approx(0.2)
    assert "about 40 fewer are judged rightly by test/dropout:v0 than" in turned.note


def test_the_data_cannot_tell(bench: Bench) -> None:
    bench.evaluate(bench.old, slice(0, 10))
    bench.evaluate(bench.new, slice(8, 17))
    measures, _ = bench.compared()
    assert "The data cannot tell which model judges more learners rightly: of 200" in measures.note
    assert "does for 1 more (between" in measures.note


def test_equal_predictions_do_not_differ(bench: Bench) -> None:
    score = np.linspace(0, 1, 200)
    for model in (bench.old, bench.new):
        bench.evaluate(model, [], y_pred=None, y_score=score)
    measures, who = bench.compared()
    for row in measures.rows:
        assert row[3:6] == (0.0, None, None)
        assert row[6] == (1.0 if row[0] in ("accuracy", "auc") else None)
    assert "The same in both: share predicted positive, balanced accuracy" in measures.note
    assert "both models judge the same ones rightly" in measures.note
    assert "The AUC is the same" in measures.note
    assert who.rows[0] == ("all", 200, 0, 0)


def test_the_order_of_rows_does_not_matter(bench: Bench) -> None:
    bench.evaluate(bench.old, slice(0, 60))
    bench.evaluate(bench.new, slice(50, 70))
    straight = bench.compared()
    bench.evaluate(bench.new, slice(50, 70), np.arange(200)[::-1])
    assert bench.compared() == straight


def test_samples_that_overlap_are_compared_where_they_do(bench: Bench) -> None:
    bench.evaluate(bench.old, slice(0, 60), slice(0, 150))
    other = bench.y[50:].copy()
    other[0] ^= 1
    bench.evaluate(bench.new, slice(50, 70), slice(50, 200), y_true=other)
    measures, _ = bench.compared()
    assert measures.note.startswith(
        "The evaluations as a whole are not paired: their samples differ. Compared are the 99 "
        "rows that are in both, of 150 and 150. Left out for another truth: 1."
    )
    assert measures.rows[0][7] == 99


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"sample_id": np.arange(1000, 1200)}, "no sample id is in both evaluations"),
        ({"sample_id": np.arange(200).astype(str)}, "no sample id is in both evaluations"),
        ({"sample_id": None}, "sample ids were given for one of the evaluations only"),
        ({"task": "regression", "groups": None}, "one task is binary, the other is regression"),
    ],
)
def test_other_samples_are_not_paired(bench: Bench, given: dict[str, Any], why: str) -> None:
    bench.evaluate(bench.old, slice(0, 60))
    bench.evaluate(bench.new, slice(0, 60), **given)
    (section,) = bench.compared()
    assert section.rows == ()
    assert section.note.startswith(f"The comparison is not paired: {why}.")


def test_without_ids_rows_are_paired_by_number_where_the_truth_agrees(bench: Bench) -> None:
    bench.evaluate(bench.old, slice(0, 60), sample_id=None)
    bench.evaluate(bench.new, slice(50, 70), sample_id=None)
    assert "rows are joined by their number" in bench.compared()[0].note
    bench.evaluate(bench.new, slice(50, 70), sample_id=None, y_true=1 - bench.y)
    assert "the rows are not the same ones" in bench.compared()[0].note


def test_small_groups_are_hidden_with_one_that_gives_them_away(bench: Bench) -> None:
    bench.group[:4] = "tiny"
    bench.evaluate(bench.old, slice(0, 60))
    bench.evaluate(bench.new, slice(50, 70))
    _, who = bench.compared()
    assert [row[0] for row in who.rows] == ["all", "school=b"]
    assert "2 groups are not shown: fewer than 10 learners" in who.note


def test_an_overlap_of_few_learners_is_not_shown(bench: Bench) -> None:
    bench.evaluate(bench.old, slice(0, 60), slice(0, 105))
    bench.evaluate(bench.new, slice(50, 70), slice(100, 200))
    (section,) = bench.compared()
    assert section.note == "Not shown: fewer than 10 learners are in both evaluations."


def test_learners_with_several_rows(bench: Bench) -> None:
    cluster = np.arange(200) // 5
    bench.evaluate(bench.old, slice(0, 90), cluster=cluster)
    bench.evaluate(bench.new, slice(80, 103), cluster=cluster)
    measures, who = bench.compared()
    assert measures.rows[0][-1] == "paired bootstrap by learner; signs of learners shuffled"
    assert "Of 200 rows of 40 learners, about 67 more are judged rightly" in measures.note
    assert who.columns[1:3] == ("learners", "rows")
    assert who.rows[0] == ("all", 40, 200, 13, 80, 3, 16)
    assert who.rows[1] == ("school=a", 20, 100, 10, 80, 2, 16)


def test_few_learners_who_changed_do_not_tell(bench: Bench) -> None:
    cluster = np.arange(200) // 5
    bench.evaluate(bench.old, slice(0, 20), cluster=cluster)
    bench.evaluate(bench.new, [], cluster=cluster)
    measures, _ = bench.compared()
    assert "does for 20 more (too few changed for the test to be sure)" in measures.note


def test_numbers_are_compared_by_how_far_they_are_off(bench: Bench) -> None:
    rng = np.random.default_rng(6)
    true = rng.normal(size=200)
    for model, off in ((bench.old, 1.0), (bench.new, 0.5)):
        predicted = true + off * rng.normal(size=200)
        bench.evaluate(model, [], y_true=true, y_pred=predicted, task="regression")
    (section,) = bench.compared()
    assert section.rows[0][0] == "mae"
    assert "The mean absolute error of test/dropout:v1 is 0." in section.note
    assert "lower than that of test/dropout:v0 (between -0." in section.note


def test_versions_without_evaluations_have_no_section(bench: Bench) -> None:
    assert edversion_compare([bench.old, bench.new]) is None
    bench.evaluate(bench.old, slice(0, 60), groups=None)
    assert edversion_compare([bench.old, bench.new]) is None
    bench.evaluate(bench.old, slice(0, 60))
    assert list(bench.sections()) == ["gap-tests"]  # one alone has gaps, and no pair


def test_the_plugin_is_loaded_without_numpy() -> None:
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "from edversion_plugins.evaluation import comparing\n"
        "print(comparing.__all__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    hooks = ["edversion_check_promotion", "edversion_compare", "edversion_gates"]
    assert done.stdout.strip() == str(hooks)


def test_every_measure_is_compared_by_the_same_resamples(bench: Bench) -> None:
    rng = np.random.default_rng(12)
    score = np.clip(0.5 * bench.y + 0.6 * rng.random(200), 0, 1)
    worse = np.clip(score - 0.2, 0, 1)
    for model, given in ((bench.old, score), (bench.new, worse)):
        bench.evaluate(model, [], y_pred=None, y_score=given, draws=4000)
    found = bench.sections()["paired"]
    rows = {row[0]: dict(zip(found.columns, row, strict=True)) for row in found.rows}
    assert list(rows) == [
        "accuracy", "auc", "selection_rate", "balanced_accuracy", "tpr", "fnr", "fpr", "precision",
        "f1", "log_loss", "brier", "calibration_gap", "ece",
    ]  # fmt: skip
    gap = rows["calibration_gap"]
    apart = worse - score
    error = apart.std() / np.sqrt(200)  # of pairs, far below that of two samples
    assert gap["difference"] == pytest.approx(apart.mean())
    assert gap["95% from"] == pytest.approx(apart.mean() - 1.96 * error, abs=0.2 * error)
    assert gap["95% to"] == pytest.approx(apart.mean() + 1.96 * error, abs=0.2 * error)
    assert gap["says"] == "lower"
    assert gap["method"] == "paired bootstrap by row"
    assert "Lower with test/dropout:v1: share predicted positive (by 0." in found.note
    assert "Worse with test/dropout:v1: " in found.note
    assert "13 measures were compared" in found.note


def test_measures_that_are_not_estimable_are_not_compared(bench: Bench) -> None:
    bench.evaluate(bench.old, [], y_pred=np.zeros(200, dtype=int))
    bench.evaluate(bench.new, [])
    names = [row[0] for row in bench.sections()["paired"].rows]
    assert "precision" not in names  # nobody is predicted positive by the first
    assert {"accuracy", "tpr", "selection_rate"} <= set(names)


def test_the_models_are_compared_group_by_group_with_holm(bench: Bench) -> None:
    bench.evaluate(bench.old, slice(0, 40))
    bench.evaluate(bench.new, [30, 31, 150])
    found = bench.sections()["paired-groups"]
    rows = {row[0]: dict(zip(found.columns, row, strict=True)) for row in found.rows}
    assert set(rows) == {"school=a", "school=b"}
    first, second = rows["school=a"], rows["school=b"]
    assert (first["metric"], first["first"], first["other"]) == ("accuracy", 0.6, 0.98)
    assert (first["p"], first["says"]) == (mcnemar(0, 38), "higher")
    assert first["p, corrected"] == 2 * first["p"]
    assert (second["p"], second["p, corrected"], second["says"]) == (1.0, 1.0, "cannot tell")
    assert found.note.startswith("The accuracy of school=a is 0.38 higher with test/dropout:v1")
    assert found.note.endswith(
        "In the other 1 comparison by group the data cannot tell. Comparisons: 2, with Holm's "
        "correction for their number."
    )


def test_groups_that_an_evaluation_hides_stay_hidden_in_pairs(bench: Bench) -> None:
    """The first hides tiny, and a with it: the 96 of a in the pairs would give the 4 away."""
    bench.group[:4] = "tiny"
    first = bench.evaluate(bench.old, slice(0, 60))
    bench.evaluate(bench.new, slice(50, 70), slice(4, 200))
    content = json.loads(first.read_bytes("evaluation.json"))
    assert set(content["fairness"]["attributes"]["school"]["skipped"]) == {"a", "tiny"}
    found = bench.sections()
    assert {row[0] for row in found["paired-groups"].rows} == {"school=b"}
    assert [row[0] for row in found["paired-changes"].rows] == ["all", "school=b"]


def test_gaps_say_differ_or_cannot_tell_and_how_many_were_tested(bench: Bench) -> None:
    chosen = bench.group == "a"
    old, new = bench.y.copy(), bench.y.copy()
    old[chosen], new[:1] = 0, 1 - new[:1]  # the first selects nobody of the group a
    bench.evaluate(bench.old, [], y_pred=old)
    bench.evaluate(bench.new, [], y_pred=new)
    found = bench.sections()["gap-tests"]
    rows = {(row[0], row[2]): dict(zip(found.columns, row, strict=True)) for row in found.rows}
    first = rows["test/dropout:v0", "demographic_parity_difference"]
    assert (first["attribute"], first["between"], first["says"]) == ("school", "a and b", "differ")
    assert first["value"] == 0.5
    assert 0 < first["noise alone makes"] < 0.2
    assert first["p"] <= first["p, corrected"] < 0.05
    ratio = rows["test/dropout:v0", "demographic_parity_ratio"]
    assert (ratio["value"], ratio["says"]) == (0.0, "below four fifths")
    assert rows["test/dropout:v1", "demographic_parity_difference"]["says"] == "cannot tell"
    assert rows["test/dropout:v1", "demographic_parity_ratio"]["says"] == "not tested"
    assert "test/dropout:v0: 4 gaps tested, with Holm's correction for their number." in found.note
    assert (
        "By school, the lowest share predicted positive (a) is 0 of the highest (b): below four "
        "fifths." in found.note
    )
    assert "the data cannot tell, which does not mean that there is no gap." in found.note


def test_an_attribute_whose_groups_are_hidden_says_what_to_do(bench: Bench) -> None:
    bench.group[:7] = "tiny"
    bench.evaluate(bench.old, slice(0, 60))
    note = bench.sections()["gap-tests"].note
    assert "school is not compared: so few learners are in some of its 3 groups" in note
    assert "join small groups, or evaluate without their rows" in note
