"""Tell fits that give a model from fits that only help to judge or to build one."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

__all__ = ["is_real_fit", "surrounding_search"]

PARTIAL_FITS = frozenset(
    {
        # Cross-validation: each fit sees a part of the data, and only its score is kept.
        "_fit_and_score",
        "_fit_and_predict",
        "_fit_and_score_over_thresholds",
        "_fit_classifier_calibrator_pair",
        "_incremental_fit_estimator",
        "_permutation_test_score",
        "_rfe_single_fit",
        # Members of an ensemble: resampled data, one class against others, one column filled.
        "_boost",
        "_fit_binary",
        "_fit_ovo_binary",
        "_impute_one_feature",
        "_parallel_build_estimators",
    }
)
"""Functions of scikit-learn, at any place in the call stack, below which no fit is a model.

They are private, and there is no public way to know: a callback is told only by six estimators.
A test holds that they exist and are seen at both ends of the range of versions. Where one is
renamed, too many versions are logged, and nothing is lost.
"""

_SEARCH = "sklearn.model_selection._search"
_TRIALS = ("fit", "sklearn.linear_model._ransac")
"""RANSAC fits one estimator to up to a hundred random samples, then to what agreed with it."""
_ROUNDS = ("_fit", "sklearn.feature_selection._rfe")
"""RFE fits once for each feature that it leaves out, then to those that stay."""


def is_real_fit() -> bool:
    """Tell whether the fit that asks gives a model that somebody wants to keep.

    Worker processes need no help: a worker's own stack shows what it works for.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if _is_partial(frame):
            return False
        frame = frame.f_back
    return True


def surrounding_search() -> tuple[Any, Any] | None:
    """Give the search whose best candidate is being fitted again, and its table.

    Returns
    -------
    tuple or None
        The search, and its results so far, or None where they cannot be seen: scikit-learn
        makes ``cv_results_`` public only after the refit. None where there is no search.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "fit" and _module(frame) == _SEARCH:
            search = frame.f_locals.get("self")
            if hasattr(search, "best_index_"):
                return search, frame.f_locals.get("results")
        frame = frame.f_back
    return None


def _is_partial(frame: FrameType) -> bool:
    """Tell whether a function of scikit-learn only tries fits, or makes parts of a model."""
    place = frame.f_code.co_name, _module(frame)
    if place == _ROUNDS:
        chosen, wanted = (frame.f_locals.get(each) for each in ("support_", "n_features_to_select"))
        return chosen is not None and wanted is not None and bool(chosen.sum() > wanted)
    return place == _TRIALS or (place[0] in PARTIAL_FITS and place[1].startswith("sklearn."))


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))
