"""Draw samples of learners again and again: a bootstrap of everything at once.

Drawing a million rows a thousand times takes half a minute and says no more than this: rows
(or learners) are dealt at random into 2,048 blocks once, and blocks are drawn with
replacement. Up to 2,048 of them each is a block by itself, and it is the bootstrap exactly.
With more, the blocks are independent and alike, so that sums over a resample have the same
mean and, but for a 64th of the standard error, the same spread; of a group so small that its
rows lie in blocks of their own, the very same distribution. A resample's sums are then one
row of a matrix product, and all measures, groups and attributes see the same resamples:
differences between them are paired.

Resamples are not stratified: the number of learners of a group or class varies as it would
in another sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edversion_plugins.evaluation.arrays import Floats, Ints
from edversion_plugins.evaluation.groups import Grouping
from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.evaluation.sums import Sums, Term
from edversion_plugins.evaluation.units import Units

__all__ = ["BLOCKS", "Resampler"]

BLOCKS = 2048
_CELLS = 1 << 25
"""Numbers that the sums of blocks may have at once: 256 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Resampler:
    """A set of resamples of the rows of one sample.

    Attributes
    ----------
    blocks : ndarray of shape (n_samples,)
        The block of each row.
    times : ndarray of shape (n_draws, n_blocks)
        How many times each block is in each resample.
    """

    blocks: Ints
    times: npt.NDArray[Any]

    @classmethod
    def of(cls, units: Units, uncertainty: Uncertainty) -> Resampler:
        """Draw resamples of rows or learners."""
        rng = np.random.default_rng([uncertainty.seed, 1])
        blocks = np.arange(units.count)
        if units.count > BLOCKS:
            blocks = rng.permutation(units.count) % BLOCKS
        count = min(units.count, BLOCKS)
        times = np.empty((uncertainty.draws, count), dtype=np.float32)
        for draw in times:
            draw[:] = np.bincount(rng.integers(0, count, count), minlength=count)
        return cls(units.rows(blocks), times)

    def sums(self, terms: tuple[Term, ...], grouping: Grouping) -> Sums:
        """Add up over the rows of each group in each resample; shape (draws, groups, width)."""
        width = sum(term.width for term in terms)
        step = max(1, _CELLS // (self.times.shape[1] * width))
        groups = len(grouping.keys)
        if groups <= step:
            return np.concatenate([self._added(term, grouping) for term in terms], axis=2)
        spans = (np.arange(at, min(at + step, groups)) for at in range(0, groups, step))
        return np.concatenate([self.sums(terms, grouping.only(span)) for span in spans], axis=1)

    def _added(self, term: Term, grouping: Grouping) -> Floats:
        groups, count = len(grouping.keys), self.times.shape[1]
        cells = self.blocks * (groups + 1) + grouping.codes
        if term.places is not None:
            cells = cells * term.width + term.places
        size = count * (groups + 1) * term.width
        added = np.bincount(cells, weights=term.weight, minlength=size)
        known = added.reshape(count, groups + 1, term.width)[:, 1:].reshape(count, -1)
        # counts below 2²⁴ are exact in single precision, and multiplied twice as fast
        exact = term.weight is None and len(self.blocks) < 1 << 22
        left, right = (self.times, known.astype(np.float32)) if exact else (
            self.times.astype(np.float64), known.astype(np.float64)
        )  # fmt: skip
        return (left @ right).reshape(len(self.times), groups, term.width)
