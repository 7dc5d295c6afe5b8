"""Columns of any library are read alike; bad ones are refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from edversion import InvalidInputError
from edversion_plugins.evaluation import Fairness, FairnessReport

TRUE = [0, 1, 1, 0, 1, 0]
GUESS = [0, 1, 0, 1, 1, 0]
SCORE = [0.2, 0.9, 0.4, 0.6, 0.7, 0.1]
SEX = ["f", "m", "f", "m", "f", "m"]
ANY = Fairness("g", min_group=1)


def measured(
    y_true: Any = TRUE, y_pred: Any = GUESS, y_score: Any = None, group: Any = SEX, **options: Any
) -> FairnessReport:
    """Measure small columns."""
    fairness = Fairness("g", **({"min_group": 1} | options))
    return fairness.measure(y_true, y_pred, y_score, groups={"g": group})


def groups_of(report: FairnessReport) -> dict[str, int]:
    return {group.label: group.n for group in report.attributes[0].groups}


def torch_tensor(values: list[Any]) -> Any:
    torch = pytest.importorskip("torch")
    return torch.tensor(values, dtype=torch.float64 if 0.2 in values else None)


NUMBERS: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "one column": lambda values: np.array(values)[:, None],
    "strided": lambda values: np.repeat(values, 2)[::2],
    "series": pd.Series,
    "series with an index": lambda values: pd.Series(values, index=range(9, 9 - len(values), -1)),
    "nullable": lambda values: pd.Series(values).convert_dtypes(),
    "arrow": pa.array,
    "arrow chunks": lambda values: pa.chunked_array([values[:2], values[2:]]),
    "arrow series": lambda values: pd.Series(values, dtype=pd.ArrowDtype(pa.array(values).type)),
    "torch": torch_tensor,
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_of_any_library_are_read_alike(kind: str) -> None:
    make = NUMBERS[kind]
    report = measured(make(TRUE), make(GUESS), make(SCORE))
    assert report == measured(TRUE, GUESS, SCORE)
    assert report.metrics()["fair/g/abroca"]["n"] == 6


def test_tensors_of_a_training_step_are_read() -> None:
    torch = pytest.importorskip("torch")
    scores = torch.tensor([0.25, 0.75, 0.5, 0.5, 0.75, 0.25], requires_grad=True)
    expected = measured(y_pred=None, y_score=scores.tolist())
    assert measured(y_pred=None, y_score=scores) == expected
    assert measured(y_pred=None, y_score=scores.to(torch.bfloat16)) == expected
    assert measured(torch.tensor(TRUE, dtype=torch.bool)).slices() == measured().slices()


GROUPS: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "objects": lambda values: np.array(values, dtype=object),
    "text": np.array,
    "bytes": lambda values: np.array(values, dtype="S"),
    "series": pd.Series,
    "category": lambda values: pd.Series(values, dtype="category"),
    "unused category": lambda values: pd.Categorical(values, categories=["m", "x", "f"]),
    "arrow": pa.array,
    "arrow dictionary": lambda values: pa.array(values).dictionary_encode(),
    "arrow chunks of dictionaries": lambda values: pa.chunked_array(
        [pa.array(values[:3]).dictionary_encode(), pa.array(values[3:]).dictionary_encode()]
    ),
}


@pytest.mark.parametrize("kind", GROUPS)
def test_groups_of_any_library_are_read_alike(kind: str) -> None:
    assert measured(group=GROUPS[kind](SEX)) == measured()
    assert groups_of(measured(group=GROUPS[kind](SEX))) == {"f": 3, "m": 3}


@pytest.mark.parametrize(
    ("group", "labels"),
    [
        ([True, False, True, False, True, True], ["False", "True"]),
        ([2, 10, 1, 2, 10, 1], ["1", "2", "10"]),
        ([2.0, 10.0, 1.0, 2.0, 10.0, 1.0], ["1", "2", "10"]),
        (["grade 2", "", "B", "a", "10", "9"], ["9", "10", "", "B", "a", "grade 2"]),
        ([1, "1", "é", "e\u0301", "é", 1], ["1", "e\u0301", "é"]),
    ],
)
def test_groups_go_by_their_text_in_natural_order(group: list[Any], labels: list[str]) -> None:
    array = np.empty(6, dtype=object)
    array[:] = group
    assert list(groups_of(measured(group=array))) == labels


UNKNOWN = {
    "none": ["f", None, "f", "m", None, "m"],
    "nan": ["f", float("nan"), "f", "m", float("nan"), "m"],
    "pandas": pd.Series(["f", pd.NA, "f", "m", pd.NaT, "m"], dtype=object),
    "category": pd.Series(["f", None, "f", "m", None, "m"], dtype="category"),
    "string": pd.Series(["f", None, "f", "m", None, "m"], dtype="string"),
    "arrow": pa.array(["f", None, "f", "m", None, "m"]),
    "mask": np.ma.MaskedArray(SEX, mask=[0, 1, 0, 0, 1, 0]),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_missing_groups_are_left_out_and_counted_or_a_group(kind: str) -> None:
    column = UNKNOWN[kind]
    out = measured(group=column)
    assert groups_of(out) == {"f": 2, "m": 2}
    assert out.attributes[0].unknown == 2
    assert out.metadata()["attributes"]["g"]["unknown"] == 2
    asked = measured(group=column, missing="group")
    assert groups_of(asked) == {"f": 2, "m": 2, "missing": 2}
    assert asked.attributes[0].unknown == 0


@pytest.mark.parametrize("kind", [float, "Int64", "float[pyarrow]"])
def test_whole_numbers_with_gaps_keep_their_text(kind: Any) -> None:
    column = pd.Series([1, None, 2, 1, None, 2], dtype=kind)
    assert groups_of(measured(group=column)) == {"1": 2, "2": 2}


def test_what_is_left_out_changes_nothing_for_the_others() -> None:
    """Rows of no group, and of groups too small, are not measured with anybody."""
    rng = np.random.default_rng(3)
    y, score = rng.integers(0, 2, 300), rng.random(300)
    group = np.array(["a", "b", None], dtype=object)[rng.integers(0, 3, 300)]
    group[:4] = "tiny"
    kept = np.isin(group.astype(str), ["a", "b"])
    some = Fairness("g").measure(y, y_score=score, groups={"g": group})
    only = Fairness("g").measure(y[kept], y_score=score[kept], groups={"g": group[kept]})
    assert some.slices() == only.slices()
    assert some.metrics() == only.metrics()
    assert list(some.attributes[0].skipped) == ["tiny"]


def dataset(table: dict[str, list[Any]]) -> Any:
    return pytest.importorskip("datasets").Dataset.from_dict(table)


TABLES: dict[str, Callable[[dict[str, list[Any]]], Any]] = {
    "dict": dict,
    "frame": pd.DataFrame,
    "arrow": pa.table,
    "dataset": dataset,
}


@pytest.mark.parametrize("kind", TABLES)
def test_groups_come_from_any_table(kind: str) -> None:
    table = TABLES[kind]({"g": SEX, "other": SEX})
    assert ANY.measure(TRUE, GUESS, groups=table) == measured()
    with pytest.raises(InvalidInputError, match=r"no column 'ses'; it has 'g', 'other'") as error:
        Fairness("ses").measure(TRUE, GUESS, groups=table)
    assert error.value.column == "ses"


@pytest.mark.parametrize("table", [SEX, None, pd.Series(SEX), np.array(SEX)])
def test_groups_without_names_are_refused(table: Any) -> None:
    with pytest.raises(InvalidInputError, match="give a mapping or a data frame"):
        ANY.measure(TRUE, GUESS, groups=table)


@pytest.mark.parametrize(
    ("changed", "column", "message"),
    [
        ({"y_pred": GUESS[:-1]}, "y_pred", "y_pred has 5 rows, y_true has 6"),
        ({"y_score": [*SCORE, 0.5]}, "y_score", "y_score has 7 rows, y_true has 6"),
        ({"group": SEX[:-2]}, "g", r"groups\['g'\] has 4 rows, y_true has 6"),
        (
            {"y_score": [0.2, float("nan"), 0.4, float("nan"), 0.7, 0.1]},
            "y_score",
            "y_score holds NaN in 2 of 6 rows, first in row 1",
        ),
        ({"y_score": [0.2, 0.9, float("inf"), 0.6, 0.7, 0.1]}, "y_score", "an infinite value in 1"),
        ({"y_true": [0, 1, float("nan"), 0, 1, 0]}, "y_true", "y_true holds NaN in 1 of 6 rows"),
        ({"y_true": [0.5, 1, float("nan"), 0, 1, 0]}, "y_true", "y_true holds NaN in 1 of 6 rows"),
        ({"y_true": ["a", None, "b", "a", "b", "a"]}, "y_true", "missing values in 1 of 6 rows"),
        ({"y_pred": pd.Series([0, 1, pd.NA, 0, 1, 0])}, "y_pred", "missing values in 1 of 6 rows"),
        ({"y_true": []}, "y_true", "y_true has no rows"),
        ({"y_true": 1}, "y_true", r"y_true has shape \(\)"),
        ({"y_pred": [[0, 1]] * 6}, "y_pred", r"y_pred has shape \(6, 2\)"),
        ({"y_pred": [[0, 1], [0]] * 3}, "y_pred", "y_pred of type list cannot be read"),
        ({"y_score": ["low"] * 6}, "y_score", "y_score must hold numbers"),
        ({"group": [[1], [2, 3]] * 3}, "groups['g']", "cannot be read as an array"),
        ({"group": np.array([None, {}] * 3)}, "g", "g must hold single values"),
        ({"group": [0.5, 1, 2, 3, 4, 5]}, "g", "measured numbers are no groups"),
        ({"y_pred": SCORE}, "y_pred", "y_pred holds 0.1, which is no label of a class"),
        ({"y_score": [SCORE] * 6}, "y_score", "y_score has 6 columns that cannot be read"),
        ({"y_score": [[2, 3]] * 6}, "y_score", "cannot be read as the probabilities"),
        ({"y_score": np.zeros((6, 2, 2))}, "y_score", "y_score has shape"),
    ],
)
def test_a_bad_column_is_refused_by_its_name(
    changed: dict[str, Any], column: str, message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message) as error:
        measured(**changed)
    assert error.value.column == column


@pytest.mark.parametrize(
    ("y_true", "y_pred", "y_score", "options", "message"),
    [
        (TRUE, None, None, {}, "give y_pred, y_score or both"),
        (["a", "b", "c"] * 2, None, SCORE, {}, "y_true has 3 classes: give y_pred"),
        ([1.5] * 6, None, SCORE, {}, r"measured numbers \(regression\): give y_pred"),
        (TRUE, ["yes"] * 6, None, {}, "mix labels of different kinds"),
        ([0, 1, 2] * 2, GUESS, None, {"task": "binary"}, "two classes; .* hold 0, 1, 2"),
        (TRUE, GUESS, None, {"positive": "dropout"}, "'dropout' is not among the labels 0, 1"),
        (["pass"] * 6, ["pass"] * 6, None, {}, "all rows are labelled 'pass': name the positive"),
        (["a"] * 6, None, [[0.4, 0.6]] * 6, {"positive": "b"}, "cannot be read as the probab"),
        (["a", "b", "c"] * 2, None, np.eye(3)[[0, 1, 2] * 2], {}, "give y_pred instead"),
        ([0, 1, 3] * 2, None, np.eye(3)[[0, 1, 2] * 2], {}, "3 columns, which are classes 0 to 2"),
    ],
)
def test_inputs_that_do_not_fit_the_task_are_refused(
    y_true: Any, y_pred: Any, y_score: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        measured(y_true, y_pred, y_score, **options)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "task"),
    [
        ([0, 1] * 3, [0, 1] * 3, "binary"),
        ([0.0, 1.0] * 3, [0, 1] * 3, "binary"),
        (["a", "b"] * 3, ["b", "a"] * 3, "binary"),
        ([0] * 6, [0, 1] * 3, "binary"),
        ([0, 1] * 3, [0, 1, 2] * 2, "multiclass"),
        (["a", "b", "c"] * 2, ["b", "a"] * 3, "multiclass"),
        ([0.5, 1.0] * 3, [0, 1] * 3, "regression"),
        ([1, 2, 3] * 2, [1.5, 2.5, 3] * 2, "regression"),
        (np.array([None, 0.5], dtype=object)[[1, 1, 1, 1, 1, 1]], [1] * 6, "regression"),
    ],
)
def test_the_task_is_told_by_the_values(y_true: Any, y_pred: Any, task: str) -> None:
    assert measured(y_true, y_pred).task == task


def test_the_task_can_be_named() -> None:
    assert measured([1, 2, 3] * 2, [1, 2, 3] * 2, task="regression").task == "regression"
    assert measured(task="multiclass").task == "multiclass"


@pytest.mark.parametrize(
    ("labels", "positive", "counts_as"),
    [
        (["dropout", "stay"], None, "stay"),
        (["dropout", "stay"], "dropout", "dropout"),
        ([-1, 1], None, "1"),
        ([0, 1], 0, "0"),
        ([0, 1], "0", "0"),  # a name from YAML may be text
        ([False, True], None, "True"),
        ([3, 7], None, "7"),
        ([0.0, 1.0], None, "1"),
    ],
)
def test_the_positive_class(labels: list[Any], positive: Any, counts_as: str) -> None:
    pick = np.array(labels, dtype=object)
    report = measured(pick[TRUE], pick[GUESS], positive=positive)
    assert report.positive == report.metadata()["positive"] == counts_as
    expected = 1 / 3 if counts_as == str(labels[0]) else 2 / 3
    assert report.slices()["g=f"]["base_rate"]["value"] == pytest.approx(expected)


@pytest.mark.parametrize("positive", ["dropout", "stay"])
def test_of_two_columns_the_scores_of_the_positive_class_count(positive: str) -> None:
    labels = np.array(["dropout", "stay"], dtype=object)[TRUE]
    both = np.stack((1 - np.array(SCORE), SCORE), axis=1)
    alone = both[:, ["dropout", "stay"].index(positive)]
    expected = measured(labels, None, alone, positive=positive)
    assert measured(labels, None, both, positive=positive) == expected
    assert measured(TRUE, None, both) == measured(TRUE, None, SCORE)


def test_one_class_alone_keeps_its_meaning() -> None:
    """A batch without a positive, or of a named class only, is no other task."""
    assert measured([0] * 6, [0] * 6).slices()["g=f"]["base_rate"]["value"] == 0
    assert measured(["stay"] * 6, ["stay"] * 6, positive="dropout").positive == "dropout"
    assert measured([1] * 6, [1] * 6).slices()["g=m"]["tpr"] == {"value": 1.0, "n": 3}


def test_predictions_come_from_probabilities_at_the_threshold() -> None:
    at = measured(y_pred=None, y_score=SCORE, threshold=0.4)
    decided = [int(score >= 0.4) for score in SCORE]
    rate = at.slices()["g=f"]["selection_rate"]
    assert rate == measured(y_pred=decided).slices()["g=f"]["selection_rate"]
    assert at.metadata()["threshold"] == 0.4


def test_scores_that_are_no_probabilities_only_rank() -> None:
    margins = [3 * score - 1 for score in SCORE]
    names = ["abroca", "accuracy_difference", "brier_difference"]
    report = measured(y_pred=None, y_score=margins, metrics=names)
    reasons = {gap.metric: gap.reason for gap in report.attributes[0].gaps}
    assert reasons == {
        "abroca": None,
        "accuracy_difference": "accuracy_difference needs y_pred, or probabilities as y_score",
        "brier_difference": ("brier_difference needs probabilities, between 0 and 1, as y_score"),
    }
    assert report.metrics().keys() == {"fair/g/abroca"}


def test_of_several_columns_the_highest_score_decides() -> None:
    logits = np.array([[3, 1, 0], [0, 2, 1], [-1, 0, 5], [1, 0, 0], [0, 0, 1], [0, 9, 1]])
    truth = [0, 1, 2, 1, 2, 1]
    expected = measured(truth, logits.argmax(axis=1))
    assert measured(truth, None, logits) == expected
    assert measured(np.array(truth, dtype=np.float32), None, logits) == expected
    assert expected.slices()["g=m"]["accuracy"] == {"value": pytest.approx(2 / 3), "n": 3}
