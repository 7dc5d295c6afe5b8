"""Count rows by score and class, in few enough bins to do it for a thousand resamples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edversion_plugins.evaluation.arrays import Floats, Ints
from edversion_plugins.evaluation.curves import Ranking, Roc
from edversion_plugins.evaluation.sums import Term

__all__ = ["BINS", "Bins", "bins_of"]

BINS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """The bin of each row.

    Attributes
    ----------
    codes : ndarray of shape (n_samples,)
        0 for the highest values.
    count : int
        Number of bins.
    exact : bool
        Whether all rows of a bin have one value.
    """

    codes: Ints
    count: int
    exact: bool

    @classmethod
    def of(cls, ranking: Ranking) -> Bins:
        """Bin rows by their scores; equal scores share a bin.

        Up to 256 different scores are a bin each, and curves through the bins are exact. Of
        more, a bin has a 256th of the rows or so, in which a curve is a straight line.
        """
        score, n = ranking.score, len(ranking.score)
        starts = np.flatnonzero(np.append(True, score[1:] != score[:-1]))
        exact = len(starts) <= BINS
        bins = np.arange(len(starts)) if exact else starts * BINS // n
        codes = np.empty(n, dtype=np.intp)
        codes[ranking.order] = np.repeat(bins, np.diff(starts, append=n))
        return cls(codes, int(bins[-1]) + 1, exact)

    def term(self, true: Ints) -> Term:
        """Say that rows are counted by bin and class."""
        return Term(2 * self.count, 2 * self.codes + true)

    def curve(self, counts: npt.NDArray[np.number]) -> Roc | None:
        """Draw the curve of one group from its counts, of shape (2 × n_bins,)."""
        return Roc.of_counts(counts.reshape(-1, 2).astype(np.int64))


def bins_of(values: Floats) -> tuple[Bins, Floats]:
    """Bin rows by any value; give also the mean of each bin."""
    order = np.argsort(values)[::-1]
    bins = Bins.of(Ranking(order, values[order], order))
    rows = np.bincount(bins.codes, minlength=bins.count)
    sums = np.bincount(bins.codes, weights=values, minlength=bins.count)
    return bins, np.divide(sums, rows, out=np.zeros(bins.count), where=rows > 0)
