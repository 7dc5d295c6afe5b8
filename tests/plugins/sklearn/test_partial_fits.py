"""Which fits are no versions: they only judge, or give parts of a model."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - it registers itself
from sklearn.feature_selection import RFE, RFECV
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RANSACRegressor
from sklearn.model_selection import (
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    learning_curve,
    permutation_test_score,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier

import edversion
from edversion_plugins.sklearn import Versioned, load
from edversion_plugins.sklearn.fits import PARTIAL_FITS


def counts(repository: edversion.Repository) -> dict[str, int]:
    return {found.name: found.version_count for found in repository.collections(type="model")}


def judged_only(model: Any, X: Any, y: Any) -> None:
    cross_val_score(model, X, y, cv=2, n_jobs=2)
    cross_val_predict(model, X, y, cv=2)
    learning_curve(model, X, y, cv=2, train_sizes=[0.5])
    permutation_test_score(model, X, y, cv=2, n_permutations=1)
    cross_val_score(GridSearchCV(model, {"name": ["risk"]}, cv=2), X, y, cv=2)
    around = clone(model).set_params(estimator=GridSearchCV(model.estimator, {"C": [1.0]}, cv=2))
    cross_val_score(around, X, y, cv=2)


@pytest.mark.parametrize(
    "around",
    [
        lambda model: RFECV(model, cv=2, importance_getter="coef_"),
        lambda model: CalibratedClassifierCV(model, cv=2),
        lambda model: BaggingClassifier(model, n_estimators=2),
        OneVsRestClassifier,
        OneVsOneClassifier,
    ],
    ids=["rfecv", "calibrated", "bagging", "one-vs-rest", "one-vs-one"],
)
def test_parts_of_an_ensemble_are_no_versions(
    learners: Any, place: dict[str, str], repository: edversion.Repository, around: Any
) -> None:
    model = around(Versioned(LogisticRegression(), "risk", **place))
    model.fit(learners.X, learners.y)
    final = 1 if isinstance(model, RFECV) else 0  # it fits once more, to what it selected
    assert sum(counts(repository).values()) <= final


@pytest.mark.parametrize(
    "around",
    [
        lambda model: AdaBoostRegressor(model, n_estimators=2),
        lambda model: RANSACRegressor(model, min_samples=0.5, max_trials=3),
    ],
    ids=["boosting", "ransac"],
)
def test_parts_and_trials_of_regressions_are_no_versions(
    learners: Any, place: dict[str, str], repository: edversion.Repository, around: Any
) -> None:
    around(Versioned(LinearRegression(), "line", **place)).fit(learners.X, learners.X["maths"])
    assert repository.collections() == ()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_models_that_fill_gaps_are_no_versions(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    gaps = learners.X.mask(learners.X > 1)
    IterativeImputer(Versioned(LinearRegression(), "line", **place), max_iter=2).fit(gaps)
    assert repository.collections() == ()


def test_of_an_elimination_only_the_last_round_is_a_version(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    X = np.hstack([learners.X, np.square(learners.X), np.exp(learners.X)])
    model = RFE(Versioned(LogisticRegression(), "risk", **place), importance_getter="coef_")
    for _ in range(2):  # the second time, the estimator of the first is still there
        model.set_params(n_features_to_select=2).fit(X, learners.y)
        assert counts(repository) == {"risk": 1}
    assert model.estimator_.version_ == "test/risk:v0"
    assert load("risk", **place).n_features_in_ == 2


def test_fits_that_only_judge_are_no_versions(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    judged_only(Versioned(LogisticRegression(), "risk", **place), learners.X, learners.y)
    assert repository.collections() == ()


def test_a_tuned_threshold_is_fitted_once_for_real(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    model = TunedThresholdClassifierCV(Versioned(LogisticRegression(), "risk", **place), cv=2)
    model.fit(learners.X, learners.y)
    assert counts(repository) == {"risk": 1}


def test_whole_models_inside_others_are_versions(
    learners: Any, place: dict[str, str], repository: edversion.Repository
) -> None:
    voting = VotingClassifier(
        [(name, Versioned(LogisticRegression(C=c), name, **place)) for name, c in _TWO], n_jobs=2
    )
    voting.fit(learners.X, learners.y)
    assert counts(repository) == {"strong": 1, "weak": 1}


_TWO = (("strong", 0.01), ("weak", 1.0))


def test_the_functions_that_are_looked_for_exist() -> None:
    """They are private: a version of scikit-learn that renames one has to be seen here."""
    homes = {
        "calibration": {"_fit_classifier_calibrator_pair"},
        "ensemble._bagging": {"_parallel_build_estimators"},
        "ensemble._weight_boosting": {"_boost"},
        "feature_selection._rfe": {"_rfe_single_fit"},
        "impute._iterative": {"_impute_one_feature"},
        "model_selection._classification_threshold": {"_fit_and_score_over_thresholds"},
        "model_selection._validation": {
            "_fit_and_score",
            "_fit_and_predict",
            "_incremental_fit_estimator",
            "_permutation_test_score",
        },
        "multiclass": {"_fit_binary", "_fit_ovo_binary"},
    }
    for module, names in homes.items():
        home = importlib.import_module(f"sklearn.{module}")
        assert names <= {name for each in (home, *vars(home).values()) for name in dir(each)}
    assert set().union(*homes.values()) == PARTIAL_FITS
