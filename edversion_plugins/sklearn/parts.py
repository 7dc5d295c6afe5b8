"""Find, inside a fitted estimator, what is the model, and what belongs to how it was made."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

__all__ = ["model_of", "searches_in", "sources_of"]

_REQUEST = "_metadata_request"
"""Where scikit-learn notes what ``set_fit_request`` asked for; it holds the estimator in a circle,
which skops cannot keep, and matters only while models are trained together."""


def model_of(estimator: Any) -> Any:
    """Give the model that predicts, without what was around it while it was made.

    A search gives its best estimator, refitted: the table of its trials holds times, so that
    no two searches would be the same model. A wrapper of edversion gives what it wraps.

    Parameters
    ----------
    estimator : estimator
        Fitted; a `Pipeline` is looked into. It is not changed.

    Returns
    -------
    estimator or None
        None of a search without a refit.
    """
    inner = _inner(estimator)
    if inner is not estimator:
        return None if inner is None else model_of(inner)
    steps = _steps(estimator)
    bare = [(name, model_of(step)) for name, step in steps]
    same = all(new is old for (_, new), (_, old) in zip(bare, steps, strict=True))
    if same and _REQUEST not in getattr(estimator, "__dict__", ()):
        return estimator
    shallow = copy.copy(estimator)
    if bare:
        shallow.steps = bare
    shallow.__dict__.pop(_REQUEST, None)
    return shallow


def searches_in(estimator: Any) -> Iterator[Any]:
    """Give the fitted searches inside an estimator, outermost first."""
    if "cv_results_" in getattr(estimator, "__dict__", ()):
        yield estimator
    inner = _inner(estimator)
    if inner is not estimator and inner is not None:
        yield from searches_in(inner)
    for _, step in _steps(estimator):
        yield from searches_in(step)


def sources_of(estimator: Any) -> Iterator[str]:
    """Give the versions that models inside this one became by themselves."""
    for _, step in _steps(_inner(estimator)):
        reference = step.__dict__.get("version_") if hasattr(step, "__dict__") else None
        if isinstance(reference, str):
            yield reference
        yield from sources_of(step)


def _inner(estimator: Any) -> Any:
    """Give what an estimator only stands around; itself where it is the model."""
    own = getattr(estimator, "__dict__", {})
    if "estimator_" in own and "version_" in own:  # a wrapper of edversion
        return own["estimator_"]
    if "cv_results_" in own:  # a search; without a refit it has no model
        return own.get("best_estimator_")
    return estimator


def _steps(estimator: Any) -> list[tuple[str, Any]]:
    from sklearn.pipeline import Pipeline

    return list(estimator.steps) if isinstance(estimator, Pipeline) else []
