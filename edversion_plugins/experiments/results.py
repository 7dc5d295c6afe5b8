"""What an analysis found: a report that can be written, read and told."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from edversion_plugins.experiments.checks import Check
from edversion_plugins.experiments.estimates import Estimate, Level
from edversion_plugins.experiments.finding import FORMAT
from edversion_plugins.experiments.plan import Plan
from edversion_plugins.experiments.telling import told

__all__ = ["Comparison", "GroupEffect", "Guardrail", "Interaction", "OutcomeReport", "Report"]


@dataclass(frozen=True, slots=True)
class GroupEffect:
    """How far a variant is from the control for one group of learners.

    Attributes
    ----------
    slice : str
        E.g. ``"gender=female"``.
    found : Estimate or None
        The difference; None where it cannot be estimated.
    reason : str or None
        Why it cannot.
    adjusted : float or None
        p by Holm's method over all groups of the report.
    """

    slice: str
    found: Estimate | None
    reason: str | None = None
    adjusted: float | None = None


@dataclass(frozen=True, slots=True)
class Interaction:
    """Whether the effect differs between the groups of an attribute.

    Attributes
    ----------
    attribute : str
        Its name.
    p : float or None
        Of no difference between the groups' effects; None where it was not tested.
    value, se : float or None
        Of two groups, the second's effect less the first's, and its error.
    groups : tuple of str
        The groups that were compared.
    adjusted : float or None
        p by Holm's method over all interactions of the report.
    reason : str or None
        Why it was not tested.
    """

    attribute: str
    p: float | None
    value: float | None = None
    se: float | None = None
    groups: tuple[str, ...] = ()
    adjusted: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Guardrail:
    """Whether a variant is shown to do no more harm than a margin, to all and to each group.

    Attributes
    ----------
    verdict : {"held", "not shown", "harmed"}
        ``held`` where no interval reaches the margin, ``harmed`` where one lies beyond it.
    margin : float or None
        How much worse is allowed; None where none was declared.
    worst : str
        Who has the worst interval: a slice, or ``"all"``.
    message : str
        A sentence.
    """

    verdict: str
    margin: float | None
    worst: str
    message: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A variant and the control, by one outcome.

    Attributes
    ----------
    variant, control : str
        The variants.
    role : {"primary", "secondary"}
        Whether the experiment was registered to be decided by it.
    registered : Estimate or None
        By the estimator that was registered.
    reason : str or None
        Why there is none.
    adjusted : float or None
        p by Holm's method over the variants, where there are several besides the control.
    secondary : tuple of Estimate
        By other estimators.
    sequence : tuple of (float, float, int) or None
        Interval that holds at every look, and the number of units that it is tuned for.
    naive : Estimate or None
        As if clusters had not been assigned.
    how : str
        How the estimator adjusts, in words; may be empty.
    groups, interactions : tuple
        Effects by group, and tests of whether they differ.
    guardrail : Guardrail or None
        Where the outcome is one.
    sentence, warning : str
        In words; `warning` may be empty.
    """

    variant: str
    control: str
    role: str
    registered: Estimate | None
    reason: str | None = None
    adjusted: float | None = None
    secondary: tuple[Estimate, ...] = ()
    sequence: tuple[float, float, int] | None = None
    naive: Estimate | None = None
    how: str = ""
    groups: tuple[GroupEffect, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    guardrail: Guardrail | None = None
    sentence: str = ""
    warning: str = ""


@dataclass(frozen=True, slots=True)
class OutcomeReport:
    """One outcome.

    Attributes
    ----------
    name, kind : str
        As registered.
    unit : str
        What it is of.
    cluster : str or None
        What was assigned as a whole.
    better : {"higher", "lower"}
        Which values are better.
    levels : mapping of str to Level
        By variant.
    slices : mapping of str to mapping of str to Level
        By group and variant; of the groups that are shown.
    comparisons : tuple of Comparison
        One for each variant but the control.
    hidden : int
        Groups that are not shown.
    outliers : mapping or None
        What was done about extreme values.
    """

    name: str
    kind: str
    unit: str
    cluster: str | None
    better: str
    levels: Mapping[str, Level] = field(default_factory=dict)
    slices: Mapping[str, Mapping[str, Level]] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    hidden: int = 0
    outliers: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What an analysis of an experiment found.

    Attributes
    ----------
    plan : Plan
        What was registered.
    units : tuple of int
        Learners assigned to each variant.
    clusters : tuple of int or None
        Clusters likewise.
    checks : tuple of Check
        What must hold.
    outcomes : tuple of OutcomeReport
        The primary one first; empty where a check failed.
    settings : mapping
        Level, draws, seed, least group, outlier policy, version of the code.
    sentences : tuple of str
        In words.
    dataset, version : str or None
        The frozen data and the analysis, where they were recorded.
    """

    plan: Plan
    units: tuple[int, ...]
    clusters: tuple[int, ...] | None
    checks: tuple[Check, ...]
    outcomes: tuple[OutcomeReport, ...]
    settings: Mapping[str, Any]
    sentences: tuple[str, ...] = ()
    dataset: str | None = None
    version: str | None = None

    @property
    def trusted(self) -> bool:
        """Whether all checks passed, so that effects are shown."""
        return all(check.passed for check in self.checks)

    def outcome(self, name: str) -> OutcomeReport:
        """Give an outcome by its name.

        Raises
        ------
        LookupError
            There is none, or effects are hidden.
        """
        for each in self.outcomes:
            if each.name == name:
                return each
        raise LookupError(f"the report shows no outcome {name!r}")

    def as_json(self) -> dict[str, Any]:
        """Give all of it, as JSON."""
        return {
            "edversion": "experiment",
            "format": FORMAT,
            "experiment": self.plan.experiment,
            "plan": _plan(self.plan),
            "units": list(self.units),
            "clusters": None if self.clusters is None else list(self.clusters),
            "trusted": self.trusted,
            "checks": [check.as_json() for check in self.checks],
            "outcomes": [_outcome(each) for each in self.outcomes],
            "settings": dict(self.settings),
            "sentences": list(self.sentences),
            "dataset": self.dataset,
        }

    def html(self, made: datetime | None = None) -> str:
        """Write it as one HTML file that opens offline; needs the extra ``report``.

        Raises
        ------
        ImportError
            Jinja2 or vl-convert is not installed.
        """
        import edversion_plugins.reporting as pages

        _ = pages.html_report  # says what is missing
        from edversion_plugins.experiments.page import report_page

        return report_page(self, made)

    def __str__(self) -> str:
        return "\n".join(told(self))


def _plan(plan: Plan) -> dict[str, Any]:
    known = dataclasses.asdict(plan)
    known["lower"] = sorted(plan.lower)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in known.items()}


def _outcome(report: OutcomeReport) -> dict[str, Any]:
    return {
        "name": report.name,
        "kind": report.kind,
        "better": report.better,
        "levels": {variant: level.metric() for variant, level in report.levels.items()},
        "slices": {
            group: {variant: level.metric() for variant, level in levels.items()}
            for group, levels in report.slices.items()
        },
        "hidden": report.hidden,
        "outliers": None if report.outliers is None else dict(report.outliers),
        "comparisons": [_comparison(each) for each in report.comparisons],
    }


def _comparison(each: Comparison) -> dict[str, Any]:
    known = {
        "variant": each.variant,
        "control": each.control,
        "role": each.role,
        "registered": _estimate(each.registered),
        "reason": each.reason,
        "adjusted": each.adjusted,
        "secondary": [one.as_json() for one in each.secondary],
        "naive": _estimate(each.naive),
        "sequence": None if each.sequence is None else dict(
            zip(("low", "high", "tuned_for"), each.sequence, strict=True)
        ),
        "sentence": each.sentence,
        "warning": each.warning,
        "guardrail": None if each.guardrail is None else dataclasses.asdict(each.guardrail),
    }  # fmt: skip
    known["groups"] = [
        {
            "slice": one.slice,
            "found": _estimate(one.found),
            "reason": one.reason,
            "adjusted": one.adjusted,
        }
        for one in each.groups
    ]
    interactions = [dataclasses.asdict(one) for one in each.interactions]
    known["interactions"] = [{**one, "groups": list(one["groups"])} for one in interactions]
    return known


def _estimate(found: Estimate | None) -> dict[str, Any] | None:
    return None if found is None else found.as_json()
