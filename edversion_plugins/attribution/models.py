"""Let a version of a model predict: by a function that is given, or by its adapter's loader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any, Protocol

from edversion import InvalidInputError, Version
from edversion_plugins.attribution.scoring import Wants

__all__ = ["LOADERS", "Model", "Predict", "model_of"]

Predict = Callable[[Any, Any], Any]
"""Gives predictions from a model as it was named (a `Version`, where it is one) and a frame."""

LOADERS = {"scikit-learn": "edversion_plugins.sklearn"}
"""Modules whose ``load`` gives an estimator, by the framework that a version's metadata name.

Versions of other frameworks hold weights without the class that they are of.
"""


class Model(Protocol):
    """What can predict."""

    @property
    def fitted(self) -> Sequence[str] | None:
        """The columns that it was fitted to, where it knows."""

    def predict(self, frame: Any, wants: Wants) -> Any:
        """Predict labels, probabilities or scores of the positive class, or numbers."""


class _Function:
    """A model behind a function of the caller."""

    fitted: Sequence[str] | None = None

    def __init__(self, function: Predict, model: Any) -> None:
        self._function, self._model = function, model

    def predict(self, frame: Any, wants: Wants) -> Any:  # noqa: ARG002 - the function knows
        return self._function(self._model, frame)


class _Estimator:
    """A scikit-learn estimator, or what looks like one."""

    def __init__(self, estimator: Any, name: str) -> None:
        self._estimator, self._name = estimator, name

    @property
    def fitted(self) -> Sequence[str] | None:
        names = getattr(self._estimator, "feature_names_in_", None)
        return None if names is None else [str(name) for name in names]

    def predict(self, frame: Any, wants: Wants) -> Any:
        given = frame if self.fitted is not None else frame.to_numpy()
        if wants not in ("probabilities", "scores"):
            return self._estimator.predict(given)
        if wants == "scores" and not hasattr(self._estimator, "predict_proba"):
            return self._scores(given)
        if not hasattr(self._estimator, "predict_proba"):
            raise InvalidInputError(
                f"{self._name} gives no probabilities; choose accuracy, or give predict=",
                code="no_probabilities",
            )
        return self._estimator.predict_proba(given)

    def _scores(self, given: Any) -> Any:
        if not hasattr(self._estimator, "decision_function"):
            raise InvalidInputError(
                f"{self._name} gives neither probabilities nor scores; choose accuracy, or give "
                "predict=",
                code="no_probabilities",
            )
        return self._estimator.decision_function(given)


def model_of(
    model: Any, predict: Predict | None = None, *, trusted: Iterable[str | type] = ()
) -> Model:
    """Give what predicts for a version, or for an estimator.

    Parameters
    ----------
    model : Version or estimator
        The model.
    predict : callable, optional
        ``predict(model, frame)``; the adapter's loader where left out.
    trusted : iterable of str or type
        Types that the loader may trust, as for `edversion_plugins.sklearn.load`.

    Raises
    ------
    InvalidInputError
        Nothing is known that would load the model.
    """
    if predict is not None:
        return _Function(predict, model)
    if not isinstance(model, Version):
        if not hasattr(model, "predict"):
            raise InvalidInputError(f"a {type(model).__name__} does not predict; give predict=")
        return _Estimator(model, type(model).__name__)
    framework = model.metadata.get("framework")
    if not isinstance(framework, str) or framework not in LOADERS:
        known = "names no framework" if framework is None else f"is of {framework!r}"
        raise InvalidInputError(
            f"{model.reference} {known}, and no adapter can load it by itself; give "
            "predict=, a function of the version and a frame that gives the predictions",
            code="no_loader",
            version=model.reference,
        )
    loaded = import_module(LOADERS[framework]).load(model, trusted=trusted)
    return _Estimator(loaded, model.reference)
