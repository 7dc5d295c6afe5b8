"""Whether a candidate is no worse than the current version: over all learners, and by group.

Not "no difference was found", which little data would always say: the whole interval of the
paired difference must lie on the good side of the margin.

References
----------
G. Piaggio, D. R. Elbourne, S. J. Pocock, S. J. W. Evans, D. G. Altman (2012). Reporting of
Noninferiority and Equivalence Randomized Trials. JAMA 308, 2594–2604.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from edversion import InvalidInputError, Verdict, Version
from edversion_plugins.evaluation import load_evaluation
from edversion_plugins.evaluation.groups import Grouping
from edversion_plugins.evaluation.growth import NotMeasured, gap_growth
from edversion_plugins.evaluation.measures import measure_of
from edversion_plugins.evaluation.newest import measured_at
from edversion_plugins.evaluation.paired import PairedDifference, difference_of
from edversion_plugins.evaluation.paired_groups import shown_groups
from edversion_plugins.evaluation.pairing import Joined, NotPaired, join, taken

__all__ = ["judge_pair"]

_Rule = Mapping[str, Any]


def judge_pair(gate: str, old: Version, new: Version, rule: _Rule, where: str) -> Iterator[Verdict]:
    """Judge a rule by the evaluations of the current version and of the candidate.

    Parameters
    ----------
    gate : {"noninferiority", "gap-growth"}
        What is judged.
    old, new : Version
        The evaluations.
    rule : mapping
        As the policy has it.
    where : str
        Dataset and split, for the messages.
    """
    name = str(rule.get("metric", rule.get("gap")))
    at = {
        "evaluations": [old.reference, new.reference],
        "margin": rule["margin"],
        "at": min(measured_at(old), measured_at(new)).isoformat(),
    }
    try:
        joined = join(load_evaluation(old), load_evaluation(new))
        if joined.units.count < joined.min_group:
            raise NotPaired(f"fewer than {joined.min_group} learners are in both evaluations")
        if joined.size < rule.get("min_n", 0):
            raise NotPaired(f"{joined.size} rows are in both, and {rule['min_n']} are needed")
    except NotPaired as why:
        yield Verdict(gate, False, f"{name} on {where} cannot be compared: {why}", at)
        return
    judge = _differences if gate == "noninferiority" else _growths
    for verdict in judge(joined, rule, where):
        yield Verdict(gate, verdict.passed, verdict.message, {**verdict.evidence, **at})


def _differences(joined: Joined, rule: _Rule, where: str) -> Iterator[Verdict]:
    metric = rule["metric"]
    known = measure_of(metric)
    if known is None or known.better is None:
        raise InvalidInputError(f"gates.noninferiority: no values of {metric!r} are better")
    sign = 1 if known.better == "higher" else -1
    yield _of_rows(joined, metric, sign, rule["margin"], f"{metric} on {where}")
    for grouping in _groupings(joined, rule.get("groups", ())):
        for place, label in enumerate(grouping.labels):
            rows = np.flatnonzero(grouping.codes == place + 1)
            what = f"{metric} of {grouping.name}={label} on {where}"
            yield _of_rows(taken(joined, rows), metric, sign, rule["margin"], what)


def _of_rows(joined: Joined, metric: str, sign: int, margin: float, what: str) -> Verdict:
    """Judge a metric over some rows: `sign` is 1 where higher values are better."""
    found = difference_of(joined, metric)
    if found is None:
        return Verdict("", False, f"{what} is not measured by both evaluations")
    low, high = _interval(found, joined)
    evidence = {
        "value": found.value,
        "low": low,
        "high": high,
        "n": found.n,
        "old": found.old,
        "new": found.new,
        "method": found.method,
    }
    if low is None or high is None:
        return Verdict("", False, f"{what}: the rows tell no interval of the change", evidence)
    worst = low if sign > 0 else -high
    change = f"{what} changes by {found.value:+.4g} [{low:+.4g}, {high:+.4g}]"
    if worst > -margin or worst == margin == 0:
        return Verdict("", True, f"{change}; {margin:g} worse is allowed", evidence)
    return Verdict("", False, f"{change}; less than {margin:g} worse is allowed", evidence)


def _interval(found: PairedDifference, joined: Joined) -> tuple[float | None, float | None]:
    """Give the interval; where both models say the same of every row, no change is certain."""
    if found.low is None and found.value == 0 and _alike(joined):
        return 0.0, 0.0
    return found.low, found.high


def _alike(joined: Joined) -> bool:
    old, new = joined.old, joined.new
    columns = [(old.predicted, new.predicted), (old.score, new.score)]
    columns += [(each, new.values[name]) for name, each in old.values.items()]
    return all(_same(*pair) for pair in columns)


def _same(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return bool(np.array_equal(one, other))


def _growths(joined: Joined, rule: _Rule, where: str) -> Iterator[Verdict]:
    gap, margin = rule["gap"], rule["margin"]
    for grouping in _groupings(joined, rule.get("groups") or tuple(joined.groups)):
        what = f"{gap} of {grouping.name} on {where}"
        try:
            found = gap_growth(joined, gap, grouping)
        except NotMeasured as why:
            yield Verdict("", False, f"{what}: {why}")
            continue
        evidence = {
            "value": found.value,
            "low": found.low,
            "high": found.high,
            "n": found.n,
            "old": found.old,
            "new": found.new,
            "groups": list(grouping.labels),
            "method": "bootstrap of both models and all pairs of groups at once",
        }
        if found.low is None or found.high is None:
            yield Verdict("", False, f"{what}: the rows tell no interval of its growth", evidence)
            continue
        passed = found.high < margin or found.high == margin == 0
        change = f"{what} grows by {found.value:+.4g} [{found.low:+.4g}, {found.high:+.4g}]"
        yield Verdict("", passed, f"{change}; less than {margin:g} is allowed", evidence)
    if not joined.groups:
        yield Verdict("", False, f"{gap} on {where}: the evaluations know no groups of learners")


def _groupings(joined: Joined, names: Sequence[str]) -> Iterator[Grouping]:
    """Give the groups of the attributes named that may be shown.

    Raises
    ------
    InvalidInputError
        The evaluations have no such attribute.
    """
    known = {grouping.name: grouping for grouping in shown_groups(joined)[0]}
    for name in names:
        if name not in known:
            raise InvalidInputError(
                f"the evaluations have no attribute {name!r}; they have: "
                f"{', '.join(known) or 'none'}"
            )
        yield known[name]
