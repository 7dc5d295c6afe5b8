"""What a wrapper hands to the estimator inside, so that scikit-learn takes it for that one.

A wrapper that forgot one of these would be no classifier any more, or lose its weights on the
way: ``check_estimator`` and the tests of this adapter ask for each.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.utils import Tags, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

__all__ = ["Delegating", "has"]

_ROUTED = (
    "fit", "partial_fit", "fit_transform", "fit_predict", "predict", "predict_proba",
    "predict_log_proba", "decision_function", "transform", "inverse_transform", "score",
)  # fmt: skip


def has(name: str) -> Callable[[Any], bool]:
    """Make a check that the estimator inside has a method; its own error says why not."""

    def check(self: Any) -> bool:
        getattr(self._inner(), name)
        return True

    return check


def _handed_on(name: str) -> Any:
    """Make a method that the fitted estimator answers."""

    def method(self: Any, X: Any, *args: Any, **params: Any) -> Any:
        fitted = self._fitted()
        return getattr(fitted, name)(X, *args, **self._routed(name, params))

    method.__name__ = name
    method.__qualname__ = f"Delegating.{name}"
    method.__doc__ = f"Call ``{name}`` of the fitted estimator."
    return available_if(has(name))(method)


class Delegating(MetaEstimatorMixin, BaseEstimator):
    """A meta-estimator that is in everything what its ``estimator`` is, but for fitting.

    The fitted clone is ``estimator_``. What ends in an underscore is found on it
    (``classes_``, ``coef_``, ``feature_names_in_``, ``best_params_``, …).
    """

    estimator: Any

    predict = _handed_on("predict")
    predict_proba = _handed_on("predict_proba")
    predict_log_proba = _handed_on("predict_log_proba")
    decision_function = _handed_on("decision_function")
    score_samples = _handed_on("score_samples")
    transform = _handed_on("transform")
    inverse_transform = _handed_on("inverse_transform")

    @available_if(has("score"))
    def score(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Call ``score`` of the fitted estimator."""
        labels = () if y is None else (y,)
        return self._fitted().score(X, *labels, **self._routed("score", params))

    @available_if(has("set_output"))
    def set_output(self, *, transform: str | None = None) -> Any:
        """Choose what ``transform`` gives: ``"default"``, ``"pandas"`` or ``"polars"``."""
        for each in {id(e): e for e in (self.estimator, self._inner())}.values():
            each.set_output(transform=transform)
        return self

    @available_if(has("get_feature_names_out"))
    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Give the names of the columns that ``transform`` gives."""
        return self._fitted().get_feature_names_out(input_features)

    def get_metadata_routing(self) -> Any:
        """Say which metadata (``sample_weight``, …) each method hands to the estimator."""
        mapping = MethodMapping()
        for name in _ROUTED:
            mapping.add(caller=name, callee=name)
        router = MetadataRouter(owner=type(self).__name__)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Tags:
        return copy.deepcopy(get_tags(self.estimator))

    def __sklearn_is_fitted__(self) -> bool:
        return "estimator_" in self.__dict__ or not get_tags(self.estimator).requires_fit

    def __getattr__(self, name: str) -> Any:
        if name.endswith("_") and not name.startswith("_") and "estimator_" in self.__dict__:
            return getattr(self.estimator_, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _inner(self) -> Any:
        """Give the fitted estimator, or the one given where there is none yet."""
        return self.__dict__.get("estimator_", self.estimator)

    def _fitted(self) -> Any:
        check_is_fitted(self)
        return self._inner()

    def _routed(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the metadata that the estimator asked for; all of it without routing."""
        if method not in _ROUTED or not get_config().get("enable_metadata_routing", False):
            return params
        routed: Mapping[str, Any] = process_routing(self, method, **params).estimator[method]
        return routed
