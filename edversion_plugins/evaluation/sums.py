"""What is added up over the rows of each group: every measure but the AUC follows from sums.

Measures are written as functions of these sums, so that the same function gives the value of
a group and its values in a thousand resamples, whose sums are one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edversion_plugins.evaluation.arrays import Floats, Ints
from edversion_plugins.evaluation.columns import Column
from edversion_plugins.evaluation.groups import Grouping

__all__ = ["Summed", "Sums", "Term", "add_up"]

Sums = npt.NDArray[Any]
"""Shape ``(…, n_groups, width)``; whole numbers where only rows are counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """Places that rows are counted in, or a value of each row that is added there.

    Attributes
    ----------
    width : int
        Number of places.
    places : ndarray of shape (n_samples,) or None
        Where each row goes; None where there is one place.
    weight : ndarray of shape (n_samples,) or None
        What is added; None for one.
    """

    width: int = 1
    places: Ints | None = None
    weight: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Summed:
    """A family of measures that follow from the same sums.

    Attributes
    ----------
    terms : tuple of Term
        What is added up, side by side.
    measures : callable
        Gives the family's columns from sums of shape ``(…, n_groups, width)``.
    """

    terms: tuple[Term, ...]
    measures: Callable[[Sums], dict[str, Column]]

    def columns(self, grouping: Grouping) -> dict[str, Column]:
        """Give the measures of every group."""
        return self.measures(add_up(self.terms, grouping))


def add_up(terms: tuple[Term, ...], grouping: Grouping) -> Sums:
    """Add up over the rows of each group; shape ``(n_groups, width)``."""
    groups = len(grouping.keys) + 1
    parts = []
    for term in terms:
        cells: npt.NDArray[Any] = grouping.codes
        if term.places is not None:
            cells = grouping.codes.astype(np.intp) * term.width + term.places
        added = np.bincount(cells, weights=term.weight, minlength=groups * term.width)
        parts.append(added.reshape(groups, term.width)[1:])  # what is left out comes first
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
