"""Weights that make two data sets alike in their covariates, and how sure one is of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edversion import InvalidInputError
from edversion_plugins.attribution.rows import Rows
from edversion_plugins.evaluation.arrays import Floats

__all__ = ["Weights", "weigh"]

_FOLDS = 5
_FEW = 10
"""A column of numbers with at most so many values is a column of categories."""
_PENALTY = 0.1
"""Ridge of the regression; of thousands of rows next to none."""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The weight of each row towards what the data sets share.

    Attributes
    ----------
    values : ndarray of shape (n_samples,)
        Density of the other data set at the row, over that of both; from 0 to 1.
    slopes : ndarray of shape (n_samples,)
        How a weight grows with the logit of the row's chance to be of the new data.
    chance : ndarray of shape (n_samples,)
        That chance, by a model that has not seen the row's learner.
    design : ndarray of shape (n_samples, n_terms)
        What the regression sees.
    scores : ndarray of shape (n_samples, n_terms)
        What each row moves the regression's coefficients by.
    """

    values: Floats
    slopes: Floats
    chance: Floats
    design: Floats
    scores: Floats


def weigh(rows: Rows, old: Any, new: Any) -> Weights:
    """Weigh rows by the density that the data sets share, ``pq ÷ (p + q)``.

    The densities come from a logistic regression that tells the data sets apart, on splines of
    numbers and on categories: smooth and calibrated, which weights need more than sharpness.
    It sees no interactions of covariates. Chances are cross-fitted, learner by learner.

    Parameters
    ----------
    rows : Rows
        The rows of both data sets.
    old, new : DataFrame or array of shape (n_samples, n_covariates)
        Their covariates.
    """
    X = _stacked(rows, old, new)
    chance = _chances(rows, X)
    share = rows.sizes[1] / len(rows.side)
    towards_new = chance * (1 - share) / (chance * (1 - share) + (1 - chance) * share)
    is_old = rows.side == 0
    values = np.where(is_old, towards_new, 1 - towards_new)
    slopes = np.where(is_old, 1, -1) * values * (1 - values)
    design, scores = _fitted(rows, X)
    return Weights(values, slopes, chance, design, scores)


def _stacked(rows: Rows, old: Any, new: Any) -> Any:
    import pandas as pd

    frames = [pd.DataFrame(each).reset_index(drop=True) for each in (old, new)]
    for frame, size, side in zip(frames, rows.sizes, ("old", "new"), strict=True):
        if len(frame) != size:
            raise InvalidInputError(
                f"the covariates have {len(frame)} rows in the {side} data, which have {size}",
                code="lengths_differ",
            )
    if list(frames[0].columns) != list(frames[1].columns):
        raise InvalidInputError(
            f"the covariates are {list(frames[0].columns)} in the old data and "
            f"{list(frames[1].columns)} in the new",
            code="columns_differ",
        )
    whole = pd.concat(frames, ignore_index=True)
    whole.columns = [str(name) for name in whole.columns]
    return whole


def _chances(rows: Rows, X: Any) -> Floats:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict

    kind = StratifiedKFold if rows.units.codes is None else StratifiedGroupKFold
    folds = kind(_FOLDS, shuffle=True, random_state=rows.uncertainty.seed)
    found = cross_val_predict(
        _regression(X), X, rows.side, groups=rows.units.codes, cv=folds, method="predict_proba"
    )
    return np.clip(np.asarray(found, dtype=np.float64)[:, 1], 1e-6, 1 - 1e-6)


def _fitted(rows: Rows, X: Any) -> tuple[Floats, Floats]:
    """Fit the regression to all rows; give its design, and each row's pull at coefficients.

    The pull is the row's score times the inverse of the information, so that a resample has
    the coefficients that one step of Newton's method goes to.
    """
    model = _regression(X).fit(X, rows.side)
    terms = np.asarray(model[:-1].transform(X), dtype=np.float64)
    design = np.column_stack([np.ones(len(terms)), terms])
    chance = np.asarray(model.predict_proba(X), dtype=np.float64)[:, 1]
    information = design.T @ (design * (chance * (1 - chance))[:, None])
    information[np.diag_indices(len(information))] += np.r_[1e-9, np.full(terms.shape[1], _PENALTY)]
    pull = design * (rows.side - chance)[:, None]
    return design, np.asarray(np.linalg.solve(information, pull.T)).T


def _regression(X: Any) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler

    measured = [name for name in X.columns if _is_measured(X[name])]
    others = [name for name in X.columns if name not in measured]
    bends = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True),
        StandardScaler(),
        SplineTransformer(5, knots="quantile", extrapolation="linear", include_bias=False),
    )
    kinds = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=10, sparse_output=False
    )
    return make_pipeline(
        make_column_transformer((bends, measured), (kinds, others)),
        LogisticRegression(C=1 / _PENALTY, max_iter=1000),
    )


def _is_measured(column: Any) -> bool:
    return column.dtype.kind in "iuf" and column.nunique() > _FEW
