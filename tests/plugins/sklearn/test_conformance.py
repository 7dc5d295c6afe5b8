"""The wrapper is an estimator by scikit-learn's own checks, of whatever kind it wraps.

``EDVERSION_NIGHTLY=1`` checks it around every estimator of scikit-learn, which takes minutes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_clusterer_compute_labels_predict,
    check_clustering,
    check_estimator,
)

import edversion
from edversion_plugins.sklearn import Versioned, estimator

pytestmark = [
    pytest.mark.slow,
    # The checks fit on what no estimator takes, too; what then cannot be versioned is told.
    pytest.mark.filterwarnings("ignore"),
]

UNSEEN = {
    "check_all_zero_sample_weights_error",
    "check_class_weight_balanced_linear_classifier",
    "check_class_weight_classifiers",
    "check_clusterer_compute_labels_predict",
    "check_clustering",
    "check_estimators_partial_fit_n_features",
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
    "check_sample_weights_list",
    "check_sample_weights_not_an_array",
    "check_sample_weights_not_overwritten",
    "check_sample_weights_pandas_series",
    "check_sample_weights_shape",
    "check_sparsify_coefficients",
}
"""Checks of a parameter by its name, or of a class: both are inside. Other tests try weights.

Weights could be shown in the signature of ``fit``; then KMeans and forests, which scikit-learn
itself knows to treat weights otherwise than repeated rows, would fail the checks of that.
"""

KINDS = {
    "classifier": LogisticRegression(),
    "ensemble": RandomForestClassifier(n_estimators=3, random_state=0),
    "regressor": LinearRegression(),
    "transformer": StandardScaler(),
    "clusterer": KMeans(n_clusters=3, n_init=2, random_state=0),
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_scikit_learn_takes_it_for_what_it_wraps(kind: str, place: dict[str, str]) -> None:
    model = Versioned(KINDS[kind], "checked", datasets="off", **place)
    found = check_estimator(model, on_fail=None, on_skip=None)
    assert failures(found) == {}
    bare = check_estimator(KINDS[kind], on_fail=None, on_skip=None)
    assert names(bare, "passed") - names(found, "passed") <= UNSEEN
    with edversion.open(place["store"], project="test") as repository:
        assert len(repository.versions("checked")) > 10  # and all the while it was versioned


def test_clusters_are_checked_though_no_class_says_so(place: dict[str, str]) -> None:
    model = Versioned(KINDS["clusterer"], "checked", datasets="off", **place)
    check_clustering("KMeans", model)
    check_clusterer_compute_labels_predict("KMeans", model)


_BY_NAME = "the check knows this estimator by the name of its class, and treats it apart"
_BY_PARAMETER = "the check sets or reads a parameter, such as alpha or cv, on the outer object"
_BY_SIGNATURE = "the check looks for sample_weight in the signature of fit, which does not show it"
_TRAIN = {"check_regressors_train": _BY_PARAMETER}
_PAIRS = {
    "check_transformer_data_not_an_array": _BY_NAME,
    "check_transformer_general": _BY_NAME,
}
_PRECOMPUTED = {
    "check_estimator_sparse_array": _BY_PARAMETER,
    "check_estimator_sparse_matrix": _BY_PARAMETER,
}
_CLASSES = {"check_classifiers_classes": _BY_NAME}
_WEIGHTS = {"check_classifiers_one_label_sample_weights": _BY_SIGNATURE}

EXPECTED: dict[str, dict[str, str]] = {
    "CCA": _PAIRS,
    "ComplementNB": _WEIGHTS,
    "ElasticNet": _TRAIN,
    "KNeighborsClassifier": {**_PRECOMPUTED, "check_classifiers_train": _BY_PARAMETER},
    "KNeighborsRegressor": {**_PRECOMPUTED, **_TRAIN},
    "LabelPropagation": _CLASSES,
    "LabelSpreading": _CLASSES,
    "Lasso": _TRAIN,
    "LassoLars": _TRAIN,
    "LocallyLinearEmbedding": {"check_fit2d_1feature": _BY_PARAMETER},
    "MultiTaskElasticNet": _TRAIN,
    "MultiTaskLasso": _TRAIN,
    "NMF": {"check_methods_subset_invariance": _BY_NAME},
    "OPTICS": {"check_fit2d_1sample": _BY_PARAMETER},
    "PLSCanonical": _PAIRS,
    "PLSRegression": _PAIRS,
    "PLSSVD": _PAIRS,
    "QuantileRegressor": _TRAIN,
    "SelfTrainingClassifier": _CLASSES,
    "SVC": _WEIGHTS,
    "SkewedChi2Sampler": {**_PAIRS, "check_transformer_preserve_dtypes": _BY_NAME},
    "SparseCoder": dict.fromkeys(
        (
            "check_dtype_object",
            "check_estimators_dtypes",
            "check_estimators_fit_returns_self",
            "check_estimators_overwrite_params",
            "check_fit2d_1feature",
            "check_fit2d_1sample",
            "check_fit_check_is_fitted",
            "check_fit_idempotent",
            "check_n_features_in",
            "check_n_features_in_after_fitting",
            "check_positive_only_tag_during_fit",
            "check_readonly_memmap_input",
            "check_transformers_unfitted_stateless",
        ),
        _BY_NAME,  # each check has data of its own for it, as wide as its dictionary
    ),
    "SpectralCoclustering": {"check_estimator_sparse_tag": _BY_PARAMETER},
    "TSNE": {"check_fit2d_1feature": _BY_PARAMETER, "check_fit2d_1sample": _BY_PARAMETER},
}
"""What fails around an estimator though not with it alone, and why. All of it is in the checks."""


@pytest.mark.skipif("EDVERSION_NIGHTLY" not in os.environ, reason="EDVERSION_NIGHTLY is not set")
@pytest.mark.timeout(7200)
def test_it_goes_around_every_estimator(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is logged here: what is logged was shown above, and 50,000 fits take hours."""
    monkeypatch.setattr(estimator, "is_real_fit", lambda: False)
    ran, failed, classes, unexpected = 0, 0, set(), {}
    for inner, known in every_estimator():
        found = check_estimator(
            Versioned(inner, "checked"), expected_failed_checks=known, on_fail=None, on_skip=None
        )
        ran += len(names(found, "passed")) + len(failures(found))
        wrong = failures(found)
        if wrong:
            bare = check_estimator(inner, expected_failed_checks=known, on_fail=None, on_skip=None)
            wrong = {name: why for name, why in wrong.items() if name not in failures(bare)}
        failed += len(wrong)
        classes.add(type(inner))
        expected = EXPECTED.get(type(inner).__name__, {})
        if news := {name: why for name, why in wrong.items() if name not in expected}:
            unexpected[repr(inner)] = news
    with capsys.disabled():
        sys.stdout.write(f"\n{len(classes)} classes, {ran} checks, {failed} fail only around it\n")
    assert unexpected == {}
    assert failed < 0.01 * ran


def every_estimator() -> Iterator[tuple[Any, dict[str, str]]]:
    """Give scikit-learn's estimators as it tests them itself, with what it expects to fail."""
    from sklearn.utils._test_common import instance_generator

    for inner in instance_generator._tested_estimators():
        known = instance_generator._get_expected_failed_checks(inner)
        seeds = [name for name in inner.get_params() if name.endswith("random_state")]
        # The checks seed what they see, and they do not see inside.
        yield inner.set_params(**dict.fromkeys(seeds, 0)), known


def names(results: list[dict[str, Any]], status: str) -> set[str]:
    return {each["check_name"] for each in results if each["status"] == status}


def failures(results: list[dict[str, Any]]) -> dict[str, str]:
    return {
        each["check_name"]: repr(each["exception"])
        for each in results
        if each["status"] == "failed"
    }
