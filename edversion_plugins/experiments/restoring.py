"""Give the report back of which ``experiment.json`` was written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edversion_plugins.experiments.checks import Check
from edversion_plugins.experiments.estimates import Estimate, Level
from edversion_plugins.experiments.plan import Plan
from edversion_plugins.experiments.results import (
    Comparison,
    GroupEffect,
    Guardrail,
    Interaction,
    OutcomeReport,
    Report,
)
from edversion_plugins.experiments.wording import adjusts

__all__ = ["restored"]

_Json = Mapping[str, Any]


def restored(content: _Json) -> Report:
    """Read a report as `Report.as_json` gives it; nothing is computed.

    Parameters
    ----------
    content : mapping
        What `read_analysis` gave, which looks at the format.

    Returns
    -------
    Report
        Whose `Report.as_json` is equal to `content`.
    """
    plan = _plan(content["plan"])
    clusters = content["clusters"]
    return Report(
        plan=plan,
        units=tuple(content["units"]),
        clusters=None if clusters is None else tuple(clusters),
        checks=tuple(Check(**each) for each in content["checks"]),
        outcomes=tuple(_outcome(each, plan) for each in content["outcomes"]),
        settings=content["settings"],
        sentences=tuple(content["sentences"]),
        dataset=content["dataset"],
    )


def _plan(known: _Json) -> Plan:
    values: dict[str, Any] = {
        key: tuple(each) if isinstance(each, list) else each for key, each in known.items()
    }
    return replace(Plan(**values), lower=frozenset(known["lower"]))


def _outcome(known: _Json, plan: Plan) -> OutcomeReport:
    return OutcomeReport(
        name=known["name"],
        kind=known["kind"],
        unit=plan.unit,
        cluster=plan.cluster,
        better=known["better"],
        levels=_levels(known["levels"]),
        slices={group: _levels(levels) for group, levels in known["slices"].items()},
        comparisons=tuple(map(_comparison, known["comparisons"])),
        hidden=known["hidden"],
        outliers=known["outliers"],
    )


def _levels(known: _Json) -> dict[str, Level]:
    return {variant: Level(**each) for variant, each in known.items()}


def _comparison(known: _Json) -> Comparison:
    found = _estimate(known["registered"])
    guardrail, sequence = known["guardrail"], known["sequence"]
    ends = None if sequence is None else (sequence["low"], sequence["high"], sequence["tuned_for"])
    restored = {
        "registered": found,
        "secondary": tuple(filter(None, map(_estimate, known["secondary"]))),
        "naive": _estimate(known["naive"]),
        "sequence": ends,
        "how": "" if found is None else adjusts(found.method),
        "guardrail": None if guardrail is None else Guardrail(**guardrail),
        "groups": tuple(
            GroupEffect(**{**each, "found": _estimate(each["found"])}) for each in known["groups"]
        ),
        "interactions": tuple(
            Interaction(**{**each, "groups": tuple(each["groups"])})
            for each in known["interactions"]
        ),
    }
    return Comparison(**{**known, **restored})


def _estimate(known: _Json | None) -> Estimate | None:
    if known is None:
        return None
    clusters = known["clusters"]
    restored = {
        "value": _number(known["value"]),
        "se": _number(known["se"]),
        "n": tuple(known["n"]),
        "clusters": None if clusters is None else tuple(clusters),
        "facts": {name: _number(each) for name, each in known["facts"].items()},
    }
    return Estimate(**{**known, **restored})


def _number(value: float | None) -> float:
    """Give a number; JSON has None for one that is not finite."""
    return math.nan if value is None else value
