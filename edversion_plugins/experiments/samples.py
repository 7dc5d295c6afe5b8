"""One outcome of the learners of all variants, as the estimators take it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edversion_plugins.evaluation.arrays import Bools, Floats, Ints
from edversion_plugins.experiments.means import linearised

__all__ = ["Sample"]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Learners with what was measured of them.

    Attributes
    ----------
    numerator, denominator : ndarray of shape (n_learners,)
        What is summed up; the denominator of a mean is 1 for each learner.
    arm : ndarray of shape (n_learners,)
        Place of the variant, 0 for the control.
    cluster : ndarray of shape (n_learners,) or None
        Code of the cluster: 0, 1, …; None where each learner was assigned.
    covariates : ndarray of shape (n_learners, n_covariates) or None
        Measured before the assignment; NaN where they were not.
    """

    numerator: Floats
    denominator: Floats
    arm: Ints
    cluster: Ints | None = None
    covariates: Floats | None = None

    @classmethod
    def of_means(
        cls,
        values: Floats,
        arm: Ints,
        cluster: Ints | None = None,
        covariates: Floats | None = None,
    ) -> Sample:
        """Take one value of each learner."""
        return cls(values, np.ones_like(values), arm, cluster, covariates)

    def only(self, rows: Bools) -> Sample:
        """Take some of the learners."""
        codes = None
        if self.cluster is not None:
            _, found = np.unique(self.cluster[rows], return_inverse=True)
            codes = found.astype(np.intp)
        known = None if self.covariates is None else self.covariates[rows]
        return Sample(self.numerator[rows], self.denominator[rows], self.arm[rows], codes, known)

    @property
    def values(self) -> Floats:
        """One value of each learner, whose mean by variant is that of the outcome."""
        if (self.denominator == 1).all():
            return self.numerator
        values = np.empty_like(self.numerator)
        for arm in np.unique(self.arm):
            rows = self.arm == arm
            values[rows] = linearised(self.numerator[rows], self.denominator[rows])
        return values

    def size(self, arm: int) -> int:
        """Give the number of a variant's learners."""
        return int(np.count_nonzero(self.arm == arm))

    def clusters(self, arm: int) -> int:
        """Give the number of a variant's clusters."""
        assert self.cluster is not None
        return len(np.unique(self.cluster[self.arm == arm]))
