"""What `Fairness.measure` found, in the shapes that versions, searches and people want."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from edversion_plugins.evaluation.calibration import ReliabilityBin
from edversion_plugins.evaluation.gaps import Gap, gap_rule
from edversion_plugins.evaluation.groups import CROSS

__all__ = ["AttributeReport", "FairnessReport", "GroupReport", "Measured"]

_ROUNDING = 1e-12
"""A bound of 0.1 holds for 0.8 − 0.7, which is 0.10000000000000009 in a computer."""
_NOT_IN_TAGS = re.compile(r"[^A-Za-z0-9._-]+")
_TAG_PART = 64
"""Characters of an attribute that a tag keeps, so that the metric fits beside it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One measure of one group.

    Attributes
    ----------
    value : float or None
        None where it is not estimable.
    n : int
        Number of rows that it rests on: of a rate its denominator.
    reason : str or None
        Why it is not estimable.
    low, high : float or None
        Interval, where one was asked for and there is one.
    method : str or None
        How the interval was computed.
    """

    value: float | None
    n: int
    reason: str | None = None
    low: float | None = None
    high: float | None = None
    method: str | None = None

    def metric(self) -> dict[str, Any]:
        """Give what is known, as `Run.log_metrics` takes it."""
        return {"value": self.value, "n": self.n, **_bounds(self.low, self.high)}

    def as_json(self) -> dict[str, Any]:
        """Give all that is known."""
        why = {"reason": self.reason, "method": self.method}
        return self.metric() | {key: value for key, value in why.items() if value is not None}


@dataclass(frozen=True, slots=True)
class GroupReport:
    """The measures of one group.

    Attributes
    ----------
    label : str
        E.g. ``"female"``, of an intersection ``"female×low"``.
    slice : str
        E.g. ``"gender=female"``, of an intersection ``"gender=female,ses=low"``.
    n : int
        Number of rows.
    measures : mapping of str to Measured
        By name, see `MEASURES`.
    """

    label: str
    slice: str
    n: int
    measures: Mapping[str, Measured]


@dataclass(frozen=True, slots=True)
class AttributeReport:
    """The groups of one attribute, or of two together, and the gaps between them.

    Attributes
    ----------
    columns : tuple of str
        The attribute; two of them for an intersection.
    reference : str or None
        The group that others are compared with; None where there is no group.
    groups : tuple of GroupReport
        The groups that are large enough.
    gaps : tuple of Gap
        One for each metric asked for, computed or not.
    skipped : mapping of str to str
        Groups that are not shown, and why.
    unknown : int or None
        Number of rows left out because the attribute is missing; None where they are so few
        that their number is not shown.
    areas : mapping of (str, str) to float
        ABROCA of every pair of groups, the one with the smaller AUC first; where asked for.
    curves : mapping of str to tuple of ReliabilityBin
        How scores compare with outcomes in each group; where asked for.
    """

    columns: tuple[str, ...]
    reference: str | None
    groups: tuple[GroupReport, ...]
    gaps: tuple[Gap, ...]
    skipped: Mapping[str, str]
    unknown: int | None
    areas: Mapping[tuple[str, str], float] = field(default_factory=dict)
    curves: Mapping[str, tuple[ReliabilityBin, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The attribute as text, e.g. ``gender`` or ``gender×ses``."""
        return CROSS.join(self.columns)

    def gap(self, metric: str) -> Gap | None:
        """Give a gap by its name; None where it was not asked for."""
        return next((gap for gap in self.gaps if gap.metric == metric), None)

    def metadata(self) -> dict[str, Any]:
        """Give all but the measures of each group, as JSON."""
        known: dict[str, Any] = {
            "reference": self.reference,
            "groups": {group.label: group.n for group in self.groups},
            "skipped": dict(self.skipped),
            "unknown": self.unknown,
            "metrics": {gap.metric: _as_json(gap) for gap in self.gaps},
        }
        if self.areas:
            pairs = sorted(self.areas.items())
            known["areas"] = [{"between": list(pair), "value": area} for pair, area in pairs]
        if self.curves:
            known["calibration"] = {
                label: [asdict(each) for each in bins] for label, bins in self.curves.items()
            }
        return known


def _as_json(gap: Gap) -> dict[str, Any]:
    known: dict[str, Any] = {"value": gap.value, "n": gap.n}
    if gap.between:
        known["between"] = list(gap.between)
    if gap.reason is not None:
        known["reason"] = gap.reason
    if gap.skipped:
        known["skipped"] = dict(gap.skipped)
    known |= _bounds(gap.low, gap.high)
    if gap.test is not None:
        known["test"] = asdict(gap.test) | {"verdict": gap.test.verdict}
    if gap.untested is not None:
        known["untested"] = gap.untested
    return known


def _bounds(low: float | None, high: float | None) -> dict[str, float]:
    return {} if low is None or high is None else {"low": low, "high": high}


@dataclass(frozen=True, slots=True)
class FairnessReport:
    """How well a model does for each group, how far the groups are apart, and whether that
    is within bounds.

    Attributes
    ----------
    attributes : tuple of AttributeReport
        One for each attribute, then one for each intersection.
    task : str
        ``"binary"``, ``"multiclass"`` or ``"regression"``.
    positive : str or None
        The class that counts as positive in a binary task.
    threshold : float
        Probability from which a row counts as predicted positive, where no predictions were
        given.
    min_group : int
        Number of rows below which a group is not shown.
    bounds : mapping of str to float
        The bounds, by metric.
    """

    attributes: tuple[AttributeReport, ...]
    task: str
    positive: str | None
    threshold: float
    min_group: int
    bounds: Mapping[str, float]

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Give the gaps that could be computed, as `Run.log_metrics` takes them.

        Returns
        -------
        dict
            E.g. ``{"fair/gender/abroca": {"value": 0.03, "n": 400}}``.
        """
        return {
            f"fair/{attribute.name}/{gap.metric}": {"value": gap.value, "n": gap.n}
            | _bounds(gap.low, gap.high)
            for attribute in self.attributes
            for gap in attribute.gaps
            if _is_number(gap.value)
        }

    def slices(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Give the measures of each group, as `Run.log_metrics` takes them with ``slice=``.

        Returns
        -------
        dict
            E.g. ``{"gender=female": {"tpr": {"value": 0.7, "n": 90}}}``.
        """
        return {
            group.slice: {
                name: measured.metric()
                for name, measured in group.measures.items()
                if _is_number(measured.value)
            }
            for attribute in self.attributes
            for group in attribute.groups
        }

    def tags(self) -> tuple[str, ...]:
        """Give tags that say what was checked.

        Returns
        -------
        tuple of str
            ``fairness:<attribute>:<metric>`` for each gap that could be computed, after
            ``fairness:checked`` where each attribute has one. A tag does not say that a bound
            holds; see `passes`.
        """
        found = {
            attribute.columns: [gap.metric for gap in attribute.gaps if _is_number(gap.value)]
            for attribute in self.attributes
        }
        checked = all(metrics for columns, metrics in found.items() if len(columns) == 1)
        tags = ["fairness:checked"] if checked else []
        for columns, metrics in found.items():
            part = "-".join(_NOT_IN_TAGS.sub("-", column) for column in columns)[:_TAG_PART]
            tags += [f"fairness:{part}:{metric}" for metric in metrics]
        return tuple(dict.fromkeys(tags))  # two columns may read the same as tags

    def metadata(self) -> dict[str, Any]:
        """Give everything but the measures of each group, as JSON."""
        return {
            "task": self.task,
            "positive": self.positive,
            "threshold": self.threshold,
            "min_group": self.min_group,
            "bounds": dict(self.bounds),
            "passes": self.passes(),
            "failures": list(self.failures()),
            "attributes": {each.name: each.metadata() for each in self.attributes},
        }

    @property
    def comparisons(self) -> int:
        """Number of gaps that were tested, which every adjusted p accounts for."""
        return sum(gap.test is not None for each in self.attributes for gap in each.gaps)

    def passes(self) -> bool | None:
        """Say whether all bounds hold for all attributes.

        Returns
        -------
        bool or None
            None where there are no bounds; False also where a bounded gap could not be
            computed.
        """
        return not self.failures() if self.bounds else None

    def failures(self) -> tuple[str, ...]:
        """Give a sentence for each bound that does not hold, or could not be tested."""
        sentences = (
            _failure(attribute, metric, bound)
            for attribute in self.attributes
            for metric, bound in self.bounds.items()
        )
        return tuple(sentence for sentence in sentences if sentence)


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _failure(attribute: AttributeReport, metric: str, bound: float) -> str | None:
    gap = attribute.gap(metric)
    if gap is None or gap.value is None:
        reason = "it was not measured" if gap is None else gap.reason
        return f"{metric} of {attribute.name} has a bound but could not be computed: {reason}"
    side = gap_rule(metric).side
    excess = gap.value - bound if side == "at most" else bound - gap.value
    if excess <= _ROUNDING:
        return None
    where = " and ".join(gap.between)
    within = f"in {where}" if len(gap.between) == 1 else f"between {where}"
    return f"{metric} of {attribute.name} is {gap.value:.4g} {within}; it must be {side} {bound:g}"
