"""How hard the items of a test are: the Rasch model, fitted by girth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from edversion import InvalidInputError
from edversion_plugins.evaluation.arrays import Floats, Ints

__all__ = ["Rasch", "Responses", "fit_rasch", "read_responses"]


@dataclass(frozen=True, slots=True, eq=False)
class Responses:
    """Who solved which item.

    Attributes
    ----------
    items : tuple of str
        Names of the items.
    right : ndarray of shape (n_learners, n_items)
        1 for right, 0 for wrong, −1 where the learner did not see the item.
    left_out : tuple of str
        Items that all or none solved, or nobody saw: nothing can be said of how hard they are.
    """

    items: tuple[str, ...]
    right: Ints
    left_out: tuple[str, ...] = ()

    def score(self) -> float:
        """Give the mean over items of the share of learners who solved each."""
        return float(_shares(self.right).mean())

    def without(self, learners: Ints) -> Responses:
        """Leave learners out."""
        return Responses(self.items, np.delete(self.right, learners, axis=0), self.left_out)


@dataclass(frozen=True, slots=True, eq=False)
class Rasch:
    """A fitted model: ``P(right) = 1 ÷ (1 + exp(−discrimination · (ability − difficulty)))``.

    Abilities of the learners it was fitted to have mean 0 and standard deviation 1.

    Attributes
    ----------
    items : tuple of str
        Names of the items.
    discrimination : float
        The same for all items.
    difficulty : ndarray of shape (n_items,)
        The ability at which half of the learners solve the item.
    n : int
        Number of learners.
    """

    items: tuple[str, ...]
    discrimination: float
    difficulty: Floats
    n: int

    @property
    def logits(self) -> Floats:
        """Difficulties on the scale on which the discrimination is 1 (Rasch's own)."""
        return self.discrimination * self.difficulty


def read_responses(responses: Any, items: Sequence[str] | None = None) -> Responses:
    """Check a table of learners by items.

    Parameters
    ----------
    responses : DataFrame or array of shape (n_learners, n_items)
        1 or True for right, 0 or False for wrong, missing where an item was not seen.
    items : sequence of str, optional
        Names of the items; those of the columns where left out.

    Raises
    ------
    InvalidInputError
        Another value is in it, names are missing or come twice, or no item is left.
    """
    names = list(getattr(responses, "columns", ())) if items is None else list(items)
    table = _floats(responses)
    if table.ndim != 2 or table.shape[1] != len(names):
        raise InvalidInputError(
            f"responses have shape {table.shape} and {len(names)} items are named; give a table "
            "of learners by items, and a name for each column"
        )
    texts = [str(name) for name in names]
    if len(set(texts)) < len(texts):
        raise InvalidInputError("two items have the same name", code="item_twice")
    known = ~np.isnan(table)
    if not np.isin(table[known], (0, 1)).all():
        raise InvalidInputError(
            "responses must be 1 (right), 0 (wrong) or missing", code="not_binary"
        )
    right = np.where(known, table, -1).astype(np.intp)
    shares = _shares(right)
    usable = (shares > 0) & (shares < 1)
    if not usable.any():
        raise InvalidInputError("no item was solved by some and not by others", code="no_items")
    left = tuple(text for text, use in zip(texts, usable, strict=True) if not use)
    kept = tuple(text for text, use in zip(texts, usable, strict=True) if use)
    return Responses(kept, right[:, usable], left)


def fit_rasch(responses: Responses | Any, *, discrimination: float | None = None) -> Rasch:
    """Fit the Rasch model by marginal maximum likelihood.

    Parameters
    ----------
    responses : Responses or DataFrame of shape (n_learners, n_items)
        Who solved what. Items are taken to be missing by design, not by ability.
    discrimination : float, optional
        Held at this; fitted where left out (the one-parameter logistic model).

    Raises
    ------
    ImportError
        girth is not installed.

    References
    ----------
    R. D. Bock, M. Aitkin (1981). Marginal maximum likelihood estimation of item parameters:
    application of an EM algorithm. Psychometrika 46, 443–459.
    """
    girth = _girth()
    table = responses if isinstance(responses, Responses) else read_responses(responses)
    right = np.where(table.right < 0, girth.INVALID_RESPONSE, table.right)
    found = girth.onepl_mml(np.ascontiguousarray(right.T), alpha=discrimination)
    return Rasch(
        table.items,
        float(found["Discrimination"]),
        np.asarray(found["Difficulty"], dtype=np.float64),
        len(table.right),
    )


def _girth() -> Any:
    try:
        return import_module("girth")
    except ImportError as error:
        raise ImportError(
            "linking items needs girth; install it with: pip install 'edversion[irt]'"
        ) from error


def _floats(responses: Any) -> Floats:
    try:
        if hasattr(responses, "to_numpy"):
            return np.asarray(responses.to_numpy(dtype=np.float64, na_value=np.nan))
        return np.asarray(responses, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"responses must hold 0, 1 or nothing: {error}") from error


def _shares(right: Ints) -> Floats:
    """Give the share of learners who solved each item, of those who saw it; NaN of nobody."""
    seen = (right >= 0).sum(axis=0)
    solved = (right == 1).sum(axis=0)
    shares = np.full(seen.shape, np.nan)
    np.divide(solved, seen, out=shares, where=seen > 0)
    return shares
