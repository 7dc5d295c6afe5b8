"""`Fairness` checks its arguments; its report tells what was found, in every shape."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import edversion
from edversion import InvalidInputError
from edversion_plugins.evaluation import GAPS, MEASURES, Fairness, FairnessReport

HIDDEN = "hidden: fewer than 10, or hidden with such a group so that it cannot be found out"
LEGAL_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


def sample(rows: int = 400) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Make learners of two attributes; x is too small, and third is hidden with it.

    All of the group other are of one class.
    """
    rng = np.random.default_rng(11)
    ses = np.array(["low", "middle", "high"])[rng.integers(0, 3, rows)]
    gender = np.array(["female", "male"])[(rng.random(rows) < 0.4).astype(int)]
    gender[:3], gender[3:33] = "x", "other"
    y = (rng.random(rows) < 0.4).astype(int)
    gender[33:60] = "third"
    y[3:33] = 1
    score = np.clip(0.3 * y + 0.7 * rng.random(rows) + 0.1 * (ses == "low"), 0, 1)
    return y, score, {"gender": gender, "ses": ses}


def report(*attributes: str, **options: Any) -> FairnessReport:
    y, score, groups = sample()
    return Fairness(*attributes, **options).measure(y, y_score=score, groups=groups)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {}, "Fairness needs an attribute"),
        (("",), {}, "must be names of columns"),
        (("g", 3), {}, "must be names of columns"),
        ((3,), {}, "must be names of columns"),
        (("g",), {"metrics": 5}, "unknown metric 5"),
        (("g",), {"bounds": ["abroca"]}, "bounds is .*; give a mapping"),
        (("g", "g"), {}, "'g' is named twice"),
        (("g",), {"metrics": ["abrocca"]}, r"unknown metric 'abrocca'; did you mean abroca"),
        (("g",), {"metrics": ["zzzzzzzzz"]}, "known are abroca, "),
        (("g",), {"metrics": []}, "metrics is empty"),
        (("g",), {"bounds": {"selection": 1}}, "unknown metric 'selection'; did you mean"),
        (("g",), {"metrics": ["abroca"], "bounds": {"auc_difference": 0.1}}, "add it to metrics"),
        (("g",), {"bounds": {"abroca": -0.1}}, "the bound on abroca is -0.1"),
        (("g",), {"bounds": {"abroca": float("nan")}}, "must be a finite number"),
        (("g",), {"bounds": {"abroca": "0.1"}}, "must be a finite number"),
        (("g",), {"bounds": {"abroca": True}}, "must be a finite number"),
        (("g",), {"threshold": 0}, "threshold is 0"),
        (("g",), {"threshold": 1.0}, "threshold is 1.0"),
        (("g",), {"threshold": None}, "threshold must be a finite number"),
        (("g",), {"min_group": 0}, "min_group is 0"),
        (("g",), {"min_group": 2.5}, "min_group is 2.5"),
        (("g",), {"task": "ranking"}, "task is 'ranking'; choose one of"),
        (("g",), {"missing": True}, "missing is True; choose one of"),
        (("g",), {"reference": 0.5}, "reference is 0.5"),
    ],
)
def test_wrong_arguments_are_refused_at_construction(
    arguments: tuple[Any, ...], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Fairness(*arguments, **options)


def test_fairness_is_a_value() -> None:
    fairness = Fairness("gender", "ses", bounds={"abroca": 0.05}, metrics=["abroca"])
    assert pickle.loads(pickle.dumps(fairness)) == fairness
    assert fairness == Fairness(
        ["gender", "ses"], bounds={"abroca": 0.05}, metrics=("abroca", "abroca")
    )
    assert hash(fairness) == hash(dataclasses.replace(fairness))
    assert dataclasses.replace(fairness, min_group=3).min_group == 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        fairness.threshold = 0.1  # type: ignore[misc]


def test_bounds_of_the_caller_are_copied() -> None:
    bounds = {"abroca": 0.05}
    fairness = Fairness("g", bounds=bounds)
    bounds["abroca"] = 1
    assert fairness.bounds == {"abroca": 0.05}


def test_a_command_line_builds_it_from_yaml() -> None:
    """As Lightning's command line does; several attributes are a list there."""
    jsonargparse = pytest.importorskip("jsonargparse")
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--fairness", type=Fairness | None)
    options = {"attributes": ["gender", "ses"], "bounds": {"abroca": 0.05}, "positive": 1}
    expected = Fairness("gender", "ses", bounds={"abroca": 0.05}, positive=1)
    path = "edversion_plugins.evaluation.Fairness"
    for given in (options, {"class_path": path, "init_args": options}):
        config = parser.parse_object({"fairness": given})
        make = getattr(parser, "instantiate", None) or parser.instantiate_classes
        assert make(config).fairness == expected


def test_metrics_are_rows_of_values_and_counts() -> None:
    found = report("gender", "ses").metrics()
    assert set(found) == {
        f"fair/{attribute}/{metric}"
        for attribute in ("gender", "ses")
        for metric in (
            "demographic_parity_difference",
            "demographic_parity_ratio",
            "equal_opportunity_difference",
            "equalized_odds_difference",
            "accuracy_difference",
            "auc_difference",
            "abroca",
        )
    }
    assert found["fair/ses/abroca"]["n"] == 400
    assert found["fair/gender/abroca"]["n"] == 400 - 60  # x and third are hidden, other one class
    assert all(type(each["value"]) is float and type(each["n"]) is int for each in found.values())


def test_slices_hold_every_measure_of_every_group() -> None:
    found = report("gender", "ses").slices()
    assert set(found) == {
        "gender=female",
        "gender=male",
        "gender=other",
        "ses=low",
        "ses=middle",
        "ses=high",
    }
    binary = {name for name, measure in MEASURES.items() if "binary" in measure.tasks}
    assert set(found["ses=low"]) == binary
    assert set(found["gender=other"]) == binary - {"auc", "fpr", "balanced_accuracy"}
    y, _, groups = sample()
    size = int((groups["ses"] == "low").sum())
    n = int(((groups["ses"] == "low") & (y == 1)).sum())
    assert found["ses=low"]["tpr"]["n"] == n
    assert found["ses=low"]["fpr"]["n"] == size - n
    of_all = binary - {"tpr", "fnr", "fpr", "precision"}
    assert {found["ses=low"][name]["n"] for name in of_all} == {size}


def test_groups_too_small_or_of_one_class_are_skipped_with_the_reason() -> None:
    attribute = report("gender").attributes[0]
    assert attribute.skipped == dict.fromkeys(("third", "x"), HIDDEN)
    assert [group.label for group in attribute.groups] == ["female", "male", "other"]
    gap = attribute.gap("abroca")
    assert gap is not None
    assert gap.skipped == {"other": "not estimable: the group has rows of one class only"}
    assert set(gap.between) == {"female", "male"}
    assert "'x'" not in str(report("gender").slices())


def test_metadata_is_json_with_values_counts_and_skipped_groups() -> None:
    found = report("gender", bounds={"abroca": 1.0}, metrics=["abroca", "mae_ratio"])
    known = json.loads(json.dumps(found.metadata(), allow_nan=False))
    value = found.metrics()["fair/gender/abroca"]["value"]
    assert known == {
        "task": "binary",
        "positive": "1",
        "threshold": 0.5,
        "min_group": 10,
        "bounds": {"abroca": 1.0},
        "passes": True,
        "failures": [],
        "attributes": {
            "gender": {
                "reference": "female",
                "groups": {group.label: group.n for group in found.attributes[0].groups},
                "skipped": dict.fromkeys(("third", "x"), HIDDEN),
                "unknown": 0,
                "metrics": {
                    "abroca": {
                        "value": value,
                        "n": 340,
                        "between": ["female", "male"],
                        "skipped": {"other": "not estimable: the group has rows of one class only"},
                    },
                    "mae_ratio": {
                        "value": None,
                        "n": 0,
                        "reason": "mae_ratio does not fit a binary task",
                    },
                },
            }
        },
    }


def test_tags_say_what_was_checked() -> None:
    found = report("gender", "ses", metrics=["abroca", "mae_difference"]).tags()
    assert found == ("fairness:checked", "fairness:gender:abroca", "fairness:ses:abroca")


def test_tags_of_any_column_name_are_legal() -> None:
    y, score, groups = sample()
    names = ["free lunch (%)", "a:b", "性別", "x" * 300, "_"]
    frame = dict.fromkeys(names, groups["ses"])
    fairness = Fairness(*names, metrics=list(GAPS), intersections=True, min_group=1)
    tags = fairness.measure(y, y_score=score, groups=frame).tags()
    assert "fairness:free-lunch-:abroca" in tags
    assert "fairness:free-lunch--a-b:abroca" in tags
    assert all(map(LEGAL_TAG.fullmatch, tags))
    assert len(set(tags)) == len(tags)


def test_what_could_not_be_computed_is_not_called_checked() -> None:
    found = report("gender", "ses", metrics=["mae_difference"])
    assert (found.tags(), found.metrics()) == ((), {})
    y, score, groups = sample()
    groups["school"] = np.arange(400)
    some = Fairness("gender", "school").measure(y, y_score=score, groups=groups)
    assert "fairness:gender:abroca" in some.tags()
    assert "fairness:checked" not in some.tags()
    reasons = {gap.reason for gap in some.attributes[1].gaps}
    assert reasons == {"fewer than two groups can be compared"}
    assert some.attributes[1].reference is None


def test_intersections_too_small_to_compare_do_not_undo_the_check() -> None:
    y, score, groups = sample()
    groups["gender"] = np.array(["female", "male"])[np.arange(400) % 2]
    fairness = Fairness("gender", "ses", intersections=True, min_group=90)
    found = fairness.measure(y, y_score=score, groups=groups)
    assert not found.attributes[2].groups
    assert "fairness:checked" in found.tags()
    assert not [tag for tag in found.tags() if "gender-ses" in tag]


def test_bounds_hold_on_their_own_side() -> None:
    loose = {"abroca": 0.9, "demographic_parity_ratio": 0.01, "worst_auc": 0.1, "worst_fpr": 1}
    assert report("ses").passes() is None
    assert report("ses", bounds=loose).passes() is True
    strict = {"abroca": 0, "demographic_parity_ratio": 1, "worst_auc": 1, "worst_fpr": 0}
    failures = report("ses", bounds=strict).failures()
    assert len(failures) == 4
    for sentence, (metric, bound) in zip(failures, strict.items(), strict=True):
        side = "at most" if bound == 0 else "at least"
        assert re.fullmatch(
            rf"{metric} of ses is 0\.\d+ (between|in) (low|middle|high)( and (low|middle|high))?; "
            rf"it must be {side} {bound}",
            sentence,
        )


def test_a_bound_holds_exactly_at_its_value() -> None:
    """0.8 − 0.7 is more than 0.1 in a computer, which is nobody's meaning."""
    truth = [1] * 10 + [1] * 10
    decided = [1] * 8 + [0] * 2 + [1] * 7 + [0] * 3
    bounds = {"equal_opportunity_difference": 0.1}
    fairness = Fairness("g", bounds=bounds, metrics=list(bounds))
    found = fairness.measure(truth, decided, groups={"g": ["a"] * 10 + ["b"] * 10})
    assert found.metrics()["fair/g/equal_opportunity_difference"]["value"] > 0.1
    assert found.passes() is True


def test_a_bound_that_could_not_be_tested_fails() -> None:
    y, _, groups = sample()
    found = Fairness("ses", bounds={"abroca": 0.9}).measure(y, y, groups=groups)
    assert found.passes() is False
    assert found.failures() == (
        "abroca of ses has a bound but could not be computed: abroca needs y_score",
    )


def test_the_worst_group() -> None:
    found = report("ses", metrics=["worst_auc", "worst_log_loss"])
    slices = found.slices()
    for metric, pick in (("auc", min), ("log_loss", max)):
        label = pick(slices, key=lambda each, name=metric: slices[each][name]["value"])
        gap = found.attributes[0].gap(f"worst_{metric}")
        assert gap is not None
        assert gap.between == (label.removeprefix("ses="),)
        assert (gap.value, gap.n) == tuple(slices[label][metric].values())


def test_a_ratio_of_zeros_is_not_defined() -> None:
    groups = {"g": ["a"] * 10 + ["b"] * 10}
    metrics = ["demographic_parity_ratio", "demographic_parity_difference"]
    found = Fairness("g", metrics=metrics).measure([0, 1] * 10, [0] * 20, groups=groups)
    gap = found.attributes[0].gap("demographic_parity_ratio")
    assert gap is not None
    assert gap.reason == "the ratio of zeros is not defined"
    assert found.metrics() == {"fair/g/demographic_parity_difference": {"value": 0.0, "n": 20}}


def test_the_reference_is_the_largest_group_or_the_one_named() -> None:
    groups = sample()[2]
    sizes = {label: int((groups["ses"] == label).sum()) for label in ("low", "middle", "high")}
    assert report("ses").attributes[0].reference == max(sizes, key=sizes.__getitem__)
    named = report("gender", "ses", reference="male").attributes
    assert [each.reference for each in named] == ["male", max(sizes, key=sizes.__getitem__)]
    with pytest.raises(InvalidInputError, match=r"no attribute has the reference group 'mael'"):
        report("gender", "ses", reference="mael")


@pytest.mark.parametrize("reference", ["x", "other"])  # too small; of one class
def test_a_reference_that_cannot_be_measured_leaves_no_value(reference: str) -> None:
    metrics = ["abroca", "abroca_reference", "abroca_sum"]
    found = report("gender", reference=reference, metrics=metrics)
    assert set(found.metrics()) == {"fair/gender/abroca"}
    for metric in metrics[1:]:
        gap = found.attributes[0].gap(metric)
        assert gap is not None
        assert gap.reason == "the reference group cannot be measured"


def test_intersections_are_groups_of_two_attributes() -> None:
    y, score, groups = sample()
    groups["ses"] = np.where(np.arange(400) % 9, groups["ses"], None).astype(object)
    fairness = Fairness("gender", "ses", intersections=True, min_group=1)
    found = fairness.measure(y, y_score=score, groups=groups)
    both = found.attributes[2]
    assert [each.name for each in found.attributes] == ["gender", "ses", "gender×ses"]
    assert both.columns == ("gender", "ses")
    assert both.unknown == found.attributes[1].unknown == 45
    joined = [None if s is None else f"{g}×{s}" for g, s in zip(*groups.values(), strict=True)]
    by_hand = Fairness("both", min_group=1).measure(y, y_score=score, groups={"both": joined})
    alone = by_hand.attributes[0]
    assert {g.label: g.measures for g in both.groups} == {g.label: g.measures for g in alone.groups}
    assert both.skipped.keys() == alone.skipped.keys()
    assert both.gap("abroca") == alone.gap("abroca")
    assert "gender=female,ses=low" in found.slices()
    assert "fair/gender×ses/abroca" in found.metrics()
    assert "fairness:gender-ses:abroca" in found.tags()


def test_a_report_is_a_value() -> None:
    found = report("gender", "ses", intersections=True)
    assert pickle.loads(pickle.dumps(found)) == found
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.task = "regression"  # type: ignore[misc]


def test_every_gap_of_a_task_can_be_computed() -> None:
    """And none of another task's, each with the reason."""
    rng = np.random.default_rng(5)
    groups = {"g": np.arange(90) % 3}
    inputs: dict[str, dict[str, Any]] = {
        "binary": {"y_true": rng.integers(0, 2, 90), "y_score": rng.random(90)},
        "multiclass": {"y_true": rng.integers(0, 3, 90), "y_pred": rng.integers(0, 3, 90)},
        "regression": {"y_true": rng.random(90), "y_pred": rng.random(90)},
    }
    for task, columns in inputs.items():
        found = Fairness("g", metrics=list(GAPS)).measure(**columns, groups=groups)
        gaps = {gap.metric: gap for gap in found.attributes[0].gaps}
        for name, rule in GAPS.items():
            has_task = all(task in MEASURES[measure].tasks for measure in rule.measures)
            assert (gaps[name].value is not None) is has_task
            reason = None if has_task else f"{name} does not fit a {task} task"
            assert gaps[name].reason == reason


def test_a_run_takes_metrics_and_slices_as_they_are(
    run: edversion.Run, repository: edversion.Repository
) -> None:
    found = report("gender")
    version = run.log_artifact(
        edversion.Artifact("model", type="model", metadata={"fairness": found.metadata()})
    )
    run.log_metrics(found.metrics(), version=version)
    for slice, metrics in found.slices().items():
        run.log_metrics(metrics, version=version, slice=slice)
    rows = repository.metrics(version)
    kept = {row.key: (row.value, row.n) for row in rows if row.slice is None}
    assert kept == {key: tuple(each.values()) for key, each in found.metrics().items()}
    assert {row.slice for row in rows} == {None, *found.slices()}
    (searched,) = repository.search(
        "metadata.fairness.attributes.gender.metrics.abroca.value < 1", project="test"
    )
    assert searched.digest == version.digest


def test_without_numpy_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "try:\n    from edversion_plugins.evaluation import Fairness\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'edversion[evaluation]'" in done.stdout


def test_only_numpy_is_loaded() -> None:
    code = (
        "import sys\nfrom edversion_plugins.evaluation import Fairness\n"
        "heavy = {'pandas', 'pyarrow', 'torch', 'sklearn', 'scipy', 'sqlalchemy'}\n"
        "print(sorted(heavy & set(sys.modules)), 'numpy' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] True"
