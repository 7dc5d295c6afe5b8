"""The wrapper is, for scikit-learn and for people, the estimator that it wraps."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone, is_classifier, is_clusterer, is_regressor
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.utils.validation import check_is_fitted

import edversion
from edversion_plugins.evaluation import Fairness
from edversion_plugins.sklearn import Versioned


def test_it_is_of_the_kind_of_what_it_wraps(place: dict[str, str]) -> None:
    assert is_classifier(Versioned(LogisticRegression(), "m"))
    assert is_regressor(Versioned(LinearRegression(), "m"))
    assert is_clusterer(Versioned(KMeans(), "m"))


def test_it_has_the_methods_of_what_it_wraps(learners: Any, place: dict[str, str]) -> None:
    model = Versioned(LogisticRegression(), "m", **place)
    assert hasattr(model, "predict_proba")
    assert not hasattr(model, "transform")
    assert not hasattr(Versioned(StandardScaler(), "m"), "predict")
    bare = LogisticRegression().fit(learners.X, learners.y)
    model.fit(learners.X, learners.y)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        assert (getattr(model, method)(learners.X) == getattr(bare, method)(learners.X)).all()
    assert model.score(learners.X, learners.y) == bare.score(learners.X, learners.y)


def test_what_it_learned_is_seen_from_outside(learners: Any, place: dict[str, str]) -> None:
    model = Versioned(LogisticRegression(), "m", **place)
    assert not hasattr(model, "coef_")
    with pytest.raises(NotFittedError):
        model.predict(learners.X)
    model.fit(learners.X, learners.y)
    check_is_fitted(model)
    assert model.classes_.tolist() == [0, 1]
    assert model.feature_names_in_.tolist() == ["reading", "maths"]
    assert model.n_features_in_ == 2
    assert not hasattr(model, "no_such_thing_")


def test_clone_keeps_arguments_and_forgets_the_fit(learners: Any, place: dict[str, str]) -> None:
    fairness = Fairness("gender", bounds={"abroca": 0.1})
    model = Versioned(LogisticRegression(C=2), "m", fairness=fairness, tags=["a"], **place)
    again = clone(model.fit(learners.X, learners.y))
    assert again.get_params()["estimator__C"] == 2
    assert again.fairness == fairness
    assert again.tags == ["a"]
    assert not hasattr(again, "version_")
    with pytest.raises(NotFittedError):
        check_is_fitted(again)


def test_arguments_are_kept_as_given_and_checked_at_fit(learners: Any) -> None:
    tags = ["a"]
    model = Versioned(LogisticRegression(), "no name", tags=tags, keep=0)
    assert model.get_params()["tags"] is tags
    with pytest.raises(edversion.InvalidInputError):
        model.fit(learners.X, learners.y)
    assert not hasattr(model, "estimator_")


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "pickle"},
        {"log_cv": "all"},
        {"monitor": "loss"},
        {"keep": "some"},
        {"datasets": True},
        {"on_error": "stop"},
        {"tags": "one"},
        {"fairness": "gender"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_wrong_arguments_are_named_and_nothing_is_trained(
    learners: Any, place: dict[str, str], wrong: dict[str, Any]
) -> None:
    model = Versioned(LogisticRegression(), "m", **place, **wrong)
    with pytest.raises(edversion.InvalidInputError, match=next(iter(wrong))):
        model.fit(learners.X, learners.y)
    assert not hasattr(model, "estimator_")


def test_pickle_and_copy_carry_the_fit(learners: Any, place: dict[str, str]) -> None:
    model = Versioned(LogisticRegression(), "m", fairness=Fairness("gender"), **place)
    for fresh in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert fresh.fit(learners.X, learners.y).version_ == "test/m:v0"
    model.fit(learners.X, learners.y)
    again = pickle.loads(pickle.dumps(model))
    assert again.version_ == "test/m:v0"
    assert (again.predict(learners.X) == model.predict(learners.X)).all()


def test_a_transformer_gives_frames_where_they_are_asked_for(
    learners: Any, place: dict[str, str]
) -> None:
    model = Versioned(StandardScaler(), "scaler", **place).set_output(transform="pandas")
    assert isinstance(model.fit_transform(learners.X), pd.DataFrame)
    assert model.version_ == "test/scaler:v0"
    assert model.get_feature_names_out().tolist() == ["reading", "maths"]
    assert isinstance(clone(model).fit(learners.X).transform(learners.X), pd.DataFrame)
    back = model.set_output(transform="default").inverse_transform(model.transform(learners.X))
    assert np.allclose(back, learners.X)
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(clone(model).fit(learners.X).transform(learners.X), np.ndarray)


def test_a_stateless_transformer_needs_no_fit(learners: Any, place: dict[str, str]) -> None:
    model = Versioned(FunctionTransformer(np.abs), "abs", **place)
    assert (model.transform(learners.X) >= 0).all(axis=None)


def test_labels_of_clusters(learners: Any, place: dict[str, str]) -> None:
    model = Versioned(KMeans(2, n_init=1, random_state=0), "groups", **place)
    labels = model.fit_predict(learners.X)
    assert (labels == model.labels_).all()
    assert model.version_ == "test/groups:v0"


def test_sample_weights_reach_the_estimator_and_the_data(
    learners: Any, place: dict[str, str]
) -> None:
    weights = np.linspace(0.1, 2, 200)
    bare = LogisticRegression().fit(learners.X, learners.y, sample_weight=weights)
    model = Versioned(LogisticRegression(), "m", **place)
    model.fit(learners.X, learners.y, sample_weight=weights)
    assert (model.coef_ == bare.coef_).all()
    first = trained_on(place, model)
    model.fit(learners.X, learners.y, sample_weight=weights[::-1])
    assert trained_on(place, model) != first


def test_metadata_is_routed_as_asked(learners: Any, place: dict[str, str]) -> None:
    weights = np.linspace(0.1, 2, 200)
    bare = LogisticRegression().fit(learners.X, learners.y, sample_weight=weights)
    with sklearn.config_context(enable_metadata_routing=True):
        asked = LogisticRegression().set_fit_request(sample_weight=True)
        outer = make_pipeline(MinMaxScaler(), Versioned(asked, "m", **place))
        outer.fit(learners.X, learners.y, sample_weight=weights)
        model = Versioned(asked, "m", **place)
        model.fit(learners.X, learners.y, sample_weight=weights)
        assert (model.coef_ == bare.coef_).all()
        ignoring = LogisticRegression().set_fit_request(sample_weight=False)
        with pytest.raises(TypeError, match="sample_weight"):
            Versioned(ignoring, "m", **place).fit(learners.X, learners.y, sample_weight=weights)


def test_fitting_part_by_part_logs_nothing(learners: Any, place: dict[str, str]) -> None:
    model = Versioned(SGDClassifier(random_state=0), "m", **place)
    for part in (slice(0, 100), slice(100, 200)):
        model.partial_fit(learners.X[part], learners.y[part], classes=[0, 1])
    assert model.version_ is None
    assert set(model.predict(learners.X)) <= {0, 1}


def test_notebooks_show_it(learners: Any) -> None:
    shown = Versioned(LogisticRegression(C=3), "risk")._repr_html_()
    assert "Versioned" in shown
    assert "LogisticRegression" in shown
    assert repr(Versioned(LogisticRegression(C=3), "risk")) == (
        "Versioned(estimator=LogisticRegression(C=3), name='risk')"
    )


def trained_on(place: dict[str, str], model: Versioned) -> set[str]:
    with edversion.open(place["store"]) as repository:
        edges = repository.lineage(model.version_, depth=1)
        newest = repository.version(model.version_).metadata["run"]
    found = {e.source.reference for e in edges if e.run is not None and e.run.id == newest}
    assert found
    return found
