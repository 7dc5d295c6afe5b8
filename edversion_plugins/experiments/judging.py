"""Judge a variant by its experiment: whether it won, and whether it did harm; needs no NumPy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["Judged", "judged"]

Judged = tuple[bool, str, dict[str, Any]]
"""Whether it passes, a sentence, and the evidence."""

_Json = Mapping[str, Any]


def judged(content: _Json, reference: str, rule: _Json) -> Iterator[Judged]:
    """Judge a version by the analysis of an experiment.

    While an experiment runs, the interval that holds at every look decides; after its end the
    registered one.

    Parameters
    ----------
    content : mapping
        ``experiment.json``.
    reference : str
        The version.
    rule : mapping
        ``outcome``, ``want``, ``margin`` as the policy has them.
    """
    name = content["experiment"]
    if not content["trusted"]:
        failed = " ".join(each["message"] for each in content["checks"] if not each["passed"])
        yield False, f"{name} tells nothing: {failed}", {}
        return
    variants = _variants_of(content, reference)
    if not variants:
        yield False, f"{reference} was the control of {name}, which is compared with nothing", {}
        return
    outcome = rule.get("outcome") or content["plan"]["primary"]
    running = content["plan"]["state"] == "running"
    for variant in variants:
        each = _comparison(content, outcome, variant)
        if each is None or each["registered"] is None:
            yield False, f"{name} shows nothing of {outcome} under {variant}", {}
            continue
        evidence = _evidence(each, running=running)
        if rule.get("want", "no-harm") == "win":
            yield _won(f"{outcome} under {variant} in {name}", each, evidence, content["plan"])
        else:
            yield from _harmless(content, each, rule, outcome, evidence)


def _variants_of(content: _Json, reference: str) -> list[str]:
    plan = content["plan"]
    named = zip(plan["variants"][1:], plan["references"][1:], strict=True)
    return [variant for variant, served in named if served == reference]


def _comparison(content: _Json, outcome: str, variant: str) -> dict[str, Any] | None:
    for each in content["outcomes"]:
        for found in each["comparisons"]:
            if each["name"] == outcome and found["variant"] == variant:
                return {**found, "better": each["better"]}
    return None


def _evidence(each: _Json, *, running: bool) -> dict[str, Any]:
    found = each["registered"]
    ends = (each["sequence"] or {}) if running else found
    return {
        "value": found["value"],
        "low": ends.get("low"),
        "high": ends.get("high"),
        "n": sum(found["n"]),
        "p": found["p"],
        "method": "always valid" if running else found["method"],
        "role": each["role"],
    }


def _told(what: str, evidence: _Json) -> str:
    ends = f"[{evidence['low']:+.4g}, {evidence['high']:+.4g}]"
    return f"{what} differs from the control by {evidence['value']:+.4g} {ends}"


def _worst(evidence: _Json, better: str) -> float | None:
    low, high = evidence["low"], evidence["high"]
    if low is None or high is None:
        return None
    return float(low if better == "higher" else -high)


def _won(what: str, each: _Json, evidence: dict[str, Any], plan: _Json) -> Judged:
    worst = _worst(evidence, each["better"])
    if worst is None:
        return False, f"{what} has no interval", evidence
    won, rest = worst > 0, "that is no win: all of the interval must be better"
    if won:
        adjusted, count = each["adjusted"], len(plan["variants"]) - 1
        won = adjusted is None or adjusted < plan["alpha"]
        rest = "it won" if won else (
            f"that is no win: of {count} variants one may look like that by chance (p by Holm "
            f"{adjusted:.2g})"
        )  # fmt: skip
    return won, f"{_told(what, evidence)}; {rest}", evidence


def _harmless(
    content: _Json, each: _Json, rule: _Json, outcome: str, evidence: dict[str, Any]
) -> Iterator[Judged]:
    """Judge the outcome by the margin, and every guardrail by its own."""
    variant, name = each["variant"], content["experiment"]
    guards = _guards(content, variant)
    margin = rule.get("margin", _registered_margin(content, guards, outcome))
    what, worst = f"{outcome} under {variant} in {name}", _worst(evidence, each["better"])
    if worst is None:
        yield False, f"{what} has no interval", evidence
    elif worst > 0:
        yield True, f"{_told(what, evidence)}; it won", evidence
    elif margin is None:
        yield False, f"{what}: no margin was registered; give margin = … in the policy", evidence
    else:
        passed = worst > -margin
        rest = (
            f"{margin:g} worse is allowed" if passed else f"less than {margin:g} worse is allowed"
        )
        yield passed, f"{_told(what, evidence)}; {rest}", {**evidence, "margin": margin}
    for guarded, margin in content["plan"]["guardrails"].items():
        guard = guards.get(guarded)
        if guard is None:  # not measured, or of too few learners
            known = {"outcome": guarded, "verdict": "not shown", "margin": margin}
            yield False, f"{name}: nothing is known of the guardrail {guarded}", known
            continue
        known = {"outcome": guarded, "verdict": guard["verdict"], "margin": guard["margin"]}
        yield guard["verdict"] == "held", f"{name}: {guard['message']}", known


def _registered_margin(content: _Json, guards: _Json, outcome: str) -> float | None:
    """Give the margin of a guardrail, else the difference that would matter."""
    own = guards.get(outcome, {}).get("margin")
    known: float | None = content["plan"].get("margins", {}).get(outcome) if own is None else own
    return known


def _guards(content: _Json, variant: str) -> dict[str, _Json]:
    return {
        each["name"]: found["guardrail"]
        for each in content["outcomes"]
        for found in each["comparisons"]
        if found["variant"] == variant and found["guardrail"] is not None
    }
