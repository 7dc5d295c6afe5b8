"""How sure one can be of what was measured: the resamples, and the intervals of measures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edversion_plugins.evaluation.arrays import Floats
from edversion_plugins.evaluation.binning import Bins
from edversion_plugins.evaluation.columns import Column
from edversion_plugins.evaluation.curves import Ranking
from edversion_plugins.evaluation.delong import auc_intervals
from edversion_plugins.evaluation.groups import Grouping
from edversion_plugins.evaluation.inputs import Sample
from edversion_plugins.evaluation.intervals import (
    Uncertainty,
    percentiles,
    wilson_by_unit,
    wilson_column,
)
from edversion_plugins.evaluation.measures import Measures, families
from edversion_plugins.evaluation.rankings import ranking_metric
from edversion_plugins.evaluation.rates import PROPORTIONS, proportion
from edversion_plugins.evaluation.resampling import Resampler
from edversion_plugins.evaluation.units import Pairs, Units

__all__ = ["Doubt"]


@dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """What is needed to say how sure the measures of one sample are.

    Attributes
    ----------
    sample : Sample
        The rows.
    ranking : Ranking or None
        The same by score, where they have scores.
    bins : Bins or None
        The bins of the scores.
    units : Units
        What is independent of each other.
    resampler : Resampler
        The resamples, of which every measure and gap sees the same.
    uncertainty : Uncertainty
        What is wanted.
    """

    sample: Sample
    ranking: Ranking | None
    bins: Bins | None
    units: Units
    resampler: Resampler
    uncertainty: Uncertainty

    @classmethod
    def of(
        cls, sample: Sample, ranking: Ranking | None, units: Units, uncertainty: Uncertainty
    ) -> Doubt:
        """Draw the resamples."""
        bins = None if ranking is None else Bins.of(ranking)
        return cls(sample, ranking, bins, units, Resampler.of(units, uncertainty), uncertainty)

    def resampled(self, grouping: Grouping) -> dict[str, Floats]:
        """Give the measures that follow from sums in every resample, (n_draws, n_groups) each."""
        columns: dict[str, Column] = {}
        for family in families(self.sample):
            columns |= family.measures(self.resampler.sums(family.terms, grouping))
        return {name: column.values for name, column in columns.items()}

    def measures(self, found: Measures, draws: dict[str, Floats]) -> Measures:
        """Give measures their intervals."""
        pairs = None
        if self.units.codes is not None:
            pairs = Pairs.of(self.units, found.grouping)
        columns = {
            name: self._with_interval(name, column, found, draws, pairs)
            for name, column in found.columns.items()
        }
        return replace(found, columns=columns)

    def _with_interval(
        self,
        name: str,
        column: Column,
        found: Measures,
        draws: dict[str, Floats],
        pairs: Pairs | None,
    ) -> Column:
        if name == "auc":
            assert self.ranking is not None
            return auc_intervals(
                column, found.rocs, self.ranking, found.grouping, self.units, self.uncertainty
            )
        if name in PROPORTIONS or _is_hit_rate(name):
            if pairs is None:
                return wilson_column(column, self.uncertainty)
            counted, among = proportion(name, self.sample.true, self.sample.predicted)
            return wilson_by_unit(column, counted, among, pairs, self.uncertainty)
        low, high = percentiles(draws[name], self.uncertainty.level)
        alone = found.grouping.sizes if pairs is None else pairs.by_group(np.ones(pairs.group.size))
        few = (alone < 2) | (column.n < 2) | np.isnan(column.values)
        few |= low == high  # all resamples agree: nothing says how sure that is
        low, high = (np.where(few, np.nan, each) for each in (low, high))
        return replace(column, low=low, high=high, method="bootstrap")


def _is_hit_rate(name: str) -> bool:
    """Say whether a metric of rankings is a share: of learners, of whom each counts or not."""
    ranking = ranking_metric(name)
    return ranking is not None and ranking.family == "hit_rate"
