"""Tables of experiments, as a repository gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from edversion_plugins.experiments.plan import Plan

START = datetime(2026, 9, 1, tzinfo=UTC)
DIGESTS = tuple(f"blake3:{letter * 64}" for letter in "abcdef")


def plan(**changes: Any) -> Plan:
    """Give a plan of two variants and two outcomes."""
    known: dict[str, Any] = {
        "experiment": "school/rec-test",
        "state": "stopped",
        "unit": "learner",
        "cluster": None,
        "variants": ("control", "new"),
        "weights": (1.0, 1.0),
        "outcomes": {"completed": "proportion", "minutes": "mean"},
        "primary": "completed",
    }
    known |= changes
    count = len(known["variants"])
    known.setdefault("references", tuple(f"school/rec:v{place}" for place in range(count)))
    return Plan(digests=DIGESTS[:count], **known)


def tables(
    arm: Sequence[int],
    outcomes: Mapping[str, Sequence[float]],
    *,
    names: Sequence[str] = ("control", "new"),
    cluster: Sequence[Any] | None = None,
) -> dict[str, dict[str, list[Any]]]:
    """Give tables in which every learner is assigned, served once and measured."""
    units = [f"p{place:05d}" for place in range(len(arm))]
    clusters = [""] * len(units) if cluster is None else [f"c{code}" for code in cluster]
    variants = [names[place] for place in arm]
    later = START + timedelta(days=7)
    rows = [
        (unit, name, float(value), later)
        for name, values in outcomes.items()
        for unit, value in zip(units, values, strict=True)
        if not np.isnan(value)
    ]
    return {
        "assignments": {
            "unit": units,
            "cluster": clusters,
            "variant": variants,
            "assigned_at": [START] * len(units),
            "rule": ["individual"] * len(units),
        },
        "exposures": {
            "unit": list(units),
            "cluster": list(clusters),
            "variant": list(variants),
            "digest": [DIGESTS[place] for place in arm],
            "at": [START] * len(units),
            "request": [None] * len(units),
            "fallback": [None] * len(units),
        },
        "outcomes": dict(
            zip(("unit", "name", "value", "at"), map(list, zip(*rows, strict=True)), strict=True)
        ),
    }


def completions(pairs: Sequence[tuple[int, int]]) -> tuple[list[int], list[float]]:
    """Give arms and outcomes of learners, of whom so many of so many completed."""
    arm = [place for place, (_, of) in enumerate(pairs) for _ in range(of)]
    did = [float(at < done) for done, of in pairs for at in range(of)]
    return arm, did
