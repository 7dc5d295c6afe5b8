"""Shuffle who is in which group, again and again: what noise alone would show.

Rows are shuffled so that what a measure is conditional on stays as it is: of a true positive
rate the positives of each group, of a ROC curve the positives and the negatives. (Shuffling
groups over all rows, as in Borchers 2025, changes the share of positives in a group with them,
and so asks for more than equal curves.) Where learners have several rows, whole learners are
shuffled, and nothing else stays.

Shuffled tables of counts are drawn from their distribution, a multivariate hypergeometric one,
and no rows are moved. Values of which there are more than 256 are binned (see `Bins`): the
statistic is the same of the data and of the shuffles, so that p is exact, and the test loses a
trace of its power.

References
----------
C. Borchers (2025). Toward Sufficient Statistical Power in Algorithmic Bias Assessment. EDM '25.
https://arxiv.org/abs/2501.04683
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from edversion_plugins.evaluation.arrays import Floats, Ints
from edversion_plugins.evaluation.binning import Bins, bins_of
from edversion_plugins.evaluation.groups import Grouping
from edversion_plugins.evaluation.inputs import Sample
from edversion_plugins.evaluation.losses import row_values
from edversion_plugins.evaluation.measures import families
from edversion_plugins.evaluation.rates import PROPORTIONS, proportion
from edversion_plugins.evaluation.sums import Sums, add_up
from edversion_plugins.evaluation.units import Units

__all__ = ["CROSSED", "MEANS", "Shuffler", "shuffler"]

CROSSED = "learners have rows in several of the groups, and cannot be shuffled between them"
MEANS = frozenset({"log_loss", "brier", "calibration_gap", "mae", "rmse", "mean_error"})
_WORK = 100_000_000
"""Rows that all shuffles of learners may have together."""
_LEAST = 199


@dataclass(frozen=True, slots=True, eq=False)
class Shuffler:
    """Shuffles of rows between groups.

    Attributes
    ----------
    sample : Sample
        The rows.
    grouping : Grouping
        The groups that are compared.
    draws : int
        Number of shuffles.
    seed : int
        Of the random numbers.
    """

    sample: Sample
    grouping: Grouping
    draws: int
    seed: int

    def values(self, measure: str) -> tuple[Floats, Floats]:
        """Give one of `PROPORTIONS` or `MEANS`, of every group as it is and in every shuffle."""
        return self._proportions(measure) if measure in PROPORTIONS else self._means(measure)

    def tables(self, bins: Bins) -> Iterator[Sums]:
        """Give the counts by score and class of every group, one shuffle after the other."""
        counts = add_up((bins.term(self.sample.true),), self.grouping)
        by_class = counts.reshape(len(counts), bins.count, 2)
        rng = self._rng()
        for _ in range(self.draws):
            dealt = [_dealt(by_class[:, :, each], rng) for each in (0, 1)]
            yield np.stack(dealt, axis=2).reshape(counts.shape)

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, 2])

    def _proportions(self, measure: str) -> tuple[Floats, Floats]:
        counted, among = proportion(measure, self.sample.true, self.sample.predicted)
        codes, width = self.grouping.codes, len(self.grouping.keys) + 1
        sizes = np.bincount(codes[among], minlength=width)[1:]
        parts = np.bincount(codes[counted], minlength=width)[1:]
        # one measure must not lean to where the other does: tpr and fpr are drawn apart
        rng = np.random.default_rng([self.seed, 2, *measure.encode()])
        drawn = rng.multivariate_hypergeometric(sizes, int(parts.sum()), size=self.draws)
        return parts / sizes, drawn / sizes

    def _means(self, measure: str) -> tuple[Floats, Floats]:
        sample, codes = self.sample, self.grouping.codes.astype(np.intp)
        if measure in sample.values:
            values = sample.values[measure]
            codes = np.where(np.isnan(values), 0, codes)  # of no group that is dealt anew
            bins, means = bins_of(np.nan_to_num(values))
        else:
            bins, means = bins_of(row_values(measure, sample.true, sample.predicted, sample.score))
        width = len(self.grouping.keys) + 1
        cells = codes * bins.count + bins.codes
        counts = np.bincount(cells, minlength=width * bins.count).reshape(width, -1)[1:]
        rng, sizes = self._rng(), counts.sum(axis=1)
        sums = np.stack([_dealt(counts, rng) @ means for _ in range(self.draws)])
        actual, drawn = counts @ means / sizes, sums / sizes
        return (np.sqrt(actual), np.sqrt(drawn)) if measure == "rmse" else (actual, drawn)


def _dealt(counts: Ints, rng: np.random.Generator) -> Ints:
    """Deal counts, of shape (n_groups, n_bins), anew; every group and bin keeps its size."""
    left, dealt = counts.sum(axis=0), np.empty_like(counts)
    for place, size in enumerate(counts.sum(axis=1)[:-1]):
        dealt[place] = rng.multivariate_hypergeometric(left, size)
        left = left - dealt[place]
    dealt[-1] = left
    return dealt


@dataclass(frozen=True, slots=True, eq=False)
class _LearnerShuffler(Shuffler):
    """Shuffles of learners, with all their rows, between groups."""

    units: Units
    homes: Ints

    def values(self, measure: str) -> tuple[Floats, Floats]:
        found = [family.columns(self.grouping).get(measure) for family in families(self.sample)]
        place = next(at for at, column in enumerate(found) if column is not None)
        family, actual = families(self.sample)[place], found[place]
        assert actual is not None
        drawn = [family.columns(each)[measure].values for each in self._groupings()]
        return actual.values, np.stack(drawn)

    def tables(self, bins: Bins) -> Iterator[Sums]:
        terms = (bins.term(self.sample.true),)
        return (add_up(terms, each) for each in self._groupings())

    def _groupings(self) -> Iterator[Grouping]:
        """Give the learners that are in a group each other's groups."""
        inside = np.flatnonzero(self.homes)
        rng, homes = self._rng(), self.homes.copy()
        for _ in range(self.draws):
            homes[inside] = rng.permutation(self.homes[inside])
            yield replace(self.grouping, codes=self.units.rows(homes))


def shuffler(
    sample: Sample, grouping: Grouping, units: Units, draws: int, seed: int
) -> Shuffler | str:
    """Make what shuffles a sample; give the reason where that cannot be done."""
    if units.codes is None:
        return Shuffler(sample, grouping, draws, seed)
    homes = np.zeros(units.count, dtype=np.intp)
    homes[units.codes] = grouping.codes
    if (homes[units.codes] != grouping.codes).any():
        return CROSSED
    fewer = min(draws, max(_LEAST, _WORK // sample.size))
    return _LearnerShuffler(sample, grouping, fewer, seed, units, homes)
