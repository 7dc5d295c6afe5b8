"""What is known of learners: the registered columns alone, by pseudonym, of who takes part."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import edversion
from edversion import InvalidInputError, NotFoundError, hookimpl
from edversion.experiments.experiment import Experiment
from edversion.repository import Repository

from .makers import DEFINITION

LEARNERS = ["anna.lindqvist", "bo.lindqvist", "cy.lindqvist"]
TABLE = {
    "unit": LEARNERS,
    "gender": ["f", "", None],
    "grade": [7, 8.0, "7"],
    "before": ["1.5", None, 2],
    "name": ["Anna", "Bo", "Cy"],
}


@pytest.fixture
def experiment(school: Repository) -> Experiment:
    made = school.experiment(
        "rec-test", **DEFINITION, groups=["gender", "grade"], covariates=["before"]
    ).start()
    for learner in LEARNERS[:2]:
        made.serve(learner)
    return made


def frozen(experiment: Experiment, **how: Any) -> dict[str, list[Any]]:
    content = experiment.freeze(**how).read_bytes("learners.parquet")
    columns: dict[str, list[Any]] = pq.read_table(io.BytesIO(content)).to_pydict()
    return columns


def test_registered_columns_of_who_was_assigned_are_kept_by_pseudonym(
    experiment: Experiment,
) -> None:
    found = frozen(experiment, learners=TABLE, raw=True)
    assert list(found) == ["unit", "gender", "grade", "before"]
    rows = dict(zip(found["unit"], zip(*[*found.values()][1:], strict=True), strict=True))
    anna, bo = map(experiment.pseudonym, LEARNERS[:2])
    assert rows == {anna: ("f", "7", 1.5), bo: (None, "8", None)}


def test_the_order_of_rows_and_other_columns_make_no_other_version(experiment: Experiment) -> None:
    first = experiment.freeze(learners=TABLE, raw=True)
    turned = {name: column[::-1] for name, column in TABLE.items() if name != "name"}
    assert experiment.freeze(learners=turned, raw=True) == first
    turned["unit"] = [experiment.pseudonym(one) for one in turned["unit"]]
    assert experiment.freeze(learners=turned) == first
    assert first.metadata["rows"]["learners"] == 2
    assert experiment.freeze() != first  # without them it is another one


@pytest.mark.parametrize("kind", ["csv", "parquet", "arrow"])
def test_files_and_tables_are_read_alike(experiment: Experiment, tmp_path: Path, kind: str) -> None:
    columns = {name: [str(cell or "") for cell in column] for name, column in TABLE.items()}
    columns["grade"] = ["7", "8", "7"]
    table: Any = pa.table(columns)
    if kind == "csv":
        table = tmp_path / "learners.csv"
        rows = [",".join(columns), *map(",".join, zip(*columns.values(), strict=True))]
        table.write_text("\n".join(rows), "utf-8-sig")
    elif kind == "parquet":
        pq.write_table(table, tmp_path / "learners.parquet")
        table = tmp_path / "learners.parquet"
    wanted = frozen(experiment, learners=TABLE, raw=True)
    assert frozen(experiment, learners=table, raw=True) == wanted


def test_who_was_forgotten_is_not_frozen_anew(experiment: Experiment, school: Repository) -> None:
    old = experiment.freeze(learners=TABLE, raw=True)
    gone = experiment.pseudonym(LEARNERS[0])
    assert experiment.forget(LEARNERS[0]).frozen == (old.reference,)
    school.erase(old, reason="asked", legal_basis="GDPR Art. 17")
    assert frozen(experiment, learners=TABLE, raw=True)["unit"] == [
        experiment.pseudonym(LEARNERS[1])
    ]
    assert gone not in repr(experiment.tables())
    with pytest.raises(NotFoundError):
        old.read_bytes("learners.parquet")


def test_no_id_and_no_other_column_is_in_what_is_kept_or_told(
    experiment: Experiment, school: Repository
) -> None:
    version = experiment.freeze(learners=TABLE, raw=True)
    kept = b"".join(version.read_bytes(file.path) for file in version.files())
    assert b"indqvist" not in kept
    assert b"Anna" not in kept
    told: list[Any] = []

    class Judge:
        @hookimpl
        def edversion_analyze_experiment(self, experiment: Experiment, learners: Any) -> object:
            return told.append(learners) or "judged"

    school.plugins.add("judge", Judge())
    assert experiment.analyze(learners=TABLE, raw=True) == "judged"
    assert experiment.analyze() == "judged"
    (known, nothing) = told
    assert (set(known), nothing) == ({"unit", "gender", "grade", "before"}, None)
    assert "indqvist" not in repr(known)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda known: known.pop("gender"), "no column 'gender', which was registered"),
        (lambda known: known.pop("before"), "no column 'before', which was registered"),
        (lambda known: known.pop("unit"), "no column 'unit'"),
        (lambda known: known.update(unit=LEARNERS[:2] + LEARNERS[:1]), "a learner twice"),
        (lambda known: known.update(before=[1, 2, "Lindqvist"]), "'before' that is no number"),
        (lambda known: known.update(before=[1, 2, float("inf")]), "'before' that is no number"),
        (lambda known: known.update(gender=["f"]), "different lengths"),
    ],
)
def test_what_cannot_be_read_is_refused_and_quotes_nobody(
    experiment: Experiment, change: Callable[[Any], Any], why: str
) -> None:
    known = dict(TABLE)
    change(known)
    with pytest.raises(InvalidInputError, match=why) as caught:
        experiment.freeze(learners=known, raw=True)
    assert caught.value.code == "illegal_learners"
    assert "indqvist" not in str(caught.value)


def test_ids_are_taken_for_ids_only_where_that_is_said(experiment: Experiment) -> None:
    with pytest.raises(InvalidInputError, match="say raw=True") as caught:
        experiment.freeze(learners=TABLE)
    assert "indqvist" not in str(caught.value)


@pytest.mark.parametrize("name", ["learners.parquet", "learners.jsonl", "learners.csv"])
def test_a_file_that_is_none_is_told_without_what_is_in_it(
    experiment: Experiment, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    file.write_bytes(b"\xff Lindqvist")
    with pytest.raises(InvalidInputError, match="cannot be read") as caught:
        experiment.freeze(learners=file, raw=True)
    assert "Lindqvist" not in str(caught.value)


def test_where_nothing_was_registered_nothing_is_taken(running: Experiment) -> None:
    with pytest.raises(InvalidInputError, match="registered no groups and no covariates"):
        running.freeze(learners=TABLE, raw=True)


@pytest.mark.parametrize("what", ["groups", "covariates"])
def test_the_column_of_ids_is_no_group(school: Repository, what: str) -> None:
    with pytest.raises(InvalidInputError, match="the column of ids"):
        school.experiment("rec-test", **DEFINITION, **{what: ["unit"]})


def test_what_an_experiment_was_is_read_from_what_was_frozen(experiment: Experiment) -> None:
    before = experiment.refresh()
    version = experiment.freeze(learners=TABLE, raw=True)
    experiment.stop()
    assert edversion.frozen_definition(version) == before
