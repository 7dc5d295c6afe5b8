"""Which versions of a collection a policy lets go, and why each other one stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from edversion.model import Metric, Version
from edversion.reference import LATEST
from edversion.retain.policy import Best, RetentionPolicy

__all__ = ["Decision", "decide"]

Measured = Callable[[str], Sequence[Metric]]
"""Gives the metrics of a key, oldest first."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy says of one version.

    Attributes
    ----------
    version : Version
        Which one.
    goes : bool
        Whether it is to be deleted.
    why : str
        The rule that decides, in words.
    """

    version: Version
    goes: bool
    why: str


def decide(
    versions: Sequence[Version], policy: RetentionPolicy, now: datetime, measured: Measured
) -> tuple[Decision, ...]:
    """Decide about all versions of a collection, newest first.

    Parameters
    ----------
    versions : sequence of Version
        The live ones, newest first.
    policy : RetentionPolicy
        What holds.
    now : datetime
        UTC.
    measured : callable
        Gives the metrics of a key.
    """
    best: dict[str, str] = {}
    for rule in policy.keep_best:
        for reference in _best(versions, rule, measured(rule.metric)):
            best.setdefault(reference, f"one of the best {rule.n} by {rule.metric}")
    newest = {version.reference for version in versions[: policy.keep_last or 0]}
    return tuple(_decision(version, policy, now, best, newest) for version in versions)


def _decision(
    version: Version,
    policy: RetentionPolicy,
    now: datetime,
    best: Mapping[str, str],
    newest: set[str],
) -> Decision:
    age = now - version.created_at
    must = _must_stay(version, policy, age)
    if must is None and policy.ttl is not None and age >= policy.ttl:
        return Decision(version, True, f"older than its ttl of {_days(policy.ttl)}")
    newest_ones = f"one of the last {policy.keep_last}" if version.reference in newest else None
    why = must or newest_ones or best.get(version.reference) or _may_stay(version, policy, age)
    if why is None and policy.selects:
        return Decision(version, True, "no rule keeps it")
    return Decision(version, False, why or "younger than its ttl")


def _must_stay(version: Version, policy: RetentionPolicy, age: timedelta) -> str | None:
    """Say what keeps a version even beyond its ttl."""
    if policy.legal_hold is not None:
        return f"legal hold: {policy.legal_hold}"
    names = [alias for alias in version.aliases if alias != LATEST]
    if names:
        return f"aliases point at it: {', '.join(names)}"
    if version.type in policy.evidence and age < policy.minimum_age:
        return f"evidence younger than {_days(policy.minimum_age)}"
    return None


def _may_stay(version: Version, policy: RetentionPolicy, age: timedelta) -> str | None:
    tags = policy.keep_tagged
    kept = version.tags if tags is True else tuple(t for t in version.tags if tags and t in tags)
    if kept:
        return f"tagged {', '.join(kept)}"
    if policy.keep_younger_than is not None and age < policy.keep_younger_than:
        return f"younger than {_days(policy.keep_younger_than)}"
    return None


def _best(versions: Sequence[Version], rule: Best, metrics: Sequence[Metric]) -> list[str]:
    """Give the versions that a rule keeps: by the newest value of each over all learners."""
    known = {version.reference for version in versions}
    values = {
        metric.version: metric.value
        for metric in metrics
        if metric.version in known
        and metric.slice is None
        and (rule.dataset is None or metric.dataset == rule.dataset)
    }
    ordered = sorted(values, key=lambda one: values[one], reverse=rule.better == "higher")
    return [reference for reference in ordered[: rule.n] if reference is not None]


def _days(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:g} h" if hours < 48 else f"{hours / 24:g} days"
