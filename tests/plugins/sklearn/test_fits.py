"""Which fits become versions, what is recorded of them, and in which run."""

from __future__ import annotations

import csv
import logging
import subprocess
import sys
from importlib.metadata import version as installed
from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - it registers itself
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_score,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import edversion
from edversion_plugins.sklearn import Versioned, load, log_model

GRID = {"estimator__C": [0.01, 1.0]}
TWO_FITS = """
import sys
from sklearn.linear_model import LogisticRegression
from edversion_plugins.sklearn import Versioned
assert "skops" not in sys.modules
for strength in (1.0, 2.0):
    model = Versioned(LogisticRegression(C=strength), "risk", project="test", store=sys.argv[1])
    model.fit([[0.0], [1.0]], [0, 1])
"""


def counts(repository: edversion.Repository) -> dict[str, int]:
    return {found.name: found.version_count for found in repository.collections(type="model")}


def test_the_first_fit_of_a_process_names_the_libraries_that_the_second_names(
    place: dict[str, str], repository: edversion.Repository
) -> None:
    """Saving loads skops, and skops loads what it finds."""
    subprocess.run([sys.executable, "-c", TWO_FITS, place["store"]], check=True)
    first, second = (repository.version(f"risk:v{number}") for number in range(2))
    assert first.metadata["libraries"] == second.metadata["libraries"]
    assert first.metadata["libraries"]["skops"] == installed("skops")


@pytest.mark.parametrize("jobs", [1, 2])
def test_of_a_search_only_the_refit_is_a_version(
    learners: Any, place: dict[str, str], repository: edversion.Repository, jobs: int
) -> None:
    model = Versioned(LogisticRegression(), "risk", **place)
    search = GridSearchCV(model, GRID, cv=3, n_jobs=jobs).fit(learners.X, learners.y)
    assert counts(repository) == {"risk": 1}
    assert len(repository.runs()) == 2  # that of the fixture, and the refit
    winner = repository.version(search.best_estimator_.version_)
    assert winner.metadata["config"]["params"]["C"] == search.best_params_["estimator__C"]
    check_table(repository, winner, search.cv_results_)
    assert winner.metadata["search"]["best_params"] == search.best_params_
    assert winner.metadata["search"]["best_score"] == search.best_score_


def test_a_search_inside_gives_its_best_and_the_table(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}, cv=3)
    model = Versioned(search, "risk", **place).fit(learners.X, learners.y)
    assert model.best_params_ in ({"C": 0.01}, {"C": 1.0})
    check_table(repository, repository.version("risk"), model.cv_results_)
    assert repository.version("risk").metadata["search"]["search"].endswith(".GridSearchCV")
    again = load("risk", **place)
    assert isinstance(again, LogisticRegression)
    assert (again.predict(learners.X) == model.predict(learners.X)).all()
    alone = LogisticRegression(**model.best_params_)
    Versioned(alone, "risk", **place).fit(learners.X, learners.y)
    assert counts(repository) == {"risk": 1}  # the same model, however it was found


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_pipeline_that_it_ends_is_judged_without_versions_and_fitted_with_one(
    learners: Any, place: dict[str, str], repository: edversion.Repository, jobs: int
) -> None:
    model = make_pipeline(StandardScaler(), Versioned(LogisticRegression(), "risk", **place))
    assert len(cross_val_score(model, learners.X, learners.y, cv=3, n_jobs=jobs)) == 3
    assert repository.collections() == ()
    grid = {f"versioned__{name}": values for name, values in GRID.items()}
    search = GridSearchCV(model, grid, cv=3, n_jobs=jobs).fit(learners.X, learners.y)
    winner = repository.version(search.best_estimator_[-1].version_)
    assert counts(repository) == {"risk": 1}
    check_table(repository, winner, search.cv_results_)
    again = model.set_params(**search.best_params_).fit(learners.X, learners.y)
    assert again[-1].version_ == winner.reference  # the same model without the search


def check_table(
    repository: edversion.Repository, winner: edversion.Version, results: dict[str, Any]
) -> None:
    table = repository.version(winner.metadata["search"]["table"])
    assert table.type == "evaluation"
    edges = repository.lineage(winner, depth=1)
    assert ("derived_from", table) in {(edge.relation, edge.source) for edge in edges}
    rows = list(csv.DictReader(table.read_bytes("cv_results.csv").decode().splitlines()))
    assert [float(row["mean_test_score"]) for row in rows] == results["mean_test_score"].tolist()
    assert set(rows[0]) == {name for name in results if not name.endswith("_time")}


def test_the_same_search_stores_nothing_twice(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    for _ in range(2):
        search = RandomizedSearchCV(
            Versioned(LogisticRegression(), "risk", **place),
            {"estimator__C": [0.01, 0.1, 1.0]},
            n_iter=2,
            cv=2,
            random_state=0,
        )
        search.fit(learners.X, learners.y)
    found = {each.name: each.version_count for each in repository.collections()}
    assert found == {"risk": 1, "risk-search": 1, "risk-train": 1}


def test_the_table_is_left_out_on_request_and_without_a_refit_is_all_there_is(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}, cv=2)
    Versioned(search, "off", log_cv="off", **place).fit(learners.X, learners.y)
    search.set_params(refit=False)
    model = Versioned(search, "table", **place).fit(learners.X, learners.y)
    assert model.version_ is None
    names = {found.name for found in repository.collections()}
    assert names == {"off", "off-train", "table-search", "table-train"}


def test_wrappers_inside_a_wrapper_each_have_a_version(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    inner = Versioned(StandardScaler(), "scaler", **place)
    steps = [("scale", inner), ("model", LogisticRegression())]
    model = Versioned(Pipeline(steps), "risk", **place).fit(learners.X, learners.y)
    assert counts(repository) == {"risk": 1, "scaler": 1}
    edges = repository.lineage("risk", depth=1)
    assert "test/scaler:v0" in {e.source.reference for e in edges if e.relation == "derived_from"}
    bare = load("risk", **place)  # no type of edversion is in the file
    assert isinstance(bare[0], StandardScaler)
    assert (bare.predict(learners.X) == model.predict(learners.X)).all()


def test_a_fit_says_what_it_was(
    learners: Any,
    place: dict[str, str],
    repository: edversion.Repository,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = Versioned(
        LogisticRegression(C=2), "risk", aliases=["pilot"], tags=["a"], metadata={"by": "me"},
        **place,
    )  # fmt: skip
    with caplog.at_level(logging.INFO, "edversion.tracking"):
        model.fit(learners.X, learners.y)
    assert caplog.messages == ["logged test/risk:v0 (step 1)"]
    version = repository.version("risk:pilot")
    assert {"final", "latest", "pilot"} == set(version.aliases)
    assert version.tags == ("a",)
    assert version.metadata["by"] == "me"
    assert version.metadata["framework"] == "scikit-learn"
    assert {"scikit-learn", "skops"} <= set(version.metadata["libraries"])
    assert version.metadata["config"]["params"]["C"] == 2
    (run,) = version.logged_by()
    assert (run.status, run.config["params"]["C"]) == ("finished", 2)


def test_a_failed_fit_is_a_failed_run(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    with pytest.raises(ValueError, match="inconsistent"):
        Versioned(LogisticRegression(), "risk", **place).fit(learners.X, learners.y[:50])
    assert repository.runs()[0].status == "failed"
    assert "inconsistent" in repository.runs()[0].error
    assert counts(repository) == {}


def test_data_are_versioned_as_they_were_before_the_fit(
    place: dict[str, str], repository: edversion.Repository
) -> None:
    X = np.arange(12, dtype=float).reshape(6, 2)
    before = X.copy()
    for _ in range(2):
        Versioned(LinearRegression(copy_X=False), "line", **place).fit(X, np.arange(6))
        X[:] = before
    assert repository.version("line-train").number == 0


def test_data_that_are_a_version_are_not_stored_again(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    with edversion.init("test", store=place["store"]) as run:
        draft = edversion.Artifact("students", type="dataset")
        draft.add_bytes(learners.X.to_csv().encode(), "students.csv")
        run.log_artifact(draft)
    model = Versioned(LogisticRegression(), "risk", trained_on="students", **place)
    model.fit(learners.X, learners.y)
    model.evaluate(learners.X, learners.y, dataset="students:v0")
    edges = {(e.relation, e.source.reference) for e in repository.lineage("risk", depth=1)}
    assert edges == {
        ("trained_on", "test/students:v0"),
        ("evaluated_on", "test/students:v0"),
    }
    assert {found.name for found in repository.collections()} == {"risk", "students"}


def test_a_fit_joins_the_run_around_it(learners: Any, place: dict[str, str]) -> None:
    with edversion.init("test", store=place["store"]) as run:
        for c in (0.1, 1.0):
            Versioned(LogisticRegression(C=c), "risk").fit(learners.X, learners.y)
        versions = run.repository.versions("risk")
        assert {version.metadata["run"] for version in versions} == {run.id}
        assert {version.metadata["step"] for version in versions} == {1, 2}
        assert run.info.status == "running"
        elsewhere = Versioned(LogisticRegression(), "risk", project="other", store=place["store"])
        assert elsewhere.fit(learners.X, learners.y).version_ == "other/risk:v0"
        assert len(run.repository.runs()) == 2
    assert edversion.current_run() is None


def test_a_notebook_logs_what_it_fitted(learners: Any, place: dict[str, str]) -> None:
    model = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2)
    model.fit(learners.X, learners.y)
    with edversion.init("test", store=place["store"]) as run:
        version = log_model(run, model, learners.X, learners.y, name="risk", aliases=["pilot"])
        assert version.reference == "test/risk:v0"
        assert "pilot" in version.aliases
        assert version.metadata["search"]["candidates"] == 2
        edges = {(e.relation, e.source.name) for e in run.repository.lineage(version, depth=1)}
        assert edges == {("trained_on", "risk-train"), ("derived_from", "risk-search")}
        assert log_model(run, LogisticRegression().fit(learners.X, learners.y)).name == (
            "LogisticRegression"
        )
        with pytest.raises(edversion.InvalidInputError, match="joblib"):
            log_model(run, model, format="pickle")
    assert (load("risk", **place).predict(learners.X) == model.predict(learners.X)).all()


def test_what_was_fitted_part_by_part_can_be_logged(learners: Any, place: dict[str, str]) -> None:
    model = Versioned(DummyClassifier(), "risk", **place).fit(learners.X, learners.y)
    model.version_ = None
    with edversion.init("test", store=place["store"]) as run:
        assert log_model(run, model).reference == model.version_ == "test/risk:v0"


def test_a_model_of_equal_beginnings_is_not_trained_twice(
    learners: Any, place: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    Counted.fits = 0
    kind = f"{Counted.__module__}.Counted"
    model = Versioned(Counted(), "risk", reuse=True, trusted=[kind], **place)
    first = model.fit(learners.X, learners.y).version_
    with caplog.at_level(logging.INFO, "edversion.tracking"):
        assert model.fit(learners.X, learners.y).version_ == first
    assert "reusing" in caplog.text
    assert Counted.fits == 1
    assert (model.predict(learners.X) == learners.y.mode()[0]).all()
    model.fit(learners.X, 1 - learners.y)
    model.set_params(estimator__strategy="uniform").fit(learners.X, learners.y)
    assert Counted.fits == 3


class Counted(DummyClassifier):  # type: ignore[misc]
    """Counts how often it is trained."""

    fits = 0

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Counted:
        Counted.fits += 1
        found: Counted = super().fit(X, y, sample_weight)
        return found


def test_a_remote_store_has_the_version_when_the_fit_is_over(learners: Any, tmp_path: Any) -> None:
    place = {
        "project": "test",
        "store": "memory://fits-of-scikit-learn",
        "catalog": f"sqlite:///{tmp_path / 'catalog.db'}",
    }
    model = Versioned(make_pipeline(StandardScaler(), LogisticRegression()), "risk", **place)
    assert model.fit(learners.X, learners.y).version_ == "test/risk:v0"
    assert (load("risk", **place).predict(learners.X) == model.predict(learners.X)).all()
