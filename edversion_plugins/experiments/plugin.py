"""What the engine asks of experiments: to judge them, to compare, and whether to promote.

In a policy::

    [[gates.experiment]]
    name = "rec-test"                   # an experiment that served the candidate
    want = "win"                        # or "no-harm", as where left out
    outcome = "completed"               # the primary one if left out
    margin = 0.02                       # no-harm: of the outcome; as registered if left out

``win``: the whole interval of the difference is better than the control. ``no-harm``: it does not
reach the margin, and every guardrail of the experiment holds, in every group of learners that is
shown. An experiment that is missing, or of which a check failed, refuses.

The engine loads this module also to list commands: what computes is imported where it is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edversion import InvalidInputError, Section, Verdict, Version, hookimpl
from edversion_plugins.experiments.finding import measured_at, newest, read_analysis
from edversion_plugins.experiments.judging import judged

if TYPE_CHECKING:
    from edversion import Experiment
    from edversion_plugins.experiments.results import Report

__all__ = [
    "edversion_analyze_experiment",
    "edversion_check_promotion",
    "edversion_compare",
    "edversion_gates",
]

_GATE = "experiment"
_KEYS = {"name", "want", "outcome", "margin", "min_n"}
_WANTS = ("no-harm", "win")
_KINDS = ("text", "text", "text", "number", "number", "number", "number", "number", "text")


@hookimpl
def edversion_analyze_experiment(
    experiment: Experiment, learners: Mapping[str, list[Any]] | None
) -> Report:
    """Judge an experiment, and keep the answer; see `edversion_plugins.experiments.analyze`."""
    from edversion_plugins.experiments import analyze

    return analyze(experiment, learners=learners)


@hookimpl
def edversion_gates(policy: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the gate, and refuse settings that mean nothing."""
    _rules(policy)
    return (_GATE,)


@hookimpl
def edversion_check_promotion(version: Version, policy: Mapping[str, Any]) -> list[Verdict]:
    """Judge what a policy asks of experiments."""
    return [verdict for rule in _rules(policy) for verdict in _verdicts(version, rule)]


def _verdicts(version: Version, rule: Mapping[str, Any]) -> Iterator[Verdict]:
    name = rule["name"] if "/" in rule["name"] else f"{version.project}/{rule['name']}"
    analysis = newest(version, name).get(name)
    if analysis is None:
        yield Verdict(
            _GATE, False, f"no analysis of {name} is of {version.reference}; run it, then "
            f"'edversion experiments analyze {rule['name']}'",
        )  # fmt: skip
        return
    at = {"evaluation": analysis.reference, "at": measured_at(analysis).isoformat()}
    for passed, message, evidence in judged(read_analysis(analysis), version.reference, rule):
        known = evidence | at
        if evidence.get("n", math.inf) < rule.get("min_n", 0):
            fault = f"{message}; it is of {evidence['n']} learners, {rule['min_n']} are needed"
            yield Verdict(_GATE, False, fault, known)
        else:
            yield Verdict(_GATE, passed, message, known)


def _rules(policy: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Give the rules of the gate, checked.

    Raises
    ------
    InvalidInputError
        One has a key that means nothing, or a wrong value.
    """
    given = policy.get("gates", {}).get(_GATE, ())
    if not isinstance(given, list | tuple):
        raise InvalidInputError(f"gates.{_GATE} must be written as [[gates.{_GATE}]]")
    for rule in given:
        unknown = set(rule) - _KEYS
        if unknown:
            raise _fault(f"{min(unknown)!r} means nothing; known are: {', '.join(sorted(_KEYS))}")
        if not isinstance(rule.get("name"), str) or not rule["name"]:
            raise _fault("'name' is missing: which experiment")
        if rule.get("want", _WANTS[0]) not in _WANTS:
            raise _fault(f"want must be 'win' or 'no-harm', not {rule['want']!r}")
        for key in ("margin", "min_n"):
            value = rule.get(key, 0)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
                raise _fault(f"{key} must be a number, 0 or more, not {value!r}")
    return given


def _fault(text: str) -> InvalidInputError:
    return InvalidInputError(f"gates.{_GATE}: {text}")


@hookimpl
def edversion_compare(versions: Sequence[Version]) -> Section | None:
    """Show what experiments found between the versions; None where none served them."""
    found = {each: None for version in versions for each in newest(version).values()}
    rows = [row for analysis in found for row in _rows(read_analysis(analysis), versions)]
    if not rows:
        return None
    said = [sentence for *_, sentence in rows if sentence]
    return Section(
        "Experiments",
        ("experiment", "outcome", "compared", "difference", "from", "to", "p", "n", "estimator"),
        tuple(row[:-1] for row in rows),
        " ".join(said),
        "experiments",
        _KINDS,  # type: ignore[arg-type]
    )


def _rows(content: Mapping[str, Any], versions: Sequence[Version]) -> Iterator[tuple[Any, ...]]:
    """Give the differences between variants whose versions are compared."""
    plan, shown = content["plan"], {version.reference for version in versions}
    served = dict(zip(plan["variants"], plan["references"], strict=True))
    if not content["trusted"]:
        failed = " ".join(each["message"] for each in content["checks"] if not each["passed"])
        why = "a check failed, so that no effect is shown"
        yield (content["experiment"], plan["primary"], why, *[None] * 5, "",
               f"{content['experiment']}: {failed}")  # fmt: skip
    for outcome in content["outcomes"]:
        for each in outcome["comparisons"]:
            known = each["registered"]
            if known is not None and {served[each["variant"]], served[each["control"]]} <= shown:
                yield (
                    content["experiment"], f"{outcome['name']} ({each['role']})",
                    f"{each['variant']} less {each['control']}", known["value"], known["low"],
                    known["high"], known["p"], sum(known["n"]), known["method"], each["sentence"],
                )  # fmt: skip
