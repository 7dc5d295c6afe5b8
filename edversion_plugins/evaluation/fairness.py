"""`Fairness`: what is compared between which groups, and which bounds hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal

import numpy as np

from edversion import InvalidInputError
from edversion_plugins.evaluation.arguments import (
    checked_attributes,
    checked_bounds,
    checked_choice,
    checked_metrics,
    checked_min_group,
    checked_reference,
    checked_threshold,
)
from edversion_plugins.evaluation.curves import Ranking
from edversion_plugins.evaluation.doubt import Doubt
from edversion_plugins.evaluation.gaps import default_gaps, find_gap
from edversion_plugins.evaluation.groups import Grouping, cross, read_column, read_grouping
from edversion_plugins.evaluation.inputs import Label, Sample, Task, read_sample
from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.evaluation.measures import measure_groups
from edversion_plugins.evaluation.report import AttributeReport, FairnessReport
from edversion_plugins.evaluation.reporting import (
    extras,
    group_reports,
    with_corrected_tests,
    with_doubt,
)
from edversion_plugins.evaluation.suppression import Hidden, hide
from edversion_plugins.evaluation.units import Units, read_units

__all__ = ["Fairness"]

_HIDDEN = "hidden: fewer than {}, or hidden with such a group so that it cannot be found out"
"""Does not tell which of the two, as that would tell which groups are small."""


@dataclass(frozen=True, init=False, slots=True)
class Fairness:
    """Compare how a model does for groups of learners.

    Parameters
    ----------
    attributes, *more : str or sequence of str
        Columns that say which group a learner belongs to, e.g. ``"gender", "ses"``.
    metrics : sequence of str, optional
        The gaps to compute, names in `GAPS`; the usual ones of the task where left out.
    bounds : mapping of str to float, optional
        Bounds on gaps: differences, areas and losses must be at most, ratios and the worst
        group's quality at least the bound, for every attribute.
    threshold : float
        Probability from which a row counts as predicted positive, where there are scores but
        no predictions.
    min_group : int
        Groups with fewer learners (rows, where no row is said to be whose) are not shown, nor
        what would tell of them.
    reference : str, optional
        The group that ``abroca_reference`` and ``abroca_sum`` compare with, for the attributes
        that have it; else the largest group.
    task : {"binary", "multiclass", "regression"}, optional
        Told by the values of ``y_true`` where left out.
    positive : str, int or bool, optional
        The positive class of a binary task; else 1 or True, or the later of two labels.
    missing : {"exclude", "group"}
        Whether rows without a value are left out and counted, or a group named ``missing``.
    intersections : bool
        Whether every two attributes are also compared together, e.g. ``gender×ses``.

    Raises
    ------
    InvalidInputError
        An argument is wrong; the message says which.

    Examples
    --------
    >>> fairness = Fairness("sex", metrics=["demographic_parity_ratio"], min_group=1,
    ...                     bounds={"demographic_parity_ratio": 0.8})
    >>> report = fairness.measure([1, 0, 1, 0], [1, 1, 1, 0], groups={"sex": list("ffmm")})
    >>> report.metrics()
    {'fair/sex/demographic_parity_ratio': {'value': 0.5, 'n': 4}}
    >>> print(*report.failures())
    demographic_parity_ratio of sex is 0.5 between m and f; it must be at least 0.8
    """

    attributes: tuple[str, ...]
    metrics: tuple[str, ...] | None
    bounds: Mapping[str, float] = field(hash=False)
    threshold: float
    min_group: int
    reference: str | None
    task: Task | None
    positive: Label | None
    missing: Literal["exclude", "group"]
    intersections: bool

    def __init__(
        self,
        attributes: str | Sequence[str] = (),
        *more: str,
        metrics: Sequence[str] | None = None,
        bounds: Mapping[str, float] | None = None,
        threshold: float = 0.5,
        min_group: int = 10,
        reference: str | None = None,
        task: Task | None = None,
        positive: Label | None = None,
        missing: Literal["exclude", "group"] = "exclude",
        intersections: bool = False,
    ) -> None:
        chosen = None if metrics is None else checked_metrics(metrics)
        checked_choice("task", task, (None, "binary", "multiclass", "regression"))
        checked_choice("missing", missing, ("exclude", "group"))
        values = {
            "attributes": checked_attributes(attributes, *more),
            "metrics": chosen,
            "bounds": checked_bounds(bounds, chosen),
            "threshold": checked_threshold(threshold),
            "min_group": checked_min_group(min_group),
            "reference": checked_reference(reference),
            "task": task,
            "positive": positive,
            "missing": missing,
            "intersections": bool(intersections),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def measure(
        self,
        y_true: object,
        y_pred: object = None,
        y_score: object = None,
        *,
        groups: Any,
        cluster: object = None,
        uncertainty: Uncertainty | None = None,
    ) -> FairnessReport:
        """Measure every group, and the gaps between the groups.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            What was true: labels or numbers.
        y_pred : array-like of shape (n_samples,), optional
            What was predicted.
        y_score : array-like of shape (n_samples,) or (n_samples, n_classes), optional
            Probability, or any score that is higher where the positive class is more likely.
        groups : mapping, data frame or table
            Columns of n_samples values, by name of the attribute.
        cluster : array-like of shape (n_samples,), optional
            The learner of each row, where learners have several: they are what is counted,
            resampled and shuffled then.
        uncertainty : Uncertainty, optional
            Asks for intervals, tests and calibration curves; takes seconds with a million rows.

        Raises
        ------
        InvalidInputError
            Lengths differ, values are missing, NaN or of the wrong kind, or a column or the
            reference group does not exist.
        """
        sample = read_sample(
            y_true,
            y_pred,
            y_score,
            task=self.task,
            positive=self.positive,
            threshold=self.threshold,
        )
        return self.measure_sample(sample, groups, read_units(cluster, sample.size), uncertainty)

    def measure_sample(
        self, sample: Sample, groups: Any, units: Units, uncertainty: Uncertainty | None = None
    ) -> FairnessReport:
        """Measure rows that were read already; see `measure`."""
        groupings = self._groupings(groups, sample.size)
        self._check_reference(groupings)
        ranking = None if sample.score is None else Ranking.of(sample.true, sample.score)
        doubt = None if uncertainty is None else Doubt.of(sample, ranking, units, uncertainty)
        hidden = hide(groupings, units, self.min_group)
        found = tuple(
            self._attribute(sample, ranking, grouping, each, doubt)
            for grouping, each in zip(groupings, hidden, strict=True)
        )
        return FairnessReport(
            attributes=found if doubt is None else with_corrected_tests(found),
            task=sample.task,
            positive=sample.classes[-1] if sample.task == "binary" else None,
            threshold=self.threshold,
            min_group=self.min_group,
            bounds=dict(self.bounds),
        )

    def _groupings(self, groups: Any, rows: int) -> list[Grouping]:
        single = [
            read_grouping(read_column(groups, name, rows), name, missing=self.missing == "group")
            for name in self.attributes
        ]
        pairs = combinations(single, 2) if self.intersections else ()
        return single + [cross(first, second) for first, second in pairs]

    def _check_reference(self, groupings: list[Grouping]) -> None:
        if self.reference is None or any(self.reference in each.labels for each in groupings):
            return
        known = "; ".join(f"{each.name}: {', '.join(each.labels[:8])}" for each in groupings)
        raise InvalidInputError(
            f"no attribute has the reference group {self.reference!r}; the groups are {known}",
            code="no_reference",
            reference=self.reference,
        )

    def _attribute(
        self,
        sample: Sample,
        ranking: Ranking | None,
        grouping: Grouping,
        hidden: Hidden,
        doubt: Doubt | None,
    ) -> AttributeReport:
        shown = grouping.only(np.flatnonzero(~hidden.groups))
        measures = measure_groups(sample, ranking, shown)
        reference = self._reference(grouping, shown)
        place = shown.labels.index(reference) if reference in shown.labels else None
        metrics = self.metrics or dict.fromkeys(
            (*default_gaps(sample.task, measures), *self.bounds)
        )
        gaps = tuple(find_gap(name, sample, measures, place) for name in metrics)
        more: dict[str, Any] = {}
        if doubt is not None:
            measures, gaps = with_doubt(measures, gaps, doubt, reference)
            more = extras(measures, doubt, self.min_group)
        names = [grouping.labels[place] for place in np.flatnonzero(hidden.groups)]
        return AttributeReport(
            columns=grouping.columns,
            reference=reference,
            groups=group_reports(measures),
            gaps=gaps,
            skipped=dict.fromkeys(names, _HIDDEN.format(self.min_group)),
            unknown=None if hidden.unknown else grouping.unknown,
            **more,
        )

    def _reference(self, grouping: Grouping, shown: Grouping) -> str | None:
        """Give the group named, where the attribute has it, or else the largest one."""
        if self.reference in grouping.labels:
            return self.reference
        return shown.labels[int(shown.sizes.argmax())] if shown.keys else None
