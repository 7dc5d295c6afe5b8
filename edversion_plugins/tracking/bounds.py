"""Whether a version passes the fairness bounds given now, whoever measured it, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import edversion
from edversion_plugins.tracking.scores import finite

if TYPE_CHECKING:
    from edversion_plugins.evaluation import Fairness, FairnessReport

__all__ = ["about", "bounded", "fairness_of", "passes"]

_ROUNDING = 1e-12  # as a report allows: 0.8 − 0.7 is more than 0.1 in a computer
_CROSS = "×"


def about(report: FairnessReport) -> tuple[str, ...]:
    """Give the attributes that a report is about; a later one about the same replaces it."""
    return tuple(each.name for each in report.attributes)


def fairness_of(held: Any, reports: Iterable[FairnessReport]) -> dict[str, Any]:
    """Give reports as one entry of a version's metadata, together with what it says already."""
    found = dict(_mapping(held))
    for report in reports:
        fresh = report.metadata()
        attributes = {**_mapping(found.get("attributes")), **fresh.pop("attributes")}
        found = {**found, **fresh, "attributes": attributes}
    return found


def bounded(fairness: Sequence[Fairness]) -> tuple[Fairness, ...]:
    """Give those that have bounds; without any, nothing can be a candidate."""
    return tuple(each for each in fairness if each.bounds)


def passes(version: edversion.Version, fairness: Sequence[Fairness]) -> bool:
    """Tell whether every bounded value was measured for a version, and lies within its bound.

    Read from the version's metadata: a version of last year is judged by the bounds of today.
    """
    found = _mapping(_mapping(version.metadata.get("fairness")).get("attributes"))
    return all(
        _within(found.get(name), metric, bound)
        for each in fairness
        for name in (*each.attributes, *_crossed(each, found))
        for metric, bound in each.bounds.items()
    )


def _crossed(fairness: Fairness, found: Mapping[str, Any]) -> list[str]:
    """Give the intersections that were measured and that the bounds hold for too."""
    known = set(fairness.attributes)
    names = [name for name in found if name not in known] if fairness.intersections else []
    return [name for name in names if known.issuperset(name.split(_CROSS))]


def _within(attribute: Any, metric: str, bound: float) -> bool:
    from edversion_plugins.evaluation import GAPS

    measured = _mapping(_mapping(_mapping(attribute).get("metrics")).get(metric))
    value = finite(measured.get("value"))
    if value is None:
        return False
    excess = value - bound if GAPS[metric].side == "at most" else bound - value
    return excess <= _ROUNDING


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
