"""What was registered of an experiment, in sentences and as a table."""

from __future__ import annotations

from collections.abc import Iterator

import edversion
from edversion_plugins.dashboard.rendering import moment
from edversion_plugins.experiments.wording import several
from edversion_plugins.reporting.tables import Table, table
from edversion_plugins.reporting.words import listed, number

__all__ = ["registration", "told"]

_NEVER = ("put away", "a draft")


def told(known: edversion.ExperimentDefinition) -> Iterator[str]:
    """Say what an experiment compares, since when, on whom, and by what it is decided."""
    others = listed([f"{name} ({known.variants[name].reference})" for name in known.variants][1:])
    control = f"{known.control} ({known.variants[known.control].reference})"
    yield f"The experiment compares {others} with {control}."
    part = f"{known.ramp:.0%} of {several(known.cluster or known.unit)} take part"
    if known.started_at is None:
        how = _NEVER[known.state == "draft"]
        yield f"It is {how}: it was never started, and nobody takes part."
    elif known.stopped_at is None:
        yield f"It runs since {moment(known.started_at)}; {part}."
    else:
        yield (
            f"It ran from {moment(known.started_at)} to {moment(known.stopped_at)}; {part}. "
            f"Since then everybody is served {known.control}."
        )
    which = "lower" if known.primary in known.lower_is_better else "higher"
    yield f"It is decided by {known.primary}, of which {which} is better.{_guards(known)}"


def _guards(known: edversion.ExperimentDefinition) -> str:
    if not known.guardrails:
        return ""
    told = []
    for name, own in known.guardrails.items():
        margin = known.margins.get(name) if own is None else own
        told.append(name if margin is None else f"{name} (by more than {number(margin)})")
    return f" Nothing may get worse in {listed(told)}."


def registration(known: edversion.ExperimentDefinition) -> Table:
    """Give all that was registered."""
    rows = {
        "assigned": known.cluster or known.unit,
        "outcomes": ", ".join(f"{name}: {kind}" for name, kind in known.outcomes.items()),
        "decided by": known.primary,
        "lower is better of": ", ".join(known.lower_is_better),
        "groups": ", ".join(known.groups),
        "adjusted for": ", ".join(known.covariates),
        "level of the tests": f"{known.alpha:g}",
        "asked for": ", ".join(f"{name}: {text}" for name, text in known.asked.items()),
        "defined by": f"{known.created_by}, {moment(known.created_at)}"
        if known.created_at else known.created_by,
    }  # fmt: skip
    shown = [(name, value) for name, value in rows.items() if value]
    return table("How it was registered", [("setting", "text"), ("value", "text")], shown)
