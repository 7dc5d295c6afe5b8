"""Gates on evaluations: a candidate is no worse than the current version, and fair enough.

In a policy::

    [[gates.noninferiority]]            # paired with the current version, on the same rows
    metric = "tpr"                      # as in a comparison: accuracy, auc, tpr, mae, …
    margin = 0.02                       # the interval may reach so far to the worse side
    groups = ["gender"]                 # also in each group of these attributes
    dataset = "grades:v3"               # every one that both were evaluated on if left out
    split = "test"
    min_n = 200                         # rows that it takes

    [[gates.gap-growth]]                # paired likewise
    gap = "equal_opportunity_difference"
    margin = 0.03                       # the interval of its growth stays below
    groups = ["gender"]                 # every attribute of the evaluation if left out

    [[gates.fairness]]                  # of the candidate's evaluation alone
    gap = "abroca"
    max = 0.05                          # or min, for ratios and worst groups
    bound = "interval"                  # or "value", as where left out
    groups = ["gender"]

The newest evaluation on each dataset and split counts. The engine loads this module as a part of
the plugin, so NumPy is imported where there is something to judge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from edversion import InvalidInputError, NotFoundError, Verdict, Version, hookimpl
from edversion_plugins.evaluation.newest import Key, measured_at, newest_evaluations

if TYPE_CHECKING:
    from edversion import Repository

__all__ = ["edversion_check_promotion", "edversion_gates"]

_Rule = Mapping[str, Any]
_WHERE = {"dataset", "split", "groups", "min_n"}
_KEYS = {
    "noninferiority": {"metric", "margin", *_WHERE},
    "gap-growth": {"gap", "margin", *_WHERE},
    "fairness": {"gap", "min", "max", "bound", *_WHERE},
}
_NEEDED = {
    "noninferiority": {"metric", "margin"},
    "gap-growth": {"gap", "margin"},
    "fairness": {"gap"},
}


@hookimpl
def edversion_gates(policy: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the gates on evaluations, and refuse settings that mean nothing."""
    for gate in _JUDGES:
        _rules(gate, policy.get("gates", {}).get(gate, ()))
    return tuple(_JUDGES)


@hookimpl
def edversion_check_promotion(
    version: Version, current: Version | None, policy: Mapping[str, Any]
) -> list[Verdict]:
    """Judge what a policy asks of evaluations."""
    found: list[Verdict] = []
    for gate, judge in _JUDGES.items():
        for rule in _rules(gate, policy.get("gates", {}).get(gate, ())):
            found += judge(version, current, rule)
    return found


def _rules(gate: str, given: Any) -> Sequence[_Rule]:
    """Give the rules of a gate, checked.

    Raises
    ------
    InvalidInputError
        One has a key that means nothing, lacks one, or has a wrong value.
    """
    if not isinstance(given, list | tuple):
        raise InvalidInputError(f"gates.{gate} must be written as [[gates.{gate}]]")
    for rule in given:
        unknown = set(rule) - _KEYS[gate]
        if unknown:
            raise InvalidInputError(
                f"gates.{gate}: {min(unknown)!r} means nothing; known are: "
                f"{', '.join(sorted(_KEYS[gate]))}"
            )
        lacking = _NEEDED[gate] - set(rule)
        if lacking:
            raise InvalidInputError(f"gates.{gate}: {min(lacking)!r} is missing")
        _check_numbers(gate, rule)
    return given


def _check_numbers(gate: str, rule: _Rule) -> None:
    for key in ("margin", "min", "max", "min_n"):
        value = rule.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise InvalidInputError(f"gates.{gate}: {key} must be a number, not {value!r}")
    if rule.get("margin", 0) < 0:
        raise InvalidInputError(f"gates.{gate}: margin must be 0 or more, not {rule['margin']!r}")
    groups = rule.get("groups", [])
    if not isinstance(groups, list | tuple) or not all(isinstance(each, str) for each in groups):
        raise InvalidInputError(f"gates.{gate}: groups must be a list of attributes")
    if gate == "fairness":
        if "min" not in rule and "max" not in rule:
            raise InvalidInputError("gates.fairness: neither 'min' nor 'max' is given")
        if rule.get("bound", "value") not in ("value", "interval"):
            raise InvalidInputError("gates.fairness: bound must be 'value' or 'interval'")


def _chosen(version: Version, rule: _Rule) -> dict[Key, Version]:
    """Give the newest evaluations of a version, of those on the dataset and split asked for."""
    repository = cast("Repository", version.source)
    found = newest_evaluations(version)
    dataset = rule.get("dataset")
    if dataset is not None:
        dataset = repository.version(dataset, project=version.project).reference
    return {
        key: each
        for key, each in found.items()
        if dataset in (None, key[0]) and rule.get("split") in (None, key[1])
    }


def _where(key: Key) -> str:
    return " ".join(part for part in key if part != "None")


def _paired(gate: str) -> Callable[[Version, Version | None, _Rule], Iterator[Verdict]]:
    """Judge every pair of evaluations of candidate and current version on the same data."""

    def judge(version: Version, current: Version | None, rule: _Rule) -> Iterator[Verdict]:
        name = str(rule.get("metric", rule.get("gap")))
        if current is None:
            yield Verdict(gate, True, f"{name}: no version has the alias yet to compare with")
            return
        try:
            old, new = _chosen(current, rule), _chosen(version, rule)
        except NotFoundError as error:
            yield Verdict(gate, False, f"{name}: {error}")
            return
        both = [key for key in new if key in old]
        if not both:
            lacking = current if new else version
            yield Verdict(
                gate,
                False,
                f"{name}: {version.reference} and {current.reference} have no evaluation on the "
                f"same data; evaluate {lacking.reference} on it",
            )
        from edversion_plugins.evaluation.noninferiority import judge_pair

        for key in both:
            yield from judge_pair(gate, old[key], new[key], rule, _where(key))

    return judge


def _fairness(version: Version, _: Version | None, rule: _Rule) -> Iterator[Verdict]:
    """Judge the gaps that the candidate's evaluations found."""
    gap = str(rule["gap"])
    try:
        found = _chosen(version, rule)
    except NotFoundError as error:
        yield Verdict("fairness", False, f"{gap}: {error}")
        return
    if not found:
        yield Verdict(
            "fairness", False, f"{gap}: {version.reference} has no such evaluation; evaluate it"
        )
    for key, evaluation in found.items():
        yield from _gaps(evaluation, gap, rule, _where(key))


def _gaps(evaluation: Version, gap: str, rule: _Rule, where: str) -> Iterator[Verdict]:
    from edversion_plugins.evaluation.reading import read_content

    attributes = (read_content(evaluation)["fairness"] or {"attributes": {}})["attributes"]
    for name in rule.get("groups") or attributes:
        known = attributes.get(name, {}).get("metrics", {}).get(gap)
        what = f"{gap} of {name} on {where}"
        if known is None:
            yield Verdict("fairness", False, f"{what} was not measured by {evaluation.reference}")
        else:
            yield _bounded(what, known, rule, evaluation)
    if not (rule.get("groups") or attributes):
        yield Verdict("fairness", False, f"{evaluation.reference} knows no groups of learners")


def _bounded(what: str, known: Mapping[str, Any], rule: _Rule, evaluation: Version) -> Verdict:
    evidence = {key: known.get(key) for key in ("value", "low", "high", "n", "between")}
    evidence |= {key: rule[key] for key in ("min", "max", "bound") if key in rule}
    evidence |= {"evaluation": evaluation.reference, "at": measured_at(evaluation).isoformat()}
    low = high = known["value"]
    reach = "it is"
    if known["value"] is None:
        return Verdict("fairness", False, f"{what}: {known.get('reason')}", evidence)
    if rule.get("bound") == "interval":
        low, high, reach = known.get("low"), known.get("high"), "its interval reaches"
        if low is None or high is None:
            return Verdict("fairness", False, f"{what} has no interval", evidence)
    if known["n"] < rule.get("min_n", 0):
        fault = f"it is of {known['n']} rows, and {rule['min_n']} are needed"
    elif low < rule.get("min", -math.inf):
        fault = f"{reach} {low:.4g}, and {rule['min']:g} is the least allowed"
    elif high > rule.get("max", math.inf):
        fault = f"{reach} {high:.4g}, and {rule['max']:g} is the most allowed"
    else:
        return Verdict("fairness", True, f"{what} is {known['value']:.4g}", evidence)
    return Verdict("fairness", False, f"{what}: {fault}", evidence)


_JUDGES: dict[str, Callable[[Version, Version | None, _Rule], Iterator[Verdict]]] = {
    "noninferiority": _paired("noninferiority"),
    "gap-growth": _paired("gap-growth"),
    "fairness": _fairness,
}
