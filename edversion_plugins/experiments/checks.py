"""What must hold before any difference means something: if it does not, none is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.experiments.balance import ALARM, ratio_mismatch
from edversion_plugins.experiments.estimating import estimable, registered
from edversion_plugins.experiments.observing import Observed
from edversion_plugins.experiments.plan import Plan
from edversion_plugins.experiments.samples import Sample
from edversion_plugins.experiments.wording import several

__all__ = ["Check", "check_all", "check_ratio", "missing"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check, and what it found.

    Attributes
    ----------
    name : str
        ``sample_ratio``, ``exposure_without_assignment``, ``two_variants``, ``served_digest`` or
        ``attrition``.
    passed : bool
        Whether it holds.
    message : str
        A sentence.
    facts : mapping
        The numbers behind it.
    """

    name: str
    passed: bool
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {
            "name": self.name,
            "passed": self.passed,
            "message": self.message,
            "facts": dict(self.facts),
        }


def check_all(plan: Plan, frames: Mapping[str, Any], observed: Observed) -> tuple[Check, ...]:
    """Check the tables of an experiment."""
    return (
        _ratio(plan, frames["assignments"]),
        _unassigned(plan, frames["assignments"], frames["exposures"]),
        _two_variants(plan, frames["assignments"], frames["exposures"]),
        _digests(plan, frames["exposures"]),
        _attrition(plan, observed),
    )


def _ratio(plan: Plan, assignments: Any) -> Check:
    """Count what was assigned: clusters, where these were."""
    first = assignments.drop_duplicates("cluster" if plan.cluster else "unit")
    seen = first["variant"].value_counts()
    counts = [int(seen.get(variant, 0)) for variant in plan.variants]
    return check_ratio(plan.cluster or plan.unit, plan.variants, plan.weights, counts)


def check_ratio(
    what: str, variants: Sequence[str], weights: Sequence[float], counts: Sequence[int]
) -> Check:
    """Check whether variants got as many as their weights say.

    It tells nothing of outcomes, so it may be looked at while the experiment runs; its alarm is
    at so small a p-value that looking often raises few false ones.

    Parameters
    ----------
    what : str
        What was assigned, e.g. ``"learner"``.
    variants, weights, counts : sequence
        The variants, their weights, and how many each has.
    """
    p = ratio_mismatch(counts, weights)
    shares = ":".join(f"{weight:g}" for weight in weights)
    found = ", ".join(
        f"{variant} {count:,}" for variant, count in zip(variants, counts, strict=True)
    )
    said = f"{several(what).capitalize()} assigned: {found}, of weights {shares} (p {p:.2g})"
    passed = p >= ALARM
    rest = "" if passed else (
        "; chance hardly ever gives that. Some are lost or added by something that depends on the "
        "variant, and whoever is left cannot be compared"
    )  # fmt: skip
    facts = {"counted": what, "counts": list(counts), "weights": list(weights), "p": p}
    return Check("sample_ratio", passed, f"{said}{rest}.", facts)


def _unassigned(plan: Plan, assignments: Any, exposures: Any) -> Check:
    strangers = exposures.loc[~exposures["unit"].isin(assignments["unit"]), "unit"].nunique()
    message = f"Every {plan.unit} who was served was assigned."
    if strangers:
        message = f"{_who(plan, strangers)} served without an assignment."
    return Check("exposure_without_assignment", not strangers, message, {"units": int(strangers)})


def _two_variants(plan: Plan, assignments: Any, exposures: Any) -> Check:
    """Find who had two variants; where classes decide, that may happen, and is told."""
    columns = ["unit", "variant"]
    met = _joined(assignments[columns], exposures[columns]).drop_duplicates()
    count = int((met["unit"].value_counts() > 1).sum())
    message = f"Every {plan.unit} had one variant."
    if count:
        message = f"{_who(plan, count)} in two variants."
        if plan.several:
            message += (
                f" They changed {several(plan.cluster or '')}, which the experiment allows; each "
                "counts where she was first."
            )
    facts: dict[str, Any] = {"units": count}
    passed = not count or plan.several
    if plan.cluster is not None:
        by = assignments.drop_duplicates(["cluster", "variant"])["cluster"].value_counts()
        split = facts["clusters"] = int((by > 1).sum())
        if split:  # nothing tells any more which variant such a class was assigned
            passed = False
            what = plan.cluster if split == 1 else several(plan.cluster)
            message += f" {split:,} {what} {'was' if split == 1 else 'were'} in two variants."
    return Check("two_variants", passed, message, facts)


def _joined(one: Any, other: Any) -> Any:
    import pandas as pd

    return pd.concat([one, other], ignore_index=True)


def _digests(plan: Plan, exposures: Any) -> Check:
    pinned = dict(zip(plan.variants, plan.digests, strict=True))
    other = exposures["digest"] != exposures["variant"].map(pinned)
    told = exposures["fallback"].notna() & (exposures["fallback"] != "")
    wrong, fallen = int((other & ~told).sum()), int((other & told).sum())
    message = "Every variant served the version that was pinned for it."
    if wrong:
        message = (
            f"Of {len(exposures):,} exposures {wrong:,} did not show the version that was pinned, "
            "and nothing tells why."
        )
    elif fallen:
        message = (
            f"Of {len(exposures):,} exposures {fallen:,} fell back to another version, for a "
            f"reason that is on record; these {several(plan.unit)} count for the variant that was "
            "meant."
        )
    facts = {"other": wrong, "fallbacks": fallen, "exposures": len(exposures)}
    return Check("served_digest", not wrong, message, facts)


def missing(plan: Plan, observed: Observed, outcome: str) -> tuple[list[float], float]:
    """Give the share of learners of whom an outcome is known, by variant; and p of no difference.

    Of several variants the least p, by Bonferroni.
    """
    known = observed.has(outcome).astype(np.float64)
    sample = Sample.of_means(known, observed.arm, observed.cluster)
    shares = [float(known[observed.arm == arm].mean()) if (observed.arm == arm).any() else 0.0
              for arm in range(len(plan.variants))]  # fmt: skip
    p_values = [
        registered(sample, "proportion", arm, Uncertainty()).p
        for arm in range(1, len(plan.variants))
        if estimable(sample, arm) is None and len({shares[0], shares[arm]}) > 1
    ]
    tested = [p for p in p_values if p is not None]
    return shares, min(1.0, min(tested) * len(tested)) if tested else 1.0


def _attrition(plan: Plan, observed: Observed) -> Check:
    """Compare of how many learners the primary outcome is known, by what was assigned."""
    shares, p = missing(plan, observed, plan.primary)
    found = ", ".join(
        f"{variant} {share:.1%}" for variant, share in zip(plan.variants, shares, strict=True)
    )
    passed = p >= ALARM
    said = f"{plan.primary} is known of: {found} of the {several(plan.unit)} (p {p:.2g})"
    rest = "" if passed else (
        "; who is missing depends on the variant, so that the rest cannot be compared"
    )  # fmt: skip
    return Check("attrition", passed, f"{said}{rest}.", {"shares": shares, "p": p})


def _who(plan: Plan, count: int) -> str:
    return f"1 {plan.unit} was" if count == 1 else f"{count:,} {several(plan.unit)} were"
