"""Effects by group of learners, and whether they differ between groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edversion_plugins.evaluation.arrays import Array, Bools, Floats, Ints
from edversion_plugins.evaluation.groups import Grouping, cross, read_grouping
from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.evaluation.suppression import hide
from edversion_plugins.evaluation.units import Units
from edversion_plugins.experiments.clustered import FEW
from edversion_plugins.experiments.estimating import estimable, registered
from edversion_plugins.experiments.means import linearised
from edversion_plugins.experiments.results import GroupEffect, Interaction
from edversion_plugins.experiments.samples import Sample

__all__ = ["effects", "interaction", "shown_groups"]


def shown_groups(
    groups: dict[str, Array], arm: Ints, variants: Sequence[str], least: int
) -> tuple[list[Grouping], int]:
    """Give the groups of each attribute that are shown, and the number of those that are not.

    A group is shown where it is large enough under every variant, and where nothing that is
    shown gives a hidden one away; by the same rule as evaluations.

    Parameters
    ----------
    groups : dict of str to ndarray of shape (n_learners,)
        Attributes.
    arm : ndarray of shape (n_learners,)
        Places of the variants.
    variants : sequence of str
        Their names.
    least : int
        Learners that a group must have under each variant.
    """
    if not groups or not len(arm):
        return [], 0
    arms = read_grouping(np.array(variants, dtype=object)[arm], "variant")
    found = [read_grouping(values, name, missing=True) for name, values in groups.items()]
    crossed = [cross(each, arms) for each in found]
    hidden = hide([arms, *found, *crossed], Units(len(arm)), least)[1:]
    shown = []
    for place, grouping in enumerate(found):
        away = hidden[place].groups.copy()
        for key, is_hidden in zip(
            crossed[place].keys, hidden[len(found) + place].groups, strict=True
        ):
            if is_hidden:
                away[grouping.keys.index(key[:1])] = True
        counts = np.array([len({*arm[grouping.codes == code + 1].tolist()})
                           for code in range(len(grouping.keys))])  # fmt: skip
        away |= counts < len(variants)
        shown.append(grouping.only(np.flatnonzero(~away)))
    total = sum(len(each.keys) for each in found)
    return shown, total - sum(len(each.keys) for each in shown)


def slices(grouping: Grouping) -> Iterator[tuple[str, Bools]]:
    """Give each group's name, ``gender=female``, and its rows."""
    for place, label in enumerate(grouping.labels):
        yield f"{grouping.name}={label}", np.asarray(grouping.codes == place + 1)


def effects(
    sample: Sample, kind: str, arm: int, groupings: Sequence[Grouping], uncertainty: Uncertainty
) -> tuple[GroupEffect, ...]:
    """Estimate a variant's effect in every group, by the registered estimator."""
    found = []
    for grouping in groupings:
        for name, rows in slices(grouping):
            part = sample.only(rows)
            reason = estimable(part, arm)
            value = None if reason else registered(part, kind, arm, uncertainty)
            found.append(GroupEffect(name, value, reason))
    return tuple(found)


def interaction(sample: Sample, arm: int, grouping: Grouping) -> Interaction:
    """Test whether a variant's effect differs between the groups of an attribute.

    A regression on variant, group and both together, with HC2 errors, or errors by cluster
    where clusters were assigned; all terms of both together are tested at once.

    Parameters
    ----------
    sample : Sample
        Learners of all variants.
    arm : int
        Place of the variant.
    grouping : Grouping
        Of the same learners; those of no group are left out.
    """
    if len(grouping.keys) < 2:
        return Interaction(grouping.name, None, reason="fewer than two groups are shown")
    rows = np.asarray(((sample.arm == 0) | (sample.arm == arm)) & (grouping.codes > 0))
    part, codes = sample.only(rows), grouping.codes[rows].astype(np.intp) - 1
    if part.cluster is not None and part.clusters(0) + part.clusters(arm) < FEW:
        return Interaction(
            grouping.name, None, reason=f"of fewer than {FEW} clusters that cannot be told"
        )
    treated = np.asarray(part.arm == arm, dtype=float)
    group = np.asarray(codes[:, None] == np.arange(1, len(grouping.keys)), dtype=float)
    design = np.column_stack([np.ones(len(codes)), treated, group, group * treated[:, None]])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return Interaction(grouping.name, None, reason="a group has no learner of a variant")
    fitted = _fitted(design, _values(part, codes), part)
    terms = group.shape[1]
    which = np.eye(design.shape[1])[-terms:]
    p = float(fitted.wald_test(which, scalar=True).pvalue)
    value = se = None
    if terms == 1:
        value, se = float(fitted.params[-1]), float(fitted.bse[-1])
    return Interaction(grouping.name, p, value, se, grouping.labels)


def _fitted(design: Floats, values: Floats, part: Sample) -> Any:
    from statsmodels.api import OLS

    if part.cluster is None:
        return OLS(values, design).fit(cov_type="HC2", use_t=True)
    return OLS(values, design).fit(
        cov_type="cluster", cov_kwds={"groups": part.cluster}, use_t=True
    )


def _values(part: Sample, codes: Ints) -> Floats:
    """Give one value of each learner, whose mean by variant and group is that of the outcome."""
    if (part.denominator == 1).all():
        return part.numerator
    values = np.empty_like(part.numerator)
    for arm in np.unique(part.arm):
        for code in np.unique(codes):
            rows = (part.arm == arm) & (codes == code)
            values[rows] = linearised(part.numerator[rows], part.denominator[rows])
    return values
